"""What recording costs: ``python tests/speed/bench_recorder.py [--channels 306] [--rate 5000] [--seconds 30]``.

One process pushes chunks of 10 samples into a ring at the given rate; this process records them. Printed: the recorder's
share of one core (time of this process, which does nothing else, over the time of recording), MB a second, and what became
of the samples. The cost of writing alone (no ring, no waiting) is printed beside it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np

from rtbci.recording.recorder import Recorder
from rtbci.recording.session_folder import SessionFolder
from rtbci.recording.stream_header import StreamHeader
from rtbci.recording.xdf import XdfWriter
from rtbci.ring import Ring
from rtbci.runfolder import RunFolder
from rtbci.types import Channel, StreamInfo

CHUNK = 10


def acquire(path: Path, rate: float, seconds: float, started: Event) -> None:
    """Push ``rate`` samples a second into the ring, in chunks of 10."""
    ring = Ring.attach(path)
    samples = np.random.default_rng(0).standard_normal((CHUNK, ring.n_channels)).astype(np.float32)
    started.wait()
    begin = time.perf_counter()
    for i in range(int(rate * seconds) // CHUNK):
        due = begin + (i + 1) * CHUNK / rate
        if (early := due - time.perf_counter()) > 0:
            time.sleep(early)
        ring.push(samples, due - np.arange(CHUNK)[::-1] / rate, due)


def writing_alone(folder: Path, n_channels: int, rate: float) -> dict[str, float]:
    """Cost of `XdfWriter.write_samples` for chunks of a quarter of a second."""
    channels = tuple(Channel(f"MEG{i:04}", "mag", "fT") for i in range(n_channels))
    writer = XdfWriter(folder / "alone.xdf")
    stream = writer.add_stream(StreamHeader("MEG", "MEG", channels, rate, "float32"))
    n = int(rate / 4)
    samples = np.random.default_rng(0).standard_normal((n, n_channels)).astype(np.float32)
    times = np.arange(n) / rate
    costs = []
    for _ in range(40):
        begin = time.process_time()
        writer.write_samples(stream, samples, times)
        costs.append(time.process_time() - begin)
    writer.close()
    return {"ms_per_chunk": 1e3 * float(np.median(costs)), "cpu_percent": 100 * 4 * float(np.median(costs))}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=306)
    parser.add_argument("--rate", type=float, default=5000.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where to record (default: the folder for temporary files)"
    )
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        root = Path(name)
        alone = writing_alone(root, args.channels, args.rate)
        run = RunFolder.create()
        ring = Ring.create(run.raw, int(10 * args.rate), args.channels)
        channels = tuple(Channel(f"MEG{i:04}", "mag", "fT") for i in range(args.channels))
        folder = SessionFolder.create(root / "session", "speed")
        recorder = Recorder(ring, StreamInfo("MEG", args.rate, channels, "MEG"), run, folder)
        started = context.Event()
        other = context.Process(target=acquire, args=(run.raw, args.rate, args.seconds, started))
        other.start()
        recorder.start()
        started.set()
        cpu, wall, n = time.process_time(), time.perf_counter(), ring.written
        other.join()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        recorder.stop(60.0)
        print(
            json.dumps(
                {
                    "channels": args.channels,
                    "rate": args.rate,
                    "seconds": round(wall, 2),
                    "cpu_percent_of_a_core": round(100 * cpu / wall, 2),
                    "MB_per_second": round(recorder.bytes / recorder.seconds / 1e6, 2),
                    "samples_pushed": ring.written - n,
                    "samples_written": recorder.samples_written,
                    "samples_missed": recorder.samples_missed,
                    "writing_alone_cpu_percent": round(alone["cpu_percent"], 2),
                    "writing_alone_ms_per_quarter_second": round(alone["ms_per_chunk"], 2),
                    "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
                }
            )
        )
        ring.close()
        for path in run.path.iterdir():
            path.unlink()
        run.path.rmdir()


if __name__ == "__main__":
    main()
