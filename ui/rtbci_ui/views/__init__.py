"""What is on the screen; a view takes what it looks at in its constructor and looks again at every ``refresh()``."""
