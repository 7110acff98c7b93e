"""What a split needs to know of a recording: how long it is and where its trials begin, from its markers alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rtbci.config import Experiment
from rtbci.errors import SourceError
from rtbci.evaluation.nouns import Recorded
from rtbci.interfaces import Source
from rtbci.training_set import source_of
from rtbci.types import Marker, Times

COMPANIONS = (".eeg", ".dat", ".vmrk", ".fdt")
"""Suffixes of files that BrainVision's and EEGLAB's headers go with."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One recording: ``onsets`` are (sample nearest to the marker, class) of its trials, in order of time.

    ``sha256`` is that of the recording's bytes; ``content`` also of what was read beside them: markers, bad channels, units.
    """

    recorded: Recorded
    rate: float
    n_samples: int
    onsets: tuple[tuple[int, int], ...]
    labels_seen: Mapping[str, int]
    sha256: str
    content: str

    @property
    def classes(self) -> frozenset[int]:
        """Classes that have a trial."""
        return frozenset(label for _, label in self.onsets)


def survey(
    experiment: Experiment, recordings: Sequence[Recorded], progress: Callable[[str], None] = lambda text: None
) -> tuple[Surveyed, ...]:
    """Look at every recording once, without decoding anything. Raises SourceError."""
    found = []
    for recorded in recordings:
        progress(f"looking at {recorded.path.name}")
        found.append(_survey(experiment, recorded))
    twice: dict[str, Surveyed] = {}
    for one in found:
        if one.sha256 in twice:
            raise SourceError(
                f"{one.recorded.path} holds the same bytes as {twice[one.sha256].recorded.path}; tested on what it was "
                "trained on, a decoder would be flattered: each recording once would be right"
            )
        twice[one.sha256] = one
    return tuple(found)


def _survey(experiment: Experiment, recorded: Recorded) -> Surveyed:
    labels = {label: k for k, of in enumerate(experiment.classes.values()) for label in of}
    source: Source = source_of(experiment, recorded.path)
    info = source.open()
    try:
        times, markers = _read(source, info.n_channels)
    finally:
        source.close()
    n_samples = len(times)
    seen: dict[str, int] = {}
    onsets = []
    for marker in markers:
        seen[marker.label] = seen.get(marker.label, 0) + 1
        if marker.label in labels:
            at = int(np.searchsorted(times, marker.time))
            if at == n_samples or (at > 0 and marker.time - times[at - 1] <= times[at] - marker.time):
                at -= 1
            onsets.append((at, labels[marker.label]))
    sha256 = content_of(recorded)
    said = repr((sha256, [(m.time, m.label) for m in markers], sorted(info.bads), info.channels))
    content = hashlib.sha256(said.encode()).hexdigest()
    return Surveyed(recorded, info.rate, n_samples, tuple(sorted(onsets)), seen, sha256, content)


def _read(source: Source, n_channels: int) -> tuple[Times, list[Marker]]:
    """All sample times (n,), never falling, and all markers."""
    samples, times = np.empty((8192, n_channels), np.float32), np.empty(8192, np.float64)
    found: list[Times] = []
    markers: list[Marker] = []
    while True:
        try:
            n = source.read(samples, times, 0.0)
        except EOFError:
            break
        found.append(times[:n].copy())
        markers.extend(source.markers())
    markers.extend(source.markers())
    return np.maximum.accumulate(np.concatenate(found)), markers


def content_of(recorded: Recorded) -> str:
    """SHA-256 of the recording's file and of those that hold its samples or markers under the same name."""
    path = recorded.path
    digest = hashlib.sha256()
    for file in (path, *(path.with_suffix(suffix) for suffix in COMPANIONS)):
        if file.is_file():
            with file.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()
