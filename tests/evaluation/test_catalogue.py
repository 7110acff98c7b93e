"""Which recordings an evaluation finds, and whose it says they are."""

import json

import mne
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbci.errors import ConfigError, RtbciError, SourceError
from rtbci.evaluation.catalogue import find
from rtbci.naming import aligned, by_name, natural
from rtbci.recording.session_folder import SessionFolder
from rtbci.sources.file import open_reader

mne.set_log_level("error")


def touch(*paths):
    """Files that are something: finding recordings does not read them."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"0       ")
    return [str(path) for path in paths]


def who(found):
    return [(one.subject, one.session, one.run) for one in found]


def session_folder(root, started, subject="", state="ended"):
    folder = SessionFolder.create(root, "demo")
    folder.write_experiment(
        f'name = "demo"\n[source]\nuse = "lsl"\n[recording]\nsubject = "{subject}"\n'
        if subject
        else 'name = "demo"\n[source]\nuse = "lsl"\n'
    )
    folder.recording.write_bytes(b"XDF:")
    folder.update(started=started, state=state)
    return folder


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("S001R06.edf", ("S001", None, "06")),
        ("sub-01_ses-b_task-x_run-3_eeg.vhdr", ("01", "b", "3")),
        ("sub-01_task-x_eeg.vhdr", ("01", None, None)),
        ("sub-P001/ses-S001/eeg/sub-P001_ses-S001_task-Default_run-001_eeg.xdf", ("P001", "S001", "001")),
        ("sub-P001/ses-S002/recording.xdf", ("P001", "S002", None)),
        ("sub-1/S001R06.edf", ("S001", None, "06")),
        ("mysub-01.edf", (None, None, None)),
        ("alpha.fif", (None, None, None)),
    ],
)
def test_a_name_says_whose_recording_it_is(tmp_path, name, expected):
    named = by_name(tmp_path / name)
    assert (named.subject, named.session, named.run) == expected


def test_files_without_a_telling_name_are_runs_in_the_order_given(tmp_path):
    specs = touch(tmp_path / "zeta.edf", tmp_path / "alpha.edf")
    found = find(specs, experiment_subject="anna")
    assert who(found) == [("anna", "1", "1"), ("anna", "1", "2")]
    assert [one.path.name for one in found] == ["zeta.edf", "alpha.edf"]
    assert {one.subject for one in find(specs)} == {"1"}


def test_a_name_is_believed_before_the_experiment(tmp_path):
    assert who(find(touch(tmp_path / "S007R03.edf"), "anna")) == [("S007", "1", "03")]


def test_numbers_sort_as_numbers_and_as_texts(tmp_path):
    runs = [10, 9, 2, 100]
    found = find(touch(*(tmp_path / f"sub-1_run-{k}_eeg.edf" for k in runs)))
    assert [one.run for one in found] == ["002", "009", "010", "100"]
    assert list(found) == sorted(found)
    assert who(find(touch(*(tmp_path / f"sub-{k}_run-1_eeg.edf" for k in (10, 9)))))[0][0] == "9"


@given(st.lists(st.integers(0, 10**6), min_size=2, unique=True))
def test_aligned_labels_keep_their_numbers_and_their_order(numbers):
    labels = aligned([f"task{number}x" for number in numbers])
    assert [int(label[4:-1]) for label in labels] == numbers
    assert sorted(labels) == sorted(labels, key=natural)
    assert [int(label[4:-1]) for label in sorted(labels)] == sorted(numbers)


def test_a_pattern_wins_and_names_complete_it(tmp_path):
    specs = touch(tmp_path / "anna" / "sub-9_run-4_eeg.edf", tmp_path / "bert" / "sub-9_run-5_eeg.edf")
    assert who(find(specs, pattern=r"/(?P<subject>anna|bert)/")) == [("anna", "1", "4"), ("bert", "1", "5")]


def test_a_pattern_is_looked_for_in_the_path_as_given_first(tmp_path, monkeypatch):
    touch(tmp_path / "day3" / "x1.edf")
    monkeypatch.chdir(tmp_path / "day3")
    assert who(find(["x1.edf"], pattern=r"(?P<run>\d)\.edf")) == [("1", "1", "1")]
    assert who(find(["x1.edf"], pattern=r"day(?P<session>\d)")) == [("1", "3", "1")]


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(", "regular expression"),
        (r"(\d)", "groups none"),
        (r"(?P<who>\d)", "groups who"),
        (r"q(?P<run>\d)", "not found"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_in_one_line(tmp_path, pattern, says):
    with pytest.raises(ConfigError, match=says) as caught:
        find(touch(tmp_path / "x1.edf"), pattern=pattern)
    assert "\n" not in str(caught.value)
    assert pattern in str(caught.value).replace("\\\\", "\\")


def test_a_session_of_rtbci_is_a_run_of_its_day(tmp_path):
    later = session_folder(tmp_path / "b", "2026-11-23T15:00:01.5+01:00", "anna")
    first = session_folder(tmp_path / "a", "2026-11-23T09:30:00.000+01:00", "anna")
    other = session_folder(tmp_path / "c", "2026-11-24T09:30:00.000+01:00")
    found = find([later.path, first.path, other.path], "bert")
    assert who(found) == [
        ("anna", "2026-11-23", "09-30-00"),
        ("anna", "2026-11-23", "15-00-01"),
        ("bert", "2026-11-24", "09-30-00"),
    ]
    assert found[0].path == first.recording


@pytest.mark.parametrize("state", ["running", "ended"])
def test_a_session_given_as_its_file_sorts_after_an_earlier_one_given_as_a_folder(tmp_path, state):
    """Or an evaluation would train on today, test on yesterday, and call it trained on the past."""
    today = session_folder(tmp_path / "b", "2026-11-24T15:00:01.000+01:00", "anna", state)
    yesterday = session_folder(tmp_path / "a", "2026-11-23T09:30:00.000+01:00", "anna")
    found = find([today.recording, yesterday.path], "bert")
    assert who(found) == [("anna", "2026-11-23", "09-30-00"), ("anna", "2026-11-24", "15-00-01")]


def test_a_file_beside_a_sessions_recording_is_none_of_its_parts(tmp_path):
    folder = session_folder(tmp_path / "a", "2026-11-23T09:30:00.000+01:00", "anna")
    (other,) = touch(folder.path / "sub-2_run-7_eeg.edf")
    assert who(find([other])) == [("2", "1", "7")]


def test_a_session_that_still_runs_is_refused(tmp_path):
    folder = session_folder(tmp_path / "a", "2026-11-23T09:30:00.000+01:00", state="running")
    with pytest.raises(SourceError, match="rtbci recover"):
        find([folder.path])


def test_a_session_without_recording_is_refused(tmp_path):
    folder = session_folder(tmp_path / "a", "2026-11-23T09:30:00.000+01:00")
    folder.recording.unlink()
    with pytest.raises(SourceError, match=r"no recording\.xdf"):
        find([folder.path])


def test_the_same_file_twice_is_refused_by_whatever_way_it_came(tmp_path):
    (spec,) = touch(tmp_path / "x.edf")
    (tmp_path / "link.edf").symlink_to(tmp_path / "x.edf")
    with pytest.raises(SourceError, match="given twice"):
        find([spec, tmp_path / "link.edf"])


def test_two_files_of_one_run_are_refused(tmp_path):
    specs = touch(tmp_path / "a" / "sub-1_run-1_eeg.edf", tmp_path / "b" / "sub-1_run-01_eeg.edf")
    with pytest.raises(SourceError, match="are both sub-1 ses-1 run-01"):
        find(specs)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("nowhere.edf", "there is no recording"),
        ("bids:nowhere", "there is no folder"),
        ("bids:.", "is no BIDS dataset"),
        (".", "neither a session of rtbci"),
        ("moabb:", "names no dataset"),
        ("moabb:../../etc", "names no dataset"),
    ],
)
def test_what_cannot_be_found_is_told_in_one_line(tmp_path, monkeypatch, spec, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=says) as caught:
        find([spec])
    assert "\n" not in str(caught.value)


def test_nothing_is_no_evaluation():
    with pytest.raises(SourceError, match="no recording is given"):
        find([])


def test_a_damaged_session_json_is_told(tmp_path):
    folder = session_folder(tmp_path / "a", "2026-11-23T09:30:00.000+01:00")
    fields = json.loads(folder.session.read_text())
    del fields["started"]
    folder.session.write_text(json.dumps(fields))
    with pytest.raises(RtbciError, match=r"session\.json"):
        find([folder.path])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two subjects, two sessions of two runs: BrainVision with a bad channel."""
    import mne_bids

    root = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(3)
    for subject in ("01", "02"):
        for session in ("a", "b"):
            for run in ("1", "2"):
                raw = mne.io.RawArray(1e-5 * rng.standard_normal((2, 400)), mne.create_info(["C3", "C4"], 100.0, "eeg"))
                raw.set_annotations(mne.Annotations([1.0, 2.0], 0.0, ["left hand", "right/hand"]))
                raw.info["bads"] = ["C4"]
                path = mne_bids.BIDSPath(
                    subject=subject, session=session, task="mi", run=run, root=root, datatype="eeg"
                )
                mne_bids.write_raw_bids(raw, path, allow_preload=True, format="BrainVision", verbose="error")
    return root


@pytest.mark.parametrize("prefix", ["bids:", ""])
def test_a_bids_dataset_gives_all_its_recordings_as_openable_paths(study, prefix):
    found = find([f"{prefix}{study}"])
    assert who(found) == [(s, v, r) for s in ("01", "02") for v in ("a", "b") for r in ("1", "2")]
    for one in found:
        reader = open_reader(one.path)
        assert [marker.label for marker in reader.markers] == ["left hand", "right/hand"]
        assert reader.info.bads == {"C4"}
        reader.close()


def test_a_subject_or_session_of_a_bids_dataset_can_be_asked_for(study):
    assert {one.subject for one in find([f"bids:{study}/sub-02"])} == {"02"}
    assert who(find([study / "sub-01" / "ses-b"])) == [("01", "b", "1"), ("01", "b", "2")]


def test_a_file_of_a_bids_dataset_is_what_the_dataset_says_it_is(study):
    (one, *_) = find([study])
    assert find([one.path]) == (one,)
    with pytest.raises(SourceError, match="given twice"):
        find([study, one.path])
