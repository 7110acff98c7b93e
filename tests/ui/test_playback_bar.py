"""The bar of a replay: what it shows of the session's words, and what it asks for by mouse and key."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage

from rtbci.runfolder import read_json, replace_json
from rtbci.sources.fault_kinds import kind_of, read_value
from rtbci.sources.play_orders import read_order
from rtbci_ui import theme
from rtbci_ui.playback.bar import PlaybackBar
from rtbci_ui.run import Run
from rtbci_ui.shortcuts import SHORTCUTS
from tests.ui.test_playback import PLAYED

pytestmark = pytest.mark.usefixtures("dark")
MARKERS = [[2.5 + 10.0 * k, "T1" if k % 2 else "T2"] for k in range(20)]


class Bar:
    """A bar over a session's folder, whose words are set by hand; what it asks is kept."""

    def __init__(self, qtbot, fake):
        self.fake = fake
        fake.fill(3.0)
        self.clock = 0.0
        self.run = Run(fake.run.path, lambda: self.clock)
        self.bar = PlaybackBar(self.run)
        qtbot.addWidget(self.bar)
        self.asked = []
        self.bar.asked.connect(lambda text, order: self.asked.append((text, order)))
        replace_json(fake.run.playback, {"recording": "/data/S001R14.edf", "duration": 303.0, "markers": MARKERS})

    def say(self, state="live", **fields):
        status = read_json(self.fake.run.status)
        status["playback"] = {**PLAYED, **fields} if fields.get("playback", True) is not None else None
        status["state"], status["clock_rate"] = state, fields.get("speed") or 1.0
        replace_json(self.fake.run.status, status)
        self.clock += 1.0
        self.run.refresh()
        self.bar.refresh()

    def take(self):
        taken, self.asked = self.asked, []
        for _, order in taken:
            assert order["do"] == "play"
            if order["action"] == "fault":  # the session understands every one of them
                assert read_value(kind_of(order["name"]), order["value"]) is not None
            else:
                read_order(order)
        return taken


@pytest.fixture
def bar(qtbot, fake):
    made = Bar(qtbot, fake)
    made.bar.resize(1200, made.bar.sizeHint().height())
    return made


def pixels(widget):
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.bytesPerLine() // 4)
    return rows[:, : image.width()].copy()


class TestShowing:
    def test_it_is_there_only_where_something_is_played(self, bar):
        bar.run.refresh()
        bar.bar.refresh()
        assert bar.bar.isHidden()
        bar.say()
        assert not bar.bar.isHidden()
        assert bar.bar.title.text() == "REPLAY of S001R14.edf – not live"
        assert bar.bar.title.toolTip() == "/data/S001R14.edf"
        bar.say(playback=None)
        assert bar.bar.isHidden()

    def test_place_speed_loop_and_faults_are_said(self, bar):
        bar.say()
        assert bar.bar.place.text() == "1:23.5 / 5:03"
        assert bar.bar.play.text() == "Pause"
        assert [factor for factor, button in bar.bar.speeds.items() if button.isChecked()] == [2.0]
        assert bar.bar.loop.text() == "Loop 1:00–2:00 ×"
        assert bar.bar.wrong.text() == "1 fault on…"
        bar.say(paused=True, speed=3.0, loop=None, faults={})
        assert (bar.bar.play.text(), bar.bar.speed.text()) == ("Play", "paused")
        assert not any(button.isChecked() for button in bar.bar.speeds.values())
        assert (bar.bar.loop.text(), bar.bar.wrong.text()) == ("Loop from here", "Faults…")

    def test_why_accuracies_flatter_is_said_where_they_do(self, bar):
        bar.say()
        bar.bar.show()
        assert not bar.bar.note.isVisible()
        bar.say(notes=["riemann: was trained on this very recording"])
        assert bar.bar.note.isVisible()
        assert bar.bar.note.text() == "riemann: was trained on this very recording"

    def test_a_session_that_has_ended_takes_no_orders(self, bar):
        bar.say(state="ended")
        assert not bar.bar.play.isEnabled()
        assert not bar.bar.wrong.isEnabled()
        assert not bar.bar.timeline.isEnabled()
        bar.bar.toggle_loop()
        assert not bar.bar.play.isEnabled()

    def test_a_live_stream_with_faults_cannot_be_played(self, bar):
        bar.say(recording=None, position=None, duration=None, loop=None)
        bar.bar.show()
        assert not bar.bar.timeline.isVisible() and not bar.bar.play.isVisible()
        bar.bar.toggle()
        bar.bar.jump_back()
        bar.bar.toggle_loop()
        assert bar.take() == []
        assert bar.bar.wrong.isEnabled()

    def test_nothing_is_cut_off_at_the_smallest_width(self, bar):
        bar.say(recording=f"/data/{'x' * 80}.edf", speed=None, paused=True, ended=True, position=302.9)
        assert bar.bar.minimumSizeHint().width() <= 1200

    @pytest.mark.parametrize("wanted", theme.THEMES)
    def test_the_line_is_filled_up_to_the_place_in_both_themes(self, qapp, qtbot, fake, wanted):
        try:
            theme.apply(qapp, wanted)
            made = Bar(qtbot, fake)
            made.bar.resize(1200, 70)
            filled = []
            for position in (75.75, 227.25):
                made.say(position=position, loop=None)
                made.bar.show()
                line = pixels(made.bar.timeline)
                filled.append(int((line[line.shape[0] // 2] == theme.pixel(theme.ACCENT)).sum()))
            wide = made.bar.timeline.width() - 16
            assert filled[0] == pytest.approx(wide * 0.25, abs=12)
            assert filled[1] == pytest.approx(wide * 0.75, abs=12)
            ticks = (pixels(made.bar.timeline)[4] == theme.pixel(theme.MARKER)).sum()
            assert ticks == len(MARKERS)
        finally:
            theme.apply(qapp, "dark")

    def test_it_costs_nothing_where_nothing_is_new(self, bar, monkeypatch):
        bar.say()
        monkeypatch.setattr(bar.bar, "_show", lambda *args, **more: pytest.fail("shown again"))
        for _ in range(100):
            bar.bar.refresh()


class TestAsking:
    def test_every_button_and_method_asks_what_the_session_understands(self, bar):
        bar.say()
        for name in (
            "toggle",
            "step",
            "jump_back",
            "jump_forward",
            "previous_marker",
            "next_marker",
            "slower",
            "faster",
        ):
            getattr(bar.bar, name)()
        assert [order for _, order in bar.take()] == [
            {"do": "play", "action": "pause"},
            {"do": "play", "action": "step"},
            {"do": "play", "action": "seek", "by": -10.0},
            {"do": "play", "action": "seek", "by": 10.0},
            {"do": "play", "action": "seek", "marker": "previous"},
            {"do": "play", "action": "seek", "marker": "next"},
            {"do": "play", "action": "speed", "speed": 1.0},
            {"do": "play", "action": "speed", "speed": 4.0},
        ]
        bar.say(paused=True)
        bar.bar.toggle()
        bar.bar.decoder = "riemann"
        bar.bar.step()
        bar.bar.speeds[None].click()
        assert bar.take() == [
            ("play", {"do": "play", "action": "resume"}),
            ("step", {"do": "play", "action": "step", "decoder": "riemann"}),
            ("speed max", {"do": "play", "action": "speed", "speed": "max"}),
        ]

    def test_a_loop_is_begun_ended_and_switched_off(self, bar):
        bar.say(loop=None, position=10.0)
        bar.bar.toggle_loop()
        assert bar.take() == []
        assert bar.bar.loop.text() == "Loop 0:10 to here"
        bar.say(loop=None, position=30.0)
        bar.bar.loop.click()
        bar.say(loop=[10.0, 30.0])
        bar.bar.loop.click()
        assert bar.take() == [
            ("loop", {"do": "play", "action": "loop", "from": 10.0, "to": 30.0}),
            ("loop off", {"do": "play", "action": "loop", "off": True}),
        ]

    def test_a_click_on_the_line_goes_there_and_near_a_marker_to_it(self, bar, qtbot):
        bar.say()
        bar.bar.show()
        line = bar.bar.timeline
        wide = line.width() - 16

        def click(seconds):
            qtbot.mouseClick(line, Qt.MouseButton.LeftButton, pos=QPoint(8 + round(wide * seconds / 303.0), 15))

        click(250.0)
        click(92.5)
        (_, far), (text, near) = bar.take()
        assert far["time"] == pytest.approx(250.0, abs=303.0 / wide)
        assert (near["time"], text) == (92.5, "go to 1:32.5")

    def test_a_drag_goes_only_where_it_is_let_go(self, bar, qtbot):
        bar.say()
        bar.bar.show()
        line = bar.bar.timeline
        qtbot.mousePress(line, Qt.MouseButton.LeftButton, pos=QPoint(100, 15))
        qtbot.mouseMove(line, QPoint(200, 15))
        bar.say(position=84.0)  # the session goes on meanwhile
        assert bar.take() == []
        qtbot.mouseRelease(line, Qt.MouseButton.LeftButton, pos=QPoint(line.width() - 1, 15))
        ((_, order),) = bar.take()
        assert order["action"] == "seek"
        assert 0.0 <= order["time"] < 303.0

    def test_keys_are_in_a_table_that_names_methods_and_takes_no_key_of_the_window(self, bar):
        taken = {key for shortcut in SHORTCUTS for key in shortcut.keys}
        for shortcut in PlaybackBar.SHORTCUTS:
            assert callable(getattr(bar.bar, shortcut.name))
            assert shortcut.panel == "playback"
            assert not taken & set(shortcut.keys)

    def test_every_control_says_what_it_does_and_is_reached_by_tab(self, bar):
        for button in (bar.bar.play, bar.bar.one, bar.bar.back, bar.bar.after, bar.bar.loop, *bar.bar.speeds.values()):
            assert len(button.toolTip()) > 10
            assert button.focusPolicy() & Qt.FocusPolicy.TabFocus


class TestFaults:
    def test_each_fault_has_a_value_a_switch_and_a_count(self, bar):
        bar.say()
        bar.bar.show_faults()
        rows = bar.bar.faults.rows
        assert list(rows) == ["drop", "dead"]
        assert (rows["drop"].switch.isChecked(), rows["drop"].value.text(), rows["drop"].struck.text()) == (
            True, "0.01", "struck 1 234 samples"
        )  # fmt: skip
        rows["dead"].switch.click()
        rows["drop"].switch.click()
        assert bar.take() == [
            ("dead channels: on", {"do": "play", "action": "fault", "name": "dead", "on": True, "value": "C3,Cz"}),
            ("lose samples: off", {"do": "play", "action": "fault", "name": "drop", "on": False, "value": "0.01"}),
        ]
        bar.bar.faults.hide()

    def test_a_value_is_told_with_enter_and_is_not_overwritten_while_it_is_typed(self, bar, qtbot):
        bar.say()
        bar.bar.show_faults()
        value = bar.bar.faults.rows["drop"].value
        value.clear()
        qtbot.keyClicks(value, "0.2")
        bar.say()  # the session still says 0.01
        assert value.text() == "0.2"
        qtbot.keyClick(value, Qt.Key.Key_Return)
        assert bar.take() == [
            ("lose samples: on", {"do": "play", "action": "fault", "name": "drop", "on": True, "value": "0.2"})
        ]
        bar.say(faults={"drop": {"value": 0.2, "on": True, "struck": 2000}})
        assert bar.bar.faults.rows["drop"].struck.text() == "struck 2 000 samples"
        bar.bar.faults.hide()

    def test_a_value_that_was_typed_and_never_told_is_not_shown_as_the_one_that_holds(self, bar, qtbot):
        bar.say()
        bar.bar.show_faults()
        value = bar.bar.faults.rows["drop"].value
        value.clear()
        qtbot.keyClicks(value, "0.5")
        bar.bar.faults.hide()
        bar.bar.show_faults()
        assert value.text() == "0.01"
        assert bar.take() == []
        bar.bar.faults.hide()
