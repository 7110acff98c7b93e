"""The panel of health over a session that is written by hand: what stands on it, and in which colours."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent, QImage
from PySide6.QtWidgets import QToolTip

from rtbci.runfolder import DecisionRing, read_json, replace_json
from rtbci.stages import StageRing
from rtbci_ui import theme
from rtbci_ui.banner import Level
from rtbci_ui.health.panel import NONE, HealthPanel
from rtbci_ui.health.problems import worst
from rtbci_ui.run import Run
from tests.ui.fake_session import CLASSES, FakeSession

pytestmark = pytest.mark.usefixtures("dark")
HOST = {
    "cpu": 34.0, "n_cpus": 2, "session_cpu": 61.2, "memory_mb": 412.0, "disk_free": 41 * 10**9,
    "gpu": [{"device": 0, "name": "Paper Tiger", "used_mb": 2100.0, "total_mb": 8000.0}],
}  # fmt: skip


def pixels(widget, colour: str) -> int:
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.bytesPerLine() // 4)
    return int((rows[:, : image.width()] == theme.pixel(colour)).sum())


class Scene:
    """A fake session, its run, a panel on it, and a clock that goes when it is told to."""

    def __init__(self, fake: FakeSession, qtbot) -> None:
        self.fake = fake
        fake.fill(20.0)
        self.host = dict(HOST)
        self.ahead = 0.0
        began = fake.began
        self.clock = lambda: began + 20.0 + self.ahead
        self.rings = {name: StageRing.create(fake.run.stages(name)) for name in fake.decisions}
        self.told = dict.fromkeys(fake.decisions, 0)
        self.write()
        self.run = Run(fake.run.path, self.clock)
        self.panel = HealthPanel(self.run)
        qtbot.addWidget(self.panel)
        self.panel.resize(900, 700)
        self.panel.show()
        self.look()

    def write(self) -> None:
        """The status at this time, and the stages of all decisions: 2, 1 and 0.5 ms, and decoding takes the rest."""
        seconds = 20.0 + self.ahead
        self.fake.write_status(seconds)
        fields = read_json(self.fake.run.status)
        now = self.clock()
        replace_json(
            self.fake.run.status,
            {**fields, "host": self.host, "monotonic": now, "time": now + self.fake.offset},
        )
        for name, ring in self.rings.items():
            for decision in self.fake.decisions[name].new(self.told[name]):
                arrival = decision.arrival_time
                ring.note(decision, arrival + 0.0004, arrival + 0.0009, arrival + 0.0015)
                self.told[name] += 1
            ring.publish()

    def go(self, seconds: float, *, quiet: bool = False, dead: bool = False) -> None:
        """Time passes; ``quiet``: without decisions, ``dead``: without a word."""
        for _ in range(round(seconds / 0.25)):
            self.ahead += 0.25
            if dead:
                pass
            elif quiet:
                self.fake.push_until(20.0 + self.ahead)
            else:
                self.fake.play_until(20.0 + self.ahead)
            if not dead:
                self.write()
            self.look()

    def look(self) -> None:
        """As the shell does within a quarter of a second."""
        self.run.refresh()
        for _ in range(6):
            self.panel.refresh()

    def close(self) -> None:
        for ring in self.rings.values():
            ring.close()
        self.panel.close_rings()
        self.run.close()


@pytest.fixture
def scene(fake, qtbot):
    scene = Scene(fake, qtbot)
    yield scene
    scene.close()


@pytest.fixture
def two(tmp_path, qtbot):
    fake = FakeSession(tmp_path / "two", decoders=("riemann", "mdm"))
    scene = Scene(fake, qtbot)
    yield scene
    scene.close()
    fake.close()


def test_a_session_that_is_well_says_so_with_all_its_figures(scene: Scene) -> None:
    scene.go(1.0)
    assert scene.panel.problems.texts() == ["✓ nothing is wrong"]
    said = scene.panel.grid.texts()
    assert said["Signal / state"] == "✓ live"
    assert said["Signal / received"] == "5 250"
    assert said["Machine / processor"] == "34 %"
    assert said["Machine / Paper Tiger"] == "2.1 GB of 8.0 GB"
    assert said["Recording / disk left"] == "41.0 GB"
    assert said["Decoder riemann / skipped"] == "▲ 3"
    rate = 250 * 64 * 4  # bytes per second that the fake records
    assert said["Recording / lasts for"] == f"≈ {41e9 / rate / 86400:.1f} d"
    assert said["Recording / grows by"] == "3.8 MB/min"
    assert scene.panel.restarts.item(0).text() == NONE


def test_stages_are_those_that_the_worker_told_and_drawing_is_the_window_s_own(scene: Scene) -> None:
    scene.go(1.0)
    rows = {row[0]: row[1:] for row in scene.panel.stages.texts()}
    ages = scene.run.feeds["riemann"].ages_ms
    assert rows["wait"] == ["1.00", "1.00", "1.00"]
    assert rows["transform"] == ["0.50", "0.50", "0.50"]
    assert float(rows["ready"][0]) == pytest.approx(np.percentile(ages, 50), rel=0.01)
    assert float(rows["transport"][0]) == pytest.approx(np.percentile(ages, 50) * 0.2, rel=0.01)
    assert rows["draw"] == ["–", "–", "–"]
    for k in (1, 2, 3):  # three that were painted, 12 ms after they were ready
        scene.fake.decide("riemann", 21.0 + k / 10, 0.5)
        scene.run.refresh()
        feed = scene.run.feeds["riemann"]
        feed.painted(feed.newest.ready_time + 0.012)
    scene.go(0.25, quiet=True)
    rows = {row[0]: row[1:] for row in scene.panel.stages.texts()}
    assert rows["draw"] == ["12.0", "12.0", "12.0"]
    assert pixels(scene.panel.stages, theme.class_colour(3)) > 2000  # decoding is most of it
    assert pixels(scene.panel.stages, theme.class_colour(3)) > 3 * pixels(scene.panel.stages, theme.class_colour(2))


def test_a_stage_says_what_it_is(scene: Scene, qapp) -> None:
    scene.go(0.5)
    view = scene.panel.stages
    view.grab()
    place = QPoint(40, 84)  # the second row of six: wait
    qapp.sendEvent(view, QHelpEvent(QEvent.Type.ToolTip, place, view.mapToGlobal(place)))
    assert "Until the worker begins with the window" in QToolTip.text()


def test_decisions_that_stop_coming_are_stale_in_red_and_a_problem(scene: Scene) -> None:
    scene.go(0.5)
    assert "STALE" not in scene.panel.age.state.text()
    assert pixels(scene.panel, theme.ALARM_BACK) == 0
    scene.go(3.0, quiet=True)
    assert scene.panel.age.state.text() == "STALE: nothing newer"
    newest = scene.run.feeds["riemann"].newest.signal_time
    age = f"{scene.run.now() - newest:.1f} s"
    assert age in ("3.0 s", "3.1 s")
    assert scene.panel.age.age.text() == age
    assert pixels(scene.panel.age, theme.ALARM_BACK) > 1000
    (problem,) = scene.panel.problems.texts()
    assert f"riemann: its newest decision is {age} old" in problem
    assert scene.run.banner() is None
    assert worst(scene.run).headline == f"riemann: its newest decision is {age} old"


def test_a_decoder_that_is_live_and_decides_nothing_is_a_problem_until_it_does(scene: Scene) -> None:
    plain, fake = scene.write, scene.fake

    def write() -> None:
        plain()
        fields = read_json(fake.run.status)
        fields["decoders"]["mute"] = {**fields["decoders"]["riemann"], "decoded": 0}
        replace_json(fake.run.status, fields)

    scene.write = write
    scene.go(6.0)  # a window of 2 s, and some patience
    assert scene.panel.problems.texts() == ["✓ nothing is wrong"]
    scene.go(2.0)
    (problem,) = scene.panel.problems.texts()
    assert "▲ mute has decided nothing for 7." in problem
    fake.decisions["mute"] = DecisionRing.create(fake.run.decisions("mute"), CLASSES, 0.1, 2.0)
    scene.rings["mute"], scene.told["mute"] = StageRing.create(fake.run.stages("mute")), 0
    scene.go(1.0)
    assert scene.panel.problems.texts() == ["✓ nothing is wrong"]


def test_a_silent_session_makes_all_of_it_stale_but_the_window_s_own_figures(scene: Scene) -> None:
    scene.go(0.5)
    scene.panel.frames.frame(0.004)
    before = pixels(scene.panel.grid, theme.TEXT)
    scene.go(2.0, dead=True)
    assert scene.panel.age.state.text() == "STALE: no word of it"
    (problem,) = scene.panel.problems.texts()
    assert "✖ no word from the session for 2.0 s" in problem
    after = pixels(scene.panel.grid, theme.TEXT)
    assert 0 < after < 0.4 * before  # only "This window" is as it was
    assert pixels(scene.panel.stages, theme.class_colour(3)) == 0
    scene.go(0.5)  # it was only held up
    assert "STALE" not in scene.panel.age.state.text()
    assert pixels(scene.panel.stages, theme.class_colour(3)) > 2000


def test_a_disk_that_is_nearly_full_is_said_with_what_to_do(scene: Scene) -> None:
    scene.host["disk_free"] = 5_000_000
    scene.go(0.5)
    (problem,) = scene.panel.problems.texts()
    # 5 MB last 78 s at 64 kB a second
    assert problem.startswith("<b>✖ disk: 5.0 MB left, 1.3 min of recording</b> – free some space on ")
    assert scene.panel.grid.texts()["Recording / disk left"] == "✖ 5.0 MB, nearly full"
    assert scene.panel.health.banner().level is Level.ALARM
    del scene.host["disk_free"]
    scene.go(0.5)
    assert scene.panel.problems.texts() == ["✓ nothing is wrong"]
    assert scene.panel.grid.texts()["Recording / disk left"] == "unknown"


def test_samples_that_are_lost_are_a_problem_while_they_are_new(scene: Scene) -> None:
    scene.go(0.5)
    scene.fake.missing += 125
    scene.go(0.25, quiet=True)
    assert any("125 samples lost in the last 10 s" in text for text in scene.panel.problems.texts())
    scene.go(11.0, quiet=True)
    assert not any("lost" in text for text in scene.panel.problems.texts())
    assert scene.panel.grid.texts()["Signal / lost"].startswith("▲ 125 (")


def test_restarts_stand_in_the_list_newest_first(scene: Scene) -> None:
    reasons = [{"time": 1000.0, "why": "was killed by signal 9"}, {"time": 2000.0, "why": "took longer than 2 s"}]
    scene.fake.trouble = {"riemann": {"restarts": 2, "restart_reasons": reasons}}
    scene.go(0.5)
    shown = [scene.panel.restarts.item(k).text() for k in range(scene.panel.restarts.count())]
    assert [text[8:] for text in shown] == ["   riemann   took longer than 2 s", "   riemann   was killed by signal 9"]
    assert scene.panel.grid.texts()["Decoder riemann / restarts"] == "▲ 2"


def test_another_decoder_is_chosen_by_the_shell_or_with_the_keyboard(two: Scene, qtbot) -> None:
    two.go(0.5)
    panel = two.panel
    assert panel.chooser.isVisible()
    assert panel.health.name == panel.chooser.currentText() == "riemann"
    panel.select("mdm")
    assert panel.chooser.currentText() == "mdm"
    assert "Decoder mdm / state" in panel.grid.texts()
    panel.chooser.setFocus()
    qtbot.keyClick(panel.chooser, Qt.Key.Key_Up)
    assert panel.health.name == "riemann"
    assert "Decoder riemann / state" in panel.grid.texts()
    assert panel.chooser.toolTip()
    panel.select("nobody")
    two.go(0.25)
    assert panel.health.name == "riemann"


def test_one_decoder_is_no_choice(scene: Scene) -> None:
    assert not scene.panel.chooser.isVisible()


def test_before_a_session_says_anything_and_after_it_has_ended(tmp_path, qtbot, scene: Scene) -> None:
    (tmp_path / "empty").mkdir()
    run = Run(tmp_path / "empty")
    panel = HealthPanel(run)
    qtbot.addWidget(panel)
    panel.show()
    run.refresh()
    panel.refresh()
    assert panel.problems.texts() == ["no session yet"]
    assert panel.grid.texts() == {"Session / state": "nothing was heard of it yet"}
    panel.close_rings()
    run.close()
    scene.fake.state = "ended"
    scene.go(0.5)
    assert scene.panel.problems.texts() == ["the session has ended"]
    assert scene.panel.age.state.text() == "session ended"
    assert scene.panel.grid.texts()["Recording / state"] == "closed"


def test_a_ring_of_stages_that_is_none_is_said_and_breaks_nothing(fake, qtbot) -> None:
    fake.fill(3.0)
    fake.run.stages("riemann").write_bytes(b"rubbish" * 1000)
    run = Run(fake.run.path)
    panel = HealthPanel(run)
    qtbot.addWidget(panel)
    panel.show()
    run.refresh()
    panel.refresh()
    assert any("is not an rtbci ring" in text for text in panel.problems.texts())
    panel.close_rings()
    run.close()


@pytest.mark.parametrize(("width", "beside"), [(480, False), (700, False), (1600, True)])
def test_everything_fits_into_the_width_that_there_is(scene: Scene, qapp, width: int, beside: bool) -> None:
    panel = scene.panel
    panel.resize(width, 450)
    scene.go(0.5)
    qapp.processEvents()
    assert panel.area.widget().width() <= panel.area.viewport().width()
    at = lambda widget: widget.mapTo(panel, QPoint(0, 0))  # noqa: E731
    assert (at(panel.stages).x() > at(panel.age).x() + 100) is beside
    assert (at(panel.restarts).x() > at(panel.grid).x() + 100) is beside
    # groups lie in as many columns as there is room for, and none is torn apart
    columns = panel.grid.columns()
    assert len(columns) >= {480: 2, 700: 3, 1600: 5}[width]
    assert [group.title for column in columns for group in column] == [
        "Signal", "Decoder riemann", "Recording", "Machine", "This window",
    ]  # fmt: skip


def test_a_light_theme_is_light(fake, qtbot, qapp) -> None:
    theme.apply(qapp, "light")
    try:
        scene = Scene(fake, qtbot)
        scene.go(0.5)
        assert pixels(scene.panel, theme.PANEL) > 0.5 * scene.panel.width() * scene.panel.height()
        scene.close()
    finally:
        theme.apply(qapp, "dark")
