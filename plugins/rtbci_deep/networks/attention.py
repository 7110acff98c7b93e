"""Self-attention with the head size and the scale as each publication has them, which is not as PyTorch has them."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class SelfAttention(nn.Module):
    """Every token looks at every token: (batch, n_tokens, d_model) to the same.

    ``softmax(scale q k') v`` for each head, with q, k and v (batch, n_heads, n_tokens, head_size) linear in the tokens; what
    the heads say, side by side, is mapped back to ``d_model``. ``n_heads * head_size`` may be less than ``d_model``.

    Source: Vaswani et al. 2017, section 3.2.

    Parameters
    ----------
    d_model, n_heads, head_size : values of a token, heads, values of a head.
    scale : of the logits.
    drop_prob : of attention weights, in training.
    """

    def __init__(self, d_model: int, n_heads: int, head_size: int, *, scale: float, drop_prob: float) -> None:
        super().__init__()
        self.n_heads, self.scale, self.drop_prob = n_heads, scale, drop_prob
        self.queries = nn.Linear(d_model, n_heads * head_size)
        self.keys = nn.Linear(d_model, n_heads * head_size)
        self.values = nn.Linear(d_model, n_heads * head_size)
        self.projection = nn.Linear(n_heads * head_size, d_model)

    def forward(self, tokens: Tensor) -> Tensor:
        """What each of ``tokens`` (batch, n_tokens, d_model) gathered, of the same shape."""
        q, k, v = (
            layer(tokens).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for layer in (self.queries, self.keys, self.values)
        )
        drop = self.drop_prob if self.training else 0.0
        gathered = functional.scaled_dot_product_attention(q, k, v, dropout_p=drop, scale=self.scale)
        out: Tensor = self.projection(gathered.transpose(1, 2).flatten(-2))
        return out
