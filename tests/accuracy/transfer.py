"""From one person to another on minutes of calibration, and two people who train one network without sharing recordings.

    .venv/bin/python -m tests.accuracy.transfer --out /tmp/transfer > table.md

Right or left hand imagined, seven channels. Everything is done by commands: ``rtbci federate rounds``, ``rtbci replay`` and
``rtbci train [--from MODEL --train local|all]``. A person's first run is the calibration, later runs are the test:

* *own*: trained on the calibration alone. *other*: trained on the other person, as it stands.
* *local*: from there, the input block alone on the calibration. *all*: from there, everything on the calibration.
* *federated*: the calibrations of both are two sites, 20 rounds of 2 epochs; each site's own model. *pooled*: trained on
  both calibrations together, which would need them in one place.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.accuracy.experiments import NAMES, SCALP, experiment, sliding

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = {
    "P002": ("sub-P002", "ses-S002", ("001", "002", "004", "005")),
    "P004": ("sub-P004", "ses-S003", ("001", "002", "003", "004")),
}
NETWORKS = ("eegnet", "shallow", "simpleconv")


def runs(data: Path, person: str) -> list[Path]:
    """The recordings of a person, in order."""
    subject, session, numbers = PEOPLE[person]
    folder = data / "mi_errp_xdf_2d" / subject / session / "eeg"
    return [folder / f"{subject}_{session}_task-Default_run-{number}_eeg.xdf" for number in numbers]


def rtbci(*arguments: object) -> dict[str, Any]:
    """What a command says."""
    command = [sys.executable, "-m", "rtbci", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    if "error" in said:
        raise SystemExit(f"{' '.join(command)}\n{said['error']}")
    return said


def score(path: Path, model: Path, tests: list[Path]) -> tuple[int, int]:
    """Trials right and trials of ``tests``, replayed."""
    right = total = 0
    for recording in tests:
        one = rtbci("replay", path, "--model", model, "--recording", recording)["decoders"]
        tally = next(iter(one.values()))
        right += sum(tally["confusion"][k][k] for k in range(len(tally["confusion"])))
        total += tally["trials"]
    return right, total


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    data = Path(os.environ.get("RTBCI_TEST_DATA", ROOT.parent / "shared" / "data"))
    same = f'{SCALP}{{ use = "band-pass", low = 4.0, high = 40.0 }}, {{ use = "resample", rate = 100.0 }}, '
    same += '{ use = "euclidean-alignment" }'
    print("| network | to | own | other | local | all | federated | pooled | trials |")
    print("|---|---|---|---|---|---|---|---|---|")
    for network in NETWORKS:
        folder = options.out / network
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "experiment.toml"
        decoders = [sliding(network, network, same)]
        path.write_text(experiment("transfer", 'right = ["1"]\nleft = ["2"]', (0.5, 4.0), decoders, NAMES))
        first = {person: runs(data, person)[0] for person in PEOPLE}
        sites = [word for person, run in first.items() for word in ("--site", f"{person}={run}")]
        rtbci("federate", "rounds", path, *sites, "--rounds", 20, "--epochs", 2, "--out", folder / "federated.rtbci")
        both = [word for run in first.values() for word in ("--recording", run)]
        rtbci("train", path, *both, "--out", folder / "pooled.rtbci")
        for person, other in (("P002", "P004"), ("P004", "P002")):
            tests = runs(data, person)[1:]
            theirs = [word for run in runs(data, other) for word in ("--recording", run)]
            rtbci("train", path, *theirs, "--out", folder / f"{other}.rtbci")
            own = ("--recording", first[person])
            rtbci("train", path, *own, "--out", folder / "own.rtbci")
            begin = ("--from", folder / f"{other}.rtbci")
            rtbci("train", path, *own, *begin, "--train", "local", "--out", folder / "local.rtbci")
            rtbci("train", path, *own, *begin, "--train", "all", "--out", folder / "all.rtbci")
            cells = []
            for model in ("own", other, "local", "all", f"federated.{person}", "pooled"):
                right, total = score(path, folder / f"{model}.rtbci", tests)
                cells.append(f"{right / total:.3f}")
            print(f"| {network} | {person} | {' | '.join(cells)} | {total} |", flush=True)


if __name__ == "__main__":
    main()
