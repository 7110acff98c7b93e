"""What the marker streams of an XDF recording say, read as the same streams are heard live."""

from __future__ import annotations

import numpy as np

from rtbci.errors import SourceError
from rtbci.sources.lsl_header import read_header
from rtbci.sources.reader import code_of
from rtbci.sources.xdf_file import XdfStream, XdfValues
from rtbci.types import Marker

GAP_STREAM = "rtbci gaps"
"""Where rtbci notes in a recording that samples are missing; the time stamps say so too, and nobody sent it."""


def markers_of(stream: XdfStream, values: XdfValues) -> list[Marker]:
    """The markers in a stream of text or numbers, in the order of the file.

    Empty text is no marker: programs that answer requests send it when there is nothing to say. A stream of several
    channels carries one kind of event per channel (as mne-lsl plays annotations, the value being a duration): the channel's
    name is the label where its value is not 0. In a stream with a sampling rate a marker is a rise, not a sample.
    """
    if stream.by_rtbci and stream.name == GAP_STREAM:
        return []
    times = [float(time) for time in values.times]
    if stream.is_text:
        return [
            Marker(time, text, code_of(text), stream.name)
            for time, row in zip(times, values.values, strict=True)
            for text in row
            if text.strip()
        ]
    numbers = np.asarray(values.values, np.float64).reshape(len(times), stream.n_channels)
    valid = np.isfinite(numbers)
    if stream.rate > 0.0:
        before = np.vstack([numbers[:1], numbers[:-1]])
        with np.errstate(invalid="ignore"):
            valid &= (numbers > before) & (numbers != 0.0)
    if stream.n_channels > 1:
        labels = _labels(stream)
        rows, columns = np.nonzero(valid & (numbers != 0.0))
        return [Marker(times[r], labels[c], None, stream.name) for r, c in zip(rows, columns, strict=True)]
    rows = np.flatnonzero(valid[:, 0])
    return [_of_number(times[row], float(numbers[row, 0]), stream.name) for row in rows]


def _of_number(time: float, value: float, stream: str) -> Marker:
    if value.is_integer():
        return Marker(time, str(int(value)), int(value), stream)
    return Marker(time, repr(value), None, stream)


def _labels(stream: XdfStream) -> list[str]:
    try:
        header = read_header(stream.xml, stream.n_channels, "misc")
    except SourceError:
        return [str(i + 1) for i in range(stream.n_channels)]
    return [channel.name for channel in header.channels]
