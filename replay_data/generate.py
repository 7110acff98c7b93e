"""Makes all that is bundled again from its seeds: ``python replay_data/generate.py [FOLDER]``.

The calibration recordings are run 1 of the simulated people of `rtbci.bundled`, written as EDF+ with annotations. The writer
is here and not in rtbci because nothing else writes EDF; format: B. Kemp and J. Olivan, "European data format 'plus'
(EDF+)", Clin. Neurophysiol. 114 (2003) 1755-1761, https://www.edfplus.info/specs/edfplus.html.

The bank is made by the commands that anybody has, ``rtbci bank draw`` and ``rtbci bank build``; its classes are the places
of objects in the picture, which the embeddings tell apart best. The last bits of the space that it learns depend on the
processor, and so does the space's name: with ``--bank`` it is made anew; without, the viewer looks at the one there is.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rtbci import bundled
from rtbci.bank import drawing
from rtbci.bundled import CALIBRATION_SEED, CALIBRATION_TRIALS, demo_subject, demo_viewer
from rtbci.interfaces import Source
from rtbci.types import Marker, Samples, StreamInfo

STEP = 0.025
"""Microvolts of one digital step: far below the electrodes' noise, and +-819 uV fit into 16 bits."""
VIEWER_STEP = 0.1
"""The same of the viewer's recording, which is larger and packs better so."""
ANNOTATION_BYTES = 128
"""In each record of one second, for its time and the markers that fall into it."""
PICTURES, DRAWING_SEED = 200, 5


def main(folder: Path, new_bank: bool = False) -> list[Path]:
    """Write what is bundled into sub-folders of ``folder`` and return what was written."""
    for name in (bundled.FISTS_OR_FEET, bundled.PICTURES):
        (folder / name).mkdir(parents=True, exist_ok=True)
    written = [folder / bundled.FISTS_OR_FEET / "calibration.edf", folder / bundled.PICTURES / "calibration.edf"]
    written[0].write_bytes(edf(*simulate(CALIBRATION_SEED, CALIBRATION_TRIALS)))
    bank = bundled.pictures()
    if new_bank:
        bank = make_bank(folder / bundled.PICTURES / "pictures.bank")
        written.append(bank)
    viewed = simulate_viewer(CALIBRATION_SEED, bundled.VIEWER_CALIBRATION_COUNT, bank)
    written[1].write_bytes(edf(*viewed, VIEWER_STEP))
    return written


def make_bank(path: Path) -> Path:
    """Draw the pictures and build their bank at ``path``, where one may be already."""
    with tempfile.TemporaryDirectory() as scratch:
        drawn = Path(scratch) / "pictures"
        rtbci = [sys.executable, "-m", "rtbci", "bank"]
        subprocess.run([*rtbci, "draw", str(drawn), "--n", str(PICTURES), "--seed", str(DRAWING_SEED)], check=True)
        items = ["--items", str(by_place(drawn / "items.csv"))]
        subprocess.run([*rtbci, "build", str(drawn), *items, "--out", str(Path(scratch) / "bank")], check=True)
        manifest = Path(scratch) / "bank" / "bank.json"
        said = json.loads(manifest.read_text(encoding="utf-8"))
        said["source"] = f"rtbci bank draw --n {PICTURES} --seed {DRAWING_SEED}"
        manifest.write_text(json.dumps(said, indent=1), encoding="utf-8")
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(Path(scratch) / "bank", path, copy_function=shutil.copyfile)
    return path


def by_place(table: Path) -> Path:
    """Make the place of the objects the class of each picture in the ``table`` that ``rtbci bank draw`` wrote."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row, what in zip(rows, drawing.descriptions(PICTURES, DRAWING_SEED), strict=True):
            writer.writerow(row | {"class": what.place})
    return table


def simulate(seed: int, trials: int) -> tuple[StreamInfo, Samples, list[Marker]]:
    """One run of the demo's subject: what the stream is, (n, n_channels) float32 in uV, and its markers."""
    return recorded(demo_subject(seed, trials=trials))


def simulate_viewer(seed: int, count: int, bank: Path | None = None) -> tuple[StreamInfo, Samples, list[Marker]]:
    """The same of the demo's viewer, who is shown ``count`` pictures of the ``bank``, or of the bundled one."""
    return recorded(demo_viewer(seed, count=count, bank=bank))


def recorded(source: Source) -> tuple[StreamInfo, Samples, list[Marker]]:
    """All that ``source`` gives up to its last whole second, since EDF stores records of one second."""
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


def edf(info: StreamInfo, samples: Samples, markers: Sequence[Marker], step: float = STEP) -> bytes:
    """The bytes of an EDF+ file of ``samples`` (n, n_channels) float32 in uV, n a whole number of seconds.

    ``step`` is that of the digital values in uV.
    """
    rate = round(info.rate)
    records = len(samples) // rate
    digital = np.rint(samples.astype(np.float64) / step)
    if np.abs(digital).max() > 32767:
        raise ValueError(f"{np.abs(samples).max():.0f} uV do not fit into 16 bits of {step} uV; use a larger step")
    body = bytearray()
    values = digital.astype("<i2").reshape(records, rate, -1)
    for record in range(records):
        body += np.ascontiguousarray(values[record].T).tobytes()
        body += _annotations(record, [m for m in markers if record <= m.time < record + 1])
    return _header(info, records, rate, step) + bytes(body)


def _annotations(record: int, markers: Sequence[Marker]) -> bytes:
    # the first list keeps the record's time, the others are the markers in it
    lists = b"+%d\x14\x14\x00" % record
    for marker in markers:
        lists += f"+{marker.time:.5f}\x14{marker.label}\x14\x00".encode()
    if len(lists) > ANNOTATION_BYTES:
        raise ValueError(f"markers of second {record} take {len(lists)} bytes; {ANNOTATION_BYTES} are there")
    return lists.ljust(ANNOTATION_BYTES, b"\x00")


def _header(info: StreamInfo, records: int, rate: int, step: float) -> bytes:
    n = info.n_channels
    low, high = f"{-32768 * step:g}", f"{32767 * step:g}"
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
    where = [Path(given) for given in sys.argv[1:] if given != "--bank"]
    for made in main(where[0] if where else Path(__file__).resolve().parent, "--bank" in sys.argv):
        print(made)
