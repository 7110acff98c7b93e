"""Calibrate: from the paradigm to a trained decoder to live."""
