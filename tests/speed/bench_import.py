"""What it costs to begin: ``import rtbci`` beside ``import numpy`` and a bare interpreter, and two commands that list.

    python tests/speed/bench_import.py

Every run is a fresh interpreter, the kinds in turn in every round, and the median of the rounds counts. The first round
fills the disk cache and writes the byte code, and is left out. What ``import`` itself costs is the time beyond the bare
interpreter's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

KINDS = {
    "bare python": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import rtbci": ["-c", "import rtbci"],
    "rtbci --help": ["-m", "rtbci", "--help"],
    "rtbci plugins list": ["-m", "rtbci", "plugins", "list"],
}


def wall(arguments: list[str]) -> float:
    """Seconds from starting an interpreter with ``arguments`` to its end."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20, help="at least 10")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    arguments = parser.parse_args()
    if arguments.rounds < 10:
        parser.error(f"--rounds {arguments.rounds} is too few for a median that holds; at least 10")
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for k in range(arguments.rounds + 1):
        for kind, command in KINDS.items():
            seconds = wall(command)
            if k > 0:
                took[kind].append(1e3 * seconds)
    table = {
        kind: {"median_ms": round(float(np.median(times)), 1), "max_ms": round(max(times), 1)}
        for kind, times in took.items()
    }
    bare = table["bare python"]["median_ms"]
    ratio = (table["import rtbci"]["median_ms"] - bare) / (table["import numpy"]["median_ms"] - bare)
    print(f"{arguments.rounds} fresh interpreters of each kind, load average {os.getloadavg()[0]:.2f}")
    print(f"{'':20} {'median ms':>10} {'beyond bare':>12} {'max ms':>8}")
    for kind, line in table.items():
        print(f"{kind:20} {line['median_ms']:10.1f} {line['median_ms'] - bare:12.1f} {line['max_ms']:8.1f}")
    print(f"import rtbci takes {ratio:.2f} times as long as import numpy")
    if arguments.json:
        print(json.dumps({**table, "rtbci_over_numpy": round(ratio, 3)}))


if __name__ == "__main__":
    main()
