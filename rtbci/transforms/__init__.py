"""Causal steps between a source and the windows; each keeps its own state and is the same however samples are chunked."""
