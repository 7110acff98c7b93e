"""train, replay, info and plugins on the bundled recording, and on recordings that a model does not fit."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rtbci import bundled
from rtbci import model as models
from rtbci.recording.stream_header import StreamHeader
from rtbci.recording.xdf import XdfWriter
from rtbci.sources.file import Recording
from tests.cli.conftest import EXPERIMENT, Trained, write_csv
from tests.cli.report_shape import check_report
from tests.cli.terminal import rtbci


def test_train_says_where_the_model_is_and_what_it_was_made_of(trained: Trained) -> None:
    said = trained.said
    assert said["model"] == str(trained.model)
    assert trained.model.is_file()
    assert type(said["windows"]) is int
    assert type(said["seconds"]) is float
    made = said["decoders"]["riemann"]
    assert said["windows"] == made["windows"] == sum(c["windows"] for c in made["classes"].values())
    assert {name: c["trials"] for name, c in made["classes"].items()} == {"fists": 20, "feet": 20}
    # 3 s of trial, 2 s of window, a hop of 0.1 s: ten or eleven windows fit, depending on where the first hop falls
    assert 40 * 10 <= made["windows"] <= 40 * 11
    assert [p.name for p in trained.model.parent.iterdir() if p.suffix != ".toml"] == [trained.model.name]


def test_train_tells_a_person_the_same(trained: Trained, tmp_path: Path) -> None:
    said = rtbci("train", trained.experiment, "--recording", bundled.calibration(), "--out", tmp_path / "m.rtbci")
    assert (said.code, said.err) == (0, "")
    classes = trained.said["decoders"]["riemann"]["classes"]
    assert f"riemann: fists: 20 trials, {classes['fists']['windows']} windows" in said.out
    assert f"{tmp_path / 'm.rtbci'} written" in said.out


def test_the_same_training_gives_the_same_decisions(trained: Trained, tmp_path: Path, short: Path) -> None:
    again = tmp_path / "again.rtbci"
    assert rtbci("train", trained.experiment, "--recording", bundled.calibration(), "--out", again).code == 0
    replays = [
        rtbci("replay", trained.experiment, "--model", model, "--recording", short, "--json").json
        for model in (trained.model, again)
    ]
    hashes = {replay["decoders"]["riemann"]["decisions_sha256"] for replay in replays}
    assert len(hashes) == 1


def test_several_recordings_train_one_model(trained: Trained, tmp_path: Path, calibration: Recording) -> None:
    rest = write_csv(tmp_path / "more.csv", calibration, 20 * 160)
    arguments = ["train", trained.experiment, "--recording", bundled.calibration(), "--recording", rest]
    said = rtbci(*arguments, "--out", tmp_path / "m.rtbci", "--json").json
    assert said["decoders"]["riemann"]["trials"] == 40 + 2
    fast = write_csv(tmp_path / "fast.csv", calibration, 20 * 160, rate=250.0)
    refusal = rtbci(*arguments[:-1], fast, "--out", tmp_path / "n.rtbci").refusal
    assert "runs at 250 Hz" in refusal
    assert "at 160" in refusal
    assert not (tmp_path / "n.rtbci").exists()


def test_a_file_source_is_what_is_trained_on_unless_a_recording_is_named(
    tmp_path: Path, calibration: Recording
) -> None:
    text = EXPERIMENT.replace('use = "lsl"', 'use = "file"\npath = "played.csv"\nspeed = 2.0')
    write_csv(tmp_path / "played.csv", calibration, 22 * 160)  # the path is relative to the experiment file
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(text)
    played = rtbci("train", experiment, "--out", tmp_path / "m.rtbci", "--json")
    classes = played.json["decoders"]["riemann"]["classes"]
    assert {name: c["trials"] for name, c in classes.items()} == {"fists": 1, "feet": 2}
    named = rtbci("train", experiment, "--recording", bundled.calibration(), "--out", tmp_path / "m.rtbci", "--json")
    assert named.json["decoders"]["riemann"]["trials"] == 40


@pytest.mark.parametrize("source", ['use = "lsl"', 'use = "synthetic"\nchannels = 16\nrate = 160.0'])
def test_a_live_source_alone_gives_nothing_to_train_on(source: str, tmp_path: Path) -> None:
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(EXPERIMENT.replace('use = "lsl"\ntype = "EEG"\nchannels = []', source))
    refusal = rtbci("train", experiment, "--out", tmp_path / "m.rtbci").refusal
    use = source.splitlines()[0]
    assert f"[source] {use}: gives no recording to train on; --recording FILE" in refusal
    said = rtbci("train", experiment, "--recording", bundled.calibration(), "--out", tmp_path / "m.rtbci", "--json")
    assert said.json["decoders"]["riemann"]["trials"] == 40


MINE = """
import numpy as np
class Louder:
    def fit(self, windows, labels):
        power = windows.var(axis=2).mean(axis=1)
        self.means = np.array([power[labels == k].mean() for k in np.unique(labels)])
        return self
    def predict(self, window):
        distance = -np.abs(np.asarray(window.samples, np.float64).var(axis=1).mean() - self.means)
        return distance - np.logaddexp.reduce(distance)
    def arrays(self):
        return {"means": self.means}
    def restore(self, arrays):
        self.means = arrays["means"]
"""


def test_a_decoder_of_ones_own_is_found_beside_the_experiment_wherever_one_stands(
    tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(EXPERIMENT.replace('"tangent"', '"./mine.py:Louder"'))
    model = tmp_path / "m.rtbci"
    assert rtbci("train", experiment, "--recording", bundled.calibration(), "--out", model).code == 0
    report = rtbci("replay", experiment, "--model", model, "--recording", short, "--json").json
    check_report(report, "riemann")
    assert report["decoders"]["riemann"]["windows"]["decoded"] == (1000 - 320) // 16 + 1


def test_replay_reports_what_was_promised(trained: Trained) -> None:
    said = rtbci("replay", trained.experiment, "--model", trained.model, "--recording", bundled.calibration(), "--json")
    report = said.json
    check_report(report, "riemann")
    assert said.err == ""
    assert report["session"] is None
    assert report["samples"] == {"received": 48480, "lost": 0}
    assert report["gaps"] == 0
    decoder = report["decoders"]["riemann"]
    assert decoder["trials"] == 40
    # one window per hop from the first that is whole; filters settle before it
    assert decoder["windows"]["decoded"] == (48480 - 2 * 160) // 16 + 1
    assert decoder["windows"]["skipped"] == 0
    assert decoder["trial_accuracy"] >= 0.85
    # an accuracy on the data that was trained on is one to be told about
    assert report["notes"] == [
        "riemann: was trained on this very recording: what it scores here says nothing about another one"
    ]


def test_each_recording_counts_with_its_own_trials(trained: Trained, tmp_path: Path, calibration: Recording) -> None:
    model, half = tmp_path / "two.rtbci", write_csv(tmp_path / "half.csv", calibration, 48480 // 2)
    given = ("--recording", bundled.calibration(), "--recording", half)
    said = rtbci("train", trained.experiment, *given, "--out", model, "--json").json["decoders"]["riemann"]
    first, second = models.read_manifest(model)["riemann"]["trained_on"]
    assert (first["name"], first["trials"], second["name"]) == ("calibration.edf", 40, "half.csv")
    assert 15 < second["trials"] < 25
    assert first["trials"] + second["trials"] == said["trials"]
    assert first["windows"] + second["windows"] == sum(one["windows"] for one in said["classes"].values())
    checked = rtbci("check", trained.experiment, "--model", model, "--no-stream").out
    assert f"({said['trials']} trials)" in checked


def test_a_recording_that_is_given_twice_is_not_trained_on_twice(trained: Trained, tmp_path: Path) -> None:
    given = ("--recording", bundled.calibration(), "--recording", bundled.calibration())
    said = rtbci("train", trained.experiment, *given, "--out", tmp_path / "twice.rtbci")
    assert said.code == 2
    assert said.err.endswith("is given twice; each recording once would be right\n")
    assert not (tmp_path / "twice.rtbci").exists()


def test_a_recording_shorter_than_a_window_gives_a_report_without_numbers(
    trained: Trained, tmp_path: Path, calibration: Recording
) -> None:
    brief = write_csv(tmp_path / "brief.csv", calibration, 200)
    arguments = ("replay", trained.experiment, "--model", trained.model, "--recording", brief)
    report = rtbci(*arguments, "--json").json
    check_report(report, "riemann")
    assert report["samples"]["received"] == 200
    assert report["decoders"]["riemann"]["windows"]["decoded"] == 0
    assert "0 decoded" in rtbci(*arguments).out


def test_of_two_amplifiers_in_a_recording_the_one_that_the_experiment_names_is_meant(
    trained: Trained, tmp_path: Path, short: Path, calibration: Recording
) -> None:
    """As LabRecorder writes it: everything that was on the network, in one XDF."""
    both = tmp_path / "both.xdf"
    writer = XdfWriter(both)
    times = np.arange(1000) / 160.0
    for name, first in (("amp 1", 1000), ("amp 2", 0)):
        number = writer.add_stream(StreamHeader(name, "EEG", calibration.info.channels, 160.0, "float32"))
        writer.write_samples(number, calibration.samples[first : first + 1000], times)
    writer.close()
    experiment = tmp_path / "experiment.toml"
    replay = ("replay", experiment, "--model", trained.model, "--json", "--recording")
    experiment.write_text(EXPERIMENT)
    assert "2 signal streams" in rtbci(*replay, both).json["error"]
    experiment.write_text(EXPERIMENT.replace('type = "EEG"', 'type = "EEG"\nname = "amp 2"'))
    hashes = {path.name: rtbci(*replay, path).json["decoders"]["riemann"]["decisions_sha256"] for path in (short, both)}
    assert hashes["both.xdf"] == hashes["short.csv"]
    experiment.write_text(EXPERIMENT.replace('type = "EEG"', 'type = "EEG"\nname = "amp 1"'))
    assert rtbci(*replay, both).json["decoders"]["riemann"]["decisions_sha256"] != hashes["short.csv"]


def test_replay_tells_a_person_the_same(trained: Trained, short: Path) -> None:
    arguments = ("replay", trained.experiment, "--model", trained.model, "--recording", short)
    plain, report = rtbci(*arguments), rtbci(*arguments, "--json").json
    assert plain.code == 0
    decoder = report["decoders"]["riemann"]
    assert f"sha256   {decoder['decisions_sha256']}" in plain.out
    assert f"{report['samples']['received']} samples received, 0 lost, 0 gaps" in plain.out
    assert f"of {decoder['trials']} (95 % interval" in plain.out
    assert not any("trained on this very recording" in note for note in report["notes"])
    assert all(f"note: {note}" in plain.out for note in report["notes"])


def test_neither_speed_nor_chunk_changes_a_decision(trained: Trained, short: Path) -> None:
    arguments = ("replay", trained.experiment, "--model", trained.model, "--recording", short, "--json")
    reports = [rtbci(*arguments, *more).json for more in ((), ("--speed", "8"), ("--speed", "max", "--chunk", "999"))]
    assert len({report["decoders"]["riemann"]["decisions_sha256"] for report in reports}) == 1
    assert {report["decoders"]["riemann"]["windows"]["decoded"] for report in reports} == {(1000 - 320) // 16 + 1}


def test_channels_in_another_order_give_the_same_decisions_and_are_told(
    trained: Trained, tmp_path: Path, short: Path, calibration: Recording
) -> None:
    turned = write_csv(tmp_path / "turned.csv", calibration, 1000, order=range(15, -1, -1))
    replay = ("replay", trained.experiment, "--model", trained.model, "--json", "--recording")
    straight, report = rtbci(*replay, short).json, rtbci(*replay, turned).json
    note = "riemann: the stream's channels come in another order; the model's 16 were picked by name"
    assert note in report["notes"]
    assert note not in straight["notes"]
    sha256 = straight["decoders"]["riemann"]["decisions_sha256"]
    assert report["decoders"]["riemann"]["decisions_sha256"] == sha256
    plain = rtbci("replay", trained.experiment, "--model", trained.model, "--recording", turned)
    assert f"note: {note}" in plain.out


def test_a_recording_that_a_model_does_not_fit_is_refused_with_what_differs(
    trained: Trained, tmp_path: Path, calibration: Recording
) -> None:
    without = [i for i, name in enumerate(calibration.info.names) if name not in ("C3", "C4")]
    lacking = write_csv(tmp_path / "lacking.csv", calibration, 1000, order=without)
    fast = write_csv(tmp_path / "fast.csv", calibration, 1000, rate=250.0)
    for recording, must_say in (
        (lacking, ("missing: C3, C4", "16 channels at 160 Hz", "has 14 at 160 Hz")),
        (fast, ("16 channels at 160 Hz", "has 16 at 250 Hz", "other rate")),
    ):
        said = rtbci("replay", trained.experiment, "--model", trained.model, "--recording", recording)
        assert said.out == ""
        assert said.refusal.startswith(f'{trained.model} (decoder "riemann") does not fit {recording}: ')
        assert all(part in said.refusal for part in must_say)


def _damaged(folder: Path, good: Path) -> dict[str, tuple[Path, str]]:
    """Files that are no whole model of this version, by what is wrong with them, and what must be said."""
    whole = good.read_bytes()
    (folder / "cut.rtbci").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.rtbci").write_bytes(b"")
    flipped = bytearray(whole)
    flipped[whole.index(b"arrays.safetensors") + 500] ^= 0xFF
    (folder / "flipped.rtbci").write_bytes(flipped)
    with zipfile.ZipFile(folder / "foreign.rtbci", "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    (folder / "pickle.rtbci").write_bytes(pickle.dumps({"weights": np.zeros(3)}))
    with zipfile.ZipFile(good) as old:
        members = {name: old.read(name) for name in old.namelist()}
    manifest = json.loads(members["manifest.json"])
    for name, change in (("future", {"version": 2}), ("stranger", {"format": "another program's"})):
        with zipfile.ZipFile(folder / f"{name}.rtbci", "w") as archive:
            for member, data in members.items():
                text = json.dumps({**manifest, **change}).encode() if member == "manifest.json" else data
                archive.writestr(member, text)
    with zipfile.ZipFile(folder / "hollow.rtbci", "w") as archive:
        archive.writestr("manifest.json", members["manifest.json"])
    said = {
        "cut": "damaged or no model file", "empty": "damaged or no model file", "pickle": "damaged or no model file",
        "flipped": "is damaged", "foreign": "it has no manifest.json", "hollow": "it has no riemann/arrays.safetensors",
        "future": "version 2; this rtbci reads version 1", "stranger": "format \"another program's\"",
        "gone": "'rtbci train' makes one",
    }  # fmt: skip
    return {name: (folder / f"{name}.rtbci", text) for name, text in said.items()}


def test_what_is_no_model_is_refused(trained: Trained, tmp_path: Path, short: Path) -> None:
    for name, (path, must_say) in _damaged(tmp_path, trained.model).items():
        said = rtbci("replay", trained.experiment, "--model", path, "--recording", short)
        assert said.out == "", name
        assert said.refusal.startswith(f"{path}"), name
        assert must_say in said.refusal, name
    assert (
        "is a directory"
        in rtbci("replay", trained.experiment, "--model", tmp_path, "--recording", short).refusal.lower()
    )


OTHER = {
    "window": ("window = 2.0", "window = 1.0", "window was 2.0, the experiment says 1.0"),
    "band": ("high = 30.0", "high = 28.0", "'high': 28.0"),
    "decoder": ('"tangent"', '"mdm"', "use was 'tangent', the experiment says 'mdm'"),
    "name": ('"riemann"', '"other"', 'no model for decoder "other"; it has riemann'),
    "classes": ("feet =", "toes =", "classes was ['fists', 'feet']"),
}


@pytest.mark.parametrize(("old", "new", "must_say"), OTHER.values(), ids=OTHER.keys())
def test_a_model_of_another_experiment_is_refused_live_and_in_replay(
    old: str, new: str, must_say: str, trained: Trained, tmp_path: Path, short: Path
) -> None:
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(EXPERIMENT.replace(old, new))
    for said in (
        rtbci("run", experiment, "--model", trained.model, "--headless"),
        rtbci("replay", experiment, "--model", trained.model, "--recording", short),
    ):
        assert said.out == ""
        assert must_say in said.refusal
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.toml"]


def test_another_hop_is_no_other_model(trained: Trained, tmp_path: Path, short: Path) -> None:
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(EXPERIMENT.replace("hop = 0.1", "hop = 0.5"))
    report = rtbci("replay", experiment, "--model", trained.model, "--recording", short, "--json").json
    assert report["decoders"]["riemann"]["windows"]["decoded"] == (1000 - 320) // 80 + 1


def test_info_says_what_the_bundled_recording_holds() -> None:
    summary = rtbci("info", bundled.calibration(), "--json").json
    signal, markers = summary["streams"]
    assert (summary["format"], summary["size"]) == ("EDF", bundled.calibration().stat().st_size)
    assert (signal["n_channels"], len(signal["channels"]), signal["n_samples"]) == (16, 16, 48480)
    assert (signal["nominal_rate"], signal["effective_rate"], signal["gaps"]) == (160.0, 160.0, 0)
    assert signal["duration"] == pytest.approx(48479 / 160)
    assert signal["units"] == {"uV": 16}
    assert markers["markers"] == {"T0": 41, "T1": 20, "T2": 20}
    plain = rtbci("info", bundled.calibration())
    assert "16 channels, 160 Hz (effective 160.00 Hz)" in plain.out
    assert "T0 41, T1 20, T2 20" in plain.out


def test_info_measures_rate_and_gaps_where_the_file_has_times(tmp_path: Path, calibration: Recording) -> None:
    path = write_csv(tmp_path / "gap.csv", calibration, 960)
    header, *rows = path.read_text().splitlines()
    moved = [
        row if i < 480 else f"{float(row.split(',', 1)[0]) + 2.0},{row.split(',', 1)[1]}" for i, row in enumerate(rows)
    ]
    path.write_text("\n".join([header, *moved]) + "\n")
    signal = rtbci("info", path, "--json").json["streams"][0]
    assert (signal["n_samples"], signal["gaps"]) == (960, 1)
    assert signal["gap_seconds"] == pytest.approx(2.0, abs=0.01)


def test_plugins_list_names_what_can_be_used() -> None:
    listed = rtbci("plugins", "list", "--json").json
    assert {"file", "lsl", "synthetic"} <= {p["name"] for p in listed["sources"]}
    assert {"mdm", "tangent", "csp", "log-variance"} <= {p["name"] for p in listed["decoders"]}
    assert {
        "band-pass",
        "high-pass",
        "notch",
        "re-reference",
        "bipolar",
        "pick",
        "rescale",
        "resample",
        "mark-bad",
    } <= {p["name"] for p in listed["transforms"]}
    for plugin in (p for plugins in listed.values() for p in plugins):
        assert set(plugin) == {"name", "target", "distribution", "version"}
        assert all(type(value) is str and value for value in plugin.values())
    plain = rtbci("plugins", "list").out
    assert all(f"  {p['name']} " in plain for plugins in listed.values() for p in plugins)


HEAVY = {"pyriemann", "sklearn", "mne", "torch", "scipy", "numba", "pylsl", "rtbci_riemann", "rtbci_baseline"}


def test_a_plugin_says_what_it_does_and_takes() -> None:
    (shown,) = rtbci("plugins", "show", "band-pass", "--json").json["plugins"]
    assert (shown["kind"], shown["required"], shown["optional"]) == ("transforms", ["low", "high"], {"order": 4})
    assert "Butterworth" in shown["about"]
    text = rtbci("plugins", "show", "band-pass").out
    assert "low  (required)" in text
    assert "order = 4" in text
    assert "band-pass, bipolar" in rtbci("plugins", "show", "bandpass").refusal


def test_plugins_are_listed_without_importing_one() -> None:
    code = (
        "import sys; from rtbci.cli import run; run(['plugins', 'list']); "
        f"sys.exit(' '.join({HEAVY} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
