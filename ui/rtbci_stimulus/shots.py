"""Pictures of a paradigm's screens, without a screen: for the documentation, and to look at before a session."""

from __future__ import annotations

from pathlib import Path

from rtbci.bank.reading import Unreadable
from rtbci.errors import ConfigError
from rtbci_stimulus.frame import Frame
from rtbci_stimulus.pages import end_page, start_page
from rtbci_stimulus.paradigms import Paradigm
from rtbci_stimulus.picture_files import PictureFiles
from rtbci_stimulus.runner import Runner
from rtbci_stimulus.scene import pause_page
from rtbci_stimulus.schedule import Schedule
from rtbci_stimulus.timing import Display

WIDTH, HEIGHT = 1920, 1080
MOST = 12
"""Screens of the schedule, those that differ."""


def frames(schedule: Schedule, title: str) -> list[Frame]:
    """The start page, the different screens in the order in which they come first, a pause, and the end page."""
    display = Display(schedule.rate, True, "an example")
    seen: dict[object, Frame] = {}
    for step in schedule.steps:
        key = step.scene
        if key not in seen and len(seen) < MOST:
            seen[key] = Frame(step.scene, 3, schedule.rate, 1.0 if step.marks else 0.0)
    ended = Runner(schedule, display, lambda label, time: None, lambda event: None, title=title)
    ended.completed, ended.trials = True, schedule.n_trials
    return [
        Frame(start_page(title, schedule, display.words, True, True, False)),
        *seen.values(),
        Frame(pause_page(1, schedule.n_trials)),
        Frame(end_page(title, ended.summary())),
    ]


def save(
    paradigm: Paradigm, seed: int, folder: Path, rate: float, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> list[Path]:
    """Write PNG files of ``size`` pixels into ``folder``, as on a display of ``rate`` Hz; no display is needed.

    Raises ConfigError where that cannot be.
    """
    schedule = paradigm.schedule(rate, seed)
    try:
        from PySide6.QtGui import QGuiApplication, QImage, QPainter

        from rtbci_stimulus.painter import FramePainter
        from rtbci_stimulus.pictures import decode
    except ImportError as error:
        raise ConfigError(
            f"nothing can be painted here: {error}; the libraries that Qt needs would be right"
        ) from error

    app = QGuiApplication.instance() or QGuiApplication(["rtbci-stimulus", "-platform", "offscreen"])  # fonts need one
    painter = FramePainter(paradigm.background, paradigm.patch, paradigm.patch_size)
    if schedule.pictures():
        files = PictureFiles(Path(getattr(paradigm, "pictures", "")))

        def picture(name: str) -> QImage:
            try:
                return decode(files.raw(name), size[1] // 2)
            except Unreadable as error:
                raise ConfigError(f'picture "{name}": {error}; another file would be right') from error

        painter.pictures = picture
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--screenshots {folder}: {error.strerror}; a writable folder would be right") from error
    for number, frame in enumerate(frames(schedule, paradigm.title)):
        image = QImage(*size, QImage.Format.Format_RGB32)
        brush = QPainter(image)
        try:
            painter.paint(brush, *size, frame)
        finally:  # Qt crashes where an image goes before what paints on it
            brush.end()
        path = folder / f"{paradigm.name}-{number:02d}.png"
        if not image.save(str(path)):
            raise ConfigError(f"{path} cannot be written; a writable folder would be right")
        written.append(path)
    del app
    return written
