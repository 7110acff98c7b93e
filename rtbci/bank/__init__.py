"""Banks: pictures (or captions, sounds) with embeddings and the name of their space, for decoding what is seen.

::

    BANK/
      bank.json             what it is: kind, space, embedder with its arguments, where it came from, what was left out
      items.csv             id, class, file, caption, width, height, sha256, one row an item
      embeddings.npy        (n_items, n_dims) float16, each of length 1; read as it lies on disk
      thumbnails.bin        pictures alone: small JPEGs, one behind the other
      thumbnails.npy        (n_items + 1,) int64: where each begins
      embedder.safetensors  what the embedder learnt from this bank, where its space is learnt

A folder appears by rename, so there is no half a bank. A retrieval is a classification over its items.
"""

from rtbci.bank.bank import Bank

__all__ = ["Bank"]
