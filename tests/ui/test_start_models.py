"""What the start screen knows, without Qt: streams, checks, earlier sessions, facts of experiments and recordings."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from rtbci import bundled, config
from rtbci_ui.facts import Fact
from rtbci_ui.start.checked import read_check
from rtbci_ui.start.chosen import facts, model_files, named_models
from rtbci_ui.start.inspected import recording_facts, session_facts
from rtbci_ui.start.past import ago, ended_words, glimpse, last_session, session_at
from rtbci_ui.start.sight import read_sight, set_of

STREAM = {
    "name": "amp", "type": "EEG", "n_channels": 16, "channel_format": "float32", "rate": 160.0, "source_id": "amp-1",
    "hostname": "lab", "uid": "u", "effective_rate": 159.6, "clock_offset_ms": -0.021, "clock_uncertainty_ms": 0.01,
    "note": "",
}  # fmt: skip


def sight(**changes):
    (seen,) = read_sight(json.dumps({"streams": [{**STREAM, **changes}]}))
    return seen


def test_a_stream_is_read_in_words():
    seen = sight()
    assert seen.key == ("amp", "EEG", "amp-1")
    assert (seen.nominal, seen.measured, seen.offset, seen.off) == ("160", "159.6", "-0.02 ms", False)
    assert "16 channels of float32" in seen.whole


def test_a_stream_that_is_slow_or_silent_is_off():
    assert sight(effective_rate=150.0).off
    silent = sight(effective_rate=None, note="sends nothing")
    assert (silent.off, silent.measured) == (True, "sends nothing")


def test_irregular_streams_have_no_rate_to_be_off():
    markers = sight(rate=0.0, effective_rate=None, clock_offset_ms=None)
    assert (markers.nominal, markers.measured, markers.offset, markers.off) == ("–", "–", "–", False)
    assert sight(rate=0.0, effective_rate=None, note="did not answer").off


def test_clocks_of_other_machines_are_told_in_seconds():
    assert sight(clock_offset_ms=-86_400_000.0).offset == "-86400.0 s"


@pytest.mark.parametrize("line", ["", "{", "[]", "{}", '{"streams": [{}]}', '{"streams": 3}'])
def test_other_lines_are_no_sight(line):
    assert read_sight(line) is None


def test_a_check_depends_on_which_streams_there_are_not_on_how_fast_they_come():
    assert set_of((sight(),)) == set_of((sight(effective_rate=140.0, clock_offset_ms=3.0),))
    assert set_of((sight(),)) != set_of((sight(n_channels=8),))
    assert set_of((sight(),)) != set_of(())


def found(verdict, about, text, decoder=""):
    return {"verdict": verdict, "about": about, "text": text, "decoder": decoder}


def test_what_differs_keeps_a_session_from_starting_and_the_stream_alone_a_recording():
    result = {
        "findings": [found("fits", "experiment", "e"), found("differs", "rate", "rate: 160, 250", "riemann")],
        "stream": {"name": "amp", "type": "EEG", "source_id": "x", "rate": 250.0, "n": 3},
    }
    check = read_check(1, result, "")
    assert [(line.mark, line.text) for line in check.lines] == [("✓", "e"), ("✗", "riemann: rate: 160, 250")]
    assert check.refusal(model=True) == "riemann: rate: 160, 250"
    assert check.refusal(model=False) == ""
    assert check.stream == ("amp", "EEG", "x")
    both = read_check(1, {"findings": [*result["findings"], found("differs", "stream", "no stream")]}, "")
    assert both.refusal(model=True) == "riemann: rate: 160, 250 (and 1 more)"
    assert both.refusal(model=False) == "no stream"
    assert both.stream is None


def test_a_long_reason_is_given_in_part():
    text = "no LSL stream with type = 'MEG' within 3 s; in sight: " + "'amp' (type 'EEG'), " * 8
    check = read_check(1, {"findings": [found("differs", "stream", text)]}, "")
    assert check.refusal(model=False) == "no LSL stream with type = 'MEG' within 3 s"


def test_a_check_that_could_not_be_made_refuses_everything():
    refused = read_check(2, {"error": "e.toml: [source]: is missing"}, "")
    assert refused.refusal(model=False) == refused.refusal(model=True) == "e.toml: [source]: is missing"
    assert read_check(1, None, "killed").problem == "killed"
    assert read_check(-9, None, "").problem == "rtbci check ended with exit code -9 and said nothing"


NOW = datetime(2026, 11, 26, 12, 0).timestamp()


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (datetime(2026, 11, 26, 11, 59), "just now"),
        (datetime(2026, 11, 26, 11, 20), "40 min ago"),
        (datetime(2026, 11, 26, 9, 5), "today 09:05"),
        (datetime(2026, 11, 25, 23, 0), "yesterday"),
        (datetime(2026, 11, 20, 12, 0), "6 days ago"),
        (datetime(2026, 10, 2, 12, 0), "2026-10-02"),
    ],
)
def test_times_are_told_as_people_tell_them(then, words):
    assert ago(then.timestamp(), NOW) == words


def test_what_never_was_is_told():
    assert ago(None) == "never"


def decoder(**changes):
    entry = {
        "trials": 24, "trial_accuracy": 0.708, "trial_accuracy_ci95": [0.508, 0.851], "chance": 0.5,
        "windows": {"decoded": 412},
    }  # fmt: skip
    return {**entry, **changes}


def report(folder, decoders, **more):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps({"decoders": decoders, "problem": None, **more}))
    return folder


def test_a_session_that_ended_is_told_with_interval_and_chance(tmp_path):
    words = ended_words(report(tmp_path, {"riemann": decoder()}))
    assert words == "session ended: 412 decisions, 24 trials, accuracy .71 [.51-.85], chance .50"


def test_several_decoders_are_told_by_name_and_no_trial_has_no_accuracy(tmp_path):
    none = decoder(trials=0, trial_accuracy=None, windows={"decoded": 1})
    words = ended_words(report(tmp_path, {"a": decoder(trials=1, trial_accuracy=1.0), "b": none}, problem="disk full"))
    assert words == (
        "session ended: a: 412 decisions, 1 trial, accuracy 1.00 [.51-.85], chance .50; "
        "b: 1 decision, no finished trial; disk full"
    )


def test_a_session_without_decoders_and_one_without_a_report(tmp_path):
    assert ended_words(report(tmp_path, {}, seconds=61.2)) == "session ended: 61 s recorded, nothing decoded"
    assert ended_words(tmp_path / "gone") == ended_words(None) == "session ended; it left no report"


def session(root, name, experiment, state="ended", run=None):
    folder = root / name
    folder.mkdir(parents=True)
    fields = {"format": 1, "experiment": experiment, "state": state, "started": "2026-11-26T09:05:00.000+00:00"}
    (folder / "session.json").write_text(json.dumps({**fields, "run_folder": run and str(run)}))
    return folder


def test_the_last_session_of_an_experiment_is_found_among_those_of_others(tmp_path):
    (tmp_path / "e.toml").write_text('name = "mine"\n[source]\nuse = "lsl"\n')
    experiment = config.load(tmp_path / "e.toml")
    assert last_session(experiment) is None
    session(tmp_path / "sessions", "2026-11-24_10-00-00_mine", "mine")
    newest = session(tmp_path / "sessions", "2026-11-25_10-00-00_mine", "mine")
    session(tmp_path / "sessions", "2026-11-26_10-00-00_other", "other")
    (tmp_path / "sessions" / "2026-11-27").mkdir()
    assert last_session(experiment).path == newest


def dead_process():
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_the_state_of_a_session_is_told(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    folder = session(tmp_path, "a", "mine", "running", run)
    killed = session_at(folder)
    assert not killed.runs
    assert session_facts(killed)[-1] == Fact(
        "State", f"it did not end properly: `rtbci recover {folder}` closes its recording", "warning"
    )
    (run / "status.json").write_text("{}")
    assert session_facts(session_at(folder))[-1] == Fact("State", "runs now", "good")
    (run / "status.json").write_text(json.dumps({"pid": dead_process()}))  # killed: its run folder is still there
    assert session_facts(session_at(folder))[-1].mood == "warning"
    assert "rtbci recover" in ended_words(folder)
    ended = session_at(report(session(tmp_path, "b", "mine"), {}, seconds=3.0))
    assert session_facts(ended)[-1] == Fact("Outcome", "session ended: 3 s recorded, nothing decoded")
    assert session_at(tmp_path) is None


def test_an_experiment_is_called_by_its_name_or_its_file(tmp_path):
    path = tmp_path / "e.toml"
    assert glimpse(path) == ("e", "cannot be read")
    path.write_text('name = "left or right"\n')
    assert glimpse(path) == ("left or right", "not used yet")
    path.write_text("name = ")
    assert glimpse(path) == ("e", "cannot be read")


def test_recent_experiments_say_when_they_were_used(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text('name = "mine"\n[recording]\nfolder = "kept"\n')
    session(tmp_path / "kept", "2026-11-26_09-05-00_mine", "mine")
    started = datetime.fromisoformat("2026-11-26T09:05:00+00:00").timestamp()
    assert glimpse(path, started + 600.0) == ("mine", "used 10 min ago")


def values(experiment, model=None):
    return {fact.title: fact.value for fact in facts(experiment, model, NOW) if fact.title}


def test_an_experiment_is_told_in_plain_facts(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text(bundled.experiment().read_text())
    told = values(config.load(path))
    assert told["Source"] == "LSL stream, type EEG"
    assert told["Classes"] == "fists (T1), feet (T2)"
    assert told["Trial"] == "0.5 to 3.5 s after the marker"
    assert told["Decoder"] == "riemann: tangent, 2 s every 0.1 s; band-pass 8–30"
    assert told["Model"] == "none: records only, a calibration"
    assert told["Last session"] == "none yet"


def test_models_beside_the_experiment_are_offered_and_broken_ones_are_not(tmp_path, all_decoders):
    path = tmp_path / "e.toml"
    path.write_text(bundled.experiment().read_text().replace('"riemann"', '"tangent"'))
    (tmp_path / "mine.rtbci").write_bytes(all_decoders.read_bytes())
    (tmp_path / "broken.rtbci").write_text("no model")
    experiment = config.load(path)
    (model,) = model_files(experiment)
    assert model.path == tmp_path / "mine.rtbci"
    assert set(model.decoders) == {"tangent", "mdm", "csp", "log-variance"}
    assert values(experiment, model)["Model"].startswith("mine.rtbci, trained on calibration.edf, 40 trials, 20")


def test_a_model_that_the_experiment_names_and_that_is_gone_is_told(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text(bundled.experiment().read_text().replace("hop = 0.1", 'hop = 0.1\nmodel = "gone.rtbci"'))
    experiment = config.load(path)
    assert named_models(experiment) == {"riemann": tmp_path / "gone.rtbci"}
    (fact,) = [fact for fact in facts(experiment, None) if fact.title == "Model"]
    assert (fact.value, fact.mood) == ("gone.rtbci: there is no such file", "alarm")


def test_a_recording_is_told_in_plain_facts():
    from rtbci.inspection import inspect

    path = bundled.calibration()
    told = {fact.title: fact.value for fact in recording_facts(path, inspect(path).as_json(), "")}
    assert told["Format"] == "EDF, 1.6 MB"
    assert told["Signal"] == "calibration (EEG), 16 channels"
    assert (told["Rate"], told["Length"], told["Gaps"]) == ("160 Hz", "5 min 3 s", "none")
    assert told["Channels"].endswith("…; 16 in µV")
    assert told["Markers"] == "annotations: T0 × 41, T1 × 20, T2 × 20"


def test_what_is_no_recording_is_told_with_why():
    problem = recording_facts(Path("x.edf"), {"error": "there is no recording x.edf"}, "")[-1]
    assert problem == Fact("Problem", "there is no recording x.edf", "alarm")
    assert recording_facts(Path("x.edf"), None, "killed")[-1].value == "killed"
