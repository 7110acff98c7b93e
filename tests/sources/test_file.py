"""`FileSource` against the libraries that read the same recordings, and against files that are no recordings."""

import itertools
import subprocess
import sys

import mne
import numpy as np
import pytest
import pyxdf
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.errors import SourceError
from rtbci.interfaces import Source
from rtbci.sources import file as file_module
from rtbci.sources.file import FileSource, load
from rtbci.testing.source import check_source

mne.set_log_level("error")

P002 = "mi_errp_xdf_2d/sub-P002/ses-S002/eeg/sub-P002_ses-S002_task-Default_run-001_eeg.xdf"
P004_SHORT = "mi_errp_xdf_2d/sub-P004/ses-S003/eeg/sub-P004_ses-S003_task-Default_run-005_eeg.xdf"
MUSE = "xdf_muselsl2/data/sub-P031/ses-S001/eeg/sub-P031_ses-S001_task-Default_run-001_eeg.xdf"
MUSE_CSV = "muse_eegnotebooks/data/visual/N170/subject1/session1/data_2017-09-13-15.40.17.csv"
EDF = "eegmmidb_S001/S001R06.edf"
NAMES = ["Fz", "C3", "Cz", "C4", "Pz", "PO7", "PO8", "EOG"]


def read_all(source, rows):
    """Samples, times, and for each marker the index of the newest sample when it was handed out."""
    info = source.open()
    samples, times, heard = [], [], []
    block, stamps = np.empty((rows, info.n_channels), np.float32), np.empty(rows)
    while True:
        try:
            n = source.read(block, stamps, 0.0)
        except EOFError:
            break
        samples.append(block[:n].copy())
        times.append(stamps[:n].copy())
        newest = sum(map(len, times)) - 1
        heard += [(marker, newest) for marker in source.markers()]
    heard += [(marker, None) for marker in source.markers()]
    source.close()
    return np.concatenate(samples), np.concatenate(times), heard


def pyxdf_stream(path, type):
    return next(s for s in pyxdf.load_xdf(path)[0] if s["info"]["type"][0] == type)


def test_is_a_source(data_dir):
    assert isinstance(FileSource(data_dir / EDF), Source)


@pytest.mark.parametrize("recording", [EDF, P002, MUSE_CSV, "mne_testing_data/SSS/141027_cropped_90Hz_raw.fif"])
def test_keeps_the_contract_of_a_source_in_every_kind_of_reader(data_dir, recording):
    report = check_source(lambda: FileSource(data_dir / recording), n_samples=3000, recording=True)
    assert report.n_samples == min(3000, len(load(data_dir / recording).samples))


class TestMne:
    def test_edf_values_times_and_annotations_are_those_of_mne_in_microvolts(self, data_dir):
        raw = mne.io.read_raw_edf(data_dir / EDF)
        recording = load(data_dir / EDF)
        assert recording.samples.dtype == np.float32
        np.testing.assert_array_equal(recording.samples, (raw.get_data() * 1e6).T.astype(np.float32))
        np.testing.assert_array_equal(recording.times, np.arange(20000) / 160)
        assert [m.label for m in recording.markers] == list(raw.annotations.description)
        np.testing.assert_allclose([m.time for m in recording.markers], raw.annotations.onset, atol=1e-9)
        assert recording.info.names == tuple(raw.ch_names)
        assert {c.unit for c in recording.info.channels} == {"uV"}

    @pytest.mark.parametrize(
        "recording",
        [
            "SSS/141027_cropped_90Hz_raw.fif",
            "SSS/TRIUX/triux_bmlhus_erm_raw_sss.fif",
            "SSS/sample_audvis_trunc_raw_sss.fif",
            "KIT/MQKIT_125_2sec.con",
            "GDF/test_1ch.gdf",
            "EEGLAB/test_raw.set",
            "BDF/test_bdf_stim_channel.bdf",
        ],
    )
    def test_each_kind_of_channel_comes_in_its_unit_once_rounded(self, data_dir, recording):
        path = data_dir / "mne_testing_data" / recording
        raw = mne.io.read_raw(path)
        got = load(path)
        si = {"uV": 1e6, "fT": 1e15, "fT/cm": 1e13}
        for column, channel in enumerate(got.info.channels):
            expected = raw.get_data(picks=[channel.name])[0] * si.get(channel.unit, 1.0)
            np.testing.assert_array_equal(got.samples[:, column], expected.astype(np.float32))
        stims = {name for name, kind in zip(raw.ch_names, raw.get_channel_types(), strict=True) if kind == "stim"}
        assert not stims & set(got.info.names)

    def test_meg_has_306_channels_with_kinds_units_and_positions(self, data_dir):
        info = load(data_dir / "mne_testing_data/SSS/141027_cropped_90Hz_raw.fif").info
        assert info.type == "MEG"
        kinds = [c.kind for c in info.channels]
        assert (kinds.count("mag"), kinds.count("grad")) == (102, 204)
        assert {c.kind: c.unit for c in info.channels} == {"mag": "fT", "grad": "fT/cm"}
        assert all(c.position is not None and 0.05 < np.linalg.norm(c.position) < 0.2 for c in info.channels)

    def test_bad_channels_of_the_header_are_bad(self, data_dir):
        path = data_dir / "mne_testing_data/SSS/mgh70_raw.fif"
        assert load(path).info.bads == frozenset(mne.io.read_raw_fif(path).info["bads"]) != frozenset()

    def test_edf_without_positions_has_none(self, data_dir):
        assert {c.position for c in load(data_dir / EDF).info.channels} == {None}

    def test_steps_of_a_trigger_channel_are_markers(self, data_dir):
        path = data_dir / "mne_testing_data/BDF/test_bdf_stim_channel.bdf"
        events = mne.find_events(mne.io.read_raw_bdf(path), "Status", shortest_event=1, consecutive=True)
        markers = load(path).markers
        assert [(round(m.time * 500), m.code, m.label) for m in markers] == [(e[0], e[2], str(e[2])) for e in events]
        assert len(markers) > 0

    def test_a_sidecar_of_events_gives_the_markers(self, data_dir):
        folder = data_dir / "ssvep_exo/subject01"
        events = mne.read_events(folder / "record-[2012.07.06-19.02.16]-eve.fif")
        markers = load(folder / "record-[2012.07.06-19.02.16]_raw.fif").markers
        assert [(m.time, m.code) for m in markers] == [(e[0] / 256, e[2]) for e in events]

    def test_time_counts_from_the_first_sample_of_the_file_whatever_came_before_it(self, tmp_path):
        info = mne.create_info(["C3", "STI 014"], 100.0, ["eeg", "stim"])
        data = np.zeros((2, 1000))
        data[0] = np.arange(1000) * 1e-6
        data[1, 700:702] = 5
        raw = mne.io.RawArray(data, info, first_samp=250)
        raw.set_meas_date(1e9)
        raw.set_annotations(mne.Annotations(6.0 + 2.5, 0.1, "cue", orig_time=raw.info["meas_date"]))
        raw.crop(4.0).save(tmp_path / "part_raw.fif")
        recording = load(tmp_path / "part_raw.fif")
        assert recording.times[0] == 0.0
        assert recording.samples[0, 0] == 400.0
        assert {(m.label, round(m.time, 9)) for m in recording.markers} == {("cue", 2.0), ("5", 3.0)}

    def test_brainvision(self, tmp_path):
        values = np.arange(600, dtype="<i2").reshape(200, 3)
        (tmp_path / "a.eeg").write_bytes(values.tobytes())
        (tmp_path / "a.vhdr").write_text(
            "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nDataFile=a.eeg\nMarkerFile=a.vmrk\n"
            "DataFormat=BINARY\nDataOrientation=MULTIPLEXED\nNumberOfChannels=3\nSamplingInterval=4000\n"
            "[Binary Infos]\nBinaryFormat=INT_16\n[Channel Infos]\nCh1=C3,,0.5,µV\nCh2=Cz,,0.5,µV\nCh3=C4,,0.5,µV\n",
            encoding="utf-8",
        )
        (tmp_path / "a.vmrk").write_text(
            "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\nDataFile=a.eeg\n[Marker Infos]\n"
            "Mk1=New Segment,,1,1,0,20200101000000000000\nMk2=Stimulus,S  7,51,1,0\n"
        )
        recording = load(tmp_path / "a.vhdr")
        np.testing.assert_allclose(recording.samples, values * 0.5, rtol=1e-6)
        assert recording.info.rate == 250.0
        assert ("Stimulus/S  7", 0.2) in [(m.label, round(m.time, 9)) for m in recording.markers]

    def test_long_recordings_are_read_in_blocks_that_change_nothing(self, data_dir, monkeypatch):
        whole = load(data_dir / EDF)
        monkeypatch.setattr(file_module, "BLOCK_BYTES", 4 * 64 * 333)
        read = []
        source = FileSource(data_dir / EDF)
        source.open()
        inner = source._reader.samples
        monkeypatch.setattr(source._reader, "samples", lambda a, b: read.append(b - a) or inner(a, b))
        block, stamps = np.empty((1000, 64), np.float32), np.empty(1000)
        parts = []
        while len(parts) < 20000:
            n = source.read(block, stamps, 0.0)
            parts.extend(block[:n].copy())
        np.testing.assert_array_equal(np.array(parts), whole.samples)
        assert max(read) == 333


class TestXdf:
    def test_values_times_and_codes_are_those_of_pyxdf(self, data_dir):
        path = data_dir / P002
        eeg, marks = pyxdf_stream(path, "EEG"), pyxdf_stream(path, "Markers")
        recording = load(path, channels=NAMES)
        np.testing.assert_array_equal(recording.samples, eeg["time_series"].astype(np.float32))
        np.testing.assert_array_equal(recording.times, eeg["time_stamps"])
        assert recording.info.names == tuple(NAMES)
        assert [c.kind for c in recording.info.channels] == ["eeg"] * 7 + ["eog"]
        assert [(m.time, m.code, m.label) for m in recording.markers] == [
            (t, v[0], str(v[0])) for t, v in zip(marks["time_stamps"], marks["time_series"], strict=True)
        ]
        assert any("uV" in note for note in recording.info.notes)

    def test_the_eeg_stream_is_found_among_others_and_others_by_type(self, data_dir):
        assert load(data_dir / MUSE).info.names == ("TP9", "AF7", "AF8", "TP10", "AUX_RIGHT")
        motion = load(data_dir / MUSE, stream="Muse", type="acc")
        assert motion.info.names == ("ACC_X", "ACC_Y", "ACC_Z")
        np.testing.assert_array_equal(motion.samples, pyxdf_stream(data_dir / MUSE, "ACC")["time_series"])
        assert {c.unit for c in motion.info.channels} == {"g"}

    def test_markers_of_several_streams_come_sorted_and_empty_replies_are_none(self, data_dir):
        path = data_dir / "bci_essentials_xdf/switch_example.xdf"
        markers = load(path).markers
        texts = [s for s in pyxdf.load_xdf(path)[0] if s["info"]["channel_format"][0] == "string"]
        said = sum(bool(row[0].strip()) for s in texts for row in s["time_series"])
        assert len(markers) == said
        assert {m.stream for m in markers} == {"UnityMarkerStream", "PythonResponse"}
        assert all(a.time <= b.time for a, b in itertools.pairwise(markers))
        one = load(path, markers="UnityMarkerStream").markers
        assert {m.stream for m in one} == {"UnityMarkerStream"}

    def test_markers_after_the_end_of_the_eeg_are_handed_out_with_its_last_sample(self, data_dir):
        samples, times, heard = read_all(FileSource(data_dir / P004_SHORT), 500)
        late = [m for m, _ in heard if m.time > times[-1]]
        assert len(heard) == 46
        assert len(late) > 10
        assert {index for m, index in heard if m.time > times[-1]} == {len(samples) - 1}

    def test_a_break_stays_in_the_times(self, data_dir):
        times = load(data_dir / "xdf_example_files/clock_resets.xdf").times
        assert np.diff(times).max() == pytest.approx(273.879, abs=0.001)

    def test_a_cut_file_gives_what_stands_before_the_cut_and_says_so(self, data_dir, tmp_path):
        whole = (data_dir / P002).read_bytes()
        (tmp_path / "cut.xdf").write_bytes(whole[: len(whole) // 2])
        recording = load(tmp_path / "cut.xdf")
        reference = load(data_dir / P002)
        assert 0 < len(recording.samples) < len(reference.samples)
        np.testing.assert_array_equal(recording.samples, reference.samples[: len(recording.samples)])
        assert any("cut short" in note for note in recording.info.notes)


class TestCsv:
    def test_values_rate_and_markers(self, data_dir):
        table = np.genfromtxt(data_dir / MUSE_CSV, delimiter=",", skip_header=1)
        recording = load(data_dir / MUSE_CSV)
        np.testing.assert_array_equal(recording.samples, table[:, 1:6].astype(np.float32))
        assert recording.info.rate == 256.0
        assert recording.info.names == ("TP9", "AF7", "AF8", "TP10", "Right AUX")
        assert [c.kind for c in recording.info.channels] == ["eeg"] * 4 + ["misc"]  # a socket, not an electrode
        rows = np.flatnonzero(table[:, 6])
        assert [m.code for m in recording.markers] == table[rows, 6].astype(int).tolist()
        np.testing.assert_array_equal([m.time for m in recording.markers], recording.times[rows])

    def test_uneven_stamps_become_a_straight_line_through_them(self, data_dir):
        stamps = np.genfromtxt(data_dir / MUSE_CSV, delimiter=",", skip_header=1)[:, 0]
        times = load(data_dir / MUSE_CSV).times
        assert np.diff(stamps).min() < 0 < np.diff(times).min()
        assert abs((times - stamps).mean()) < 1e-6
        assert np.diff(times).max() < 1.001 / 256


class TestReading:
    @settings(max_examples=20, deadline=None)
    @given(rows=st.integers(100, 30000), chunk=st.none() | st.integers(100, 30000))
    def test_a_marker_comes_no_later_than_the_sample_nearest_to_it(self, data_dir, rows, chunk):
        recording = load(data_dir / P002)
        samples, times, heard = read_all(FileSource(data_dir / P002, chunk=chunk), rows)
        np.testing.assert_array_equal(samples, recording.samples)
        assert [m for m, _ in heard] == list(recording.markers)
        for marker, newest in heard:
            nearest = int(np.abs(times - marker.time).argmin())
            assert newest is not None
            assert newest >= nearest

    def test_a_chunk_limits_what_a_read_gives(self, data_dir):
        source = FileSource(data_dir / EDF, chunk=7)
        source.open()
        assert source.read(np.empty((100, 64), np.float32), np.empty(100), 0.0) == 7

    def test_a_paced_recording_waits_for_its_time(self, data_dir):
        # a thousand times slower than life: the second sample is due after six seconds
        source = FileSource(data_dir / EDF, speed=0.001)
        source.open()
        block, stamps = np.empty((100, 64), np.float32), np.empty(100)
        assert [source.read(block, stamps, 0.0) for _ in range(3)] == [1, 0, 0]

    def test_a_paced_recording_loses_nothing(self, data_dir):
        whole = load(data_dir / EDF)
        samples, times, heard = read_all(FileSource(data_dir / EDF, speed=1000.0), 5000)
        np.testing.assert_array_equal(samples, whole.samples)
        np.testing.assert_array_equal(times, whole.times)
        assert len(heard) == 30

    def test_now_goes_on_from_the_newest_sample(self, data_dir):
        source = FileSource(data_dir / EDF)
        source.open()
        assert source.now() == 0.0
        source.read(np.empty((160, 64), np.float32), np.empty(160), 0.0)
        first = source.now()
        assert 159 / 160 <= first <= source.now()

    def test_the_end_is_said_again_and_again(self, data_dir):
        source = FileSource(data_dir / MUSE)
        source.open()
        block, stamps = np.empty((5000, 5), np.float32), np.empty(5000)
        assert source.read(block, stamps, 0.0) == 1284
        for _ in range(2):
            with pytest.raises(EOFError, match="1284 samples"):
                source.read(block, stamps, 0.0)

    def test_reading_before_opening_is_an_error(self, data_dir):
        with pytest.raises(SourceError, match="open"):
            FileSource(data_dir / EDF).read(np.empty((1, 64), np.float32), np.empty(1), 0.0)


class TestRefusals:
    def refused(self, path, **choice):
        with pytest.raises(SourceError) as error:
            load(path, **choice)
        assert "\n" not in str(error.value)
        return str(error.value)

    def test_what_is_not_there(self, tmp_path):
        assert "there is no recording" in self.refused(tmp_path / "nothing.edf")

    def test_a_folder(self, tmp_path):
        assert "is a folder" in self.refused(tmp_path)

    def test_a_format_nobody_knows(self, tmp_path):
        (tmp_path / "a.docx").write_text("hello")
        assert "EDF" in self.refused(tmp_path / "a.docx")

    @pytest.mark.parametrize("suffix", ["fif", "edf", "bdf", "gdf", "vhdr", "set", "con", "xdf", "csv"])
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "is empty"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer"),
            (b"Dear diary,\ntoday I recorded nothing.\n" * 40, ""),
            (bytes(range(256)) * 20, ""),
        ],
        ids=["empty", "pointer", "letter", "noise"],
    )
    def test_what_is_no_recording_whatever_it_is_called(self, tmp_path, suffix, content, said):
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(content)
        message = self.refused(path)
        assert str(path) in message
        assert said in message

    @pytest.mark.parametrize("recording", [EDF, "mne_testing_data/SSS/141027_cropped_90Hz_raw.fif"])
    def test_a_recording_cut_in_its_header(self, data_dir, tmp_path, recording):
        path = tmp_path / f"cut{(data_dir / recording).suffix}"
        path.write_bytes((data_dir / recording).read_bytes()[:1000])
        assert str(path) in self.refused(path)

    @pytest.mark.parametrize(
        "recording",
        [MUSE, "mne_testing_data/SSS/mgh70_raw.fif", "mne_testing_data/BDF/test_bdf_stim_channel.bdf"],
    )
    def test_damage_is_read_around_or_refused_in_one_line(self, data_dir, tmp_path, recording):
        whole = (data_dir / recording).read_bytes()
        path = tmp_path / f"damaged{(data_dir / recording).suffix}"
        rng = np.random.default_rng(1)
        refused = []
        for case in range(30):
            content = bytearray(whole[: rng.integers(1, len(whole))] if case % 2 else whole)
            for at in rng.integers(0, min(len(content), 5000), 20):
                content[at] = rng.integers(256)
            path.write_bytes(content)
            try:
                load(path)
            except SourceError as error:
                refused.append(str(error))
        assert refused
        assert not any("\n" in message for message in refused)

    def test_annotations_without_a_signal(self, data_dir):
        path = data_dir / "mne_testing_data/EDF/SC4001EC-Hypnogram.edf"
        assert "no samples of any signal channel" in self.refused(path)

    def test_no_eeg_among_the_streams_lists_them(self, data_dir):
        message = self.refused(data_dir / "xdf_example_files/empty_streams.xdf")
        assert "'Data stream: test stream 0 counter' (data, 1 ch, 1 Hz, 10 samples)" in message

    def test_a_stream_without_samples(self, data_dir):
        path = data_dir / "xdf_muselsl2/data/sub-P001/ses-S001/eeg/sub-P001_ses-S001_task-Default_run-001_eeg.xdf"
        assert "holds no samples" in self.refused(path, type="PPG")

    def test_several_streams_that_fit(self, data_dir):
        assert "choose by 'stream' or 'type'" in self.refused(data_dir / MUSE, stream="Muse")

    def test_a_wrong_number_of_channel_names_says_both(self, data_dir):
        message = self.refused(data_dir / P002, channels=NAMES[:5])
        assert "8 channels" in message
        assert "names 5" in message

    def test_a_marker_stream_that_is_not_there(self, data_dir):
        assert "'MyMarkerStream'" in self.refused(data_dir / P002, markers=["Triggers"])

    def test_the_type_of_another_recording(self, data_dir):
        assert "of type 'EEG', not 'MEG'" in self.refused(data_dir / EDF, type="MEG")

    @pytest.mark.parametrize("wrong", [{"chunk": 0}, {"speed": 0.0}, {"speed": -1.0}, {"speed": float("nan")}])
    def test_impossible_settings(self, data_dir, wrong):
        with pytest.raises(SourceError, match=next(iter(wrong))):
            FileSource(data_dir / EDF, **wrong)


@pytest.mark.parametrize("recording", [P002, MUSE_CSV])
def test_xdf_and_csv_are_read_without_mne(data_dir, recording):
    code = "import sys; from rtbci.sources.file import load; load(sys.argv[1]); print('mne' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(data_dir / recording)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
