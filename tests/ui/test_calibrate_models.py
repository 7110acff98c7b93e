"""What the calibration panel knows, without Qt: a log that is followed, recordings, scores, places, commands."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from rtbci import config
from rtbci.types import Marker
from rtbci_ui.calibrate import steps
from rtbci_ui.calibrate.map_plot import outline
from rtbci_ui.calibrate.places import Places, counts, experiment_of, last_trial, recordings_of
from rtbci_ui.calibrate.presented import Follower
from rtbci_ui.calibrate.presented_words import before, during, headline, heard
from rtbci_ui.calibrate.presenting import arguments, outlook
from rtbci_ui.calibrate.result import scores_of, trained_words, warnings
from rtbci_ui.status import RecordingStatus, Status
from tests.ui.fake_session import EXPERIMENT


def _experiment(tmp_path: Path, extra: str = "") -> Path:
    path = tmp_path / "experiment.toml"
    path.write_text(EXPERIMENT + extra)
    return path


def _write(path: Path, *events: dict, end: str = "\n") -> None:
    with path.open("a") as file:
        file.write("\n".join(json.dumps(event) for event in events) + end)


# ---------------------------------------------------------------------- presentations


def test_a_presentation_is_followed_while_it_is_logged(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    follower = Follower(log, planned=4)
    assert follower.look().state == "opening"
    _write(
        log,
        {"event": "open", "paradigm": "motor-imagery", "settings": {"stream": "mine"}, "synchronised": False,
         "display": "not synchronised to the display: why", "refresh_rate": 60.0, "notes": ["a note"]},
    )  # fmt: skip
    seen = follower.look()
    assert (seen.state, seen.stream, seen.synchronised, seen.notes) == ("ready", "mine", False, ("a note",))
    _write(log, {"event": "begin", "time": 1.0, "receiver": True})
    for k in range(2):
        _write(
            log,
            {"event": "marker", "label": "left", "time": 10.0 + k},
            {"event": "marker", "label": "trial-end", "time": 11.0},
        )
    _write(log, {"event": "dropped", "frames": 3, "time": 11.5})
    seen = follower.look()
    assert (seen.state, seen.trials, seen.planned, seen.markers, seen.dropped) == ("running", 2, 4, 4, 3)
    assert (seen.first_marker, seen.heard) == (10.0, True)
    _write(log, {"event": "end", "completed": False, "trials": 2, "planned_trials": 4, "markers": 5, "dropped": 3})
    seen = follower.look()
    assert (seen.state, seen.markers, seen.over) == ("ended early", 5, True)


def test_what_made_the_run_worth_less_is_told_when_it_is_over(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "log.jsonl", 4)
    unheard = "3 of 5 markers were sent while nobody received them"
    end = {"completed": True, "trials": 4, "planned_trials": 4, "markers": 5, "dropped": 0}
    _write(follower.path, {"event": "end", **end}, {"event": "summary", **end, "warnings": [unheard]})
    facts = [fact for fact in during(follower.look(), []) if fact.title == "Warning"]
    assert [(fact.value, fact.mood) for fact in facts] == [(unheard, "warning")]


def test_a_flicker_is_judged_for_the_display_it_will_be_on(tmp_path: Path) -> None:
    given = arguments(None, "ssvep", ["frequencies=[36, 40, 45]"])
    assert "half the refresh rate of 60 Hz" in outlook(given).problem
    fast = outlook(given, 144.0)
    assert not fast.problem
    assert before(fast)[1].value == "without pauses, on a display of 144 Hz"


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    follower = Follower(log)
    line = json.dumps({"event": "marker", "label": "trial-end", "time": 1.0})
    log.write_text(line[:20])
    assert follower.look().markers == 0
    log.write_text(line + "\n")
    assert follower.look().markers == 1
    log.write_text(line + "\nno json\n")
    assert follower.look().markers == 1


def test_markers_that_the_session_does_not_hear_are_told(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "log.jsonl", 4)
    _write(follower.path, {"event": "open", "settings": {"stream": "mine"}, "synchronised": True, "refresh_rate": 59.9})
    _write(follower.path, *({"event": "marker", "label": "left", "time": 10.0 + k} for k in range(3)))
    seen = follower.look()
    ours = [Marker(10.0 + k, "left", None, "mine") for k in range(2)]
    others = [Marker(9.0 - 5, "left", None, "mine"), Marker(10.5, "left", None, "another")]
    assert heard(seen, [*others, *ours]) == 2
    facts = {fact.title: fact for fact in during(seen, [])}
    assert facts["Markers heard"].mood == "alarm"
    assert "does not listen to “mine”" in facts["Markers heard"].value
    assert facts["Display"].value == "synchronised at 59.9 Hz"
    assert {fact.title: fact for fact in during(seen, ours)}["Markers heard"].mood == ""


def test_a_process_that_ends_without_a_word_is_said_to(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "log.jsonl", 4)
    assert headline(outlook([]), follower.look(), running=False) == "0 of 4 trials · ended without a word"
    assert headline(outlook([]), follower.look(), running=True) == "0 of 4 trials · opening …"


def test_how_long_a_presentation_takes_is_told_before_it(tmp_path: Path) -> None:
    path = _experiment(tmp_path, '[paradigm]\nuse = "motor-imagery"\ntrials = 3\n')
    given = arguments(path, "motor-imagery", [])
    seen = outlook(given)
    assert (seen.trials, set(seen.classes), seen.stream) == (6, {"T1", "T2"}, "rtbci-markers")
    assert 6 * 8.5 < seen.seconds < 6 * 9.6
    assert outlook(arguments(path, "motor-imagery", ["trials=5"])).trials == 10
    assert "stream “rtbci-markers”: " in before(seen)[0].value


def test_a_setting_that_cannot_be_is_told_as_the_stimulus_process_would(tmp_path: Path) -> None:
    seen = outlook(arguments(_experiment(tmp_path), "motor-imagery", ["trials=0"]))
    assert "trials = 0: is below 1" in seen.problem
    assert headline(seen, None, running=False) == "–"


# ---------------------------------------------------------------------- recordings and places


def test_all_parts_of_the_sessions_recording_are_found(tmp_path: Path) -> None:
    session = tmp_path / "sessions" / "s"
    session.mkdir(parents=True)
    for name in ("recording.xdf", "recording-2.xdf"):
        (session / name).write_bytes(b"XDF:")
    (session / "session.json").write_text(json.dumps({"parts": [{"file": "recording.xdf"}, {"file": "gone.xdf"}]}))
    status = Status(session=str(session), recording=RecordingStatus("recording", str(session / "recording-2.xdf")))
    assert [path.name for path in recordings_of(status)] == ["recording.xdf", "recording-2.xdf"]
    assert recordings_of(None) == ()
    (session / "session.json").write_text("{")
    assert [path.name for path in recordings_of(status)] == ["recording-2.xdf"]


def test_the_experiment_is_the_file_that_was_given_or_the_sessions_copy(tmp_path: Path) -> None:
    session = tmp_path / "sessions" / "s"
    session.mkdir(parents=True)
    given, copy = _experiment(tmp_path), session / "experiment.toml"
    copy.write_text(EXPERIMENT)
    assert experiment_of(Status(session=str(session), experiment=str(given))) == given
    assert experiment_of(Status(session=str(session), experiment="experiment.toml")) == given
    assert experiment_of(Status(session=str(session), experiment="/gone/experiment.toml")) == copy
    assert experiment_of(Status()) is None


def test_what_a_training_makes_lies_beside_the_experiment_and_goes_when_it_is_cancelled(tmp_path: Path) -> None:
    places = Places.beside(_experiment(tmp_path), datetime(2026, 11, 26, 22, 5, 1))
    odd = Places.beside(tmp_path / "odd[1].toml", datetime(2026, 11, 26, 22, 5, 1))
    odd.model.write_text("half")
    odd.clear(model=True)
    assert not odd.model.exists()
    assert places.model == tmp_path / "experiment-20261126-220501.rtbci"
    assert places.choice == tmp_path / "experiment-20261126-220501-chosen.toml"
    places.evaluation.mkdir(parents=True)
    (tmp_path / f".{places.model.name}.part").write_text("half")
    (tmp_path / f"{places.model.name}.training").mkdir()
    earlier = tmp_path / "experiment-20261126-210000.rtbci"
    earlier.write_text("whole")
    places.clear(model=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [earlier.name, "experiment.toml"]


def test_trials_are_counted_and_the_last_one_ends_with_its_trial(tmp_path: Path) -> None:
    experiment = config.load(_experiment(tmp_path))
    markers = [Marker(float(k), label) for k, label in enumerate(("T1", "other", "T2", "T1", "run-end"))]
    assert counts(markers, experiment) == {"fists": 2, "feet": 1}
    assert last_trial(markers, experiment) == 3.0 + 3.5
    assert last_trial(markers[1:2], experiment) is None


# ---------------------------------------------------------------------- results


def test_a_score_stands_beside_its_interval_chance_and_controls() -> None:
    summary = {
        "trials": 32,
        "trial_accuracy": 0.9375,
        "chance": 0.5,
        "shuffled": 0.46875,
        "permutation_p": 0.0005,
        "folds": 4,
    }
    (score,) = scores_of({"summary": {"riemann": summary}})
    assert (score.right, score.headline) == (30, "94 % of 32 trials")
    # Wilson 1927 for 30 of 32
    assert score.interval == (pytest.approx(0.7985, abs=1e-3), pytest.approx(0.9827, abs=1e-3))
    assert (
        score.details == "95 % interval 80 to 98 %, chance 50 %, trained on shuffled labels 47 %, permutation p 0.0005"
    )
    assert score.verdict == "above chance"


def test_a_score_that_may_be_chance_is_not_called_better() -> None:
    (score,) = scores_of({"summary": {"a": {"trials": 13, "trial_accuracy": 9 / 13, "chance": 0.5}}})
    assert not score.above_chance
    assert score.verdict.startswith("not shown to be above chance")
    assert scores_of({"summary": {"a": {"trials": 0, "trial_accuracy": None}}}) == ()
    assert scores_of(None) == ()


def test_naming_the_most_frequent_class_always_is_not_called_better_than_chance() -> None:
    """One flash in six is a target: a decoder that never names one is right in 83 % of them."""
    lazy = {
        "trials": 600, "trial_accuracy": 5 / 6, "chance": 0.5, "chance_majority": 5 / 6, "balanced_accuracy": 0.5,
        "shuffled": 5 / 6, "permutation_p": 1.0,
    }  # fmt: skip
    (score,) = scores_of({"summary": {"xdawn": lazy}})
    assert not score.above_chance
    assert score.verdict.startswith("not shown to be above chance")
    assert "chance 50 %, always the most frequent class 83 %, balanced accuracy 50 %, trained" in score.details
    # answers that go with the labels are told so, and what naming one class would reach stands beside
    fair = lazy | {"trial_accuracy": 0.7, "balanced_accuracy": 0.7, "permutation_p": 0.0005}
    (score,) = scores_of({"summary": {"xdawn": fair}})
    assert score.above_chance
    assert (
        score.verdict == "above chance, though always naming the most frequent class would be right at least as often"
    )


def test_what_training_said_and_evaluation_warned_of() -> None:
    trained = {"decoders": {"r": {"classes": {"a": {"trials": 2}, "b": {"trials": 3}}, "channels": ["C3", "C4"]}}}
    assert trained_words(trained) == "r: a 2 trials, b 3 trials, 2 channels"
    assert warnings({"warnings": ["w"], "failed": [{"task": "t", "error": "e"}]}) == "w; t: e"


def test_the_steps_are_commands_of_rtbci(tmp_path: Path) -> None:
    places = Places.beside(tmp_path / "e.toml", datetime(2026, 1, 2, 3, 4, 5))
    recordings = (Path("a.xdf"), Path("b.xdf"))
    both = ["--recording", "a.xdf", "--recording", "b.xdf"]
    assert steps.train(places.experiment, recordings, places) == [
        "train", str(tmp_path / "e.toml"), *both, "--out", str(places.model),
    ]  # fmt: skip
    validate = steps.validate(recordings, places, ["--average"])
    assert validate[-2:] == ["--average", "--validate"]
    # maps that are shown may be made anew while a choice is validated: no file has two writers
    assert str(places.maps) in steps.maps(recordings, places, [])
    assert str(places.maps) not in validate
    assert steps.check(places.choice, places.model, recordings[-1])[-1] == "b.xdf"


# ---------------------------------------------------------------------- the outline


def test_cells_are_outlined_where_they_meet_others() -> None:
    mask = np.zeros((3, 4), bool)
    mask[1, 1] = mask[1, 2] = True
    x, y = outline(mask)
    segments = {tuple(sorted([(x[k], y[k]), (x[k + 1], y[k + 1])])) for k in range(0, len(x), 2)}
    assert segments == {
        ((1.0, 1.0), (2.0, 1.0)), ((2.0, 1.0), (3.0, 1.0)), ((1.0, 2.0), (2.0, 2.0)), ((2.0, 2.0), (3.0, 2.0)),
        ((1.0, 1.0), (1.0, 2.0)), ((3.0, 1.0), (3.0, 2.0)),
    }  # fmt: skip
    assert len(outline(np.zeros((2, 2), bool))[0]) == 0
    assert len(outline(np.ones((2, 2), bool))[0]) == 2 * 8
