"""Where samples come from: live streams, recordings, a simulated subject, the ring of a running session."""
