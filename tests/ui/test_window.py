"""The window over a run folder that a session has filled: what an experimenter sees when things go right and wrong."""

import json
import os
import shutil
import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDockWidget, QInputDialog, QLabel, QMessageBox, QPushButton, QTabBar

from rtbci.errors import RecordingError
from rtbci_ui import asking, theme
from rtbci_ui.banner import Banner, Level
from rtbci_ui.docks import PANELS
from rtbci_ui.preferences import Preferences
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

    def __init__(self, qtbot, path, at=None):
        self.time = time.monotonic() if at is None else at
        self.defects = False  # whether a panel that fails is what is tested
        self.run = Run(path, lambda: self.time)
        self.sent = Sent()
        self.preferences = Preferences(path.parent / "rtbci.ini")
        self.window = MainWindow(self.run, self.sent, self.preferences)
        self.window.asks = False
        self.window._timer.stop()
        qtbot.addWidget(self.window)
        self.window.show()
        QApplication.processEvents()  # the panels get their places

    def look(self, after=0.11):
        self.time += after
        self.window._status_due = self.window.panels["traces"]._due = 0.0
        self.window.tick()
        assert self.defects or not self.window._defects
        QApplication.processEvents()  # what has appeared gets its place

    @property
    def traces(self):
        return self.window.panels["traces"].view

    @property
    def cards(self):
        return self.window.panels["decisions"].cards


@pytest.fixture
def seen(qtbot, fake):
    fake.fill(12.0)
    return Seen(qtbot, fake.run.path, fake.began + 12.0)


def test_a_live_session_is_shown_whole(seen, fake):
    seen.look()
    window = seen.window
    assert seen.traces is not None
    assert not window.banner.isVisible(), window.banner.headline.text()
    assert window.header.name.text() == "fists or feet"
    assert "live" in window.header.state.text()
    assert window.header.recording.text() == "● REC"
    assert seen.cards["riemann"].verdict() in (*CLASSES, "abstains")
    assert len(window.run.feeds["riemann"].times) == fake.decisions["riemann"].count
    assert window.panels["health"].age._bars.opts["height"].sum() == fake.decisions["riemann"].count
    assert [name for name in window.panels if window.docks.in_sight(name)] == ["traces", "decisions", "health"]


def test_the_window_may_open_before_there_is_anything(qtbot, tmp_path):
    (tmp_path / "run").mkdir()
    seen = Seen(qtbot, tmp_path / "run")
    seen.look()
    assert seen.window.panels["traces"].waiting.isVisible()
    assert seen.window.banner.headline.text() == "Waiting for the session"
    (tmp_path / "run" / "status.json").write_text(json.dumps({"state": "connecting", "monotonic": seen.time + 0.1}))
    seen.look()
    assert seen.window.banner.headline.text() == "Waiting for the stream…"
    assert seen.traces is None


def test_views_appear_as_the_session_makes_what_they_look_at(qtbot, tmp_path):
    fake = FakeSession(tmp_path / "run", decoders=())
    fake.fill(3.0)
    seen = Seen(qtbot, fake.run.path)
    seen.look()
    assert seen.traces is not None
    assert not seen.cards
    from rtbci.runfolder import DecisionRing

    fake.decisions["csp"] = DecisionRing.create(fake.run.decisions("csp"), CLASSES, 0.1, 2.0)
    fake.write_status(3.0)
    seen.look()
    assert list(seen.cards) == ["csp"]
    assert seen.cards["csp"].verdict() == "waiting…"
    fake.decide("csp", 3.0, 2.0)
    seen.look(0.01)
    assert seen.cards["csp"].verdict() == "fists"
    fake.close()


def test_a_ring_that_is_still_being_made_is_waited_for(qtbot, fake, tmp_path):
    whole = fake.run.raw.rename(tmp_path / "whole.ring")
    fake.run.raw.write_bytes(b"")
    fake.write_status(0.0)
    seen = Seen(qtbot, fake.run.path)
    seen.look()
    assert seen.traces is None
    whole.replace(fake.run.raw)
    seen.look()
    assert seen.traces is not None


def test_a_lost_stream_is_said_at_the_top_and_the_traces_run_empty(seen, fake):
    seen.look()
    fake.state = "lost"
    fake.write_status(12.0)
    head, width = seen.traces.picture.head, seen.traces.width()
    seen.time = time.monotonic() + 0.9
    seen.look(0.0)
    assert seen.window.banner.isVisible()
    assert seen.window.banner.headline.text().startswith("Stream “BioSemi-64” lost")
    assert seen.traces.picture.head > head
    assert seen.cards["riemann"].verdict() == "STALE"
    assert seen.traces.width() == width  # words that come and go do not move the traces


def test_numbers_of_a_silent_session_are_grey_with_their_age(seen):
    seen.look()
    seen.look(3.0)
    assert "does not answer" in seen.window.banner.headline.text()  # the process is this one: alive
    assert "s old)" in seen.window.header.state.text()
    assert not any(button.isEnabled() for button in seen.window.header.buttons)
    assert "no word from the session for 3" in seen.traces.stale_text
    assert "STALE" in seen.window.panels["health"].age.state.text()


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_a_run_folder_that_goes_away_leaves_what_was_known(seen, fake):
    seen.look()
    shutil.rmtree(fake.run.path)
    seen.look()
    assert "run folder is gone" in seen.window.banner.headline.text()
    assert seen.traces is not None


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
    assert seen.cards["riemann"].verdict() in (*CLASSES, "abstains")


def test_a_full_disk_is_loud(seen, fake):
    fake.recording.update(state="stopped", problem="No space left on device")
    fake.write_status(12.0)
    seen.look()
    assert "No space left on device" in seen.window.banner.headline.text()
    assert seen.window.header.recording.text() == "■ NOT RECORDING"


def test_a_recording_that_was_stopped_by_hand_is_said_and_can_be_started(seen, fake, qtbot):
    fake.recording.update(state="off", problem=None)
    fake.write_status(12.0)
    seen.look()
    assert seen.window.header.record.text() == "Start recording"
    seen.window.toggle_recording()
    qtbot.waitUntil(lambda: seen.sent == [{"do": "record", "on": True}])


def test_a_decoder_in_trouble_says_why(seen, fake):
    fake.trouble["riemann"] = {"state": "waiting", "restarts": 2, "problem": "took 4.1 s for a window; 1 s is allowed"}
    fake.write_status(12.0)
    seen.look()
    assert "took 4.1 s" in seen.window.banner.detail.text()
    assert "took 4.1 s" in seen.cards["riemann"].toolTip()


def test_a_warning_hides_no_alarm(seen, fake, monkeypatch):
    fake.trouble["riemann"] = {"state": "waiting", "restarts": 2, "problem": "took 4.1 s for a window; 1 s is allowed"}
    fake.write_status(12.0)
    full = Banner(Level.ALARM, "Disk: 50.0 MB left")
    monkeypatch.setattr(seen.window.panels["health"].health, "banner", lambda: full)
    seen.look()
    assert seen.window.banner.headline.text() == "Disk: 50.0 MB left"


def test_keys_reach_the_traces_wherever_the_focus_is(seen, qtbot):
    seen.look()
    window, traces = seen.window, seen.traces
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
    qtbot.keyClick(window, Qt.Key.Key_Escape)
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
@pytest.mark.parametrize("name", theme.THEMES)
def test_nothing_is_cut_off(qtbot, fake, qapp, size, name):
    theme.apply(qapp, name)
    fake.fill(12.0)
    fake.state = "lost"
    fake.write_status(12.0)
    seen = Seen(qtbot, fake.run.path)
    seen.window.resize(*size)
    for kind in PANELS:
        seen.window.docks.reveal(kind.name)
        fake.write_status(12.0)
        seen.time = time.monotonic()
        for _ in range(3):
            seen.look(0.01)
            qapp.processEvents()
        assert (seen.window.width(), seen.window.height()) == size
        for label in (*seen.window.findChildren(QLabel), *seen.window.findChildren(QPushButton)):
            if label.isVisible() and label.text() and not getattr(label, "wordWrap", lambda: False)():
                if label.visibleRegion().isEmpty():
                    continue
                assert label.width() >= label.minimumSizeHint().width(), (kind.name, label.text())
                assert label.height() >= label.minimumSizeHint().height() - 1, (kind.name, label.text())
        corner = seen.window.panels[kind.name].mapTo(seen.window, seen.window.panels[kind.name].rect().bottomRight())
        assert seen.window.rect().contains(corner), kind.name


def test_the_window_fits_on_a_small_screen(seen, qapp):
    for kind in PANELS:
        seen.window.docks.reveal(kind.name)
        seen.look()
        qapp.processEvents()
        least = seen.window.minimumSize().expandedTo(seen.window.minimumSizeHint())
        assert least.width() <= 1024, kind.name
        assert least.height() <= 700, kind.name  # of 768, less the desktop's bars and the window's title


def test_several_decoders_are_chosen_between(qtbot, tmp_path):
    fake = FakeSession(tmp_path / "run", decoders=("riemann", "csp"))
    fake.fill(5.0)
    seen = Seen(qtbot, fake.run.path)
    seen.look()
    assert seen.window.selected == "riemann"
    seen.window.next_decoder()
    seen.look()
    assert seen.window.selected == "csp"
    assert seen.window.panels["decisions"].selected == "csp"
    assert seen.window.panels["health"].chooser.currentText() == "csp"
    seen.window.take_charge()
    qtbot.waitUntil(lambda: seen.sent == [{"do": "charge", "decoder": "csp"}])
    fake.close()


def test_the_timer_looks_by_itself(qtbot, fake):
    fake.fill(4.0)
    run = Run(fake.run.path)
    window = MainWindow(run)
    window.asks = False
    qtbot.addWidget(window)
    window.show()
    qtbot.waitUntil(lambda: window.panels["traces"].view is not None and window.panels["traces"].view.picture.head > 0)
    head = window.panels["traces"].view.picture.head
    fake.play_until(6.0)
    qtbot.waitUntil(lambda: window.panels["traces"].view.picture.head > head)
    assert len(window.frames) > 1


def test_closing_while_it_records_asks_what_shall_become_of_the_session(seen, fake, qtbot, monkeypatch):
    seen.look()
    seen.window.asks = True
    answers = [asking.STAY, asking.STOP]
    monkeypatch.setattr(asking, "whether_to_close", lambda *_: answers.pop(0))
    seen.window.close()
    assert seen.window.isVisible()
    assert seen.sent == []
    seen.window.close()
    assert not seen.window.isVisible()
    assert seen.sent == [{"do": "stop"}]
    assert answers == []


def test_closing_does_not_ask_where_nothing_is_recorded(seen, fake, monkeypatch):
    fake.recording.update(state="off")
    fake.write_status(12.0)
    seen.look()
    seen.window.asks = True
    monkeypatch.setattr(asking, "whether_to_close", lambda *_: pytest.fail("it asked"))
    seen.window.close()
    assert not seen.window.isVisible()


def test_a_stop_that_fails_keeps_the_window(seen, monkeypatch):
    seen.look()
    seen.window.asks = True

    def fails(*_):
        raise RecordingError("no session answers; it has ended")

    seen.window.commands._how = fails
    monkeypatch.setattr(asking, "whether_to_close", lambda *_: asking.STOP)
    seen.window.close()
    assert seen.window.isVisible()
    assert "no session answers" in seen.window.note.text()
    seen.window.asks = False


def test_what_the_dialog_says_before_closing(seen, nobody_is_asked, monkeypatch):
    seen.look()
    seen_texts = []

    def answer(box):
        seen_texts.append((box.text(), [button.text() for button in box.buttons()]))
        return 0

    monkeypatch.setattr(QMessageBox, "exec", answer)
    assert nobody_is_asked(seen.window, seen.run.status) == asking.STAY
    text, buttons = seen_texts[0]
    assert text == "The session is recording."
    assert any("session goes on" in button for button in buttons)


def test_a_panel_that_fails_is_told_of_and_stops_no_other_one(seen, fake, monkeypatch):
    seen.look()
    looked = []
    health = seen.window.panels["health"]
    really = health.refresh
    monkeypatch.setattr(health, "refresh", lambda: (looked.append(True), really()))
    monkeypatch.setattr(seen.window.panels["traces"], "refresh", lambda: 1 / 0)
    seen.defects = True
    seen.look(20.0)
    seen.look()
    assert looked
    assert "traces: what is shown is old" in seen.window.note.text()
    assert "division by zero" in seen.window.note.text()
    monkeypatch.delattr(seen.window.panels["traces"], "refresh")  # the class's own
    seen.look()  # it can look again
    seen.look()
    assert seen.window.note.text() == "H shows the shortcuts"


def test_the_layout_is_remembered(qtbot, fake, qapp):
    fake.fill(2.0)
    first = Seen(qtbot, fake.run.path)
    first.look()
    first.window.docks.spread()
    first.window.panels["traces"].sweep()
    first.window.panels["traces"].longer()
    qapp.processEvents()
    shown = {name for name in first.window.panels if first.window.docks.in_sight(name)}
    assert {"traces", "signal", "images", "decisions", "health", "log"} <= shown
    first.window.close()
    again = Seen(qtbot, fake.run.path)
    again.look()
    assert again.traces.sweep
    assert again.traces.seconds == 20.0
    assert {name for name in again.window.panels if again.window.docks.in_sight(name)} == shown
    again.window.reset_layout()
    qapp.processEvents()
    assert not again.window.docks.in_sight("signal")
    assert again.window.docks.in_sight("traces")


def test_the_theme_changes_while_a_session_runs_and_is_remembered(seen, qapp, fake):
    seen.look()
    seen.window.docks.reveal("signal")
    dark = seen.window.grab().toImage().pixelColor(900, 60).lightness()
    seen.window.switch_theme()
    qapp.processEvents()
    seen.look()
    assert theme.name == "light"
    assert seen.window.grab().toImage().pixelColor(900, 60).lightness() > dark + 100
    assert seen.window.docks.in_sight("signal")
    assert seen.preferences.theme == "light"
    assert seen.cards["riemann"].verdict() in (*CLASSES, "abstains")
    seen.window.switch_theme()
    assert theme.name == "dark"


def tab_bars(window):
    return [bar for bar in window.docks.findChildren(QTabBar, options=Qt.FindDirectChildrenOnly) if bar.isVisible()]


def test_no_tabs_are_left_over_where_panels_were(seen, qapp):
    window = seen.window
    for change in (
        window.spread_layout,
        window.reset_layout,
        window.switch_theme,
        window.spread_layout,
        window.switch_theme,
    ):
        change()
        for _ in range(4):
            seen.look(0.01)
        shown = [[bar.tabText(k) for k in range(bar.count())] for bar in tab_bars(window)]
        names = [name for texts in shown for name in texts]
        assert len(names) == len(set(names)), shown
        for bar in tab_bars(window):
            below = bar.geometry().bottom()
            assert any(abs(dock.geometry().top() - below) <= 4 for dock in window.docks.findChildren(QDockWidget))


def test_a_program_changes_what_is_shown_once(seen, fake):
    seen.look()
    fake.display = {"number": 1, "show": "signal", "seconds": 5.0}
    fake.write_status(12.0)
    seen.look()
    assert seen.window.docks.in_sight("signal")
    assert seen.window.panels["traces"].view.seconds == 5.0
    seen.window.docks.reveal("traces")
    seen.look()
    assert seen.window.docks.in_sight("traces")  # the person's wish stands


def test_a_panel_that_is_out_of_sight_is_not_asked_to_look(seen, monkeypatch):
    seen.look()
    looked = []
    monkeypatch.setattr(type(seen.window.panels["signal"]), "refresh", lambda self: looked.append(self))
    seen.look()
    assert looked == []
    seen.window.docks.reveal("signal")
    seen.look()
    assert looked == [seen.window.panels["signal"]]


def test_every_shortcut_is_something_that_exists_and_no_key_is_taken_twice(seen):
    keys = []
    for shortcut in seen.window.shortcuts:
        window = seen.window
        owner = {"": window, "playback": window.playback}.get(shortcut.panel) or window.panels[shortcut.panel]
        assert callable(getattr(owner, shortcut.name)), shortcut
        keys += shortcut.keys
    assert len(keys) == len(set(keys)), sorted(key for key in keys if keys.count(key) > 1)


def test_keys_change_what_is_in_front(seen, qtbot):
    seen.look()
    window = seen.window
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert window.docks.in_sight("signal")
    qtbot.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.docks.in_sight("traces")
    qtbot.keyClick(window, Qt.Key.Key_6, Qt.KeyboardModifier.ControlModifier)
    assert window.docks.in_sight("log")
