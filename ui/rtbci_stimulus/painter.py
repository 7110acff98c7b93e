"""Paints a frame: shapes of `rtbci_stimulus.scene` as pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPolygonF

from rtbci_stimulus.frame import Frame
from rtbci_stimulus.scene import DIM, Arrow, Box, Cross, Disc, Ink, Picture, Shape, Text

_WIDEST = 0.96
"""Of the width of the screen, for a line of text; a longer one is written smaller."""
_TURNS = {"right": 0.0, "down": 90.0, "left": 180.0, "up": 270.0}


def colour(ink: Ink) -> QColor:
    """Ink as Qt's colour, eight bits a channel."""
    red, green, blue = ink if isinstance(ink, tuple) else (ink, ink, ink)
    return QColor(round(255 * red), round(255 * green), round(255 * blue))


@lru_cache(maxsize=256)
def _font(pixels: int, bold: bool) -> QFont:
    font = QFont()
    font.setPixelSize(max(4, pixels))
    font.setBold(bold)
    return font


@lru_cache(maxsize=1024)
def _fitting(text: str, pixels: int, bold: bool, widest: int) -> QFont:
    """The font of ``pixels`` height, or the largest in which ``text`` is no wider than ``widest``."""
    width = QFontMetricsF(_font(pixels, bold)).horizontalAdvance(text)
    return _font(pixels if width <= widest else int(pixels * widest / width), bold)


class FramePainter:
    """Paints frames on a ground of grey ``background``, with a patch of ``patch_size`` units in a ``corner``."""

    def __init__(
        self,
        background: float,
        corner: str = "none",
        patch_size: float = 0.06,
        pictures: Callable[[str], QImage] | None = None,
    ) -> None:
        self._ground = colour(background)
        self._corner, self._patch_size = corner, patch_size
        self.pictures = pictures

    def paint(self, painter: QPainter, width: int, height: int, frame: Frame) -> None:
        """Paint all ``width`` x ``height`` pixels."""
        painter.fillRect(QRectF(0, 0, width, height), self._ground)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        unit = min(height, width * 10 / 16)
        painter.save()
        painter.translate(width / 2, height / 2)
        for shape in frame.scene:
            self._shape(painter, shape, unit, width, frame)
        if frame.footer:
            self._text(painter, Text(frame.footer, 0.0, 0.47, 0.026, DIM), unit, width)
        painter.restore()
        self._patch(painter, width, height, unit, frame.patch)

    def patch_rect(self, width: int, height: int) -> QRectF:
        """Where the patch is, in pixels; empty where there is none."""
        side = round(self._patch_size * min(height, width * 10 / 16))
        if self._corner == "none":
            return QRectF()
        return QRectF(
            width - side if "right" in self._corner else 0, height - side if "bottom" in self._corner else 0, side, side
        )

    def _patch(self, painter: QPainter, width: int, height: int, unit: float, light: float) -> None:
        if self._corner == "none":
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.fillRect(self.patch_rect(width, height), colour(light))

    def _shape(self, painter: QPainter, shape: Shape, unit: float, width: int, frame: Frame) -> None:
        if isinstance(shape, Text):
            self._text(painter, shape, unit, width)
        elif isinstance(shape, Box):
            self._box(painter, shape, unit, width, frame)
        elif isinstance(shape, Picture):
            self._picture(painter, shape, unit)
        elif isinstance(shape, Cross):
            arm, thick = shape.size * unit, max(2.0, 0.12 * shape.size * unit)
            painter.fillRect(QRectF(-arm / 2, -thick / 2, arm, thick), colour(shape.ink))
            painter.fillRect(QRectF(-thick / 2, -arm / 2, thick, arm), colour(shape.ink))
        elif isinstance(shape, Disc):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(shape.ink))
            painter.drawEllipse(QPointF(shape.x * unit, shape.y * unit), shape.radius * unit, shape.radius * unit)
        else:
            self._arrow(painter, shape, unit)

    def _arrow(self, painter: QPainter, shape: Arrow, unit: float) -> None:
        """A shaft from beside the cross outwards, and its head."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(shape.ink))
        length = shape.size * unit
        corners = ((0.22, -0.09), (0.6, -0.09), (0.6, -0.26), (1.0, 0.0), (0.6, 0.26), (0.6, 0.09), (0.22, 0.09))
        outline = QPolygonF([QPointF(x * length, y * length) for x, y in corners])
        for direction in ("left", "right") if shape.direction == "both" else (shape.direction,):
            painter.save()
            painter.rotate(_TURNS[direction])
            painter.drawPolygon(outline)
            painter.restore()

    def _box(self, painter: QPainter, shape: Box, unit: float, width: int, frame: Frame) -> None:
        light = shape.ink if shape.wave is None else shape.wave.level(frame.k, frame.rate)
        rect = QRectF(
            round((shape.x - shape.width / 2) * unit),
            round((shape.y - shape.height / 2) * unit),
            round(shape.width * unit),
            round(shape.height * unit),
        )
        painter.fillRect(rect, colour(light))
        if shape.text:
            self._text(painter, Text(shape.text, shape.x, shape.y, shape.height * 0.4, shape.text_ink), unit, width)

    def _text(self, painter: QPainter, shape: Text, unit: float, width: int) -> None:
        painter.setFont(_fitting(shape.text, round(shape.size * unit), shape.bold, int(width * _WIDEST)))
        painter.setPen(colour(shape.ink))
        around = QRectF(shape.x * unit - width, shape.y * unit - unit, 2 * width, 2 * unit)
        painter.drawText(around, Qt.AlignmentFlag.AlignCenter, shape.text)

    def _picture(self, painter: QPainter, shape: Picture, unit: float) -> None:
        if self.pictures is None:
            return
        image = self.pictures(shape.name)
        side = shape.height * unit
        scale = min(side / max(image.width(), 1), side / max(image.height(), 1))
        width, height = round(image.width() * scale), round(image.height() * scale)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, width != image.width())
        painter.drawImage(QRectF(-(width // 2), -(height // 2), width, height), image)
