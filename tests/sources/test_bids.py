"""Recordings within BIDS datasets: what the files beside them say, against what was written into them."""

import builtins
import csv

import mne
import mne_bids
import numpy as np
import pytest

from rtbci.errors import SourceError
from rtbci.sources import bids
from rtbci.sources.file import load, open_reader

mne.set_log_level("error")
EDF = "eegmmidb_S001/S001R06.edf"
LABELS = ["both fists", "feet/left", "rest", "both fists"]
ONSETS = [0.5, 1.25, 2.0, 3.75]
SUFFIX = {"BrainVision": ".vhdr", "EDF": ".edf"}


def simulated(kind="eeg", rate=200.0, seconds=5.0, seed=0):
    """Five channels, and annotations with blanks and strokes in them."""
    rng = np.random.default_rng(seed)
    if kind == "eeg":
        info = mne.create_info(["Fz", "Cz", "Pz", "HEOG", "Oz"], rate, ["eeg", "eeg", "eeg", "eog", "eeg"])
        raw = mne.io.RawArray(20e-6 * rng.standard_normal((5, int(rate * seconds))), info)
    else:
        info = mne.create_info(["MEG 0111", "MEG 0112", "STI 014"], rate, ["mag", "grad", "stim"])
        values = rng.standard_normal((3, int(rate * seconds))) * [[1e-12], [1e-11], [0.0]]
        values[2, [100, 250]] = 5.0
        raw = mne.io.RawArray(values, info)
    raw.set_annotations(mne.Annotations(ONSETS, 0.25, LABELS))
    raw.info["line_freq"] = 50.0
    return raw


def write(raw, root, subject="01", session=None, task="mi", run=None, format="BrainVision", bads=()):
    """``raw`` as a recording of the dataset ``root``; its path."""
    path = mne_bids.BIDSPath(
        subject=subject, session=session, task=task, run=run, root=root, datatype="meg" if "mag" in raw else "eeg"
    )
    raw.info["bads"] = list(bads)
    written = mne_bids.write_raw_bids(
        raw, path, allow_preload=format != "auto", format=format, overwrite=True, verbose="error"
    )
    return written.fpath


def sidecar(recording, suffix):
    return recording.with_name(recording.name.rpartition("_")[0] + f"_{suffix}.tsv")


def edit(table, change):
    """Rewrite the rows of ``table`` by ``change``."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    rows = change(rows)
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def without_mne_bids(monkeypatch):
    real = builtins.__import__

    def importing(name, *args, **kwargs):
        if name.partition(".")[0] == "mne_bids":
            raise ModuleNotFoundError("No module named 'mne_bids'", name="mne_bids")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", importing)


@pytest.mark.parametrize("format", ["BrainVision", "EDF"])
def test_a_recording_has_the_values_kinds_bads_and_events_of_its_dataset(tmp_path, format):
    raw = simulated("eeg")
    path = write(raw, tmp_path, run="1", format=format, bads=["Pz"])
    assert path.suffix == SUFFIX[format]
    recording = load(path)
    assert recording.info.names == ("Fz", "Cz", "Pz", "HEOG", "Oz")
    assert [channel.kind for channel in recording.info.channels] == ["eeg", "eeg", "eeg", "eog", "eeg"]
    assert {channel.unit for channel in recording.info.channels} == {"uV"}
    assert recording.info.bads == {"Pz"}
    assert recording.info.rate == 200.0
    resolution = 0.1 if format == "BrainVision" else 0.005  # µV a digit
    np.testing.assert_allclose(recording.samples, raw.get_data().T * 1e6, atol=resolution)
    assert [marker.label for marker in recording.markers] == LABELS
    np.testing.assert_allclose([marker.time for marker in recording.markers], ONSETS, atol=1e-9)
    assert {marker.stream for marker in recording.markers} == {"annotations"}


def test_meg_keeps_its_units_and_its_events_are_not_doubled_by_the_trigger_channel(tmp_path):
    raw = simulated("meg")
    path = write(raw, tmp_path, format="FIF", bads=["MEG 0112"])
    assert path.name == "sub-01_task-mi_meg.fif"
    recording = load(path)
    assert [(c.name, c.kind, c.unit) for c in recording.info.channels] == [
        ("MEG 0111", "mag", "fT"),
        ("MEG 0112", "grad", "fT/cm"),
    ]
    assert recording.info.bads == {"MEG 0112"}
    np.testing.assert_allclose(recording.samples, (raw.get_data()[:2] * [[1e15], [1e13]]).T, rtol=1e-5)
    assert [marker.label for marker in recording.markers] == LABELS


def test_a_real_recording_reads_in_a_dataset_as_it_does_outside(tmp_path, data_dir):
    path = write(mne.io.read_raw_edf(data_dir / EDF), tmp_path, subject="001", task="fists", run="06", format="auto")
    inside, outside = load(path), load(data_dir / EDF)
    assert inside.info.names == outside.info.names
    np.testing.assert_array_equal(inside.samples, outside.samples)
    np.testing.assert_array_equal(inside.times, outside.times)
    assert [marker.label for marker in inside.markers] == [marker.label for marker in outside.markers]
    np.testing.assert_allclose([m.time for m in inside.markers], [m.time for m in outside.markers], atol=1e-6)


def test_an_edited_events_table_is_what_counts(tmp_path):
    path = write(simulated(), tmp_path)
    edit(
        sidecar(path, "events"),
        lambda rows: [
            {"onset": "1.0", "duration": "0", "trial_type": "left hand", "value": "7"},
            {"onset": "1.5", "duration": "0", "trial_type": "left hand", "value": "8"},
            {"onset": "2.0", "duration": "0", "trial_type": "n/a", "value": "33"},
            {"onset": "n/a", "duration": "0", "trial_type": "lost", "value": "1"},
            {"onset": "2.5", "duration": "n/a", "trial_type": "feet", "value": "n/a"},
            {"onset": "99.0", "duration": "0", "trial_type": "after the end", "value": "1"},
            {"onset": "3.0", "duration": "0", "trial_type": "n/a", "value": "n/a"},
        ],
    )
    markers = load(path).markers
    assert [(m.time, m.label, m.code) for m in markers] == [
        (1.0, "left hand", 7),
        (1.5, "left hand", 8),
        (2.0, "33", 33),
        (2.5, "feet", None),
    ]


def test_a_table_without_trial_type_gives_its_values_as_labels(tmp_path):
    path = write(simulated(), tmp_path)
    edit(sidecar(path, "events"), lambda rows: [{"onset": "0.5", "duration": "0", "value": "769"}])
    assert [(m.time, m.label, m.code) for m in load(path).markers] == [(0.5, "769", 769)]


def test_an_onset_that_is_no_number_is_refused_in_one_line(tmp_path):
    path = write(simulated(), tmp_path)
    edit(sidecar(path, "events"), lambda rows: [{**rows[0], "onset": "soon"}])
    with pytest.raises(SourceError) as caught:
        load(path)
    assert "soon" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_channel_table_says_what_a_channel_is(tmp_path):
    path = write(simulated(), tmp_path)

    def change(rows):
        types = {"Fz": "EMG", "HEOG": "EEG"}  # against the data's own names
        return [
            {**r, "type": types.get(r["name"], r["type"]), "status": "bad" if r["name"] == "Oz" else "good"}
            for r in rows
        ]

    edit(sidecar(path, "channels"), change)
    info = open_reader(path).info
    assert [channel.kind for channel in info.channels] == ["emg", "eeg", "eeg", "eeg", "eeg"]
    assert info.bads == {"Oz"}


def test_the_channel_table_gives_the_unit_that_an_edf_leaves_out(tmp_path):
    import edfio

    values = np.sin(np.arange(1000) / 7.0) * 30.0
    root = tmp_path / "study"
    path = write(simulated(seconds=5.0), root, format="EDF")
    signals = [
        edfio.EdfSignal(scale * values, 200.0, label=name, physical_dimension="", physical_range=(-70, 70))
        for name, scale in (("Fz", 1.0), ("Cz", 1.0), ("Pz", 0.01), ("HEOG", 2.0), ("Oz", 1.0))
    ]
    edfio.Edf(signals).write(path)
    units = {"Fz": "µV", "Cz": "uV", "Pz": "mV", "HEOG": "µV", "Oz": "n/a"}
    edit(sidecar(path, "channels"), lambda rows: [{**row, "units": units[row["name"]]} for row in rows])
    recording = load(path)
    assert [channel.kind for channel in recording.info.channels] == ["eeg", "eeg", "eeg", "eog", "eeg"]
    wanted = np.column_stack([values, values, 10.0 * values, 2.0 * values, values])
    np.testing.assert_allclose(recording.samples, wanted, atol=2.0)  # 0.002 mV a digit is 2 µV
    np.testing.assert_allclose(recording.samples[:, 0], values, atol=0.003)
    assert recording.info.notes == ("No unit that is understood, taken as uV: Oz.",)


def test_an_edf_without_unit_is_taken_as_microvolts_and_a_note_says_so(tmp_path):
    import edfio

    values = np.sin(np.arange(1000) / 7.0) * 30.0
    path = tmp_path / "no_unit.edf"
    edfio.Edf([edfio.EdfSignal(values, 200.0, label="Fz", physical_range=(-70, 70))]).write(path)
    recording = load(path)
    np.testing.assert_allclose(recording.samples[:, 0], values, atol=0.003)
    assert recording.info.notes == ("No unit that is understood, taken as uV: Fz.",)


def test_channels_in_another_order_are_told_by_their_names(tmp_path):
    raw = simulated()
    path = write(raw, tmp_path, bads=["Pz"])
    edit(sidecar(path, "channels"), lambda rows: rows[::-1])
    recording = load(path)
    by_name = dict(zip(recording.info.names, recording.samples.T, strict=True))
    for name, values in zip(raw.ch_names, raw.get_data() * 1e6, strict=True):
        np.testing.assert_allclose(by_name[name], values, atol=0.1)
    assert recording.info.bads == {"Pz"}


def test_a_channel_table_of_another_recording_is_refused_in_one_line(tmp_path):
    path = write(simulated(), tmp_path)
    edit(sidecar(path, "channels"), lambda rows: [{**row, "name": f"E{i}"} for i, row in enumerate(rows)])
    with pytest.raises(SourceError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_an_events_table_the_recordings_own_markers_count(tmp_path):
    path = write(simulated("meg"), tmp_path, format="FIF")
    sidecar(path, "events").unlink()
    labels = {marker.label for marker in load(path).markers if marker.stream == "STI 014"}
    assert labels == {"5"}


def test_a_dataset_lists_its_recordings_and_nothing_else(tmp_path):
    for subject in ("01", "02"):
        for run in ("1", "2"):
            write(simulated(), tmp_path, subject=subject, session="a", run=run)
    (tmp_path / "derivatives" / "clean" / "sub-01" / "eeg").mkdir(parents=True)
    (tmp_path / "derivatives" / "clean" / "sub-01" / "eeg" / "sub-01_task-mi_eeg.vhdr").write_text("not raw")
    part = bids.part_of(tmp_path)
    assert sorted((f.subject, f.session, f.run) for f in bids.recordings(part)) == [
        ("01", "a", "1"),
        ("01", "a", "2"),
        ("02", "a", "1"),
        ("02", "a", "2"),
    ]
    assert all(found.path.suffix == ".vhdr" and found.path.is_file() for found in bids.recordings(part))
    one = bids.part_of(tmp_path / "sub-02" / "ses-a")
    assert one == bids.Part(tmp_path, "02", "a")
    assert {found.subject for found in bids.recordings(one)} == {"02"}


def test_several_tasks_are_told_apart_by_the_run(tmp_path):
    for task in ("left", "right"):
        write(simulated(), tmp_path, task=task)
    assert sorted(found.run for found in bids.recordings(bids.part_of(tmp_path))) == ["left-1", "right-1"]


def test_a_subject_that_is_not_there_is_told_with_its_name(tmp_path):
    write(simulated(), tmp_path)
    with pytest.raises(SourceError, match="sub-07"):
        bids.recordings(bids.Part(tmp_path, "07"))


def test_a_folder_given_for_a_recording_is_refused_and_told_who_takes_it(tmp_path):
    write(simulated(), tmp_path / "study")
    with pytest.raises(SourceError, match="rtbci evaluate"):
        load(tmp_path / "study" / "sub-01")
    with pytest.raises(SourceError, match=r"one recording in it$"):
        load(tmp_path)


def test_a_folder_without_description_is_no_dataset(tmp_path):
    path = write(simulated(), tmp_path)
    assert bids.root_of(path) == tmp_path
    (tmp_path / "dataset_description.json").unlink()
    assert bids.root_of(path) is None
    assert bids.part_of(tmp_path) is None


def test_without_mne_bids_the_recording_alone_is_read_and_a_note_says_so(tmp_path, request):
    path = write(simulated(), tmp_path, bads=["Pz"])
    request.getfixturevalue("without_mne_bids")
    info = open_reader(path).info
    assert info.bads == frozenset()
    assert any("rtbci[bids]" in note for note in info.notes)
    with pytest.raises(SourceError, match=r"rtbci\[bids\]"):
        bids.recordings(bids.part_of(tmp_path))
