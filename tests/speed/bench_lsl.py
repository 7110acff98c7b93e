"""Reading 306 channels at 5 kHz from another process: samples lost, processor time, and latency from push to ring.

    python tests/speed/bench_lsl.py --seconds 60

Each consumer runs in its own process against its own sender, one after the other in short rounds, so that whatever else
the machine does falls on all alike:

    pylsl       a bare `pull_chunk` loop into one NumPy array (min_samples=1)
    rtbci       `LslSource.read` and `Ring.push`
    mne-lsl     `StreamLSL` with the shortest acquisition delay, polled every millisecond

The processor share is the consumer process's user and system time over the time in which samples came, without its
imports. The latency is from the sender's push to the sample being in memory that others can read.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("LSLAPICFG", str(ROOT / "tests" / "lsl_api.cfg"))
PACED = ROOT / "tests" / "outlets" / "lsl_paced.py"


class Account:
    """Counts samples, loss and latency of one consumer; NumPy only, and the same for all of them."""

    def __init__(self, now):
        self._now = now
        self._numbers = []
        self._ages = []
        self.over = False
        self._cpu = self._wall = 0.0
        self._end = (0.0, 0.0)

    def add(self, rows):
        """Take ``rows`` (n, >= 3) that have just become readable."""
        now = self._now()
        if not self._numbers:
            self._cpu, self._wall = time.process_time(), time.perf_counter()
        head = rows[:, :3].astype(np.float64)
        if head[-1, 0] < 0:
            self.over = True
            head = head[head[:, 0] >= 0]
            self._end = (time.process_time(), time.perf_counter())
        if len(head):
            self._numbers.append(head[:, 0])
            self._ages.append(now - head[:, 1] - 1e-6 * head[:, 2])

    def report(self):
        numbers, ages = np.concatenate(self._numbers), np.concatenate(self._ages)
        if self._end == (0.0, 0.0):
            self._end = (time.process_time(), time.perf_counter())
        cpu, wall = self._end[0] - self._cpu, self._end[1] - self._wall
        return {
            "numbers": [len(numbers), len(np.unique(numbers))],
            "cpu": cpu,
            "wall": wall,
            "ages_ms": np.percentile(ages * 1e3, np.arange(0, 100.05, 0.1)).tolist(),
        }


def consume_pylsl(name, n_channels, rate):
    import pylsl

    (info,) = pylsl.resolve_byprop("name", name, 1, 10.0)
    inlet = pylsl.StreamInlet(info, max_buflen=60)
    block = np.empty((4096, n_channels), np.float32)
    account = Account(pylsl.local_clock)
    while not account.over:
        rows, _ = inlet.pull_chunk(timeout=1.0, max_samples=4096, min_samples=1, dest_obj=block, as_numpy=True)
        if len(rows):
            account.add(rows)
    return account.report()


def consume_rtbci(name, n_channels, rate):
    import pylsl

    from rtbci.ring import Ring
    from rtbci.sources.lsl import LslSource

    source = LslSource(name=name, markers=None)
    info = source.open()
    ring = Ring.create(None, int(10 * rate), info.n_channels)
    ring.push(np.zeros((1, n_channels), np.float32), np.zeros(1), 0.0)  # loads the kernel
    block, times = np.empty((4096, n_channels), np.float32), np.empty(4096)
    account = Account(pylsl.local_clock)
    while not account.over:
        n = source.read(block, times, 0.5)
        if n:
            ring.push(block[:n], times[:n], source.now())
            account.add(block[:n])
    source.close()
    return account.report()


def consume_mne_lsl(name, n_channels, rate):
    import mne_lsl

    mne_lsl.set_log_level("ERROR")
    # its whole buffer is moved at every acquisition: a second is the shortest that survives a busy machine
    stream = mne_lsl.stream.StreamLSL(bufsize=1.0, name=name)
    stream.connect(acquisition_delay=0.001, timeout=10.0)
    account = Account(mne_lsl.lsl.local_clock)
    quiet, last = time.monotonic(), -1.0
    while not account.over and time.monotonic() - quiet < 3.0:
        n = stream.n_new_samples
        if n == 0:
            time.sleep(0.001)
            continue
        # more samples may come between asking how many are new and taking them: 50 ms more are taken, and sorted out
        data, _ = stream.get_data(winsize=min(n / rate + 0.05, 1.0))
        quiet = time.monotonic()
        rows = data.T
        rows = rows[((rows[:, 0] > last) | (rows[:, 0] < 0)) & (rows[:, 1] != 0)]
        if len(rows):
            last = float(rows[-1, 0])
            account.add(rows)
    report = account.report()
    stream.disconnect()
    return report


CONSUMERS = {"pylsl": consume_pylsl, "rtbci": consume_rtbci, "mne-lsl": consume_mne_lsl}


def one_round(which, arguments, seconds):
    """One sender, one consumer."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    numbers = [str(arguments.channels), str(arguments.rate), str(arguments.chunk), str(seconds)]
    sender = subprocess.Popen(
        [sys.executable, str(PACED), name, *numbers], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        sender.stdout.readline()
        consumer = [sys.executable, __file__, "--consume", which, name, *numbers[:2]]
        done = subprocess.run(consumer, capture_output=True, text=True, timeout=seconds + 60)
        if done.returncode:
            raise SystemExit(f"{which}: {done.stderr[-2000:]}")
        report = json.loads(done.stdout.splitlines()[-1])
        sent, late = sender.stdout.readline().split()
    finally:
        sender.kill()
        sender.wait()
    report["sent"], report["sender_late_ms"] = int(sent), 1e3 * float(late)
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="per consumer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--channels", type=int, default=306)
    parser.add_argument("--rate", type=float, default=5000.0)
    parser.add_argument("--chunk", type=int, default=10)
    parser.add_argument("--only", nargs="*", choices=CONSUMERS, default=list(CONSUMERS))
    parser.add_argument("--consume", nargs=4, metavar=("WHICH", "NAME", "CHANNELS", "RATE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.consume:
        which, name, n_channels, rate = arguments.consume
        print(json.dumps(CONSUMERS[which](name, int(n_channels), float(rate))))
        return
    reports = {which: [] for which in arguments.only}
    for _ in range(arguments.rounds):
        for which in list(reports):
            if (
                which == "mne-lsl"
                and not reports[which]
                and subprocess.call([sys.executable, "-c", "import mne_lsl"], stderr=subprocess.DEVNULL)
            ):
                print("mne-lsl is not installed: left out")
                del reports[which]
                continue
            reports[which].append(one_round(which, arguments, arguments.seconds / arguments.rounds))
    table = {}
    print(f"{arguments.channels} channels, {arguments.rate:g} Hz, chunks of {arguments.chunk}")
    print(
        f"{'consumer':10} {'sent':>8} {'lost':>7} {'CPU %':>7} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8} {'sender late':>12}"
    )
    for which, rounds in reports.items():
        ages = np.concatenate([r["ages_ms"] for r in rounds])
        table[which] = row = {
            "sent": sum(r["sent"] for r in rounds),
            "lost": sum(r["sent"] - r["numbers"][1] for r in rounds),
            "cpu_percent": 100 * sum(r["cpu"] for r in rounds) / sum(r["wall"] for r in rounds),
            "p50_ms": float(np.percentile(ages, 50)),
            "p99_ms": float(np.percentile(ages, 99)),
            "max_ms": float(ages.max()),
            "sender_late_ms": max(r["sender_late_ms"] for r in rounds),
        }
        print(
            f"{which:10} {row['sent']:8d} {row['lost']:7d} {row['cpu_percent']:7.2f} {row['p50_ms']:8.3f} "
            f"{row['p99_ms']:8.3f} {row['max_ms']:8.2f} {row['sender_late_ms']:12.2f}"
        )
    print(json.dumps(table))


if __name__ == "__main__":
    main()
