"""The session folder: what it holds, what it refuses, and that its files are never half-written."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import threading
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

import rtbci
from rtbci.errors import RecordingError
from rtbci.recording.process import birth, is_alive
from rtbci.recording.session_folder import SessionFolder


def test_without_a_path_the_folder_is_named_for_the_time_and_the_experiment(tmp_path: Path) -> None:
    folder = SessionFolder.create(None, "Fists or feet? (µ)", tmp_path / "sessions")
    assert folder.path.parent == tmp_path / "sessions"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_fists-or-feet-µ", folder.path.name)


def test_two_sessions_in_the_same_second_get_two_folders(tmp_path: Path) -> None:
    paths = {SessionFolder.create(None, "a", tmp_path).path for _ in range(3)}
    assert len(paths) == 3


def test_session_json_says_what_ran(tmp_path: Path) -> None:
    before = datetime.now().astimezone().replace(microsecond=0)
    folder = SessionFolder.create(tmp_path / "s", "a")
    fields = folder.read()
    assert fields["state"] == "running"
    assert fields["ended"] is None
    assert fields["pid"] == os.getpid()
    assert fields["versions"]["rtbci"] == rtbci.__version__
    assert fields["versions"]["numpy"] == np.__version__
    started = datetime.fromisoformat(fields["started"])
    assert started.tzinfo is not None
    assert started >= before
    folder.end()
    assert folder.read()["state"] == "ended"
    assert datetime.fromisoformat(folder.read()["ended"]) >= started


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(RecordingError, match=r"is not empty \(it holds mine\.txt\); name a new or an empty folder"):
        SessionFolder.create(tmp_path, "a")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(RecordingError, match=r"cannot make a session folder at .*mine\.txt"):
        SessionFolder.create(tmp_path / "mine.txt", "a")


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    folder = SessionFolder.create(tmp_path, "a")
    assert folder.path == tmp_path
    assert SessionFolder.open(tmp_path).read()["experiment"] == "a"


def test_open_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="nothing is not there; a session folder is what"):
        SessionFolder.open(tmp_path / "nothing")
    with pytest.raises(RecordingError, match=r"is no session folder: session\.json is missing"):
        SessionFolder.open(tmp_path)
    (tmp_path / "session.json").write_text("{")
    with pytest.raises(RecordingError, match=r"session\.json is not JSON"):
        SessionFolder.open(tmp_path)
    (tmp_path / "session.json").write_text('{"format": 99}')
    with pytest.raises(RecordingError, match="has format 99; this rtbci reads format 1"):
        SessionFolder.open(tmp_path)
    with pytest.raises(RecordingError, match=r"session\.json is a file"):
        SessionFolder.open(tmp_path / "session.json")


def test_the_experiment_is_kept_word_for_word(tmp_path: Path) -> None:
    folder = SessionFolder.create(tmp_path / "s", "a")
    text = 'name = "a"   # with a comment\n\n[classes]\nµ = ["T1"]\n'
    folder.write_experiment(text)
    assert folder.experiment.read_text(encoding="utf-8") == text
    folder.write_report({"accuracy": 0.9})
    assert json.loads(folder.report.read_text()) == {"accuracy": 0.9}


def test_one_model_file_for_all_decoders_is_copied_once_with_its_hash(tmp_path: Path) -> None:
    model = tmp_path / "m.rtbci"
    model.write_bytes(os.urandom(1000))
    folder = SessionFolder.create(tmp_path / "s", "a")
    assert folder.keep_models({"x": model, "y": model}) == {"x": folder.model, "y": folder.model}
    assert folder.model.read_bytes() == model.read_bytes()
    assert folder.read()["model_sha256"] == {"model.rtbci": hashlib.sha256(model.read_bytes()).hexdigest()}


def test_several_model_files_are_kept_apart(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text(name)
    folder = SessionFolder.create(tmp_path / "s", "a")
    kept = folder.keep_models({"x": tmp_path / "a", "y": tmp_path / "b"})
    assert {name: path.read_text() for name, path in kept.items()} == {"x": "a", "y": "b"}
    with pytest.raises(RecordingError, match=r"cannot copy the model .*none"):
        folder.keep_models({"x": tmp_path / "none"})


def test_updates_from_several_threads_are_all_kept_and_every_reader_finds_whole_json(tmp_path: Path) -> None:
    folder = SessionFolder.create(tmp_path / "s", "a")

    def work(name: str) -> None:
        for i in range(15):
            folder.update(**{name: i})

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert folder.read()["state"] == "running"
    for thread in threads:
        thread.join()
    assert {name: folder.read()[name] for name in "abcd"} == dict.fromkeys("abcd", 14)
    assert sorted(path.name for path in folder.path.iterdir()) == ["decisions", "session.json"]


def test_an_update_after_the_folder_has_gone_is_one_line(tmp_path: Path) -> None:
    folder = SessionFolder.create(tmp_path / "s", "a")
    folder.session.unlink()
    with pytest.raises(RecordingError, match=r"session\.json is missing"):
        folder.update(state="ended")


def test_the_log_has_one_line_an_event_with_its_time_even_for_a_traceback(tmp_path: Path) -> None:
    folder = SessionFolder.create(tmp_path / "s", "a")
    folder.start_log()
    folder.start_log()
    logger = logging.getLogger("rtbci.somewhere")
    try:
        logger.info("first\nin two lines")
        try:
            raise ValueError("inside")
        except ValueError:
            logger.exception("it failed")
    finally:
        folder.stop_log()
    logger.warning("after the end")
    lines = folder.log.read_text().splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("INFO rtbci.somewhere: first | in two lines")
    assert "ValueError: inside" in lines[1]
    assert all(datetime.fromisoformat(line.split(" ", 1)[0]).tzinfo is not None for line in lines)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full of Linux")  # noqa: PTH110 - a device
def test_a_log_that_cannot_be_written_disturbs_nobody(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = SessionFolder.create(tmp_path / "s", "a")
    folder.log.symlink_to("/dev/full")
    folder.start_log()
    for _ in range(50):
        logging.getLogger("rtbci.somewhere").error("nobody will read this")
    handler = folder._handler
    folder.stop_log()
    assert handler is not None
    assert handler.lost >= 50
    assert "Traceback" not in capfd.readouterr().err


def test_a_process_is_alive_only_under_the_birth_it_had() -> None:
    own = birth(os.getpid())
    assert is_alive(os.getpid(), own)
    assert not is_alive(2**22 + 1, None)
    if own is not None:
        assert not is_alive(os.getpid(), "another boot:1")


@pytest.mark.parametrize("made_before", [True, False])
def test_a_folder_that_cannot_be_filled_is_not_in_the_way_of_the_next_try(
    made_before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s"
    if made_before:
        path.mkdir()

    def full(*what: object) -> None:
        raise RecordingError("cannot write session.json: No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("rtbci.recording.session_folder.replace_text", full)
        with pytest.raises(RecordingError, match="No space left"):
            SessionFolder.create(path, "a")
    assert SessionFolder.create(path, "a").read()["state"] == "running"
