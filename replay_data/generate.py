"""Makes the bundled recordings again from their seeds: ``python replay_data/generate.py [FOLDER]``.

The calibration recording is run 1 of the simulated subject of `rtbci.bundled`, written as EDF+ with annotations. The writer
is here and not in rtbci because nothing else writes EDF; format: B. Kemp and J. Olivan, "European data format 'plus'
(EDF+)", Clin. Neurophysiol. 114 (2003) 1755-1761, https://www.edfplus.info/specs/edfplus.html.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rtbci.bundled import CALIBRATION_SEED, CALIBRATION_TRIALS, demo_subject
from rtbci.types import Marker, Samples, StreamInfo

STEP = 0.025
"""Microvolts of one digital step: far below the electrodes' noise, and +-819 uV fit into 16 bits."""
ANNOTATION_BYTES = 128
"""In each record of one second, for its time and the markers that fall into it."""


def main(folder: Path) -> Path:
    """Write ``calibration.edf`` to ``folder`` and return its path."""
    info, samples, markers = simulate(CALIBRATION_SEED, CALIBRATION_TRIALS)
    path = folder / "calibration.edf"
    path.write_bytes(edf(info, samples, markers))
    return path


def simulate(seed: int, trials: int) -> tuple[StreamInfo, Samples, list[Marker]]:
    """One run of the demo's subject: what the stream is, (n, n_channels) float32 in uV, and its markers.

    The run ends with the last whole second, since EDF stores records of one second.
    """
    source = demo_subject(seed, trials=trials)
    info = source.open()
    blocks: list[Samples] = []
    markers: list[Marker] = []
    samples, times = np.empty((round(info.rate), info.n_channels), np.float32), np.empty(round(info.rate))
    try:
        while source.read(samples, times, 0.0) == len(samples):
            blocks.append(samples.copy())
            markers += source.markers()
    except EOFError:
        pass  # a run that is a whole number of seconds long
    source.close()
    return info, np.concatenate(blocks), markers


def edf(info: StreamInfo, samples: Samples, markers: Sequence[Marker]) -> bytes:
    """The bytes of an EDF+ file of ``samples`` (n, n_channels) float32 in uV, n a whole number of seconds."""
    rate = round(info.rate)
    records = len(samples) // rate
    digital = np.rint(samples.astype(np.float64) / STEP)
    if np.abs(digital).max() > 32767:
        raise ValueError(f"{np.abs(samples).max():.0f} uV do not fit into 16 bits of {STEP} uV; use a larger step")
    body = bytearray()
    values = digital.astype("<i2").reshape(records, rate, -1)
    for record in range(records):
        body += np.ascontiguousarray(values[record].T).tobytes()
        body += _annotations(record, [m for m in markers if record <= m.time < record + 1])
    return _header(info, records, rate) + bytes(body)


def _annotations(record: int, markers: Sequence[Marker]) -> bytes:
    # the first list keeps the record's time, the others are the markers in it
    lists = b"+%d\x14\x14\x00" % record
    for marker in markers:
        lists += f"+{marker.time:.5f}\x14{marker.label}\x14\x00".encode()
    if len(lists) > ANNOTATION_BYTES:
        raise ValueError(f"markers of second {record} take {len(lists)} bytes; {ANNOTATION_BYTES} are there")
    return lists.ljust(ANNOTATION_BYTES, b"\x00")


def _header(info: StreamInfo, records: int, rate: int) -> bytes:
    n = info.n_channels
    low, high = f"{-32768 * STEP:g}", f"{32767 * STEP:g}"
    fields: list[tuple[int, list[str]]] = [
        (16, [*info.names, "EDF Annotations"]),
        (80, ["simulated electrode"] * n + [""]),
        (8, ["uV"] * n + [""]),
        (8, [low] * n + ["-1"]),
        (8, [high] * n + ["1"]),
        (8, ["-32768"] * (n + 1)),
        (8, ["32767"] * (n + 1)),
        (80, [""] * (n + 1)),
        (8, [str(rate)] * n + [str(ANNOTATION_BYTES // 2)]),
        (32, [""] * (n + 1)),
    ]
    head = [
        (8, "0"),
        (80, "X X X simulated_subject"),
        (80, "Startdate 01-JAN-2026 X X rtbci"),
        (8, "01.01.26"),
        (8, "00.00.00"),
        (8, str(256 * (n + 2))),
        (44, "EDF+C"),
        (8, str(records)),
        (8, "1"),
        (4, str(n + 1)),
    ]
    text = "".join(value.ljust(width) for width, value in head)
    text += "".join(value.ljust(width) for width, values in fields for value in values)
    return text.encode("ascii")


if __name__ == "__main__":
    default = Path(__file__).resolve().parent / "fists_or_feet"
    print(main(Path(sys.argv[1]) if len(sys.argv) > 1 else default))
