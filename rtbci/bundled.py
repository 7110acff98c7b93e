"""What comes with rtbci: calibration recordings of simulated people, their experiments, and the people themselves.

One imagines moving fists and feet, the other looks at pictures of a bank that comes along. ``replay_data/generate.py`` made
the recordings from `demo_subject` and `demo_viewer`, and makes them again.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from rtbci.bank import Bank
from rtbci.bank.drawing import SHAPES
from rtbci.errors import SourceError
from rtbci.sources.synthetic import SyntheticSource
from rtbci.sources.viewer import Viewer

FISTS_OR_FEET, PICTURES = "fists_or_feet", "pictures"
"""What is bundled, by the name of its folder."""
CALIBRATION_SEED = 1
CALIBRATION_TRIALS = 20
"""Of each class."""
CHANNELS = ("Fp1", "Fp2", "F3", "Fz", "F4", "T7", "C3", "Cz", "C4", "T8", "P3", "Pz", "P4", "O1", "Oz", "O2")
RATE = 160.0
SUBJECT = 7
SNR = 0.6
"""Chosen so that the subject decodes like a good real one: about nine trials in ten, not all."""
VIEWER_CHANNELS = (
    "Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "FC5", "FC6", "T7", "C3", "Cz", "C4", "T8", "TP7", "CP5", "CPz", "CP6",
    "TP8", "P7", "P5", "P3", "Pz", "P4", "P6", "P8", "PO7", "POz", "PO8", "O1", "Oz", "O2",
)  # fmt: skip
VIEWER_RATE = 128.0
VIEWER_CALIBRATION_COUNT = 480
"""Shown in the calibration recording: each of `calibration_pictures` three times."""
NEVER_CALIBRATED = 5
"""One of so many pictures does not come in the calibration recording."""
VIEWER_SUBJECT = 11
VIEWER_SNR = 1.0
"""Chosen so that the right picture of 200 comes first at about every second presentation; no person is read like that."""
DEMO_TIMEOUT = 60.0
"""Seconds in which the simulated person must have begun to stream: on a busy machine a process takes 20 to start."""


def folder(name: str = FISTS_OR_FEET) -> Path:
    """The folder of a bundled recording, in a checkout or in an installed package. Raises SourceError."""
    package = Path(__file__).resolve().parent
    for base in (package / "replay_data", package.parent / "replay_data"):
        if (base / name).is_dir():
            return base / name
    raise SourceError(f"the bundled recording is not at {package / 'replay_data' / name}; install rtbci again")


def calibration(name: str = FISTS_OR_FEET) -> Path:
    """A calibration recording, EDF+.

    Of fists or feet: 16 channels, 160 Hz, 20 trials of fists (T1) and 20 of feet (T2). Of pictures: 32 channels, 128 Hz,
    480 presentations, each marked with the picture's id.
    """
    return folder(name) / "calibration.edf"


def experiment(name: str = FISTS_OR_FEET) -> Path:
    """The experiment that goes with a calibration recording."""
    return folder(name) / "experiment.toml"


def pictures() -> Path:
    """The bank of 200 drawn pictures."""
    return folder(PICTURES) / "pictures.bank"


def calibration_pictures(bank: Path | None = None) -> tuple[str, ...]:
    """Ids of the pictures that the calibration recording shows: the others no decoder was trained on.

    ``bank`` is the bundled one unless it is given.
    """
    items = Bank.open(bank or pictures()).items
    # shapes take turns in the bank: each is left out as often as any other
    return tuple(item.id for number, item in enumerate(items) if (number + number // len(SHAPES)) % NEVER_CALIBRATED)


def demo_subject(seed: int, *, trials: int | None = None, speed: float | None = None) -> SyntheticSource:
    """Run number ``seed`` of the subject of the calibration recording; without ``trials`` it goes on for ever.

    Run `CALIBRATION_SEED` is the recording itself: take another to see what was learnt from it.
    """
    return SyntheticSource(
        seed=seed,
        channels=CHANNELS,
        rate=RATE,
        classes=("fists", "feet"),
        trials=trials,
        snr=SNR,
        subject=SUBJECT,
        speed=speed,
        name="simulated subject",
    )


def demo_viewer(seed: int, *, count: int | None = None, speed: float | None = None, bank: Path | None = None) -> Viewer:
    """Run number ``seed`` of the viewer of the calibration recording; without a ``count`` of pictures it goes on for ever.

    Run `CALIBRATION_SEED` is the recording itself, and shows `calibration_pictures`; any other shows all of the ``bank``,
    which is the bundled one unless it is given.
    """
    bank = bank or pictures()
    return Viewer(
        bank=bank,
        seed=seed,
        channels=VIEWER_CHANNELS,
        rate=VIEWER_RATE,
        pictures=count,
        items=calibration_pictures(bank) if seed == CALIBRATION_SEED else None,
        every=1.1,
        snr=VIEWER_SNR,
        subject=VIEWER_SUBJECT,
        speed=speed,
        name="simulated viewer",
    )


def write_demo_experiment(where: Path, stream: str, name: str = FISTS_OR_FEET) -> Path:
    """Write a bundled experiment to the folder ``where``, made to listen to the stream of that name only."""
    import tomlkit

    document = tomlkit.parse(experiment(name).read_text(encoding="utf-8"))
    document["source"]["name"] = stream
    document["source"]["timeout"] = DEMO_TIMEOUT
    document["markers"] = {"streams": [f"{stream} markers"]}  # not those of a demo on the next screen
    if "bank" in document:
        bank = str(experiment(name).parent / str(document["bank"]["path"]))
        document["bank"]["path"] = bank
        for decoder in document["decoder"]:
            decoder["targets"] = bank
    path = where / "experiment.toml"
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    return path


def generator() -> Path:
    """Where the generator of the bundled bank is kept once it was trained: it is larger than the bank itself."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = str(Bank.open(pictures()).entry()["sha256"])[:12]
    return cache / "rtbci" / f"pictures-{digest}.generator"


def add_renderer(path: Path, generator: Path) -> None:
    """Let the experiment at ``path`` draw what is seen with the trained ``generator``."""
    import tomlkit

    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    document["renderer"] = {"use": "generator", "path": str(generator)}
    path.write_text(tomlkit.dumps(document), encoding="utf-8")


def demo_session_folder() -> Path:
    """A new, empty folder for the session of a demo, among the machine's temporary files."""
    return Path(tempfile.mkdtemp(prefix="rtbci-demo-session-"))
