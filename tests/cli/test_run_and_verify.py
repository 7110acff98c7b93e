"""run, verify and recover as a user without an amplifier meets them: a recording played live, and a simulated subject."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest

from rtbci import bundled
from tests import live
from tests.cli.conftest import EXPERIMENT, Session, Trained
from tests.cli.report_shape import check_report
from tests.cli.terminal import rtbci

WINDOWS = (1000 - 2 * 160) // 16 + 1
"""Windows of 2 s every 0.1 s in the 1000 samples of the short recording."""


def test_a_recording_is_played_live_and_the_session_ends_with_it(played: Session) -> None:
    report = played.said
    check_report(report, "riemann")
    assert report["session"] == str(played.folder)
    assert report["samples"]["received"] == report["samples"]["recorded"] == 1000
    assert (report["samples"]["lost"], report["gaps"], report["problem"]) == (0, 0, None)
    decoder = report["decoders"]["riemann"]
    assert decoder["windows"]["decoded"] + decoder["windows"]["skipped"] == WINDOWS
    # its marker came 2.46 s after the first sample, and its last window 3.5 s after that
    assert (decoder["trials"], decoder["trial_accuracy"]) == (1, 1.0)
    assert json.loads((played.folder / "report.json").read_text()) == report


def test_the_session_folder_holds_what_proves_it(played: Session, trained: Trained) -> None:
    assert (played.folder / "experiment.toml").read_text() == played.experiment.read_text()
    assert (played.folder / "model.rtbci").read_bytes() == trained.model.read_bytes()
    session = json.loads((played.folder / "session.json").read_text())
    assert session["state"] == "ended"
    assert not Path(session["run_folder"]).exists()
    held = rtbci("info", played.folder / "recording.xdf", "--json").json["streams"]
    (signal,) = [s for s in held if s["markers"] is None and s["n_channels"] == 16]
    assert (signal["n_samples"], signal["nominal_rate"], signal["gaps"]) == (1000, 160.0, 0)
    labels = [s["markers"] for s in held if s["markers"] and "T1" in s["markers"]]
    assert labels == [{"T0": 1, "T1": 1}]


def test_verify_finds_every_decision_equal(played: Session) -> None:
    verdict = rtbci("verify", played.folder, "--json").json
    counts = {key: verdict[key] for key in ("compared", "equal", "different", "skipped")}
    assert all(type(count) is int for count in counts.values())
    windows = played.said["decoders"]["riemann"]["windows"]
    expected = {
        "compared": windows["decoded"],
        "equal": windows["decoded"],
        "different": 0,
        "skipped": windows["skipped"],
    }
    assert counts == expected
    plain = rtbci("verify", played.folder)
    assert plain.code == 0
    assert f"riemann: {windows['decoded']} decisions compared, {windows['decoded']} equal, 0 different" in plain.out


def test_replay_of_either_recording_gives_the_live_decisions(played: Session, trained: Trained) -> None:
    lived = played.said["decoders"]["riemann"]
    replay = ("replay", played.experiment, "--model", trained.model, "--json", "--recording")
    reports = [rtbci(*replay, path).json for path in (played.folder / "recording.xdf", played.recording)]
    hashes = {report["decoders"]["riemann"]["decisions_sha256"] for report in reports}
    assert len(hashes) == 1
    if lived["windows"]["skipped"] == 0:  # a busy machine may skip some; verify has compared those that it did not
        assert hashes == {lived["decisions_sha256"]}
    for report in reports:
        assert report["decoders"]["riemann"]["confusion"] == lived["confusion"]


@pytest.fixture
def copy(played: Session, tmp_path: Path) -> Path:
    """A copy of the session, to be harmed."""
    return Path(shutil.copytree(played.folder, tmp_path / "session"))


def _change_log(copy: Path) -> None:
    log = copy / "decisions" / "riemann.jsonl"
    lines = log.read_text().splitlines()
    changed = json.loads(lines[3])
    changed["evidence"][0] += 1e-15
    lines[3] = json.dumps(changed)
    log.write_text("\n".join(lines) + "\n")


def test_verify_works_wherever_the_folder_is_and_finds_a_change_in_the_last_digit(copy: Path) -> None:
    assert rtbci("verify", copy).code == 0
    _change_log(copy)
    said = rtbci("verify", copy, "--json")
    assert said.code == 1
    assert said.json["different"] == 1
    assert said.json["equal"] == said.json["compared"] - 1
    plain = rtbci("verify", copy)
    assert (plain.code, plain.err) == (1, "")
    assert "1 different" in plain.out
    assert "evidence was" in plain.out


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


HARMED = {
    "no session.json": (lambda s: (s / "session.json").unlink(), "session.json is missing"),
    "session.json of another program": (lambda s: (s / "session.json").write_text("{}"), "format None"),
    "no experiment": (lambda s: (s / "experiment.toml").unlink(), "experiment.toml cannot be read"),
    "no model": (lambda s: (s / "model.rtbci").unlink(), "model.rtbci"),
    "half a model": (lambda s: _truncate(s / "model.rtbci"), "model.rtbci is damaged"),
    "no recording": (lambda s: (s / "recording.xdf").unlink(), "there is no recording"),
    "a log of something else": (
        lambda s: (s / "decisions" / "riemann.jsonl").write_text('{"a": 1}\n{"b": 2}\n'), "riemann.jsonl line 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("harm", "must_say"), HARMED.values(), ids=HARMED.keys())
def test_verify_says_in_one_line_what_is_missing(harm, must_say: str, copy: Path) -> None:
    harm(copy)
    said = rtbci("verify", copy)
    assert must_say in said.refusal
    assert str(copy) in said.refusal


def test_a_recording_with_samples_missing_is_not_verified_as_if_it_were_whole(copy: Path) -> None:
    report = json.loads((copy / "report.json").read_text())
    report["recording"]["samples_missed"] = 12
    (copy / "report.json").write_text(json.dumps(report))
    assert "lacks 12 samples that the disk was too slow for" in rtbci("verify", copy).refusal
    (copy / "report.json").write_text("{}")
    assert "is not the report of a session" in rtbci("verify", copy).refusal


def test_recover_leaves_a_whole_session_as_it_is(copy: Path) -> None:
    before = (copy / "recording.xdf").read_bytes()
    said = rtbci("recover", copy, "--json")
    assert said.code == 0
    assert said.json["footers_added"] == said.json["cut_bytes"] == 0
    assert (copy / "recording.xdf").read_bytes() == before


def test_recover_closes_a_recording_that_was_cut_and_verify_then_knows_it(copy: Path) -> None:
    recording = copy / "recording.xdf"
    recording.write_bytes(recording.read_bytes()[:-3000])  # the last chunk and the footers
    said = rtbci("recover", copy, "--json").json
    assert said["footers_added"] > 0
    assert rtbci("recover", copy, "--json").json["footers_added"] == 0
    verdict = rtbci("verify", copy, "--json").json
    assert verdict["different"] == 0
    assert 0 < verdict["compared"] <= WINDOWS
    assert verdict["compared"] + verdict["unrecorded"] + verdict["skipped"] == WINDOWS


def test_a_session_that_has_ended_cannot_be_attached_to(played: Session) -> None:
    assert "does not run any more" in rtbci("attach", played.folder).refusal


SYNTHETIC = f"""use = "synthetic"
channels = {json.dumps(list(bundled.CHANNELS))}
rate = {bundled.RATE}
subject = {bundled.SUBJECT}
snr = {bundled.SNR}
seed = 5
"""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory, trained: Trained) -> Session:
    """Five seconds of the simulated subject, live, decoded with what was learnt from its calibration."""
    folder = tmp_path_factory.mktemp("simulated")
    experiment = folder / "experiment.toml"
    experiment.write_text(EXPERIMENT.replace('use = "lsl"\ntype = "EEG"\nchannels = []', SYNTHETIC))
    code, said, errors = live.rtbci(
        "run", experiment, "--model", trained.model, "--headless", "--seconds", 5, "--session", folder / "session"
    )
    assert code == 0, (said, errors)
    return Session(folder / "session", experiment, folder / "session" / "recording.xdf", said)


def test_a_simulated_subject_is_decoded_live_with_the_model_of_its_calibration(simulated: Session) -> None:
    report = simulated.said
    check_report(report, "riemann")
    assert (report["samples"]["lost"], report["gaps"], report["problem"]) == (0, 0, None)
    assert report["samples"]["received"] == report["samples"]["recorded"] > 4 * bundled.RATE
    windows = report["decoders"]["riemann"]["windows"]
    assert windows["decoded"] + windows["skipped"] == (report["samples"]["received"] - 320) // 16 + 1
    # no decision is ready before its newest sample: the source stamps with the clock that decisions are timed by
    assert report["decoders"]["riemann"]["decision_age_ms"]["p50"] > 0.0
    assert report["markers"] >= 1


def test_a_simulated_session_verifies_and_can_be_trained_on(simulated: Session, trained: Trained) -> None:
    verdict = rtbci("verify", simulated.folder, "--json").json
    assert verdict["different"] == 0
    assert verdict["compared"] == simulated.said["decoders"]["riemann"]["windows"]["decoded"]
    report = rtbci(
        "replay", simulated.experiment, "--model", trained.model, "--recording", simulated.recording, "--json"
    ).json
    assert report["samples"]["received"] == simulated.said["samples"]["received"]
    # five seconds are no calibration: what is missing is said of the recording, not of the source
    out = simulated.folder.parent / "m.rtbci"
    refusal = rtbci("train", simulated.experiment, "--recording", simulated.recording, "--out", out).refusal
    assert not out.exists()
    assert "recording.xdf" in refusal
    assert "[classes]" in refusal


def test_without_a_model_a_session_records(tmp_path: Path, short: Path) -> None:
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(EXPERIMENT.replace('use = "lsl"', f'use = "file"\npath = "{short}"\nspeed = 6.0'))
    said = rtbci("run", experiment, "--headless", "--json")
    report = said.json
    check_report(report)
    assert said.code == 0
    assert "decoder riemann has no model yet: recording only" in said.err
    session = Path(report["session"])
    assert session.parent == tmp_path / "sessions"  # beside the experiment file
    assert rtbci("info", session / "recording.xdf", "--json").json["streams"][0]["n_samples"] == 1000
    verdict = rtbci("verify", session, "--json").json
    assert (verdict["compared"], verdict["different"]) == (0, 0)


def test_ctrl_c_ends_a_session_properly(tmp_path: Path) -> None:
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(EXPERIMENT.replace('use = "lsl"\ntype = "EEG"\nchannels = []', SYNTHETIC))
    session = tmp_path / "session"
    with live.running("run", experiment, "--headless", "--session", session, "--json") as process:
        live.wait_for(lambda: live.status_of(session).get("samples", {}).get("received", 0) > 160, 60, "samples")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    report = json.loads(out.splitlines()[-1])
    check_report(report)
    assert report["samples"]["recorded"] == report["samples"]["received"] > 160
    assert json.loads((session / "session.json").read_text())["state"] == "ended"


def test_headless_decisions_go_to_stdout_for_a_person(tmp_path: Path, short: Path, trained: Trained) -> None:
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(EXPERIMENT.replace('use = "lsl"', f'use = "file"\npath = "{short}"\nspeed = 3.0'))
    said = rtbci("run", experiment, "--model", trained.model, "--headless", "--seconds", 1.5)
    assert (said.code, said.err) == (0, "")
    decisions = [line for line in said.out.splitlines() if "riemann  fists" in line]
    assert decisions
    assert all(" s  riemann  fists 0." in line or " s  riemann  fists 1." in line for line in decisions)
    assert all("age " in line and " ms" in line for line in decisions)
    assert "sha256   " in said.out
