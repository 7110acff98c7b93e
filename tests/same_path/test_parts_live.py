"""A session that is asked for things while it runs: its recording comes in parts, and every part is proven."""

from __future__ import annotations

import json
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rtbci.control import send
from rtbci.runfolder import RunFolder
from rtbci.sources.file import load
from tests import live

NAMED = "sub-P003/ses-S001/eeg/sub-P003_ses-S001_task-feet_run-002_eeg.xdf"


@dataclass
class Done:
    """A session that has ended, and what it said meanwhile."""

    folder: Path
    report: dict[str, Any]
    stopped: dict[str, Any]
    rcs: list[str]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, all_decoders: Path) -> Done:
    """Decoding begins at once, recording 4 s later by LabRecorder's command; then a pause, and a second part."""
    tmp = tmp_path_factory.mktemp("parts")
    stream = f"parts-{tmp.name}"
    experiment = live.experiment(tmp, stream, "mdm", "log-variance")
    session = tmp / "session"
    options = ("--headless", "--json", "--no-record", "--remote", "0")
    with (
        live.streaming(stream, "--loop", "--wait", 60),
        live.running("run", experiment, "--model", all_decoders, "--session", session, *options) as process,
    ):
        received = lambda: live.status_of(session).get("samples", {}).get("received", 0)  # noqa: E731

        def wait_for_samples(n: int) -> None:
            end = received() + n
            live.wait_for(lambda: received() >= end, 90, f"{n} more samples")

        wait_for_samples(640)
        run = RunFolder(live.run_folder_of(session) or Path())
        assert live.status_of(session)["recording"] == {
            "state": "off", "part": 0, "path": None, "bytes": 0, "seconds": 0.0, "problem": None,
        }  # fmt: skip

        def ask(**command: Any) -> dict[str, Any]:
            reply = send(run, command, timeout=15)
            assert reply.get("ok"), reply
            return reply

        address = json.loads((run.path / "remote").read_text())
        with socket.create_connection((address["host"], address["port"]), 15) as connection:
            replies = connection.makefile("r")
            rcs = []
            # the second start is one too many, as programs send it to be on the safe side: what is recorded goes on
            for line in ("stop", "select all", "filename {participant:P003} {task:feet} {run:2}", "start", "start"):
                connection.sendall(f"{line}\n".encode())
                rcs.append(replies.readline().strip())
            said = lambda: str(live.status_of(session)["remote"]["said"])  # noqa: E731
            live.wait_for(lambda: "start was asked for while recording: " in said(), 20, "the session to say so")
            ask(do="charge", decoder="log-variance")
            wait_for_samples(160 * 16)
            connection.sendall(b"stop\n")
            rcs.append(replies.readline().strip())
        ask(do="note", text="a pause")
        ask(do="mark", label="in the pause")
        ask(do="decode", on=False, decoder="mdm")
        live.wait_for(lambda: live.status_of(session)["decoders"]["mdm"]["state"] == "stopped", 20, "mdm to stop")
        wait_for_samples(320)
        stopped = live.status_of(session)
        ask(do="record", on=True)
        ask(do="mark", label="in the second part")
        wait_for_samples(160 * 10)
        ask(do="decode", on=True, decoder="mdm")
        live.wait_for(lambda: live.status_of(session)["decoders"]["mdm"]["state"] == "live", 60, "mdm to go on")
        wait_for_samples(160 * 4)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    return Done(session, json.loads(out.strip().splitlines()[-1]), stopped, rcs)


def test_labrecorders_client_is_understood_by_a_real_session(done: Done) -> None:
    assert done.rcs == ["OK"] * 6
    files = [part["file"] for part in done.report["recording"]["parts"]]
    assert files == [NAMED, "recording.xdf"]
    assert all((done.folder / file).is_file() for file in files)


def test_a_decoder_that_was_stopped_decided_nothing_meanwhile_and_was_not_restarted(done: Done) -> None:
    mdm = done.stopped["decoders"]["mdm"]
    assert (mdm["state"], mdm["restarts"], mdm["problem"]) == ("stopped", 0, None)
    assert done.report["decoders"]["mdm"]["restarts"] == 0
    log = [json.loads(line) for line in (done.folder / "decisions" / "mdm.jsonl").read_text().splitlines()]
    origins = sorted({line["origin"] for line in log})
    assert len(origins) == 2  # it began anew
    before = max(line["sample"] for line in log if line["origin"] == origins[0])
    after = min(line["sample"] for line in log if line["origin"] == origins[1])
    assert after - before > 160 * 8
    assert len(log) < len((done.folder / "decisions" / "log-variance.jsonl").read_text().splitlines())


def test_every_part_is_proven_and_what_lies_outside_is_counted(done: Done) -> None:
    code, verdict, _ = live.rtbci("verify", done.folder)
    assert code == 0
    assert (verdict["parts"], verdict["different"]) == (2, 0)
    ours = verdict["decoders"]
    # what begins in the part (the restarted one) to the bit; what began before it, once the filters have settled
    assert ours["mdm"]["compared"] > 40
    assert ours["log-variance"]["compared"] > 60
    assert ours["log-variance"]["largest"] < 1e-9
    assert ours["log-variance"]["unrecorded"] > 40
    for name, one in ours.items():
        logged = len((done.folder / "decisions" / f"{name}.jsonl").read_text().splitlines())
        assert one["compared"] + one["unsettled"] + one["unrecorded"] == logged


def test_a_changed_decision_in_a_part_is_found(done: Done, tmp_path: Path) -> None:
    log = done.folder / "decisions" / "log-variance.jsonl"
    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    named = done.report["recording"]["parts"][0]
    last = max(i for i, line in enumerate(lines) if line["sample"] < named["first_sample"] + named["samples"])
    lines[last]["log_probs"][0] += 1e-3
    try:
        log.write_text("".join(json.dumps(line) + "\n" for line in lines))
        code, verdict, _ = live.rtbci("verify", done.folder)
    finally:
        log.write_text(text)
    assert (code, verdict["different"]) == (1, 1)
    assert "log_probs was" in verdict["decoders"]["log-variance"]["examples"][0]


def test_notes_switches_and_markers_stay_with_the_session(done: Done) -> None:
    (note,) = [json.loads(line) for line in (done.folder / "notes.jsonl").read_text().splitlines()]
    assert note["text"] == "a pause"
    assert done.report["annotations"]["notes"] == [note]
    (switch,) = [json.loads(line) for line in (done.folder / "decisions" / "charge.jsonl").read_text().splitlines()]
    assert (switch["from"], switch["to"]) == ("mdm", "log-variance")
    assert done.report["annotations"]["charge"] == [switch]
    assert done.stopped["charge"] == {"decoder": "log-variance", "next": None}
    aside = [json.loads(line)["label"] for line in (done.folder / "markers.jsonl").read_text().splitlines()]
    assert "in the pause" in aside
    second = [marker.label for marker in load(done.folder / "recording.xdf").markers]
    assert "in the second part" in second
    assert "in the pause" not in second


def test_samples_that_were_not_to_be_recorded_are_not_missed(done: Done) -> None:
    report = done.report
    assert report["recording"]["samples_missed"] == 0
    assert report["samples"]["recorded"] == sum(part["samples"] for part in report["recording"]["parts"])
    assert report["samples"]["recorded"] < report["samples"]["received"] - 640
    code, _, errors = live.rtbci("info", done.folder / NAMED)
    assert code == 0, errors
