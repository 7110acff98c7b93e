"""Recordings that MNE-Python reads: FIF, EDF, BDF, GDF, BrainVision, EEGLAB and KIT, block by block from disk.

Time is seconds from the first sample (index / rate), whatever ``first_samp`` says. MNE's SI values are brought to rtbci's
units in float64 and rounded once. Markers are annotations, and either the events of a sidecar ``-eve.fif`` or the steps of
the trigger channel; trigger channels are not signal. Within a BIDS dataset its sidecars say what markers and channels are.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import SourceError
from rtbci.sources import bids
from rtbci.sources.lsl_header import kind_by_name
from rtbci.sources.reader import broken, check_names, chosen, code_of, header_wins
from rtbci.types import STANDARD_UNITS, Channel, Marker, Samples, StreamInfo, Times

SUFFIXES = (".fif", ".fif.gz", ".edf", ".bdf", ".gdf", ".vhdr", ".set", ".con", ".sqd")
"""File names that MNE reads here."""

_FACTORS = {"uV": 1e6, "fT": 1e15, "fT/cm": 1e13}
_MICROVOLTS = {"V": 1e6, "mV": 1e3, "uV": 1.0, "µV": 1.0, "μV": 1.0, "nV": 1e-3}
_NO_SIGNAL = frozenset({"stim", "syst", "exci", "ias", "chpi", "gof", "dipole", "resp"})
_VOLT = 107
_UNIT_WORDS = {107: "V", 112: "T", 201: "T/m", 6: "degC", 7: "lm"}
"""FIFF unit codes (mne.io.constants.FIFF.FIFF_UNIT_*) of kinds that keep their unit."""


class MneReader:
    """One recording behind `rtbci.sources.reader.Reader`; raises SourceError where MNE cannot read it."""

    def __init__(self, path: Path, channels: Sequence[str] = (), markers: Sequence[str] | None = None) -> None:
        import mne

        self._path = path
        self._mne = mne
        notes: list[str] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # file naming advice and filter settings of the amplifier
            self._beside = self._open_raw(notes)
        raw, beside = self._raw, self._beside
        kinds = [_kind(mne.channel_type(raw.info, i), entry, beside) for i, entry in enumerate(raw.info["chs"])]
        self._picks = [i for i, kind in enumerate(kinds) if kind not in _NO_SIGNAL]
        self.rate = float(raw.info["sfreq"])
        self.n_samples = int(raw.n_times) if self._picks else 0
        names = [str(raw.ch_names[i]) for i in self._picks]
        check_names(path, names, channels)
        notes += header_wins(names, channels)
        by_name = [
            name for i, name in zip(self._picks, names, strict=True) if kinds[i] != mne.channel_type(raw.info, i)
        ]
        if by_name:
            notes.append(f"Taken for what their names or units say, not for EEG: {', '.join(by_name[:4])}.")
        self._factors = np.ones(len(self._picks))
        made: list[Channel] = []
        unitless, assumed = _without_unit(path, raw), list[str]()
        for row, (i, name) in enumerate(zip(self._picks, names, strict=True)):
            entry = raw.info["chs"][i]
            unit = STANDARD_UNITS.get(kinds[i])
            if unit is not None:
                self._factors[row] = _FACTORS[unit]
            if unit == "uV" and name in unitless:
                beside_unit = "" if beside is None else beside.units.get(name, "")
                self._factors[row] = _MICROVOLTS.get(beside_unit, 1.0)
                assumed += [name] if beside_unit not in _MICROVOLTS else []
            made.append(Channel(name, kinds[i], unit or _UNIT_WORDS.get(int(entry["unit"]), ""), _position(entry)))
        if assumed:
            notes.append(f"No unit that is understood, taken as uV: {', '.join(assumed[:4])}.")
        if raw.info.get("maxshield"):
            notes.append("Recorded with internal active shielding and not yet cleaned by MaxFilter.")
        self.info = StreamInfo(
            name=_stem(path),
            rate=self.rate,
            channels=tuple(made),
            type="MEG" if {"mag", "grad"} & set(kinds) else "EEG",
            bads=frozenset(raw.info["bads"]) & frozenset(names),
            notes=tuple(notes),
        )
        try:
            found, there = self._find_markers(kinds)
        except Exception as error:  # MNE raises Exception itself for what it does not know
            raise broken(path, error) from error
        self.marker_streams = there
        self.markers = chosen(path, found, markers, there)

    def _open_raw(self, notes: list[str]) -> bids.Opened | None:
        """Open the recording; what its BIDS dataset says of it, where it lies in one."""
        path, mne = self._path, self._mne
        root = bids.root_of(path)
        if root is not None and bids.is_installed():
            beside = bids.read(path, root)
            self._raw = beside.raw
            return beside
        if root is not None:
            notes.append(f"The recording's events.tsv and channels.tsv are not used: {bids.WITHOUT}.")
        try:
            if path.name.endswith((".fif", ".fif.gz")):
                self._raw = mne.io.read_raw_fif(path, allow_maxshield="yes", verbose="error")
            else:
                self._raw = mne.io.read_raw(path, preload=False, verbose="error")
        except Exception as error:  # MNE raises Exception itself for what it does not know
            raise broken(path, error) from error
        return None

    def _find_markers(self, kinds: Sequence[str]) -> tuple[list[Marker], list[str]]:
        raw = self._raw
        found, there = [], []
        if self._beside is not None and self._beside.markers is not None:
            return list(self._beside.markers), ["annotations"]
        if len(raw.annotations):
            there.append("annotations")
            for onset, label in zip(raw.annotations.onset, raw.annotations.description, strict=True):
                # onsets count from the measurement's start, of which the file may hold a later part
                found.append(Marker(float(onset - raw.first_time), str(label), code_of(str(label)), "annotations"))
        sidecar = find_sidecar(self._path)
        if sidecar is not None:
            stream = sidecar.name
            events = self._mne.read_events(sidecar, verbose="error")
        elif "stim" in kinds and self.n_samples:
            stream, events = self._trigger_events(kinds)
        else:
            return found, there
        there.append(stream)
        for sample, _, code in events:
            if code != 0:
                time = (int(sample) - raw.first_samp) / self.rate
                found.append(Marker(time, str(int(code)), int(code), stream))
        return found, there

    def _trigger_events(self, kinds: Sequence[str]) -> tuple[str, NDArray[np.int64]]:
        stims = [str(self._raw.ch_names[i]) for i, kind in enumerate(kinds) if kind == "stim"]
        # the channel that sums up the others, as MNE chooses it (FieldTrip and Neuromag names)
        stream = next((name for name in ("STI101", "STI 014", "STI014") if name in stims), stims[0])
        # a sum of trigger bits falls through codes that nobody sent; elsewhere each new value is a new event
        consecutive: bool | str = "increasing" if stream.startswith("STI") else True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            events = self._mne.find_events(
                self._raw, stim_channel=stream, shortest_event=1, consecutive=consecutive, verbose="error"
            )
        return stream, np.asarray(events, np.int64)

    def samples(self, start: int, stop: int) -> Samples:
        """Samples ``start`` to ``stop``: (stop - start, n_channels) float32 in rtbci's units. Raises SourceError."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                values = self._raw.get_data(picks=self._picks, start=start, stop=stop, verbose="error")
            except Exception as error:  # MNE raises Exception itself for what it does not know
                raise broken(self._path, error) from error
        if values.shape[1] != stop - start:
            raise SourceError(f"{self._path} ends within samples {start} to {stop}; the file has been cut short")
        return np.ascontiguousarray((values * self._factors[:, None]).T, np.float32)

    def times(self, start: int, stop: int) -> Times:
        """Seconds since the first sample."""
        return np.arange(start, stop) / self.rate

    def close(self) -> None:
        """Close the file."""
        self._raw.close()


def find_sidecar(path: Path) -> Path | None:
    """The events file that belongs to the FIF recording ``path`` (``x_raw.fif``: ``x-eve.fif`` or ``x_raw-eve.fif``)."""
    if not path.name.endswith((".fif", ".fif.gz")):
        return None
    stem = path.name.removesuffix(".gz").removesuffix(".fif")
    bases = [stem, *(stem.removesuffix(end) for end in ("_raw", "-raw", "_meg", "_eeg") if stem.endswith(end))]
    for base in bases:
        for end in ("-eve.fif", "_eve.fif", "-eve.fif.gz"):
            sidecar = path.with_name(base + end)
            if sidecar.is_file():
                return sidecar
    return None


def _stem(path: Path) -> str:
    """The file's name without its suffix, which may be double; a name may have other dots in it."""
    lower = path.name.lower()
    return path.name[: -max(len(suffix) for suffix in SUFFIXES if lower.endswith(suffix))]


def _kind(kind: str, entry: Any, beside: bids.Opened | None) -> str:
    """MNE's channel type; where the format has none and MNE says EEG of all, what the name or a missing unit says.

    A type that stands ``beside`` the recording is no guess of MNE's.
    """
    name = str(entry["ch_name"])
    if kind != "eeg" or (beside is not None and name in beside.units):
        return kind
    named = kind_by_name(name)
    if named is not None:
        # a trigger line that MNE takes for EEG has been scaled as a voltage: its codes are gone
        return "misc" if named == "stim" else named
    return "eeg" if int(entry["unit"]) == _VOLT else "misc"


def _without_unit(path: Path, raw: Any) -> frozenset[str]:
    """Channels of an EDF or BDF whose physical dimension is empty or unknown: MNE takes their values for volts."""
    if not path.name.lower().endswith((".edf", ".bdf")):
        return frozenset()
    # MNE has no public word for it
    return frozenset(name for name, unit in (raw._orig_units or {}).items() if unit in ("", "n/a"))


def _position(entry: Any) -> tuple[float, float, float] | None:
    at = np.asarray(entry["loc"][:3], np.float64)
    if not np.all(np.isfinite(at)) or not np.any(at):
        return None
    return float(at[0]), float(at[1]), float(at[2])
