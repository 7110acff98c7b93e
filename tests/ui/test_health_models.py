"""The models of health: problems in words, figures that are unknown and never 0, stages, restarts, frames."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from rtbci.stages import StageRing
from rtbci_ui import wording
from rtbci_ui.banner import Level
from rtbci_ui.feed import Freshness
from rtbci_ui.health.facts import groups
from rtbci_ui.health.frames import FrameTimes
from rtbci_ui.health.problems import Watched, as_banner, problems
from rtbci_ui.health.recent import Growth, Recent, seconds_left
from rtbci_ui.health.restarts import restarts
from rtbci_ui.health.stage_times import StageFeed, table
from rtbci_ui.status import DecoderStatus, RecordingStatus, Status, StreamStatus

RIEMANN = DecoderStatus("riemann", "live", decoded=900, hop=0.1)
WELL = Status(
    state="live",
    stream=StreamStatus("BioSemi", rate=250.0, effective_rate=250.01, clock_offset_ms=0.1),
    received=15_000,
    lost=0,
    gaps=0,
    recording=RecordingStatus("recording", "/data/s/recording.xdf", 600_000_000, 60.0),
    decoders=(RIEMANN,),
    host={"cpu": 34.0, "n_cpus": 2, "session_cpu": 61.0, "memory_mb": 412.0, "disk_free": 400 * 10**9, "gpu": []},
)


def only(status: Status, watched: Watched | None = None):
    (problem,) = problems(status, watched)
    return problem


class TestProblems:
    def test_a_session_that_is_well_has_none(self) -> None:
        watched = Watched(bytes_per_second=1e7, decisions={"riemann": Freshness(0.05, False)}, frame_ms=(4.0, 9.0))
        assert problems(WELL, watched) == []

    def test_there_is_none_before_the_first_word_and_after_the_last(self) -> None:
        assert problems(None) == []
        assert problems(replace(WELL, state="ended"), Watched(stale_for=50.0)) == []

    @pytest.mark.parametrize(
        ("free", "rate", "level", "text"),
        [
            (
                180_000_000, 1.5e6, Level.ALARM,
                "disk: 180 MB left, 2.0 min of recording; free some space on /data/s",
            ),
            (30 * 10**9, 3e8, Level.ALARM, "disk: 30.0 GB left, 1.7 min of recording; free some space on /data/s"),
            (30 * 10**9, 1e8, Level.WARNING, "disk: 30.0 GB left, 5.0 min of recording; free some space on /data/s"),
            (900_000_000, 1e4, Level.WARNING, "disk: 900 MB left, 25 h of recording; free some space on /data/s"),
            (900_000_000, None, Level.WARNING, "disk: 900 MB left; free some space on /data/s"),
        ],
    )  # fmt: skip
    def test_a_disk_that_fills(self, free: int, rate: float | None, level: Level, text: str) -> None:
        problem = only(replace(WELL, host={"disk_free": free}), Watched(bytes_per_second=rate))
        assert (problem.level, problem.text, problem.about) == (level, text, "disk")

    def test_a_disk_that_nothing_is_known_of_is_no_problem(self) -> None:
        assert problems(replace(WELL, host={}), Watched(bytes_per_second=1e9)) == []

    def test_what_is_not_recorded_does_not_fill_a_disk(self) -> None:
        stopped = replace(WELL, recording=replace(WELL.recording, state="stopped"), host={"disk_free": 30 * 10**9})
        problem = only(stopped, Watched(bytes_per_second=1e9))
        assert (problem.level, problem.text) == (
            Level.WARNING, "nothing is being recorded; start it when the session counts",
        )  # fmt: skip

    def test_a_recording_that_was_stopped_by_a_full_disk_is_loud(self) -> None:
        broken = replace(WELL.recording, state="stopped", problem="recording stopped: No space left on device")
        problem = only(replace(WELL, recording=broken))
        assert problem.level is Level.ALARM
        assert problem.text == (
            "recording stopped: No space left on device; nothing more is kept; acquisition and decoding go on"
        )
        assert problem.mark == "✖"

    def test_a_silent_session_says_nothing_else_that_could_be_believed(self) -> None:
        lost = replace(WELL, state="lost", host={"disk_free": 1})
        problem = only(lost, Watched(stale_for=3.2, grown={"lost": 5}))
        assert problem.level is Level.ALARM
        assert problem.what == "no word from the session for 3.2 s"

    def test_a_lost_stream_is_not_also_a_silent_decoder(self) -> None:
        problem = only(replace(WELL, state="lost"), Watched(decisions={"riemann": Freshness(9.0, True)}))
        assert problem.what == "the stream “BioSemi” is lost"

    def test_samples_that_are_lost_now_and_a_rate_that_is_off(self) -> None:
        assert only(WELL, Watched(grown={"lost": 142, "gaps": 3})).what == "142 samples lost in the last 10 s in 3 gaps"
        assert problems(replace(WELL, lost=142), Watched(grown={"lost": 0})) == []  # long ago
        off = replace(WELL, stream=replace(WELL.stream, effective_rate=243.0))
        assert only(off).what == "the stream comes at 243 Hz and says 250 Hz"

    def test_decisions_that_are_old_windows_that_are_skipped_workers_that_are_gone(self) -> None:
        stale = only(WELL, Watched(decisions={"riemann": Freshness(4.2, True)}))
        assert (stale.level, stale.what) == (Level.ALARM, "riemann: its newest decision is 4.2 s old")
        locked = replace(WELL, decoders=(replace(RIEMANN, hop=None),))
        assert problems(locked, Watched(decisions={"riemann": Freshness(44.0, True)})) == []  # no marker came
        paused = replace(WELL, clock_rate=0.0)
        assert problems(paused, Watched(decisions={"riemann": Freshness(44.0, True)})) == []
        skipped = only(WELL, Watched(grown={"skipped riemann": 1, "late riemann": 0, "skipped other": 7}))
        assert skipped.what == "riemann: 1 window skipped in the last 10 s"
        failed = replace(WELL, decoders=(replace(RIEMANN, state="failed", problem="needs channel Cz"),))
        assert only(failed).what == "riemann has failed: needs channel Cz"
        waiting = replace(WELL, decoders=(replace(RIEMANN, state="waiting", problem="was killed by signal 9"),))
        assert only(waiting).text == (
            "riemann is being restarted: was killed by signal 9; see worker-riemann.log if it stays so"
        )

    def test_a_decoder_that_never_decides_is_not_well(self) -> None:
        """A channel whose values are no numbers leaves no whole window: such a decoder has no old decision to tell by."""
        long = replace(WELL, decoders=(replace(RIEMANN, window=2.0),))
        assert problems(long, Watched(undecided={"riemann": 6.9})) == []
        problem = only(long, Watched(undecided={"riemann": 12.0}))
        assert (problem.level, problem.what) == (Level.WARNING, "riemann has decided nothing for 12.0 s")

    def test_windows_that_were_missed_while_a_worker_was_away_are_not_the_decoder_s_slowness(self) -> None:
        back = replace(WELL, decoders=(replace(RIEMANN, restarts=1, problem="was killed by signal 9"),))
        grown = {"restarts riemann": 1, "skipped riemann": 46}
        assert only(back, Watched(grown=grown)).text == (
            "riemann was started again: was killed by signal 9; if that comes again, worker-riemann.log tells more"
        )
        assert only(back, Watched(grown={**grown, "restarts riemann": 0})).what.startswith(
            "riemann: 46 windows skipped"
        )
        starting = replace(back, decoders=(replace(back.decoders[0], state="starting"),))
        assert only(starting).what == "riemann is being restarted: was killed by signal 9"
        first = replace(WELL, decoders=(replace(RIEMANN, state="starting"),))
        assert problems(first) == []

    def test_a_machine_that_is_full_and_a_window_that_is_slow(self) -> None:
        gpu = {"name": "Paper Tiger", "used_mb": 7800.0, "total_mb": 8000.0}
        found = problems(
            replace(WELL, host={**WELL.host, "cpu": 97.4, "gpu": [gpu]}), Watched(frame_ms=(20.0, 80.0), problem="x")
        )
        assert [problem.what for problem in found] == [
            "the processor is busy: 97 %, 30 % by this session",
            "Paper Tiger: 7.8 GB of 8.0 GB are in use",
            "cannot be shown: x",
            "this window draws slowly: 80 ms a frame (p99)",
        ]

    def test_the_loudest_comes_first_and_is_the_banner(self) -> None:
        status = replace(WELL, host={"cpu": 99.0, "disk_free": 10**8})
        found = problems(status)
        assert [problem.about for problem in found] == ["disk", "machine"]
        banner = as_banner(found)
        assert (banner.level, banner.headline, banner.detail) == (
            Level.ALARM, "Disk: 100 MB left", "free some space on /data/s",
        )  # fmt: skip
        assert as_banner(problems(WELL, Watched(frame_ms=(20.0, 80.0)))) is None  # a notice is none
        assert as_banner([]) is None


class TestFacts:
    def said(self, status: Status, rate: float | None = None, frames: FrameTimes | None = None):
        decoder = status.decoders[0] if status.decoders else None
        found = groups(status, decoder, rate, frames or FrameTimes())
        return {f"{g.title} / {f.title}": (f.value, f.mood) for g in found for f in g.facts}

    def test_figures_of_a_session_that_is_well(self) -> None:
        said = self.said(WELL, 1e7)
        assert said["Signal / state"] == ("live", "good")
        assert said["Signal / received"][0] == wording.count(15_000)
        assert said["Signal / lost"] == ("0", "")
        assert said["Signal / measured rate"] == ("250.01 Hz", "")
        assert said["Signal / clock offset"] == ("+0.10 ms", "")
        assert said["Recording / state"] == ("recording", "good")
        assert said["Recording / size"] == ("600 MB", "")
        assert said["Recording / disk left"] == ("400 GB", "")
        assert said["Recording / lasts for"] == ("≈ 11 h", "")
        assert said["Recording / grows by"] == ("600 MB/min", "")
        assert said["Machine / processor"] == ("34 %", "")
        assert said["Machine / this session"] == ("61 % of a core", "")
        assert said["Machine / its memory"] == ("412 MB", "")
        assert said["Machine / GPU memory"] == ("no GPU in use", "")

    def test_what_is_not_known_is_unknown_and_never_nought(self) -> None:
        said = self.said(Status(state="starting"))
        unknown = {
            "Signal / received", "Signal / lost", "Signal / gaps", "Signal / nominal rate", "Signal / measured rate",
            "Signal / clock offset", "Recording / size", "Recording / length", "Recording / disk left",
            "Machine / processor", "Machine / cores", "Machine / this session", "Machine / its memory",
            "Machine / GPU memory", "This window / frames", "This window / a frame, p50", "This window / a frame, p99",
        }  # fmt: skip
        assert {name for name, (value, _) in said.items() if value == "unknown"} == unknown
        assert not any(value.startswith("0") for value, _ in said.values())
        first = self.said(replace(WELL, host={"cpu": None, "session_cpu": None, "disk_free": None, "gpu": []}))
        assert first["Machine / processor"][0] == first["Recording / disk left"][0] == "unknown"

    def test_a_mood_has_a_word(self) -> None:
        gpu = {"name": "Paper Tiger", "used_mb": 7900.0, "total_mb": 8000.0}
        bad = replace(
            WELL,
            lost=300,
            gaps=2,
            stream=replace(WELL.stream, effective_rate=243.0, clock_offset_ms=-86_400_000.0),
            host={"cpu": 97.0, "disk_free": 180_000_000, "gpu": [gpu]},
        )
        frames = FrameTimes(lambda: 0.0)
        frames.frame(0.08)
        said = self.said(bad, 1e6, frames)
        assert said["Signal / lost"] == ("300 (2 %)", "warning")
        assert said["Signal / measured rate"] == ("243 Hz, off", "warning")
        assert said["Signal / clock offset"] == ("-86400.0 s", "")
        assert said["Recording / disk left"] == ("180 MB, nearly full", "alarm")
        assert said["Machine / processor"] == ("97 %, busy", "warning")
        assert said["Machine / Paper Tiger"] == ("7.9 GB of 8.0 GB, full", "warning")
        assert said["This window / a frame, p99"] == ("80.0 ms, slow", "warning")
        low = self.said(replace(WELL, host={"disk_free": 900_000_000}))
        assert low["Recording / disk left"] == ("900 MB, low", "warning")

    def test_a_recording_says_that_it_stopped_and_which_part_it_is(self) -> None:
        said = lambda **new: self.said(replace(WELL, recording=replace(WELL.recording, **new)))["Recording / state"]  # noqa: E731
        assert said(state="stopped", problem="recording stopped: disk full") == ("STOPPED: disk full", "alarm")
        assert said(state="stopped", part=2) == ("stopped, part 2: nothing is kept", "warning")
        assert said(part=2) == ("recording, part 2", "good")
        assert said(state="off") == ("off: nothing is kept", "warning")


class TestRecent:
    def test_what_was_counted_long_ago_is_not_recent(self) -> None:
        counter = Recent()
        counter.add(0.0, 500)
        assert counter.grown == 0  # it was so when we came
        counter.add(1.0, 520)
        assert counter.grown == 20
        counter.add(9.0, 520)
        assert counter.grown == 20
        counter.add(12.0, 520)
        assert counter.grown == 0

    def test_a_counter_that_falls_has_begun_anew(self) -> None:
        counter = Recent()
        counter.add(0.0, 500)
        counter.add(1.0, 3)
        counter.add(2.0, 5)
        assert counter.grown == 2
        counter.add(3.0, None)
        assert counter.grown == 0


class TestGrowth:
    def test_the_last_minute_decides(self) -> None:
        growth = Growth()
        for second in range(200):
            growth.add(float(second), 1000 * second if second < 100 else 100_000 + 5000 * (second - 100))
        assert growth.rate == pytest.approx(5000.0)

    def test_of_a_session_that_is_attached_to_the_whole_recording_tells(self) -> None:
        growth = Growth()
        growth.add(100.0, 700_000)
        assert growth.rate == pytest.approx(7000.0)
        growth.add(2.0, 9_000)
        assert growth.rate is None  # another one, of which it is too early to say

    def test_what_does_not_grow_lasts_for_nobody_knows_how_long(self) -> None:
        growth = Growth()
        for second in range(30):
            growth.add(100.0 + second, 700_000)
        assert growth.rate is None
        growth.add(None, None)
        assert growth.rate is None
        assert seconds_left(10**9, None) is None
        assert seconds_left(None, 5.0) is None
        assert seconds_left(1000, 5.0) == 200.0


class TestFrames:
    def test_frames_per_second_are_those_of_the_last_two(self) -> None:
        now = 0.0
        frames = FrameTimes(lambda: now)
        assert frames.per_second() is None
        assert frames.milliseconds() is None
        for k in range(400):
            frames.frame(0.002 if k % 100 else 0.030, k / 40.0)
        now = 399 / 40.0
        assert frames.per_second() == pytest.approx(40.0)
        p50, p99 = frames.milliseconds()
        assert p50 == pytest.approx(2.0)
        assert 2.0 <= p99 <= 30.0
        now += 5.0
        assert frames.per_second() is None  # the window slept

    def test_the_newest_2000_count(self) -> None:
        frames = FrameTimes(lambda: 0.0)
        for k in range(3000):
            frames.frame(1.0 if k < 1000 else 0.004)
        assert len(frames) == 2000
        assert frames.milliseconds() == pytest.approx((4.0, 4.0))


class TestStages:
    def test_the_table_has_percentiles_of_each_stage_of_drawing_and_of_the_sum(self) -> None:
        rows = np.array([[0.004, 0.001, 0.0005, 0.002]] * 99 + [[0.104, 0.001, 0.0005, 0.002]])
        found = {row.name: row for row in table(rows, [0.010, 0.012])}
        assert list(found) == ["transport", "wait", "transform", "decode", "draw", "ready"]
        assert found["transport"].found == pytest.approx((4.0, 4.0, 5.0))
        assert found["decode"].found == pytest.approx((2.0, 2.0, 2.0))
        assert found["ready"].found == pytest.approx((7.5, 7.5, 8.5))
        assert (found["draw"].p50, found["draw"].n) == (pytest.approx(11.0), 2)

    def test_where_nothing_was_decided_nothing_is_claimed(self) -> None:
        assert all(row.found is None for row in table(np.empty((0, 4)), ()))

    def test_a_feed_waits_for_its_ring_and_takes_the_newest(self, tmp_path) -> None:
        path = tmp_path / "riemann.stages.ring"
        feed = StageFeed(path)
        assert feed.refresh() is False
        ring = StageRing.create(path)
        for k in range(2500):
            ring.ring.push(np.full((1, 4), float(k)), np.array([float(k)]), 0.0)
        assert feed.refresh() is True
        assert feed.rows[[0, -1], 0].tolist() == [500.0, 2499.0]
        assert feed.refresh() is False
        feed.close()
        ring.close()


def test_restarts_come_newest_first_in_local_time_and_once_for_a_shared_worker() -> None:
    early, late = time.mktime((2026, 11, 26, 9, 5, 7, 0, 0, -1)), time.mktime((2026, 11, 26, 21, 43, 5, 0, 0, -1))
    killed, hung = {"time": early, "why": "was killed by signal 9"}, {"time": late, "why": "took longer"}
    one = DecoderStatus("one", restart_reasons=(killed, hung))
    two = DecoderStatus("two", restart_reasons=(hung,))
    assert [str(found) for found in restarts((one, two))] == [
        "21:43:05   one, two   took longer",
        "09:05:07   one   was killed by signal 9",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (45.0, "≈ 45 s"), (150.0, "≈ 2.5 min"), (1500.0, "≈ 25 min"), (11_520.0, "≈ 3.2 h"), (40_000.0, "≈ 11 h"),
        (200_000.0, "≈ 2.3 d"),
    ],
)  # fmt: skip
def test_time_that_is_left_is_a_rough_one(seconds: float, words: str) -> None:
    assert wording.roughly(seconds) == words
