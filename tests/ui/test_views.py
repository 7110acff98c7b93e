"""Views that look at rings: samples and decisions go in, pixels and words come out."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent

from rtbci.ring import Ring
from rtbci.runfolder import DecisionRing
from rtbci.types import Channel, Decision, Flag, Gap, Marker, StreamInfo
from rtbci_ui import theme
from rtbci_ui.banner import Banner, Level
from rtbci_ui.feed import DecisionFeed
from rtbci_ui.status import DecoderStatus
from rtbci_ui.views.age import AgeView
from rtbci_ui.views.banner import BannerView
from rtbci_ui.views.bars import BarsView
from rtbci_ui.views.minute import MinuteView
from rtbci_ui.views.traces import TraceView

pytestmark = pytest.mark.usefixtures("dark")
RATE = 250.0


def pixels(widget):
    """(height, width) uint32 of what the widget shows."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.bytesPerLine() // 4)
    return rows[:, : image.width()].copy()  # the memory is the image's, which is gone in a moment


def green(widget):
    """Pixels that are clearly green: letters are thin, so few of theirs have their very colour."""
    seen = pixels(widget).view(np.uint8).reshape(-1, 4).astype(int)  # blue, green, red, alpha
    return int(((seen[:, 1] > seen[:, 0] + 30) & (seen[:, 1] > seen[:, 2] + 30)).sum())


def count(widget, colour):
    return int((pixels(widget) == theme.pixel(colour)).sum())


class Traces:
    """A trace view over a ring of its own, with a clock that is set by hand."""

    def __init__(self, qtbot, n_channels=4, kind="eeg", size=(800, 400)):
        self.info = StreamInfo(
            "s", RATE, tuple(Channel(f"ch{i}", kind) for i in range(n_channels)), bads=frozenset({"ch1"})
        )
        self.ring = Ring.create(None, 10_000, n_channels)
        self.markers = []
        self.clock = 0.0
        self.at = 0
        self.view = TraceView(self.ring, self.info, self.markers, lambda: self.clock)
        qtbot.addWidget(self.view)
        self.view.resize(*size)
        self.view.show()

    def push(self, n, amplitude=10.0):
        t = (self.at + np.arange(n)) / RATE
        wave = amplitude * np.sin(2 * np.pi * 7 * t)[:, None] * np.ones(self.info.n_channels)
        self.ring.push(wave.astype(np.float32), t, 0.0)
        self.at += n
        self.clock = self.at / RATE
        self.view.refresh()


@pytest.fixture
def traces(qtbot):
    return Traces(qtbot)


def finish(view):
    """Refresh until a picture that is too much for one step is whole."""
    for _ in range(100):
        view.refresh()
        if not view.picture.unfinished:
            return
    raise AssertionError("the picture is never whole")


class TestTraces:
    def test_samples_become_traces_in_the_colour_of_their_kind_and_bad_ones_are_grey(self, traces):
        shade = theme.channel_colour("eeg", 3, False)  # the other shade is the scale bar's as well
        assert count(traces.view, shade) == 0
        traces.push(2000)
        assert count(traces.view, shade) > 500
        assert count(traces.view, theme.BAD) > 500

    def test_a_larger_gain_makes_traces_higher(self, traces):
        traces.push(2000)
        traces.view.lane_units = {"eeg": 100.0}
        traces.view._show()

        def height():
            plot = traces.view.plot
            lane = pixels(traces.view)[plot.top() : plot.top() + 80, plot.left() + 300 : plot.left() + 400]
            return np.ptp(np.nonzero(lane == theme.pixel(theme.channel_colour("eeg", 0, False)))[0])

        before = height()
        traces.view.change_gain(1)
        assert traces.view.lane_units == {"eeg": 50.0}
        assert height() == pytest.approx(2 * before, rel=0.2)

    def test_the_wheel_changes_the_gain(self, traces, qapp):
        traces.push(2000)
        before = traces.view.lane_units["eeg"]
        none = Qt.MouseButton.NoButton
        wheel = QWheelEvent(
            QPointF(300, 200), QPointF(300, 200), QPoint(), QPoint(0, -120), none,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        qapp.sendEvent(traces.view, wheel)
        assert traces.view.lane_units["eeg"] > before

    def test_the_gain_fits_itself_to_the_signal(self, traces):
        traces.push(1000, amplitude=1000.0)
        assert traces.view.lane_units["eeg"] == 5000.0

    def test_a_frozen_picture_stays_whatever_comes_and_catches_up_afterwards(self, traces):
        traces.push(2000)
        traces.view.freeze(True)
        before = pixels(traces.view).copy()
        traces.push(500)
        np.testing.assert_array_equal(pixels(traces.view), before)
        assert count(traces.view, theme.WARNING_BACK) > 1000  # the words FROZEN on their ground
        head = traces.view.picture.head
        traces.view.freeze(False)
        assert count(traces.view, theme.WARNING_BACK) == 0
        assert traces.view.picture.head > head

    def test_markers_stand_as_lines_where_they_happened(self, traces):
        traces.push(2500)
        traces.markers.append(Marker(6.0, "T1"))
        line = pixels(traces.view) == QColor(theme.MARKER).darker(140).rgb()
        columns = np.flatnonzero(line[traces.view.plot.top() : traces.view.plot.bottom()].sum(axis=0) > 100)
        plot = traces.view.plot
        assert columns.tolist() == [pytest.approx(plot.left() + plot.width() * 0.6, abs=1.5)]
        assert count(traces.view, theme.MARKER) > 5  # its label

    def test_a_gap_is_hatched_over_its_true_length(self, traces):
        traces.push(1000)
        traces.ring.add_gap(Gap(1000, 999 / RATE, 1500 / RATE, 500))
        traces.at += 500
        traces.push(1000)
        plot = traces.view.plot
        inside = pixels(traces.view)[plot.top() : plot.bottom() - 30, plot.left() :]
        hatched = (inside == theme.pixel(theme.HATCH)).sum(axis=0) > 20
        assert hatched.sum() == pytest.approx(0.2 * plot.width(), abs=3)

    def test_pages_of_channels(self, qtbot):
        many = Traces(qtbot, n_channels=306, kind="mag")
        many.push(600)
        view = many.view
        assert view.pages > 3
        shown = []
        for _ in range(view.pages + 2):
            shown.extend(view.shown())
            view.change_page(1)
        assert view.shown().stop == 306
        assert set(shown) == set(range(306))
        view.show_all(True)
        assert len(view.shown()) == 306
        finish(view)
        assert count(view, theme.channel_colour("mag", 0, False)) > 500

    def test_another_time_base_shows_another_stretch(self, traces):
        traces.push(5000)
        for direction, seconds in ((-1, 5.0), (1, 10.0), (1, 20.0)):
            traces.view.change_seconds(direction)
            assert traces.view.seconds == seconds
            assert traces.view.picture.step * traces.view.picture.width == pytest.approx(seconds * RATE)
        assert count(traces.view, theme.channel_colour("eeg", 0, False)) > 500

    def test_a_resize_draws_the_picture_anew(self, traces, qapp):
        traces.push(2500)
        traces.view.resize(900, 500)
        qapp.processEvents()
        assert traces.view.picture.pixels.shape == (traces.view.plot.height(), traces.view.plot.width())
        assert count(traces.view, theme.channel_colour("eeg", 0, False)) > 500

    def test_an_empty_ring_waits_and_says_so(self, traces):
        assert count(traces.view, theme.NOTICE_BACK) > 1000
        traces.push(100)
        assert count(traces.view, theme.NOTICE_BACK) == 0


def decision(when, evidence=(0.8, 0.2), own=(0.6, 0.4), answer=0, flags=Flag.NONE):
    return Decision(0, 1, 1, np.log(own), np.log(evidence), answer, when, when + 0.004, when + 0.01, flags=flags)


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
    return DecisionFeed("riemann", DecisionRing.create(tmp_path / "riemann.ring", ("fists", "feet"), 0.1, 2.0))


class TestBars:
    @pytest.fixture
    def view(self, qtbot, feed, clock):
        view = BarsView("riemann", feed, clock)
        qtbot.addWidget(view)
        view.resize(420, view.sizeHint().height())
        view.show()
        view.know(DecoderStatus("riemann", "live", chance=0.5, threshold=0.7))
        return view

    def show(self, view, feed, clock, made):
        feed.ring.add(made)
        feed.refresh()
        clock.time = made.ready_time + 0.01
        view.refresh()

    def test_bars_are_as_long_as_the_evidence(self, view, feed, clock):
        self.show(view, feed, clock, decision(10.0))
        rows = pixels(view)[60:]
        fists, feet = (((rows == theme.pixel(theme.class_colour(k))).sum(axis=1)).max() for k in (0, 1))
        assert fists / feet == pytest.approx(4.0, rel=0.1)

    def test_the_claimed_class_is_said_or_that_there_is_none(self, view, feed, clock):
        assert view.verdict() == "waiting…"
        self.show(view, feed, clock, decision(10.0))
        assert view.verdict() == "fists"
        self.show(view, feed, clock, decision(10.1, (0.55, 0.45), answer=-1, flags=Flag.ABSTAINED))
        assert view.verdict() == "abstains"

    def test_an_old_decision_is_never_shown_as_one_that_holds(self, view, feed, clock):
        self.show(view, feed, clock, decision(10.0))
        assert count(view, theme.class_colour(0)) > 500
        clock.time = 10.6
        view.refresh()
        assert view.verdict() == "STALE"
        assert count(view, theme.class_colour(0)) == 0
        assert count(view, theme.STALE) > 500
        view.know(DecoderStatus("riemann", "live"), ended=True)
        assert view.verdict() == "fists"  # a session that ended leaves its last word

    def test_a_silent_session_makes_its_decisions_stale(self, view, feed, clock):
        self.show(view, feed, clock, decision(10.0))
        view.know(DecoderStatus("riemann", "live"), stale_for=2.0)
        assert view.verdict() == "STALE"

    def test_painting_is_what_counts_as_drawn(self, view, feed, clock):
        self.show(view, feed, clock, decision(10.0))
        view.grab()
        self.show(view, feed, clock, decision(10.1))
        clock.time = 10.125
        view.grab()
        assert feed.drawn == [pytest.approx(0.025)]

    def test_what_came_while_nobody_looked_was_not_drawn_late(self, view, feed, clock):
        feed.locked = True  # decisions come when markers do, and hold for 10 s
        self.show(view, feed, clock, decision(10.0))
        view.grab()
        view.hide()
        self.show(view, feed, clock, decision(11.0))
        clock.time = 18.0
        view.show()
        view.refresh()
        view.grab()
        assert feed.drawn == []
        self.show(view, feed, clock, decision(18.5))
        clock.time = 18.525
        view.grab()
        assert feed.drawn == [pytest.approx(0.025)]

    def test_a_click_chooses_the_decoder(self, view, qtbot):
        with qtbot.waitSignal(view.chosen, timeout=1000) as chosen:
            qtbot.mouseClick(view, Qt.MouseButton.LeftButton)
        assert chosen.args == ["riemann"]


class TestMinute:
    def test_curves_and_trials(self, qtbot, feed, clock):
        markers = [Marker(5.0, "T2"), Marker(6.0, "unknown")]
        view = MinuteView(markers, lambda: [Gap(5, 8.0, 9.0, 250)], clock, clock)
        qtbot.addWidget(view)
        view.resize(400, 200)
        view.show()
        status = DecoderStatus("riemann", classes=("fists", "feet"), labels={"T1": 0, "T2": 1}, trial=(0.5, 3.5))
        view.look_at(feed, status)
        for when in np.arange(2.0, 10.0, 0.1):
            feed.ring.add(decision(when))
        feed.refresh()
        view.refresh()
        curve = view.shown.curves[0]
        assert curve.x[0] == pytest.approx(-8.0)
        assert curve.x[-1] == pytest.approx(-0.1)
        assert curve.y == pytest.approx(0.8)
        regions = [(shade.start, shade.stop, shade.index) for shade in view.shown.shades]
        assert regions == [pytest.approx((-4.5, -1.5, 1)), pytest.approx((-2.0, -1.0, -1))]
        clock.time = 80.0
        view.refresh()
        assert view.shown.shades == ()


class TestAge:
    @pytest.fixture
    def view(self, qtbot, feed, clock):
        view = AgeView(clock)
        qtbot.addWidget(view)
        view.look_at(feed)
        view.show()
        return view

    def test_it_counts_up_and_then_says_stale(self, view, feed, clock):
        view.refresh()
        assert view.age.text() == "–"
        feed.ring.add(decision(10.0))
        feed.refresh()
        for time, text in ((10.02, "20 ms"), (10.3, "300 ms")):
            clock.time = time
            view.refresh()
            assert view.age.text() == text
            assert "STALE" not in view.state.text()
        clock.time = 13.0
        view.refresh()
        assert view.age.text() == "3.0 s"
        assert "STALE" in view.state.text()
        assert theme.STALE in view.age.styleSheet()

    def test_the_histogram_holds_every_age(self, view, feed):
        for i in range(50):
            feed.ring.add(decision(10.0 + i / 10))
        feed.refresh()
        view.refresh_histogram()
        assert view._bars.opts["height"].sum() == 50
        assert "10.0" in view.summary.text()
        assert view._lines[0].value() == pytest.approx(10.0)

    def test_nothing_of_one_decoder_is_shown_as_another_s(self, view, feed, clock, tmp_path):
        feed.ring.add(decision(10.0))
        feed.refresh()
        view.refresh_histogram()
        assert "ready" in view.summary.text()
        ring = DecisionRing.create(tmp_path / "other.ring", ("fists", "feet"), 0.1, 2.0)
        view.look_at(DecisionFeed("other", ring))
        for _ in range(2):
            assert (view.ready.text(), view.drawn.text(), view.summary.text()) == ("–", "–", "no decisions yet")
            assert view._bars.opts["height"] == [0]
            assert not any(line.isVisible() for line in view._lines)
            view.refresh_histogram()
        ring.close()


def test_a_banner_is_there_exactly_while_there_is_something_to_say(qtbot):
    view = BannerView()
    qtbot.addWidget(view)
    view.resize(600, 40)
    view.say(Banner(Level.ALARM, "Stream lost", "looking"))
    assert view.isVisible()
    assert view.headline.text() == "Stream lost"
    assert count(view, theme.ALARM_BACK) > 1000
    view.say(None)
    assert not view.isVisible()


def test_the_installed_qt_survives_what_a_session_asks_of_it(qtbot):
    """PySide6 6.12.0 on Python 3.11 takes a reference to None with every call and aborts after some ten thousand."""
    view = BannerView()
    qtbot.addWidget(view)
    view.say(Banner(Level.NOTICE, "x"))
    for _ in range(60_000):
        assert view.update() is None
