"""The bar of a replay: where it is, how fast it goes, what goes wrong on purpose."""
