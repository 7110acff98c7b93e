"""What an LSL stream's header says of its channels: names, kinds, units, positions, as MNE and rtbci name them.

Headers in the field are written by many hands: by the XDF meta-data specification (``label``, ``type``, ``unit``,
``location``), by mne-lsl (``loc``, and units as powers of ten), or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import SourceError
from rtbci.types import STANDARD_UNITS, Channel

_KINDS = {
    "eeg": "eeg", "meg": "meg", "mag": "mag", "megmag": "mag", "grad": "grad", "meggrad": "grad", "eog": "eog",
    "veog": "eog", "heog": "eog", "ecg": "ecg", "ekg": "ecg", "emg": "emg", "stim": "stim", "trig": "stim",
    "trigger": "stim", "triggers": "stim", "status": "stim", "marker": "stim", "markers": "stim", "misc": "misc",
    "aux": "misc",
}  # fmt: skip
MARKER_TYPES = frozenset(
    {"marker", "markers", "event", "events", "annotation", "annotations", "stim", "trigger", "triggers"}
)
"""Stream types, in lower case, that hold markers (the XDF specification's, and those that are met in the field)."""
_CODES_NAME = re.compile(r"^(STI\b|STI ?\d|STATUS$)", re.IGNORECASE)
_STIM_NAME = re.compile(r"^(STI\b|STI ?\d|STIM|TRI?G|STATUS$)", re.IGNORECASE)
_KIND_NAME = re.compile(r"^[HV]?(EOG|ECG|EMG)", re.IGNORECASE)
_SPARE_NAME = re.compile(r"(^|[^A-Z])AUX([^A-Z]|$)", re.IGNORECASE)
"""An amplifier's spare input (Muse: "AUX_RIGHT", "Right AUX"): most often nothing is plugged into it."""

_PREFIXES = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
_WORDS = {
    "volt": "V", "volts": "V", "millivolt": "mV", "millivolts": "mV", "microvolt": "uV", "microvolts": "uV",
    "nanovolt": "nV", "nanovolts": "nV", "tesla": "T", "teslas": "T", "femtotesla": "fT", "picotesla": "pT",
}  # fmt: skip
_UNIT = re.compile(r"^([munpf]?)([VT])(?:/(c?m))?$")
_SI = {"uV": 1e-6, "fT": 1e-15, "fT/cm": 1e-13}
"""Size of rtbci's units in V, T and T/m."""
_NO_UNIT = {"", "none", "na", "n/a", "nan", "unknown", "null"}


@dataclass(frozen=True, slots=True)
class Header:
    """Channels as they come out of the source, and what turns the sender's numbers into them.

    ``factors`` is (n_channels,) float32; ``notes`` are sentences for a person.
    """

    channels: tuple[Channel, ...]
    factors: NDArray[np.float32]
    notes: tuple[str, ...]


def holds_markers(stream_type: str, is_text: bool) -> bool:
    """Whether a stream is one of markers: all text is, whatever its type ("LSL_Marker_Strings"); numbers where it says so.

    One rule for recordings and live streams, so that what was trained on is heard live.
    """
    return is_text or stream_type.strip().lower() in MARKER_TYPES


def kind_by_name(label: str) -> str | None:
    """What the name says of a channel: eog, ecg, emg, stim or misc; None where it says nothing."""
    if _STIM_NAME.match(label):
        return "stim"
    by_name = _KIND_NAME.match(label)
    if by_name:
        return by_name.group(1).lower()
    return "misc" if _SPARE_NAME.search(label) else None


def unit_factor(unit: str, kind: str) -> float | None:
    """Say by what a number in ``unit`` must be multiplied to be in ``STANDARD_UNITS[kind]``; None for a foreign unit.

    ``unit`` may be written out ("microvolts"), be "SI" (V, T or T/m, as the kind asks) or a power of ten relative to SI
    ("-6", as mne-lsl writes it after MNE's ``unit_mul``).
    """
    standard = _SI[STANDARD_UNITS[kind]]
    text = unit.strip().replace("\u00b5", "u").replace("\u03bc", "u")
    text = _WORDS.get(text.lower(), text)
    if text.upper() == "SI":
        return _tidy(1.0 / standard)
    if re.fullmatch(r"-?\d{1,2}", text):
        return _tidy(10.0 ** int(text) / standard)
    found = _UNIT.match(text)
    if found is None:
        return None
    prefix, base, per = found.groups()
    if base != ("V" if STANDARD_UNITS[kind] == "uV" else "T") or (per is not None) != (kind == "grad"):
        return None
    return _tidy(_PREFIXES[prefix] * (100.0 if per == "cm" else 1.0) / standard)


def _tidy(factor: float) -> float:
    """Remove the rounding of a quotient of powers of ten, so that 1 is exactly 1."""
    return float(f"{factor:.12g}")


def is_known_unit(unit: str) -> bool:
    """Whether `unit_factor` understands ``unit`` for at least one kind of channel."""
    return any(unit_factor(unit, kind) is not None for kind in STANDARD_UNITS)


def read_header(
    xml: str, n_channels: int, stream_type: str, names: Sequence[str] = (), unit: str | None = None
) -> Header:
    """Read the full header of a stream.

    Parameters
    ----------
    xml : the stream's description as liblsl gives it.
    n_channels : channels that the stream sends.
    stream_type : type of the stream, from which channels without a type take theirs.
    names : channel names to use where the header has none.
    unit : unit of all channels that have a standard unit, instead of what the header says.

    Raises
    ------
    SourceError
        When ``names`` are not as many as the channels or not unique, when the header cannot be parsed, or when it gives
        magnetometers or gradiometers no unit that rtbci can convert.
    """
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise SourceError(f"the stream's header is not XML ({error}); the sender must mend its description") from error
    nodes = root.findall("desc/channels/channel")
    notes: list[str] = []
    if nodes and len(nodes) != n_channels:
        notes.append(f"The header describes {len(nodes)} channels, the stream sends {n_channels}: it is not used.")
        nodes = []
    labels = [_text(node, "label") or _text(node, "name") for node in nodes]
    if names and labels == [str(i + 1) for i in range(len(labels))]:
        labels = []  # running numbers name nothing: the player sends them for a recording without names
    if any(labels):
        labels = [label or str(i + 1) for i, label in enumerate(labels)]
        if names and list(names) != labels:
            notes.append("The stream's header names its channels: the experiment's names are not used.")
    elif names:
        if len(names) != n_channels:
            raise SourceError(
                f"channels = [{len(names)} names]: the stream sends {n_channels} channels; give {n_channels} names"
            )
        labels = list(names)
    else:
        labels = [str(i + 1) for i in range(n_channels)]
        notes.append(f"The header names no channels: they are called 1 to {n_channels}.")
    if len(set(labels)) != len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        labels = [f"{label}-{i + 1}" if labels.count(label) > 1 else label for i, label in enumerate(labels)]
        notes.append(f"Several channels are called {twice!r}: their position was added to the name.")
    channels: list[Channel] = []
    factors = np.ones(n_channels, np.float32)
    assumed: list[str] = []
    foreign: dict[str, list[str]] = {}
    for i, label in enumerate(labels):
        node = nodes[i] if nodes else None
        sent = _text(node, "unit")
        kind = _kind(label, _text(node, "type"), stream_type, sent)
        if kind not in STANDARD_UNITS:
            bare = sent.lower() in _NO_UNIT or re.fullmatch(r"-?\d{1,2}", sent)  # a power of ten is no unit by itself
            channels.append(Channel(label, kind, "" if bare else sent, _position(node)))
            continue
        given = sent if unit is None else unit
        factor = unit_factor(given, kind)
        if factor is None and unit == "T" and kind == "grad":
            factor = unit_factor("SI", kind)
        if factor is None and kind in ("mag", "grad"):
            raise SourceError(
                f"channel {label!r} ({kind}) has the unit {given!r}; set unit in [source] to "
                f'"{STANDARD_UNITS[kind]}", or to "SI" for T and T/m'
            )
        if factor is None:
            factor = 1.0
            if given.lower() in _NO_UNIT:
                assumed.append(label)
            else:
                foreign.setdefault(given, []).append(label)
        factors[i] = factor
        channels.append(Channel(label, kind, STANDARD_UNITS[kind], _position(node)))
    if assumed:
        notes.append(f"{_some(assumed)} without a unit: taken as uV.")
    notes += [f"{_some(those)} in {word!r}, which is not converted: taken as uV." for word, those in foreign.items()]
    return Header(tuple(channels), factors, tuple(notes))


def _text(node: ElementTree.Element | None, child: str) -> str:
    return "" if node is None else (node.findtext(child) or "").strip()


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3]) + (", \u2026" if len(names) > 3 else "")
    return f"{len(names)} channel{'s' if len(names) > 1 else ''} ({shown})"


def _kind(label: str, sent: str, stream_type: str, unit: str) -> str:
    """MNE's channel type, from what the header says, else from the name, else from the stream."""
    kind = _KINDS.get(sent.lower(), "misc" if sent else "")
    by_name = kind_by_name(label)
    # a line that is called a trigger but sent as "misc" is the voltage on it (KIT), not a code
    if (kind in ("", "eeg", "meg") and by_name == "stim") or (kind == "misc" and _CODES_NAME.match(label)):
        return "stim"
    if by_name is not None and (not kind or (kind == "eeg" and by_name == "misc")):
        return by_name
    kind = kind or _KINDS.get(stream_type.lower(), "misc")
    if kind == "meg":
        # Neuromag triplets: names ending in 2 and 3 are planar gradiometers; elsewhere the unit tells
        planar = re.fullmatch(r"MEG ?\d{3}[23]", label) is not None
        return "grad" if "/" in unit or planar else "mag"
    return kind


def _position(node: ElementTree.Element | None) -> tuple[float, float, float] | None:
    """Metres in head coordinates, from ``location/X`` (millimetres in the XDF specification) or mne-lsl's ``loc/R0x``."""
    if node is None:
        return None
    for parent, keys in (("location", ("X", "Y", "Z")), ("loc", ("R0x", "R0y", "R0z"))):
        try:
            x, y, z = (float(_text(node.find(parent), key)) for key in keys)
        except ValueError:
            continue
        if not np.isfinite((x, y, z)).all() or (x, y, z) == (0.0, 0.0, 0.0):
            continue
        # a head is some 90 mm or 0.09 m in radius: numbers of that size tell the unit where a sender did not follow it
        to_metres = 1e-3 if parent == "location" and max(abs(x), abs(y), abs(z)) > 1.0 else 1.0
        return (x * to_metres, y * to_metres, z * to_metres)
    return None
