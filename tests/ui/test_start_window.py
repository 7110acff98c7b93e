"""The start screen itself: what it shows, what it allows, and a session from its start to its end."""

import json

import pytest
from PySide6.QtCore import Qt

from rtbci import bundled, control
from rtbci.runfolder import RunFolder
from rtbci_ui import app
from rtbci_ui.preferences import Preferences
from rtbci_ui.start import window as start_window
from rtbci_ui.start.template_dialog import TemplateDialog, free_path
from rtbci_ui.start.window import StartWindow
from tests.ui.test_start_models import STREAM, dead_process, session

SYNTHETIC = """
name = "simulated"

[source]
use = "synthetic"
seed = 3
channels = ["C3", "Cz", "C4"]
rate = 160.0
line = 0.0
classes = ["fists", "feet"]
speed = 1.0

[classes]
fists = ["fists"]
feet = ["feet"]

[[decoder]]
name = "riemann"
use = "mdm"
window = 2.0
hop = 0.5
transforms = [{ use = "band-pass", low = 8.0, high = 30.0 }]
"""


@pytest.fixture
def streams(monkeypatch):
    """What the watch lists, in place of the network."""

    def say(*found):
        line = json.dumps({"streams": list(found)})
        monkeypatch.setattr(
            start_window, "WATCHED", ("-c", f"import time; print('''{line}''', flush=True); time.sleep(99)")
        )

    say()
    return say


@pytest.fixture
def screen(dark, qtbot, tmp_path, streams, monkeypatch):
    """Makes start screens that remember nothing but what this test did, and see no session of anybody else."""
    monkeypatch.setattr(start_window.launch, "running", lambda: [])
    made = []

    def make():
        shown = StartWindow(Preferences(tmp_path / "settings.ini"))
        made.append(shown)
        shown.show()
        return shown

    yield make
    for each in made:
        each.going.cancel()
        each.close()


@pytest.fixture
def experiment(tmp_path):
    path = tmp_path / "simulated.toml"
    path.write_text(SYNTHETIC)
    return path


def checked(shown, qtbot):
    """Wait for the check's answer."""
    qtbot.waitUntil(lambda: shown.check.problem != "checking …" and bool(shown.check.lines), timeout=60_000)


def test_an_empty_screen_teaches(screen, qtbot):
    shown = screen()
    assert "None yet." in shown.recents.empty.toPlainText()
    assert "An experiment is one file" in shown.chosen.facts.toPlainText()
    qtbot.waitUntil(lambda: "No stream in sight." in shown.streams.empty.toPlainText(), timeout=30_000)
    assert "rtbci stream recording.edf plays a recording" in shown.streams.empty.toPlainText()
    for button in (shown.bar.start, shown.bar.record, shown.bar.calibrate, shown.bar.rehearse):
        assert not button.isEnabled()
        assert "choose an experiment first" in button.toolTip()


@pytest.mark.parametrize(("size", "name"), [((1024, 680), 60), ((1200, 680), 100), ((1600, 900), 100)])
def test_nothing_is_cut_off(screen, streams, experiment, size, name, qtbot):
    streams(STREAM)
    shown = screen()
    shown.resize(*size)
    shown.open_experiment(experiment)
    assert (shown.width(), shown.height()) == size
    qtbot.waitUntil(lambda: shown.streams.table.topLevelItemCount() == 1, timeout=30_000)
    for button in (
        *(shown.bar.start, shown.bar.record, shown.bar.calibrate, shown.bar.rehearse, shown.bar.again),
        *(shown.recents.template, shown.recents.open, shown.recents.other, shown.chosen.edit),
    ):
        assert button.width() >= button.sizeHint().width(), button.text()
        inside = shown.rect().contains(button.mapTo(shown, button.rect().bottomRight()))
        assert inside, button.text()
    header = shown.streams.table.header()
    assert sum(header.sectionSize(k) for k in range(header.count())) <= shown.streams.table.width()
    assert header.sectionSize(1) >= name


def test_every_control_says_what_it_does(screen):
    shown = screen()
    for button in shown.findChildren(type(shown.bar.start)):
        if button.isVisible() and button.text():
            assert button.toolTip(), button.text()
            assert button.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_streams_are_listed_and_the_one_that_would_be_taken_is_marked(screen, streams, qtbot):
    streams(STREAM, {**STREAM, "name": "other", "source_id": "o", "effective_rate": 80.0})
    shown = screen()
    qtbot.waitUntil(lambda: shown.streams.table.topLevelItemCount() == 2, timeout=30_000)
    shown.streams.take(("amp", "EEG", "amp-1"))
    rows = [
        [shown.streams.table.topLevelItem(row).text(column) for column in range(8)]
        for row in range(shown.streams.table.topLevelItemCount())
    ]
    assert rows[0] == ["▶", "amp", "EEG", "16", "160", "159.6", "-0.02 ms", "lab"]
    assert rows[1] == ["", "other", "EEG", "16", "160", "▲ 80.0", "-0.02 ms", "lab"]


def test_nobody_watches_streams_while_the_screen_is_hidden(screen, qtbot):
    shown = screen()
    qtbot.waitUntil(lambda: shown.watch.pid > 0, timeout=10_000)
    shown.hide()
    assert shown.watch.pid == 0
    shown.show()
    qtbot.waitUntil(lambda: shown.watch.pid > 0, timeout=10_000)


def test_an_experiment_is_chosen_by_keyboard_and_remembered(screen, experiment, qtbot):
    shown = screen()
    shown.open_experiment(experiment)
    shown.close()
    again = screen()
    assert again.recents.list.count() == 1
    assert again.recents.list.item(0).text().startswith("simulated\nnot used yet · ")
    again.recents.list.setCurrentRow(0)
    qtbot.keyClick(again.recents.list, Qt.Key.Key_Return)
    assert again.path == experiment
    assert again.chosen.title.text() == "simulated"


def test_without_a_model_it_records_only(screen, experiment, qtbot):
    shown = screen()
    shown.open_experiment(experiment)
    assert shown.bar.state.text() == "checking …"
    assert not shown.bar.start.isEnabled()
    checked(shown, qtbot)
    assert "its transforms work on this stream" in shown.bar.words.toPlainText()
    assert not shown.bar.start.isEnabled()
    assert "no model yet" in shown.bar.state.text()
    assert shown.bar.record.isEnabled()
    assert shown.bar.calibrate.isEnabled()


def test_a_model_that_differs_keeps_the_session_from_starting_and_says_why(screen, experiment, all_decoders, qtbot):
    experiment.write_text(SYNTHETIC.replace('name = "riemann"', 'name = "mdm"'))
    shown = screen()
    shown.open_experiment(experiment)
    shown.chosen.choose(all_decoders)
    checked(shown, qtbot)
    assert shown.bar.title.text() == "Not all fits"
    assert not shown.bar.start.isEnabled()
    assert "hop" not in shown.bar.state.text()
    assert "channels: the model wants Fp1, Fp2, F3" in shown.bar.words.toPlainText()
    assert shown.bar.words.toPlainText().strip().startswith("✗")
    assert shown.bar.state.text() in shown.bar.start.toolTip()
    assert shown.bar.record.isEnabled()


def test_an_experiment_that_cannot_be_read_says_so_in_place_until_it_is_mended(screen, experiment, qtbot):
    experiment.write_text("name = ")
    shown = screen()
    shown.open_experiment(experiment)
    assert "not TOML" in shown.chosen.facts.toPlainText()
    assert shown.bar.title.text() == "It cannot be checked"
    assert not shown.bar.rehearse.isEnabled()
    assert not shown.chosen.edit.isEnabled() or shown.path == experiment
    experiment.write_text(SYNTHETIC)
    qtbot.waitUntil(lambda: shown.chosen.title.text() == "simulated", timeout=10_000)
    checked(shown, qtbot)


def test_a_file_that_is_changed_by_another_program_is_read_again(screen, experiment, qtbot):
    shown = screen()
    shown.open_experiment(experiment)
    experiment.write_text(SYNTHETIC.replace('name = "simulated"', 'name = "changed"'))
    qtbot.waitUntil(lambda: shown.chosen.title.text() == "changed", timeout=10_000)


def test_a_template_is_written_and_chosen(screen, tmp_path, qtbot, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = screen()
    shown.new_from_template()
    dialog = shown.findChild(TemplateDialog)
    assert [dialog.list.item(k).text() for k in range(dialog.list.count())][:2] == ["Motor imagery", "P300 matrix"]
    assert dialog.path.text() == str(tmp_path / "motor-imagery.toml")
    dialog.list.setCurrentRow(1)
    assert dialog.path.text() == str(tmp_path / "p300.toml")
    (tmp_path / "p300.toml").write_text("mine")
    dialog.make()
    assert "is there already and stays as it is" in dialog.problem.text()
    assert (tmp_path / "p300.toml").read_text() == "mine"
    dialog.path.setText(str(free_path(tmp_path, "p300")))
    qtbot.mouseClick(dialog.create_button, Qt.MouseButton.LeftButton)
    assert shown.path == tmp_path / "p300-2.toml"
    assert shown.chosen.title.text() == "p300"


def test_a_recording_is_looked_into_and_held_against_the_experiment(screen, tmp_path, qtbot):
    path = tmp_path / "e.toml"
    path.write_text(bundled.experiment().read_text())
    shown = screen()
    shown.open_recording(bundled.calibration())
    qtbot.waitUntil(lambda: "annotations: T0 × 41" in shown.recording.facts.toPlainText(), timeout=60_000)
    assert not shown.recording.rehearse.isEnabled()
    assert "choose an experiment first" in shown.recording.rehearse.toolTip()
    shown.open_experiment(path)
    shown.open_recording(bundled.calibration())
    assert shown.middle.currentWidget() is shown.recording
    qtbot.waitUntil(lambda: shown.recording.check is not None, timeout=60_000)
    assert shown.recording.rehearse.isEnabled()
    assert shown.recording.rehearse.text() == "Rehearse with fists or feet"
    assert "markers: fists 20, feet 20" in shown.recording.facts.toPlainText()
    qtbot.keyClick(shown, Qt.Key.Key_Escape)
    assert shown.middle.currentWidget() is shown.chosen


def test_a_session_that_ended_offers_its_recording_and_what_is_none_says_so(screen, tmp_path):
    folder = session(tmp_path, "2026-11-24_x", "mine")
    (folder / "recording.xdf").write_bytes(b"XDF:")
    shown = screen()
    shown.open_recording(folder / "session.json")
    assert shown.recording.title.text() == "2026-11-24_x"
    assert shown.recording.recording.isVisible()
    assert not shown.recording.attach.isVisible()
    shown.open_recording(tmp_path)
    assert "session.json is missing" in shown.recording.facts.toPlainText()
    assert not shown.recording.rehearse.isEnabled()


def test_a_session_that_runs_is_attached_to(screen, tmp_path, qtbot):
    run = tmp_path / "run"
    run.mkdir()
    (run / "status.json").write_text("{}")
    folder = session(tmp_path, "2026-11-24_x", "mine", "running", run)
    shown = screen()
    with qtbot.waitSignal(shown.opened) as opened:
        shown.open_recording(folder)
    assert opened.args == [run]


def test_a_session_that_was_killed_is_not_attached_to_and_says_how_it_is_recovered(screen, tmp_path, qtbot, capsys):
    run = tmp_path / "run"
    run.mkdir()
    (run / "status.json").write_text(json.dumps({"state": "recording", "pid": dead_process()}))
    folder = session(tmp_path, "2026-11-24_x", "mine", "running", run)
    shown = screen()
    with qtbot.assertNotEmitted(shown.opened):
        shown.open_recording(folder)
        shown.attach(run)
    assert f"rtbci recover {folder}" in shown.recording.facts.toPlainText()
    assert shown.notice.text() == "The session does not run any more."
    shown.going.attach(run)  # it was killed while a window looked at it
    shown.going._folder = folder
    shown.come_back()
    qtbot.waitUntil(lambda: "rtbci recover" in shown.notice.text(), timeout=10_000)
    assert app.main(["--attach", str(folder)]) == 2
    assert f"its session is gone; it did not end properly: `rtbci recover {folder}`" in capsys.readouterr().err


def test_closing_it_by_hand_says_so(screen, qtbot):
    shown = screen()
    with qtbot.waitSignal(shown.left):
        shown.close()
    assert shown.watch.pid == 0


def test_a_session_is_started_shown_left_running_opened_again_and_ended(screen, experiment, qtbot):
    shown = screen()
    shown.open_experiment(experiment)
    checked(shown, qtbot)
    runs = []
    shown.opened.connect(runs.append)
    qtbot.mouseClick(shown.bar.calibrate, Qt.MouseButton.LeftButton)
    assert not shown.bar.calibrate.isEnabled()
    assert shown.bar.cancel.isVisible()
    qtbot.waitUntil(lambda: bool(runs), timeout=60_000)
    assert json.loads((runs[0] / "status.json").read_text())["name"] == "simulated"
    assert shown.panel == "calibrate"
    shown.hide()
    shown.come_back()
    assert shown.isVisible()
    qtbot.waitUntil(lambda: shown.notice.text() == "The session goes on without a window.", timeout=20_000)
    qtbot.mouseClick(shown.notice_button, Qt.MouseButton.LeftButton)
    assert runs == [runs[0], runs[0]]
    assert control.send(RunFolder(runs[0]), {"do": "stop"}) == {"ok": True}
    shown.come_back()
    qtbot.waitUntil(lambda: "ended" in shown.notice.text(), timeout=60_000)
    assert shown.notice.text().startswith("Session ended: ")
    assert "recorded, nothing decoded" in shown.notice.text()
    assert "simulated" in shown.notice.text()  # the folder, as a link
    assert "just now" in shown.chosen.facts.toPlainText()


def test_a_session_that_is_refused_says_so_in_place(screen, experiment, qtbot):
    shown = screen()
    shown.open_experiment(experiment)
    checked(shown, qtbot)
    experiment.write_text(SYNTHETIC.replace('"synthetic"', '"nowhere"'))  # and the screen has not seen it yet
    shown.record_only()
    qtbot.waitUntil(lambda: shown.bar.title.text() == "The session could not start", timeout=60_000)
    assert '"nowhere"' in shown.bar.words.toPlainText()
    assert shown.going.state == "idle"


def test_what_is_being_started_can_be_cancelled(screen, tmp_path, qtbot, stream_name):
    path = tmp_path / "lsl.toml"
    path.write_text(f'name = "waits"\n[source]\nuse = "lsl"\nname = "{stream_name}"\ntimeout = 120.0\n')
    shown = screen()
    shown.open_experiment(path)
    shown.record_only()
    qtbot.waitUntil(lambda: "looking for the stream" in shown.bar.state.text(), timeout=60_000)
    qtbot.keyClick(shown, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: shown.going.state == "idle", timeout=60_000)
    assert not shown.bar.cancel.isVisible()
    assert not (tmp_path / "sessions").exists()


def test_what_a_calibration_made_goes_live_or_is_refused_in_place(screen, experiment, all_decoders, qtbot):
    experiment.write_text(SYNTHETIC.replace('name = "riemann"', 'name = "mdm"'))
    shown = screen()
    shown.go_live(experiment, all_decoders)
    assert shown.chosen.model.path == all_decoders
    assert shown.going.state == "starting"
    qtbot.waitUntil(lambda: shown.bar.title.text() == "The session could not start", timeout=60_000)
    assert "missing: Fp1" in shown.bar.words.toPlainText()  # the session's own words
