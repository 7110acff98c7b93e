"""Short recordings of the simulated subject, as files, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rtbci import bundled


def write_run(path: Path, seed: int, trials: int = 10) -> Path:
    """Run number ``seed`` of the demo's subject as FIF: 16 channels, 160 Hz, markers T1 and T2 as annotations."""
    import mne

    source = bundled.demo_subject(seed, trials=trials)
    info = source.open()
    samples, times = np.empty((4096, info.n_channels), np.float32), np.empty(4096)
    rows, stamps, markers = [], [], []
    while True:
        try:
            n = source.read(samples, times, 0.0)
        except EOFError:
            break
        rows.append(samples[:n].copy())
        stamps.append(times[:n].copy())
        markers += list(source.markers())
    markers += list(source.markers())
    first = stamps[0][0]
    raw = mne.io.RawArray(
        np.concatenate(rows).T * 1e-6, mne.create_info(list(info.names), info.rate, "eeg"), verbose="error"
    )
    raw.set_annotations(mne.Annotations([m.time - first for m in markers], 0.0, [m.label for m in markers]))
    raw.save(path, verbose="error", overwrite=True)
    return path
