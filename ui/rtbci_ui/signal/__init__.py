"""What the signal looks like now: spectra, band power over the head, evoked responses, and how good each channel is.

Models without Qt read the ring in small steps (`spectra`, `spectrogram`, `evoked`, `quality`); views draw them a few times a
second; `panel.SignalPanel` holds them together.
"""
