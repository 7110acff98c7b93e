"""Every Numba function of the engine, and the only place that imports Numba."""
