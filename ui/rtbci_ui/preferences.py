"""What the application remembers between sessions: layout, theme, recent experiments.

It lies in the user's configuration folder (``~/.config/rtbci/rtbci.ini`` on Linux), or in the file that the environment
variable ``RTBCI_SETTINGS`` names. A file that cannot be written costs the memory, nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSettings

RECENT = 12
"""Experiments that the start screen offers again."""


class Preferences:
    """Reads and writes the settings file; every value has a default."""

    def __init__(self, path: Path | None = None) -> None:
        named = path or (Path(os.environ["RTBCI_SETTINGS"]) if os.environ.get("RTBCI_SETTINGS") else None)
        ini, user = QSettings.Format.IniFormat, QSettings.Scope.UserScope
        self._settings = QSettings(str(named), ini) if named is not None else QSettings(ini, user, "rtbci", "rtbci")

    @property
    def theme(self) -> str:
        """The theme that was chosen last: "dark" or "light"."""
        return "light" if self._settings.value("theme") == "light" else "dark"

    @theme.setter
    def theme(self, name: str) -> None:
        self._settings.setValue("theme", name)

    def layout(self, name: str) -> QByteArray | None:
        """A layout that was kept under ``name``, as Qt saved it, or None."""
        value = self._settings.value(f"layout/{name}")
        return value if isinstance(value, QByteArray) and not value.isEmpty() else None

    def keep_layout(self, name: str, value: QByteArray) -> None:
        """Keep a layout under ``name``."""
        self._settings.setValue(f"layout/{name}", value)

    def shown(self, panel: str) -> dict[str, Any]:
        """How ``panel`` showed things when it was last closed, as it told; empty where nothing (legible) was kept."""
        try:
            value = json.loads(str(self._settings.value(f"shown/{panel}", "{}")))
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def keep_shown(self, panel: str, value: Mapping[str, Any]) -> None:
        """Keep how ``panel`` shows things, in JSON's types."""
        self._settings.setValue(f"shown/{panel}", json.dumps(dict(value)))

    def forget_layouts(self) -> None:
        """Begin with the default layout again."""
        self._settings.remove("layout")

    @property
    def recent(self) -> list[Path]:
        """Experiments that were opened, newest first; those that are gone are left out."""
        value = self._settings.value("recent")
        names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        return [Path(name) for name in names if Path(name).is_file()]

    def remember(self, experiment: Path) -> None:
        """Put ``experiment`` at the head of the recent ones."""
        path = experiment.resolve()
        kept = [path, *(other for other in self.recent if other != path)][:RECENT]
        self._settings.setValue("recent", [str(other) for other in kept])

    def save(self) -> None:
        """Write now; otherwise Qt does it when it finds the time."""
        self._settings.sync()
