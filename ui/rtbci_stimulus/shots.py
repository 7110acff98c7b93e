"""Pictures of a paradigm's screens, without a screen: for the documentation, and to look at before a session."""

from __future__ import annotations

from pathlib import Path

from rtbci.errors import ConfigError
from rtbci_stimulus.frame import Frame
from rtbci_stimulus.pages import end_page, start_page
from rtbci_stimulus.paradigms import Paradigm
from rtbci_stimulus.picture_files import PictureFiles
from rtbci_stimulus.runner import Runner
from rtbci_stimulus.scene import pause_page
from rtbci_stimulus.schedule import Schedule
from rtbci_stimulus.timing import Display

WIDTH, HEIGHT, RATE = 1920, 1080, 60.0
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


def save(paradigm: Paradigm, seed: int, folder: Path, size: tuple[int, int] = (WIDTH, HEIGHT)) -> list[Path]:
    """Write PNG files of ``size`` pixels into ``folder``. Raises ConfigError where that cannot be."""
    from PySide6.QtGui import QGuiApplication, QImage, QPainter

    from rtbci_stimulus.painter import FramePainter
    from rtbci_stimulus.pictures import decode

    app = QGuiApplication.instance() or QGuiApplication(["rtbci-stimulus"])  # fonts need one
    painter = FramePainter(paradigm.background, paradigm.patch, paradigm.patch_size)
    schedule = paradigm.schedule(RATE, seed)
    if schedule.pictures():
        files = PictureFiles(Path(getattr(paradigm, "pictures", "")))
        painter.pictures = lambda name: decode(files.raw(name), size[1] // 2)
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--screenshots {folder}: {error.strerror}; a writable folder would be right") from error
    for number, frame in enumerate(frames(schedule, paradigm.title)):
        image = QImage(*size, QImage.Format.Format_RGB32)
        brush = QPainter(image)
        painter.paint(brush, *size, frame)
        brush.end()
        path = folder / f"{paradigm.name}-{number:02d}.png"
        if not image.save(str(path)):
            raise ConfigError(f"{path} cannot be written; a writable folder would be right")
        written.append(path)
    del app
    return written
