"""The window over a run folder that a session has filled: what an experimenter sees when things go right and wrong."""

import json
import os
import shutil
import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog, QLabel, QMessageBox

from rtbci.errors import RecordingError
from rtbci_ui.run import Run
from rtbci_ui.window import MainWindow
from tests.ui.fake_session import CLASSES, FakeSession

pytestmark = pytest.mark.usefixtures("dark")


class Sent(list):
    """Stands for the session's control socket, and remembers what was asked."""

    def __call__(self, run, message):
        self.append(message)
        if message["do"] == "restart":
            raise RecordingError("no session answers; it has ended")
        return {"ok": True}


class Seen:
    """A window with its clock in the test's hands: it looks when it is told to."""

    def __init__(self, qtbot, path):
        self.time = time.monotonic()
        self.run = Run(path, lambda: self.time)
        self.sent = Sent()
        self.window = MainWindow(self.run, self.sent)
        self.window._timer.stop()
        qtbot.addWidget(self.window)
        self.window.show()

    def look(self, after=0.11):
        self.time += after
        self.window._due = dict.fromkeys(self.window._due, 0.0)
        self.window.tick()


@pytest.fixture
def seen(qtbot, fake):
    fake.fill(12.0)
    return Seen(qtbot, fake.run.path)


def test_a_live_session_is_shown_whole(seen, fake):
    seen.look()
    window = seen.window
    assert window.traces is not None
    assert window.stage.currentWidget() is window.traces
    assert window.banner.isVisible() is False
    assert window.header.name.text() == "fists or feet"
    assert "live" in window.header.state.text()
    assert window.header.recording.text() == "● REC"
    assert window.cards["riemann"].verdict() in (*CLASSES, "abstains")
    shown = window.state.texts()
    assert "BioSemi-64 (EEG)" in shown
    assert "3 000" in shown
    assert len(window.run.feeds["riemann"].times) == fake.decisions["riemann"].count
    assert window.minute._curves
    assert window.age._bars.opts["height"].sum() == fake.decisions["riemann"].count


def test_the_window_may_open_before_there_is_anything(qtbot, tmp_path):
    (tmp_path / "run").mkdir()
    seen = Seen(qtbot, tmp_path / "run")
    seen.look()
    assert seen.window.waiting.text() == "waiting for the session…"
    assert seen.window.banner.headline.text() == "Waiting for the session"
    (tmp_path / "run" / "status.json").write_text(json.dumps({"state": "connecting", "monotonic": seen.time + 0.1}))
    seen.look()
    assert seen.window.waiting.text() == "waiting for the stream…"
    assert seen.window.traces is None


def test_views_appear_as_the_session_makes_what_they_look_at(qtbot, tmp_path):
    fake = FakeSession(tmp_path / "run", decoders=())
    fake.fill(3.0)
    seen = Seen(qtbot, fake.run.path)
    seen.look()
    assert seen.window.traces is not None
    assert not seen.window.cards
    from rtbci.runfolder import DecisionRing

    fake.decisions["csp"] = DecisionRing.create(fake.run.decisions("csp"), CLASSES, 0.1, 2.0)
    fake.write_status(3.0)
    seen.look()
    assert list(seen.window.cards) == ["csp"]
    assert seen.window.cards["csp"].verdict() == "waiting…"
    fake.decide("csp", 3.0, 2.0)
    seen.look(0.01)
    assert seen.window.cards["csp"].verdict() == "fists"
    fake.close()


def test_a_ring_that_is_still_being_made_is_waited_for(qtbot, fake, tmp_path):
    whole = fake.run.raw.rename(tmp_path / "whole.ring")
    fake.run.raw.write_bytes(b"")
    fake.write_status(0.0)
    seen = Seen(qtbot, fake.run.path)
    seen.look()
    assert seen.window.traces is None
    whole.replace(fake.run.raw)
    seen.look()
    assert seen.window.traces is not None


def test_a_lost_stream_is_said_at_the_top_and_the_traces_run_empty(seen, fake):
    seen.look()
    fake.state = "lost"
    fake.write_status(12.0)
    head, width = seen.window.traces.picture.head, seen.window.traces.width()
    seen.time = time.monotonic() + 0.9
    seen.look(0.0)
    assert seen.window.banner.isVisible()
    assert seen.window.banner.headline.text().startswith("Stream “BioSemi-64” lost")
    assert seen.window.traces.picture.head > head
    assert seen.window.cards["riemann"].verdict() == "STALE"
    assert seen.window.traces.width() == width  # words that come and go do not move the traces


def test_numbers_of_a_silent_session_are_grey_with_their_age(seen):
    seen.look()
    seen.look(3.0)
    assert "does not answer" in seen.window.banner.headline.text()  # the process is this one: alive
    assert all("s old)" in text for text in seen.window.state.texts())
    assert all("s old)" in text for text in seen.window.decoder_state.texts())
    assert "s old)" in seen.window.header.state.text()
    assert not seen.window.header.stop.isEnabled()
    assert "no word from the session for 3" in seen.window.traces.stale_text
    assert "STALE" in seen.window.age.state.text()


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_a_run_folder_that_goes_away_leaves_what_was_known(seen, fake):
    seen.look()
    shutil.rmtree(fake.run.path)
    seen.look()
    assert "run folder is gone" in seen.window.banner.headline.text()
    assert seen.window.traces is not None


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_a_session_that_ended_well_is_believed_from_its_session_folder(seen, fake, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    fake.session = kept
    fake.write_status(12.0)
    seen.look()
    (kept / "session.json").write_text('{"state": "ended"}')
    shutil.rmtree(fake.run.path)
    seen.look()
    assert seen.window.banner.headline.text() == "The session has ended"
    assert seen.window.cards["riemann"].verdict() in (*CLASSES, "abstains")


def test_a_full_disk_is_loud(seen, fake):
    fake.recording.update(state="stopped", problem="No space left on device")
    fake.write_status(12.0)
    seen.look()
    assert "No space left on device" in seen.window.banner.headline.text()
    assert seen.window.header.recording.text() == "■ NOT RECORDING"


def test_a_decoder_in_trouble_says_why(seen, fake):
    fake.trouble["riemann"] = {"state": "waiting", "restarts": 2, "problem": "took 4.1 s for a window; 1 s is allowed"}
    fake.write_status(12.0)
    seen.look()
    assert "took 4.1 s" in seen.window.banner.detail.text()
    assert any("took 4.1 s" in text for text in seen.window.decoder_state.texts())


def test_a_decoder_says_what_it_runs_on_and_that_it_lost_its_gpu(seen, fake):
    lost = "net: cuda:0 is gone (CUDA error: device unavailable); goes on on the CPU"
    fake.trouble["riemann"] = {
        "state": "live",
        "restarts": 1,
        "problem": lost,
        "device": "cpu (AVX512, torch 2.13.0), 1 thread",
    }
    fake.write_status(12.0)
    seen.look()
    texts = seen.window.decoder_state.texts()
    assert "cpu (AVX512, torch 2.13.0), 1 thread" in texts
    assert any("goes on on the CPU" in text for text in texts)
    assert seen.window.cards["riemann"].toolTip() == lost  # also where another decoder is chosen


def test_keys_reach_the_traces_wherever_the_focus_is(seen, qtbot):
    seen.look()
    window, traces = seen.window, seen.window.traces
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.header.mark.setFocus()
    before = dict(traces.lane_units)
    qtbot.keyClick(window, Qt.Key.Key_Plus)
    assert traces.lane_units["eeg"] < before["eeg"]
    qtbot.keyClick(window, Qt.Key.Key_BracketLeft)
    assert traces.seconds == 5.0
    qtbot.keyClick(window, Qt.Key.Key_Space)
    assert traces.frozen
    qtbot.keyClick(window, Qt.Key.Key_H)
    assert window.help_view.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_H)
    assert not window.help_view.isVisible()


def test_stopping_asks_and_closing_does_not_stop(seen, qtbot, monkeypatch, capsys):
    seen.look()
    answers = [QMessageBox.StandardButton.Cancel, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answers.pop(0))
    seen.window.stop_session()
    assert seen.sent == []
    seen.window.stop_session()
    qtbot.waitUntil(lambda: seen.sent == [{"do": "stop"}])
    seen.window.close()
    assert seen.sent == [{"do": "stop"}]
    assert "the session goes on" in capsys.readouterr().out


def test_a_mark_goes_to_the_session_and_a_refusal_is_shown(seen, qtbot, monkeypatch):
    seen.look()
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: (" eyes closed ", True))
    seen.window.mark()
    qtbot.waitUntil(lambda: seen.sent == [{"do": "mark", "label": "eyes closed"}])

    def told(word):
        seen.look(0.0)
        return word in seen.window.note.text()

    qtbot.waitUntil(lambda: told("mark “eyes closed”: done"))
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    seen.window.restart_decoder()
    qtbot.waitUntil(lambda: told("restart riemann: no session answers"))


def test_a_screenshot_lies_beside_the_session(seen, fake):
    seen.look()
    seen.window.screenshot()
    found = list(fake.session.parent.glob("*.png"))
    assert len(found) == 1
    assert found[0].read_bytes().startswith(b"\x89PNG")
    assert found[0].name.startswith(fake.session.name)


@pytest.mark.parametrize("size", [(1600, 900), (1280, 720)])
def test_nothing_is_cut_off(seen, fake, qapp, size):
    fake.state = "lost"
    fake.write_status(12.0)
    seen.window.resize(*size)
    seen.look()
    qapp.processEvents()
    seen.look()
    assert (seen.window.width(), seen.window.height()) == size
    for label in seen.window.findChildren(QLabel):
        if label.isVisible() and label.text() and not label.wordWrap():
            assert label.width() >= label.minimumSizeHint().width(), label.text()
            assert label.height() >= label.minimumSizeHint().height() - 1, label.text()
    for view in (seen.window.traces, seen.window.minute, seen.window.age, seen.window.state, seen.window.decoder_state):
        corner = view.mapTo(seen.window, view.rect().bottomRight())
        assert seen.window.rect().contains(corner)
        assert view.height() >= view.minimumHeight()


def test_several_decoders_are_chosen_between(qtbot, tmp_path):
    fake = FakeSession(tmp_path / "run", decoders=("riemann", "csp"))
    fake.fill(5.0)
    seen = Seen(qtbot, fake.run.path)
    seen.look()
    assert seen.window.selected == "riemann"
    seen.window.next_decoder()
    seen.look()
    assert seen.window.selected == "csp"
    assert seen.window.minute._feed is seen.run.feeds["csp"]
    assert "csp" in seen.window.age_title.text()
    fake.close()


def test_the_timer_looks_by_itself(qtbot, fake):
    fake.fill(4.0)
    run = Run(fake.run.path)
    window = MainWindow(run)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitUntil(lambda: window.traces is not None and window.traces.picture.head > 0)
    head = window.traces.picture.head
    fake.play_until(6.0)
    qtbot.waitUntil(lambda: window.traces.picture.head > head)
