"""The panel of the traces: what its controls, the wheel and the mouse do to the pixels."""

import json
import time

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel, QToolButton

from rtbci.kernels import raster
from rtbci.types import Channel, StreamInfo
from rtbci_ui import scales, theme
from rtbci_ui.run import Run
from rtbci_ui.traces.bads import BadChannels
from rtbci_ui.traces.columns import Columns
from rtbci_ui.traces.cursor import reading
from rtbci_ui.traces.filtering import Choice
from rtbci_ui.traces.groups import groups_of
from rtbci_ui.traces.panel import TracesPanel
from tests.ui.fake_session import FakeSession
from tests.ui.test_views import count, finish, pixels

pytestmark = pytest.mark.usefixtures("dark")


def panel_of(qtbot, fake, seconds=20.0, size=(900, 500), clock=time.monotonic):
    if seconds:
        fake.fill(seconds)
    run = Run(fake.run.path, clock)
    run.refresh()
    panel = TracesPanel(run)
    qtbot.addWidget(panel)
    panel.resize(*size)
    panel.show()
    panel.refresh()
    QApplication.processEvents()  # the layout
    panel.refresh()
    return panel


@pytest.fixture
def eeg(qtbot, fake):
    panel = panel_of(qtbot, fake)
    yield panel
    panel.view.looking.close()


@pytest.fixture(scope="module")
def meg_session(tmp_path_factory):
    session = FakeSession(tmp_path_factory.mktemp("meg") / "run", "meg")
    session.fill(12.0)
    yield session
    session.close()


@pytest.fixture
def meg(qtbot, meg_session):
    # its traces would run empty while other tests go on
    panel = panel_of(qtbot, meg_session, 0.0, clock=lambda: meg_session.began + 12.0)
    yield panel
    panel.view.looking.close()


def turn(qapp, view, steps, modifiers=Qt.KeyboardModifier.NoModifier, delta=120):
    at = QPointF(300, 200)
    event = QWheelEvent(
        at, view.mapToGlobal(at), QPoint(), QPoint(0, delta * steps), Qt.MouseButton.NoButton, modifiers,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    qapp.sendEvent(view, event)


def test_before_the_stream_is_there_it_waits_and_every_shortcut_is_harmless(qtbot, tmp_path):
    panel = TracesPanel(Run(tmp_path / "nothing"))
    qtbot.addWidget(panel)
    panel.show()
    panel.refresh()
    assert panel.view is None
    assert panel.waiting.text() == "waiting for the stream…"
    assert not panel.bar.isEnabled()
    for name in (
        "larger", "smaller", "rescale", "shorter", "longer", "previous_channels", "next_channels", "all_channels",
        "next_group", "sweep", "next_filter", "freeze", "back", "forward", "far_back", "far_forward", "to_start",
        "to_live",
    ):  # fmt: skip
        getattr(panel, name)()
    panel.show_seconds(5.0)
    assert panel.view is None


def test_controls_say_what_is_shown(eeg):
    view = eeg.view
    assert (eeg.bar.mode.text(), eeg.bar.time.text(), eeg.bar.filter.text()) == ("Scroll", "10 s", "Filter: off")
    assert eeg.bar.gain.text() == f"{view.lane_units['eeg']:g} µV"
    eeg.larger()
    eeg.shorter()
    eeg.sweep()
    eeg.next_filter()
    eeg.freeze()
    assert (eeg.bar.mode.text(), eeg.bar.time.text(), eeg.bar.filter.text()) == ("Sweep", "5 s", "above 0.5 Hz")
    assert eeg.bar.gain.text() == f"{view.lane_units['eeg']:g} µV"
    assert eeg.bar.pause.text() == "Resume"
    assert eeg.bar.filter_actions["high_pass", 0.5].isChecked()
    eeg.bar.filter_actions["notch", 60.0].trigger()
    eeg.bar.filter_actions["high_pass", None].trigger()
    assert view.picture.choice == Choice(None, None, 60.0)
    assert eeg.bar.filter.text() == "no 60 Hz"


def test_nothing_is_cut_off_in_the_smallest_window(meg):
    for _ in range(3):
        meg.next_filter()
    meg.next_group()
    meg.next_group()
    QApplication.processEvents()
    assert meg.minimumSizeHint().width() <= 660  # beside the decisions in a window of 1200
    meg.resize(meg.minimumSizeHint())
    QApplication.processEvents()
    boxes = [w.geometry() for w in meg.bar.children() if isinstance(w, QToolButton | QLabel)]
    assert len(boxes) == 11
    for a, b in zip(sorted(boxes, key=lambda r: r.left()), sorted(boxes, key=lambda r: r.left())[1:], strict=False):
        assert a.right() < b.left()
    assert max(box.right() for box in boxes) <= meg.bar.width()
    for button in (meg.bar.filter, meg.bar.group, meg.bar.every, meg.bar.pause, meg.bar.mode):
        assert button.width() >= button.fontMetrics().horizontalAdvance(button.text())


def test_how_traces_are_shown_is_remembered_for_the_next_window(qtbot, meg, meg_session):
    meg.sweep()
    meg.next_group()
    meg.shorter()
    meg.all_channels()
    meg._choose(Choice(1.0, None, 60.0))
    kept = json.loads(json.dumps(meg.remember()))
    run = Run(meg_session.run.path)
    other = TracesPanel(run)
    qtbot.addWidget(other)
    other.restore(kept)
    assert other.remember() == kept
    run.refresh()
    other.show()
    other.refresh()
    view = other.view
    assert (view.sweep, view.seconds, view.group.name, view.all_channels) == (True, 5.0, "MEG mag", True)
    assert view.picture.choice == Choice(1.0, None, 60.0)
    assert other.bar.filter.text() == "above 1 Hz, no 60 Hz"
    other.restore({"group": "EOG", "seconds": 1e6})  # of another stream
    assert view.group.name == "MEG mag"


@pytest.mark.parametrize(
    "kept",
    [
        {"seconds": "long", "filter": [None, "x", None]},
        {"seconds": -1.0, "filter": [0, -3.0, float("nan")]},
        {"seconds": None, "filter": 3, "group": ["EEG"], "sweep": None},
        {"seconds": [10.0], "filter": {"high_pass": 1.0}},
    ],
)
def test_what_was_kept_and_is_not_legible_is_left_alone(meg, kept):
    before = meg.remember()
    meg.restore(kept)
    assert meg.remember() == before
    meg.view.refresh()
    assert not np.isnan(meg.view.picture._lo).all()


def test_an_empty_ring_can_be_paused_and_looked_back_in(qtbot, fake):
    fake.write_status(0.0)
    panel = panel_of(qtbot, fake, 0.0)
    panel.back()
    panel.forward()
    panel.rescale()
    panel.next_filter()
    panel.refresh()
    pixels(panel.view)
    panel.to_live()
    fake.play_until(12.0)
    panel.refresh()
    panel.refresh()
    assert count(panel.view, theme.channel_colour("eeg", 3, False)) > 300
    panel.view.looking.close()


def test_space_presses_the_button_that_has_the_focus(eeg, qtbot):
    eeg.bar.mode.setFocus()
    qtbot.keyClick(eeg.bar.mode, Qt.Key.Key_Space)
    assert eeg.view.sweep
    assert not eeg.view.frozen


class TestSweep:
    def test_a_column_stays_where_it_is_until_the_bar_comes_by(self, eeg, fake):
        eeg.sweep()
        view = eeg.view
        plot = view.plot

        def image():
            return pixels(view)[plot.top() + 90 : plot.bottom() - 30, plot.left() : plot.right()]

        before = image()
        head = view.picture.head % view.picture.width
        fake.play_until(20.4)
        eeg.refresh()
        after = image()
        new = view.picture.head % view.picture.width
        assert 0 < new - head < 60
        bar = view.columns.bar
        np.testing.assert_array_equal(before[:, :head], after[:, :head])
        np.testing.assert_array_equal(before[:, new + bar + 1 :], after[:, new + bar + 1 :])
        assert (before[:, head:new] != after[:, head:new]).any()
        ground = theme.pixel(theme.BACKGROUND)
        assert (after[:, new + 3 : new + bar - 1] == ground).all()
        assert (after[:, new] == theme.pixel(theme.ACCENT)).all()

    def test_both_ways_show_the_same_columns(self, eeg):
        view = eeg.view
        plot = view.plot
        scrolled = pixels(view)[plot.bottom() - 60 : plot.bottom() - 25, plot.left() : plot.right() + 1]
        eeg.sweep()
        swept = pixels(view)[plot.bottom() - 60 : plot.bottom() - 25, plot.left() : plot.right() + 1]
        columns = view.columns
        head, width = columns.head % columns.width, columns.width
        np.testing.assert_array_equal(swept[:, :head], scrolled[:, width - head :])

    def test_positions_and_places_are_each_others_inverse(self):
        for sweep in (False, True):
            columns = Columns(1234, 500, 2.5, sweep, 12)
            for x in range(0, 500, 7):
                position = columns.position(x + 0.5)
                if position is not None:
                    assert columns.x(position) == pytest.approx(x + 0.5)
            assert columns.x(1234 * 2.5) is None
            assert columns.x((1234 - 501) * 2.5) is None
        assert Columns(1234, 500, 2.5, True, 12).position(240.0) is None  # within the bar
        assert Columns(1234, 500, 2.5, True, 12).bars == [(234, 12)]
        assert Columns(995, 500, 2.5, True, 12).bars == [(495, 5), (0, 7)]

    def test_a_gap_over_the_edge_of_the_screen_is_in_two_pieces(self):
        columns = Columns(1234, 500, 1.0, True, 12)
        assert columns.pieces(990.0, 1010.0) == [(490.0, 500.0), (0.0, 10.0)]
        assert columns.pieces(100.0, 200.0) == []
        assert Columns(1234, 500, 1.0).pieces(700.0, 800.0) == [(0.0, 66.0)]

    def test_markers_stand_where_the_sweep_put_them(self, eeg):
        eeg.sweep()
        view = eeg.view
        line = pixels(view) == QColor(theme.MARKER).darker(140).rgb()
        plot = view.plot
        found = np.flatnonzero(line[plot.top() : plot.bottom()].sum(axis=0) > 200)
        assert len(view.in_sight) >= 2
        expected = sorted(round(view.x_of(position)) for _, position in view.in_sight)
        assert found.tolist() == expected
        for (_, position), x in zip(sorted(view.in_sight, key=lambda m: view.x_of(m[1])), expected, strict=True):
            seconds = position / view.info.rate
            share = (seconds % 10.0) / 10.0
            assert x == pytest.approx(plot.left() + share * plot.width(), abs=2)


class TestWheel:
    def test_alone_it_is_the_gain_with_ctrl_the_time_base_with_shift_the_page(self, meg, qapp):
        view = meg.view
        before = dict(view.lane_units)
        turn(qapp, view, 1)
        assert all(view.lane_units[kind] < before[kind] for kind in before)
        turn(qapp, view, -1)
        assert view.lane_units == before
        turn(qapp, view, 1, Qt.KeyboardModifier.ControlModifier)
        assert view.seconds == 5.0
        turn(qapp, view, -2, Qt.KeyboardModifier.ControlModifier)
        assert view.seconds == 20.0
        turn(qapp, view, -1, Qt.KeyboardModifier.ShiftModifier)
        assert view.page == 1
        turn(qapp, view, 5, Qt.KeyboardModifier.ShiftModifier)
        assert view.page == 0

    def test_a_touchpads_small_turns_add_up(self, eeg, qapp):
        before = eeg.view.lane_units["eeg"]
        for _ in range(7):
            turn(qapp, eeg.view, 1, delta=15)
        assert eeg.view.lane_units["eeg"] == before
        turn(qapp, eeg.view, 1, delta=15)
        assert eeg.view.lane_units["eeg"] == scales.smaller(before)


class TestGroups:
    def test_kinds_become_groups_in_their_order(self):
        kinds = ["mag", "grad", "grad", "eog", "stim"]
        groups = groups_of(kinds)
        assert [group.name for group in groups] == ["All", "MEG", "MEG mag", "MEG grad", "EOG", "Trigger"]
        assert [list(group.channels) for group in groups] == [[0, 1, 2, 3, 4], [0, 1, 2], [0], [1, 2], [3], [4]]
        assert [group.name for group in groups_of(["eeg"] * 3)] == ["All"]

    def test_a_group_alone_is_shown_and_the_gain_is_its_own(self, meg):
        view = meg.view
        assert [group.name for group in view.groups] == ["All", "MEG mag", "MEG grad"]
        meg.all_channels()
        finish(view)
        assert count(view, theme.channel_colour("mag", 0, False)) > 300
        meg.next_group()
        assert count(view, theme.channel_colour("grad", 0, False)) == 0  # at once: the names are others already
        finish(view)
        assert view.group.name == "MEG mag"
        assert len(view.shown()) == 102
        assert {view.info.channels[i].kind for i in view.shown()} == {"mag"}
        grad = view.lane_units["grad"]
        mag = view.lane_units["mag"]
        meg.larger()
        assert view.lane_units["grad"] == grad
        assert view.lane_units["mag"] < mag
        green = theme.channel_colour("grad", 0, False)
        assert count(view, green) == 0
        meg.next_group()
        assert len(view.shown()) == 204
        assert count(view, green) > 300
        assert meg.bar.group.text() == "MEG grad"
        meg.all_channels()
        shown = []
        for _ in range(view.pages):
            shown.extend(view.shown())
            meg.next_channels()
        assert shown == list(view.group.channels)
        meg.next_group()
        assert view.group.name == "All"


class TestBads:
    def test_a_click_on_the_name_greys_the_channel_at_once_and_is_told(self, eeg, qtbot, fake):
        view = eeg.view
        grey = count(view, theme.BAD)
        lane = 3
        y = int(view.plot.top() + (lane + 0.5) * view.plot.height() / len(view.lanes.rows))
        name = view.info.channels[int(view.lanes.rows[lane])].name
        with qtbot.waitSignal(eeg.bad_toggled, timeout=1000) as told:
            qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(50, y))
        assert told.args == [name, True]
        assert name in view.bads
        assert count(view, theme.BAD) > grey + 300
        eeg._due = 0.0
        eeg.refresh()
        assert name in view.bads  # the session has not said so yet
        with qtbot.waitSignal(eeg.bad_toggled, timeout=1000) as told:
            qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(50, y))
        assert told.args == [name, False]
        assert name not in view.bads

    def test_a_click_into_the_traces_marks_nothing(self, eeg, qtbot):
        before = eeg.view.bads
        qtbot.mouseClick(eeg.view, Qt.MouseButton.LeftButton, pos=QPoint(400, 200))
        assert eeg.view.bads == before

    def test_channels_that_the_stream_calls_bad_are_grey_from_the_start(self, eeg):
        assert eeg.view.bads == {"T9"}
        eeg.all_channels()
        assert count(eeg.view, theme.BAD) > 300

    def test_the_session_has_the_last_word(self):
        bads = BadChannels()
        assert bads.hear({"T9"}) == {"T9"}
        bads.click("C3", True)
        bads.click("T9", False)
        assert bads.hear({"T9"}) == {"C3"}
        assert bads.hear({"T9", "C3"}) == {"C3"}  # told so by the session now
        assert bads.hear({"T9"}) == set()  # somebody else marked C3 good
        bads.forget("T9")  # the session refused
        assert bads.hear({"T9"}) == {"T9"}


class TestCursor:
    def test_it_reads_the_sample_below_it_as_recorded_whatever_filter_is_on(self, eeg, fake):
        view = eeg.view
        lane = 5
        y = view.plot.top() + (lane + 0.5) * view.plot.height() / len(view.lanes.rows)
        view.mouse = QPointF(view.plot.left() + 400.5, y)
        found = view.reading()
        channel = int(view.lanes.rows[lane])
        assert found.channel == view.info.channels[channel].name
        position = view.columns.position(400.5)
        assert found.seconds == pytest.approx(position / 250.0)
        index = view.picture.positions.at_position(position)
        raw = float(fake.signal.samples(index, index + 1)[0, channel])
        history = fake.signal.samples(index - 1000, index)[:, channel].astype(float)
        assert found.value == pytest.approx(raw - history.mean(), abs=2.0)
        assert abs(raw) > 3 * abs(found.value)  # the electrode's offset is not what one wants to read
        eeg._choose(Choice(1.0, 40.0, 50.0))
        assert view.reading().value == found.value

    def test_line_and_box_are_drawn_and_go_with_the_mouse(self, eeg):
        view = eeg.view
        view.mouse = QPointF(300, 250)
        image = pixels(view)
        assert (image[view.plot.top() : view.plot.bottom(), 300] == theme.pixel(theme.TEXT)).mean() > 0.8
        eeg.view.leaveEvent(None)
        image = pixels(view)
        assert (image[view.plot.top() : view.plot.bottom(), 300] == theme.pixel(theme.TEXT)).mean() < 0.05

    def test_it_says_that_there_is_a_gap(self, qtbot, fake):
        fake.fill(10.0)
        fake.skip_until(12.0)
        fake.play_until(15.0)
        panel = panel_of(qtbot, fake, 0.0)
        view = panel.view
        view.mouse = QPointF(view.x_of(11.0 * 250), 200)
        found = view.reading()
        assert found.gap == "gap of 2.0 s, 500 samples missing"
        assert found.value is None
        assert found.lines[0] == "0:11.000" or found.lines[0].startswith(("0:10.99", "0:11.0"))

    def test_numbers_have_a_sign_a_unit_and_few_digits(self):
        assert reading(-12.345, "uV") == "−12.3 µV"
        assert reading(1234.5, "fT") in ("+1234 fT", "+1235 fT")
        assert reading(0.126, "uV") == "+0.13 µV"


class TestThemes:
    def test_on_a_light_ground_traces_are_darker_than_it(self, qapp, qtbot, fake):
        theme.apply(qapp, "light")
        try:
            panel = panel_of(qtbot, fake)
            view = panel.view
            plot = view.plot
            seen = pixels(view)[plot.top() + 90 : plot.bottom() - 30, plot.left() : plot.right()]
            assert (seen == theme.pixel("#ffffff")).mean() > 0.3
            colour = QColor(theme.channel_colour("eeg", 3, False))
            assert (seen == colour.rgb()).sum() > 500
            channels = seen.view(np.uint8).reshape(*seen.shape, 4)[:, :, :3]
            dark = (channels.astype(int).sum(axis=2) < 3 * 50).mean()
            assert dark < 0.001  # a trace in part over a pixel never turns it black
        finally:
            theme.apply(qapp, "dark")

    def test_a_half_covered_pixel_lies_between_ground_and_trace(self):
        for ground, trace, half in ((0xFF000000, 0xFF8040C0, 0xFF402060), (0xFFFFFFFF, 0xFF8040C0, 0xFFBF9FDF)):
            picture = np.zeros((20, 1), np.uint32)
            one = np.ones(1, np.float32)
            raster.paint(
                picture, 0, 1, np.array([raster.DATA], np.uint8), 0 * one[None], 0 * one[None], np.array([0]),
                10 * one, one, np.array([trace], np.uint32), 100.0, 1.0, 1e9,
                np.array([ground, 0xFF808080, 0xFF909090], np.uint32),
            )  # fmt: skip
            assert picture[9, 0] == half
            assert picture[5, 0] == ground


def test_a_thousand_channels_have_names_that_do_not_overlap(qtbot, tmp_path):
    from rtbci.ring import Ring
    from rtbci_ui.views.traces import TraceView

    info = StreamInfo("many", 100.0, tuple(Channel(f"ch{i:04d}") for i in range(1000)))
    ring = Ring.create(None, 2000, 1000)
    ring.push(np.random.default_rng(0).standard_normal((1500, 1000)).astype(np.float32), np.arange(1500) / 100.0, 0.0)
    view = TraceView(ring, info, [], lambda: None)
    qtbot.addWidget(view)
    view.resize(700, 450)
    view.show()
    view.refresh()
    assert view.pages > 10
    view.show_all(True)
    assert len(view.shown()) == 1000
    image = pixels(view)
    names = (image[view.plot.top() : view.plot.bottom(), 4:80] != theme.pixel(theme.PANEL)).any(axis=1)
    assert 0.3 < names.mean() < 0.95
    view.mouse = QPointF(20, 200)  # the name under the mouse is always there
    hovered = pixels(view)
    assert (hovered[:, 4:80] == theme.pixel(theme.RAISED)).sum() > 100
