"""Pause and look back: the page that was, those before it from the recording, and what is said where there is none."""

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QApplication

from rtbci.recording.recorder import Recorder
from rtbci.recording.session_folder import SessionFolder
from rtbci_ui import theme
from rtbci_ui.run import Run
from rtbci_ui.traces.panel import TracesPanel
from tests.recording.small_session import wait_until
from tests.ui.test_views import count, pixels

pytestmark = pytest.mark.usefixtures("dark")
RATE = 250


class Recorded:
    """A session of 64 channels whose ring holds 30 s, recorded from its beginning, and the panel that looks at it."""

    def __init__(self, qtbot, fake, path, record=True):
        self.fake = fake
        self.recorder = None
        if record:
            fake.session = path / "session"
            self.recorder = Recorder(fake.ring, fake.info, fake.run, SessionFolder.create(fake.session, "a test"))
            self.recorder.start()
            fake.recording["path"] = str(self.recorder.path)
        else:
            fake.recording = {"state": "off", "path": None, "problem": None}
        fake.write_status(0.0)
        self.run = Run(fake.run.path)
        self.panel = TracesPanel(self.run)
        qtbot.addWidget(self.panel)
        self.panel.resize(800, 500)
        self.panel.show()

    def play(self, until, step=20.0):
        for second in (*np.arange(step, until, step), until):
            if second * RATE > self.fake.received + self.fake.missing:
                self.fake.play_until(float(second))
                if self.recorder is not None:
                    wait_until(lambda: self.recorder.samples_written == self.fake.received)
        self.fake.write_status(until)
        self.look()

    def look(self):
        self.run._looked = -1.0
        self.run.refresh()
        self.panel.refresh()
        QApplication.processEvents()  # the layout
        self.panel.refresh()

    def settle(self):
        """Until the page that was asked for is there."""
        wait_until(lambda: (self.panel.refresh(), not self.view.looking._past.busy)[1])
        self.panel.refresh()

    @property
    def view(self):
        return self.panel.view

    def page(self):
        """Samples that are on the page, and the number of the first."""
        picture = self.view.picture
        start = picture.positions.at_position((picture.head - picture.width) * picture.step)
        stop = picture.positions.at_position(picture.head * picture.step)
        return start, picture.signal.view(start, stop)[0]

    def close(self):
        self.view.looking.close()
        if self.recorder is not None:
            self.recorder.stop()


@pytest.fixture
def recorded(qtbot, fake, tmp_path):
    made = Recorded(qtbot, fake, tmp_path)
    yield made
    made.close()


@pytest.fixture
def unrecorded(qtbot, fake, tmp_path):
    made = Recorded(qtbot, fake, tmp_path, record=False)
    yield made
    made.close()


def test_pages_that_the_ring_no_longer_holds_come_from_the_open_recording_to_the_bit(recorded):
    recorded.play(80.0)
    assert recorded.fake.ring.oldest > 45 * RATE
    recorded.panel.freeze()
    start, samples = recorded.page()
    assert samples.tobytes() == recorded.fake.signal.samples(start, start + len(samples)).tobytes()
    seen = []
    for _ in range(14):
        recorded.panel.back()
        recorded.settle()
        start, samples = recorded.page()
        assert len(samples) == pytest.approx(10 * RATE, abs=2)
        assert samples.tobytes() == recorded.fake.signal.samples(start, start + len(samples)).tobytes()
        seen.append(start / RATE)
    np.testing.assert_allclose(seen[:6], 70.0 - 5.0 * np.arange(1, 7), atol=0.05)
    assert seen[-1] == 0
    assert recorded.recorder.state == "recording"


def test_the_picture_of_a_page_is_the_one_that_was_live(recorded):
    recorded.play(20.0)
    recorded.view.rescale()
    head, live = recorded.view.picture.head, recorded.view.picture.pixels.copy()
    recorded.play(75.0)
    recorded.panel.freeze()
    recorded.view.looking._go(head)
    recorded.settle()
    assert recorded.view.picture.head == head
    whole = np.arange(head - live.shape[1], head - 1) % live.shape[1]  # the newest column was not finished then
    np.testing.assert_array_equal(recorded.view.picture.pixels[:, whole], live[:, whole])


def test_what_stands_there_says_that_one_looks_back_and_end_returns(recorded):
    recorded.play(80.0)
    recorded.panel.freeze()
    assert recorded.view.looking.words == ["PAUSED at 1:20 · Space resumes · ← looks back"]
    recorded.panel.far_back()
    recorded.settle()
    assert recorded.view.looking.words[0] == "LOOKING BACK at 0:10 – live is at 1:19 · Esc/End returns"
    assert recorded.view.looking.words[1] == "this is where the session begins"
    assert count(recorded.view, theme.WARNING_BACK) > 3000
    recorded.play(90.0)
    assert "live is at 1:29" in recorded.view.looking.words[0]
    recorded.panel.to_live()
    assert not recorded.view.frozen
    assert recorded.view.looking.words == []
    assert recorded.view.picture.head == int(90 * RATE / recorded.view.picture.step - 1e-9) + 1
    assert count(recorded.view, theme.WARNING_BACK) == 0


def test_escape_returns_too(recorded, qtbot):
    recorded.play(40.0)
    recorded.panel.back()
    recorded.settle()
    assert recorded.view.frozen
    recorded.view.setFocus()
    qtbot.keyClick(recorded.view, Qt.Key.Key_Escape)
    assert not recorded.view.frozen


def test_markers_and_gaps_of_long_ago_are_where_they_were(recorded):
    fake = recorded.fake
    recorded.play(10.0)
    fake.skip_until(12.0)
    recorded.play(15.0)
    recorded.play(80.0)
    wait_until(lambda: recorded.recorder.status.markers_written >= 16 and recorded.recorder.status.gaps_written == 1)
    del recorded.run.markers[:]  # they have been too many since
    recorded.panel._seek(11.0)
    recorded.settle()
    view = recorded.view
    plot = view.plot
    image = pixels(view)[plot.top() : plot.bottom() - 30, plot.left() : plot.right()]
    hatched = (image == theme.pixel(theme.HATCH)).sum(axis=0) > 20
    assert hatched.sum() == pytest.approx(0.2 * plot.width(), abs=3)
    assert np.flatnonzero(hatched).mean() == pytest.approx(0.5 * plot.width(), abs=3)
    assert [label for label, _ in view.in_sight]  # markers at 1.0 + k 4.8 s
    np.testing.assert_allclose([at / RATE for _, at in view.in_sight], [15.4, 10.6], atol=0.02)


def test_a_marker_that_came_before_a_gap_stands_before_it(recorded):
    recorded.play(80.0)
    recorded.panel._seek(20.0)
    recorded.settle()
    view = recorded.view
    pixels(view)
    label, position = view.in_sight[0]
    x = view.x_of(position)
    view.mouse = QPointF(x, view.plot.center().y())
    found = view.reading()
    assert label in found.markers
    assert found.seconds == pytest.approx(position / RATE, abs=0.05)
    index = round(found.seconds * RATE)
    value = float(recorded.fake.signal.samples(index, index + 1)[0, view.info.names.index(found.channel)])
    base = view.picture._baseline.at(index, view.info.names.index(found.channel))
    assert found.value == pytest.approx(value - base, abs=15.0)  # the sample beside the mouse's column


def test_another_time_base_or_filter_on_a_page_of_long_ago_needs_no_ring(recorded):
    recorded.play(80.0)
    recorded.panel._seek(20.0)
    recorded.settle()
    for seconds in (5.0, 20.0, 60.0):
        recorded.panel.show_seconds(seconds)
        recorded.settle()
        assert recorded.view.seconds == seconds
        end = recorded.view.picture.head * recorded.view.picture.step / RATE
        assert end == pytest.approx(25.0, abs=0.2)
    recorded.panel.show_seconds(10.0)
    recorded.settle()
    plain = recorded.view.picture.pixels.copy()
    recorded.panel.next_filter()
    recorded.panel.next_filter()
    assert (recorded.view.picture.pixels != plain).mean() > 0.01
    assert recorded.view.picture.head * recorded.view.picture.step / RATE == pytest.approx(25.0, abs=0.2)


def test_without_a_recording_there_is_the_ring_alone_and_that_is_said(unrecorded):
    unrecorded.play(80.0)
    unrecorded.panel.far_back()
    unrecorded.settle()
    words = unrecorded.view.looking.words
    assert words[1] == "nothing is recorded: only the last 0:29 can be shown"
    start, samples = unrecorded.page()
    assert start / RATE == pytest.approx(50.6, abs=0.2)  # the writer's margin of 2 % is left alone
    assert samples.tobytes() == unrecorded.fake.signal.samples(start, start + len(samples)).tobytes()


def test_a_recording_that_is_gone_is_said_and_the_ring_still_shown(recorded):
    recorded.play(80.0)
    path = recorded.recorder.path
    hidden = path.with_name("elsewhere")
    path.rename(hidden)
    path.write_bytes(b"something else")
    recorded.panel._seek(70.0)
    recorded.settle()
    words = recorded.view.looking.words
    assert "no XDF file" in words[1]
    _, samples = recorded.page()
    assert np.isfinite(samples).all()
    path.unlink()
    hidden.rename(path)


def test_a_paused_page_stays_when_the_window_changes_its_size_and_the_ring_has_gone_round(recorded):
    recorded.play(20.0)
    recorded.panel.freeze()
    recorded.settle()
    start, before = recorded.page()
    recorded.play(75.0)
    recorded.panel.resize(1000, 600)
    recorded.look()
    again, samples = recorded.page()
    assert abs(again - start) < 10
    n = min(len(before), len(samples)) - 20
    offset = max(again, start)
    np.testing.assert_array_equal(before[offset - start :][:n], samples[offset - again :][:n])
    assert count(recorded.view, theme.channel_colour("eeg", 3, False)) > 500


def test_a_window_that_is_closed_lets_go_of_the_recording(recorded):
    recorded.play(40.0)
    recorded.panel.freeze()
    recorded.panel.back()
    recorded.settle()
    files = recorded.view.looking._past._lookback._files
    assert files
    recorded.panel.let_go()
    wait_until(lambda: not files)


def test_a_click_into_the_strip_goes_there(recorded, qtbot):
    recorded.play(80.0)
    strip = recorded.panel._strip
    bar = strip._bar()
    at = QPointF(bar.left() + bar.width() * 0.25, bar.center().y()).toPoint()
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=at)
    recorded.settle()
    middle = (recorded.view.picture.head - recorded.view.picture.width / 2) * recorded.view.picture.step / RATE
    assert middle == pytest.approx(20.0, abs=0.3)
    strip.refresh()
    shown = np.flatnonzero(pixels(strip)[8] == theme.pixel(theme.WARNING))
    assert (shown.min() - bar.left()) / bar.width() * 80 == pytest.approx(15.0, abs=0.5)
    assert (shown.max() - bar.left()) / bar.width() * 80 == pytest.approx(25.0, abs=0.5)
