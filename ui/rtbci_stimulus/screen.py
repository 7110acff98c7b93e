"""The window of the participant: paints a frame, swaps it, and asks the clock right after.

Qt's own ways to redraw are not used: on X11 ``requestUpdate`` waits 5 ms by itself, which a display of 144 Hz cannot spare.
The loop is ours, and the frame's time is taken once the swap is known to have happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QCoreApplication, QEvent, QRect, Qt
from PySide6.QtGui import (
    QBackingStore,
    QCursor,
    QKeyEvent,
    QOpenGLContext,
    QPainter,
    QRegion,
    QScreen,
    QSurface,
    QSurfaceFormat,
    QWindow,
)
from PySide6.QtOpenGL import QOpenGLPaintDevice

from rtbci_stimulus.frame import Frame, Stage
from rtbci_stimulus.painter import FramePainter

_KEYS = {
    Qt.Key.Key_Space: "space",
    Qt.Key.Key_Return: "return",
    Qt.Key.Key_Enter: "return",
    Qt.Key.Key_Escape: "escape",
    Qt.Key.Key_P: "p",
    Qt.Key.Key_Backspace: "backspace",
}
_EXPOSE_SECONDS = 5.0
_SAMPLES = 4
_RENDERER, _SCISSOR_TEST, _COLOR_BUFFER_BIT = 0x1F01, 0x0C11, 0x4000  # OpenGL's numbers
_SLEEP_AHEAD = 0.002
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader", "software")
"""Renderers that paint on the processor: their swaps wait for no display, and at 1920 x 1080 they take 100 ms a frame."""


class Surface(Protocol):
    """Where frames go: ``kind`` is "OpenGL" or "raster", ``name`` says what paints."""

    kind: str
    name: str

    def show(self, frame: Frame) -> None:
        """Paint the frame and swap; returns when that has happened, as far as the system tells."""
        ...


class Window(QWindow):
    """A bare window; keys go to ``pressed``, ``closed`` is set when it is closed.

    ``uncovered`` is set when part of it comes into sight anew: what was there is lost where no compositor keeps it.
    """

    def __init__(self, pressed: Callable[[str], None]) -> None:
        super().__init__()
        self.pressed = pressed
        self.closed = False
        self.uncovered = False
        self.setTitle("rtbci stimuli")
        self.setSurfaceType(QSurface.SurfaceType.OpenGLSurface)
        self.setCursor(QCursor(Qt.CursorShape.BlankCursor))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hand on the keys that mean something; one that is held down counts once."""
        if event.isAutoRepeat():
            return
        key = Qt.Key(event.key())
        if key in _KEYS:
            self.pressed(_KEYS[key])
        elif event.text().isascii() and event.text().isdigit():
            self.pressed(event.text())

    def event(self, event: QEvent) -> bool:
        """Notice that it is closed, or uncovered."""
        if event.type() == QEvent.Type.Close:
            self.closed = True
        elif event.type() in (QEvent.Type.Expose, QEvent.Type.Paint):
            self.uncovered = True
        return super().event(event)

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height in pixels of the display."""
        ratio = self.devicePixelRatio()
        return round(self.width() * ratio), round(self.height() * ratio)


class OpenGLSurface:
    """Swaps by OpenGL with a swap interval of 1, where the system grants it. Raises RuntimeError where there is none."""

    kind = "OpenGL"

    def __init__(self, window: Window, painter: FramePainter) -> None:
        self._window, self._painter = window, painter
        self._context = QOpenGLContext()
        self._context.setFormat(window.requestedFormat())
        if not self._context.create() or not self._context.makeCurrent(window):
            raise RuntimeError("there is no OpenGL")
        self._functions = self._context.functions()
        self.name = str(self._functions.glGetString(_RENDERER))
        if any(word in self.name.lower() for word in _SOFTWARE):
            self._context.doneCurrent()
            raise RuntimeError(f"OpenGL is painted by the processor ({self.name})")
        self._device = QOpenGLPaintDevice(*window.pixels)

    def show(self, frame: Frame) -> None:
        """Paint, swap, and wait until the graphics card has done both."""
        self._context.makeCurrent(self._window)
        width, height = self._window.pixels
        if self._device.size().toTuple() != (width, height):
            self._device = QOpenGLPaintDevice(width, height)
        self._functions.glViewport(0, 0, width, height)
        painter = QPainter(self._device)
        try:
            self._painter.paint(painter, width, height, frame)
        finally:
            painter.end()
        self._context.swapBuffers(self._window)
        self._finish()

    def _finish(self) -> None:
        """Wait for the swap: a driver may queue it and return at once, but what is drawn next needs it to have happened.

        So one pixel is drawn and waited for, as Psychtoolbox and PsychoPy do; the next frame covers it.
        """
        self._functions.glEnable(_SCISSOR_TEST)
        self._functions.glScissor(0, 0, 1, 1)
        self._functions.glClear(_COLOR_BUFFER_BIT)
        self._functions.glDisable(_SCISSOR_TEST)
        self._functions.glFinish()


class RasterSurface:
    """Paints into memory and hands it to the system; when it is seen, nobody says."""

    kind = "raster"

    def __init__(self, window: Window, painter: FramePainter, why: str) -> None:
        self.name = why
        self._window, self._painter = window, painter
        self._store = QBackingStore(window)
        self._shown: object = None

    def show(self, frame: Frame) -> None:
        """Paint and flush, where anything differs from what is there."""
        size = self._window.size()
        look = (size.toTuple(), frame.look)
        if look == self._shown and not self._window.uncovered:
            return
        self._shown, self._window.uncovered = look, False
        if self._store.size() != size:
            self._store.resize(size)
        region = QRegion(QRect(0, 0, size.width(), size.height()))
        self._store.beginPaint(region)
        painter = QPainter(self._store.paintDevice())
        try:
            self._painter.paint(painter, size.width(), size.height(), frame)
        finally:
            painter.end()
        self._store.endPaint()
        self._store.flush(region)


class Screen:
    """A window on ``screen`` and its surface: full-screen, or ``size`` pixels where that is given."""

    def __init__(
        self, painter: FramePainter, screen: QScreen, size: tuple[int, int] | None, clock: Callable[[], float]
    ) -> None:
        self._clock = clock
        self.on_key: Callable[[str], None] = lambda key: None
        self._stopped = False
        shape = QSurfaceFormat.defaultFormat()
        shape.setSwapInterval(1)
        shape.setSwapBehavior(QSurfaceFormat.SwapBehavior.DoubleBuffer)
        shape.setSamples(_SAMPLES)
        self.window = Window(lambda key: self.on_key(key))
        self.window.setFormat(shape)
        self.window.setScreen(screen)
        self.window.setGeometry(screen.geometry())
        self.surface = self._surface(painter, size)

    def _surface(self, painter: FramePainter, size: tuple[int, int] | None) -> Surface:
        self._appear(size)
        try:
            return OpenGLSurface(self.window, painter)
        except RuntimeError as error:
            why = str(error)
            self.window.destroy()
            self.window.setSurfaceType(QSurface.SurfaceType.RasterSurface)
            self._appear(size)
            return RasterSurface(self.window, painter, why)

    def _appear(self, size: tuple[int, int] | None) -> None:
        if size is None:
            self.window.showFullScreen()
        else:
            self.window.resize(*size)
            self.window.show()
        until = time.monotonic() + _EXPOSE_SECONDS
        while not self.window.isExposed() and time.monotonic() < until:
            QCoreApplication.processEvents()
            time.sleep(0.005)
        self.window.requestActivate()

    @property
    def closed(self) -> bool:
        """Whether the window was closed."""
        return self.window.closed

    def run(self, stage: Stage, period: float | None) -> None:
        """Show ``stage`` until it is done, the window is closed or `stop` was called.

        ``period`` is None where a swap waits for the display; else a frame is swapped every ``period`` seconds.
        """
        due = time.perf_counter()
        while True:
            QCoreApplication.processEvents()
            if period is not None:
                due = self._until(due, period)
            if stage.done or self.window.closed or self._stopped:  # a frame that nobody would see sends no marker
                return
            self.surface.show(stage.frame())
            stage.swapped(self._clock())

    def _until(self, due: float, period: float) -> float:
        """Wait until ``due``; return when the next frame is due. What is late by a frame or more is left out."""
        while (left := due - time.perf_counter()) > 0:
            if left > _SLEEP_AHEAD:
                QCoreApplication.processEvents()
            time.sleep(min(left, _SLEEP_AHEAD))
        late = time.perf_counter() - due
        return due + period * (1 + int(late / period))

    def stop(self) -> None:
        """End `run` once what follows on the newest swap is done; a signal handler may call it at any moment."""
        self._stopped = True

    def close(self) -> None:
        """Take the window away."""
        self.window.close()
