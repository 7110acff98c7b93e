"""rehearse: a session on a recording, run as a person runs it, and what it refuses."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rtbci import bundled, config
from rtbci.cli.places import Place, Span
from rtbci.cli.rehearsed import notes
from rtbci.control import send
from rtbci.runfolder import RunFolder, read_json
from tests import live
from tests.cli.conftest import Trained
from tests.cli.terminal import rtbci

HEADLESS = ("--headless", "--recording")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--speed", "0"], "'0' is no speed"),
        (["--speed", "1000"], "speed is 1000; 0.05 to 64 times real time would be right"),
        (["--from", "later"], "'later' is no place; seconds such as 90, or minutes such as 1:30"),
        (["--from", "1:30"], "short.csv is 0:06.2 long; it cannot begin at 1:30.0"),
        (["--loop", "5"], "'5' is no stretch; two places such as 10,60"),
        (["--loop", "5,4"], "the loop is from 5 to 4 s"),
        (["--loop", "1,60"], "a loop to 1:00.0 cannot be"),
        (["--fault", "fire=1"], "there is no fault 'fire'; there are drop, nan, dead, jitter, drift"),
        (["--fault", "drop=2"], "fault drop is '2'; 0 to 1 (share) would be right, such as drop=0.01"),
        (["--fault", "drop"], "fault 'drop' has no value"),
        (["--fault", "dead=C9"], "the stream has no channel 'C9'; it has Fp1, Fp2"),
        (["--model", "there.rtbci"], "there.rtbci"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_before_anything_runs(
    trained: Trained, short: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    session = tmp_path / "session"
    refusal = rtbci("rehearse", trained.experiment, *HEADLESS, short, "--session", session, *arguments).refusal
    assert said in refusal
    assert not session.exists()


def test_a_recording_that_is_not_there_or_a_session_without_one_is_refused(trained: Trained, tmp_path: Path) -> None:
    assert "there is no recording" in rtbci("rehearse", trained.experiment, *HEADLESS, tmp_path / "no.edf").refusal
    (tmp_path / "session.json").write_text(json.dumps({"format": 1}))
    assert "the session holds no recording" in rtbci("rehearse", trained.experiment, *HEADLESS, tmp_path).refusal


def test_it_is_told_why_accuracies_would_flatter(trained: Trained, short: Path) -> None:
    experiment = config.load(trained.experiment)
    learning = replace(experiment, decoders=tuple(replace(one, adapt=True) for one in experiment.decoders))
    models = {"riemann": trained.model}
    assert notes(experiment, models, [short]) == []
    (said,) = notes(experiment, models, [short, bundled.calibration()])
    assert said.startswith("riemann: was trained on this very recording")
    (said,) = notes(learning, models, [short])
    assert said.startswith("riemann: learns while it runs: after a seek back, or in a loop")


def test_places_are_seconds_or_minutes() -> None:
    place = Place()
    assert [place.convert(text, None, None) for text in ("90", "1:30", "1:01:30.5", "0.5")] == [90.0, 90.0, 3690.5, 0.5]
    assert Span().convert("0:10,1:00", None, None) == (10.0, 60.0)


def test_help_teaches_the_faults() -> None:
    said = rtbci("rehearse", "--help").out
    for example in ("drop=0.01", "dead=C3,Cz", "late-markers=0.5", "disconnect=3", '"action":'):
        assert example in said


@pytest.mark.timeout(200)
def test_as_fast_as_decoders_follow_it_decides_what_a_replay_decides(trained: Trained, short: Path) -> None:
    code, said, errors = live.rtbci(
        "rehearse", trained.experiment, *HEADLESS, short, "--model", trained.model, "--speed", "max"
    )
    assert code == 0, errors
    assert "REPLAY of" in errors and "not live" in errors
    assert "trained on this very recording" not in errors
    replayed = rtbci("replay", trained.experiment, "--model", trained.model, "--recording", short, "--json").json
    ours, theirs = said["decoders"]["riemann"], replayed["decoders"]["riemann"]
    assert ours["decisions_sha256"] == theirs["decisions_sha256"]
    assert ours["windows"]["skipped"] == 0
    assert ours["trials"] == theirs["trials"] == 1
    # nothing was recorded, so nothing is left
    assert said["session"] is None
    assert said["samples"]["recorded"] == 0
    assert not list((trained.experiment.parent / "sessions").glob("*"))


class Talking:
    """A rehearsal in a process of its own, and its control socket."""

    def __init__(self, process: Any, session: Path) -> None:
        self.process = process
        self._session = session
        place = live.wait_for(lambda: live.run_folder_of(session), 60.0, "the session has a run folder")
        self.run = RunFolder(place)
        self.until(lambda said: said["state"] == "live", "the session is live")

    def status(self) -> dict[str, Any]:
        return read_json(self.run.status) or {}

    def until(self, condition: Any, what: str) -> dict[str, Any]:
        found: dict[str, Any] = live.wait_for(lambda: (s := self.status()) and condition(s) and s, 60.0, what)
        return found

    def ask(self, action: str, **more: Any) -> dict[str, Any]:
        return send(self.run, {"do": "play", "action": action, **more}, timeout=10.0)

    def standing(self) -> dict[str, Any]:
        """The status once it stands still and says so."""
        time.sleep(0.3)  # longer than the session takes to say what was asked of it
        return self.until(lambda said: said["clock_rate"] == 0.0, "the replay stands still")


@pytest.mark.timeout(300)
def test_a_rehearsal_is_played_over_the_control_socket_recorded_and_verified(trained: Trained, tmp_path: Path) -> None:
    session = tmp_path / "session"
    recording = bundled.calibration()
    arguments = ("--model", trained.model, "--paused", "--record", "--session", session, "--speed", 4, "--json")
    with live.running("rehearse", trained.experiment, *HEADLESS, recording, *arguments) as process:
        talking = Talking(process, session)
        assert talking.standing()["playback"]["position"] == 0.0
        talking.ask("step")
        said = talking.until(lambda said: said["decoders"]["riemann"]["decoded"] == 1, "one decision")
        assert said["playback"]["position"] == pytest.approx(2.0)
        assert talking.ask("seek", time=60.0)["ok"]
        said = talking.standing()
        assert (said["playback"]["position"], said["playback"]["paused"], said["gaps"]) == (60.0, True, 1)
        assert said["state"] == "live"
        decided = said["decoders"]["riemann"]["decoded"]
        assert (
            decided == 1 + 51
        )  # what hurries by before the place is decided, too: 7 s, less a window, and a grid's rest
        assert talking.ask("fault", name="disconnect", value=2.0)["ok"]
        said = talking.until(lambda said: said["state"] == "lost", "the stream is lost")
        assert said["message"] == "rehearsed: the stream is away for 2 s"
        assert talking.ask("resume")["ok"]
        said = talking.until(lambda said: said["state"] == "live" and said["gaps"] == 2, "the stream is back")
        assert said["playback"]["faults"]["disconnect"]["struck"] == 1
        assert talking.ask("seek", marker="T9")["error"].startswith("the recording has no marker 'T9'")
        assert talking.ask("seek", time=280.0)["ok"]
        talking.ask("speed", speed="max")
        out, _ = process.communicate(timeout=120)
    result = json.loads(out.strip().splitlines()[-1])
    assert result["session"] == str(session)
    flattering = "riemann: was trained on this very recording: what it scores here says nothing about another one"
    assert said["playback"]["notes"] == result["notes"] == [flattering]
    assert f"note: {flattering}" in out
    assert result["gaps"] == 3
    kept = json.loads((session / "session.json").read_text())["rehearsal"]
    assert kept["recording"] == str(recording)
    assert kept["faults"]["disconnect"] == {"value": 2.0, "on": False, "struck": 1}
    code, verdict, _ = live.rtbci("verify", session)
    assert (code, verdict["different"]) == (0, 0)
    assert verdict["compared"] == result["decoders"]["riemann"]["windows"]["decoded"] > decided

    # the session itself is a recording that can be played, with the model it ran with
    code, again, errors = live.rtbci("rehearse", trained.experiment, *HEADLESS, session, "--speed", "max")
    assert code == 0, errors
    assert again["gaps"] == 3
    assert again["samples"]["received"] == result["samples"]["received"]
    if result["decoders"]["riemann"]["windows"]["skipped"] == 0:  # a busy machine may skip some at four times real time
        assert again["decoders"]["riemann"]["decisions_sha256"] == result["decoders"]["riemann"]["decisions_sha256"]


@pytest.mark.timeout(200)
def test_a_rehearsal_that_is_killed_says_in_its_folder_that_it_was_one(trained: Trained, tmp_path: Path) -> None:
    """Its recording is not to be taken for that of a subject."""
    session, recording = tmp_path / "session", bundled.calibration()
    arguments = ("--record", "--session", session, "--fault", "dead=C3")
    with live.running("rehearse", trained.experiment, *HEADLESS, recording, *arguments) as process:
        talking = Talking(process, session)
        talking.until(lambda said: said["samples"]["received"] > 0, "samples have come")
        process.kill()
        process.wait()
    kept = json.loads((session / "session.json").read_text())
    assert kept["state"] == "running"
    assert kept["rehearsal"]["recording"] == str(recording)
    assert kept["rehearsal"]["faults"]["dead"]["on"]


def test_without_a_display_it_says_what_to_do(trained: Trained, short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("elsewhere there is always a display")
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    refusal = rtbci("rehearse", trained.experiment, "--recording", short, "--model", trained.model).refusal
    assert refusal.endswith("or use --headless")
