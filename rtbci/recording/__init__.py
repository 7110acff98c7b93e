"""What a session leaves behind: the XDF writer, the recorder, the session folder, and recovery after a crash."""
