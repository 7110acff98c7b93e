"""MOABB's datasets as recordings, and rtbci's decoders in MOABB's evaluations; nothing here needs a network."""

import json
import subprocess
import sys
from importlib import metadata

import mne
import numpy as np
import pytest

from rtbci.errors import ConfigError, DecoderError, SourceError
from rtbci.evaluation.catalogue import find
from rtbci.sources import moabb as source
from rtbci.sources import moabb_load
from rtbci.sources.file import load

mne.set_log_level("error")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One cache for the tests that may share one, holding subject 1 of the fake dataset."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RTBCI_CACHE", str(folder))
        find(["moabb:FakeDataset/1"])
    return folder


@pytest.fixture
def cached(cache, monkeypatch):
    monkeypatch.setenv("RTBCI_CACHE", str(cache))
    return cache


@pytest.fixture
def tricky(tmp_path, monkeypatch):
    """A dataset as they come: trials from 2 s after the cue, microvolts, frequencies that are numbers of other triggers."""
    import moabb.datasets.utils as registry
    from moabb.datasets.base import BaseDataset

    monkeypatch.setenv("RTBCI_CACHE", str(tmp_path / "cache"))

    class Tricky(BaseDataset):
        failing = None
        loaded = 0

        def __init__(self):
            super().__init__([3, 12], 1, {"2": 1, "1": 2}, "Tricky", [2, 6], "ssvep", unit_factor=1.0)

        def _get_single_subject_data(self, subject):
            if Tricky.failing is not None:
                raise Tricky.failing
            Tricky.loaded += 1
            print("a loader that talks")
            values = np.full((3, 2000), 30.0 + subject)
            values[2] = 0.0
            values[2, [100, 700, 1200]] = [1, 2, 9]
            info = mne.create_info(["Oz", "EOG", "STI 014"], 100.0, ["eeg", "eog", "stim"])
            return {"0first": {f"{run}": mne.io.RawArray(values.copy(), info) for run in (0, 1)}}

        def data_path(self, *args, **kwargs):
            return []

    monkeypatch.setitem(registry.dataset_dict, "Tricky", Tricky)
    return Tricky


def test_the_fake_dataset_gives_its_trials_as_markers_of_recordings(cached):
    found = find(["moabb:FakeDataset/1"])
    assert [(one.subject, one.session, one.run) for one in found] == [
        ("1", session, run) for session in "01" for run in "01"
    ]
    for one in found:
        recording = load(one.path)
        assert recording.info.names == ("C3", "Cz", "C4")
        assert recording.info.rate == 128.0
        assert recording.samples.shape == (120 * 128, 3)
        assert 19.0 < recording.samples.std() < 21.0  # it is 2e-5 V
        assert [marker.label for marker in recording.markers] == ["fake1", "fake2", "fake3"] * 20
        expected = np.linspace(1, 117 * 128 - 1, 60).astype(int)
        np.testing.assert_array_equal(np.rint([m.time * 128 for m in recording.markers]), expected)
        np.testing.assert_allclose([m.time * 128 for m in recording.markers], expected, atol=1e-3)


def test_what_is_in_the_cache_is_not_made_again(cached):
    folder = cached / "moabb" / f"FakeDataset-{metadata.version('moabb')}"
    before = {path: path.stat().st_mtime_ns for path in (folder / "1").iterdir()}
    code = (
        "import sys; from rtbci.evaluation.catalogue import find; print(len(find(['moabb:FakeDataset/1'])), "
        "'moabb' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["4", "False"]
    assert {path: path.stat().st_mtime_ns for path in (folder / "1").iterdir()} == before
    assert sorted(path.name for path in folder.iterdir()) == ["1", "subjects.json"]


def test_markers_stay_at_the_cue_and_carry_the_datasets_names(tricky):
    runs = find(["moabb:Tricky/3"])
    recording = load(runs[0].path)
    assert [(marker.label, marker.time) for marker in recording.markers] == [("2", 1.0), ("1", 7.0)]
    assert {marker.stream for marker in recording.markers} == {"annotations"}


def test_values_are_microvolts_whatever_unit_the_dataset_has(tricky):
    recording = load(find(["moabb:Tricky/12"])[0].path)
    assert recording.info.names == ("Oz", "EOG")
    np.testing.assert_allclose(recording.samples, 42.0, rtol=1e-6)


def test_all_subjects_are_found_and_sorted_as_numbers(tricky):
    found = find(["moabb:Tricky"])
    assert [(one.subject, one.session, one.run) for one in found] == [
        (subject, "0first", run) for subject in ("3", "12") for run in "01"
    ]
    assert tricky.loaded == 2
    assert find(["moabb:Tricky/12,3"]) == found
    assert tricky.loaded == 2


def test_a_loader_that_prints_does_not_reach_the_standard_output(tricky, capsys):
    find(["moabb:Tricky/3"])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "a loader that talks" in captured.err


def test_a_run_that_was_deleted_is_made_again(tricky):
    (first, _) = find(["moabb:Tricky/3"])
    first.path.unlink()
    assert find(["moabb:Tricky/3"])[0].path.is_file()
    assert tricky.loaded == 2


def test_a_failed_load_leaves_nothing_that_looks_like_data(tricky):
    tricky.failing = ValueError("header\nof two lines")
    with pytest.raises(SourceError, match="cannot load subject 3: ValueError: header") as caught:
        find(["moabb:Tricky/3"])
    assert "\n" not in str(caught.value)
    tricky.failing = None
    assert len(find(["moabb:Tricky/3"])) == 2


def test_a_failed_download_says_that_a_network_is_needed(tricky):
    import requests

    tricky.failing = requests.ConnectionError("Name or service not known")
    with pytest.raises(SourceError, match=r"cannot download subject 3 .*Name or service not known.*network"):
        find(["moabb:Tricky/3"])


def test_a_cache_that_cannot_be_written_is_told(tricky, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RTBCI_CACHE", str(tmp_path / "file"))
    with pytest.raises(SourceError, match="RTBCI_CACHE"):
        find(["moabb:Tricky/3"])


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("moabb:FakeDataset/11", 'no subject "11"; it has 1 to 10'),
        ("moabb:FakeDataset/one", 'no subject "one"'),
        ("moabb:BNCI2014_01", 'did you mean "BNCI2014_001"'),
        ("moabb:Nothing-like-it", "no dataset"),
    ],
)
def test_what_moabb_has_not_is_told_in_one_line(cached, spec, says):
    with pytest.raises(SourceError, match=says) as caught:
        find([spec])
    assert "\n" not in str(caught.value)


def test_a_dataset_is_known_by_its_class_and_by_its_code(cached):
    assert type(moabb_load.find_dataset("BNCI2014-001")) is type(moabb_load.find_dataset("BNCI2014_001"))


def test_subjects_can_be_given_as_a_span(tricky):
    with pytest.raises(SourceError, match='no subject "4"; it has 3, 12'):
        source.runs("Tricky", "3-12")
    assert [run.subject for run in source.runs("Tricky", "12-12")] == ["12", "12"]


def test_without_moabb_the_extra_is_named(cached, monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(source.metadata, "version", missing)
    with pytest.raises(SourceError, match=r"rtbci\[moabb\]"):
        find(["moabb:FakeDataset/1"])


def test_a_moabb_that_cannot_be_imported_is_no_crash(tricky, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "moabb"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "moabb", None)  # import then raises ModuleNotFoundError
    with pytest.raises(SourceError, match=r"rtbci\[moabb\]|cannot be imported") as caught:
        find(["moabb:Tricky/3"])
    assert "\n" not in str(caught.value)


def test_a_note_of_subjects_that_was_damaged_is_made_again(tricky, tmp_path):
    find(["moabb:Tricky/3"])
    (note,) = (tmp_path / "cache").rglob("subjects.json")
    note.write_text("[3, ")
    assert len(find(["moabb:Tricky/3"])) == 2
    assert json.loads(note.read_text()) == ["3", "12"]


def trials(rng, n=40, n_channels=4, n_times=200):
    """Trials of two classes that differ in which channel is strong, microvolts, with labels."""
    y = np.array(["left_hand", "right_hand"])[np.arange(n) % 2]
    X = rng.standard_normal((n, n_channels, n_times)) * 10.0
    X[y == "left_hand", 0] *= 1.6
    X[y == "right_hand", 1] *= 1.6
    return X, y


def make(*args, **kwargs):
    from rtbci.moabb_pipeline import RtbciClassifier

    return RtbciClassifier(*args, **kwargs)


def test_the_classifier_says_what_pyriemann_says():
    from pyriemann.classification import MDM
    from pyriemann.estimation import Covariances
    from sklearn.pipeline import make_pipeline

    X, y = trials(np.random.default_rng(0), 80)
    ours = make("mdm", estimator="oas", sfreq=100.0).fit(X[:40], y[:40])
    theirs = make_pipeline(Covariances("oas"), MDM()).fit(X[:40], y[:40])
    assert ours.classes_.tolist() == ["left_hand", "right_hand"]
    np.testing.assert_allclose(ours.predict_proba(X[40:]), theirs.predict_proba(X[40:]), atol=1e-4)
    assert ours.score(X[40:], y[40:]) > 0.9


@pytest.mark.parametrize("decoder", ["tangent", "csp", "fgmdm"])
def test_a_trial_is_decided_alike_whatever_comes_with_it(decoder):
    X, y = trials(np.random.default_rng(1))
    fitted = make(decoder, sfreq=100.0).fit(X, y)
    together = fitted.predict_proba(X)
    np.testing.assert_array_equal(fitted.predict_proba(X[::-1])[::-1], together)
    np.testing.assert_array_equal(fitted.predict_proba(X[7:8])[0], together[7])
    np.testing.assert_allclose(together.sum(axis=1), 1.0, atol=1e-9)
    assert set(fitted.predict(X)) == {"left_hand", "right_hand"}
    np.testing.assert_array_equal(fitted.predict(X), fitted.classes_[together.argmax(axis=1)])


def test_the_classifier_is_an_estimator():
    from sklearn.base import clone, is_classifier
    from sklearn.exceptions import NotFittedError
    from sklearn.model_selection import GridSearchCV
    from sklearn.utils.estimator_checks import check_get_params_invariance, check_set_params

    X, y = trials(np.random.default_rng(2))
    made = make("mdm", estimator="lwf", sfreq=100.0)
    assert made.get_params() == {"decoder": "mdm", "sfreq": 100.0, "channels": None, "estimator": "lwf"}
    assert "estimator='lwf'" in repr(made)
    assert is_classifier(made)
    check_get_params_invariance("RtbciClassifier", made)
    check_set_params("RtbciClassifier", clone(made))
    copied = clone(made.fit(X, y))
    assert copied.get_params() == made.get_params()
    with pytest.raises(NotFittedError):
        copied.predict(X)
    search = GridSearchCV(make("mdm", sfreq=100.0), {"estimator": ["oas", "scm"]}, cv=2).fit(X, y)
    assert search.best_params_["estimator"] in ("oas", "scm")
    assert search.best_estimator_.decoder_.estimator == search.best_params_["estimator"]


def test_labels_may_be_of_any_kind_and_more_than_two():
    X, _ = trials(np.random.default_rng(3), 60)
    y = np.array([7, -2, 40])[np.arange(60) % 3]
    fitted = make("mdm", sfreq=100.0).fit(X, y)
    assert fitted.classes_.tolist() == [-2, 7, 40]
    assert fitted.predict_proba(X).shape == (60, 3)


def test_what_is_wrong_is_said():
    X, y = trials(np.random.default_rng(4))
    with pytest.raises(ValueError, match="has shape"):
        make().fit(X[0], y)
    with pytest.raises(ValueError, match="one class"):
        make().fit(X[::2], y[::2])
    with pytest.raises(ValueError, match="a label for each trial"):
        make().fit(X, y[:-1])
    with pytest.raises(ValueError, match="NaN"):
        make().fit(np.where(X > 30, np.nan, X), y)
    with pytest.raises(ValueError, match="holds 2 names"):
        make(channels=["C3", "C4"]).fit(X, y)
    with pytest.raises(ValueError, match="fitted on 4 and 200"):
        make().fit(X, y).predict(X[:, :3])
    with pytest.raises(ConfigError, match='did you mean "tangent"'):
        make("tangnt").fit(X, y)
    with pytest.raises(ConfigError, match='no argument "estimater"'):
        make("mdm", estimater="oas").fit(X, y)
    with pytest.raises(DecoderError, match="cannot fill a covariance"):
        make("mdm", estimator="scm").fit(X[:, :, :3], y)


def test_a_moabb_evaluation_scores_our_mdm_as_pyriemanns(tmp_path, monkeypatch):
    from moabb.datasets.fake import FakeDataset
    from moabb.evaluations import WithinSessionEvaluation
    from moabb.paradigms import LeftRightImagery
    from pyriemann.classification import MDM
    from pyriemann.estimation import Covariances
    from sklearn.pipeline import make_pipeline

    monkeypatch.setenv("MNE_DATA", str(tmp_path))
    dataset = FakeDataset(
        ("left_hand", "right_hand"), n_sessions=2, n_runs=1, n_subjects=1, seed=5, duration=100, n_events=30
    )
    dataset.subject_list = [1]
    evaluation = WithinSessionEvaluation(
        paradigm=LeftRightImagery(), datasets=[dataset], overwrite=True, hdf5_path=str(tmp_path), n_jobs=1
    )
    results = evaluation.process(
        {
            "rtbci mdm": make_pipeline(make("mdm", estimator="oas", sfreq=128.0)),
            "pyriemann mdm": make_pipeline(Covariances("oas"), MDM()),
        }
    )
    scores = {name: part.sort_values("session")["score"].to_numpy() for name, part in results.groupby("pipeline")}
    assert len(scores["rtbci mdm"]) == 2
    assert all(0.0 < score < 1.0 for score in scores["rtbci mdm"])
    np.testing.assert_allclose(scores["rtbci mdm"], scores["pyriemann mdm"], atol=0.02)
