"""Pretrained generators of pictures (diffusers, the extra "generate"), conditioned on embeddings of a bank.

::

    embedding -> glide -> prior -> image embedding of the pipeline -> steps, go_on asked after each -> picture
                            ^
          the bank's thumbnails, through the pipeline's own image encoder

`rtbci_vision.diffusion_renderers` are the renderers; `rtbci_vision.signal_renderer` is one that is given the signal.
"""
