"""What is seen: embeddings of pictures that need no network and no download, and ridge regression to embeddings.

::

    square -> lab -> colour, gradients, texture -> space
                        |  over cells  |

    window -> ridge_embed -> embedding -> nearest class

Each module is one step; `statistics` joins the first five to an embedder.
"""

from rtbci_vision.ridge_embed import RidgeEmbed
from rtbci_vision.statistics import PictureStatistics

__all__ = ["PictureStatistics", "RidgeEmbed"]
