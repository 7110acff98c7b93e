"""``rtbci evaluate`` as a researcher uses it, on recordings of the simulated subject."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path

import pytest

from tests.live import rtbci

ROW_KEYS = {
    "decoder", "subject", "session", "fold", "trials", "trial_accuracy", "window_accuracy", "balanced_accuracy", "kappa",
    "auc", "nmcc", "itr_bits_per_min", "chance", "shuffled",
}  # fmt: skip
RAISES_IN_FIT = """
class Broken:
    def fit(self, windows, labels):
        raise ArithmeticError("no inverse today")

    def predict(self, window):
        return None
"""


READS_MARKERS = """
import numpy as np
from rtbci_baseline import LogVariance

class Reader(LogVariance):
    # as a decoder of embeddings does: what was shown is known from the marker, not from the class
    def learn(self, calibration, run):
        names = sorted(set(calibration.markers))
        shown = np.array([names.index(marker) for marker in calibration.markers], np.int64)
        self.prepare(calibration.info, calibration.n_samples, len(names))
        self.fit(calibration.windows, shown[calibration.trial])
"""


def given(recordings) -> list[object]:
    return [item for recording in recordings for item in ("--recording", recording)]


@pytest.fixture(scope="session")
def done(runs, tmp_path_factory) -> tuple[dict, Path]:
    """One evaluation of two decoders on three runs, with its folder."""
    from tests.evaluation.conftest import TEXT

    folder = tmp_path_factory.mktemp("evaluation")
    (folder / "experiment.toml").write_text(TEXT)
    out = folder / "out"
    code, said, errors = rtbci(
        "evaluate", folder / "experiment.toml", *given(runs), "--out", out, "--jobs", 1, "--flattery"
    )
    assert code == 0, errors
    return said, out


def test_every_run_but_the_first_is_tested_on_a_model_of_those_before(done):
    said, _ = done
    assert [(row["decoder"], row["fold"]) for row in said["rows"]] == [
        (decoder, f"ses-1 run-{run}") for decoder in ("csp", "power") for run in (2, 3)
    ]
    assert all(set(row) >= ROW_KEYS for row in said["rows"])
    assert {row["trials"] for row in said["rows"]} == {20}
    assert {row["subject"] for row in said["rows"]} == {"1"}
    for row in said["rows"]:
        assert row["trial_accuracy"] > 0.6 and row["chance"] == 0.5
        assert 0.0 <= row["shuffled"] <= 1.0 and row["nmcc"] > 0.5


def test_the_summary_pools_the_trials_of_all_folds(done):
    said, _ = done
    for name, one in said["summary"].items():
        rows = [row for row in said["rows"] if row["decoder"] == name]
        pooled = sum(row["trial_accuracy"] * row["trials"] for row in rows) / sum(row["trials"] for row in rows)
        assert math.isclose(one["trial_accuracy"], pooled)
        low, high = one["ci"]
        assert low <= one["trial_accuracy"] <= high
        assert set(one) >= {"trial_accuracy", "ci", "nmcc", "shuffled", "flattering"}
        assert 0.0 <= one["flattering"]["window_accuracy"] <= 1.0


def test_the_decisions_are_those_of_train_and_replay(done, runs, experiment, tmp_path):
    said, _ = done
    model = tmp_path / "m.rtbci"
    code, _, errors = rtbci("train", experiment, *given(runs[:2]), "--out", model)
    assert code == 0, errors
    code, replayed, errors = rtbci("replay", experiment, "--model", model, "--recording", runs[2])
    assert code == 0, errors
    for row in said["rows"]:
        if row["fold"] == "ses-1 run-3":
            alone = replayed["decoders"][row["decoder"]]
            assert row["decisions_sha256"] == alone["decisions_sha256"]
            assert row["trial_accuracy"] == alone["trial_accuracy"]
            for key in ("balanced_accuracy", "kappa", "auc", "nmcc", "window_accuracy"):
                assert row[key] == pytest.approx(alone[key])


@pytest.mark.parametrize("use", ["euclidean-alignment", "mvnn"])
def test_with_a_transform_that_calibrates_the_decisions_are_those_of_train_and_replay_too(
    use, runs, experiment, tmp_path
):
    sessions = [shutil.copy(run, tmp_path / f"sub-1_ses-{k}_raw.fif") for k, run in enumerate(runs, 1)]
    step = f'{{ use = "{use}", memory = 20.0 }}'
    experiment.write_text(experiment.read_text().replace("high = 30.0 }]", f"high = 30.0 }}, {step}]"))
    only = ("--decoder", "csp", "--jobs", 1, "--flattery")
    code, said, errors = rtbci("evaluate", experiment, *given(sessions), *only, "--out", tmp_path / "out")
    assert code == 0, errors
    assert len(said["rows"]) == 2
    model = tmp_path / "m.rtbci"
    code, _, errors = rtbci("train", experiment, *given(sessions[:2]), "--out", model)
    assert code == 0, errors
    code, replayed, errors = rtbci("replay", experiment, "--model", model, "--recording", sessions[2])
    assert code == 0, errors
    assert said["rows"][1]["session"] == "3"
    assert said["rows"][1]["decisions_sha256"] == replayed["decoders"]["csp"]["decisions_sha256"]
    assert 0.5 < said["summary"]["csp"]["flattering"]["window_accuracy"] <= 1.0


def test_the_report_is_one_file_that_asks_for_nothing(done):
    said, out = done
    report = Path(said["report"])
    assert report.parent == out
    text = report.read_text()
    assert "<svg" in text and "csp" in text and "power" in text
    assert not any(sign in text for sign in ('src="http', 'href="http', "<script", "@import"))
    rows = list(csv.DictReader((out / "rows.csv").open()))
    assert [float(row["trial_accuracy"]) for row in rows] == pytest.approx(
        [r["trial_accuracy"] for r in said["rows"]], abs=1e-6
    )


def test_what_is_finished_is_not_run_again(done, runs):
    said, out = done
    before = {path: path.stat().st_mtime_ns for path in (out / "tasks").iterdir()}
    assert len(before) == 6  # four tasks, and a claim of each decoder
    code, again, errors = rtbci(
        "evaluate", out.parent / "experiment.toml", *given(runs), "--out", out, "--jobs", 1, "--flattery"
    )
    assert code == 0, errors
    assert again["resumed"] == 6 and said["resumed"] == 0
    assert {path: path.stat().st_mtime_ns for path in (out / "tasks").iterdir()} == before
    assert again["rows"] == said["rows"] and again["summary"] == said["summary"]


def test_another_setting_of_one_decoder_runs_that_one_again(done, runs):
    _, out = done
    other = out.parent / "other.toml"
    other.write_text(
        (out.parent / "experiment.toml").read_text().replace('use = "csp"', 'use = "csp"\nn_components = 4')
    )
    code, said, errors = rtbci("evaluate", other, *given(runs), "--out", out, "--jobs", 1)
    assert code == 0, errors
    assert said["resumed"] == 2


def test_a_decoder_that_fails_is_reported_and_loses_no_other(runs, experiment, tmp_path):
    (tmp_path / "broken.py").write_text(RAISES_IN_FIT)
    experiment.write_text(experiment.read_text().replace('use = "csp"', 'use = "./broken.py:Broken"'))
    out = tmp_path / "out"
    code, said, _ = rtbci("evaluate", experiment, *given(runs), "--out", out, "--jobs", 1)
    assert code == 1
    assert [row["decoder"] for row in said["rows"]] == ["power", "power"]
    assert len(said["failed"]) == 2
    assert "no inverse today" in said["failed"][0]["error"] and "broken.py" in said["failed"][0]["error"]
    assert "no inverse today" in Path(said["report"]).read_text()


def test_idle_is_a_class_of_its_own(runs, experiment, tmp_path):
    experiment.write_text(experiment.read_text().replace("[trial]", "[idle]\n[trial]"))
    code, said, errors = rtbci(
        "evaluate", experiment, *given(runs), "--decoder", "csp", "--out", tmp_path / "out", "--jobs", 1
    )
    assert code == 0, errors
    for row in said["rows"]:
        assert row["classes"] == ["fists", "feet", "idle"] and row["chance"] == pytest.approx(1 / 3)
        assert row["trials"] == 39  # between twenty trials there are nineteen stretches of idle
        assert sum(row["confusion"][2]) == 19
        assert row["false_activations_per_min"] is not None and row["idle_minutes"] > 0.5


def test_one_recording_is_cut_in_order_of_time(runs, experiment, tmp_path):
    code, said, errors = rtbci(
        "evaluate", experiment, "--recording", runs[0], "--decoder", "power", "--blocks", 4, "--out", tmp_path / "out",
        "--jobs", 1,
    )  # fmt: skip
    assert code == 0, errors
    assert [row["fold"] for row in said["rows"]] == ["block 2 of 4", "block 3 of 4", "block 4 of 4"]
    assert [row["trials"] for row in said["rows"]] == [5, 5, 5]


def test_windows_locked_to_markers_that_overlap_have_the_truth_of_their_own_marker(runs, experiment, tmp_path):
    locked = 'lock = "marker"\noffset = 0.5\nwindow = 12.0'  # the next trial begins before this one's window ends
    text = experiment.read_text().replace("window = 2.0\nhop = 0.25", locked)
    experiment.write_text(text.replace("stop = 3.5", "stop = 12.5"))
    code, said, errors = rtbci(
        "evaluate", experiment, *given(runs), "--decoder", "power", "--out", tmp_path / "out", "--jobs", 1
    )
    assert code == 0, errors
    for row in said["rows"]:
        assert row["trials"] >= 15 and row["windows"] == row["trials"]
        assert row["window_accuracy"] == row["trial_accuracy"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split", "random"], "share 88 % of their samples"),
        (["--split", "leave-one-subject-out"], "there is one subject"),
        (["--decoder", "cps"], 'did you mean "csp"'),
        (["--recording", "nothing.edf"], "nothing.edf"),
        (["--scheduler", "tcp://127.0.0.1:1"], "no Dask scheduler answers there"),
        (["--pattern", "("], "--pattern"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments, message, runs, experiment, tmp_path):
    code, said, _ = rtbci("evaluate", experiment, *given(runs), *arguments, "--out", tmp_path / "out")
    assert code == 2
    assert message in said["error"] and "\n" not in said["error"]
    assert not (tmp_path / "out" / "report.html").exists()


def test_the_same_bytes_twice_are_refused(runs, experiment, tmp_path):
    copy = tmp_path / "sub-1_ses-1_run-9_raw.fif"
    copy.write_bytes(runs[0].read_bytes())
    code, said, _ = rtbci("evaluate", experiment, *given([*runs, copy]), "--out", tmp_path / "out")
    assert code == 2 and "same bytes" in said["error"]


def test_without_json_a_table_is_printed(runs, experiment, tmp_path):
    import subprocess
    import sys

    command = [sys.executable, "-m", "rtbci", "evaluate", experiment, *given(runs), "--decoder", "power"]
    said = subprocess.run(
        [*map(str, command), "--out", tmp_path / "o", "--jobs", "1"], capture_output=True, text=True, check=True
    )
    assert "shuffled" in said.stdout and "power" in said.stdout and "report.html" in said.stdout
    with pytest.raises(json.JSONDecodeError):
        json.loads(said.stdout)


def test_the_shuffled_control_of_a_decoder_that_reads_markers_is_shuffled_too(runs, tmp_path):
    from tests.evaluation.conftest import TEXT

    (tmp_path / "reader.py").write_text(READS_MARKERS)
    head = TEXT.split("[[decoder]]")[0]
    (tmp_path / "experiment.toml").write_text(
        head + '[[decoder]]\nname = "reader"\nuse = "./reader.py:Reader"\nwindow = 1.0\nhop = 0.25\n'
        'transforms = [{ use = "band-pass", low = 8.0, high = 30.0 }]\n'
    )
    code, said, errors = rtbci(
        "evaluate", tmp_path / "experiment.toml", *given(runs), "--out", tmp_path / "out", "--jobs", 1, "--shuffles", 4
    )
    assert code == 0, errors
    one = said["summary"]["reader"]
    assert one["trial_accuracy"] > 0.75
    assert one["shuffled"] < one["trial_accuracy"] - 0.1
