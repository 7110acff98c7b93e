"""What a stream is, held against the stream that a model was trained on, in plain words.

`rtbci.signature.match` decides; it is asked for single channels too, to say what exactly is missing and where it may be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rtbci.compatibility import DIFFERS, FITS, NOTE, Finding
from rtbci.config import DecoderConfig, Experiment
from rtbci.config_file import names
from rtbci.errors import ModelMismatch
from rtbci.montage import electrode
from rtbci.signature import Signature, match
from rtbci.types import Channel, Marker, StreamInfo

NEAR = 0.01
"""Metres between an electrode that is missing and one of the stream that is said to lie in its place."""


def signature_in(entry: Mapping[str, Any]) -> Signature:
    """The stream that the model of a manifest's ``entry`` was trained on."""
    return Signature(float(entry["rate"]), tuple(Channel(*channel) for channel in entry["channels"]))


def of_stream(info: StreamInfo, what: str) -> list[Finding]:
    """What the stream is; ``what`` is how it is called: "stream" or "recording"."""
    text = f"{what} {info.name!r} ({info.type or 'no type'}): {info.n_channels} channels, {info.rate:g} Hz"
    return [Finding(FITS, "stream", text), *(Finding(NOTE, "stream", f"{what}: {note}") for note in info.notes)]


def of_signature(decoder: str, signature: Signature, info: StreamInfo) -> tuple[list[Finding], tuple[int, ...] | None]:
    """Whether a model fits a stream: what was found, and its channels in the stream (None where it does not fit)."""
    found = [_rate(decoder, signature, info)]
    present, missing = _present(signature, info)
    found += [Finding(DIFFERS, "channels", text, decoder) for text in _where(missing, present, info)]
    units = [
        f"{info.channels[i].name} comes in {info.channels[i].unit or 'no unit'}, it was {wanted.unit or 'none'} in training"
        for wanted, i in present
        if info.channels[i].unit != wanted.unit
    ]
    if units:
        text = f"units: {names(units, 4)}; the unit in the amplifier's settings, or unit = … in [source], would mend it"
        found.append(Finding(DIFFERS, "units", text, decoder))
    try:
        fitted = match(signature, info)
    except ModelMismatch as error:
        if all(finding.verdict != DIFFERS for finding in found):
            found.append(Finding(DIFFERS, "channels", str(error), decoder))
        return found, None
    words = f"all {len(fitted.indices)} channels of the model are there, in its units"
    found.append(Finding(FITS, "channels", words, decoder))
    found += [Finding(NOTE, "channels", note, decoder) for note in fitted.notes]
    return found, fitted.indices


def _rate(decoder: str, signature: Signature, info: StreamInfo) -> Finding:
    if math.isclose(signature.rate, info.rate, rel_tol=1e-6):  # as `signature.match` has it
        return Finding(FITS, "rate", f"rate: {info.rate:g} Hz, as in training", decoder)
    text = (
        f"rate: the model was trained at {signature.rate:g} Hz, this comes at {info.rate:g} Hz; set the amplifier to "
        f"{signature.rate:g} Hz, or train on a recording at {info.rate:g} Hz"
    )
    return Finding(DIFFERS, "rate", text, decoder)


def _present(signature: Signature, info: StreamInfo) -> tuple[list[tuple[Channel, int]], list[Channel]]:
    """The model's channels that the stream has, with their numbers there, and those that it lacks; units do not count."""
    present: list[tuple[Channel, int]] = []
    missing: list[Channel] = []
    for wanted in signature.channels:
        alike = replace(info, channels=tuple(replace(channel, unit=wanted.unit) for channel in info.channels))
        try:
            (index,) = match(Signature(info.rate, (wanted,)), alike).indices
        except ModelMismatch:
            missing.append(wanted)
        else:
            present.append((wanted, index))
    return present, missing


def _where(missing: Sequence[Channel], present: Sequence[tuple[Channel, int]], info: StreamInfo) -> list[str]:
    """What can truly be said of channels that are missing: which one has the name inside, or lies in the place of one."""
    taken = {index for _, index in present}
    free = [channel for i, channel in enumerate(info.channels) if i not in taken]
    told, lost = [], []
    for wanted in missing:
        place = electrode(wanted.name)
        inside = [channel.name for channel in free if wanted.name.casefold() in _words(channel.name)]
        near = [c.name for c in free if place and c.position and math.dist(place, c.position) <= NEAR]
        if inside or near:
            which = f"{names(inside, 3)} may be it" if inside else f"{names(near, 3)} lies where {wanted.name} would"
            mend = f"the name {wanted.name} would be right"
            told.append(f"channels: the model wants {wanted.name}, there is none; {which}: {mend}")
        else:
            lost.append(wanted.name)
    if lost:
        told.append(f"channels: the model wants {names(lost, 8)}, not to be found; there are {names(info.names, 8)}")
    return told


def _words(name: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in name.casefold()).split()


def of_reference(config: DecoderConfig) -> Finding:
    """What is known of the reference: streams do not say it, so it is either made anew or a person's to see to."""
    if any(step.use == "re-reference" for step in config.transforms):
        return Finding(
            FITS, "reference", "reference: made anew by re-reference, whatever the amplifier's is", config.name
        )
    text = "reference: streams do not say theirs; that of the calibration would be right"
    return Finding(NOTE, "reference", text, config.name)


def of_markers(experiment: Experiment, labels: Mapping[str, int]) -> list[Finding]:
    """Which classes the markers of a recording hold; ``labels`` counts them."""
    counted = {
        name: sum(labels.get(label, 0) for label in wanted) for name, wanted in experiment.classes.items() if wanted
    }
    if not counted:
        return []
    if not labels:
        return [Finding(NOTE, "markers", "markers: the recording has none; without, no class is known")]
    told = ", ".join(f"{name} {n}" for name, n in list(counted.items())[:8])
    more = f" and {len(counted) - 8} more" if len(counted) > 8 else ""
    lacking = [name for name, n in counted.items() if n == 0]
    if len(lacking) == len(counted):
        there = names((f"{label} ({n})" for label, n in labels.items()), 8)
        text = f"markers: none stands for a class; there are {there}; [classes] says which label means which class"
        return [Finding(NOTE, "markers", text)]
    return [Finding(FITS if not lacking else NOTE, "markers", f"markers: {told}{more}")]


def counts(markers: Sequence[Marker]) -> dict[str, int]:
    """How often each label comes, the most frequent first."""
    found: dict[str, int] = {}
    for marker in markers:
        found[marker.label] = found.get(marker.label, 0) + 1
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))
