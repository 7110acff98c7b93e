"""Where a calibration finds its experiment and its recordings, and where it keeps what it makes. No Qt here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from glob import escape
from pathlib import Path

from rtbci.config import Experiment
from rtbci.types import Marker
from rtbci_ui.status import Status


def experiment_of(status: Status | None) -> Path | None:
    """The experiment's file: the one that the session was started with, or the copy that it keeps."""
    if status is None:
        return None
    own = Path(status.experiment) if status.experiment else None
    folder = status.session_folder
    # a relative path is one of the session's own working folder, which need not be ours: sessions lie beside the experiment
    tried = (
        [] if own is None else [own] if own.is_absolute() or folder is None else [folder.parent.parent / own.name, own]
    )
    for path in tried:
        if path.is_file():
            return path.absolute()
    copy = folder / "experiment.toml" if folder is not None else None
    return copy if copy is not None and copy.is_file() else None


def recordings_of(status: Status | None) -> tuple[Path, ...]:
    """What the session has recorded so far, part after part; one that is still being written can be read, too."""
    if status is None:
        return ()
    found: list[Path] = []
    folder = status.session_folder
    if folder is not None:
        try:
            parts = json.loads((folder / "session.json").read_text(encoding="utf-8")).get("parts") or []
            found += [folder / str(part["file"]) for part in parts]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            found = []  # it is being written, or of an old session: the status names the recording
    if status.recording.path:
        now = Path(status.recording.path)
        if folder is not None and not now.is_absolute():
            now = folder / now.name
        found.append(now)
    there = {path.resolve(): path for path in found if path.is_file()}
    return tuple(there.values())


@dataclass(frozen=True, slots=True)
class Places:
    """Files of one training, all with its time in their names; they lie beside the experiment."""

    experiment: Path
    model: Path
    folder: Path

    @classmethod
    def beside(cls, experiment: Path, now: datetime | None = None) -> Places:
        """New places for ``experiment``."""
        stamp = f"{now or datetime.now():%Y%m%d-%H%M%S}"
        base = experiment.parent
        return cls(
            experiment, base / f"{experiment.stem}-{stamp}.rtbci", base / "calibrations" / f"{experiment.stem}-{stamp}"
        )

    @property
    def maps(self) -> Path:
        """Feature maps."""
        return self.folder / "maps.npz"

    @property
    def validation(self) -> Path:
        """Feature maps that the validation of a choice makes; what it evaluates lies in the folder of that name."""
        return self.folder / "choice.npz"

    @property
    def evaluation(self) -> Path:
        """Folder of the evaluation and its report."""
        return self.folder / "evaluation"

    @property
    def choice(self) -> Path:
        """Experiment with chosen channels and band."""
        return self.experiment.with_name(f"{self.model.stem}-chosen.toml")

    def clear_evaluation(self) -> None:
        """Remove what an evaluation, or a validation of a choice, has half made."""
        for folder in (self.evaluation, self.validation.with_suffix("")):
            shutil.rmtree(folder, ignore_errors=True)

    def clear(self, *, model: bool) -> None:
        """Remove what a cancelled training has left: its folder, with ``model`` what belongs to the model, too."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()
        if model:
            for left in self.model.parent.glob(f"*{escape(self.model.name)}*"):
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)


def counts(markers: Iterable[Marker], experiment: Experiment) -> dict[str, int]:
    """Markers of each class, by its name."""
    found = {name: 0 for name, labels in experiment.classes.items() if labels}
    for marker in markers:
        name = experiment.label_of(marker.label)
        if name in found:
            found[name] += 1
    return found


def last_trial(markers: Sequence[Marker], experiment: Experiment) -> float | None:
    """When the newest trial ended or will end, on the source's clock in seconds; None before the first."""
    ends = [config.offset + config.window for config in experiment.decoders if config.lock is not None]
    after = max(ends) if ends and len(ends) == len(experiment.decoders) else experiment.trial.stop
    for marker in reversed(markers):
        if experiment.label_of(marker.label) is not None:
            return marker.time + after
    return None
