"""Neural networks for EEG and MEG in PyTorch, and importers of published weights."""
