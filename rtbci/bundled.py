"""What comes with rtbci: a calibration recording of a simulated subject, its experiment, and the subject itself.

``replay_data/generate.py`` made the recording from `demo_subject`, and makes it again.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from rtbci.errors import SourceError
from rtbci.sources.synthetic import SyntheticSource

CALIBRATION_SEED = 1
CALIBRATION_TRIALS = 20
"""Of each class."""
CHANNELS = ("Fp1", "Fp2", "F3", "Fz", "F4", "T7", "C3", "Cz", "C4", "T8", "P3", "Pz", "P4", "O1", "Oz", "O2")
RATE = 160.0
SUBJECT = 7
SNR = 0.6
"""Chosen so that the subject decodes like a good real one: about nine trials in ten, not all."""


def folder() -> Path:
    """The folder of the bundled recording, in a checkout or in an installed package. Raises SourceError."""
    package = Path(__file__).resolve().parent
    for base in (package / "replay_data", package.parent / "replay_data"):
        if (base / "fists_or_feet").is_dir():
            return base / "fists_or_feet"
    raise SourceError(f"the bundled recording is not at {package / 'replay_data'}; install rtbci again")


def calibration() -> Path:
    """The calibration recording: EDF+, 16 channels, 160 Hz, 20 trials of fists (T1) and 20 of feet (T2)."""
    return folder() / "calibration.edf"


def experiment() -> Path:
    """The experiment that goes with it."""
    return folder() / "experiment.toml"


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


def write_demo_experiment(where: Path, stream: str) -> Path:
    """Write the bundled experiment to the folder ``where``, made to listen to the stream of that name only."""
    import tomlkit

    document = tomlkit.parse(experiment().read_text(encoding="utf-8"))
    document["source"]["name"] = stream
    document["markers"] = {"streams": [f"{stream} markers"]}  # not those of a demo on the next screen
    path = where / "experiment.toml"
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    return path


def demo_session_folder() -> Path:
    """A new, empty folder for the session of a demo, among the machine's temporary files."""
    return Path(tempfile.mkdtemp(prefix="rtbci-demo-session-"))
