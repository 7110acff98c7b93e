"""What calibration taught a transform is in the model file, and every session begins with it: in replay as in training."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtbci import assemble, config, replay, training
from rtbci.errors import ConfigError, ModelMismatch
from rtbci.report import DecisionHash, DecoderTally
from rtbci.training_set import Piece, collect, source_of
from tests.cli.terminal import rtbci
from tests.evaluation.runs import write_run
from tests.live import EXPERIMENT

DECODER = """
[[decoder]]
name = "aligned"
use = "mdm"
window = 1.5
hop = 0.25
transforms = [
    {{ use = "band-pass", low = 8.0, high = 30.0 }},
    {{ use = "{use}"{more} }},
]
"""


def experiment_in(folder: Path, use: str = "euclidean-alignment", more: str = "") -> Path:
    path = folder / "experiment.toml"
    path.write_text(EXPERIMENT.format(name="test", stream="any", decoders=DECODER.format(use=use, more=more)))
    return path


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Three sessions of one subject, of six trials of each class."""
    folder = tmp_path_factory.mktemp("sessions")
    return tuple(write_run(folder / f"sub-1_ses-0{k}_raw.fif", seed=30 + k, trials=6) for k in (1, 2, 3))


def trained(experiment: Path, recordings: Sequence[Path], out: Path) -> Path:
    given = [item for recording in recordings for item in ("--recording", recording)]
    said = rtbci("train", experiment, *given, "--out", out, "--json")
    assert said.code == 0, said
    return out


def replayed(experiment: Path, model: Path, recording: Path, *options: object) -> str:
    said = rtbci("replay", experiment, "--model", model, "--recording", recording, "--json", *options)
    assert said.code == 0, said
    return str(said.json["decoders"]["aligned"]["decisions_sha256"])


def copied(model: Path, out: Path, leave_out: str = "", instead: Path | None = None) -> Path:
    """``model`` without its members that end with ``leave_out``, or with those of another file ``instead``."""
    with zipfile.ZipFile(model) as file, zipfile.ZipFile(instead or model) as other, zipfile.ZipFile(out, "w") as made:
        for name in file.namelist():
            if not leave_out or not name.endswith(leave_out):
                made.writestr(name, file.read(name))
            elif instead is not None:
                made.writestr(name, other.read(name))
    return out


def inverse_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return vectors / np.sqrt(values) @ vectors.T


@pytest.mark.parametrize("use", ["euclidean-alignment", "mvnn"])
def test_each_session_is_aligned_with_itself_and_the_model_keeps_the_last_ones(
    use: str, sessions: tuple[Path, ...], tmp_path: Path
) -> None:
    path = experiment_in(tmp_path, use, ", memory = 0.0")
    experiment = config.load(path)
    chosen = experiment.decoder("aligned")
    pieces = [Piece(recording) for recording in sessions[:2]]
    before = collect(experiment, chosen, pieces, before=1)
    gathered = training.gather(experiment, chosen, pieces)
    rows = before.sessions()
    assert list(rows) == list(gathered.data.sessions()) == [("1", "01"), ("1", "02")]
    transform = assemble.make_transforms(experiment, chosen)[1]
    means = []
    for whose, mine in rows.items():
        transform.calibrate(before.only(mine))
        means.append(transform.arrays()["mean"])
        aligned = gathered.data.cut(gathered.data.sessions()[whose])
        np.testing.assert_allclose(aligned, inverse_root(means[-1]) @ before.cut(mine), rtol=1e-3, atol=1e-4)
        if use == "euclidean-alignment":
            moment = np.einsum("nct,ndt->cd", aligned, aligned, dtype=np.float64) / (len(aligned) * aligned.shape[2])
            np.testing.assert_allclose(moment, np.eye(16), atol=1e-4)
    assert np.abs(means[0] - means[1]).max() > 0.01 * np.abs(means[0]).max()

    model = trained(path, sessions[:2], tmp_path / "model.rtbci")
    kept = assemble.load_models(experiment, model)["aligned"].calibrated
    assert {number: set(arrays) for number, arrays in kept.items()} == {2: {"mean"}}
    assert kept[2]["mean"].tobytes() == means[1].tobytes() == gathered.calibrated[2]["mean"].tobytes()


def test_a_replay_begins_with_what_the_model_holds(sessions: tuple[Path, ...], tmp_path: Path) -> None:
    path = experiment_in(tmp_path)
    model = trained(path, sessions[:2], tmp_path / "model.rtbci")
    with zipfile.ZipFile(model) as file:
        assert "aligned/transforms.safetensors" in file.namelist()
    first = replayed(path, model, sessions[2])
    assert replayed(path, model, sessions[2], "--chunk", 33) == first

    other = trained(path, sessions[1::-1], tmp_path / "other.rtbci")
    swapped = copied(model, tmp_path / "swapped.rtbci", "transforms.safetensors", other)
    assert replayed(path, swapped, sessions[2]) != first
    assert decided(path, model, sessions[2], calibrated=True) == first
    assert decided(path, model, sessions[2], calibrated=False) != first


def decided(path: Path, model: Path, recording: Path, calibrated: bool) -> str:
    """The hash of the decisions; where not ``calibrated``, of transforms that begin from nothing."""
    experiment = config.load(path)
    chosen = experiment.decoder("aligned")
    loaded = assemble.load_models(experiment, model)["aligned"]
    source = source_of(experiment, recording)
    info = source.open()
    fitted = assemble.fit_to_stream(loaded, info)
    pipeline = assemble.make_pipeline(
        experiment,
        chosen,
        source,
        info,
        loaded.decoder,
        fitted.channels,
        calibrated=loaded.calibrated if calibrated else None,
    )
    digest = DecisionHash()
    replay.run(pipeline, DecoderTally(tuple(experiment.classes)), digest.add)
    return digest.hexdigest()


def test_a_model_without_what_it_was_calibrated_with_is_refused(sessions: tuple[Path, ...], tmp_path: Path) -> None:
    path = experiment_in(tmp_path)
    model = trained(path, sessions[:1], tmp_path / "model.rtbci")
    bare = copied(model, tmp_path / "bare.rtbci", "transforms.safetensors")
    said = rtbci("replay", path, "--model", bare, "--recording", sessions[2])
    assert said.refusal == (
        f'{path}: [[decoder]] "aligned" transforms[2] "euclidean-alignment": the model does not hold what it was '
        "calibrated with; train it again"
    )


def test_a_state_that_is_not_the_transforms_own_is_refused(sessions: tuple[Path, ...], tmp_path: Path) -> None:
    path = experiment_in(tmp_path)
    experiment = config.load(path)
    loaded = assemble.load_models(experiment, trained(path, sessions[:1], tmp_path / "model.rtbci"))["aligned"]
    source = source_of(experiment, sessions[2])
    info = source.open()
    for mean, error, says in [
        (np.eye(16, dtype=np.float32), ModelMismatch, r'"euclidean-alignment": the calibration\'s "mean" has shape'),
        (np.eye(15), ConfigError, r'transforms\[2\] "euclidean-alignment" the calibration had 15 good channels'),
    ]:
        model = replace(loaded, calibrated={2: {"mean": mean}})
        with pytest.raises(error, match=says) as raised:
            assemble.make_pipeline(
                experiment,
                experiment.decoder("aligned"),
                source,
                info,
                model.decoder,
                assemble.fit_to_stream(model, info).channels,
                calibrated=model.calibrated,
            )
        assert "\n" not in str(raised.value)


def test_a_recording_that_teaches_nothing_is_refused_with_the_place(sessions: tuple[Path, ...], tmp_path: Path) -> None:
    import mne

    raw = mne.io.read_raw_fif(sessions[0], preload=True, verbose="error")
    raw.apply_function(lambda signal: 0.0 * signal)
    silent = tmp_path / "sub-1_ses-01_raw.fif"
    raw.save(silent, verbose="error")
    path = experiment_in(tmp_path)
    said = rtbci("train", path, "--recording", silent, "--out", tmp_path / "model.rtbci")
    assert said.refusal == (
        f'{path}: [[decoder]] "aligned" transforms[2] "euclidean-alignment": all channels stand still in the calibration; '
        "a recording with signal would be right"
    )
    assert not (tmp_path / "model.rtbci").exists()
