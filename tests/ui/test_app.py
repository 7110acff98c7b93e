"""The GUI process as it is started: a picture, or one line that says why there is none."""

import os
import subprocess
import sys

import pytest

from rtbci_ui import app


def start(*argv, **environment):
    given = {**os.environ, "QT_QPA_PLATFORM": "offscreen", **environment}
    given = {key: value for key, value in given.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-m", "rtbci_ui", *map(str, argv)], capture_output=True, text=True, env=given, timeout=60
    )


def test_it_takes_a_picture_of_a_session_and_leaves(fake, tmp_path):
    fake.fill(6.0)
    picture = tmp_path / "window.png"
    done = start(fake.run.path, "--screenshot", picture, "--seconds", "1", "--size", "1280x720")
    assert done.returncode == 0, done.stderr
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (1280, 720)
    assert done.stderr == ""


def test_a_run_folder_that_is_not_there_is_refused_in_one_line(tmp_path):
    done = start(tmp_path / "nothing")
    assert done.returncode == 2
    assert (
        done.stderr == f"{tmp_path / 'nothing'} is not the run folder of a session; a session that has ended has none\n"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_without_a_display_it_says_so(tmp_path):
    done = start(tmp_path, QT_QPA_PLATFORM=None, DISPLAY=None, WAYLAND_DISPLAY=None)
    assert done.returncode == 2
    assert "no display" in done.stderr or "apt-get install" in done.stderr
    assert "--headless" not in done.stderr  # that is for a session, not for a window
    assert done.stderr.count("\n") == 1


def test_qt_is_not_imported_before_it_is_known_to_work():
    code = "import sys, rtbci_ui.app, rtbci_ui.system; print([m for m in sys.modules if 'PySide6' in m or 'pyqtgraph' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_missing_libraries_are_named_in_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(
        app.system, "problem", lambda: "Qt lacks 1 system libraries; install them: apt-get install libegl1"
    )
    assert app.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_size_that_is_none_is_refused(capsys, tmp_path):
    assert app.main([str(tmp_path), "--size", "wide"]) == 2
    assert "1600x900 would be right" in capsys.readouterr().err
