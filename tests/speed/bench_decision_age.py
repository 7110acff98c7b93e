"""How old a decision is when it is ready, live, with and without the window: ``mdm``, 64 channels, 250 Hz, hop 40 ms.

    python tests/speed/bench_decision_age.py --seconds 60

A simulated subject is recorded to FIF twice; a decoder is trained on one run, and the other is played over LSL from its own
process (``rtbci stream``) into ``rtbci run``, headless and with the window, in turn in every round. The window is shown on
an X server of its own (Xvfb) where there is one, otherwise on Qt's offscreen platform; either way it is painted by the
processor, so what it costs here is more than with a graphics card.

    age         from the time stamp of a decision's newest sample to the decision being ready: what `rtbci run` reports. The
                player sends chunks of ``--chunk`` samples, and a sample that waits for its chunk is that much older.
    own part    from the arrival of that sample in the session's ring to the decision being ready: the worker notices it,
                filters, decodes
    skipped     windows that were passed over because a newer one was due;   late   ready later than a hop
    CPU         of the session, the worker and the window, in percent of one core, over the second half of a round
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np

from rtbci.runfolder import decision_from_json
from tests import live
from tests.speed.lab import cpu_seconds, own_lab

RATE = 250.0
CALIBRATION_SECONDS = 180.0
SPARE_SECONDS = 30.0
"""The played run is this much longer than a round: the session ends, not the stream."""
DECODER = "age"
EXPERIMENT = """name = "decision age"

[source]
use = "lsl"
name = "{stream}"

[markers]
streams = ["{stream} markers"]

[classes]
fists = ["T1"]
feet = ["T2"]

[trial]
start = 0.5
stop = 3.5

[[decoder]]
name = "{decoder}"
use = "{use}"
window = 2.0
hop = {hop}
transforms = [{{ use = "band-pass", low = 8.0, high = 30.0 }}]
"""


def write_run(path: Path, seed: int, n_channels: int, seconds: float) -> None:
    """Write a run of the simulated subject to the FIF file ``path``, with its markers as annotations."""
    import mne

    from rtbci.sources.synthetic import SyntheticSource

    source = SyntheticSource(seed=seed, channels=n_channels, rate=RATE, seconds=seconds, speed=None)
    info = source.open()
    n = round(seconds * RATE)
    samples, times = np.empty((n, n_channels), np.float32), np.empty(n)
    if source.read(samples, times, 0.0) != n:
        raise SystemExit(f"the simulated subject gave fewer than {n} samples")
    markers = source.markers()
    raw = mne.io.RawArray(
        1e-6 * samples.T.astype(np.float64), mne.create_info(list(info.names), RATE, "eeg"), verbose=False
    )
    raw.set_annotations(mne.Annotations([m.time for m in markers], 0.0, [m.label for m in markers]))
    raw.save(path, verbose=False)


@contextlib.contextmanager
def display() -> Iterator[tuple[str, dict[str, str]]]:
    """Where a window can be shown: what it is, and the environment that leads there."""
    server = shutil.which("Xvfb")
    plain = {
        key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    if server is None:
        yield "Qt offscreen", {**plain, "QT_QPA_PLATFORM": "offscreen"}
        return
    process = subprocess.Popen(
        [server, "-displayfd", "1", "-screen", "0", "1920x1080x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        number = process.stdout.readline().strip()
        yield "Xvfb 1920x1080", {**plain, "DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}
    finally:
        process.terminate()
        process.wait()


class Processes:
    """Processor time of a session's processes, from when it is made to `shares`."""

    def __init__(self, session: int) -> None:
        self._pids = {"session": session}
        for name, command in (("worker", "rtbci.worker"), ("window", "rtbci_ui")):
            for pid in live.child_pids(session, command):
                self._pids[name] = pid
        self._begun = time.perf_counter()
        self._before = {name: cpu_seconds(pid) for name, pid in self._pids.items()}

    def shares(self) -> dict[str, float]:
        """Percent of one core by process."""
        wall = time.perf_counter() - self._begun
        return {name: 100 * (cpu_seconds(pid) - self._before[name]) / wall for name, pid in self._pids.items()}


def one_round(arguments: argparse.Namespace, folder: Path, headless: bool, environment: dict[str, str]) -> dict:
    """Play, decode, and say how old the decisions were; ``folder`` holds experiment, model and run."""
    session = Path(tempfile.mkdtemp(prefix="session-", dir=folder))
    chunk = [] if arguments.chunk is None else ["--chunk", str(arguments.chunk)]
    options = [
        "--seconds",
        str(arguments.seconds),
        "--session",
        session,
        "--json",
        *(["--headless"] if headless else []),
    ]
    with live.streaming("age", "--wait", "60", *chunk, file=folder / "live_raw.fif"):
        command = [sys.executable, "-m", "rtbci", "run", folder / "experiment.toml", "--model", folder / "model.rtbci"]
        process = subprocess.Popen(
            [*map(str, [*command, *options])],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        try:
            live.wait_for(
                lambda: live.status_of(session).get("state") == "live" or process.poll() is not None, 120.0, "live"
            )
            time.sleep(arguments.seconds / 2)
            if process.poll() is not None:
                raise SystemExit(f"the session ended early: {process.communicate()[1][-2000:]}")
            processes = Processes(process.pid)
            time.sleep(max(0.0, arguments.seconds / 2 - 2.0))
            shares = processes.shares()
            said, errors = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        raise SystemExit(f"session: exit code {process.returncode}: {errors[-2000:]}")
    if ("window" in shares) is headless:
        raise SystemExit(
            f"{'a' if headless else 'no'} window was there in the middle of the round; its processes: {shares}"
        )
    report = json.loads(said.splitlines()[-1])
    lines = (session / "decisions" / f"{DECODER}.jsonl").read_text().splitlines()
    decisions = [decision_from_json(json.loads(line)) for line in lines]
    windows = report["decoders"][DECODER]["windows"]
    if len(decisions) != windows["decoded"]:
        raise SystemExit(f"{len(decisions)} decisions are in the log, the session counted {windows['decoded']}")
    return {
        "ages": [d.age for d in decisions],
        "own": [d.ready_time - d.arrival_time for d in decisions],
        "windows": windows,
        "lost": report["samples"]["lost"],
        "cpu": shares,
    }


def percentiles(seconds: list[float]) -> dict[str, float]:
    """p50, p95, p99 and the largest, in milliseconds."""
    values = np.percentile(np.array(seconds) * 1e3, [50, 95, 99, 100])
    return {name: round(float(value), 2) for name, value in zip(("p50", "p95", "p99", "max"), values, strict=True)}


def row(rounds: list[dict]) -> dict:
    """One line of the table from all rounds of one kind."""
    return {
        "age_ms": percentiles([age for r in rounds for age in r["ages"]]),
        "own_part_ms": percentiles([own for r in rounds for own in r["own"]]),
        **{key: sum(r["windows"][key] for r in rounds) for key in ("decoded", "skipped", "late")},
        "lost": sum(r["lost"] for r in rounds),
        "cpu_percent": {name: round(float(np.mean([r["cpu"][name] for r in rounds])), 1) for name in rounds[0]["cpu"]},
    }


def print_table(table: dict[str, dict]) -> None:
    """Print for a person."""
    print(
        f"{'':10} {'age p50':>8} {'p95':>7} {'p99':>7} {'max':>7}   {'own part p50':>13} {'p95':>7} {'p99':>7} {'max':>7}",
        end="",
    )
    print(f"   {'decoded':>8} {'skipped':>8} {'late':>5}   CPU %")
    for which, line in table.items():
        age, own = line["age_ms"], line["own_part_ms"]
        print(f"{which:10} {age['p50']:8.2f} {age['p95']:7.2f} {age['p99']:7.2f} {age['max']:7.2f}", end="")
        print(
            f"   {own['p50']:13.2f} {own['p95']:7.2f} {own['p99']:7.2f} {own['max']:7.2f}",
            end="",
        )
        print(f"   {line['decoded']:8d} {line['skipped']:8d} {line['late']:5d}   ", end="")
        print(", ".join(f"{name} {share:.1f}" for name, share in line["cpu_percent"].items()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of decisions, per kind and round (at least 8)")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--hop", type=float, default=0.04, help="seconds")
    parser.add_argument("--decoder", default="mdm")
    parser.add_argument(
        "--chunk", type=int, help="samples that are sent together (default: 20 ms of them, as amplifiers do)"
    )
    parser.add_argument("--only", choices=["headless", "window"])
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    arguments = parser.parse_args()
    if arguments.seconds < 8.0:
        parser.error(f"--seconds {arguments.seconds:g} leaves no second half to measure in; at least 8")
    chosen = [arguments.only] if arguments.only else ["headless", "window"]
    rounds: dict[str, list[dict]] = {which: [] for which in chosen}
    with tempfile.TemporaryDirectory(prefix="rtbci-bench-") as scratch, display() as (screen, environment):
        folder = Path(scratch)
        own_lab(folder)
        environment = {**environment, "LSLAPICFG": os.environ["LSLAPICFG"]}
        write_run(folder / "calibration_raw.fif", 1, arguments.channels, CALIBRATION_SECONDS)
        write_run(folder / "live_raw.fif", 2, arguments.channels, arguments.seconds + SPARE_SECONDS)
        experiment = folder / "experiment.toml"
        experiment.write_text(
            EXPERIMENT.format(stream="age", decoder=DECODER, use=arguments.decoder, hop=arguments.hop)
        )
        recording = folder / "calibration_raw.fif"
        code, _, errors = live.rtbci("train", experiment, "--recording", recording, "--out", folder / "model.rtbci")
        if code:
            raise SystemExit(f"training: exit code {code}: {errors[-2000:]}")
        for _ in range(arguments.rounds):
            for which in chosen:
                rounds[which].append(one_round(arguments, folder, which == "headless", environment))
    table = {which: row(found) for which, found in rounds.items()}
    print(
        f"{arguments.decoder}, {arguments.channels} channels, {RATE:g} Hz, window 2 s, hop {1e3 * arguments.hop:g} ms; "
        f"{arguments.rounds} rounds of {arguments.seconds:g} s; window on {screen}; "
        f"load average {os.getloadavg()[0]:.2f}; ms"
    )
    print_table(table)
    if arguments.json:
        print(json.dumps({**table, "screen": screen}))


if __name__ == "__main__":
    main()
