"""Pictures decoded and scaled before they are due, by a thread that looks ahead in the schedule."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

from rtbci.bank.reading import Unreadable, picture
from rtbci.errors import BankError

KEPT_BYTES = 1 << 30
"""Pixels that are kept, at 4 bytes each: 900 pictures of 540 x 540, so most sets are loaded before the start."""
_FEWEST = 8


def decode(raw: bytes, side: int) -> QImage:
    """The picture in ``raw``, its shape kept, within ``side`` x ``side`` pixels. Raises `rtbci.bank.reading.Unreadable`."""
    pixels = np.ascontiguousarray(picture(raw).content)
    height, width = pixels.shape[:2]
    image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    # both make a copy, so the array may go
    return image.scaled(side, side, keep, smooth).convertToFormat(QImage.Format.Format_RGB32)


class Pictures:
    """Decoded pictures in the ``order`` in which they are shown, within ``side`` x ``side`` pixels.

    ``read`` gives the bytes of a picture. ``late`` counts pictures that were not there in time and were decoded while the
    screen waited; ``failure`` says what could not be read.
    """

    def __init__(
        self, read: Callable[[str], bytes], order: Sequence[str], side: int, kept_bytes: int = KEPT_BYTES
    ) -> None:
        self.late = 0
        self.failure = ""
        self._read, self._order, self._side = read, order, side
        self._ahead = max(_FEWEST, kept_bytes // (4 * side * side))
        self._at = 0
        self._ready: dict[str, QImage] = {}
        self._lock = threading.Lock()
        self._moved = threading.Event()
        self._stop = False
        self.loaded = not order
        self._thread = threading.Thread(target=self._look_ahead, name="pictures", daemon=True)
        self._thread.start()

    def image(self, name: str) -> QImage:
        """The picture ``name``; grey and empty where it could not be read."""
        if self._order[self._at] != name:
            self._at = next((k for k in range(self._at, len(self._order)) if self._order[k] == name), self._at)
            self._moved.set()
        with self._lock:
            found = self._ready.get(name)
        if found is None:
            self.late += 1
            found = self._decoded(name)
        return found

    def summary(self) -> dict[str, Any]:
        """What a summary says of them: ``pictures_late``, and ``failure`` where one could not be read."""
        return {"pictures_late": self.late, **({"failure": self.failure} if self.failure else {})}

    def close(self) -> None:
        """End the thread."""
        self._stop = True
        self._moved.set()
        self._thread.join()

    def _decoded(self, name: str) -> QImage:
        try:
            image = decode(self._read(name), self._side)
        except (BankError, Unreadable) as error:
            self.failure = self.failure or f'picture "{name}": {error}'
            image = QImage(self._side, self._side, QImage.Format.Format_RGB32)
            image.fill(0xFF808080)
        with self._lock:
            self._ready[name] = image
        return image

    def _look_ahead(self) -> None:
        while True:
            self._moved.clear()
            if self._stop:  # after `clear`, which may wipe away what `close` has set
                return
            wanted = self._next()
            with self._lock:
                for name in set(self._ready) - set(wanted):
                    del self._ready[name]
                missing = [name for name in wanted if name not in self._ready]
            for name in missing:
                self._decoded(name)
                if self._stop or self._moved.is_set():
                    break
            else:
                self.loaded = True
                self._moved.wait()

    def _next(self) -> list[str]:
        """The next different pictures, as many as are kept."""
        wanted: dict[str, None] = {}
        for name in self._order[self._at :]:
            wanted[name] = None
            if len(wanted) == self._ahead:
                break
        return list(wanted)
