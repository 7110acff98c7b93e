"""Networks on the command line: trained with checkpoints, by several processes, from one another, at several sites."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import mne
import numpy as np
import pytest
import torch

from rtbci import assemble, bundled, config, training
from rtbci import model as models
from rtbci.confidence import temperature
from rtbci.held_out import chronological
from rtbci.types import Window
from tests import live
from tests.cli.terminal import rtbci

pytestmark = pytest.mark.timeout(240)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU here")

NETWORK = """
[[decoder]]
name = "net"
use = "shallow"
window = 1.0
hop = 0.5
epochs = {epochs}
patience = 0
n_filters_time = 8
n_filters_spat = 8
{extra}
transforms = [{{ use = "band-pass", low = 4.0, high = 40.0 }}, {{ use = "resample", rate = 100.0 }}]
"""


def experiment(folder: Path, epochs: int = 2, extra: str = "", stream: str = "s") -> Path:
    path = folder / "experiment.toml"
    decoders = NETWORK.format(epochs=epochs, extra=extra)
    path.write_text(live.EXPERIMENT.format(name="test", stream=stream, decoders=decoders))
    return path


def arrays(path: Path) -> dict[str, np.ndarray]:
    return models.read_arrays(path, "net")


def same(one: Path, other: Path) -> bool:
    a, b = arrays(one), arrays(other)
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


def train(path: Path, out: Path, *more: object) -> dict:
    return done("train", path, "--recording", bundled.calibration(), "--out", out, *more)


def done(*arguments: object) -> dict:
    """What a command that ends well says; it runs in this process, which has PyTorch loaded already."""
    said = rtbci(*arguments, "--json")
    assert said.code == 0, said.out + said.err
    return said.json


def refused(*arguments: object) -> str:
    """The one line of a command that is refused."""
    said = rtbci(*arguments, "--json")
    assert said.code == 2, said.out + said.err
    return said.json["error"]


def test_a_network_is_trained_saved_and_replayed_to_the_bit(tmp_path):
    path = experiment(tmp_path, epochs=4)
    said = train(path, tmp_path / "a.rtbci")
    assert any(note.startswith("net: best after epoch") for note in said["notes"])
    assert said["decoders"]["net"]["trials"] == 40
    train(path, tmp_path / "b.rtbci")
    assert same(tmp_path / "a.rtbci", tmp_path / "b.rtbci")
    hashes = set()
    for model, chunk in (("a", 1), ("a", 50), ("b", 7)):
        made = tmp_path / f"{model}.rtbci"
        replayed = done("replay", path, "--model", made, "--recording", bundled.calibration(), "--chunk", chunk)
        hashes.add(replayed["decoders"]["net"]["decisions_sha256"])
    assert len(hashes) == 1
    assert not (tmp_path / "a.rtbci.training").exists()  # the checkpoints have done their work


def test_a_training_that_was_killed_goes_on_and_ends_with_the_same_bits(tmp_path):
    path = experiment(tmp_path, epochs=60)
    out = tmp_path / "model.rtbci"
    command = [sys.executable, "-m", "rtbci", "train", str(path), "--recording", str(bundled.calibration())]
    process = subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    kept = tmp_path / "model.rtbci.training" / "net" / "first" / "checkpoint.safetensors"
    try:
        live.wait_for(kept.exists, 120, "a checkpoint")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not out.exists()
    said = train(path, out)
    assert any("went on from a checkpoint after epoch" in note for note in said["notes"])
    train(path, tmp_path / "whole.rtbci")
    assert same(out, tmp_path / "whole.rtbci")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, needs_gpu])])
def test_two_processes_train_one_network(tmp_path, device):
    """torchrun with two processes: halves of the same batches, gradients averaged, is the same training.

    To the rounding, for a network without batch norm and dropout and with classes that weigh alike. Two processes share
    a GPU where there is one alone.
    """
    same_in_two = 'balance = false\nbatch = 32\nlearning_rate = 0.01\nvalidation = 0.0\nprecision = "float32"'
    path = experiment(tmp_path, epochs=6, extra=f'{same_in_two}\ndevice = "{device}"')
    text = path.read_text().replace('use = "shallow"', 'use = "fnn"\ntaps = [16, 16]')
    path.write_text(text.replace("n_filters_time = 8\nn_filters_spat = 8\n", ""))
    out = tmp_path / "two.rtbci"
    done = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "rtbci",
            "train", str(path), "--recording", str(bundled.calibration()), "--out", str(out), "--json",
        ],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(told) == 1  # the first process alone speaks and writes
    train(path, tmp_path / "one.rtbci")
    one, two = arrays(tmp_path / "one.rtbci"), arrays(out)
    assert one.keys() == two.keys()
    for name in one:
        assert np.allclose(one[name], two[name], atol=2e-4), name
    path.write_text(path.read_text().replace("epochs = 6", "epochs = 1"))
    train(path, tmp_path / "less.rtbci")  # the five epochs in between have moved the weights much further than that
    moved = one["shared/network.dense.theta"] - arrays(tmp_path / "less.rtbci")["shared/network.dense.theta"]
    assert np.abs(moved).max() > 5e-3


def test_a_network_begins_from_a_model_and_trains_its_input_block_alone(tmp_path):
    path = experiment(tmp_path, epochs=3)
    train(path, tmp_path / "people.rtbci")
    said = train(path, tmp_path / "new.rtbci", "--from", tmp_path / "people.rtbci", "--train", "local")
    assert any("began with" in note and "shared" in note for note in said["notes"])
    before, after = arrays(tmp_path / "people.rtbci"), arrays(tmp_path / "new.rtbci")
    shared = [name for name in before if name.startswith("shared/")]
    assert all(before[name].tobytes() == after[name].tobytes() for name in shared)
    assert any(before[name].tobytes() != after[name].tobytes() for name in before if name.startswith("local/"))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--train", "local"), "--from MODEL is needed"),
        (("--from", "missing.rtbci"), "there is no such file"),
    ],
)
def test_beginnings_that_cannot_be_are_refused_in_one_line(tmp_path, more, says):
    path = experiment(tmp_path)
    line = refused("train", path, "--recording", bundled.calibration(), "--out", tmp_path / "m.rtbci", *more)
    assert says in line
    assert not list(tmp_path.glob("m.rtbci*"))


def test_an_input_block_is_not_trained_for_classes_in_another_order(tmp_path):
    """The rest of the network, which is kept, would call each class by the other's name."""
    train(experiment(tmp_path), tmp_path / "people.rtbci")
    path, begin = turned(tmp_path), ("--from", tmp_path / "people.rtbci")
    recording = ("--recording", bundled.calibration())
    line = refused("train", path, *recording, "--out", tmp_path / "new.rtbci", *begin, "--train", "local")
    assert "the same classes in the same order, or --train all, would be right" in line
    assert not list(tmp_path.glob("new.rtbci*"))
    train(path, tmp_path / "new.rtbci", *begin)  # all of it may learn other names


def test_other_decoders_do_not_begin_from_a_model(tmp_path):
    train(experiment(tmp_path), tmp_path / "net.rtbci")
    other = tmp_path / "other"
    other.mkdir()
    path = live.experiment(other, "s", "mdm")
    recording, begin = bundled.calibration(), tmp_path / "net.rtbci"
    line = refused("train", path, "--recording", recording, "--out", other / "m.rtbci", "--from", begin)
    assert "cannot begin from a model" in line


def test_sites_train_one_network_without_sharing_recordings(tmp_path):
    path = experiment(tmp_path)
    sites = {}
    for name in ("A", "B"):
        sites[name] = tmp_path / f"site{name}" / "sub-1_ses-1_run-1_eeg.edf"
        sites[name].parent.mkdir()
        shutil.copy(bundled.calibration(), sites[name])
    out = tmp_path / "shared.rtbci"
    where = [word for name in sites for word in ("--site", f"{name}={sites[name]}")]
    said = done("federate", "rounds", path, *where, "--rounds", 2, "--out", out)
    assert said["rounds"] == 2 and set(said["sites"]) == {"A", "B"}
    shared = arrays(out)
    for name, made in said["sites"].items():
        own = arrays(Path(made))
        assert all(own[k].tobytes() == v.tobytes() for k, v in shared.items() if k.startswith("shared/")), name
    # what came out runs as any model does
    done("replay", path, "--model", out, "--recording", bundled.calibration())
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "experiment.toml", "shared.A.rtbci", "shared.B.rtbci", "shared.rtbci", "siteA", "siteB",
    ]  # fmt: skip


def test_the_confidence_of_a_federated_network_is_its_own(tmp_path):
    """Its weights are the mean of those that two sites have trained; so is not its temperature."""
    raw = mne.io.read_raw_edf(bundled.calibration(), verbose="error")
    half = raw.times[-1] / 2
    sites = {"A": raw.copy().crop(0.0, half), "B": raw.copy().crop(half)}
    for name, part in sites.items():
        part.save(tmp_path / f"{name}_raw.fif", verbose="error")
    path = experiment(tmp_path, extra="learning_rate = 0.01")
    where = [word for name in sites for word in ("--site", f"{name}={tmp_path / f'{name}_raw.fif'}")]
    said = done("federate", "rounds", path, *where, "--rounds", 2, "--out", tmp_path / "shared.rtbci")
    loaded = config.load(path)
    chosen = loaded.decoder("net")
    for name, made in said["sites"].items():
        data = training.gather(loaded, chosen, [tmp_path / f"{name}_raw.fif"]).data
        decoder = assemble.make_decoder(loaded, chosen)
        decoder.restore(arrays(Path(made)))
        decoder.prepare(data.info, data.n_samples, 2)
        held = data.only(chronological(data, 0.2, every_class=True).held_out)
        outputs = [decoder._said(Window(held.cut([k])[0], 0, 0, 0.0, 0.0)) for k in range(len(held))]
        wanted = temperature(np.array(outputs, np.float64), held.labels, held.trial)
        assert arrays(Path(made))["meta/temperature"] == pytest.approx(wanted, rel=1e-3)
    shared, own = arrays(tmp_path / "shared.rtbci"), arrays(Path(said["sites"]["A"]))
    assert shared["meta/temperature"] == own["meta/temperature"]
    entry = models.read_manifest(tmp_path / "shared.rtbci")["net"]
    assert entry["args"]["epochs"] == 2 and entry["args"].get("patience") == 0  # as the experiment has it
    assert [one["name"] for one in entry["trained_on"]] == ["A_raw.fif"]


def test_models_are_averaged_by_their_windows(tmp_path):
    for name, seed in (("a", 0), ("b", 1)):
        folder = tmp_path / name
        folder.mkdir()
        train(experiment(folder, epochs=1, extra=f"seed = {seed}"), tmp_path / f"{name}.rtbci")
    manifest = models.read_manifest(tmp_path / "b.rtbci")["net"]
    thrice = [{**manifest["trained_on"][0], "windows": 3 * manifest["trained_on"][0]["windows"]}]
    models.save_arrays(
        tmp_path / "b.rtbci", tmp_path / "b.rtbci", {"net": arrays(tmp_path / "b.rtbci")}, trained_on=thrice
    )
    said = done("federate", "models", tmp_path / "a.rtbci", tmp_path / "b.rtbci", "--out", tmp_path / "m.rtbci")
    assert said["decoders"]["net"]["weights"] == pytest.approx([0.25, 0.75])
    a, b, mean = (arrays(tmp_path / f"{name}.rtbci") for name in "abm")
    for name in a:
        if name.startswith("shared/") and a[name].dtype.kind == "f":
            assert np.allclose(mean[name], 0.25 * a[name] + 0.75 * b[name], atol=1e-6)
        elif name.startswith("local/"):
            assert mean[name].tobytes() == a[name].tobytes()


def other(tmp_path: Path, name: str, old: str, new: str) -> Path:
    """The experiment with ``new`` in place of ``old``, in a folder of its own."""
    folder = tmp_path / name
    folder.mkdir()
    path = experiment(folder)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def turned(tmp_path: Path) -> Path:
    """The experiment with its two classes in the other order: the same shapes, and each output means the other class."""
    return other(tmp_path, "turned", 'fists = ["T1"]\nfeet = ["T2"]', 'feet = ["T2"]\nfists = ["T1"]')


def test_models_that_do_not_belong_together_are_not_averaged(tmp_path):
    train(experiment(tmp_path), tmp_path / "a.rtbci")
    train(other(tmp_path, "wide", "n_filters_spat = 8", "n_filters_spat = 9"), tmp_path / "b.rtbci")
    train(turned(tmp_path), tmp_path / "c.rtbci")
    for given, says in (
        (("a.rtbci",), "1 model to average; two or more"),
        (("a.rtbci", "b.rtbci"), "the same network, window and classes would be right"),
        (("a.rtbci", "c.rtbci"), 'c.rtbci: classes of decoder "net" is feet, fists, in '),
        (("a.rtbci", "none.rtbci"), "there is no such file"),
    ):
        line = refused("federate", "models", *(tmp_path / name for name in given), "--out", tmp_path / "m.rtbci")
        assert says in line
        assert not (tmp_path / "m.rtbci").exists()


def test_sites_do_not_write_over_what_they_learn_from(tmp_path):
    path = experiment(tmp_path)
    text, sites = path.read_text(), [word for name in "AB" for word in ("--site", f"{name}={bundled.calibration()}")]
    line = refused("federate", "rounds", path, *sites, "--rounds", 1, "--out", path)
    assert "is what the model is made from, and would be lost" in line
    assert path.read_text() == text


def test_decoders_without_a_shared_part_are_not_federated(tmp_path):
    path = live.experiment(tmp_path, "s", "mdm")
    sites = [word for name in "AB" for word in ("--site", f"{name}={bundled.calibration()}")]
    line = refused("federate", "rounds", path, *sites, "--out", tmp_path / "m.rtbci")
    assert 'use = "mdm": is no network' in line
    assert not list(tmp_path.glob("m*.rtbci"))


def test_progress_shows_loss_and_metric_on_a_terminal(tmp_path):
    path = experiment(tmp_path, epochs=3)
    leader, follower = os.openpty()
    command = ["train", str(path), "--recording", str(bundled.calibration()), "--out", str(tmp_path / "m.rtbci")]
    process = subprocess.Popen([sys.executable, "-m", "rtbci", *command], stdout=subprocess.DEVNULL, stderr=follower)
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:  # nobody writes any more
            break
        if not part:
            break
        shown += part
    assert process.wait(60) == 0
    os.close(leader)
    last = [line for line in shown.decode().split("\r") if "3/3" in line][-1]
    assert "net [####################] 3/3 loss " in last
    assert "held out " in last
