"""What the participant sees of the decisions: models without Qt, and a window of their own."""
