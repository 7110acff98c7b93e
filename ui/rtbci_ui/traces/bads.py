"""Which channels are shown as bad: what the session says, and what was clicked here until the session says it too."""

from __future__ import annotations

from collections.abc import Collection


class BadChannels:
    """A click counts at once; it is forgotten when the session changes its mind about that channel, or by `forget`."""

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()
        self._clicked: dict[str, bool] = {}

    def click(self, name: str, bad: bool) -> None:
        """Somebody marked ``name`` here."""
        self._clicked[name] = bad

    def hear(self, known: Collection[str]) -> frozenset[str]:
        """The session says that ``known`` are bad; what is to be shown."""
        for name in self._known ^ frozenset(known):
            self._clicked.pop(name, None)
        self._known = frozenset(known)
        marked = {name for name, bad in self._clicked.items() if bad}
        return (self._known | marked) - {name for name, bad in self._clicked.items() if not bad}

    def forget(self, name: str) -> None:
        """What was clicked was refused."""
        self._clicked.pop(name, None)
