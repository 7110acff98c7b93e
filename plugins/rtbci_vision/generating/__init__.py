"""A small generator of pictures from embeddings, trained on a bank: for those who have neither a GPU nor a network.

::

    bank -> pictures (thumbnails, squared) --altered--> more pairs of embedding and picture
                     |                                        |
                     +-- held out ----+                       v
                                      +--> judging <-- lesson (network, noise on the embeddings) -> folder

`rtbci_vision.generator` is the renderer that draws with what lies in the folder.
"""
