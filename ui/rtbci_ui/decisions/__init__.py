"""What decoders decide, over minutes and trials: models without Qt, and the panel that shows them."""
