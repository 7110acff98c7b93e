"""Keeps liblsl's own log off the terminal: warnings and errors stay, greetings go.

liblsl reads one configuration file and greets on stderr. Its content is handed over with a log level added, unless the
user has set one; everything else in it holds as before.
"""

from __future__ import annotations

import os
from pathlib import Path

LEVEL = -1
"""liblsl's scale: 0 is information, -1 warnings, -2 errors, -3 only what is fatal."""


def config_text() -> str:
    """Return the configuration that liblsl would read, or nothing where there is none; its order of search is liblsl's."""
    named = os.environ.get("LSLAPICFG")
    places = [Path(named)] if named else []
    places += [Path("lsl_api.cfg"), Path.home() / "lsl_api" / "lsl_api.cfg", Path("/etc/lsl_api/lsl_api.cfg")]
    for place in places:
        try:
            return place.read_text()
        except OSError:
            continue
    return ""


def quieten() -> None:
    """Lower liblsl's log level; must come before anything else is asked of pylsl."""
    import pylsl

    text = config_text()
    if "[log]" not in text.replace(" ", "").lower():
        pylsl.set_config_content(f"{text}\n[log]\nlevel = {LEVEL}\n")
