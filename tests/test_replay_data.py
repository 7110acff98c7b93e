"""The bundled recordings are what their generator makes, and as hard to decode as their READMEs say."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from rtbci import bundled, config, training
from rtbci.bank import Bank, drawing
from rtbci.inspection import inspect
from rtbci.replay import replay
from rtbci.sources.file import load
from rtbci.sources.viewer import Viewer

GENERATE = Path(__file__).resolve().parent.parent / "replay_data" / "generate.py"


@pytest.fixture(scope="module")
def generate():
    return runpy.run_path(str(GENERATE))


@pytest.fixture(scope="module")
def calibration():
    return load(bundled.calibration())


def test_the_seed_gives_the_recording_again(generate, calibration):
    info, samples, markers = generate["simulate"](bundled.CALIBRATION_SEED, bundled.CALIBRATION_TRIALS)
    assert calibration.info.names == info.names
    assert calibration.info.rate == info.rate
    # half a digital step, and the last bit of what the machine's mathematical functions give
    np.testing.assert_allclose(calibration.samples, samples, rtol=0, atol=0.5 * generate["STEP"] + 1e-3)
    assert [m.label for m in calibration.markers] == [m.label for m in markers]
    np.testing.assert_allclose([m.time for m in calibration.markers], [m.time for m in markers], atol=1e-5)


def test_it_holds_what_the_readme_says(calibration):
    summary = inspect(bundled.calibration())
    assert summary.streams[0].n_channels == 16
    assert summary.streams[0].duration == pytest.approx(303, abs=1)
    assert summary.streams[1].markers == {"T0": 41, "T1": 20, "T2": 20}
    assert np.abs(calibration.samples).max() < 819
    assert sum(file.stat().st_size for file in bundled.folder().iterdir()) < 4_000_000


def features(samples, rate, onsets):
    """Log-variance of C3, Cz, C4 against their neighbours, mu and beta: simple enough to stand in a test."""
    names = list(bundled.CHANNELS)
    small = np.stack([samples[:, names.index(n)] for n in ("C3", "Cz", "C4")], 1) - samples.mean(1, keepdims=True)
    found = []
    for band in ((9, 14), (18, 26)):
        out = sosfilt(butter(4, band, "bandpass", fs=rate, output="sos"), small.astype(float), axis=0)
        found.append([np.log(out[i + int(0.8 * rate) : i + int(3.8 * rate)].var(0)) for i in onsets])
    return np.concatenate(found, 1)


def test_another_run_of_the_subject_is_decoded_well_but_not_perfectly(generate, calibration):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    def trials(samples, markers):
        cues = [m for m in markers if m.label != "T0"]
        return features(samples, bundled.RATE, [round(m.time * bundled.RATE) for m in cues]), [m.label for m in cues]

    model = LinearDiscriminantAnalysis().fit(*trials(calibration.samples, calibration.markers))
    scores = []
    for seed in (2, 3):
        _, samples, markers = generate["simulate"](seed, 20)
        scores.append(model.score(*trials(samples, markers)))
    assert 0.75 <= np.mean(scores) <= 0.97


def test_the_demo_experiment_listens_to_its_own_stream_only(tmp_path):
    bundled_experiment = config.load(bundled.experiment())
    path = bundled.write_demo_experiment(tmp_path, "rtbci demo 42")
    demo = config.load(path)
    assert demo.source.args["name"] == "rtbci demo 42"
    assert demo.source.args["timeout"] >= 60  # on a busy machine the subject's process is late
    assert demo.classes == bundled_experiment.classes
    assert bundled_experiment.source.use == "lsl"


def test_the_demo_session_has_a_folder_of_its_own():
    first, second = bundled.demo_session_folder(), bundled.demo_session_folder()
    assert first != second
    assert list(first.iterdir()) == []
    first.rmdir()
    second.rmdir()


@pytest.fixture(scope="module")
def viewed():
    return load(bundled.calibration(bundled.PICTURES))


def test_the_seed_gives_the_viewers_recording_again(generate, viewed):
    info, samples, markers = generate["simulate_viewer"](bundled.CALIBRATION_SEED, bundled.VIEWER_CALIBRATION_COUNT)
    assert viewed.info.names == info.names == bundled.VIEWER_CHANNELS
    assert viewed.info.rate == info.rate
    np.testing.assert_allclose(viewed.samples, samples, rtol=0, atol=0.5 * generate["VIEWER_STEP"] + 1e-3)
    assert [m.label for m in viewed.markers] == [m.label for m in markers]
    np.testing.assert_allclose([m.time for m in viewed.markers], [m.time for m in markers], atol=1e-5)


def test_the_viewers_recording_shows_160_pictures_three_times_and_is_small(viewed):
    counts = inspect(bundled.calibration(bundled.PICTURES)).streams[1].markers
    assert counts.pop("rest") == 24
    assert counts == dict.fromkeys(bundled.calibration_pictures(), 3)
    assert len(counts) == 160
    assert len(viewed.samples) == 648 * 128
    files = [file for file in bundled.folder(bundled.PICTURES).rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 7_500_000


def test_the_bundled_bank_is_whole_and_of_pictures_that_the_seed_draws_again(generate):
    from safetensors.numpy import load_file

    from rtbci_vision import PictureStatistics

    bank = Bank.open(bundled.pictures())
    assert bank.damage() == ""
    drawn = drawing.descriptions(generate["PICTURES"], generate["DRAWING_SEED"])
    assert [(item.caption, item.category) for item in bank.items] == [(what.caption, what.place) for what in drawn]
    assert len({(w.shape, w.colour, w.texture, w.number, w.place, w.ground) for w in drawn}) == 200
    embedder = PictureStatistics()
    arrays = load_file(bank.path / "embedder.safetensors")
    embedder.restore({name: array.reshape(()) if name == "version" else array for name, array in arrays.items()})
    assert embedder.space_id == bank.space_id
    some = (0, 57, 111, 199)
    again = [np.asarray(drawing.draw(drawn[k], generate["DRAWING_SEED"] * 1_000_003 + k)) for k in some]
    # what is stored has 11 bits; other versions of Pillow may smooth an edge otherwise
    assert np.all((embedder.embed(again) * bank.embeddings[list(some)]).sum(axis=1) > 0.999)


def test_every_class_and_every_shape_was_calibrated_with_and_has_pictures_that_were_not():
    bank, shown = Bank.open(bundled.pictures()), set(bundled.calibration_pictures())
    for kind in (lambda item: item.category, lambda item: item.id.split("/")[0]):
        for name in {kind(item) for item in bank.items}:
            mine = {item.id for item in bank.items if kind(item) == name}
            assert mine & shown
            assert mine - shown


@pytest.mark.slow
def test_another_run_of_the_viewer_is_read_well_but_not_perfectly_and_one_without_responses_of_their_own_is_not(
    generate, tmp_path
):
    experiment = config.load(bundled.write_demo_experiment(tmp_path, "x", bundled.PICTURES))
    model = tmp_path / "m.rtbci"
    training.train(experiment, [bundled.calibration(bundled.PICTURES)], model)
    told = {}
    for name, snr in (("seen", bundled.VIEWER_SNR), ("alike", 0.0)):
        source = Viewer(
            bundled.pictures(),
            seed=5,
            channels=bundled.VIEWER_CHANNELS,
            rate=bundled.VIEWER_RATE,
            pictures=100,
            every=1.1,
            snr=snr,
            subject=bundled.VIEWER_SUBJECT,
            speed=None,
        )
        path = tmp_path / f"{name}.edf"
        path.write_bytes(generate["edf"](*generate["recorded"](source), generate["VIEWER_STEP"]))
        told[name] = replay(experiment, model, path)["decoders"]
    for decoder in experiment.decoders:
        seen, alike = (told[name][decoder.name]["retrieval"] for name in ("seen", "alike"))
        assert (seen["n"], seen["candidates"]) == (100, 200)
        assert 0.33 <= seen["top1"] <= 0.7
        assert seen["median_rank"] <= 3
        assert seen["shuffled_top1"] < 0.05
        assert alike["top1"] < 0.05
        assert 70 <= alike["median_rank"] <= 130
