"""Finished tasks on disk, one file each, so that an evaluation that was stopped goes on where it was.

``tasks/KEY.npz`` holds an `Outcome`: its arrays, and everything else as JSON; ``tasks/KEY.json`` what a `Claim` came to. KEY
is a hash of all that it depends on: the experiment, the decoder and the files that its arguments name, the fold, the
recordings' bytes and markers, the controls, and the code of rtbci and of the plugins.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci import config, plugins
from rtbci.argument_files import contents_of
from rtbci.bank import Bank
from rtbci.config import DecoderConfig, Experiment
from rtbci.errors import ConfigError, RtbciError
from rtbci.evaluation.nouns import Outcome, Part, Stretch
from rtbci.evaluation.task import Claim, Task
from rtbci.recording.session_folder import replace_text
from rtbci.retrieved import Found
from rtbci.trials import Trial

ARRAYS = ("time", "log_probs", "evidence", "answer", "truth", "spans", "cues", "seen_truth", "seen")


def key_of(task: Task, contents: Mapping[Path, str]) -> str:
    """What names ``task``: 40 hexadecimal digits. ``contents`` are the SHA-256 of the recordings by path."""
    experiment = config.loads(task.text, task.path)
    chosen = experiment.decoder(task.decoder)

    def part(one: Part) -> list[Any]:
        recorded = one.recorded
        return [contents[recorded.path], recorded.subject, recorded.session, recorded.run, one.start, one.stop]

    what = {
        **_of_experiment(experiment, chosen),
        "train": [part(one) for one in task.fold.train],
        "test": [part(one) for one in task.fold.test],
        "fold": [task.fold.name, task.fold.past],
        "controls": [task.shuffles, task.seed],
        **({"batched": True} if task.batched else {}),
    }
    return _hash(what)


def claim_key(claim: Claim, contents: Mapping[Path, str]) -> str:
    """What names ``claim``, as `key_of` does a task."""
    experiment = config.loads(claim.text, claim.path)
    chosen = experiment.decoder(claim.decoder)
    what = {
        **_of_experiment(experiment, chosen),
        "claim": [contents[one.path] for one in claim.recordings],
        "seed": claim.seed,
    }
    return _hash(what)


def _of_experiment(experiment: Experiment, chosen: DecoderConfig) -> dict[str, Any]:
    return {
        "decoder": asdict(chosen),
        **({"files": files} if (files := contents_of(chosen, experiment.base)) else {}),
        "source": asdict(experiment.source),
        "classes": {name: list(labels) for name, labels in experiment.classes.items()},
        "trial": asdict(experiment.trial),
        "evidence": asdict(experiment.evidence),
        **_of_bank(experiment),
        "markers": asdict(experiment.markers),
        "code": [code_of("rtbci"), *(_plugin_code(use, kind, experiment.base) for kind, use in _uses(chosen))],
    }


def _of_bank(experiment: Experiment) -> dict[str, Any]:
    """The bank that is searched, and how."""
    if experiment.bank is None:
        return {}
    return {"bank": [asdict(experiment.bank), Bank.open(experiment.resolve(experiment.bank.path)).entry()["sha256"]]}


def _hash(what: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:40]


def _uses(chosen: DecoderConfig) -> list[tuple[str, str]]:
    return [("decoders", chosen.use), *(("transforms", step.use) for step in chosen.transforms)]


def _plugin_code(use: str, kind: str, base: Path) -> str:
    """A hash of the code behind the plugin ``use``: its package, or its file."""
    if use.startswith((".", "/", "~")) or ".py:" in use:
        path = (base / Path(use.rsplit(":", 1)[0]).expanduser()).resolve()
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else use
    target = use if ":" in use else next((p.target for p in plugins.names(kind) if p.name == use), use)
    zoo = plugins.zoo_of(target)
    return "".join(code_of(one.split(":")[0].split(".")[0]) for one in (target, zoo) if one is not None)


@functools.cache
def code_of(package: str) -> str:
    """A hash of the Python files of ``package``."""
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        found = None
    if found is None or not found.origin:
        return package
    root = Path(found.origin)
    files = sorted(root.parent.rglob("*.py")) if root.name == "__init__.py" else [root]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(root.parent).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


class Store:
    """The folder of finished tasks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tasks"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"--out {folder}: cannot be made ({error.strerror}); a folder that you may write to would be right"
            ) from error

    def get(self, key: str) -> Outcome | dict[str, Any] | None:
        """What the task came to, or None where it has not been finished (or its file is damaged)."""
        path = self.folder / f"{key}.npz"
        try:
            if not path.exists():
                claim: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
                return claim
            with np.load(path, allow_pickle=False) as file:
                return _outcome(json.loads(str(file["about"])), file)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            return None

    def put(self, key: str, outcome: Outcome | dict[str, Any]) -> None:
        """Keep ``outcome``: whole or not at all."""
        if isinstance(outcome, dict):
            replace_text(self.folder / f"{key}.json", json.dumps(outcome))
            return
        arrays: dict[str, NDArray[Any]] = {"shuffled": outcome.shuffled, "time_only": outcome.time_only}
        for k, stretch in enumerate(outcome.stretches):
            arrays |= {f"{name}_{k}": getattr(stretch, name) for name in ARRAYS}
        temporary = self.folder / f".{key}.{os.getpid()}"
        try:
            with temporary.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, about=np.array(json.dumps(_about(outcome))), **arrays)
            temporary.replace(self.folder / f"{key}.npz")
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise RtbciError(
                f"{self.folder}: a finished task cannot be kept ({error.strerror}); a disk with room would be right"
            ) from error


def _about(outcome: Outcome) -> dict[str, Any]:
    plain = {
        field.name: getattr(outcome, field.name)
        for field in fields(outcome)
        if field.name not in ("stretches", "shuffled", "time_only")
    }
    plain["stretches"] = [
        {
            "recording": stretch.recording,
            "seconds": stretch.seconds,
            "began": stretch.began,
            "trials": [trial.as_json() for trial in stretch.trials],
            "found": [found.as_json() for found in stretch.found],
        }
        for stretch in outcome.stretches
    ]
    return plain


def _outcome(about: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Outcome:
    stretches: Sequence[dict[str, Any]] = about.pop("stretches")
    about["classes"] = tuple(about["classes"])
    about["notes"] = tuple(about["notes"])
    about["control_top1"] = {kind: tuple(tops) for kind, tops in about["control_top1"].items()}
    return Outcome(
        **about,
        stretches=tuple(
            Stretch(
                recording=stretch["recording"],
                seconds=stretch["seconds"],
                began=stretch["began"],
                trials=tuple(Trial.from_json(trial) for trial in stretch["trials"]),
                found=tuple(Found.from_json(found) for found in stretch["found"]),
                **{name: arrays[f"{name}_{k}"] for name in ARRAYS},
            )
            for k, stretch in enumerate(stretches)
        ),
        shuffled=arrays["shuffled"],
        time_only=arrays["time_only"],
    )
