"""What a session can be asked: strict about the question, honest in the answer, and nothing that was said is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rtbci import config
from rtbci.acquisition import Acquisition
from rtbci.annotations import Annotations
from rtbci.charge import Charge
from rtbci.commanding import Commanding
from rtbci.commands import FIELDS, check, recording_name
from rtbci.errors import ConfigError, RecordingError, RtbciError
from rtbci.experiment import Experiment
from rtbci.recording.recorder import Recorder
from rtbci.recording.session_folder import SessionFolder
from rtbci.supervision import WorkerProcess
from rtbci.types import StreamInfo
from tests.recording.small_session import LiveSession, load

EXPERIMENT = """
name = "a test"
[source]
use = "lsl"
[classes]
fists = ["T1"]
feet = ["T2"]
[trial]
start = 0.5
stop = 3.5
[[decoder]]
name = "one"
use = "mdm"
window = 2.0
hop = 0.1
[[decoder]]
name = "two"
use = "mdm"
window = 2.0
hop = 0.1
"""
NOW = 1000.0


class Silent:
    """A source at which nothing happens; ``time`` is what its clock says."""

    time = NOW

    def open(self) -> StreamInfo:
        raise NotImplementedError

    def read(self, samples: object, times: object, timeout: float) -> int:
        time.sleep(min(timeout, 0.005))
        return 0

    def markers(self) -> list[Any]:
        return []

    def now(self) -> float:
        return self.time

    def close(self) -> None:
        pass


@dataclass
class Desk:
    """What a session would be to its commands, with the real recorder, folder, acquisition and (not started) workers."""

    live: LiveSession
    experiment: Experiment
    source: Silent
    info: StreamInfo
    folder: SessionFolder | None
    annotations: Annotations | None
    acquisition: Acquisition | None
    recorder: Recorder | None
    charge: Charge | None
    workers: Mapping[str, WorkerProcess]
    work: list[Callable[[], None]] = field(default_factory=list)
    stopped: bool = False

    def stop(self) -> None:
        self.stopped = True

    def later(self, work: Callable[[], None]) -> None:
        self.work.append(work)

    def status(self) -> dict[str, Any]:
        return {"state": "live"}

    def tick(self) -> None:
        while self.work:
            self.work.pop(0)()

    def markers(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.live.run.markers.read_text().splitlines()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    live = LiveSession(tmp_path)
    experiment = config.loads(EXPERIMENT, None)
    source = Silent()
    acquisition = Acquisition(source, live.info, live.ring, live.run, 1.0)
    workers = {one.name: WorkerProcess([one], live.run, live.folder.path) for one in experiment.decoders}
    for worker in workers.values():
        worker.state = "live"
    desk = Desk(
        live, experiment, source, live.info, live.folder, Annotations(live.folder), acquisition, live.recorder,
        Charge(list(workers)), workers,
    )  # fmt: skip
    live.recorder.start()
    acquisition.start()
    yield desk
    acquisition.stop()
    acquisition.join()
    live.recorder.stop()


@pytest.fixture
def ask(desk: Desk) -> Commanding:
    return Commanding(desk)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


REFUSED = [
    ({}, "unknown command {}; there are status, stop"),
    ({"do": 3}, "unknown command"),
    ({"do": "shutdown"}, 'unknown command {"do": "shutdown"}'),
    ({"do": "note"}, 'note needs "text": a text, as in {"do": "note", "text": "blinked"}'),
    ({"do": "note", "text": 3}, 'note: "text" is 3; it should be a text'),
    ({"do": "note", "txt": "x"}, 'note does not know "txt"; it takes "text", "marker"'),
    ({"do": "note", "text": "  "}, 'note: "text" is empty'),
    ({"do": "note", "text": "x" * 10_001}, "has 10001 characters; at most 10000"),
    ({"do": "stop", "now": True}, 'stop does not know "now"; it takes nothing else'),
    ({"do": "mark", "label": ""}, 'mark: "label" is empty'),
    ({"do": "mark", "label": "T1", "code": True}, 'mark: "code" is true; it should be a whole number'),
    ({"do": "mark", "label": "T1", "code": 1.5}, 'mark: "code" is 1.5; it should be a whole number'),
    ({"do": "mark", "label": "T1", "time": "now"}, 'mark: "time" is "now"; it should be seconds'),
    ({"do": "mark", "label": "T1", "time": 939.9}, "time 939.9 is not near now, 1000.000 s"),
    ({"do": "mark", "label": "T1", "time": 1010.1}, "at most 60 s before and 10 s after it"),
    ({"do": "mark", "label": "T1", "time": float("nan")}, "time nan is not near now"),
    ({"do": "mark", "label": "T1", "time": 10**400}, "is not near now, 1000.000 s"),
    ({"do": "record", "on": 1}, 'record: "on" is 1; it should be true or false'),
    ({"do": "record", "on": True}, "recording already, to "),
    ({"do": "record", "on": False, "name": "x"}, 'record: "name" is for {"on": true}'),
    ({"do": "decode", "on": False, "decoder": "three"}, 'there is no decoder "three"; there are one, two'),
    ({"do": "decode", "on": True}, "decode: all decoders are decoding already"),
    ({"do": "charge", "decoder": "three"}, 'there is no decoder "three"; there are one, two'),
    ({"do": "restart", "decoder": "three"}, 'restart: there is no decoder "three"'),
    ({"do": "bad", "channel": "C99", "bad": True}, 'bad: there is no channel "C99"; there are C0, C1'),
    ({"do": "bad", "channel": "C1"}, 'bad needs "bad": true or false'),
    ({"do": "display"}, "display needs something to show"),
    ({"do": "display", "show": "tea"}, 'there is no show "tea"; there are traces, signal'),
    ({"do": "display", "seconds": 0}, '"seconds" is 0; 0.1 to 3600 s'),
    ({"do": "display", "decoder": "three"}, 'display: there is no decoder "three"'),
    ({"do": "play", "speed": 2}, "this session plays no recording"),
]


@pytest.mark.parametrize(("command", "words"), REFUSED, ids=[json.dumps(command)[:60] for command, _ in REFUSED])
def test_what_is_not_right_is_refused_in_words_that_say_what_would_be(
    ask: Commanding, desk: Desk, command: dict[str, Any], words: str
) -> None:
    with pytest.raises(RtbciError) as refused:
        ask(command)
    assert words in str(refused.value)
    desk.tick()
    assert desk.recorder is not None
    assert desk.recorder.state == "recording"
    assert {worker.state for worker in desk.workers.values()} == {"live"}


def test_help_names_every_command_and_each_is_answered_by_somebody(ask: Commanding) -> None:
    assert list(ask({"do": "help"})["commands"]) == list(FIELDS)
    assert all(hasattr(ask, f"_{do}") for do in FIELDS)


def test_stop_and_status_are_answered_while_another_command_waits_for_the_disk(ask: Commanding, desk: Desk) -> None:
    with ask._turn:
        assert ask({"do": "status"}) == {"ok": True, "status": {"state": "live"}}
        assert ask({"do": "stop"}) == {"ok": True}
    assert desk.stopped


def test_a_marker_and_a_note_do_not_come_late_for_a_part_that_is_being_closed(ask: Commanding, desk: Desk) -> None:
    with ask._turn:  # as while another client has a slow disk close a part
        assert ask({"do": "mark", "label": "T1"})["marker"]["time"] == NOW
        assert ask({"do": "note", "text": "blinked"})["note"]["time"] == NOW
        assert ask({"do": "bad", "channel": "C1", "bad": True})["bads"] == ["C1"]
        assert ask({"do": "charge", "decoder": "two"})["next"] == "two"


def test_a_note_that_could_become_no_marker_says_so(ask: Commanding, desk: Desk) -> None:
    alive, desk.acquisition = desk.acquisition, None  # the decoders are still loading
    reply = ask({"do": "note", "text": "x", "marker": True})
    desk.acquisition = alive
    assert reply["note"]["text"] == "x"
    assert reply["warning"] == "it is no marker: nothing is being acquired"


def test_a_note_is_on_the_disk_when_it_is_answered_and_no_marker_unless_asked(ask: Commanding, desk: Desk) -> None:
    assert desk.folder is not None
    reply = ask({"do": "note", "text": "blinked, 50 µV"})
    (line,) = lines(desk.folder.notes)
    assert reply == {"ok": True, "note": line}
    assert (line["time"], line["text"]) == (NOW, "blinked, 50 µV")
    assert line["wall"].startswith("20")
    assert desk.markers() == []
    ask({"do": "note", "text": "T1", "marker": True})
    assert [note["text"] for note in lines(desk.folder.notes)] == ["blinked, 50 µV", "T1"]
    (marker,) = desk.markers()
    assert (marker["label"], marker["stream"], marker["time"]) == ("note: T1", "notes", NOW)  # and no cue "T1"


def test_a_note_that_the_disk_does_not_take_is_kept_said_and_written_later(ask: Commanding, desk: Desk) -> None:
    assert desk.folder is not None
    assert desk.annotations is not None
    desk.folder.notes.mkdir()  # nothing can be written there
    reply = ask({"do": "note", "text": "first"})
    assert reply["ok"] is True
    assert "notes.jsonl could not be written" in reply["warning"]
    assert [note["text"] for note in desk.annotations.as_json()["notes"]] == ["first"]
    desk.folder.notes.rmdir()
    assert "warning" not in ask({"do": "note", "text": "second"})
    assert [note["text"] for note in lines(desk.folder.notes)] == ["first", "second"]


def test_what_a_full_disk_did_not_take_is_written_as_soon_as_there_is_room(ask: Commanding, desk: Desk) -> None:
    assert desk.folder is not None
    assert desk.annotations is not None
    desk.folder.notes.mkdir()
    ask({"do": "note", "text": "the last one"})
    desk.annotations.catch_up()
    desk.folder.notes.rmdir()
    desk.annotations.catch_up()  # nobody notes anything more
    assert [note["text"] for note in lines(desk.folder.notes)] == ["the last one"]
    desk.annotations.catch_up()
    assert len(lines(desk.folder.notes)) == 1


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("caf\udce9", "caf\ufffd"),  # typed in Latin-1 on a UTF-8 system
        ("\ud83d", "\ufffd"),  # an emoji that was cut in two
        ("a\u2028b\x85c", "a\u2028b\x85c"),  # line ends to Unicode, and to str.splitlines
        ("a\nb\x00", "a\nb\x00"),
        ("\U0001f600 µV", "\U0001f600 µV"),
    ],
)
def test_odd_text_is_kept_on_one_line_and_spoils_no_later_note(
    ask: Commanding, desk: Desk, said: str, kept: str
) -> None:
    assert desk.folder is not None
    assert "warning" not in ask({"do": "note", "text": said, "marker": True})
    ask({"do": "mark", "label": said})
    ask({"do": "note", "text": "later"})
    assert [note["text"] for note in lines(desk.folder.notes)] == [kept, "later"]
    assert [marker["label"] for marker in desk.markers()] == [f"note: {kept}", kept]
    desk.folder.notes.read_text(encoding="utf-8").encode()
    desk.live.push(10)
    ask({"do": "record", "on": False})
    read = load(desk.folder.recording)
    assert read["notes"]["time_series"] == [[f"note: {kept}"]]
    assert read["experimenter"]["time_series"] == [[kept]]


def test_a_marker_may_bring_its_time_and_a_code(ask: Commanding, desk: Desk) -> None:
    assert ask({"do": "mark", "label": "T1"})["marker"] == {
        "time": NOW, "label": "T1", "code": None, "stream": "experimenter",
    }  # fmt: skip
    ask({"do": "mark", "label": "T2", "time": 998.25, "code": 7})
    assert [(m["time"], m["label"], m["code"]) for m in desk.markers()] == [(NOW, "T1", None), (998.25, "T2", 7)]


def test_a_bad_channel_is_kept_and_shown_and_can_be_good_again(ask: Commanding, desk: Desk) -> None:
    assert desk.folder is not None
    assert desk.annotations is not None
    reply = ask({"do": "bad", "channel": "C5", "bad": True})
    assert reply["bads"] == ["C5"]
    assert "what is decoded does not change" in reply["about"]
    ask({"do": "bad", "channel": "C1", "bad": True})
    assert sorted(desk.annotations.bads) == ["C1", "C5"]
    assert ask({"do": "bad", "channel": "C5", "bad": False})["bads"] == ["C1"]
    assert [(line["channel"], line["bad"]) for line in lines(desk.folder.bads)] == [
        ("C5", True), ("C1", True), ("C5", False),
    ]  # fmt: skip


def test_each_wish_to_the_window_has_a_number_and_leaves_the_rest_as_it_was(ask: Commanding) -> None:
    assert ask({"do": "display", "show": "images"})["display"] == {"number": 1, "show": "images"}
    assert ask({"do": "display", "seconds": 20, "decoder": "two"})["display"] == {
        "number": 2, "show": "images", "seconds": 20, "decoder": "two",
    }  # fmt: skip


def test_recording_stops_and_starts_in_a_new_file_each_time(ask: Commanding, desk: Desk) -> None:
    assert desk.folder is not None
    desk.live.push(500)
    off = ask({"do": "record", "on": False})
    assert (off["part"], off["path"], off["samples"]) == (1, str(desk.folder.recording), 500)
    with pytest.raises(RecordingError, match="nothing is being recorded"):
        ask({"do": "record", "on": False})
    on = ask({"do": "record", "on": True})
    assert on == {"ok": True, "part": 2, "path": str(desk.folder.path / "recording_2.xdf")}
    ask({"do": "record", "on": False})
    named = ask({"do": "record", "on": True, "name": "block 3/run-1"})
    assert named["path"] == str(desk.folder.path / "block 3" / "run-1.xdf")
    ask({"do": "record", "on": False})
    again = ask({"do": "record", "on": True, "name": "block 3/run-1.xdf"})
    assert again["path"] == str(desk.folder.path / "block 3" / "run-1_2.xdf")  # nothing is written over


@pytest.mark.parametrize("name", ["", "/etc/x.xdf", "../x.xdf", "a/../../x", "C:\\x.xdf", "a\nb.xdf", "..", "a/.."])
def test_a_part_goes_nowhere_but_into_the_session_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="is no file name within the session folder"):
        recording_name(name)


def test_decoders_are_halted_and_go_on_in_the_main_loop_and_that_is_no_restart(ask: Commanding, desk: Desk) -> None:
    assert ask({"do": "decode", "on": False, "decoder": "one"}) == {"ok": True, "decoders": ["one"]}
    assert desk.workers["one"].state == "live"  # only the main loop touches processes
    desk.tick()
    assert {name: worker.state for name, worker in desk.workers.items()} == {"one": "stopped", "two": "live"}
    desk.workers["one"].watch()
    assert (desk.workers["one"].state, desk.workers["one"].restarts) == ("stopped", 0)
    with pytest.raises(ConfigError, match="decoder one is stopped already"):
        ask({"do": "decode", "on": False, "decoder": "one"})
    with pytest.raises(ConfigError, match=r"decoder one is stopped; \{\"do\": \"decode\", \"on\": true\} starts it"):
        ask({"do": "restart", "decoder": "one"})
    assert ask({"do": "decode", "on": False}) == {"ok": True, "decoders": ["two"]}  # the one that is not stopped yet
    assert ask({"do": "decode", "on": True, "decoder": "one"}) == {"ok": True, "decoders": ["one"]}


def test_a_script_that_stops_decoding_and_starts_it_at_once_is_not_left_without(ask: Commanding, desk: Desk) -> None:
    """The main loop comes to processes some 50 ms later; what was asked for last counts, not what it has come to."""
    assert ask({"do": "decode", "on": False})["decoders"] == ["one", "two"]
    with pytest.raises(ConfigError, match="all decoders are stopped already"):
        ask({"do": "decode", "on": False})
    with pytest.raises(ConfigError, match="decoder one is stopped"):
        ask({"do": "restart", "decoder": "one"})
    started = []
    for name, worker in desk.workers.items():
        worker.start = partial(started.append, name)  # type: ignore[method-assign]
    assert ask({"do": "decode", "on": True})["decoders"] == ["one", "two"]
    desk.tick()
    assert sorted(started) == ["one", "two"]
    with pytest.raises(ConfigError, match="all decoders are decoding already"):
        ask({"do": "decode", "on": True})


def test_decoders_that_share_a_worker_stop_together_and_are_all_named(ask: Commanding, desk: Desk) -> None:
    shared = WorkerProcess(list(desk.experiment.decoders), desk.live.run, desk.live.folder.path)
    shared.state = "live"
    desk.workers = {"one": shared, "two": shared}
    assert ask({"do": "decode", "on": False, "decoder": "two"}) == {"ok": True, "decoders": ["one", "two"]}
    desk.tick()
    assert shared.state == "stopped"


def test_another_decoder_is_asked_to_take_over_and_waits(ask: Commanding, desk: Desk) -> None:
    assert ask({"do": "charge", "decoder": "two"}) == {"ok": True, "decoder": "one", "next": "two"}
    assert ask({"do": "charge", "decoder": "one"}) == {"ok": True, "decoder": "one", "next": None}


def test_what_is_played_is_asked_of_the_source(ask: Commanding, desk: Desk) -> None:
    asked = []

    def command(wish: dict[str, Any]) -> dict[str, Any]:
        asked.append(wish)
        return {"ok": True, "position": 3.0}

    desk.source.command = command  # type: ignore[attr-defined]
    assert ask({"do": "play", "seek": 3.0, "loop": [1, 2]}) == {"ok": True, "position": 3.0}
    assert asked == [{"seek": 3.0, "loop": [1, 2]}]


def test_before_there_is_a_stream_it_is_said_what_to_wait_for(ask: Commanding, desk: Desk) -> None:
    desk.folder = desk.annotations = desk.recorder = None
    alive, desk.acquisition = desk.acquisition, None
    for command, words in (
        ({"do": "note", "text": "x"}, "no folder yet"),
        ({"do": "mark", "label": "x"}, "mark again when samples flow"),
        ({"do": "record", "on": False}, "still starting"),
    ):
        with pytest.raises(RecordingError, match=words):
            ask(command)
    desk.acquisition = alive


def test_a_misspelt_key_is_no_wish_that_nobody_hears() -> None:
    assert check({"do": "record", "on": True}) == "record"
    with pytest.raises(ConfigError, match=r'record does not know "On"; it takes "on", "name"'):
        check({"do": "record", "On": True})
