"""Weights that other groups published, copied into rtbci's networks: NICE, ATM-S and Neuro-GPT.

::

    report = load_published("pytorch_model.bin", network)    # recognises by itself what the file holds
    report.raise_if_empty()
    print(report.as_text())
"""

from rtbci_deep.published.loading import load_published
from rtbci_deep.published.report import ImportReport, WrongShape

__all__ = ["ImportReport", "WrongShape", "load_published"]
