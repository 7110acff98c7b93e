"""``rtbci run`` refuses what would be no session, in one line, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import EXPERIMENT, Trained
from tests.cli.terminal import rtbci

OUTLET = Path(__file__).resolve().parent.parent / "outlets" / "lsl_outlet.py"


@contextmanager
def sending(*specs: dict[str, object]) -> Iterator[None]:
    """LSL outlets in another process, made as `tests.outlets.lsl_outlet` says."""
    process = subprocess.Popen(
        [sys.executable, str(OUTLET), json.dumps(specs)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.kill()
        process.communicate()


@contextmanager
def sending_apart(specs: list[dict[str, object]]) -> Iterator[None]:
    """Each outlet in a process of its own, as two amplifiers would be."""
    if not specs:
        yield
        return
    with sending({"n": 4, "rate": 100.0, **specs[0]}), sending_apart(specs[1:]):
        yield


def write(folder: Path, source: str) -> Path:
    """Write an experiment with ``source`` as its [source] table."""
    path = folder / "experiment.toml"
    path.write_text(EXPERIMENT.replace('use = "lsl"\ntype = "EEG"\nchannels = []', source))
    return path


def test_a_folder_that_holds_something_is_not_recorded_into(tmp_path: Path, short: Path) -> None:
    experiment = write(tmp_path, f'use = "file"\npath = "{short}"')
    session = tmp_path / "session"
    session.mkdir()
    (session / "thesis.tex").write_text("all I have")
    refusal = rtbci("run", experiment, "--headless", "--json", "--session", session)
    assert refusal.code == 2
    error = refusal.json["error"]
    assert f"session folder {session} is not empty (it holds thesis.tex); name a new or an empty folder" in error
    assert [path.name for path in session.iterdir()] == ["thesis.tex"]
    assert rtbci("run", experiment, "--headless", "--session", experiment).code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["experiment.toml", "session"]


def test_a_stream_that_does_not_come_is_told_with_what_is_in_sight(tmp_path: Path, stream_name: str) -> None:
    experiment = write(tmp_path, f'use = "lsl"\nname = "{stream_name}"\ntimeout = 1.0')
    with sending({"name": f"{stream_name} other", "type": "EEG", "n": 4, "rate": 100.0, "source_id": "x"}):
        said = rtbci("run", experiment, "--headless", "--seconds", 1, "--json")
    assert said.code == 2
    error = said.json["error"]
    assert f"no LSL stream with type = 'EEG', name = '{stream_name}' within 1 s" in error
    assert f"'{stream_name} other' (type 'EEG', 4 channels, 100 Hz" in error
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.toml"]


@pytest.mark.parametrize("key", ["name", "source_id"])
def test_two_streams_that_match_are_told_apart_by_the_key_in_which_they_differ(
    key: str, tmp_path: Path, stream_name: str
) -> None:
    experiment = write(tmp_path, f'use = "lsl"\ntype = "{stream_name}"\ntimeout = 1.0')
    both: list[dict[str, object]] = [
        {"name": f"{stream_name} {i}" if key == "name" else stream_name, "type": stream_name, "source_id": f"s{i}"}
        for i in (1, 2)
    ]
    with sending_apart(both):
        refusal = rtbci("run", experiment, "--headless", "--seconds", 1, "--json")
    assert refusal.code == 2
    error = refusal.json["error"]
    assert f"2 LSL streams with type = '{stream_name}'" in error
    assert "source_id 's1'" in error
    assert "source_id 's2'" in error
    assert f"set {key} in [source]" in error
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.toml"]


FILES = {
    "no path": ("", ("[source]", 'source "file" needs path')),
    "a path to nothing": ('path = "gone.csv"', ("there is no recording", "gone.csv")),
    "a speed of nothing": ('path = "{short}"\nspeed = 0', ("[source]", "speed is 0", "positive number")),
    "a speed in words": ('path = "{short}"\nspeed = "fast"', ('[source] speed = "fast"', "a number")),
    "an unknown argument": ('path = "{short}"\nhaste = 2', ("[source] haste = 2", "path, stream, type")),
    "a marker stream it lacks": ('path = "{short}"\nmarkers = ["x"]', ("no marker stream 'x'", "'Marker'")),
}


@pytest.mark.parametrize(("source", "must_say"), FILES.values(), ids=FILES.keys())
def test_a_file_that_cannot_be_played_is_refused(
    source: str, must_say: tuple[str, ...], tmp_path: Path, short: Path
) -> None:
    experiment = write(tmp_path, f'use = "file"\n{source.format(short=short)}')
    said = rtbci("run", experiment, "--headless")
    assert all(part in said.refusal for part in must_say)
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.toml"]


def test_the_named_marker_streams_count_for_a_file_too(tmp_path: Path, short: Path) -> None:
    experiment = write(tmp_path, f'use = "file"\npath = "{short}"')
    experiment.write_text(experiment.read_text() + '\n[markers]\nstreams = ["cues"]\n')
    for command in (("run", experiment, "--headless"), ("train", experiment, "--out", tmp_path / "m.rtbci")):
        assert "no marker stream 'cues'; it has 'Marker'" in rtbci(*command).refusal


def test_a_subject_that_cannot_be_simulated_is_refused(tmp_path: Path) -> None:
    for source, must_say in (
        ('channels = ["C3", "Q7"]', "Q7"),
        ("rate = 10.0", "at least 64 Hz"),
        ('flavour = "sour"', '[source] flavour = "sour"'),
        ("seed = 1.5", "[source] seed = 1.5"),
    ):
        experiment = write(tmp_path, f'use = "synthetic"\n{source}')
        assert must_say in rtbci("run", experiment, "--headless").refusal
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.toml"]


def test_a_model_that_does_not_fit_the_stream_ends_the_session_before_it_records(
    tmp_path: Path, trained: Trained, stream_name: str
) -> None:
    """The worker finds out; the user is told what differs."""
    experiment = write(tmp_path, 'use = "synthetic"\nchannels = ["C3", "Cz", "C4"]\nrate = 250.0')
    said = rtbci("run", experiment, "--model", trained.model, "--headless", "--json")
    assert said.code == 2
    error = said.json["error"]
    assert "the model was trained on 16 channels at 160 Hz; the stream has 3 at 250 Hz" in error
    assert "missing: Fp1" in error
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [experiment]
