"""Whether a session is well: where the age of decisions comes from, what is lost, what the machine has left."""
