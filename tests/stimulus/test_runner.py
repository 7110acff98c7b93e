"""A run, swap by swap: markers at the swap of their frame, the patch, dropped frames, keys, and what is said at the end."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rtbci_stimulus.clock import FakeClock, drive
from rtbci_stimulus.paradigms import make
from rtbci_stimulus.runner import ASK, PAUSE_COMES, Phase
from rtbci_stimulus.scene import Cross, Text
from rtbci_stimulus.schedule import Schedule, Step, patch_note
from tests.stimulus.driven import run

RATE = 60.0


def steps(*lengths: int) -> Schedule:
    """Steps named "0", "1", … of so many frames, each a trial."""
    return Schedule(
        RATE,
        tuple(Step(n, (Text(str(k)),), (str(k),), "trial") for k, n in enumerate(lengths)),
        tuple(map(str, range(9))),
    )


def names(driven):
    """What was on the screen, swap by swap, as far as it was a step."""
    return [
        frame.scene[0].text for _, frame in driven.shown if len(frame.scene) == 1 and isinstance(frame.scene[0], Text)
    ]


def marked(driven):
    return [(label, time) for label, time in driven.sent if label.isdigit()]


def test_each_step_is_shown_for_its_frames_and_its_marker_has_the_time_of_its_first_swap():
    driven = run(steps(3, 1, 5)).finish()
    assert names(driven) == ["0"] * 3 + ["1"] + ["2"] * 5
    begin = driven.times("0")[0]
    assert [label for label, _ in marked(driven)] == ["0", "1", "2"]
    assert [round((time - begin) * RATE, 6) for _, time in marked(driven)] == [0, 3, 4]
    for label, time in marked(driven):
        frame = driven.shown_at(time)
        assert (frame.scene[0].text, frame.k) == (label, 0)


def test_a_run_begins_and_ends_with_markers_of_its_own():
    driven = run(steps(2, 2)).finish()
    assert driven.labels() == ["run-start", "0", "1", "run-end"]
    assert driven.times("run-start") == driven.times("0")


def test_the_delay_to_the_light_is_added_to_every_marker():
    plain, late = run(steps(2, 2)).finish(), run(steps(2, 2), delay=0.021).finish()
    np.testing.assert_allclose(np.array([t for _, t in late.sent]) - [t for _, t in plain.sent], 0.021)
    event = next(event for event in late.notes if event["event"] == "marker")
    assert event["time"] - event["swap"] == pytest.approx(0.021)


@pytest.mark.parametrize("wide", [1, 3])
def test_the_patch_is_white_on_the_frame_of_a_marker_and_black_else(wide):
    driven = run(steps(10, 7, 5), patch_frames=wide).finish()
    white = [frame.patch for _, frame in driven.shown]
    for (time, frame), patch in zip(driven.shown, white, strict=True):
        since = min((time - at for _, at in marked(driven) if at <= time + 1e-9), default=np.inf)
        assert patch == (1.0 if since * RATE < wide - 0.5 and driven.labels() else 0.0), (time, frame)
    assert white.count(1.0) == 3 * wide


def test_a_patch_that_never_turns_black_between_markers_is_said():
    assert patch_note(steps(6, 4, 9), 3) == ()
    assert patch_note(steps(6, 4, 9), 4) == (
        "markers come 4 frames apart, so a patch of 4 frames stays white between them",
    )


def test_the_patch_may_follow_the_first_box_that_flickers():
    schedule = make("ssvep", {"frequencies": [10.0], "trials": 1, "cue": 0.5, "stimulation": 1.0}).schedule(RATE, 1)
    driven = run(schedule, follow=True).finish()
    begin = driven.times("10")[0]
    light = [frame.patch for time, frame in driven.shown if begin - 1e-9 <= time < begin + 1.0 - 1e-9]
    np.testing.assert_allclose(light, 0.5 * (1 + np.sin(2 * np.pi * 10 * np.arange(60) / RATE)))
    assert {frame.patch for time, frame in driven.shown if time < begin - 1e-9} == {0.0}


def test_dropped_frames_are_counted_where_they_were_lost():
    # swap 0 is the start page's, 1 begins; swap 2 shows frame 0
    driven = run(steps(10, 10, 10), clock=FakeClock(RATE, drops={5: 1, 16: 3})).finish()
    assert driven.runner.summary()["dropped"] == 4
    lost = [(event["frames"], event["step"]) for event in driven.notes if event["event"] == "dropped"]
    assert [frames for frames, _ in lost] == [1, 3]
    assert driven.runner.summary()["frames"] == len(driven.runner.intervals.seconds) + 1


def test_a_step_keeps_its_length_in_time_when_frames_are_dropped_within_it():
    driven = run(steps(10, 10), clock=FakeClock(RATE, drops={6: 2})).finish()
    first, second = (time for _, time in marked(driven))
    assert (second - first) * RATE == pytest.approx(10)
    assert names(driven).count("0") == 8


def test_no_step_is_left_out_however_many_frames_are_dropped():
    driven = run(steps(2, 1, 1, 2), clock=FakeClock(RATE, drops={3: 7})).finish()
    assert [label for label, _ in marked(driven)] == ["0", "1", "2", "3"]
    events = [event for event in driven.notes if event["event"] == "marker" and event["label"].isdigit()]
    late = [(event["swap"] - event["planned"]) * RATE for event in events]
    assert late[0] == pytest.approx(0.0)
    assert min(late[1:]) > 6.0  # the log says by how much


def test_swaps_that_are_stamped_a_little_late_are_no_drops_and_change_nothing():
    jitter = [0.0, 0.004, 0.001, 0.0065, 0.002]
    clock = FakeClock(RATE, jitter=lambda swap: jitter[swap % 5])
    driven = run(steps(30, 30), clock=clock).finish()
    assert driven.runner.intervals.dropped == 0
    assert names(driven).count("0") == 30


def test_a_swap_stamped_more_than_half_a_period_late_costs_one_drop_and_no_time():
    clock = FakeClock(RATE, jitter=lambda swap: 0.011 if swap == 12 else 0.0)
    driven = run(steps(30, 30), clock=clock).finish()
    first, second = (time for _, time in marked(driven))
    assert (second - first) * RATE == pytest.approx(30)
    assert driven.runner.intervals.dropped == 1


def test_nothing_happens_before_space_and_until_somebody_receives_the_markers():
    heard = iter([False] * 30 + [True] * 1000)
    now = {"heard": False}
    driven = run(steps(5), auto=False, receiver=lambda: now["heard"], wait=10.0)
    driven.step(20)
    assert driven.runner.phase is Phase.START
    driven.runner.key("space")
    for _ in range(40):
        now["heard"] = next(heard)
        driven.step()
    assert driven.labels()[:2] == ["run-start", "0"]
    begin = next(event for event in driven.notes if event["event"] == "begin")
    assert begin["receiver"] is True
    assert (begin["time"] - 1000.0) * RATE == pytest.approx(20 + 30)


def test_a_receiver_that_does_not_come_is_waited_for_no_longer_than_was_said():
    driven = run(steps(5), receiver=lambda: False, wait=2.0).finish()
    begin = next(event for event in driven.notes if event["event"] == "begin")
    assert begin["receiver"] is False
    assert (begin["time"] - 1000.0) * RATE == pytest.approx(2.0 * RATE)


def test_pictures_that_are_not_loaded_are_waited_for():
    loaded = itertools.chain([False] * 7, itertools.repeat(True))
    driven = run(steps(5), ready=lambda: next(loaded)).finish()
    assert driven.runner.completed


def test_p_pauses_before_the_next_trial_and_space_goes_on():
    driven = run(steps(20, 20, 20), auto=False)
    driven.runner.key("space")
    driven.until("0")
    driven.step(3)
    driven.runner.key("p")
    assert driven.runner.frame().footer == PAUSE_COMES
    paused = driven.until("pause")
    assert (paused - driven.times("0")[0]) * RATE == pytest.approx(20)  # the trial was not cut short
    driven.step(100)
    assert driven.runner.phase is Phase.PAUSED
    assert driven.times("1") == []
    driven.runner.key("space")
    driven.until("1")
    assert driven.times("resume") == driven.times("1")
    driven.until("run-end")
    assert (driven.times("2")[0] - driven.times("1")[0]) * RATE == pytest.approx(20)
    assert driven.runner.intervals.dropped == 0  # a pause is no dropped frame


def test_p_again_takes_the_pause_back():
    driven = run(steps(20, 20), auto=False)
    driven.runner.key("space")
    driven.until("0")
    driven.runner.key("p")
    driven.runner.key("p")
    driven.until("run-end")
    assert "pause" not in driven.labels()


def test_escape_asks_once_and_the_stimuli_go_on_meanwhile():
    driven = run(steps(600, 600), auto=False)
    driven.runner.key("space")
    driven.until("0")
    driven.runner.key("escape")
    assert driven.runner.frame().footer == ASK
    driven.step(int(5.5 * RATE))
    assert driven.runner.frame().footer == ""  # not answered
    driven.runner.key("escape")
    driven.step(10)
    driven.runner.key("escape")
    assert driven.runner.phase is Phase.END
    assert driven.labels()[-1] == "abort"
    summary = driven.runner.summary()
    assert (summary["aborted"], summary["completed"], summary["trials"], summary["planned_trials"]) == (
        True,
        False,
        0,
        2,
    )
    driven.step(5)
    driven.runner.key("space")
    assert driven.runner.done


def test_a_run_that_never_began_is_ended_without_a_marker():
    driven = run(steps(5), auto=False).step(3)
    driven.runner.key("escape")
    driven.runner.key("escape")
    assert driven.sent == []
    assert driven.runner.summary()["seconds"] is None


def test_a_signal_ends_the_run_at_once():
    driven = run(steps(600), auto=False)
    driven.runner.key("space")
    driven.until("0")
    driven.runner.abort()
    driven.runner.abort()
    assert driven.runner.done
    assert driven.labels() == ["run-start", "0", "abort"]


def test_blocks_wait_for_space_with_a_marker_before_and_after():
    paradigm = make(
        "motor-imagery", {"trials": 2, "per_block": 2, "fixation": 0.1, "get_ready": 0.1, "cue": 0.1, "imagery": 0.2}
    )
    driven = run(paradigm.schedule(RATE, 1), auto=False)
    driven.runner.key("space")
    driven.until("pause")
    driven.step(1000)
    assert driven.labels()[-1] == "pause"
    assert "2 of 4 trials" in [shape.text for shape in driven.runner.frame().scene if isinstance(shape, Text)]
    driven.runner.key("space")
    driven.until("trial-start")
    assert driven.times("resume") == driven.times("trial-start")[-1:]
    driven.until("run-end")
    assert driven.runner.summary()["trials"] == 4


def test_blocks_go_on_by_themselves_where_nobody_is_asked():
    settings = {"trials": 2, "per_block": 2, "block_pause": 3.0}
    driven = run(make("motor-imagery", settings).schedule(RATE, 1)).finish()
    assert driven.times("resume")[0] - driven.times("pause")[0] == pytest.approx(3.0)


def test_the_summary_says_what_happened():
    driven = run(make("motor-imagery", {"trials": 3}).schedule(RATE, 1), clock=FakeClock(RATE, drops={100: 2})).finish()
    summary = driven.runner.summary()
    assert summary["trials"] == summary["planned_trials"] == 6
    assert summary["markers"] == len(driven.sent) == 6 * 4 + 2
    assert summary["dropped"] == 2
    assert summary["interval_median_ms"] == pytest.approx(1000 / RATE)
    assert summary["interval_p99_ms"] == pytest.approx(1000 / RATE)
    assert summary["synchronised"] is True
    assert driven.notes[-1]["event"] == "end"
    assert driven.notes[-1]["dropped"] == 2


def test_a_run_is_as_long_as_it_was_however_long_its_last_page_is_looked_at():
    driven = run(steps(30, 30), auto=False)
    driven.runner.key("space")
    driven.until("run-end")
    driven.step(6000)
    assert driven.runner.summary()["seconds"] == pytest.approx(59 / RATE)


def test_events_hold_frame_planned_and_swap_times():
    driven = run(steps(4, 4), clock=FakeClock(RATE)).finish()
    events = [event for event in driven.notes if event["event"] == "marker" and event["label"].isdigit()]
    assert [event["frame"] for event in events] == [0, 4]
    for event in events:
        assert event["swap"] == pytest.approx(event["planned"], abs=1e-9)


def test_the_same_run_on_the_same_clock_is_the_same():
    paradigm = make("p300-matrix", {"text": "AB", "flashes": 2})
    first, second = (run(paradigm.schedule(RATE, 11)).finish() for _ in range(2))
    assert first.sent == second.sent


def test_drive_runs_a_schedule_with_keys_at_frames():
    driven = run(steps(30, 30), auto=False)
    shown = drive(driven.runner, driven.clock, keys={5: "space", 100: "space"})
    assert driven.runner.completed
    assert shown == 100
    assert driven.labels() == ["run-start", "0", "1", "run-end"]


def test_an_empty_frame_is_only_asked_for_once_a_swap():
    driven = run(Schedule(RATE, (Step(3, (Cross(),), ("x",), "trial"),), ("x",)))
    driven.runner.swapped(1.0)  # nothing was drawn: an exposure, not ours
    assert driven.runner.phase is Phase.START
    assert driven.finish().labels() == ["run-start", "x", "run-end"]
