"""ATM-S: channels look at each other and at whose brain it is, then NICE's convolutions."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtbci_deep.networks.arguments import require_positive, require_probability
from rtbci_deep.networks.attention import SelfAttention
from rtbci_deep.networks.subjects import SubjectValues
from rtbci_deep.networks.tsconv import Projection, TSConv


class ATMS(nn.Module):
    """One token for each channel and one for the subject through a transformer layer; then `TSConv` and `Projection`.

    Shapes, for C channels and T samples (values for T = 250)::

        (batch, C, T)
        tokens        linear along time                              (batch, C, T)
        the subject's token in front; dropout                        (batch, 1 + C, T)
        attention     4 heads of T // 4 = 62; dropout, x + , norm
        feed forward  T to 256, GELU, dropout, to T; dropout, x + , norm
        norm                                                         (batch, 1 + C, T)
        the subject's token leaves; no channel does                  (batch, C, T)
        encoder, projection                                          (batch, n_outputs)

    Of the parameters, the encoder has 103 680 (63 channels), the projection 2 527 232 (1024 outputs) and the rest 444 500
    (10 subjects). What the published class declares and never uses is not made.

    The published logits are ``ln(1 / .07)`` (not its exponential) times <z, y / |y|>.

    Source: Li et al., NeurIPS 2024; dongyangli-del/EEG_Image_decode, Retrieval/ATMS_retrieval.py.

    Parameters
    ----------
    n_chans, n_times, n_outputs : channels and samples of a window; length of an image embedding.
    sfreq : Hz; taps and pools are in samples, so it changes nothing.
    n_subjects : persons with a token of their own.
    n_heads, hidden : of the transformer layer.
    drop_prob : of the transformer layer; the encoder's and the projection's are .5, as published.
    unknown : probability, in training, that a person is taken for a stranger (so that the stranger's token is trained).
    keep_subject_token : hand the encoder the first C tokens, the subject's and all channels but the last. So did the
        public code at 22c84ad, by mistake; weights that were trained with it need it.

    Raises
    ------
    ValueError
        A window too short for filter and pool, more heads than samples, or an argument out of its range.
    """

    LOCAL: ClassVar[tuple[str, ...]] = ("subjects.known", "encoder.spatial.")
    USES: ClassVar[frozenset[str]] = frozenset({"subject"})
    SOURCE: ClassVar[str] = "Li et al., Visual decoding and reconstruction via EEG embeddings, NeurIPS 2024"

    def __init__(
        self,
        n_chans: int,
        n_times: int,
        n_outputs: int,
        sfreq: float,
        *,
        n_subjects: int = 10,
        n_heads: int = 4,
        hidden: int = 256,
        drop_prob: float = 0.25,
        unknown: float = 0.1,
        keep_subject_token: bool = False,
    ) -> None:
        super().__init__()
        require_positive(n_chans=n_chans, n_times=n_times, n_outputs=n_outputs, sfreq=sfreq)
        require_positive(n_heads=n_heads, hidden=hidden)
        require_probability(drop_prob=drop_prob)
        self.encoder = TSConv(n_chans, n_times)
        if n_heads > n_times:
            raise ValueError(f"n_heads = {n_heads} for tokens of {n_times} samples; at most {n_times} would be right")
        self.n_chans, self.n_heads, self.keep_subject_token = n_chans, n_heads, keep_subject_token
        self.projection = Projection(self.encoder.n_features, n_outputs)
        self.tokens = nn.Linear(n_times, n_times)
        self.subjects = SubjectValues(n_subjects, (n_times,), unknown=unknown)
        head_size = n_times // n_heads
        self.attention = SelfAttention(n_times, n_heads, head_size, scale=head_size**-0.5, drop_prob=drop_prob)
        self.attention_norm = nn.LayerNorm(n_times)
        self.expand = nn.Linear(n_times, hidden)
        self.contract = nn.Linear(hidden, n_times)
        self.feed_norm = nn.LayerNorm(n_times)
        self.norm = nn.LayerNorm(n_times)
        self.drop = nn.Dropout(drop_prob)

    def forward(self, x: Tensor, *, subject: Tensor | None = None) -> Tensor:
        """Embeddings (batch, n_outputs) of windows x (batch, n_chans, n_times).

        ``subject`` (batch,) int64: 0 to n_subjects - 1; ``n_subjects``, or None for all, is a stranger.
        """
        whose = self.subjects(subject, x.shape[0])
        t = self.drop(torch.cat([whose[:, None], self.tokens(x)], dim=1))
        t = self.attention_norm(t + self.drop(self.attention(t)))
        t = self.feed_norm(t + self.drop(self.contract(self.drop(functional.gelu(self.expand(t))))))
        t = self.norm(t)
        t = t[:, : self.n_chans] if self.keep_subject_token else t[:, 1:]
        embedding: Tensor = self.projection(self.encoder(t))
        return embedding
