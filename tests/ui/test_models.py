"""What the window knows and says, without a window."""

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbci import config
from rtbci.runfolder import DecisionRing
from rtbci.types import Channel, Decision, Flag, Marker
from rtbci_ui import draft, scales, system, wording
from rtbci_ui.banner import Level, alive, banner
from rtbci_ui.feed import DecisionFeed, percentiles
from rtbci_ui.status import DecoderStatus, RecordingStatus, Status, StreamStatus, read_status
from rtbci_ui.truth import TrialSpan, trials


def live(**changes):
    fields = {
        "state": "live", "written": 100.0, "pid": 7, "session": "/s/one", "stream": StreamStatus("BioSemi"),
        "recording": RecordingStatus("recording", "/s/one/recording.xdf", 1000, 5.0),
    }  # fmt: skip
    return Status(**{**fields, **changes})


class TestBanner:
    def test_nothing_is_said_while_all_is_well(self):
        assert banner(live(), 100.4) is None

    def test_a_silent_session_is_an_alarm_that_names_its_process(self):
        gone = banner(live(), 103.0, process_alive=False)
        frozen = banner(live(), 103.0, process_alive=True)
        assert gone.level is Level.ALARM
        assert "is gone (process 7 does not exist" in gone.headline
        assert "Last word 3.0 s ago" in gone.detail
        assert "does not answer" in frozen.headline

    def test_silence_outranks_a_lost_stream(self):
        assert "does not answer" in banner(live(state="lost"), 103.0).headline

    def test_a_lost_stream_says_which_since_when_and_what_is_done(self):
        said = banner(live(state="lost", message="looking again (3rd try)"), 100.1, samples_silent=75.0)
        assert said.headline == "Stream “BioSemi” lost 1:15 ago"
        assert said.detail == "looking again (3rd try)"
        assert said.level is Level.ALARM

    def test_a_recording_that_stopped_is_an_alarm_with_its_problem(self):
        said = banner(live(recording=RecordingStatus("stopped", problem="No space left on device")), 100.1)
        assert said.level is Level.ALARM
        assert "No space left on device" in said.headline

    def test_a_failed_decoder_is_named_with_its_problem(self):
        said = banner(live(decoders=(DecoderStatus("csp", "failed", problem="singular matrix"),)), 100.1)
        assert (said.level, said.detail) == (Level.WARNING, "csp: singular matrix")

    def test_a_session_that_ended_is_not_stale(self):
        status = live(state="ended")
        assert not status.stale(999.0)
        assert banner(status, 999.0).level is Level.NOTICE

    def test_waiting_for_the_stream_says_what_for(self):
        said = banner(live(state="connecting", message="no EEG stream in sight yet"), 100.1)
        assert (said.headline, said.detail) == ("Waiting for the stream…", "no EEG stream in sight yet")

    def test_a_session_that_waits_for_its_stream_may_be_silent_unless_it_is_dead(self):
        waiting = live(state="connecting")
        assert banner(waiting, 104.0, process_alive=True).level is Level.NOTICE
        assert banner(waiting, 104.0, process_alive=False).level is Level.ALARM
        assert banner(waiting, 140.0, process_alive=True).level is Level.ALARM

    def test_a_run_folder_that_went_without_a_word_is_an_alarm(self):
        assert banner(live(), 100.1, folder_there=False).level is Level.ALARM

    @pytest.mark.skipif(os.name == "nt", reason="Windows cannot be asked without harm")
    def test_a_process_is_alive_until_it_is_not(self):
        assert alive(os.getpid())
        assert alive(None) is None
        assert not alive(2**22 + 12345)  # above any pid_max


class TestStatus:
    def test_nulls_and_missing_keys_take_their_defaults(self):
        status = read_status(
            {"state": None, "stream": {"name": None, "rate": 250.0}, "recording": None, "samples": None}
        )
        assert status.state == "starting"
        assert status.stream == StreamStatus(rate=250.0)
        assert status.received is None
        assert status.decoders == ()

    def test_keys_of_a_newer_session_are_left_alone(self):
        status = read_status({"novel": 1, "decoders": {"csp": {"state": "live", "novel": 2, "trial": [0.5, 3.5]}}})
        assert status.decoders == (DecoderStatus("csp", "live", trial=(0.5, 3.5)),)

    def test_age_is_measured_on_the_monotonic_clock(self):
        assert live().age(100.25) == pytest.approx(0.25)
        assert not live().stale(100.9)
        assert live().stale(101.1)


class TestWording:
    @pytest.mark.parametrize(
        ("seconds", "said"),
        [(0.0087, "9 ms"), (0.9994, "999 ms"), (0.9996, "1.0 s"), (3.21, "3.2 s"), (75.0, "75.0 s"), (100.0, "1:40")],
    )
    def test_ages(self, seconds, said):
        assert wording.age_ms(seconds) == said

    def test_unknown_is_a_dash(self):
        assert wording.age_ms(None) == wording.duration(None) == wording.size(None) == "–"
        assert wording.age_ms(float("nan")) == "–"

    def test_durations_sizes_and_counts(self):
        assert wording.duration(3725.9) == "1:02:05"
        assert wording.duration(59.9) == "0:59"
        assert wording.size(999) == "999 B"
        assert wording.size(3_214_000) == "3.2 MB"
        assert wording.size(999_700) == "1.0 MB"
        assert wording.size(5_000_000_000_000) == "5.00 TB"
        assert wording.count(1234567) == "1 234 567"
        assert wording.hertz(250.0) == "250 Hz"
        assert wording.hertz(249.987) == "249.99 Hz"

    @given(st.floats(1e-3, 1e9))
    def test_a_size_never_needs_more_than_three_digits_before_its_unit(self, n):
        number = wording.size(int(n)).split()[0]
        assert len(number.split(".")[0]) <= 3

    def test_accuracy_stands_beside_chance_and_the_number_of_trials(self):
        decoder = DecoderStatus("a", trials=15, trial_accuracy=0.8, chance=0.5)
        assert wording.accuracy(decoder) == "12 of 15 trials, .80, chance .50"
        assert wording.accuracy(DecoderStatus("a")) == "no trials yet"
        assert (
            wording.accuracy(DecoderStatus("a", trials=1, trial_accuracy=1.0, chance=0.25))
            == "1 of 1 trial, 1.0, chance .25"
        )

    def test_large_units_are_made_readable(self):
        assert wording.value_in(50.0, "uV") == "50 µV"
        assert wording.value_in(2000.0, "uV") == "2 mV"
        assert wording.value_in(500.0, "fT/cm") == "500 fT/cm"
        assert wording.value_in(5000.0, "fT") == "5 pT"


class TestScales:
    @given(st.floats(1e-6, 1e9))
    def test_round_numbers_bracket_a_value(self, value):
        up, down = scales.round_up(value), scales.round_down(value)
        assert down <= value * (1 + 1e-9)
        assert up >= value * (1 - 1e-9)
        assert up / down < 2.6

    @given(st.sampled_from([0.5, 1.0, 2.0, 5.0, 10.0, 200.0, 5000.0]))
    def test_steps_up_and_down_cancel(self, value):
        assert scales.smaller(scales.larger(value)) == pytest.approx(value)
        assert scales.larger(value) > value

    def test_pages_stop_at_their_ends(self):
        assert scales.next_page(10.0, 1) == 20.0
        assert scales.next_page(1.0, -1) == 1.0
        assert scales.next_page(60.0, 1) == 60.0

    def test_a_lane_fits_its_kind_and_ignores_a_few_bad_channels(self):
        rng = np.random.default_rng(0)
        samples = rng.standard_normal((1000, 6)).astype(np.float32) * [10, 10, 10, 1000, 1000, 1000] + 5000
        samples[:, 0] *= 1e4
        samples[:, 4] = np.nan
        found = scales.lanes(["eeg"] * 3 + ["mag"] * 3, samples.astype(np.float32))
        assert found == {"eeg": 50.0, "mag": 5000.0}

    def test_time_labels(self):
        assert scales.page_label(0) == "0:00"
        assert scales.page_label(75.5) == "1:15.5"
        assert scales.tick_seconds(10.0) == 1.0
        assert scales.tick_seconds(60.0) == 5.0


def decision(when, *, age=0.01, evidence=(0.8, 0.2), flags=Flag.NONE, answer=0):
    logs = np.log(np.array(evidence))
    return Decision(0, 1, 1, logs, logs, answer, when, when + age / 2, when + age, flags=flags)


@pytest.fixture
def ring(tmp_path):
    return DecisionRing.create(tmp_path / "a.ring", ("fists", "feet"), 0.1, 2.0)


class TestFeed:
    def test_age_counts_up_while_nothing_comes_and_becomes_stale(self, ring):
        feed = DecisionFeed("a", ring)
        assert feed.freshness(10.0) is None
        ring.add(decision(10.0))
        assert feed.refresh()
        assert not feed.refresh()
        assert feed.freshness(10.25).age == pytest.approx(0.25)
        assert not feed.freshness(10.49).stale
        assert feed.freshness(10.51).stale

    def test_patience_is_three_hops_where_hops_are_long(self, tmp_path):
        slow = DecisionFeed("s", DecisionRing.create(tmp_path / "s.ring", ("a", "b"), 1.0, 2.0))
        assert slow.patience == 3.0
        slow.locked = True
        assert slow.patience == 10.0

    def test_a_gap_breaks_the_curve(self, ring):
        feed = DecisionFeed("a", ring)
        for when, flags in ((1.0, Flag.NONE), (1.1, Flag.NONE), (1.4, Flag.AFTER_GAP), (3.0, Flag.NONE)):
            ring.add(decision(when, flags=flags))
        feed.refresh()
        broken = np.isnan(feed.evidence[:, 0])
        assert broken.tolist() == [False, False, True, False, True, False]
        np.testing.assert_allclose(feed.evidence[~broken], [[0.8, 0.2]] * 4)

    def test_a_minute_is_kept(self, ring):
        feed = DecisionFeed("a", ring)
        for when in np.arange(0.0, 100.0, 0.1):
            ring.add(decision(when))
            feed.refresh()
        assert feed.times[0] == pytest.approx(39.9, abs=0.11)
        assert len(feed.ages_ms) == 1000

    def test_percentiles_are_those_of_the_ages(self, ring):
        feed = DecisionFeed("a", ring)
        for i in range(101):
            ring.add(decision(i * 0.1, age=i / 1000))
        feed.refresh()
        assert percentiles(feed.ages_ms) == pytest.approx((50, 95, 99))
        assert percentiles(np.zeros(0)) is None

    def test_each_decision_is_drawn_once_and_the_one_before_us_does_not_count(self, ring):
        feed = DecisionFeed("a", ring)
        ring.add(decision(1.0))
        feed.refresh()
        assert feed.painted(90.0) is None
        ring.add(decision(1.1))
        feed.refresh()
        assert feed.painted(1.13) == pytest.approx(0.03)
        assert feed.painted(1.16) == pytest.approx(0.03)
        assert len(feed.drawn) == 1

    def test_of_many_classes_the_likeliest_are_shown(self, tmp_path):
        many = DecisionRing.create(tmp_path / "m.ring", tuple(f"c{i}" for i in range(40)), 0.1, 1.0)
        feed = DecisionFeed("m", many)
        weights = np.ones(40)
        weights[[3, 30]] = [5, 9]
        many.add(decision(0.0, evidence=weights / weights.sum()))
        feed.refresh()
        assert feed.likeliest()[:2] == [30, 3]
        assert len(feed.likeliest()) == 6


def test_trials_stand_where_their_markers_say():
    decoder = DecoderStatus("a", labels={"T1": 0, "T2": 1}, trial=(0.5, 3.5))
    markers = [Marker(10.0, "T2"), Marker(11.0, "T0"), Marker(20.0, "T1")]
    assert trials(decoder, markers) == [TrialSpan(10.5, 13.5, 1), TrialSpan(20.5, 23.5, 0)]
    assert trials(DecoderStatus("a"), markers) == []


class TestSystem:
    def test_all_that_is_missing_is_said_in_one_line(self):
        said = system.problem(
            {"DISPLAY": ":0"}, lambda name: name not in ("libEGL.so.1", "libxcb-cursor.so.0"), "linux"
        )
        assert said == "Qt lacks 2 system libraries; install them: apt-get install libegl1 libxcb-cursor0"

    def test_offscreen_needs_no_x_libraries_and_no_display(self):
        environment = {"QT_QPA_PLATFORM": "offscreen"}
        assert system.missing_libraries(environment, lambda _: False, "linux") == list(system.NEEDED.values())
        assert system.problem(environment, lambda _: True, "linux") is None

    def test_no_display_is_said(self):
        assert "no display" in system.problem({}, lambda _: True, "linux")
        assert system.problem({"WAYLAND_DISPLAY": "wayland-0"}, lambda _: True, "linux") is None

    def test_other_systems_bring_their_own(self):
        assert system.problem({}, lambda _: False, "darwin") is None


def test_channel_colours_tell_kinds_apart_and_bad_ones_are_grey():
    theme = pytest.importorskip("rtbci_ui.theme")
    kinds = ("eeg", "mag", "grad", "eog")
    assert len({theme.channel_colour(kind, 0, False) for kind in kinds}) == 4
    assert {theme.channel_colour(kind, 1, True) for kind in kinds} == {theme.BAD}
    assert theme.pixel("#0180ff") == 0xFF0180FF
    assert Channel("x").kind == "eeg"


def test_a_worker_that_was_restarted_says_so_for_the_rest_of_the_session():
    assert wording.worker(DecoderStatus("a", state="live"), ended=False) == "live"
    assert wording.worker(DecoderStatus("a", state="live", restarts=2), ended=False) == "live, restarted 2×"
    assert wording.worker(DecoderStatus("a", state="live", restarts=2), ended=True) == "ended"


class TestDraftWithBank:
    """An experiment whose classes are those of a bank, in the form."""

    def test_it_can_be_saved_as_it_is_and_gets_classes_of_its_own_when_they_are_changed(self, pictures, make_bank):
        bank = make_bank(pictures)
        path = bank.parent / "experiment.toml"
        path.write_text(
            f'name = "x"\n[source]\nuse = "lsl"\n[bank]\npath = "{bank.name}"\n'
            '[[decoder]]\nname = "seen"\nuse = "ridge-embed"\nlock = "marker"\nwindow = 0.5\n'
        )
        before = config.load(path)
        form = draft.draft_of(before)
        assert draft.problem(form, before, path) == ""
        assert not draft.experiment_of(form, before).own_classes
        changed = replace(form, classes=form.classes[:2])
        after = draft.experiment_of(changed, before)
        assert after.own_classes and list(after.classes) == ["blues", "greens"]
        config.save(after, path)
        assert list(config.load(path).classes) == ["blues", "greens"]
