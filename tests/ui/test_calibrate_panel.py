"""The calibration panel on a session's folder: real child processes, real files, offscreen."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton

from rtbci import config
from rtbci.feature_choice import suggest
from rtbci.feature_epochs import measure
from rtbci.feature_maps import FREQUENCY, TIME
from rtbci_ui import theme
from rtbci_ui.calibrate.job import Job
from rtbci_ui.calibrate.maps_view import MapsView
from rtbci_ui.calibrate.panel import CalibratePanel
from rtbci_ui.calibrate.presented import Follower
from rtbci_ui.run import Run
from tests.test_feature_maps import EXPERIMENT, _recording
from tests.ui.fake_session import FakeSession

ONE = EXPERIMENT[: EXPERIMENT.rindex("[[decoder]]")].replace('"tangent"', '"log-variance"')
PARADIGM = """
[paradigm]
use = "motor-imagery"
trials = 1
fixation = 0.1
get_ready = 0.1
cue = 0.1
imagery = 0.1
rest = 0.1
rest_jitter = 0.0
"""


class Session:
    """A fake session with an experiment beside it and a recording in it, and the panel that looks at them."""

    def __init__(
        self, fake: FakeSession, tmp_path: Path, qtbot: object, text: str = ONE + PARADIGM, **how: float
    ) -> None:
        self.fake, self.qtbot = fake, qtbot
        self.experiment = tmp_path / "mine.toml"
        self.experiment.write_text(text)
        self.recording = fake.session / "recording.csv"
        _recording(self.recording, **how)
        fake.recording = {"state": "recording", "path": str(self.recording), "problem": None}
        fake.push_until(2.0)
        fake.write_status(2.0)
        self.run = Run(fake.run.path)
        self.run.refresh()
        self.point()
        self.panel = self.build()

    def build(self) -> CalibratePanel:
        panel = CalibratePanel(self.run)
        self.qtbot.addWidget(panel)  # type: ignore[attr-defined]
        panel.resize(900, 560)
        panel.show()
        self.look(panel)
        return panel

    def point(self) -> None:
        """The session says which experiment it was started with."""
        assert self.run.status is not None
        self.run.status = replace(self.run.status, experiment=str(self.experiment))

    def look(self, panel: CalibratePanel | None = None) -> None:
        panel = panel or self.panel
        panel._due = 0.0
        panel.refresh()

    def until(self, there: Callable[[], bool], seconds: float = 100.0) -> None:
        end = time.monotonic() + seconds
        while not there():
            assert time.monotonic() < end, {k: (s.state, s.words) for k, s in self.panel.work.stages.items()}
            QTest.qWait(20)
            self.look()


@pytest.fixture
def session(dark: object, fake: FakeSession, tmp_path: Path, qtbot: object) -> Iterator[Session]:
    made = Session(fake, tmp_path, qtbot, rhythm=1.5)
    yield made
    made.panel.work.cancel()
    made.panel.work.presentation.cancel()
    made.run.close()


def test_a_panel_waits_where_nothing_is_there_yet(dark: object, tmp_path: Path, qtbot: object) -> None:
    panel = CalibratePanel(Run(tmp_path / "not yet"))
    qtbot.addWidget(panel)  # type: ignore[attr-defined]
    for step in ("present", "train", "live"):
        panel.show_step(step)
        panel._due = 0.0
        panel.refresh()
    assert not panel.train.train.isEnabled()
    assert panel.train.train.toolTip() == "the session has no experiment file yet"
    assert panel.live.why_not() == "nothing is trained yet"
    with pytest.raises(ValueError, match="there are present, train, live"):
        panel.show_step("paint")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_train_gives_a_model_a_cross_validated_result_and_maps_and_goes_live(session: Session) -> None:
    panel, work = session.panel, session.panel.work
    panel.show_step("train")
    session.look()
    assert panel.train.recordings.chosen() == (session.recording,)
    assert panel.train.recordings.list.item(0).text().startswith("this session: recording.csv, recording")
    panel.train.train.click()
    assert work.busy
    session.look()
    assert not panel.train.train.isEnabled()
    assert panel.train.cancel.isEnabled()
    session.until(lambda: not work.busy and work.stages["check"].state == "done")
    assert work.model is not None and work.model.parent == session.experiment.parent
    assert work.model.is_file()
    (score,) = work.scores
    assert (score.decoder, score.trials, score.folds) == ("riemann", 32, 4)
    assert score.accuracy > 0.7
    shown = panel.train.result.text()
    for words in (
        score.headline,
        "95 % interval",
        "chance 50 %",
        "trained on shuffled labels",
        "model"[:0],
        work.model.name,
    ):
        assert words in shown
    plot = panel.train.maps.plots[FREQUENCY]
    assert plot.map is not None
    assert plot.strongest() == (0, 11)  # C3, 12 Hz
    assert "C3, 12 Hz: signed r²" in panel.train.maps.cell.text()
    assert panel.tabs.tabText(1) == f"2  Train: {100 * score.accuracy:.0f} % of 32, chance 50 %"
    session.look()
    assert panel.tabs.tabText(2) == "3  Go live: ready"
    wanted: list[tuple[object, object]] = []
    panel.live_wanted.connect(lambda experiment, model: wanted.append((experiment, model)))
    panel.show_step("live")
    panel.live.go.click()
    assert wanted == [(session.experiment, work.model)]

    # the choice: a copy is written, trained, and its rule validated
    panel.show_step("train")
    choice = panel.train.choice
    choice.show_choice(("C3", "C4"), (10.0, 14.0))
    before = work.model
    choice.apply.click()
    session.until(lambda: not work.busy and work.stages["check"].state == "done")
    assert work.model is not None and work.model != before
    assert work.runs is not None and work.runs != session.experiment
    step = config.load(work.runs).decoders[0].transforms[0]
    assert (step.use, list(step.args["channels"])) == ("pick", ["C3", "C4"])
    assert "# a comment that stays" in work.runs.read_text()
    assert session.experiment.read_text() == ONE + PARADIGM
    (validated,) = work.validated
    assert validated.trials == 32
    assert work.folds_that_chose[1] == 4
    assert "before choosing" in panel.train.result.text()
    assert "Choice made anew in every fold" in panel.train.result.text()


def test_a_training_that_fails_says_why_in_place_and_leaves_nothing(session: Session) -> None:
    session.experiment.write_text((ONE + PARADIGM).replace('left = ["1"]', 'left = ["7"]'))
    panel, work = session.panel, session.panel.work
    panel.show_step("train")
    session.look()
    panel.train.begin()
    session.until(lambda: not work.busy)
    session.look()
    assert work.stages["train"].state == "failed"
    assert 'left = ["7"]' in panel.train.lines["train"].text()
    assert "no such marker" in panel.train.lines["train"].text()
    assert panel.train.lines["evaluate"].text() == "Cross-validation: not asked for: the training failed"
    assert panel.live.why_not() == "nothing is trained yet"
    assert panel.tabs.tabText(1) == "2  Train: failed"
    assert not list(session.experiment.parent.glob("*.rtbci"))


def test_cancel_ends_the_children_and_leaves_nothing(session: Session) -> None:
    panel, work = session.panel, session.panel.work
    panel.show_step("train")
    session.look()
    panel.train.begin()
    session.until(lambda: work.jobs["train"].elapsed > 0.3)
    panel.train.cancel.click()
    assert not work.busy
    assert not any(job.running for job in work.jobs.values())
    assert work.stages["train"].words == "cancelled"
    names = sorted(
        path.name for path in session.experiment.parent.iterdir() if path.name not in ("run", "preferences.ini")
    )
    assert names == ["mine.toml"]


def test_an_experiment_that_is_wrong_is_told_where_it_is_needed(session: Session) -> None:
    session.experiment.write_text("name = 3")
    session.look()
    assert "mine.toml" in session.panel.present.say.text()
    session.panel.show_step("train")
    session.look()
    assert not session.panel.train.train.isEnabled()
    assert "mine.toml" in session.panel.train.train.toolTip()


# ---------------------------------------------------------------------- presenting


def test_the_paradigm_of_the_experiment_is_offered_with_its_classes(session: Session) -> None:
    view = session.panel.present
    assert view.paradigm.currentData() == "motor-imagery"
    assert view.form._text("trials") == "1"
    assert view.form._text("classes") == '["left", "right"]'
    assert view.count.text().startswith("2 trials, about 0:0")
    assert view.form.words() == []
    view.form.fields["trials"].setText("4")  # type: ignore[attr-defined]
    view.judge()
    assert view.form.words() == ["trials=4"]
    assert view.outlook.trials == 8
    view.form.fields["trials"].setText("0")  # type: ignore[attr-defined]
    view.judge()
    session.look()
    assert not view.start.isEnabled()
    assert "trials = 0: is below 1" in view.say.text()


def test_the_form_names_the_stream_that_the_session_listens_to(
    dark: object, fake: FakeSession, tmp_path: Path, qtbot: object
) -> None:
    made = Session(fake, tmp_path, qtbot, text=ONE + '[markers]\nstreams = ["its markers"]\n' + PARADIGM)
    try:
        view = made.panel.present
        assert (view.form._text("stream"), view.outlook.stream) == ("its markers", "its markers")
        view.form.fields["stream"].setText("rtbci-markers")  # type: ignore[attr-defined]
        view.judge()
        assert view.outlook.stream == "rtbci-markers"
    finally:
        made.run.close()


def test_another_paradigm_has_its_own_settings(session: Session) -> None:
    view = session.panel.present
    view.paradigm.setCurrentIndex(view.paradigm.findData("resting"))
    assert "duration" in view.form.fields
    assert "imagery" not in view.form.fields
    assert view.outlook.trials > 0


@pytest.mark.timeout(200)
def test_a_presentation_runs_beside_the_window_and_is_followed(session: Session) -> None:
    view, work = session.panel.present, session.panel.work
    view.auto.setChecked(True)
    work.present([*view.arguments(), "--auto", "--no-wait-for-consumer"], view._log(), view.outlook.trials)
    session.look()
    assert not view.start.isEnabled()
    assert view.abort.isEnabled()
    session.until(lambda: not work.presentation.running)
    session.look()
    assert work.follower is not None
    assert work.follower.path.parent == session.fake.session
    assert view.count.text() == "2 of 2 trials · done"
    assert "not synchronised to the display" in view.facts.toPlainText()
    assert "0 by the session: it does not listen to “rtbci-markers”" in view.facts.toPlainText()
    assert session.panel.tabs.tabText(0) == "1  Present: 2 of 2"
    assert view.start.text() == "Present again"


@pytest.mark.timeout(200)
def test_a_presentation_goes_on_when_the_window_is_built_anew_and_can_be_aborted(session: Session) -> None:
    work = session.panel.work
    session.panel.present.form.fields["trials"].setText("500")  # type: ignore[attr-defined]
    given = [*session.panel.present.arguments(), "--auto", "--no-wait-for-consumer"]
    work.present(given, session.panel.present._log(), 1000)
    assert work.follower is not None
    session.until(lambda: work.follower is not None and work.follower.look().state == "running")
    theme.apply(session.panel.parent() or _application(), "light")
    session.panel.close()
    session.panel = session.build()
    assert session.panel.work is work
    assert work.presentation.running
    session.panel.present.abort.click()
    session.until(lambda: not work.presentation.running)
    assert work.follower.look().state == "ended early"
    assert work.presentation_problem == ""
    session.look()
    assert "ended early" in session.panel.present.count.text()


def _application() -> object:
    from PySide6.QtWidgets import QApplication

    return QApplication.instance()


@pytest.mark.timeout(200)
def test_closing_the_window_for_good_ends_all_children(session: Session) -> None:
    work = session.panel.work
    session.panel.show_step("train")
    session.look()
    session.panel.train.begin()
    work.present([*session.panel.present.arguments(), "--no-wait-for-consumer"], session.panel.present._log(), 2)
    session.until(lambda: work.follower is not None and work.follower.look().state == "ready")
    work.stop()
    assert not work.presentation.running
    assert not any(job.running for job in work.jobs.values())
    assert work.follower is not None
    session.until(lambda: work.follower is not None and work.follower.look().over, 20.0)
    assert not list(session.experiment.parent.glob("*.rtbci*"))


def test_what_the_stimulus_process_refuses_is_told(session: Session) -> None:
    work = session.panel.work
    work.present(["--paradigm", "nothing"], session.fake.session / "log.jsonl", 3)
    session.until(lambda: not work.presentation.running)
    session.look()
    assert '"nothing" is no paradigm' in session.panel.present.say.text()


def test_a_session_that_does_not_record_is_warned_of_and_can_be_told_to(session: Session) -> None:
    assert session.panel.present.record.isHidden()
    status = session.run.status
    assert status is not None
    session.run.status = replace(status, recording=replace(status.recording, state="off"))
    session.look()
    assert not session.panel.present.record.isHidden()
    assert "would be lost" in session.panel.present.say.text()
    asked: list[tuple[str, dict]] = []
    session.panel.ask.connect(lambda words, message: asked.append((words, message)))
    session.panel.present.record.click()
    assert asked == [("start recording", {"do": "record", "on": True})]


def test_markers_of_another_program_lead_to_the_next_step(session: Session) -> None:
    session.panel.present.skip.click()
    assert session.panel.stage.currentWidget() is session.panel.train


def test_the_clock_runs_from_the_end_of_the_last_trial(session: Session) -> None:
    session.fake.mark("1", -100.0)
    session.run.refresh()
    session.point()
    session.look()
    since = session.panel.since_last_trial()
    assert since is not None
    assert 97.0 < since < 130.0
    assert "since the last trial, aim 2:00" in session.panel.clock.text()
    session.fake.mark("2", 1000.0)  # a trial that goes on
    session.run.refresh()
    session.point()
    session.look()
    assert session.panel.since_last_trial() is None
    assert session.panel.clock.text() == ""


# ---------------------------------------------------------------------- maps and choice


@pytest.fixture
def maps_view(dark: object, tmp_path: Path, qtbot: object) -> MapsView:
    path = tmp_path / "e.toml"
    path.write_text(EXPERIMENT)
    maps = measure(config.load(path), [_recording(tmp_path / "r.csv", rhythm=1.5)])
    view = MapsView()
    qtbot.addWidget(view)  # type: ignore[attr-defined]
    view.resize(700, 420)
    view.show()
    view.show_maps(maps)
    return view


def test_significant_cells_are_outlined_and_counted(maps_view: MapsView) -> None:
    plot = maps_view.plots[FREQUENCY]
    assert plot.map is not None
    count = int(plot.map.significant.sum())
    assert count > 0
    assert plot.title.text() == f"Channel × frequency: {count} of 180 cells survive FDR 5 % (outlined)"
    x, y = plot.lines.getData()
    assert (y.min(), y.max()) == (0.0, 1.0)  # C3 alone, the first row
    columns = np.flatnonzero(plot.map.significant[0])
    assert (x.min(), x.max()) == (columns[0] + 0.5, columns[-1] + 1.5)  # Hz


def test_maps_say_how_they_were_made(maps_view: MapsView) -> None:
    assert maps_view.maps is not None
    about = {**maps_view.maps.about, "average_reference": True, "notch": 50.0}
    maps_view.show_maps(replace(maps_view.maps, about=about))
    said = maps_view.plots[FREQUENCY].title.text()
    assert said.startswith("Channel × frequency (average reference, notch 50 Hz): ")


def test_arrow_keys_move_the_cell_and_the_topography_follows(maps_view: MapsView) -> None:
    plot = maps_view.plots[FREQUENCY]
    assert plot.map is not None
    row, column = plot.cell
    QTest.keyClick(plot.plot, Qt.Key.Key_Right)
    QTest.keyClick(plot.plot, Qt.Key.Key_Down)
    assert plot.cell == (row + 1, column + 1)
    assert maps_view.cell.text().startswith("Cz, 13 Hz: signed r²")
    topography = maps_view.topography
    shown = dict(zip(topography.names, topography.values, strict=True))
    assert shown == dict(zip(plot.channels, plot.map.r2[:, column + 1], strict=True))
    assert topography.title == "13 Hz"
    assert maps_view.topography.selected == maps_view.topography.names.index("Cz")
    for _ in range(9):
        QTest.keyClick(plot.plot, Qt.Key.Key_Up)
    assert plot.cell[0] == 0


def test_the_topography_is_of_the_kind_of_the_chosen_channel(maps_view: MapsView) -> None:
    assert maps_view.maps is not None
    names = ("MEG0111", "MEG0112", "MEG0113", "MEG0121")
    mixed = replace(maps_view.maps, channels=names, kinds=("mag", "grad", "grad", "mag"))
    maps_view.show_maps(mixed)
    plot = maps_view.plots[FREQUENCY]
    plot._pick(0, 3)
    assert maps_view.topography.names == ("MEG0111", "MEG0121")
    plot._pick(2, 3)
    assert maps_view.topography.names == ("MEG011x",)
    assert plot.map is not None
    assert maps_view.topography.values[0] == pytest.approx(plot.map.r2[1:3, 3].mean())  # both gradiometers of the site
    assert maps_view.topography.selected == 0


def test_a_narrow_view_shows_one_map_and_a_wide_one_both(maps_view: MapsView) -> None:
    assert maps_view.plots[FREQUENCY].isVisible()
    assert not maps_view.plots[TIME].isVisible()
    maps_view.which.setCurrentIndex(1)
    assert maps_view.plots[TIME].isVisible()
    assert not maps_view.plots[FREQUENCY].isVisible()
    assert " s: signed r²" in maps_view.cell.text()
    maps_view.resize(1200, 420)
    QTest.qWait(10)
    assert maps_view.plots[FREQUENCY].isVisible()
    assert maps_view.plots[TIME].isVisible()


def test_a_suggestion_is_taken_over_and_a_wrong_choice_cannot_be(maps_view: MapsView, qtbot: object) -> None:
    from rtbci_ui.calibrate.choice_view import ChoiceView

    choice = ChoiceView()
    qtbot.addWidget(choice)  # type: ignore[attr-defined]
    assert maps_view.maps is not None
    found = suggest(maps_view.maps)
    choice.show_maps(maps_view.maps, found, (8.0, 30.0))
    assert found.band is not None
    assert choice.band() == found.band
    choice.show_choice((), (20.0, 10.0))
    assert choice.wrong() == "no channel is ticked"
    choice.suggest.click()
    assert choice.wrong() == ""
    assert choice.channels() == found.channels


def test_where_nothing_is_significant_nothing_is_suggested(dark: object, tmp_path: Path, qtbot: object) -> None:
    from rtbci_ui.calibrate.choice_view import ChoiceView

    path = tmp_path / "e.toml"
    path.write_text(EXPERIMENT)
    maps = measure(config.load(path), [_recording(tmp_path / "r.csv", seed=8)])
    choice = ChoiceView()
    qtbot.addWidget(choice)  # type: ignore[attr-defined]
    choice.show_maps(maps, suggest(maps), (8.0, 30.0))
    assert choice.why.text() == "no cell survives FDR 5 %: no choice can be justified by these data"
    assert not choice.suggest.isEnabled()
    assert choice.band() == (8.0, 30.0)
    assert choice.channels() == maps.channels


# ---------------------------------------------------------------------- children


def test_a_child_that_is_killed_says_so(qtbot: object, dark: object) -> None:
    job, said = Job(), []
    job.done.connect(lambda code, result, problem: said.append((code, result, problem)))
    job.start(["streams"])
    first = job.pid
    job.start(["streams", "--watch"])
    assert first is not None and job.pid is not None
    with pytest.raises(ProcessLookupError):  # the first one was ended
        os.kill(first, 0)
    os.kill(job.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: bool(said), timeout=10000)  # type: ignore[attr-defined]
    assert said == [(-signal.SIGKILL, None, "it was ended from outside, or by the system because memory ran out")]
    assert not job.running
    job.start(["streams", "--watch"])
    assert job.pid is not None
    os.kill(job.pid, signal.SIGSEGV)
    qtbot.waitUntil(lambda: len(said) == 2, timeout=10000)  # type: ignore[attr-defined]
    assert said[1][2].startswith("it crashed (SIGSEGV)")


def test_a_full_disk_is_told_in_place(
    qtbot: object, dark: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, said = Job(), []
    job.done.connect(lambda code, result, problem: said.append((code, problem)))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    job.start(["streams"])
    ((code, problem),) = said
    assert code == -1
    assert problem.startswith("python -m rtbci cannot be started: ")
    assert not job.running


def test_a_child_that_refuses_is_heard(qtbot: object, dark: object, tmp_path: Path) -> None:
    job, said = Job(), []
    job.done.connect(lambda code, result, problem: said.append((code, result, problem)))
    job.start(["check", str(tmp_path / "gone.toml"), "--json"])
    qtbot.waitUntil(lambda: bool(said), timeout=30000)  # type: ignore[attr-defined]
    (code, result, problem) = said[0]
    assert code == 2
    assert "gone.toml" in problem
    assert result == {"error": problem}


def test_every_control_has_a_tooltip(session: Session) -> None:
    for step in ("present", "train", "live"):
        session.panel.show_step(step)
    for button in session.panel.findChildren(QPushButton):
        assert button.toolTip() or button.text() == "", button.text()


def test_nothing_is_left_of_a_follower_that_has_no_file(tmp_path: Path) -> None:
    assert Follower(tmp_path / "gone" / "log.jsonl").look().markers == 0
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("size", [(800, 500), (1600, 900)])
def test_no_words_are_cut_off(session: Session, size: tuple[int, int]) -> None:
    panel = session.panel
    panel.resize(*size)
    for step in ("present", "train", "live"):
        panel.show_step(step)
        QTest.qWait(10)
        session.look()
        assert (panel.width(), panel.height()) == size, step
        for label in panel.stage.currentWidget().findChildren(QLabel):
            if label.isVisible() and label.text() and not label.wordWrap() and "<" not in label.text():
                assert label.width() >= label.fontMetrics().horizontalAdvance(label.text()) - 1, label.text()
