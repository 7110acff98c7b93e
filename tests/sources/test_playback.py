"""A recording that is played: what decoders get, whatever is done to it, and what the session sees meanwhile."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtbci.errors import SourceError
from rtbci.gaps import longest_step
from rtbci.ring import Ring
from rtbci.runfolder import MarkerReader
from rtbci.sources import followers
from rtbci.sources.followers import Followers, Pace
from rtbci.sources.joined import Joined
from rtbci.sources.play_clock import PlayClock
from rtbci.sources.playback import PlaybackSource
from rtbci.sources.ring import RingSource
from rtbci.sources.shared_clock import SharedClock
from rtbci.sources.tape import Tape
from rtbci.sources.transport import Manner
from rtbci.testing import check_source
from tests.sources.playing import RATE, Memory, Rig, bits, fresh, moved, recording

Make = Callable[..., Rig]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    rigs: list[Rig] = []

    def build(reader: Memory, *decoders: str, **how: Any) -> Rig:
        rigs.append(Rig(tmp_path / f"run{len(rigs)}", reader, decoders or ("fast",), **how))
        return rigs[-1]

    yield build
    for rig in rigs:
        rig.close()


def alone(reader: Memory, **how: Any) -> PlaybackSource:
    """A player that nobody decides with."""
    return PlaybackSource(lambda: reader, "noise.xdf", Followers({}, RATE, lambda: None), Manner(**how))


def markers_of(rig: Rig) -> list[tuple[float, str]]:
    return [(marker.time, marker.label) for marker in MarkerReader(rig.run.markers).new()]


class TestPlaying:
    def test_it_is_a_source_like_any_other(self) -> None:
        reader = recording(12.0)
        report = check_source(lambda: alone(reader, speed=None), n_samples=2000, recording=True)
        assert (report.n_samples, report.n_markers, report.ended) == (1200, 5, True)

    @pytest.mark.parametrize("pause", [0.0, 0.02])
    def test_at_most_speed_every_window_is_decided_as_in_a_replay_to_the_bit(self, make: Make, pause: float) -> None:
        reader = recording(20.0)
        rig = make(reader, "fast", "slow", speed=None, pause=pause)
        rig.end()
        for name, hops in (("fast", 191), ("slow", 75)):
            said, replayed = rig.decisions(name), fresh(reader, 0, name)
            assert len(said) == hops
            assert [bits(decision) for decision in said] == [bits(decision) for decision in replayed]
            assert [decision.signal_time for decision in said] == [decision.signal_time for decision in replayed]
            assert rig.workers[name].said.skipped == 0
        assert (rig.ring.n_gaps, rig.ring.written) == (0, 2000)
        trials = rig.workers["fast"].said.trials
        assert [(trial.label, trial.time) for trial in trials] == [(m.label, m.time) for m in reader.markers]

    def test_windows_that_are_locked_to_markers_are_decided_too_and_again_after_a_seek(self, make: Make) -> None:
        reader = recording(40.0)
        rig = make(reader, "locked", speed=None, settle=2.0, paused=True)
        rig.ask("step")
        rig.settled()
        assert [decision.marker_time for decision in rig.decisions("locked")] == [1002.0]
        rig.ask("seek", marker="next")
        rig.settled()
        rig.ask("seek", time=30.0)
        rig.settled()
        rig.ask("resume")
        rig.end()
        said = rig.decisions("locked")
        assert [bits(decision) for decision in said[:1]] == [
            bits(decision) for decision in fresh(reader, 0, "locked")[:1]
        ]
        gap, begun = rig.ring.gaps()[-1].index, rig.player.began
        after = [bits(moved(decision, begun - gap)) for decision in said if decision.start >= gap]
        there = [bits(decision) for decision in fresh(reader, begun, "locked") if decision.marker_time >= 1030.0]
        assert after == there
        assert len(after) == 5

    def test_a_speed_is_that_of_its_clock(self, make: Make) -> None:
        rig = make(recording(20.0), speed=8.0)
        rig.until(lambda: rig.place() > 1.0, "1 s was played")
        assert (rig.player.clock[2], rig.player.clock_rate) == (8.0, 8.0)
        rig.ask("speed", speed=0.5)
        rig.until(lambda: rig.player.clock[2] == 0.5, "the clock goes slower")
        assert rig.source.playback()["speed"] == 0.5  # type: ignore[index]
        source = RingSource(rig.run, first=0)
        source.open()
        # what a worker takes for the time is the player's, not the monotonic clock's
        assert 1001.0 < source.now() < 1020.0
        source.close()
        rig.ask("speed", speed="max")
        rig.end()
        assert rig.ring.written == 2000
        assert rig.ring.n_gaps == 0

    def test_it_ends_as_a_recording_does_or_holds_so_that_it_can_be_played_again(self, make: Make) -> None:
        ended = make(recording(4.0), speed=None)
        ended.end()
        assert (ended.acquisition.state, ended.acquisition.problem) == ("ended", None)
        held = make(recording(4.0), speed=None, hold=True)
        held.until(lambda: held.source.playback()["ended"], "the end")  # type: ignore[index]
        held.settled()
        told = held.source.playback()
        assert told is not None
        assert (told["paused"], told["position"], held.acquisition.is_alive()) == (True, 4.0, True)
        held.ask("resume")
        held.until(lambda: held.ring.n_gaps == 1 and held.place() == 4.0, "it was played again")
        assert held.ring.written >= 790

    def test_markers_keep_their_samples_and_the_run_folder_says_where_they_are(self, make: Make) -> None:
        reader = recording(12.0)
        rig = make(reader, speed=None)
        rig.end()
        assert markers_of(rig) == [(marker.time, marker.label) for marker in reader.markers]
        said = json.loads(rig.run.playback.read_text())
        assert said["duration"] == pytest.approx(12.0)
        assert said["markers"] == [[2.0, "L"], [4.0, "R"], [6.0, "L"], [8.0, "R"], [10.0, "L"]]


class TestStandingStill:
    def test_time_stands_while_paused_and_nothing_is_lost(self, make: Make) -> None:
        rig = make(recording(30.0), speed=4.0, lost_after=0.2)
        rig.until(lambda: rig.place() > 1.0, "1 s was played")
        rig.ask("pause")
        rig.settled()
        there, now, written = rig.place(), rig.source.now(), rig.ring.written
        assert rig.player.clock_rate == 0.0
        time.sleep(0.6)  # three times as long as a live stream may be silent
        assert (rig.place(), rig.source.now(), rig.ring.written) == (there, now, written)
        assert (rig.acquisition.state, rig.acquisition.problem) == ("live", None)
        assert SharedClock(rig.ring).now() == pytest.approx(now, abs=1e-6)
        rig.ask("resume")
        rig.until(lambda: rig.place() > there + 0.5, "it goes on")
        assert rig.ring.n_gaps == 0

    def test_a_step_is_one_more_decision_of_the_decoder_that_is_meant(self, make: Make) -> None:
        rig = make(recording(30.0), "fast", "slow", speed=None, paused=True)
        rig.settled()
        assert rig.ring.written == 0
        for count in range(1, 6):
            rig.ask("step")
            rig.settled()
            assert len(rig.decisions("fast")) == count
        assert len(rig.decisions("slow")) == 0  # 1.4 s, and its window is 1.5 s
        for count in range(1, 4):
            rig.ask("step", decoder="slow")
            rig.settled()
            assert len(rig.decisions("slow")) == count
        assert rig.decisions("slow")[-1].stop == rig.ring.written == 200
        replayed = fresh(recording(30.0), 0)
        assert [bits(d) for d in rig.decisions("fast")] == [bits(d) for d in replayed[: len(rig.decisions("fast"))]]

    def test_a_step_goes_on_over_samples_that_no_window_may_touch(self, make: Make) -> None:
        reader = recording(30.0)
        reader.samples(150, 151)[:] = np.nan
        rig = make(reader, speed=None, paused=True)
        for count in range(1, 8):
            rig.ask("step")
            rig.settled()
            assert len(rig.decisions()) == count
        assert [decision.start for decision in rig.decisions()] == [0, 10, 20, 30, 40, 50, 160]

    def test_a_decoder_that_does_nothing_is_not_waited_for_for_ever(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(followers, "PATIENCE_SECONDS", 0.1)
        rig = make(recording(5.0), "fast", "slow", speed=None, silent="slow")
        rig.acquisition.join(30.0)
        assert not rig.acquisition.is_alive()
        assert rig.ring.written == 500


class TestSeeking:
    def test_after_a_seek_decoders_decide_as_a_pipeline_that_begins_there(self, make: Make) -> None:
        reader = recording(60.0)
        rig = make(reader, "fast", "slow", speed=None, settle=3.0, paused=True)
        rig.ask("step")
        rig.settled()
        rig.ask("seek", time=40.0)
        rig.settled()
        assert rig.place() == 40.0
        begun = rig.player.began
        # three seconds before the place, and less than the grid of both decoders (0.5 s)
        assert 3650 <= begun <= 3700
        (gap,) = rig.ring.gaps()
        assert gap.after - gap.before > longest_step(RATE)
        rig.ask("resume")
        rig.end()
        for name in ("fast", "slow"):
            after = [d for d in rig.decisions(name) if d.start >= gap.index]
            there = fresh(reader, begun, name)
            assert [bits(moved(d, begun - gap.index)) for d in after] == [bits(d) for d in there]
            assert rig.workers[name].said.skipped == 0
            # the grid is the whole recording's: these are windows of its replay
            assert {d.start + begun - gap.index for d in after} < {d.start for d in fresh(reader, 0, name)}

    def test_once_filters_have_settled_log_probabilities_are_those_of_a_replay_of_the_whole(self, make: Make) -> None:
        reader = recording(60.0)
        rig = make(reader, speed=None, settle=6.0, paused=True)
        rig.ask("seek", time=40.0)
        rig.settled()
        rig.ask("resume")
        rig.end()
        by = rig.player.began - rig.ring.gaps()[0].index if rig.ring.n_gaps else rig.player.began
        whole = {d.start: d for d in fresh(reader, 0)}
        later = [d for d in rig.decisions() if d.start + by >= 4000]
        assert len(later) == 191
        for decision in later:
            assert decision.log_probs == pytest.approx(whole[decision.start + by].log_probs, abs=1e-3)

    def test_time_goes_one_way_whatever_is_sought(self, make: Make) -> None:
        reader = recording(40.0)
        rig = make(reader, speed=16.0, settle=2.0, hold=True)
        rig.until(lambda: rig.ring.written > 0, "samples flow")
        for order in (
            {"time": 30.0},
            {"time": 5.0},
            {"by": 7.5},
            {"marker": "R"},
            {"marker": "previous"},
            {"time": 0.0},
        ):
            before = rig.source.playback()["seeks"]  # type: ignore[index]
            rig.ask("seek", **order)
            rig.until(lambda before=before: rig.source.playback()["seeks"] == before + 1, "it was sought")  # type: ignore[index, misc]
            rig.until(lambda: not rig.player.hurries, "the place is reached")
        rig.ask("pause")
        rig.settled()
        _, times, _ = rig.ring.read(0, rig.ring.written)
        assert (np.diff(times) > 0.0).all()
        assert rig.ring.n_gaps == 6
        assert rig.acquisition.lost_samples == sum(gap.missing for gap in rig.ring.gaps())
        stamps = [decision.signal_time for decision in rig.decisions()]
        assert stamps == sorted(stamps)

    def test_markers_before_the_place_are_not_played_and_those_after_it_keep_their_samples(self, make: Make) -> None:
        reader = recording(40.0)
        rig = make(reader, speed=None, settle=5.0, paused=True)
        rig.ask("step")
        rig.settled()
        rig.ask("seek", time=20.0)
        rig.settled()
        rig.ask("resume")
        rig.end()
        heard = [(time, label) for time, label in markers_of(rig) if time > rig.ring.gaps()[0].before]
        assert [label for _, label in heard] == [m.label for m in reader.markers if m.time >= 1020.0]
        samples, times, _ = rig.ring.read(0, rig.ring.written)
        for (time_there, _), marker in zip(heard, (m for m in reader.markers if m.time >= 1020.0), strict=True):
            row = int(np.argmin(np.abs(times - time_there)))
            assert abs(times[row] - time_there) < 1e-6
            index = round((marker.time - 1000.0) * RATE)
            assert samples[row].tobytes() == reader.samples(index, index + 1)[0].tobytes()

    def test_a_marker_is_found_by_its_label_and_from_where_it_is(self, make: Make) -> None:
        rig = make(recording(20.0), speed=None, paused=True)
        for order, place in (("R", 4.0), ("R", 8.0), ("next", 10.0), ("previous", 8.0), ("L", 10.0)):
            rig.ask("seek", marker=order)
            rig.settled()
            assert rig.place() == pytest.approx(place)
        rig.ask("seek", time=19.0)
        rig.settled()
        rig.ask("seek", marker="R")  # none comes any more: the first one
        rig.settled()
        assert rig.place() == pytest.approx(4.0)

    def test_it_begins_where_it_is_told_in_the_recordings_own_time(self, make: Make) -> None:
        reader = recording(30.0)
        rig = make(reader, speed=None, start=20.0, settle=3.0)
        rig.end()
        begun = rig.player.began
        assert 1650 <= begun <= 1700
        _, times, _ = rig.ring.read(0, rig.ring.written)
        assert times.tobytes() == reader.times(begun, 3000).tobytes()
        assert [bits(moved(d, begun)) for d in rig.decisions()] == [bits(d) for d in fresh(reader, begun)]
        assert markers_of(rig) == [(m.time, m.label) for m in reader.markers if m.time >= 1020.0]

    def test_a_loop_is_played_again_and_again_until_it_is_off(self, make: Make) -> None:
        rig = make(recording(20.0), speed=None, settle=1.0, loop=(3.0, 7.0))
        rig.until(lambda: rig.ring.n_gaps >= 3, "three rounds")
        assert rig.place() <= 7.0
        rig.ask("loop", off=True)
        rig.end()
        trials = rig.workers["fast"].said.trials
        n = rig.ring.n_gaps
        # the first round begins with the recording; each has the markers at 4 and 6 s, and the last one goes on
        assert [label for _, label in markers_of(rig)] == ["L", "R", "L", *["R", "L"] * n, "R", "L", "R", "L", "R", "L"]
        times = [trial.time for trial in trials]
        assert len(times) == len(set(times))


class TestWhatIsAsked:
    @pytest.mark.parametrize(
        ("order", "said"),
        [
            ({"action": "hop"}, 'action is "hop"; one of pause, resume'),
            ({}, "action is null"),
            ({"action": "speed", "speed": 0}, "speed is 0; 0.05 to 64 times real time"),
            ({"action": "speed", "speed": "fast"}, "speed is 'fast'; a number such as 2"),
            ({"action": "speed", "speed": True}, "speed is True"),
            ({"action": "seek"}, "no place is given"),
            ({"action": "seek", "time": 31.0}, "31 s is not in noise.xdf; 0 to 30.0 s"),
            ({"action": "seek", "time": "1:30"}, "time is '1:30'; a number of seconds"),
            ({"action": "seek", "time": float("nan")}, "time is nan"),
            ({"action": "seek", "marker": "T9"}, "has no marker 'T9'; it has 'L', 'R'"),
            ({"action": "seek", "marker": "previous"}, "no marker comes before 0:00.0"),
            ({"action": "loop", "from": 5, "to": 5.1}, "the loop is from 5 to 5.1 s; at least 0.5 s"),
            ({"action": "loop", "from": 5, "to": 500}, "is 0:30.0 long; a loop to 8:20.0 cannot be"),
            ({"action": "loop"}, '"from" and "to" in seconds'),
            ({"action": "step"}, "no decoder decides here"),
        ],
    )
    def test_nonsense_is_refused_in_a_sentence_and_changes_nothing(self, order: dict[str, Any], said: str) -> None:
        player = alone(recording(30.0), speed=1.0)
        player.open()
        before = player.playback()
        answer = player.command(order)
        assert said in answer["error"]
        assert player.playback() == before

    def test_a_loop_within_a_gap_of_the_recording_is_refused(self) -> None:
        whole = recording(30.0)
        times = whole.times(0, 3000).copy()
        times[1000:] += 600.0  # a pause between two parts
        player = alone(Memory(whole.info, whole.samples(0, 3000), times, ()), speed=None)
        player.open()
        answer = player.command({"action": "loop", "from": 60.0, "to": 120.0})
        assert answer["error"].startswith("noise.xdf has a gap from 1:00.0 to 2:00.0: a loop needs samples")
        assert player.command({"action": "loop", "from": 5.0, "to": 615.0})["ok"]

    def test_a_step_by_a_decoder_that_is_not_there_names_those_that_are(self) -> None:
        paces = {"fast": Pace(10.0, 100.0), "slow": Pace(25.0, 150.0)}
        reader = recording(5.0)
        player = PlaybackSource(lambda: reader, "noise.xdf", Followers(paces, RATE, lambda: None))
        player.open()
        assert player.command({"action": "step", "decoder": "fats"})["error"] == (
            'no decoder is called "fats"; one of fast, slow would be right'
        )

    def test_what_it_says_before_it_is_open(self) -> None:
        player = alone(recording(5.0))
        assert player.playback() is None
        assert "call open() first" in player.command({"action": "pause"})["error"]

    def test_it_cannot_begin_beyond_the_end(self) -> None:
        with pytest.raises(SourceError, match=r"noise.xdf is 0:05.0 long; it cannot begin at 0:06.0"):
            alone(recording(5.0), start=6.0).open()
        with pytest.raises(SourceError, match=r"a loop to 0:08.0 cannot be"):
            alone(recording(5.0), loop=(1.0, 8.0)).open()

    def test_orders_from_many_threads_leave_it_whole(self, make: Make) -> None:
        rig = make(recording(30.0), speed=8.0, hold=True)
        orders: list[dict[str, Any]] = [
            {"action": "pause"}, {"action": "resume"}, {"action": "seek", "time": 3.0}, {"action": "step"},
            {"action": "seek", "by": 2.0}, {"action": "speed", "speed": 4}, {"action": "speed", "speed": "max"},
        ]  # fmt: skip
        answers: list[dict[str, Any]] = []

        def nag(first: int) -> None:
            for k in range(20):
                answers.append(rig.source.command(orders[(first + k) % len(orders)]))

        threads = [threading.Thread(target=nag, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(answer.get("ok") for answer in answers)
        rig.ask("pause")
        rig.settled()
        _, times, _ = rig.ring.read(0, rig.ring.written)
        assert (np.diff(times) > 0.0).all()
        assert rig.acquisition.is_alive()


class TestParts:
    def test_parts_of_a_session_are_one_recording_with_a_gap_between_them(self) -> None:
        first, second = recording(4.0, begins=100.0), recording(6.0, begins=110.0)
        joined = Joined([first, second])
        assert (joined.n_samples, len(joined.markers)) == (1000, 3)
        assert joined.samples(390, 410).tobytes() == (
            first.samples(390, 400).tobytes() + second.samples(0, 10).tobytes()
        )
        assert list(joined.times(399, 401)) == [103.99, 110.0]
        tape = Tape(joined)
        assert tape.duration == pytest.approx(16.0)
        assert (tape.index(3.99), tape.index(4.5), tape.index(10.0)) == (399, 400, 400)

    def test_parts_that_do_not_belong_together_are_refused(self) -> None:
        with pytest.raises(
            SourceError, match=r"part 2 of the recording has 3 channels at 50 Hz, the first 3 at 100 Hz"
        ):
            Joined([recording(2.0), recording(2.0, rate=50.0)])


class TestClocks:
    def test_a_clock_runs_stands_and_is_set(self) -> None:
        wall = [50.0]
        clock = PlayClock(lambda: wall[0])
        clock.set(1000.0, 2.0)
        wall[0] = 51.0
        assert clock.now() == 1002.0
        clock.run(0.0)
        wall[0] = 60.0
        assert (clock.now(), clock.rate) == (1002.0, 0.0)
        clock.run(0.5)
        wall[0] = 62.0
        assert clock.now() == 1003.0
        assert clock.line == (60.0, 1002.0, 0.5)

    def test_other_processes_read_it_from_the_ring_and_know_where_there_is_none(self, tmp_path: Path) -> None:
        ring = Ring.create(tmp_path / "raw.ring", 10, 1)
        reader = SharedClock(Ring.attach(tmp_path / "raw.ring"))
        assert reader.now() is None
        SharedClock(ring).tell(time.monotonic() - 3.0, 500.0, 0.0)
        assert reader.now() == 500.0
        SharedClock(ring).tell(time.monotonic() - 100.0, 500.0, 4.0)
        assert reader.now() == pytest.approx(900.0, abs=20.0)
        ring.close()

    def test_the_grid_of_several_decoders_is_where_all_meet(self) -> None:
        paces = {"a": Pace(10.0, 100.0), "b": Pace(25.0, 100.0), "locked": Pace(None, 100.0)}
        assert Followers(paces, RATE, lambda: None).grid == 50
        assert Followers({"a": Pace(12.8, 100.0)}, RATE, lambda: None).grid == 1
        assert Followers({}, RATE, lambda: None).grid == 1
