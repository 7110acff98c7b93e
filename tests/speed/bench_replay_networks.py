"""Networks in replay: windows a second through the whole pipeline, decided one by one (as live, to the bit) and in batches.

    .venv/bin/python tests/speed/bench_replay_networks.py [--device cuda] [--json]

Every network is trained for one epoch on the bundled calibration recording (16 channels, 160 Hz, 303 s) and replays it with
a hop of 0.1 s. Both ways take turns, three rounds; the fastest of each counts.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from rtbci import assemble, bundled, config
from rtbci.replay import run
from rtbci.report import DecoderTally
from rtbci.training import train
from rtbci.training_set import source_of

NETWORKS = {
    "eegnet": "",
    "shallow": "",
    "simpleconv": "",
    "conformer-chunks": "att_depth = 6",
    "fnn": "taps = [32, 32]",
    "nice": "dims = 64",
    "atm": "dims = 64",
    "meg-conv": "dims = 64",
}
ROUNDS = 3


def experiment(folder: Path, device: str) -> config.Experiment:
    """All networks on 2 s windows at 100 Hz."""
    tables = "".join(
        f'[[decoder]]\nname = "{name}"\nuse = "{name}"\nwindow = 2.0\nhop = 0.1\nepochs = 1\ndevice = "{device}"\n{more}\n'
        'transforms = [{ use = "band-pass", low = 1.0, high = 40.0 }, { use = "resample", rate = 100.0 }]\n'
        for name, more in NETWORKS.items()
    )
    path = folder / "networks.toml"
    path.write_text(
        'name = "networks"\n[source]\nuse = "lsl"\n[classes]\nfists = ["T1"]\nfeet = ["T2"]\n[trial]\nstart = 0.5\n'
        f"stop = 3.5\n{tables}"
    )
    return config.load(path)


def once(loaded: config.Experiment, model: Path, name: str, batched: bool) -> tuple[int, float, str]:
    """Windows decided, seconds that it took, and what the network ran on."""
    chosen = loaded.decoder(name)
    fitted = assemble.load_models(loaded, model, [name])[name]
    source = source_of(loaded, bundled.calibration())
    info = source.open()
    ready = assemble.fit_to_stream(fitted, info)
    pipeline = assemble.make_pipeline(
        loaded, chosen, source, info, fitted.decoder, ready.channels, rows=8192, batched=batched
    )
    tally = DecoderTally(tuple(loaded.classes))
    began = time.perf_counter()
    run(pipeline, tally, lambda decision: None)
    seconds = time.perf_counter() - began
    source.close()
    return tally.decoded, seconds, getattr(fitted.decoder, "runs_on", "")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        loaded = experiment(folder, options.device)
        assemble.limit_threads()
        train(loaded, [bundled.calibration()], folder / "model.rtbci")
        for network in NETWORKS:
            best = {False: float("inf"), True: float("inf")}
            for _ in range(ROUNDS):
                for batched in best:
                    n, seconds, device = once(loaded, folder / "model.rtbci", network, batched)
                    best[batched] = min(best[batched], seconds)
            rows.append(
                {
                    "network": network,
                    "device": device,
                    "windows": n,
                    "one_by_one_per_second": n / best[False],
                    "batched_per_second": n / best[True],
                    "one_by_one_times_real_time": 0.1 * n / best[False],
                    "batched_times_real_time": 0.1 * n / best[True],
                }
            )
    print(f"load {os.getloadavg()[0]:.2f}; {rows[0]['device']}\n")
    print("| network | windows/s one by one | in batches | x real time one by one | in batches |")
    print("|---|---|---|---|---|")
    for row in rows:
        cells = [f"{row[key]:.0f}" for key in list(row)[3:]]
        print(f"| {row['network']} | {' | '.join(cells)} |")
    if options.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
