"""Start of the stimulus process: read what is to be presented, open the screen, present, say how it went."""

from __future__ import annotations

import dataclasses
import gc
import json
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtbci import __version__
from rtbci.errors import ConfigError, RtbciError
from rtbci_stimulus import command_line
from rtbci_stimulus.log import Log
from rtbci_stimulus.pages import troubles
from rtbci_stimulus.paradigms import Paradigm
from rtbci_stimulus.picture_files import PictureFiles
from rtbci_stimulus.schedule import Schedule, patch_note
from rtbci_stimulus.timing import Display, Measurement

if TYPE_CHECKING:
    from PySide6.QtGui import QScreen

    from rtbci_stimulus.runner import Runner

USUAL_RATE = 60.0
LINGER_SECONDS = 1.0
"""The outlet stays this long after the last marker, so that receivers get what is on its way."""


def main(argv: Sequence[str] | None = None) -> int:
    """Present; return 0 when the run was completed, 1 when it was ended early, 2 with one line on stderr for bad input."""
    given = command_line.parse(argv)
    try:
        if given.describe:
            print(json.dumps(command_line.description()))
            return 0
        paradigm = command_line.paradigm(given)
        seed = paradigm.seed if paradigm.seed >= 0 else secrets.randbelow(2**31)
        if given.screenshots is not None:
            from rtbci_stimulus import shots

            shots.save(paradigm, seed, given.screenshots, given.refresh or USUAL_RATE)
            return 0
        return _present(paradigm, seed, given)
    except RtbciError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # later on, a signal ends the run
        print("interrupted before anything was shown", file=sys.stderr)
        return 1


def _present(paradigm: Paradigm, seed: int, given: command_line.Given) -> int:
    try:
        from PySide6.QtGui import QGuiApplication

        from rtbci_stimulus.painter import FramePainter
        from rtbci_stimulus.screen import Screen
    except ImportError as error:
        raise ConfigError(
            f"no window can be shown here: {error}; the libraries that Qt needs would be right"
        ) from error
    from rtbci_stimulus.markers import MarkerOutlet, now

    app = QGuiApplication.instance() or QGuiApplication(["rtbci-stimulus"])
    assert isinstance(app, QGuiApplication)
    app.setQuitOnLastWindowClosed(False)
    painter = FramePainter(paradigm.background, paradigm.patch, paradigm.patch_size)
    at = _screen(app.screens(), given.screen)
    nominal = given.refresh or at.refreshRate() or USUAL_RATE
    paradigm.schedule(nominal, seed)  # what can be refused is refused before a window opens
    with closing(Log(given.log)) as log:
        screen = Screen(painter, at, given.windowed, now)
        heed_signals(screen)
        display = _measured(screen, nominal)
        schedule = paradigm.schedule(display.rate, seed)
        notes = command_line.class_note(given, schedule.classes) + schedule.notes
        schedule = dataclasses.replace(schedule, notes=notes + patch_note(schedule, paradigm.patch_frames))
        about = _about(paradigm, seed, display, screen.surface.name)
        log.add({"event": "open", "wall_clock": time.time(), **about, "notes": schedule.notes})
        pictures = _pictures(paradigm, schedule, screen.window.pixels)
        if pictures is not None:
            painter.pictures = pictures.image
        outlet = MarkerOutlet(paradigm.stream, about)
        runner = _runner(paradigm, schedule, display, outlet, log, given, pictures)
        try:
            show(screen, runner, None if display.synchronised else 1.0 / display.rate)
        finally:
            if pictures is not None:
                pictures.close()
            summary = {"paradigm": paradigm.name, "seed": seed, "stream": paradigm.stream, **runner.summary()}
            summary |= {"warnings": troubles(summary), "log": None if given.log is None else str(given.log)}
            log.add({"event": "summary", **summary})
            screen.close()
            time.sleep(LINGER_SECONDS if runner.sent else 0.0)
            outlet.close()
    if log.failure:
        print(log.failure, file=sys.stderr)
    print(json.dumps(summary), flush=True)
    return 0 if runner.completed else 1


def _screen(screens: Sequence[QScreen], number: int) -> QScreen:
    if not 0 <= number < len(screens):
        there = ", ".join(f"{k} ({screen.name()})" for k, screen in enumerate(screens))
        raise ConfigError(f"--screen {number}: there is no such screen; {there} would be right")
    return screens[number]


def _measured(screen: Any, nominal: float) -> Display:
    """Whether swaps wait for the display, and its rate; ``nominal`` (Hz) is what the system states."""
    if screen.surface.kind != "OpenGL":
        return Display(nominal, False, f"{screen.surface.name}; a frame every {1e3 / nominal:.2f} ms by the clock")
    measurement = Measurement()
    screen.run(measurement, None)
    return measurement.result(nominal)


def _about(paradigm: Paradigm, seed: int, display: Display, renderer: str) -> dict[str, Any]:
    """What the header of the marker stream and the log say."""
    return {
        "paradigm": paradigm.name,
        "settings": dataclasses.asdict(paradigm),
        "seed": seed,
        "refresh_rate": display.rate,
        "synchronised": display.synchronised,
        "display": display.words,
        "renderer": renderer,
        "time_stamps": "swap of the first frame that shows the stimulus, plus display_delay",
        "display_delay": paradigm.display_delay,
        "version": __version__,
    }


def _pictures(paradigm: Paradigm, schedule: Schedule, pixels: tuple[int, int]) -> Any:
    order = schedule.pictures()
    if not order:
        return None
    from rtbci_stimulus.pictures import Pictures

    files = PictureFiles(Path(getattr(paradigm, "pictures", "")))
    if files.note:
        print(files.note, file=sys.stderr)
    unit = min(pixels[1], pixels[0] * 10 / 16)
    return Pictures(files.raw, order, max(8, round(getattr(paradigm, "size", 0.5) * unit)))


def _runner(
    paradigm: Paradigm,
    schedule: Schedule,
    display: Display,
    outlet: Any,
    log: Log,
    given: command_line.Given,
    pictures: Any,
) -> Runner:
    from rtbci_stimulus.runner import Runner

    def more() -> dict[str, Any]:
        said = {} if pictures is None else pictures.summary()
        return {**said, "failure": log.failure} if log.failure else said

    return Runner(
        schedule,
        display,
        outlet.send,
        log.add,
        title=paradigm.title,
        delay=paradigm.display_delay,
        receiver=outlet.received,
        wait=given.wait,
        ready=lambda: pictures is None or pictures.loaded,
        more=more,
        auto=given.auto,
        patch_frames=paradigm.patch_frames,
        follow=getattr(paradigm, "patch_follows", "markers") == "stimulus",
    )


def heed_signals(screen: Any) -> None:
    """From now on a signal ends the run early, with a last marker and a summary; so does a terminal that is closed."""
    for number in (getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)):
        if number not in (signal.SIGINT, signal.SIGTERM) and signal.getsignal(number) is signal.SIG_IGN:
            continue  # nohup
        # not `abort` itself: the handler may run between two markers of one swap, and the last would not be the last
        signal.signal(number, lambda *_: screen.stop())


def show(screen: Any, runner: Runner, period: float | None) -> None:
    """Present to the end; a closed window or `stop` ends the run early, with what is known so far, and so does a defect."""
    screen.on_key = runner.key
    gc.collect()
    gc.freeze()
    gc.disable()  # a collection takes longer than a frame
    try:
        screen.run(runner, period)
    finally:
        gc.enable()
        runner.abort()
