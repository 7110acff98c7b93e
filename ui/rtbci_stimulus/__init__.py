"""Cued paradigms on a screen: a process of its own, so that no painting of the window and no decoder can delay a stimulus.

::

    settings ──► paradigms ──► Schedule: what is on the screen at each frame, and which markers belong to it
                                  │
    screen (Qt: OpenGL, or raster where there is none)
      paint frame ─► swap ─► stamp ─► Runner.swapped(time): markers out, dropped frames counted, next frame chosen

`scene`, `schedule`, `paradigms`, `timing`, `runner` and `log` know neither Qt nor LSL and are run whole by tests with
`clock.FakeClock`; `painter`, `pictures` and `screen` know Qt, `markers` knows LSL, and `app` puts them together.
"""
