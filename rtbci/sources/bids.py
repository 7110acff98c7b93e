"""Recordings within a BIDS dataset: which there are, and what the files beside a recording say of it, by way of MNE-BIDS.

Within such a dataset the sidecars are the truth: ``events.tsv`` says what happened (`Marker.label` is ``trial_type``, or
``value`` where there is none), ``channels.tsv`` which kind and unit a channel has and which are bad. They are found by
BIDS' inheritance principle. BIDS specification 1.10, "Modality agnostic files" and "Electroencephalography";
S. Appelhoff et al., "MNE-BIDS", J. Open Source Software 4 (2019) 1896.
"""

from __future__ import annotations

import csv
import math
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtbci.errors import SourceError
from rtbci.sources.reader import FORMATS, broken, code_of, one_line
from rtbci.types import Marker

SUFFIXES = (".fif", ".edf", ".bdf", ".vhdr", ".set", ".con", ".sqd")
"""Those of the formats of EEG and MEG in BIDS that are understood."""
WITHOUT = "mne-bids is not installed; it comes with pip install 'rtbci[bids]'"

_DATATYPES = ("eeg", "meg")
_DESCRIPTION = "dataset_description.json"
_NO_VALUE = frozenset({"", "n/a", "nan"})


@dataclass(frozen=True, slots=True)
class Part:
    """A dataset, or what it has of one subject or session of it."""

    root: Path
    subject: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One recording of a dataset. ``run`` names whatever tells it from the others of its session, the task first."""

    path: Path
    subject: str
    session: str
    run: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A recording as its sidecars say.

    Attributes
    ----------
    raw : mne.io.Raw with types, bad channels and positions set.
    markers : what ``events.tsv`` says; None where there is none, and the recording's own are all there is.
    units : unit that ``channels.tsv`` gives, by name of the channels whose kind stands there.
    """

    raw: Any
    markers: tuple[Marker, ...] | None
    units: Mapping[str, str]


def part_of(folder: Path) -> Part | None:
    """Which (part of a) dataset ``folder`` is; None where it is none."""
    here = Path(os.path.abspath(folder))  # noqa: PTH100 - links stay: in an annexed dataset a file's target lies elsewhere
    subject = session = None
    if re.fullmatch(r"ses-[A-Za-z0-9+]+", here.name):
        session, here = here.name[4:], here.parent
    if re.fullmatch(r"sub-[A-Za-z0-9+]+", here.name):
        subject, here = here.name[4:], here.parent
    elif session is not None:
        return None
    return Part(here, subject, session) if (here / _DESCRIPTION).is_file() else None


def root_of(recording: Path) -> Path | None:
    """The dataset that ``recording`` lies in as one of its raw recordings; None where it lies in none."""
    here = Path(os.path.abspath(recording))  # noqa: PTH100
    if not here.name.startswith("sub-") or not here.name.lower().endswith(SUFFIXES):
        return None
    part = part_of(here.parent.parent) if here.parent.name in _DATATYPES else None
    return None if part is None or part.subject is None else part.root


def is_installed() -> bool:
    """Whether MNE-BIDS can be imported."""
    try:
        import mne_bids  # noqa: F401
    except ImportError:
        return False
    return True


def recordings(part: Part) -> tuple[Found, ...]:
    """The raw EEG and MEG recordings of ``part``, without empty rooms. Raises SourceError when there is none."""
    if not is_installed():
        raise SourceError(f"{part.root} is a BIDS dataset, but {WITHOUT}")
    import mne_bids

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            paths = mne_bids.find_matching_paths(
                part.root,
                subjects=part.subject,
                sessions=part.session,
                suffixes=list(_DATATYPES),
                datatypes=list(_DATATYPES),
                ignore_nosub=True,
            )
        except (OSError, LookupError, RuntimeError, ValueError) as error:
            raise SourceError(f"{part.root}: {one_line(error)}; a valid BIDS dataset would be right") from error
    signals = [path for path in paths if _is_signal(path)]
    known = [path for path in signals if path.extension.lower() in SUFFIXES and path.fpath.is_file()]
    if not known:
        others = ", ".join(sorted({path.extension for path in signals}))
        what = f"none that rtbci reads (they are {others})" if others else "none"
        where = "".join(f" {key}-{value}" for key, value in (("sub", part.subject), ("ses", part.session)) if value)
        raise SourceError(f"{part.root}{where}: of raw EEG and MEG recordings there is {what}; it reads {FORMATS}")
    telling = [
        key
        for key in ("datatype", "task", "acquisition", "processing", "recording")
        if len({getattr(path, key) for path in known}) > 1
    ]
    return tuple(
        Found(
            Path(path.fpath),
            path.subject,
            path.session or "1",
            "-".join([*(getattr(path, key) or "none" for key in telling), path.run or "1"]),
        )
        for path in known
    )


def _is_signal(path: Any) -> bool:
    """Whether a file with a recording's name is one: no sidecar, calibration, empty room or later part of a split one."""
    if path.extension in (
        None,
        ".json",
        ".tsv",
        ".eeg",
        ".vmrk",
        ".fdt",
        ".dat",
        ".mrk",
        ".elp",
        ".hsp",
        ".pos",
        ".txt",
    ):
        return False
    if path.subject == "emptyroom" or path.acquisition in ("calibration", "crosstalk"):
        return False
    return path.split is None or int(path.split) == 1


def read(recording: Path, root: Path) -> Opened:
    """Open ``recording`` of the dataset ``root``; MNE-BIDS must be installed. Raises SourceError."""
    import mne_bids

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            path = mne_bids.get_bids_path_from_fname(recording, check=False, verbose="error")
            path.update(root=root)
            extra = {"allow_maxshield": "yes"} if recording.suffix.lower() == ".fif" else {}
            raw = mne_bids.read_raw_bids(path, extra, on_ch_mismatch="reorder", verbose="error")
            events, channels = (
                path.find_matching_sidecar(suffix=suffix, extension=".tsv", on_error="ignore")
                for suffix in ("events", "channels")
            )
        except Exception as error:  # MNE raises Exception itself for what it does not know
            raise broken(recording, error) from error
    rows = [] if channels is None else _rows(Path(channels))
    units = {row["name"]: row.get("units", "") for row in rows if row.get("name") and row.get("type")}
    return Opened(
        raw,
        None if events is None else _markers(Path(events), float(raw.info["sfreq"]), int(raw.n_times)),
        units,
    )


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"cannot read {table}: {one_line(error)}; a table with tabs between, in UTF-8") from error
    return [{key: value.strip() for key, value in row.items() if isinstance(value, str)} for row in rows]


def _markers(table: Path, rate: float, n_samples: int) -> tuple[Marker, ...]:
    """What happened within the recording: ``onset`` is seconds from its first sample."""
    found = []
    for number, row in enumerate(_rows(table), start=2):
        label = _first(row, ("trial_type", "stim_type", "value"))
        onset = row.get("onset", "")
        if label is None or onset.lower() in _NO_VALUE:
            continue
        try:
            time = float(onset)
        except ValueError:
            raise SourceError(f'{table}, line {number}: onset is "{onset}"; seconds, or n/a, would be right') from None
        if math.isfinite(time) and -0.5 / rate <= time <= n_samples / rate:
            code = code_of(row.get("value", ""))
            found.append(Marker(time, label, code_of(label) if code is None else code, "annotations"))
    return tuple(found)


def _first(row: Mapping[str, str], columns: Sequence[str]) -> str | None:
    return next((row[key] for key in columns if row.get(key, "").lower() not in _NO_VALUE), None)
