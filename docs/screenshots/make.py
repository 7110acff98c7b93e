"""Makes the pictures in this folder: every view of the application, on real sessions of simulated people.

    .venv/bin/python docs/screenshots/make.py [traces signal …]

Without names all are made, which takes some ten minutes, most of it waiting for something to see. Sessions, workers and
streams are processes as always; the windows are painted by Qt's offscreen platform, so no display is needed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["LSLAPICFG"] = str(ROOT / "tests" / "lsl_api.cfg")
os.environ["RTBCI_SETTINGS"] = str(Path(tempfile.mkdtemp(prefix="rtbci-pictures-")) / "settings.ini")

from PIL import Image
from PySide6.QtWidgets import QApplication, QWidget

from rtbci import bundled
from rtbci.runfolder import read_json
from rtbci_ui import theme
from rtbci_ui.calibrate.panel import CalibratePanel
from rtbci_ui.decisions.panel import DecisionsPanel
from rtbci_ui.feedback.window import FeedbackWindow
from rtbci_ui.preferences import Preferences
from rtbci_ui.run import Run
from rtbci_ui.start.window import StartWindow
from rtbci_ui.window import MainWindow

TRIALS_SECONDS = 110.0
"""After this long a session has some twenty trials to show."""
SECOND = """
[[decoder]]
name = "mdm"
use = "mdm"
window = 2.0
hop = 0.1
transforms = [{ use = "band-pass", low = 8.0, high = 30.0 }]

[paradigm]
use = "motor-imagery"
trials = 20
"""


def rtbci(*words: object) -> subprocess.Popen[bytes]:
    """A command in the background."""
    quiet = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-m", "rtbci", *map(str, words)], stdout=quiet, stderr=quiet, cwd=ROOT)


@contextmanager
def people(*commands: tuple[object, ...]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Commands that run as long as the block; ended in the opposite order."""
    running = [rtbci(*words) for words in commands]
    try:
        yield running
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(30)


def wait(
    app: QApplication, condition: Callable[[], object], seconds: float, look: Callable[[], object] = lambda: None
) -> None:
    """Let the application run until ``condition``."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"waited {seconds:g} s in vain")
        look()
        app.processEvents()
        time.sleep(0.01)


def let_run(app: QApplication, seconds: float, look: Callable[[], object] = lambda: None) -> None:
    """Let the application run for ``seconds``."""
    end = time.monotonic() + seconds
    wait(app, lambda: time.monotonic() > end, seconds + 60.0, look)


def save(widget: QWidget, name: str) -> None:
    """Keep a picture of ``widget``."""
    path = HERE / f"{name}.png"
    widget.grab().save(str(path))
    with Image.open(path) as picture:
        picture.convert("RGB").save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1000} kB", flush=True)


def run_folder(app: QApplication, session: Path) -> Path:
    """The run folder of the session kept in ``session``, once it is live."""
    found: list[Path] = []

    def live() -> bool:
        try:
            place = (read_json(session / "session.json") or {}).get("run_folder")
            status = read_json(Path(str(place)) / "status.json") if place else None
        except (OSError, ValueError):
            return False
        if status is not None and status.get("state") == "live":
            found.append(Path(str(place)))
        return bool(found)

    wait(app, live, 120.0)
    return found[0]


def window_on(app: QApplication, folder: Path, size: tuple[int, int] = (1600, 900)) -> MainWindow:
    """A window on a session, which closes without asking."""
    window = MainWindow(Run(folder), preferences=Preferences(Path(tempfile.mkdtemp()) / "none.ini"))
    window.asks = False
    window.resize(*size)
    window.show()
    return window


def trained(scratch: Path, stream: str, show: str) -> tuple[Path, Path]:
    """The experiment of a demo with a second decoder, and its model."""
    experiment = bundled.write_demo_experiment(scratch, stream, show)
    if show == "fists_or_feet":
        experiment.write_text(experiment.read_text() + SECOND)
    model = scratch / "model.rtbci"
    command = ["train", experiment, "--recording", bundled.calibration(show), "--out", model]
    if rtbci(*command).wait() != 0:
        raise SystemExit("training failed")
    return experiment, model


def movement(app: QApplication, scratch: Path, wanted: set[str]) -> None:
    """Everything that a session with two decoders shows; the start screen while its stream is in sight."""
    stream = f"amplifier {os.getpid()}"
    experiment, model = trained(scratch, stream, "fists_or_feet")
    with people(("simulated-subject", "movement", "--name", stream, "--seed", 2)):
        if "start" in wanted:
            start = StartWindow()
            start.resize(1600, 900)
            start.show()
            start.open_experiment(experiment)
            start.chosen.choose(model)
            wait(app, lambda: start.bar.start.isEnabled(), 60.0)
            let_run(app, 3.0)
            save(start, "start")
            start.hide()
            let_run(app, 1.0)
        session = scratch / "2026-11-26_S01_fists-or-feet"
        with people(("run", experiment, "--model", model, "--headless", "--session", session)):
            window = window_on(app, run_folder(app, session))
            let_run(app, TRIALS_SECONDS)
            panel = window.panels
            if "decisions" in wanted:
                whole = DecisionsPanel(window.run)
                whole.resize(1280, 800)
                whole.show()
                let_run(app, 4.0, whole.refresh)
                save(whole, "decisions")
                whole.close()
            for name in ("traces", "health", "log", "signal"):
                if name not in wanted:
                    continue
                window.docks.reveal(name)
                for tab in ("Spectrum", "Spectrogram", "Bands", "Evoked", "Quality") if name == "signal" else ("",):
                    if tab:
                        panel["signal"].select(8)
                        panel["signal"].show_tab(tab)
                    let_run(app, 4.0)
                    save(window, f"{name}-{tab.lower()}" if tab else name)
            if "all" in wanted:
                window.resize(1920, 1080)
                window.docks.spread()
                panel["signal"].show_tab("Bands")
                let_run(app, 4.0)
                save(window, "all")
                window.resize(1600, 900)
            if "light" in wanted:
                window.reset_layout()
                window.switch_theme()
                let_run(app, 4.0)
                save(window, "light")
                window.switch_theme()
            if "feedback" in wanted:
                for kind in ("bars", "cursor"):
                    feedback = FeedbackWindow(window.run, kind)
                    feedback.resize(1280, 720)
                    feedback.show()
                    let_run(app, 2.0, feedback.refresh)
                    save(feedback, f"feedback-{kind}")
                    feedback.close()
            window.close()


def calibration(app: QApplication, scratch: Path, wanted: set[str]) -> None:
    """The calibration panel: before, and with what was learnt from the trials of this session."""
    stream = f"calibration {os.getpid()}"
    experiment, _ = trained(scratch, stream, "fists_or_feet")
    session = scratch / "2026-11-26_S01_calibration"
    with people(
        ("simulated-subject", "movement", "--name", stream, "--seed", 1),
        ("run", experiment, "--headless", "--record-only", "--session", session),
    ):
        window = window_on(app, run_folder(app, session))
        panel: CalibratePanel = window.panels["calibrate"]
        window.docks.reveal("calibrate")
        let_run(app, 3.0)
        save(window, "calibrate-present")
        let_run(app, TRIALS_SECONDS)
        panel.show_step("train")
        let_run(app, 1.0)
        panel.train.begin()
        let_run(app, 2.0)
        wait(app, lambda: not panel.work.busy, 400.0)
        let_run(app, 3.0)
        save(window, "calibrate-train")
        panel.show_step("live")
        let_run(app, 8.0)
        save(window, "calibrate-live")
        window.close()


def replay(app: QApplication, scratch: Path, wanted: set[str]) -> None:
    """A rehearsal on the bundled recording, with a dead channel and lost samples."""
    experiment, model = trained(scratch, "nobody", "fists_or_feet")
    session = scratch / "rehearsal"
    faults = ("--fault", "drop=0.01", "--fault", "dead=C3")
    words = (
        "rehearse",
        experiment,
        "--recording",
        bundled.calibration(),
        "--model",
        model,
        "--headless",
        "--hold",
        *faults,
    )
    with people((*words, "--from", "1:00", "--session", session)):
        window = window_on(app, run_folder(app, session))
        let_run(app, 20.0)
        let_run(app, 2.0)
        save(window, "replay")
        window.close()


def images(app: QApplication, scratch: Path, wanted: set[str]) -> None:
    """Somebody who looks at pictures."""
    session = scratch / "pictures"
    with people(("demo", "images", "--headless", "--session", session)):
        window = window_on(app, run_folder(app, session))
        let_run(app, 60.0)
        window.docks.reveal("images")
        let_run(app, 4.0)
        save(window, "images")
        feedback = FeedbackWindow(window.run, "picture")
        feedback.resize(1280, 720)
        feedback.show()
        let_run(app, 2.0, feedback.refresh)
        save(feedback, "feedback-picture")
        feedback.close()
        window.close()


MOVEMENT = ("start", "traces", "decisions", "health", "log", "signal", "all", "light", "feedback")
VIEWS = (*MOVEMENT, "calibrate", "replay", "images")


def main() -> None:
    """Make those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("views", nargs="*", choices=(*VIEWS, []), help=f"of {', '.join(VIEWS)}; none: all")
    wanted = set(parser.parse_args().views) or set(VIEWS)
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    theme.apply(app, "dark")
    for make, names in (
        (movement, set(MOVEMENT)),
        (calibration, {"calibrate"}),
        (replay, {"replay"}),
        (images, {"images"}),
    ):
        if wanted & names:
            with tempfile.TemporaryDirectory(prefix="rtbci-pictures-") as scratch:
                make(app, Path(scratch), wanted)


if __name__ == "__main__":
    main()
