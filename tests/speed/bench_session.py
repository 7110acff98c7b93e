"""A whole session at 306 channels and 5 kHz, beside a bare pylsl loop and mne-lsl: loss, processor time, latency.

    python tests/speed/bench_session.py --seconds 60

The session is ``rtbci run EXPERIMENT --headless`` as a user starts it, with nothing to decode: it acquires into the ring,
records to disk and tells its status. The other consumers are those of ``bench_lsl.py``, which only read. Each has a sender
and a process of its own, one after the other in every round, so that whatever else the machine does falls on all alike.

What is compared:

    lost        samples that were sent and are not in the ring; for the session also not in its XDF, read with pyxdf
    CPU         user and system time of the consumer's process, all threads, while samples came; for the session from
                `STEADY_SECONDS` after its first sample to the end of sending
    latency     from the sender's push to the sample being in the consumer's memory; for the session to the arrival time
                that stands in the ring beside the sample, which is taken just before the push (see `--stamp` for how long
                that takes)
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np

from rtbci.ring import Ring
from tests import live
from tests.speed import bench_lsl
from tests.speed.lab import cpu_seconds, own_lab

STEADY_SECONDS = 1.0
"""What is left out at the session's start: the first samples still load a kernel and touch fresh memory."""
LOOK_SECONDS = 0.25
LINGER_SECONDS = 1.0
"""How long the session stays after the last sample; the sender stays 1.5 s, so the stream is never lost."""
EXPERIMENT = """name = "speed"

[source]
use = "lsl"
name = "{name}"

[session]
lost_after = 5.0
"""


class RingWatch:
    """Follows a session's raw ring from this process: which samples came, and how old they were on arrival."""

    def __init__(self, path: Path) -> None:
        self._ring = Ring.attach(path)
        self._next = 0
        self._numbers: list[np.ndarray] = []
        self._ages: list[np.ndarray] = []
        self.over = False

    @property
    def seen(self) -> bool:
        """Whether anything has come."""
        return self._next > 0

    def look(self) -> None:
        """Take what is new; a reader that was overtaken would make the count wrong, so it ends the benchmark."""
        stop = self._ring.written
        samples, _, arrivals = self._ring.view(self._next, stop)
        head, arrivals = samples[:, :3].astype(np.float64), arrivals.copy()
        if not self._ring.intact(self._next):
            raise SystemExit("the benchmark was overtaken by the ring; run it on a machine that does nothing else")
        self._next = stop
        sent = head[:, 0] >= 0
        self.over = self.over or not sent.all()
        self._numbers.append(head[sent, 0])
        self._ages.append(arrivals[sent] - head[sent, 1] - 1e-6 * head[sent, 2])

    @property
    def numbers(self) -> np.ndarray:
        """Numbers of the samples that were in the ring, in order."""
        return np.concatenate(self._numbers)

    @property
    def ages(self) -> np.ndarray:
        """Seconds from push to arrival."""
        return np.concatenate(self._ages)

    def close(self) -> None:
        """Let go of the ring."""
        self._ring.close()


def numbers_in_xdf(path: Path, name: str) -> np.ndarray:
    """Sample numbers (channel 0) in the recording, in order, as another XDF tool reads them."""
    import pyxdf

    streams, _ = pyxdf.load_xdf(str(path), [{"name": name}], synchronize_clocks=False, dejitter_timestamps=False)
    numbers = streams[0]["time_series"][:, 0]
    return numbers[numbers >= 0]


def watch(process: subprocess.Popen, session: Path, seconds: float) -> tuple[RingWatch, float, float]:
    """Follow the session to the sender's last sample; also the processor and wall time of its steady part."""
    run = live.wait_for(lambda: process.poll() is not None or live.run_folder_of(session), 60.0, "session has a folder")
    if process.poll() is not None:
        raise SystemExit(f"the session ended: {process.communicate()[1][-2000:]}")
    live.wait_for((run / "raw.ring").exists, 30.0, "session has a ring")
    ring = RingWatch(run / "raw.ring")
    live.wait_for(lambda: ring.look() or ring.seen, 30.0, "samples come")
    time.sleep(STEADY_SECONDS)
    cpu, wall = cpu_seconds(process.pid), time.perf_counter()
    end = wall + seconds + 10.0
    while not ring.over and time.perf_counter() < end and process.poll() is None:
        # closer looks towards the end, so that little idle time after it is counted
        time.sleep(LOOK_SECONDS if time.perf_counter() < end - 12.0 else 0.01)
        ring.look()
    return ring, cpu_seconds(process.pid) - cpu, time.perf_counter() - wall


def session_round(arguments: argparse.Namespace, seconds: float) -> dict:
    """One sender, one session; the same keys as `bench_lsl.one_round`, and what became of the recording."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    numbers = [str(arguments.channels), str(arguments.rate), str(arguments.chunk), str(seconds)]
    with tempfile.TemporaryDirectory(prefix="rtbci-bench-", dir=arguments.folder) as scratch:
        path, session = Path(scratch) / "experiment.toml", Path(scratch) / "session"
        path.write_text(EXPERIMENT.format(name=name))
        sender = subprocess.Popen(
            [sys.executable, str(bench_lsl.PACED), name, *numbers],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        process = None
        try:
            sender.stdout.readline()
            command = [sys.executable, "-m", "rtbci", "run", path, "--headless", "--session", session, "--json"]
            process = subprocess.Popen(
                [*map(str, command), "--seconds", str(seconds + LINGER_SECONDS)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            ring, cpu, wall = watch(process, session, seconds)
            sent, late = sender.stdout.readline().split()
            said, errors = process.communicate(timeout=60)
        finally:
            for each in (sender, process):
                if each is not None:
                    each.kill()
                    each.wait()
        if process.returncode:
            raise SystemExit(f"session: exit code {process.returncode}: {errors[-2000:]}")
        ring.look()
        report = json.loads(said.splitlines()[-1])
        recorded = numbers_in_xdf(Path(report["recording"]["path"]), name)
        found = {
            "sent": int(sent),
            "sender_late_ms": 1e3 * float(late),
            "numbers": [len(ring.numbers), len(np.unique(ring.numbers))],
            "cpu": cpu,
            "wall": wall,
            "ages_ms": np.percentile(ring.ages * 1e3, np.arange(0, 100.05, 0.1)).tolist(),
            "recorded": len(np.unique(recorded)),
            "recorded_in_order": bool(np.array_equal(recorded, np.arange(int(sent)))),
            "counted": {"received": report["samples"]["received"] - arguments.chunk, "lost": report["samples"]["lost"]},
            "gaps": report["gaps"],
            "recording_problem": report["recording"]["problem"],
        }
        ring.close()
    return found


def stamp_microseconds(arguments: argparse.Namespace) -> float:
    """Median time from the arrival's stamp to the samples being published, for one chunk, with nothing else running."""
    from rtbci.acquisition import Acquisition
    from rtbci.runfolder import RunFolder
    from rtbci.types import Channel, StreamInfo

    class Sender:
        """Comes back every time with the next chunk, stamped now; ends after a second's worth."""

        def __init__(self) -> None:
            self.stamped: list[float] = []
            self.published: list[float] = []

        def read(self, samples: np.ndarray, times: np.ndarray, timeout: float) -> int:
            if self.stamped:
                self.published.append(time.perf_counter())
            if len(self.stamped) == 2000:
                raise EOFError
            n = arguments.chunk
            samples[:n] = 1.0
            times[:n] = (len(self.stamped) * n + np.arange(n)) / arguments.rate
            return n

        def now(self) -> float:
            self.stamped.append(time.perf_counter())
            return self.stamped[-1]

        def markers(self) -> tuple:
            return ()

    with tempfile.TemporaryDirectory() as scratch:
        run, sender = RunFolder(Path(scratch)), Sender()
        info = StreamInfo("stamp", arguments.rate, tuple(Channel(f"C{i}") for i in range(arguments.channels)))
        ring = Ring.create(None, int(arguments.rate), arguments.channels)
        Acquisition(sender, info, ring, run, 1.0).run()
    return 1e6 * float(np.median(np.subtract(sender.published, sender.stamped)))


def row(rounds: list[dict]) -> dict:
    """One line of the table from all rounds of one consumer."""
    ages = np.concatenate([r["ages_ms"] for r in rounds])
    line = {
        "sent": sum(r["sent"] for r in rounds),
        "lost": sum(r["sent"] - r["numbers"][1] for r in rounds),
        "cpu_percent": round(100 * sum(r["cpu"] for r in rounds) / sum(r["wall"] for r in rounds), 2),
        "p50_ms": round(float(np.percentile(ages, 50)), 3),
        "p99_ms": round(float(np.percentile(ages, 99)), 3),
        "max_ms": round(float(ages.max()), 2),
        "sender_late_ms": round(max(r["sender_late_ms"] for r in rounds), 2),
    }
    if "recorded" in rounds[0]:
        line["lost_in_xdf"] = sum(r["sent"] - r["recorded"] for r in rounds)
        line["xdf_in_order"] = all(r["recorded_in_order"] for r in rounds)
        line["said_lost"] = sum(r["counted"]["lost"] for r in rounds)
        line["said_received"] = sum(r["counted"]["received"] for r in rounds)
        line["gaps"] = sum(r["gaps"] for r in rounds)
        line["recording_problem"] = next((r["recording_problem"] for r in rounds if r["recording_problem"]), None)
    return line


def print_table(arguments: argparse.Namespace, table: dict[str, dict]) -> None:
    """Print for a person."""
    print(f"{arguments.channels} channels, {arguments.rate:g} Hz, chunks of {arguments.chunk}", end="; ")
    print(f"{arguments.rounds} rounds of {arguments.seconds:g} s, load average {os.getloadavg()[0]:.2f}")
    print(
        f"{'consumer':12} {'sent':>8} {'lost':>6} {'CPU %':>7} {'p50 ms':>7} {'p99 ms':>7} {'max ms':>8} {'sender late':>12}"
    )
    for which, line in table.items():
        print(
            f"{which:12} {line['sent']:8d} {line['lost']:6d} {line['cpu_percent']:7.2f} {line['p50_ms']:7.3f} "
            f"{line['p99_ms']:7.3f} {line['max_ms']:8.2f} {line['sender_late_ms']:12.2f}"
        )
    session = table.get("session")
    if session is not None:
        for other in table:
            if other != "session":
                print(f"session / {other}: CPU {session['cpu_percent'] / table[other]['cpu_percent']:.2f}")
        print(
            f"the session's XDF: {session['lost_in_xdf']} samples missing, "
            f"{'' if session['xdf_in_order'] else 'NOT '}all in order; it counted {session['said_received']} received, "
            f"{session['said_lost']} lost, {session['gaps']} gaps"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of sending, per consumer and round")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--channels", type=int, default=306)
    parser.add_argument("--rate", type=float, default=5000.0)
    parser.add_argument("--chunk", type=int, default=10)
    parser.add_argument(
        "--folder", type=Path, help="where the session records (default: the folder for temporary files)"
    )
    parser.add_argument("--only", nargs="*", choices=["session", *bench_lsl.CONSUMERS])
    parser.add_argument("--stamp", action="store_true", help="only: microseconds from an arrival's stamp to its sample")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    arguments = parser.parse_args()
    if arguments.stamp:
        print(json.dumps({"stamp_to_published_us": round(stamp_microseconds(arguments), 1)}))
        return
    chosen = arguments.only or ["pylsl", "session", "mne-lsl"]
    if "mne-lsl" in chosen and importlib.util.find_spec("mne_lsl") is None:
        print("mne-lsl is not installed (pip install -e '.[speed]'): left out", file=sys.stderr)
        chosen.remove("mne-lsl")
    rounds: dict[str, list[dict]] = {which: [] for which in chosen}
    with tempfile.TemporaryDirectory(prefix="rtbci-bench-") as lab:
        own_lab(Path(lab))
        for _ in range(arguments.rounds):
            for which in chosen:
                if which == "session":
                    rounds[which].append(session_round(arguments, arguments.seconds))
                else:
                    rounds[which].append(bench_lsl.one_round(which, arguments, arguments.seconds))
    table = {which: row(found) for which, found in rounds.items()}
    print_table(arguments, table)
    if arguments.json:
        print(json.dumps(table))


if __name__ == "__main__":
    main()
