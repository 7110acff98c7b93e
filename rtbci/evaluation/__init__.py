"""Evaluation: decoders trained on the past, replayed through the live pipeline, and counted so that it can be believed.

::

    --recording ... -> catalogue -> splits -> tasks -> schedule (processes, Dask) -> outcomes -> scores -> report
                       who, when    folds     one decoder, one fold: train, controls, replay
"""
