"""How a replay is read from the status and said in words: no Qt."""

import subprocess
import sys

import pytest

from rtbci.runfolder import replace_json
from rtbci.sources.fault_kinds import KINDS, NAMES
from rtbci_ui.playback import words
from rtbci_ui.playback.model import FaultState, LoopDraft, Marks, Playback, read_playback
from rtbci_ui.status import Status, read_status

PLAYED = {
    "recording": "/data/S001R14.edf", "position": 83.5, "duration": 303.0, "speed": 2.0, "paused": False, "ended": False,
    "loop": [60.0, 120.0], "seeks": 3,
    "faults": {
        "drop": {"value": 0.01, "on": True, "struck": 1234}, "dead": {"value": "C3,Cz", "on": False, "struck": 0},
    },
}  # fmt: skip


def said(**fields):
    found = read_playback(read_status({"playback": {**PLAYED, **fields}, "clock_rate": 2.0}))
    assert found is not None
    return found


class TestReading:
    def test_what_the_session_says_is_read(self):
        playback = said()
        assert (playback.file, playback.position, playback.duration) == ("S001R14.edf", 83.5, 303.0)
        assert (playback.speed, playback.paused, playback.loop, playback.seeks) == (2.0, False, (60.0, 120.0), 3)
        assert playback.faults == (FaultState("drop", "0.01", True, 1234), FaultState("dead", "C3,Cz", False, 0))
        assert playback.on == (FaultState("drop", "0.01", True, 1234),)
        assert not playback.live

    def test_a_live_session_plays_nothing(self):
        assert read_playback(None) is None
        assert read_playback(Status()) is None

    def test_a_live_stream_with_faults_has_no_place(self):
        playback = said(recording=None, position=None, duration=None, loop=None)
        assert playback.live
        assert words.title(playback) == "REHEARSAL – a live stream with faults"

    def test_what_is_missing_or_simpler_is_taken_as_it_is(self):
        playback = read_playback(read_status({"playback": {"recording": "a.xdf", "faults": {"drop": 0.5}}}))
        assert playback == Playback("a.xdf", faults=(FaultState("drop", "0.5", True, 0),))

    def test_markers_are_read_once_they_are_there(self, fake):
        marks = Marks(fake.run)
        assert not marks.look()
        replace_json(fake.run.playback, {"markers": [[2.5, "T1"], [7.0, "T2"]]})
        assert marks.look()
        assert marks.places == [(2.5, "T1"), (7.0, "T2")]
        assert not marks.look()


class TestLoop:
    def test_one_key_begins_ends_and_switches_off(self):
        draft = LoopDraft()
        assert draft.press(said(loop=None, position=10.0)) is None
        assert words.loop(said(loop=None), draft) == "Loop 0:10 to here"
        assert draft.press(said(loop=None, position=25.5)) == {"action": "loop", "from": 10.0, "to": 25.5}
        assert draft.press(said(loop=[10.0, 25.5])) == {"action": "loop", "off": True}
        assert words.loop(said(loop=None), draft) == "Loop from here"
        assert words.loop(said(loop=[10.0, 85.5]), draft) == "Loop 0:10–1:25 ×"

    def test_a_loop_may_be_set_from_its_end(self):
        draft = LoopDraft()
        draft.press(said(loop=None, position=25.5))
        assert draft.press(said(loop=None, position=10.0)) == {"action": "loop", "from": 10.0, "to": 25.5}


class TestWords:
    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [(0.0, "0:00.0"), (59.96, "0:59.9"), (83.5, "1:23.5"), (3600.0, "1:00:00"), (-1.0, "0:00.0")],
    )
    def test_places(self, seconds, shown):
        assert words.place(seconds) == shown

    def test_nobody_takes_it_for_live(self):
        assert words.title(said()) == "REPLAY of S001R14.edf – not live"
        long = words.title(said(recording=f"/data/{'a' * 40}_run{'b' * 40}.edf"))
        assert len(long) < 60 and "…" in long and long.endswith("bbb.edf – not live")

    def test_speeds(self):
        assert words.speed(said()) == "2×"
        assert words.speed(said(paused=True)) == "paused"
        assert words.speed(said(paused=True, ended=True)) == "at the end"
        playback = read_playback(read_status({"playback": {**PLAYED, "speed": None}, "clock_rate": 16.6}))
        assert playback is not None
        assert words.speed(playback) == "17× now"

    def test_faster_and_slower_go_from_button_to_button(self):
        assert [words.next_speed(factor, 1) for factor in (0.5, 1.0, 3.0, 8.0, 20.0, None)] == (
            [[1.0], [2.0], [4.0], [None], [None], []]
        )
        assert [words.next_speed(factor, -1) for factor in (0.5, 1.0, 3.0, 20.0, None)] == [
            [],
            [0.5],
            [2.0],
            [8.0],
            [8.0],
        ]

    def test_faults(self):
        assert words.faults(said()) == "1 fault on…"
        assert words.faults(said(faults={})) == "Faults…"
        assert words.struck("drop", 1234) == "struck 1 234 samples"
        assert words.struck("disconnect", 1) == "struck 1 time"
        assert words.struck("drop", 0) == ""

    def test_there_are_words_for_every_fault_that_there_is(self):
        assert set(words.FAULTS) == set(NAMES)
        assert all(words.fault_words(kind.name).unit for kind in KINDS)
        assert words.fault_words("new-one").text == "New one"

    def test_models_know_no_qt(self):
        code = "import sys, rtbci_ui.playback.words as w; print(w.SPEEDS[0], [m for m in sys.modules if 'Qt' in m])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "('0.5', 0.5) []"
