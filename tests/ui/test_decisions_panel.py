"""The decisions panel over a session whose decisions and trials are known: numbers, colours, keys."""

import time

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import QMainWindow

from rtbci.types import Gap, Marker
from rtbci_ui import theme
from rtbci_ui.decisions import words
from rtbci_ui.decisions.confusion_view import ConfusionView
from rtbci_ui.decisions.panel import DecisionsPanel
from rtbci_ui.feed import DecisionFeed
from rtbci_ui.run import Run
from rtbci_ui.status import DecoderStatus
from rtbci_ui.views.bars import BarsView
from rtbci_ui.views.minute import MinuteView
from tests.ui.fake_decoders import FakeDecoders

pytestmark = pytest.mark.usefixtures("dark")


def pixels(widget):
    """(height, width) uint32 of what the widget shows."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.bytesPerLine() // 4)
    return rows[:, : image.width()].copy()


def count(widget, colour):
    return int((pixels(widget) == theme.pixel(colour)).sum())


class Scene:
    """A session at second 60, its panel, and a clock that is set by hand."""

    def __init__(self, qtbot, folder, decoders=("tangent", "mdm"), classes=None, size=(1400, 800)):
        self.fake = FakeDecoders(folder / "run", decoders, classes)
        self.fake.began = time.monotonic() - 60.0
        self.fake.run.write_stream(self.fake.info, self.fake.offset)
        self.late = 0.0
        self.start = self.fake.began + 60.0
        self.run = Run(self.fake.run.path, lambda: self.start + self.late)
        self.panel = DecisionsPanel(self.run)
        qtbot.addWidget(self.panel)
        self.panel.resize(*size)

    def write(self):
        self.fake.write_status(60.0)

    def look(self, times=3):
        for _ in range(times):
            self.run._looked = -1.0
            self.run.refresh()
            self.panel._due = dict.fromkeys(self.panel._due, -1.0)
            self.panel.minute._looked = -1.0
            self.panel.refresh()

    def close(self):
        self.panel.book.close()
        self.run.close()
        self.fake.close()


@pytest.fixture
def scene(qtbot, tmp_path):
    made = Scene(qtbot, tmp_path)
    yield made
    made.close()


@pytest.fixture
def filled(scene):
    """40 trials: tangent 36 right, mdm 30 right and without the first two; decisions of the last 30 s."""
    fake = scene.fake
    for k in range(40):
        truth = k % 2
        fake.end_trial("tangent", k / 10, truth, truth if k % 10 else 1 - truth, claimed=-1 if k < 4 else truth)
        if k >= 2:
            fake.end_trial("mdm", k / 10, truth, truth if k % 4 else 1 - truth)
    for when in np.arange(30.0, 59.96, 0.1):
        fake.say("tangent", when, (0.2, 0.8))
        fake.say("mdm", when, (0.55, 0.45))
    fake.mark("T1", 40.0)
    fake.mark("T2", 50.0)
    scene.write()
    scene.panel.show()
    scene.look()
    return scene


def test_nothing_there_yet_is_said(qtbot, tmp_path):
    (tmp_path / "run").mkdir()
    panel = DecisionsPanel(Run(tmp_path / "run"))
    qtbot.addWidget(panel)
    panel.show()
    panel.refresh()
    assert panel.no_decoder.isVisible()
    assert panel.selected == ""
    panel.next_decoder()
    panel.put_in_charge()
    panel.trials_or_windows()
    assert panel.confusion.hidden == "no decoder yet"
    panel.grab()


def test_cards_say_who_is_in_charge_how_sure_how_silent_and_how_right(filled):
    cards = filled.panel.cards
    assert [card.role for card in cards.values()] == [words.IN_CHARGE, words.IN_SHADOW]
    assert cards["tangent"].verdict() == "feet"
    assert cards["mdm"].verdict() == "abstains"
    assert cards["tangent"].facts() == (
        "abstained in 0 % of the last minute's 300 decisions",
        "36 of 40 trials, .90 (.77–.96), chance .50, shuffled .50",
    )
    assert cards["mdm"].facts()[0] == "abstained in 100 % of the last minute's 300 decisions"
    assert cards["mdm"].facts()[1] == "29 of 38 trials, .76 (.61–.87), chance .50, shuffled .50"


def test_the_comparison_is_of_the_same_trials(filled):
    view = filled.panel.comparison
    assert [view.row(found) for found in view.shown.scores] == [
        ("tangent", "35 of 38", ".92 (.79–.97)", ".50", "2", "0.33"),
        ("mdm", "29 of 38", ".76 (.61–.87)", ".50", "0", "0.55"),
    ]
    assert view.lines() == [
        "38 trials that all have; 2 left out, because a decoder lacks them; guessing: .50, log-loss 0.69",
        "tangent and mdm: no difference can be told yet (p = .11); 8 right only by tangent, 2 only by mdm",
    ]


def test_the_table_counts_trials_or_windows_of_the_selected_decoder(filled):
    panel = filled.panel
    assert panel.confusion.cells() == [[("16", "80 %"), ("4", "20 %")], [("0", "0 %"), ("20", "100 %")]]
    assert ", ".join(panel.confusion.summary()) == "36 of 40 trials, .90 (.77–.96), chance .50, shuffled .50"
    panel.select("mdm")
    assert panel.confusion.shown.n == 38
    panel.trials_or_windows()
    # windows of 2 s that lie within 40.5–43.5 s (truth fists) and 50.5–53.5 s (feet): ends 42.5 to 43.5
    assert panel.confusion.cells() == [[("11", "100 %"), ("0", "0 %")], [("11", "100 %"), ("0", "0 %")]]
    assert ", ".join(panel.confusion.summary()) == "11 of 22 overlapping windows, .50, chance .50, shuffled .50"
    assert panel.controls.level.text() == "Table: windows"


def test_a_new_trial_is_counted_where_it_comes(filled):
    filled.fake.end_trial("tangent", 55.0, 0, 0)
    filled.write()
    filled.look()
    assert filled.panel.cards["tangent"].facts()[1].startswith("37 of 41 trials")
    assert filled.panel.comparison.shown.left_out == 3


def test_charge_is_asked_for_and_withdrawn_by_the_same_key(filled, qtbot):
    panel = filled.panel
    asked = []
    panel.charge_asked.connect(asked.append)
    assert not panel.controls.charge.isEnabled()
    qtbot.keyClick(panel, Qt.Key.Key_C)  # the one in charge is selected: nothing to ask
    assert asked == []
    with qtbot.waitSignal(panel.selected_changed) as changed:
        qtbot.keyClick(panel, Qt.Key.Key_D)
    assert changed.args == ["mdm"]
    qtbot.mouseClick(panel.controls.charge, Qt.MouseButton.LeftButton)
    assert asked == ["mdm"]
    filled.fake.charge["next"] = "mdm"
    filled.write()
    filled.look()
    assert panel.cards["mdm"].role == words.TAKES_OVER
    assert panel.controls.charge.text() == "Withdraw"
    qtbot.keyClick(panel, Qt.Key.Key_C)
    assert asked == ["mdm", "tangent"]
    filled.fake.charge = {"decoder": "mdm", "next": None}
    filled.write()
    filled.look()
    assert [card.role for card in panel.cards.values()] == [words.IN_SHADOW, words.IN_CHARGE]
    assert panel.comparison.shown.differences[0].one == "mdm"


def test_a_session_with_one_decoder_speaks_of_no_charge(qtbot, tmp_path):
    scene = Scene(qtbot, tmp_path, ("only",))
    scene.fake.say("only", 59.95, (0.2, 0.8))
    scene.write()
    scene.panel.show()
    scene.look()
    assert scene.panel.cards["only"].role == ""
    assert not scene.panel.controls.charge.isVisible()
    assert scene.panel.comparison.lines() == ["no trial yet: only"]
    scene.close()


def test_what_is_too_old_is_grey_everywhere_and_says_so(filled):
    panel = filled.panel
    blue, orange = theme.class_colour(0), theme.class_colour(1)
    assert count(panel.cards["tangent"], orange) > 500
    assert count(panel.minute, orange) > 100
    filled.late = 3.0
    filled.look()
    assert panel.cards["tangent"].verdict() == "STALE"
    assert panel.minute.shown.silent_from == pytest.approx(-3.1, abs=0.1)
    for widget in (panel.cards["tangent"], panel.cards["mdm"], panel.minute):
        assert count(widget, blue) == count(widget, orange) == 0
    assert count(panel.minute, theme.ALARM_BACK) > 500
    assert "old: the session is silent" in panel.comparison.lines()[-1]
    assert panel.confusion.summary()[0].startswith("3.0 s old: ")


def test_a_session_that_ended_leaves_its_last_word(filled):
    filled.fake.state = "ended"
    filled.write()
    filled.look()
    filled.late = 100.0
    filled.look()
    panel = filled.panel
    assert panel.cards["tangent"].verdict() == "feet"
    assert panel.minute.shown.silent_from is None
    assert panel.comparison.lines()[-1].startswith("tangent and mdm")


class TestWhoTookOver:
    @pytest.fixture
    def switched(self, filled):
        filled.fake.put_in_charge("mdm", 35.0)
        filled.fake.put_in_charge("tangent", 50.0)
        filled.write()
        filled.look()
        return filled

    def marks(self, view, ink):
        """Columns in which a line of colour ``ink`` crosses the timeline from its strip to the claims below."""
        seen = pixels(view) == theme.pixel(ink)
        plot = view.plot
        return np.flatnonzero(seen[int(plot.top()) - 4 : int(plot.bottom()) + 10].mean(axis=0) > 0.8)

    def at(self, view, seconds):
        return [round(view.across(second - 60.0)) for second in seconds]

    @pytest.mark.parametrize("name", theme.THEMES)
    def test_a_line_and_a_name_stand_where_another_decoder_was_put_in_charge(self, switched, qtbot, qapp, name):
        theme.apply(qapp, name)
        try:
            late = Run(switched.fake.run.path, switched.run.monotonic)  # a window that attaches to the session again
            panel = DecisionsPanel(late)
            qtbot.addWidget(panel)
            panel.resize(1400, 800)
            panel.show()
            switched.run, switched.panel = late, panel
            switched.look()
            view = panel.minute
            assert [(one.at, one.old, one.new) for one in view.shown.takeovers] == [
                (pytest.approx(-25.0), "tangent", "mdm"),
                (pytest.approx(-10.0), "mdm", "tangent"),
            ]
            found = self.marks(view, theme.STRONG)
            assert found.tolist() == pytest.approx(self.at(view, (35.0, 50.0)), abs=1)
            strip = (pixels(view) == theme.pixel(theme.STRONG))[int(view.plot.top()) - 15 : int(view.plot.top())]
            for x in found:
                assert strip[:, x - 3 : x + 4].sum() > 35  # the disc; a line alone has 7
                assert strip[:, x + 8 : x + 60].sum() > 20  # the name
        finally:
            theme.apply(qapp, "dark")

    def test_what_is_stale_is_grey_there_too(self, switched):
        switched.late = 3.0
        switched.look()
        view = switched.panel.minute
        assert len(self.marks(view, theme.STRONG)) == 0
        assert self.marks(view, theme.STALE).tolist() == pytest.approx(self.at(view, (32.0, 47.0)), abs=1)

    def test_there_is_no_strip_before_the_first_one(self, filled):
        top = filled.panel.minute.plot.top()
        filled.fake.put_in_charge("mdm", 55.0)
        filled.write()
        filled.look()
        assert filled.panel.minute.plot.top() > top

    def test_a_log_that_cannot_be_read_is_said_in_place(self, filled):
        (filled.fake.session / "decisions" / "charge.jsonl").mkdir()
        filled.look()
        assert "Is a directory" in filled.panel.switches.problem
        strip = pixels(filled.panel.minute)[17:30, 40:400]
        assert (strip != theme.pixel(theme.PANEL)).sum() > 500


def test_hours_of_trials_are_read_before_anything_is_said_of_them(qtbot, tmp_path):
    scene = Scene(qtbot, tmp_path, ("tangent",))
    for k in range(2000):
        scene.fake.end_trial("tangent", k / 100, k % 2, 0)
    scene.write()
    scene.panel.show()
    scene.look(1)
    card = scene.panel.cards["tangent"]
    assert card.facts()[1] == "1000 of 2000 trials, .50, chance .50"  # as the session counts
    assert scene.panel.comparison.shown.scores == ()
    for _ in range(40):
        scene.panel.refresh()
    assert card.facts()[1] == "1000 of 2 000 trials, .50 (.48–.52), chance .50, shuffled .50"
    assert scene.panel.comparison.shown.shared == 2000
    scene.close()


def test_a_session_that_only_records_does_not_let_one_wait_for_a_decoder(qtbot, tmp_path):
    scene = Scene(qtbot, tmp_path, ("tangent",))
    scene.fake.decisions.pop("tangent").close()
    scene.fake.counts.clear()
    scene.fake.state = "starting"
    scene.write()
    scene.panel.show()
    scene.look()
    assert scene.panel.no_decoder.text() == "no decoder yet"
    scene.fake.state = "live"
    scene.write()
    scene.look()
    assert "records only" in scene.panel.no_decoder.text()
    scene.close()


def test_where_there_is_no_room_pages_are_turned(filled, qtbot):
    panel = filled.panel
    assert all(part.isVisible() for part in (panel.card_area, panel.minute, panel.comparison, panel.confusion))
    panel.resize(480, 300)
    qtbot.wait(1)
    assert panel.size().height() == 300
    assert panel.card_area.isVisible() and not panel.comparison.isVisible()
    qtbot.keyClick(panel, Qt.Key.Key_V)
    assert panel.comparison.isVisible() and panel.confusion.isVisible() and not panel.minute.isVisible()
    for part in (panel.comparison, panel.confusion):
        assert panel.rect().contains(part.geometry())
    panel.resize(1400, 800)
    assert panel.minute.isVisible() and panel.comparison.isVisible()


def test_stretches_are_changed_by_keys_and_buttons(filled, qtbot):
    panel = filled.panel
    qtbot.keyClick(panel, Qt.Key.Key_T)
    assert panel.minute.span == 300.0
    assert panel.controls.span_buttons[1].isChecked()
    qtbot.mouseClick(panel.controls.span_buttons[3], Qt.MouseButton.LeftButton)
    assert panel.minute.span == 3600.0
    qtbot.keyClick(panel, Qt.Key.Key_T)
    assert panel.minute.span == 60.0
    assert all(button.toolTip() for button in panel.controls.span_buttons)


def test_every_control_is_reached_by_the_tab_key(filled, qtbot):
    panel = filled.panel
    panel.select("mdm")
    reached, widget = set(), panel
    for _ in range(30):
        widget = widget.nextInFocusChain()
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isEnabled():
            reached.add(widget)
    controls = panel.controls
    assert {controls.span_buttons[0], controls.charge, controls.level, *panel.cards.values()} <= reached
    controls.span_buttons[0].setFocus()
    qtbot.keyClick(controls.span_buttons[0], Qt.Key.Key_Right)  # from there arrows choose
    assert panel.minute.span == 300.0


def test_space_presses_the_button_that_has_the_focus_whatever_it_means_to_the_window(filled, qtbot):
    window = QMainWindow()
    qtbot.addWidget(window)
    paused = []
    QShortcut(QKeySequence("Space"), window, lambda: paused.append(1))
    window.setCentralWidget(filled.panel)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    filled.panel.controls.level.setFocus()
    qtbot.keyClick(filled.panel.controls.level, Qt.Key.Key_Space)
    assert (filled.panel.by_windows, paused) == (True, [])
    filled.panel.setFocus()
    qtbot.keyClick(filled.panel, Qt.Key.Key_Space)
    assert paused == [1]
    window.takeCentralWidget()


def test_two_hundred_pictures_do_not_break_it(qtbot, tmp_path):
    scene = Scene(qtbot, tmp_path, ("tangent", "mdm"), [f"picture {k}" for k in range(200)])
    fake = scene.fake
    shares = np.full(200, 0.5 / 199)
    shares[150] = 0.5
    for when in np.arange(50.0, 59.96, 0.1):
        fake.say("tangent", when, shares, answer=150)
    fake.end_trial("tangent", 51.0, 3, 150)
    fake.end_trial("mdm", 51.0, 3, 3)
    scene.write()
    scene.panel.show()
    scene.look()
    panel = scene.panel
    assert panel.cards["tangent"].verdict() == "picture 150"
    assert panel.minute.shown.curves[0].index == 150
    assert len(panel.minute.shown.curves) == 6
    assert panel.confusion.hidden == "200 classes: a table of more than 12 cannot be read"
    assert panel.confusion.cells() == []
    assert ", ".join(panel.confusion.summary()) == "0 of 1 trial, .00 (.00–.79), chance .005, shuffled .00"
    assert panel.comparison.shown.scores[0].chance == pytest.approx(1 / 200)
    panel.trials_or_windows()
    panel.grab()
    scene.close()


def test_a_look_costs_no_file_reading_while_nothing_is_new(filled, monkeypatch):
    """Trials are read on four times a second, not in every frame."""
    calls = []
    monkeypatch.setattr(filled.panel.book, "refresh", lambda names: calls.append(names))
    filled.panel._due["book"] = -1.0
    for _ in range(60):
        filled.late += 0.01
        filled.panel.refresh()
    assert len(calls) == 3


class Clock:
    def __init__(self):
        self.time = 10.0

    def __call__(self):
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def feed(tmp_path):
    fake = FakeDecoders(tmp_path / "run", ("tangent",))
    fake.began = -fake.offset
    yield DecisionFeed("tangent", fake.decisions["tangent"]), fake
    fake.close()


class TestTimelineView:
    @pytest.fixture
    def view(self, qtbot, feed, clock):
        markers = [Marker(5.0, "T2"), Marker(6.0, "unknown")]
        view = MinuteView(markers, lambda: [Gap(5, 8.0, 9.0, 250)], clock)
        qtbot.addWidget(view)
        view.resize(660, 240)
        view.show()
        return view

    def look(self, view, feed):
        view.look_at(feed, DecoderStatus("a", classes=("fists", "feet"), labels={"T1": 0, "T2": 1}, trial=(0.5, 3.5)))
        feed.refresh()
        view._looked = -1.0
        view.refresh()

    def test_curves_trials_and_gaps_stand_where_they_were(self, view, feed, clock):
        feed, fake = feed
        for when in np.arange(2.0, 10.0, 0.1):
            fake.say("tangent", when, (0.8, 0.2), answer=0)
        self.look(view, feed)
        seen = pixels(view)
        plot, blue = view.plot, theme.pixel(theme.class_colour(0))
        line = (
            seen[int(view.down(0.8)) - 1 : int(view.down(0.8)) + 2].copy().view(np.uint8).reshape(3, -1, 4).astype(int)
        )
        columns = np.flatnonzero((line[..., 0] > line[..., 2] + 50).any(axis=0))  # bluish: the line is antialiased
        assert columns.min() == pytest.approx(view.across(-8.0), abs=2)
        assert columns.max() == pytest.approx(view.across(-0.1), abs=2)
        strip = np.flatnonzero(seen[int(plot.bottom()) + 6] == blue)
        assert strip.min() == pytest.approx(view.across(-8.1), abs=2)
        row = seen[int(view.down(0.95))]
        ground = theme.pixel(theme.PANEL)
        assert (row[int(view.across(-30)) : int(view.across(-10))] == ground).all()
        assert (row[int(view.across(-4.4)) : int(view.across(-2.1))] != ground).all()  # the trial
        assert (row[int(view.across(-1.9)) : int(view.across(-1.1))] != ground).all()  # the gap

    def test_an_abstained_stretch_is_a_thin_line(self, view, feed):
        feed, fake = feed
        for when in np.arange(2.0, 10.0, 0.1):
            fake.say("tangent", when, (0.6, 0.4), answer=-1 if when < 6.0 else 0)
        self.look(view, feed)
        seen = pixels(view)
        blue = theme.pixel(theme.class_colour(0))
        strip = seen[int(view.plot.bottom()) + 3 : int(view.plot.bottom()) + 12]
        left, right = int(view.across(-7.0)), int(view.across(-2.0))
        assert (strip[:, left] == theme.pixel(theme.DIM)).sum() == 1
        assert (strip[:, left] == blue).sum() == 0
        assert (strip[:, right] == blue).sum() == 9

    def test_it_is_not_drawn_more_often_than_can_be_seen(self, qtbot, feed, clock):
        feed, fake = feed
        ticks = Clock()
        view = MinuteView([], list, clock, ticks)
        qtbot.addWidget(view)
        fake.say("tangent", 9.9, (0.8, 0.2))
        view.look_at(feed, DecoderStatus("a", classes=("fists", "feet")))
        feed.refresh()
        view.refresh()
        first = view.shown
        ticks.time += 0.1
        view.refresh()
        assert view.shown is first
        ticks.time += 0.11
        view.refresh()
        assert view.shown is not first


def test_a_stopped_decoder_says_so_and_not_that_it_is_stale(qtbot, feed, clock):
    feed, fake = feed
    fake.say("tangent", 9.9, (0.8, 0.2))
    feed.refresh()
    card = BarsView("tangent", feed, clock)
    qtbot.addWidget(card)
    card.know(DecoderStatus("tangent", "stopped"))
    clock.time = 20.0
    assert card.verdict() == "stopped"


def test_a_table_without_anything_says_what_is_missing(qtbot):
    from rtbci_ui.decisions import confusion
    from rtbci_ui.decisions.outcomes import Sums

    view = ConfusionView()
    qtbot.addWidget(view)
    view.show_confusion(confusion.of_trials(Sums(), 2), ("fists", "feet"), 0.5, None)
    assert view.hidden == "no trials yet whose class is known"
    view.grab()


@pytest.mark.parametrize("name", theme.THEMES)
def test_both_themes_have_their_own_ground(filled, qtbot, qapp, name):
    theme.apply(qapp, name)
    try:
        panel = DecisionsPanel(filled.run)
        qtbot.addWidget(panel)
        panel.resize(1400, 800)
        panel.show()
        filled.panel = panel
        filled.look()
        for part in (panel.minute, panel.comparison, panel.confusion):
            assert count(part, theme.PANEL) > 0.3 * part.width() * part.height()
        assert count(panel.cards["tangent"], theme.class_colour(1)) > 500
    finally:
        theme.apply(qapp, "dark")
