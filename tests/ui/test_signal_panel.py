"""The signal panel in a window: samples go into a session's ring, pixels, words and items come out."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage

from rtbci.ring import Ring
from rtbci.types import Channel, Gap, Marker, StreamInfo
from rtbci_ui import theme
from rtbci_ui.run import Run
from rtbci_ui.signal.colours import DIVERGING, SEQUENTIAL, table
from rtbci_ui.signal.headmap import HeadMap
from rtbci_ui.signal.panel import TABS, SignalPanel
from rtbci_ui.signal.topography import Topography
from rtbci_ui.status import DecoderStatus, Status

pytestmark = pytest.mark.usefixtures("dark")
RATE = 250.0
EEG = ("Fp1", "Fp2", "F3", "Fz", "F4", "C3", "Cz", "C4", "P3", "Pz", "P4", "O1", "Oz", "O2", "T7", "T8")


def pixels(widget):
    """(height, width, 4) uint8 of what the widget shows: blue, green, red, alpha."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return rows[:, : image.width()].copy()


def count(widget, colour):
    blue, green, red = (int(colour[i : i + 2], 16) for i in (5, 3, 1))
    return int((pixels(widget)[..., :3] == (blue, green, red)).all(axis=2).sum())


class Seen:
    """A panel over a run whose ring is filled by hand, with a clock that is set by hand."""

    def __init__(self, qtbot, tmp_path, channels=None, status=None, size=(900, 560)):
        self.clock = self.ticks = 0.0
        self.run = Run(tmp_path / "run", lambda: self.clock)
        self.info = StreamInfo("s", RATE, tuple(channels or (Channel(n) for n in EEG)), bads=frozenset({"T8"}))
        self.ring = Ring.create(None, 30_000, self.info.n_channels)
        self.run.status = status
        self.at = 0.0
        self.panel = SignalPanel(self.run, lambda: self.ticks)
        qtbot.addWidget(self.panel)
        self.panel.resize(*size)
        self.panel.show()
        self.rng = np.random.default_rng(0)

    def attach(self):
        self.run.info, self.run.ring = self.info, self.ring
        self.run._offset = 0.0

    def push(self, samples):
        samples = np.ascontiguousarray(samples, np.float32)
        self.ring.push(samples, self.at + np.arange(len(samples)) / RATE, 0.0)
        self.at += len(samples) / RATE
        self.clock = max(self.clock, self.at)

    def look(self, seconds=4.0):
        """Refresh sixty times a second; the stream's clock stands still, so that it does not fall silent."""
        for _ in range(round(seconds * 60)):
            self.ticks += 1 / 60
            self.panel.refresh()

    def eeg(self, seconds, rms=10.0):
        return rms * self.rng.standard_normal((round(seconds * RATE), self.info.n_channels))

    def alpha(self, seconds):
        """Noise, with 10 Hz that is strongest at Oz."""
        t = np.arange(round(seconds * RATE)) / RATE
        weights = np.array(
            [{"Oz": 40.0, "O1": 30.0, "O2": 30.0, "Pz": 15.0}.get(c.name, 2.0) for c in self.info.channels]
        )
        return self.eeg(seconds, 4.0) + np.sin(2 * np.pi * 10 * t)[:, None] * weights


@pytest.fixture
def seen(qtbot, tmp_path):
    made = Seen(qtbot, tmp_path)
    made.attach()
    return made


def test_without_a_stream_it_waits_and_says_so(qtbot, tmp_path):
    made = Seen(qtbot, tmp_path)
    made.look(1.0)
    assert made.panel.stage.currentWidget() is made.panel.waiting
    for name in TABS:
        made.panel.show_tab(name)
    made.panel.next_channel()
    made.attach()
    made.look(1.0)  # a ring without a single sample
    assert made.panel.built
    made.push(made.eeg(5))
    made.look()
    assert made.panel.stage.currentWidget() is made.panel.quality_view


def test_tabs_are_shown_by_name_and_in_turn(seen):
    seen.push(seen.eeg(5))
    seen.look(0.5)
    seen.panel.show_tab("bands")
    assert seen.panel.stage.currentWidget() is seen.panel.bands_view
    for name in ("Evoked", "Quality", "Spectrum"):
        seen.panel.next_tab()
        assert seen.panel.tabs.tabText(seen.panel.tabs.currentIndex()) == name
    with pytest.raises(ValueError, match="'power'; there are Spectrum"):
        seen.panel.show_tab("power")


def test_the_spectrum_of_the_selected_channel_has_its_peak_and_is_drawn_in_its_colour(seen, qtbot):
    seen.push(seen.alpha(10))
    seen.look()
    seen.panel.select(EEG.index("Oz"))
    seen.look()
    view = seen.panel.spectrum_view
    assert "Oz" in view.facts.text()
    assert "peak 10.0 Hz" in view.facts.text()
    assert view.levels[19] == pytest.approx(10 * np.log10(40.0**2 / 2 / 0.75), abs=0.5)
    assert count(view, theme.channel_colour("eeg", 0, False)) > 500
    assert "14 other EEG" in view.facts.text()  # the bad one is not among them


def test_pointing_at_the_spectrum_reads_it(seen, qtbot):
    seen.push(seen.alpha(10))
    seen.look()
    seen.panel.select(EEG.index("Oz"))
    seen.look(1.0)
    view = seen.panel.spectrum_view
    box = view.plot.getViewBox()
    view._point(box.mapViewToScene(box.viewRect().center()))
    assert view.readout.text().startswith("50.0 Hz: −")  # the middle of 0 to 100 Hz
    view._point(box.mapViewToScene(box.viewRect().bottomRight() + QPointF(20.0, 0.0)))
    assert view.readout.text() == ""


def test_the_spectrogram_shows_a_tone_as_a_bright_line_and_a_gap_as_nothing(seen):
    seen.push(seen.alpha(20))
    seen.ring.add_gap(Gap(seen.ring.written, seen.at - 1 / RATE, seen.at + 10.0, round(10 * RATE)))
    seen.at += 10.0
    seen.push(seen.alpha(20))
    seen.look()
    seen.panel.select(EEG.index("Oz"))
    seen.panel.show_tab("Spectrogram")
    seen.look()
    view = seen.panel.spectrogram_view
    image = view.image.image
    assert np.isfinite(image).any(axis=0).sum() == pytest.approx(2 * 77, abs=4)
    bright = np.nanargmax(np.where(np.isfinite(image), image, -np.inf), axis=0)[np.isfinite(image).any(axis=0)]
    assert set(bright.tolist()) == {10}
    box = view.plot.getViewBox().sceneBoundingRect()
    shown = pixels(view.widget)
    across = shown[:, int(box.left() + box.width() * (60 - 25) / 61)]  # 25 s ago: in the gap
    panel = [int(theme.PANEL[i : i + 2], 16) for i in (5, 3, 1)]
    assert (across[60:200, :3] == panel).all()
    inside = shown[60:200, int(box.left() + box.width() * (60 - 10) / 61), :3]
    assert (inside != panel).any(axis=1).all()


def test_alpha_is_largest_over_the_occiput(seen, qtbot):
    seen.push(seen.alpha(10))
    seen.panel.show_tab("Bands")
    seen.look()
    view = seen.panel.bands_view.maps["alpha"]
    shown = dict(zip(view.names, view.values, strict=True))
    assert max((n for n in shown if np.isfinite(shown[n])), key=lambda n: shown[n]) == "Oz"
    assert shown["Oz"] > 90.0
    assert np.isnan(shown["T8"])  # marked bad: left out, not guessed
    assert view.unit == "%"
    square = view.square()
    qtbot.waitUntil(lambda: view.ready)
    image = pixels(view)
    at = view.point(*view.xy[view.names.index("Oz")])
    yellow = (
        image[int(at.y()) - 9 : int(at.y()) - 5, int(at.x()) + 8 : int(at.x()) + 12, :3].reshape(-1, 3).mean(axis=0)
    )
    assert yellow[2] > 150 > yellow[0]  # the map's upper end: yellow
    front = image[int(square.center().y() - square.height() * 0.25), int(square.center().x()), :3]
    assert front[0] > front[2]  # its lower end: violet
    seen.panel.bands_view.mode.setCurrentIndex(1)
    seen.look(1.0)
    power = 40.0**2 / 2
    assert view.values[view.names.index("Oz")] == pytest.approx(10 * np.log10(power), abs=0.5)
    assert view.unit == "dB re (µV)²"


def test_a_channel_that_is_clicked_on_a_head_is_selected_everywhere(seen, qtbot):
    seen.push(seen.alpha(6))
    seen.panel.show_tab("Bands")
    seen.look()
    view = seen.panel.bands_view.maps["beta"]
    at = view.point(*view.xy[view.names.index("C4")])
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(round(at.x()), round(at.y())))
    assert seen.panel.channel == EEG.index("C4")
    assert seen.panel.channels.currentText() == "C4"
    assert view.selected == view.names.index("C4")


def test_keys_go_from_channel_to_channel_and_round(seen, qtbot):
    seen.push(seen.eeg(3))
    seen.look(0.5)
    assert seen.panel.channels.currentText() == "Fp1"
    seen.panel.activateWindow()
    seen.panel.channels.setFocus()
    qtbot.keyClick(seen.panel, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert seen.panel.channels.currentText() == "Fp2"
    qtbot.keyClick(seen.panel, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    qtbot.keyClick(seen.panel, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert seen.panel.channels.currentText() == "T8"


def trials(seen, labels, height=20.0):
    """Two seconds each, with a marker after one and a bump at Cz 300 ms later, of opposite sign for the second label."""
    t = np.arange(round(2 * RATE)) / RATE - 1.0
    for label in labels:
        samples = seen.eeg(2, 1.0)
        sign = 1.0 if label == "T1" else -1.0
        samples[:, EEG.index("Cz")] += sign * height * np.exp(-(((t - 0.3) / 0.05) ** 2))
        samples[:, EEG.index("C3")] += sign * 0.5 * height * np.exp(-(((t - 0.3) / 0.05) ** 2))
        seen.run.markers.append(Marker(seen.at + 1.0, label))
        seen.push(samples)
        seen.look(0.5)


def decoder():
    return Status(
        state="recording", decoders=(DecoderStatus("r", classes=("fists", "feet"), labels={"T1": 0, "T2": 1}),)
    )


def test_evoked_responses_build_up_for_each_class_of_the_decoder(qtbot, tmp_path):
    seen = Seen(qtbot, tmp_path, status=decoder())
    seen.attach()
    seen.panel.show_tab("Evoked")
    trials(seen, ["T1", "T2", "T1", "T9"])
    seen.look(2.0)
    cells = seen.panel.evoked_view.cells
    assert "fists" in cells[0].title.text()
    assert "n = 2" in cells[0].title.text()
    assert "n = 1" in cells[1].title.text()
    assert "1 markers of no class" in seen.panel.evoked_view.facts.text()
    assert "at 300 ms" in cells[0].map.title or "at 296 ms" in cells[0].map.title or "at 304 ms" in cells[0].map.title
    for cell, sign in ((cells[0], 1), (cells[1], -1)):
        shown = dict(zip(cell.map.names, cell.map.values, strict=True))
        assert shown["Cz"] == pytest.approx(sign * 20.0, abs=3.0)
        assert max(shown, key=lambda n: 0 if np.isnan(shown[n]) else abs(shown[n])) == "Cz"
        low, high = cell.map.limits
        assert low == -high
    assert count(cells[0].plot, theme.STRONG) > 100  # the selected channel's curve
    trials(seen, ["T1"])
    seen.look(2.0)
    assert "n = 3" in cells[0].title.text()
    qtbot.mouseClick(seen.panel.evoked_view.reset, Qt.MouseButton.LeftButton)
    seen.look(1.0)
    assert "n = 0" in cells[0].title.text()


def test_heads_show_the_time_that_is_pointed_at(qtbot, tmp_path):
    seen = Seen(qtbot, tmp_path, status=decoder())
    seen.attach()
    seen.panel.show_tab("Evoked")
    trials(seen, ["T1", "T2"])
    seen.look(1.0)
    view = seen.panel.evoked_view
    view.point(0.6)
    seen.look(1.0)
    assert [cell.map.title for cell in view.cells] == ["at 600 ms", "at 600 ms"]
    assert abs(view.cells[0].map.values[view.cells[0].map.names.index("Cz")]) < 5.0
    view.point(None)
    seen.look(1.0)
    assert "strongest" in view.cells[0].map.title


def test_epochs_that_are_left_out_are_counted_and_the_reason_named(qtbot, tmp_path):
    seen = Seen(qtbot, tmp_path, status=decoder())
    seen.attach()
    seen.panel.show_tab("Evoked")
    trials(seen, ["T1", "T1"], height=400.0)
    seen.look(1.0)
    view = seen.panel.evoked_view
    assert "n = 0" in view.cells[0].title.text()
    assert "2 too large" in view.cells[0].title.text()
    assert "Cz (2 of 2): raise the limit, or mark it bad" in view.facts.text()
    view.limit.setCurrentIndex(3)
    seen.look(1.0)
    assert "n = 2" in view.cells[0].title.text()


def test_averages_go_on_while_another_tab_is_shown(qtbot, tmp_path):
    seen = Seen(qtbot, tmp_path, status=decoder())
    seen.attach()
    trials(seen, ["T1", "T2"])
    assert {a.name: a.kept for a in seen.panel.evoked.averages.values()} == {"fists": 1, "feet": 1}


def test_quality_names_what_is_wrong_the_worst_first_and_marks_it_on_the_head(seen, qtbot):
    samples = seen.eeg(10)
    samples[:, EEG.index("C3")] = 0.0
    samples[:, EEG.index("P4")] += 14.0 * np.sqrt(2) * np.sin(2 * np.pi * 50 * np.arange(len(samples)) / RATE)
    seen.push(samples)
    seen.panel.show_tab("Quality")
    seen.look()
    view = seen.panel.quality_view
    rows = [[view.table.data(view.table.index(r, c)) for c in range(3)] for r in range(16)]
    assert rows[0] == ["C3", "✖ bad", "flat"]
    assert rows[1] == ["P4", "▲ fair", "50 Hz noise 14 µV"]
    assert rows[2][1:] == ["● good", "good"]
    assert "1 bad" in view.facts.text()
    assert "impedance: not streamed" in view.facts.text()
    assert ["T8 (marked bad)", "● good", "good"] in rows
    assert count(view.map, theme.ALARM) > 10
    assert count(view.map, theme.WARNING) > 10
    assert "flat" in view.map.hover(view.map.names.index("C3"))
    box = view.list.visualRect(view.table.index(1, 0))
    qtbot.mouseClick(view.list.viewport(), Qt.MouseButton.LeftButton, pos=box.center())
    assert seen.panel.channels.currentText() == "P4"
    view.list.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert [row.name for row in view.table.rows[:2]] == ["Fp1", "Fp2"]


def test_reasons_are_not_cut_off_in_a_narrow_panel(seen):
    samples = seen.eeg(10)
    samples[:, EEG.index("P4")] *= 30.0
    seen.push(samples)
    seen.panel.show_tab("Quality")
    seen.panel.resize(700, 450)
    seen.look()
    view = seen.panel.quality_view
    words = view.table.rows[0].words
    assert "far above the others" in words
    assert view.list.columnWidth(2) >= view.list.fontMetrics().horizontalAdvance(words)
    assert view.list.isColumnHidden(4)
    seen.panel.resize(1200, 680)
    assert not view.list.isColumnHidden(4)


def test_kinds_of_sensors_are_chosen_and_pairs_of_gradiometers_are_one_place(qtbot, tmp_path):
    channels = [
        Channel(f"MEG{site:03d}{k}", "mag" if k == 1 else "grad", "fT" if k == 1 else "fT/cm")
        for site in (11, 12, 21, 31, 121, 111)
        for k in (1, 2, 3)
    ]
    seen = Seen(qtbot, tmp_path, channels=[Channel("Cz"), *channels])
    seen.attach()
    seen.push(seen.eeg(8, 100.0))
    seen.panel.show_tab("Bands")
    seen.look(2.0)
    assert [seen.panel.kinds.itemText(k) for k in range(3)] == ["EEG", "MEG mag", "MEG grad"]
    seen.panel.kinds.setCurrentIndex(2)
    seen.look(1.0)
    view = seen.panel.bands_view.maps["delta"]
    assert seen.panel.channels.currentText() == "MEG0112"
    assert len(view.xy) == 6
    assert "MEG011x" in view.names


def test_channels_without_a_place_are_listed_and_nothing_is_drawn_for_them(qtbot, tmp_path):
    seen = Seen(qtbot, tmp_path, channels=[Channel("Cz"), Channel("Fz"), Channel("A17"), Channel("B3")])
    seen.attach()
    seen.push(seen.eeg(6))
    seen.panel.show_tab("Bands")
    seen.look(2.0)
    assert "no known position: A17, B3" in seen.panel.bands_view.facts.text()
    assert set(seen.panel.bands_view.maps["beta"].names) == {"Fz", "Cz"}


def test_silence_is_said(seen):
    seen.push(seen.eeg(5))
    seen.look(0.5)
    assert not seen.panel.note.isVisible()
    seen.clock += 7.0
    seen.look(0.5)
    assert seen.panel.note.isVisible()
    assert "no samples for 7 s: what is shown is old" in seen.panel.note.text()


def test_a_topography_says_its_values_and_its_limits(qtbot):
    view = Topography(DIVERGING)
    qtbot.addWidget(view)
    view.resize(300, 260)
    xy = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.5], [0.0, -0.5]])
    view.set_positions(xy, ("left", "right", "front", "back"))
    view.show_values(np.array([-1.0, 1.0, 0.0, np.nan]), (-1.0, 1.0), "r²")
    assert view.hover(0) == "left: −1 r²"
    assert view.hover(3) == "back: left out"
    shades = table(DIVERGING)
    image = pixels(view)

    def near(name, shade):
        at = view.point(*xy[view.names.index(name)])
        seen = image[int(at.y()) + 4, int(at.x()), :3].astype(int)
        wanted = np.array([shades[shade] & 255, (shades[shade] >> 8) & 255, (shades[shade] >> 16) & 255]).astype(int)
        return np.abs(seen - wanted).max() < 40

    assert near("left", 0)
    assert near("right", 255)
    with pytest.raises(ValueError, match="2 values for 4 sensors"):
        view.show_values(np.zeros(2), (0.0, 1.0), "")


def test_a_topography_without_any_value_is_empty_and_does_not_fail(qtbot):
    view = Topography(SEQUENTIAL)
    qtbot.addWidget(view)
    view.resize(200, 200)
    view.set_positions(np.zeros((0, 2)))
    assert count(view, theme.PANEL) > 30_000
    view.set_positions(np.array([[0.1, 0.1], [0.4, -0.2]]))
    view.show_values(np.full(2, np.nan), (0.0, 1.0), "µV")
    assert not view.pixels.any()
    view.grab()


def test_a_sensor_is_found_within_reach_of_the_mouse_only(qtbot):
    view = HeadMap()
    qtbot.addWidget(view)
    view.resize(300, 300)
    view.set_positions(np.array([[0.0, 0.8], [0.0, -0.8]]), ("Fz", "Oz"))
    at = view.point(0.0, 0.8)
    assert view.sensor_at(at) == 0
    assert at.y() < view.point(0.0, -0.8).y()  # the front is up
    assert view.sensor_at(view.point(0.0, 0.0)) is None


def test_a_map_that_is_prepared_in_the_background_comes_by_itself_and_is_the_same(qtbot):
    xy = np.random.default_rng(0).uniform(-0.7, 0.7, (40, 2))
    at_once, soon = Topography(), Topography(background=True)
    for view in (at_once, soon):
        qtbot.addWidget(view)
        view.set_positions(xy)
        view.show_values(xy[:, 0], (-1.0, 1.0), "µV")
    assert at_once.pixels.any()
    qtbot.waitUntil(lambda: bool(soon.pixels.any()))
    np.testing.assert_array_equal(soon.pixels, at_once.pixels)
    values = xy[:, 0].copy()
    values[3] = np.nan  # another set of sensors
    for view in (at_once, soon):
        view.show_values(values, (-1.0, 1.0), "µV")
    qtbot.waitUntil(lambda: soon.ready and bool(soon.pixels.any()))
    np.testing.assert_array_equal(soon.pixels, at_once.pixels)
