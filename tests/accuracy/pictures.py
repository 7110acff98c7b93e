"""Real embeddings on real resting EEG with simulated responses: retrieval against the upper bound.

    .venv/bin/python -m tests.accuracy.pictures --out /tmp/pictures [--only nice] [--snr -20 -10] [--set objects] > table.md

Two sets of candidates:

    objects   the 92 pictures of Kriegeskorte et al. 2008, in a bank that ``rtbci bank build`` makes of them (statistics)
    things    CLIP embeddings of the 200 test pictures of THINGS-EEG2, without pictures

What is simulated is the response alone. A picture with embedding e evokes ``sum over k of x_k P_k(c, t)`` (nonlinear:
``f_k(x)``), x = (e - mean of the set) / root mean square length, with the patterns P of `tests.accuracy.seen`; what all
pictures evoke in common is left out, as it tells none from another and would raise the SNR. It is added to resting EEG of
`eegmmidb_S001`: training presentations lie on stretches of R01 (eyes open), test presentations on stretches of R02 (eyes
closed), a minute each, so stretches recur within a recording but never between the two. SNR is the mean power of responses
over that of the background, 80 to 600 ms, all channels.

Every picture is trained on, as often as `SETS` says; what is held out are presentations, not pictures. (Pictures that were
never trained on: `tests.accuracy.embeddings`.) Each is tested on `TESTS` presentations, whose signals are averaged, 1, 2 or
5, before they are decoded. Candidates are ranked by the search of banks. Finished settings are files below ``--out``, and
are not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.bank import Bank
from rtbci.bank.search import Search
from rtbci.retrieval import by_repeats
from tests.accuracy import embeddings as machinery
from tests.accuracy import material, seen

ROOT = Path(__file__).resolve().parents[2]
SETS = {"objects": 20, "things": 10}
"""Training presentations of each picture."""
TESTS, AVERAGED = 10, (1, 2, 5)
OBJECTS = Path("rsa_92images/demos/92imageData/Kriegeskorte_Neuron2008_supplementalData.mat")
THINGS = Path("things_features_nice/dnn_feature/clip_feature_maps_test.npy")
DECODERS = {
    "ridge-embed": "",
    "nice": "epochs = {epochs}\nbatch = 128\nlearning_rate = 5e-4\npatience = 12\nper_trial = 1",
    "atm": "epochs = {epochs}\nbatch = 128\npatience = 12\nper_trial = 1",
}


def bank_of_objects(folder: Path, data: Path) -> Path:
    """A bank of the 92 pictures, by ``rtbci bank build``; built once."""
    import scipy.io
    from PIL import Image

    bank = folder / "objects.bank"
    if bank.exists():
        return bank
    content = scipy.io.loadmat(data / OBJECTS)
    names = [str(name[0]) for name in content["categoryLabels"][0]]
    animate = content["categoryVectors"][:, names.index("animate")]
    for k, one in enumerate(content["stimuli_92objs"][0]):
        path = folder / "pictures" / ("animate" if animate[k] else "inanimate") / f"object{k:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(one["image"]).save(path)
    command = [sys.executable, "-m", "rtbci", "bank", "build", str(folder / "pictures"), "--out", str(bank)]
    subprocess.run(command, check=True, capture_output=True)
    return bank


def candidates_of(name: str, folder: Path, data: Path) -> tuple[Path, list[str], NDArray[np.float16]]:
    """Targets to train on, marker labels, and embeddings (n, n_dims) float16 of length 1."""
    folder.mkdir(parents=True, exist_ok=True)
    if name == "objects":
        path = bank_of_objects(folder, data)
        bank = Bank.open(path)
        return path, [item.id for item in bank.items], np.asarray(bank.embeddings)
    rows = np.load(data / THINGS).reshape(200, -1)
    labels, path = [f"things{k:03d}" for k in range(len(rows))], folder / "things.npz"
    np.savez(path, labels=np.array(labels), embeddings=rows, space_id="clip:things-eeg2-test (NICE)")
    return path, labels, (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def recordings(
    folder: Path, data: Path, embeddings: NDArray[Any], labels: list[str], presentations: int, linear: bool, snr: float
) -> dict[str, Any]:
    """Write a training and a test recording; the same for the same arguments."""
    random = np.random.default_rng(92)
    quiet, info = machinery.rest(data, "R01")
    loud, _ = machinery.rest(data, "R02")
    x = embeddings.astype(np.float64)
    x -= x.mean(axis=0)
    x /= np.sqrt((x**2).sum(axis=1).mean())
    who = seen.viewer(quiet, x.shape[1], linear)
    gain = float(np.sqrt(10 ** (snr / 10) / seen.power_ratio(quiet, who, x)))
    made: dict[str, Any] = {"responses": gain * who.responses(x)}
    for run, (part, rest, times) in enumerate((("train", quiet, presentations), ("test", loud, TESTS)), 1):
        shown = np.concatenate([random.permutation(len(x)) for _ in range(times)])
        noise = seen.background(rest, int(seen.onsets(len(shown))[-1] + 3 * seen.RATE), random)
        samples, at = seen.recording(noise, who, x, shown, gain)
        path = folder / f"sub-1_ses-1_run-{run}_eeg.xdf"
        names = [labels[k] for k in shown]
        material._write(path, samples, seen.RATE, info.channels[:64], at / seen.RATE, names)
        made[part] = {"path": path, "shown": shown, "noise": noise}
    return made


def averages(windows: NDArray[Any], items: NDArray[np.int64], n: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Means of ``n`` windows of the same item, in order of time, each window in one of them; and their items."""
    means, truth = [], []
    for item in np.unique(items):
        mine = windows[items == item]
        for first in range(0, len(mine) - n + 1, n):
            means.append(mine[first : first + n].mean(axis=0))
            truth.append(item)
    return np.stack(means), np.array(truth)


def measured(decoder: str, windows: NDArray[Any], items: NDArray[np.int64], score: Any) -> dict[str, Any]:
    """A row of the table: ``score`` gives scores (n, n_candidates) of windows (n, n_channels, n_times)."""
    scored = {}
    for n in AVERAGED:
        means, truth = averages(windows, items, n)
        scored[n] = (score(means), truth)
    return {"decoder": decoder, "of": {str(one.averaged): one.as_json() for one in by_repeats(scored, "item")}}


def bounds(made: dict[str, Any]) -> list[dict[str, Any]]:
    """Who knows all responses and the covariance of the noise: on Gaussian noise (bound), on the real one (oracle)."""
    noise, shown, responses = made["test"]["noise"], made["test"]["shown"], made["responses"]
    white = seen.whitening(noise, responses.shape[2])
    flat = white(responses)
    trials = np.stack([noise[s : s + responses.shape[2]].T for s in seen.onsets(len(shown))]) + responses[shown]
    ideal = {"decoder": "bound", "of": {str(n): seen.bound(flat, n) for n in AVERAGED}}
    score = lambda windows: 2 * white(windows) @ flat.T - (flat**2).sum(axis=1)  # noqa: E731
    return [ideal, measured("oracle", trials, shown, score)]


def run(out: Path, data: Path, name: str, linear: bool, snr: float, decoders: list[str], epochs: int) -> list[Any]:
    """All rows of one setting; those that were kept are read."""
    folder = out / f"{name}-{'linear' if linear else 'nonlinear'}{snr:+.0f}"
    folder.mkdir(parents=True, exist_ok=True)
    files = {one: folder / f"{one}.json" for one in ("bounds", *decoders)}
    if not all(path.exists() for path in files.values()):
        targets, labels, embeddings = candidates_of(name, out / name, data)
        made = recordings(folder, data, embeddings, labels, SETS[name], linear, snr)
        search, number = Search(embeddings), {label: k for k, label in enumerate(labels)}
        if not files["bounds"].exists():
            files["bounds"].write_text(json.dumps(bounds(made)))
        for one in decoders:
            if files[one].exists():
                continue
            settings = DECODERS[one].format(epochs=epochs)
            text = machinery.experiment(one, settings, targets, labels)
            _, fitted, seconds, notes = machinery.trained(one, text, folder, made["train"]["path"])
            test = machinery.windows_of(text, folder, made["test"]["path"], fitted.calibrated)
            decoder: Any = fitted.decoder
            decoder.prepare(test.info, test.n_samples, 2)
            items = np.array([number[test.markers[k]] for k in test.trial])
            score = lambda windows, of=decoder: np.stack([search.scores(z) for z in machinery.embed(of, windows)])  # noqa: E731
            row = measured(one, test.windows, items, score) | {"seconds": seconds, "notes": notes, "settings": settings}
            files[one].write_text(json.dumps([row]))
        for part in ("train", "test"):
            made[part]["path"].unlink()
    return [row for path in files.values() for row in json.loads(path.read_text())]


def cells(row: dict[str, Any]) -> list[str]:
    """Top-1 with its interval and top-5, for each number of presentations averaged; shuffled top-1; time."""
    shown = []
    for measure in ("top1", "top5"):
        for n in AVERAGED:
            one = row["of"][str(n)]
            interval = one.get("top1_interval") if measure == "top1" else None
            between = f" ({interval[0]:.2f}–{interval[1]:.2f})" if interval else ""
            shown.append(f"{one[measure]:.3f}{between}")
    control = row["of"]["1"].get("shuffled_top1")
    shown.append("–" if control is None else f"{control:.4f}")
    return [*shown, f"{row['seconds']:.0f} s" if "seconds" in row else "–"]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--snr", type=float, nargs="+", default=[-40, -35, -30, -25, -20, -15, -10], help="dB")
    parser.add_argument("--only", nargs="*", choices=DECODERS, default=list(DECODERS), help="none: the bound alone")
    parser.add_argument("--kind", nargs="+", choices=["linear", "nonlinear"], default=["linear"])
    parser.add_argument("--epochs", type=int, default=80, help="of networks, at most")
    options = parser.parse_args()
    data = Path(os.environ.get("RTBCI_TEST_DATA", ROOT.parent / "shared" / "data"))
    for name in options.set:
        n = {"objects": 92, "things": 200}[name]
        trials = ", ".join(f"{n * (TESTS // one)} of {one}" for one in AVERAGED)
        print(f"\n{name}: {n} candidates, chance top-1 {1 / n:.4f}, top-5 {5 / n:.4f}; N = {trials}\n")
        averaged = " | ".join(f"{measure} of {one}" for measure in ("top-1", "top-5") for one in AVERAGED)
        print(f"| response | SNR | decoder | {averaged} | shuffled top-1 | trained in |")
        print("|---" * (5 + 2 * len(AVERAGED)) + "|")
        for kind in options.kind:
            for snr in options.snr:
                for row in run(options.out, data, name, kind == "linear", snr, options.only, options.epochs):
                    print(f"| {kind} | {snr:+.0f} dB | {row['decoder']} | {' | '.join(cells(row))} |", flush=True)


if __name__ == "__main__":
    main()
