"""Thumbnails of a bank as pixmaps of the size in which they are shown; some screens full of them are kept."""

from __future__ import annotations

from collections import OrderedDict

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPixmap

from rtbci.bank import Bank
from rtbci_ui import theme
from rtbci_ui.views.lettering import LEAST, font

KEPT_BYTES = 48 << 20
"""Pixels that are kept, at 4 bytes each: some 300 of 200 x 200."""


class Thumbnails:
    """Decoded, scaled and, where they are stale, grey pictures; the one that was not used for longest goes first.

    Attributes
    ----------
    read : pictures that were read and decoded so far.
    """

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._bank: Bank | None = None
        self._most = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[int, int, int, bool], QPixmap | None] = OrderedDict()
        self.read = 0

    def look_at(self, bank: Bank | None) -> None:
        """Take pictures from another bank."""
        if bank is not self._bank:
            self._bank = bank
            self._kept.clear()
            self._bytes = 0

    def get(self, item: int, width: int, height: int, grey: bool = False) -> QPixmap | None:
        """Item number ``item``, as large as fits into ``width`` x ``height`` pixels; None where it has no picture."""
        key = (item, width, height, grey)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        found = self._make(item, width, height, grey)
        self._kept[key] = found
        self._bytes += _bytes(found)
        while self._bytes > self._most and len(self._kept) > 1:
            self._bytes -= _bytes(self._kept.popitem(last=False)[1])
        return found

    def _make(self, item: int, width: int, height: int, grey: bool) -> QPixmap | None:
        bank = self._bank
        if bank is None or not 0 <= item < len(bank.items) or width < 1 or height < 1:
            return None
        try:
            data = bank.thumbnail(item)
        except OSError:
            return None  # the bank's folder went away: names go on being shown
        image = QImage.fromData(data) if data else QImage()
        if image.isNull():
            return None
        self.read += 1
        return fitted(image, width, height, grey)


def fitted(image: QImage, width: int, height: int, grey: bool) -> QPixmap:
    """``image`` as large as fits, its shape kept; dark grey where ``grey``."""
    keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    scaled = image.scaled(width, height, keep, smooth)
    if grey:
        scaled = scaled.convertToFormat(QImage.Format.Format_Grayscale8).convertToFormat(QImage.Format.Format_RGB32)
        painter = QPainter(scaled)
        painter.fillRect(scaled.rect(), QColor(30, 33, 39, 95))
        painter.end()
    return QPixmap.fromImage(scaled)


def paint(
    painter: QPainter,
    box: QRectF,
    thumbnails: Thumbnails,
    item: int,
    name: str,
    *,
    grey: bool = False,
    points: float = 9.0,
) -> None:
    """Draw item ``item`` into ``box``: its picture in the middle, or, where there is none, its name in words."""
    pixmap = thumbnails.get(item, int(box.width()), int(box.height()), grey) if item >= 0 else None
    if pixmap is not None:
        left = box.left() + (box.width() - pixmap.width()) / 2
        top = box.top() + (box.height() - pixmap.height()) / 2
        painter.drawPixmap(int(left), int(top), pixmap)
        return
    painter.setPen(QPen(QColor(theme.EDGE), 1))
    painter.setBrush(QColor(theme.FIELD))
    painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
    painter.setPen(QColor(theme.STALE if grey else theme.TEXT))
    inner = box.adjusted(4, 3, -4, -3)
    flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
    size, words, text = points, name.split(), name
    while True:
        painter.setFont(font(size))
        needed = painter.boundingRect(inner, flags, text)
        if needed.height() <= inner.height() and needed.width() <= inner.width():
            break
        if size > LEAST:
            size -= 0.5
        elif len(words) > 1:
            words.pop()
            text = " ".join(words) + "…"
        else:
            text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(inner.width()))
            break
    painter.drawText(inner, flags, text)


def _bytes(pixmap: QPixmap | None) -> int:
    return 64 if pixmap is None else 4 * pixmap.width() * pixmap.height()
