"""Bars and ball: the decision of the decoder in charge, large and calm."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from rtbci_ui import theme
from rtbci_ui.feed import SHOWN_CLASSES
from rtbci_ui.feedback.cursor import MOST_TARGETS, Cursor, targets
from rtbci_ui.feedback.painting import cue_pen, letters, veil
from rtbci_ui.feedback.scene import Mood, Scene

_NOTHING = Scene(Mood.WAITING, "Waiting for the decoder")


class BarsFeedback(QWidget):
    """A bar per class, as high as its accumulated probability; of very many classes the likeliest ones."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = _NOTHING
        self._shown: tuple[object, ...] = ()

    def show_scene(self, scene: Scene) -> None:
        """Show ``scene``; what does not hold stays as it was, dimmed."""
        if not scene.live and scene.decoder == self.scene.decoder and self.scene.posterior is not None:
            scene = Scene(scene.mood, scene.words, self.scene.decoder, self.scene.classes, self.scene.rest,
                          self.scene.posterior, self.scene.answer)  # fmt: skip
        said = (scene.mood, scene.words, scene.decoder, scene.answer, scene.truth)
        values = () if scene.posterior is None else tuple(scene.posterior.tolist())
        self.scene = scene
        if (said, values) != self._shown:
            self._shown = (said, values)
            self.update()

    def order(self) -> list[int]:
        """The classes that have a bar, from left to right."""
        posterior = self.scene.posterior
        if posterior is None:
            return []
        if len(posterior) <= SHOWN_CLASSES:
            return list(range(len(posterior)))
        return [int(k) for k in np.argsort(-posterior, kind="stable")[:SHOWN_CLASSES]]

    def bars(self) -> list[tuple[int, QRectF]]:
        """The classes and the troughs that their bars run in."""
        order, width, height = self.order(), float(self.width()), float(self.height())
        if not order:
            return []
        step = width * 0.84 / len(order)
        wide, top, high = min(step * 0.62, height * 0.34), height * 0.10, height * 0.70
        first = width * 0.08 + (step - wide) / 2
        return [(k, QRectF(first + place * step, top, wide, high)) for place, k in enumerate(order)]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(theme.BACKGROUND))
        scene, posterior = self.scene, self.scene.posterior
        for k, box in self.bars():
            assert posterior is not None
            colour = theme.class_colour(k) if scene.live else theme.STALE
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.TROUGH))
            painter.drawRoundedRect(box, 8, 8)
            high = box.height() * float(posterior[k])
            bar = QRectF(box.left(), box.bottom() - high, box.width(), high)
            painter.setBrush(QColor(colour))
            painter.drawRoundedRect(bar, min(8.0, high / 2), min(8.0, high / 2))
            if k == scene.truth:
                painter.setPen(cue_pen())
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(box.adjusted(-9, -9, 9, 9), 12, 12)
            claimed = k == scene.answer and scene.live
            line = QRectF(
                box.center().x() - box.width() * 0.8, box.bottom() + 14, box.width() * 1.6, self.height() * 0.12
            )
            shade = colour if claimed else theme.TEXT if scene.live else theme.STALE
            letters(painter, line, scene.classes[k], 0.42, shade, bold=claimed)
        if not scene.live:
            veil(painter, QRectF(self.rect()), scene.words)
        painter.end()


class CursorFeedback(QWidget):
    """A ball between targets, one per class; the target of the trial that goes on has a line around it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.scene = _NOTHING
        self.cursor_model = Cursor()
        self.places = np.zeros((0, 2))
        self._monotonic = monotonic
        self._moved = -1.0
        self._shown: tuple[object, ...] = ()
        self._classes: tuple[object, ...] = ()

    @property
    def too_many(self) -> bool:
        """Whether there are more classes than targets can stand for."""
        return len(self.scene.classes) > MOST_TARGETS

    def show_scene(self, scene: Scene) -> None:
        """Move on towards where ``scene`` pulls; where it does not hold, the ball stands still."""
        clock = self._monotonic()
        seconds = clock - self._moved if self._moved >= 0.0 else 0.0
        self._moved = clock
        if scene.classes and (scene.decoder, scene.classes, scene.rest) != self._classes:
            self._classes = (scene.decoder, scene.classes, scene.rest)
            self.places = targets(scene.classes, scene.rest)
            self.cursor_model.rest()
        self.scene = scene
        before = self.ball()
        if scene.live and scene.posterior is not None and not self.too_many:
            self.cursor_model.follow(scene.posterior, self.places, seconds)
        said = (scene.mood, scene.words, scene.decoder, scene.answer, scene.truth)
        if said != self._shown:
            self._shown = said
            self.update()
        elif (after := self.ball()) != before:
            self.update(before.united(after).adjusted(-3, -3, 3, 3).toAlignedRect())

    @property
    def reach(self) -> float:
        """Pixels from the middle to a target's."""
        sideways = len(self.places) and not np.any(self.places[:, 1])
        return self.width() * 0.38 if sideways else min(self.width(), self.height()) * 0.28

    @property
    def radius(self) -> float:
        """Pixels of the ball's radius."""
        return min(self.width(), self.height()) * 0.05

    def ball(self) -> QRectF:
        """Where the ball is."""
        x, y = self.reach * self.cursor_model.position
        return QRectF(
            self.width() / 2 + x - self.radius, self.height() / 2 + y - self.radius, 2 * self.radius, 2 * self.radius
        )

    def target(self, k: int) -> QRectF:
        """Where the target of class ``k`` is."""
        x, y = self.reach * self.places[k]
        side = 1.9 * self.radius
        return QRectF(self.width() / 2 + x - side, self.height() / 2 + y - side, 2 * side, 2 * side)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(event.rect(), QColor(theme.BACKGROUND))
        scene = self.scene
        if self.too_many:
            veil(
                painter, QRectF(self.rect()), f"{len(scene.classes)} classes are too many for a ball: press B for bars"
            )
        elif not scene.classes:
            veil(painter, QRectF(self.rect()), scene.words)
        else:
            self._paint_targets(painter, scene)
            painter.setPen(QPen(QColor(theme.BACKGROUND), 2))
            painter.setBrush(QColor(theme.TEXT if scene.live else theme.STALE))
            painter.drawEllipse(self.ball())
            if not scene.live:
                veil(painter, QRectF(self.rect()), scene.words)
        painter.end()

    def _paint_targets(self, painter: QPainter, scene: Scene) -> None:
        origin = QPointF(self.width() / 2, self.height() / 2)
        painter.setPen(QPen(QColor(theme.EDGE), 2))
        for k in range(len(self.places)):
            painter.drawLine(origin, self.target(k).center())
        painter.drawEllipse(origin, 5, 5)
        for k, name in enumerate(scene.classes):
            box = self.target(k)
            colour = QColor(theme.class_colour(k) if scene.live else theme.STALE)
            painter.setPen(QPen(colour, 4))
            fill = QColor(colour)
            fill.setAlpha(150 if k == scene.answer and scene.live else 40)
            painter.setBrush(QColor(theme.BACKGROUND))
            painter.drawEllipse(box)
            painter.setBrush(fill)
            painter.drawEllipse(box)
            if k == scene.truth:
                painter.setPen(cue_pen())
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(box.adjusted(-11, -11, 11, 11))
            below = box.center().y() >= self.height() / 2 - 1
            top = box.bottom() + 12 if below else box.top() - 12 - box.height() * 0.42
            middle = box.center().x()
            half = min(2 * box.width(), middle - 4, self.width() - 4 - middle)
            line = QRectF(middle - half, top, 2 * half, box.height() * 0.42)
            letters(painter, line, name, 0.7, theme.TEXT if scene.live else theme.STALE, bold=k == scene.truth)
