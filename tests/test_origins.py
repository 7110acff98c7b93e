"""Where a decoder began comes back from its file, whoever was killed while it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtbci import origins
from rtbci.errors import RecordingError
from rtbci.origins import Origin
from rtbci.recording.session_folder import SessionFolder


def test_origins_come_back_by_their_sample(tmp_path: Path) -> None:
    folder = SessionFolder.create(tmp_path / "session", "test")
    path = origins.kept_for(folder.path, "net")
    begun = [Origin(0, "cuda:0 (NVIDIA H100)", False), Origin(812, "cpu, 1 thread"), Origin(2000)]
    assert origins.read(path) == {}  # as of a session of before they were written
    for one in begun:
        origins.add(path, one)
    assert list(origins.read(path).values()) == begun
    assert origins.read(path)[812].exact
    path.write_text(path.read_text() + '{"origin": 23')  # killed in the middle of it
    assert list(origins.read(path)) == [0, 812, 2000]
    folder.decision_log("net").touch()
    assert folder.decoders() == ("net",)


@pytest.mark.parametrize(
    "line", ["no", "[1]", '{"origin": 1, "device": null}', '{"origin": "x", "device": 1, "exact": 1}']
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "net.origins.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(RecordingError, match=r"net.origins.jsonl line 1: is not an origin"):
        origins.read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(RecordingError, match="cannot be read"):
        origins.read(path)
    with pytest.raises(OSError, match="directory"):
        origins.add(path, Origin(0))
