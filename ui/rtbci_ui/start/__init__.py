"""The start screen: choose experiment and model, see the streams, see that all fits, start."""
