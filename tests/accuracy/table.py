"""Every decoder that applies, on every real recording there is: trained on the past, causal, beside what papers would claim.

    .venv/bin/python -m tests.accuracy.table --out /tmp/accuracy --jobs 2 [--only S001] [--split chrono] > table.md
    .venv/bin/python -m tests.accuracy.table --networks --out /tmp/networks --jobs 2 > networks.md

For each setting an experiment file is written to the folder and ``rtbci evaluate EXPERIMENT --recording … --split …
--shuffles 1 --flattery`` is run on it (with ``--networks`` without the last: they are trained often enough); the tables are
made of its ``--json``. Finished tasks are kept: a second run makes the tables only. The recordings are those of the folder
in ``RTBCI_TEST_DATA``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.accuracy.experiments import Setting, deep_settings, settings, slug

ROOT = Path(__file__).resolve().parents[2]


def evaluate(
    setting: Setting, split: str, data: Path, folder: Path, jobs: int, flattery: bool = True
) -> dict[str, Any]:
    """Run the command; its JSON, or ``{"error": …}``."""
    place = folder / slug(setting.name)
    place.mkdir(parents=True, exist_ok=True)
    experiment = place / "experiment.toml"
    experiment.write_text(setting.text)
    command = [
        sys.executable,
        "-m",
        "rtbci",
        "evaluate",
        str(experiment),
        "--split",
        split,
        "--jobs",
        str(jobs),
    ]
    for recording in setting.recordings(data, place):
        command += ["--recording", str(recording)]
    if setting.blocks is not None:
        command += ["--blocks", str(setting.blocks)]
    command += ["--shuffles", "1", *(["--flattery"] if flattery else []), "--out", str(place), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def cell(value: object) -> str:
    """A number with three digits, or a dash."""
    return f"{value:.3f}" if isinstance(value, float) else "–" if value is None else str(value)


def table(setting: Setting, split: str, result: dict[str, Any]) -> str:
    """One setting as Markdown."""
    lines = [f"### {setting.name} ({split})", ""]
    if "error" in result:
        return "\n".join([*lines, f"refused: {result['error']}", ""])
    for one in result["failed"]:
        lines.append(f"failed: {one['task']}: {one['error']}")
    lines += [
        "| decoder | trials | trial accuracy | 95 % interval | chance | shuffled | time only | AUC | nMCC | windows | "
        "flattered windows | flattered trials |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    best = max((one["trial_accuracy"] or 0.0 for one in result["summary"].values()), default=0.0)
    for name, one in result["summary"].items():
        flattering = one.get("flattering") or {}
        accuracy = cell(one["trial_accuracy"])
        interval = "–" if not one["ci"] else f"{one['ci'][0]:.2f}–{one['ci'][1]:.2f}"
        cells = [
            name,
            one["trials"],
            f"**{accuracy}**" if one["trial_accuracy"] == best else accuracy,
            interval,
            *(cell(one.get(key)) for key in ("chance", "shuffled", "time_only", "auc", "nmcc", "window_accuracy")),
            *(cell(flattering.get(key)) for key in ("window_accuracy", "trial_accuracy")),
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += [""] + [f"* {warning}" for warning in result["warnings"]] + [""]
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the reports and of finished tasks")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="settings whose name holds this")
    parser.add_argument("--split", default="", help="splits whose name holds this")
    parser.add_argument("--networks", action="store_true", help="networks beside those that they compete with")
    given = parser.parse_args()
    data = Path(os.environ.get("RTBCI_TEST_DATA", ROOT.parent / "shared" / "data"))
    for setting in deep_settings() if given.networks else settings():
        for split in setting.splits:
            if given.only not in setting.name or given.split not in split:
                continue
            result = evaluate(setting, split, data, given.out.resolve(), given.jobs, not given.networks)
            print(table(setting, split, result), flush=True)


if __name__ == "__main__":
    main()
