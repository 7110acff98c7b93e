"""Recordings as comma-separated text: a column of time stamps, one per channel, and any that begin with "Marker".

This is the form of the muse recorders: ``timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0``, time in seconds, microvolts, a
marker where its column is not 0. The stamps come in packets and even run backwards, so a straight line is laid through.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rtbci.errors import SourceError
from rtbci.sources.lsl_header import read_header
from rtbci.sources.reader import READ_ERRORS, broken, check_names, chosen, code_of, header_wins
from rtbci.sources.timing import estimated_rate, straightened
from rtbci.types import Marker, Samples, StreamInfo, Times

SUFFIXES = (".csv",)
_TIME_NAMES = ("timestamps", "timestamp", "time_stamps", "time")


class CsvReader:
    """One recording behind `rtbci.sources.reader.Reader`; raises SourceError where the text is of another form."""

    def __init__(self, path: Path, channels: Sequence[str] = (), markers: Sequence[str] | None = None) -> None:
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                header = [name.strip() for name in next(csv.reader(file), [])]
            time_columns = [i for i, name in enumerate(header) if name.lower() in _TIME_NAMES]
            signal = [
                i for i, n in enumerate(header) if i not in time_columns and n and not n.lower().startswith("marker")
            ]
            if len(time_columns) != 1 or not signal:
                raise SourceError(
                    f"{path} is no recording: its first line is {','.join(header)[:80]!r}; "
                    "it should name one column 'timestamps' (seconds) and one for each channel"
                )
            columns = [time_columns[0], *signal]
            table = np.loadtxt(path, delimiter=",", skiprows=1, usecols=columns, ndmin=2, encoding="utf-8-sig")
            marker_columns = [i for i, name in enumerate(header) if name.lower().startswith("marker")]
            found = []
            for i in marker_columns:
                texts = np.loadtxt(path, dtype=str, delimiter=",", skiprows=1, usecols=i, ndmin=1, encoding="utf-8-sig")
                found.append((header[i], texts))
        except READ_ERRORS as error:
            raise broken(path, error) from error
        if len(table) < 2:
            raise SourceError(f"{path} holds {len(table)} samples; a recording needs at least 2")
        self.recorded_times: Times = table[:, 0]
        rate = estimated_rate(self.recorded_times)
        if rate <= 0.0:
            raise SourceError(
                f"{path}: time does not advance in column {header[columns[0]]!r}; it should be in seconds"
            )
        self._times = straightened(self.recorded_times)
        self._samples = np.ascontiguousarray(table[:, 1:], np.float32)
        self.n_samples = len(table)
        names = [header[i] for i in signal]
        check_names(path, names, channels)
        # a header without a word on kinds and units: the same guesses as for such a stream
        guessed = read_header("<info/>", len(names), "EEG", names)
        self.info = StreamInfo(
            name=path.stem,
            rate=rate,
            channels=guessed.channels,
            notes=(
                f"The text gives no sampling rate: {rate:g} Hz, measured from the time stamps.",
                *guessed.notes,
                *header_wins(names, channels),
            ),
        )
        self.marker_streams = [name for name, _ in found]
        self.markers = chosen(
            path,
            [
                Marker(float(self._times[i]), _label(text), code_of(text), name)
                for name, texts in found
                for i, text in enumerate(str(t).strip() for t in texts)
                if text and code_of(text) != 0
            ],
            markers,
            self.marker_streams,
        )

    def samples(self, start: int, stop: int) -> Samples:
        """Samples ``start`` to ``stop``: (stop - start, n_channels) float32."""
        return self._samples[start:stop]

    def times(self, start: int, stop: int) -> Times:
        """Seconds of the recording's own clock, straightened."""
        return self._times[start:stop]

    def close(self) -> None:
        """Nothing is held open."""


def _label(text: str) -> str:
    code = code_of(text)
    return text if code is None else str(code)
