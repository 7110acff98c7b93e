"""What reconstructed pictures are worth: pairs of what was shown and what was reconstructed, and the field's measures.

::

    pairs ---> pixels ------------------------> measure --> value, N, chance, or why not computed
          \\--> maps --> features (N, d) ------/

`pairs` finds and reads the pictures, `pixels` compares two of them, `maps` asks networks of plugins for features, `features`
compares those of all pictures, and `measure` knows which metric is which. Definitions are those of MindEye (Scotti et al.
2023, ``Reconstruction_Metrics.py``), which later work took over.
"""

from rtbci.image_metrics.measure import METRICS, Measured, Metric, measure, metrics_there
from rtbci.image_metrics.pairs import Pair, Pairing, pair_up

__all__ = ["METRICS", "Measured", "Metric", "Pair", "Pairing", "measure", "metrics_there", "pair_up"]
