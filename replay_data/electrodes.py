"""Writes ``rtbci/montage.json``: where the electrodes of the 10-05 system and the sensors of a Neuromag helmet sit.

Run it as ``python replay_data/electrodes.py`` when MNE's montages change; a test compares the table with MNE's.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np

PATH = Path(__file__).parents[1] / "rtbci" / "montage.json"
HORIZON = ("Fpz", "Oz", "T7", "T8")


def sphere_centre(positions: np.ndarray) -> np.ndarray:
    """(3,) centre of the sphere through ``positions`` (n, 3): least squares of |p|^2 = 2 c.p + const."""
    system = np.column_stack([2 * positions, np.ones(len(positions))])
    return np.linalg.lstsq(system, (positions**2).sum(1), rcond=None)[0][:3]


def table() -> dict[str, object]:
    """The table, positions in millimetres: electrodes in head coordinates, helmet sensors in the device's."""
    import mne
    from mne.channels.montage import read_meg_canonical_info

    known = mne.channels.get_builtin_montages()  # MNE 1.13 gives the same positions a new name
    montage = mne.channels.make_standard_montage("colin27_1005" if "colin27_1005" in known else "standard_1005")
    info = mne.create_info(montage.ch_names, 1.0, "eeg", verbose="error")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        info.set_montage(montage, verbose="error")
    eeg = {entry["ch_name"]: np.asarray(entry["loc"][:3]) * 1e3 for entry in info["chs"]}
    helmet = read_meg_canonical_info("neuromag")
    sites = {entry["ch_name"].replace(" ", "")[:6]: np.asarray(entry["loc"][:3]) * 1e3 for entry in helmet["chs"]}

    def rounded(places: dict[str, np.ndarray]) -> dict[str, list[float]]:
        return {name: [round(float(v), 1) for v in at] for name, at in places.items()}

    return {
        "source": "MNE-Python: standard_1005 (colin27_1005) in head coordinates; canonical Neuromag helmet; millimetres",
        "horizon_centre": [round(float(v), 2) for v in np.mean([eeg[name] for name in HORIZON], axis=0)],
        "sphere_centre": [round(float(v), 2) for v in sphere_centre(np.array(list(eeg.values())))],
        "helmet_centre": [round(float(v), 2) for v in sphere_centre(np.array(list(sites.values())))],
        "eeg": rounded(eeg),
        "neuromag": rounded(sites),
    }


def main() -> None:
    """Write the table, one place a line."""
    made = table()
    lines = []
    for key, value in made.items():
        if isinstance(value, dict):
            rows = ",\n".join(f"    {json.dumps(name)}: {json.dumps(at)}" for name, at in value.items())
            lines.append(f"  {json.dumps(key)}: {{\n{rows}\n  }}")
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value)}")
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
