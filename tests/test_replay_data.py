"""The bundled recording is what its generator makes, and as hard to decode as its README says."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from rtbci import bundled, config
from rtbci.inspection import inspect
from rtbci.sources.file import load

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
    assert demo.classes == bundled_experiment.classes
    assert bundled_experiment.source.use == "lsl"


def test_the_demo_session_has_a_folder_of_its_own():
    first, second = bundled.demo_session_folder(), bundled.demo_session_folder()
    assert first != second
    assert list(first.iterdir()) == []
    first.rmdir()
    second.rmdir()
