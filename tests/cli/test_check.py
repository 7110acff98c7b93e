"""``rtbci check``: what fits and what differs, against the session's own judgement."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtbci import bundled
from rtbci.compatibility import of_model
from rtbci.config import load
from rtbci.model import read_manifest
from rtbci.montage import electrode
from rtbci.recording.stream_header import StreamHeader
from rtbci.recording.xdf import XdfWriter
from rtbci.signature import Signature
from rtbci.sources.file import Recording
from rtbci.stream_fit import of_signature, signature_in
from rtbci.types import Channel, StreamInfo
from tests.cli.conftest import EXPERIMENT, Trained, write_csv
from tests.cli.terminal import Said, rtbci
from tests.cli.test_run_refuses import sending


def differing(said: Said) -> dict[str, str]:
    """What differs, by what it is about."""
    assert said.code == 1, said
    assert said.json["fits"] is False
    return {f["about"]: f["text"] for f in said.json["findings"] if f["verdict"] == "differs"}


def texts(said: Said, verdict: str) -> list[str]:
    """The sentences of one verdict."""
    return [f["text"] for f in said.json["findings"] if f["verdict"] == verdict]


def edited(trained: Trained, folder: Path, *changes: tuple[str, str]) -> Path:
    """The trained experiment with other words."""
    text = EXPERIMENT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "edited.toml"
    path.write_text(text)
    return path


def test_the_recording_that_it_was_trained_on_fits(trained: Trained) -> None:
    said = rtbci("check", trained.experiment, "--model", trained.model, "--recording", bundled.calibration(), "--json")
    assert said.code == 0, said
    assert said.json["fits"] is True
    assert said.json["models"] == {"riemann": str(trained.model)}
    assert said.json["stream"] == {"name": "calibration", "type": "EEG", "source_id": "", "rate": 160.0, "n": 16}
    fitting = texts(said, "fits")
    assert "rate: 160 Hz, as in training" in fitting
    assert "all 16 channels of the model are there, in its units" in fitting
    assert "markers: fists 20, feet 20" in fitting
    assert "its transforms work on this stream; windows of 16 channels, 320 samples at 160 Hz" in fitting
    assert any("trained 20" in text and "on calibration.edf (40 trials)" in text for text in fitting)
    assert [text for text in texts(said, "note") if "reference" not in text] == []


def test_a_person_reads_marks(trained: Trained) -> None:
    said = rtbci("check", trained.experiment, "--model", trained.model, "--recording", bundled.calibration())
    lines = said.out.splitlines()
    assert lines[0] == "✓ experiment fists or feet: 2 classes (fists, feet)"
    assert lines[-1] == "all fits"
    assert {line[0] for line in lines[:-1]} == {"✓", "·"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('use = "lsl"', 'use = "lls"', 'source "lls" is not installed; did you mean "lsl"?'),
        ('use = "lsl"', 'use = "lsl"\ntyp = "EEG"', 'source "lsl" takes no argument "typ"; did you mean "type"?'),
        ('use = "lsl"', 'use = "file"', 'source "file" needs path'),
    ],
)
def test_a_source_that_no_session_could_make_differs_though_no_stream_is_looked_for(
    old: str, new: str, says: str, trained: Trained, tmp_path: Path
) -> None:
    path = edited(trained, tmp_path, (old, new))
    assert says in differing(rtbci("check", path, "--no-stream", "--json"))["source"]
    assert says in differing(rtbci("check", path, "--json"))["source"]


CHANGES: Mapping[str, tuple[tuple[str, str], str, str]] = {
    "classes": (('feet = ["T2"]', 'hands = ["T2"]'), "classes", "knows fists, feet; the experiment has fists, hands"),
    "order": (
        ('fists = ["T1"]\nfeet = ["T2"]', 'feet = ["T2"]\nfists = ["T1"]'),
        "classes",
        "the same in another order, which numbers them",
    ),
    "kind": (('"tangent"', '"csp"'), "use", 'the model is a "tangent", the experiment asks for a "csp"'),
    "window": (("window = 2.0", "window = 1.5"), "window", "window: 2 s in the model, 1.5 s in the experiment"),
    "band": (("high = 30.0", "high = 25.0"), "transforms", "band-pass (low = 8.0, high = 25.0) in the experiment"),
    "lock": (("hop = 0.1", 'lock = "marker"'), "lock", "windows: the model slides, the experiment waits for markers"),
}


@pytest.mark.parametrize(("change", "about", "words"), CHANGES.values(), ids=CHANGES.keys())
def test_an_experiment_that_was_changed_is_told_from_its_model(
    change: tuple[str, str], about: str, words: str, trained: Trained, tmp_path: Path
) -> None:
    path = edited(trained, tmp_path, change)
    found = differing(rtbci("check", path, "--model", trained.model, "--no-stream", "--json"))
    assert words in found[about]
    assert found[about].endswith("train it again, or use its settings")
    # the session refuses what differs, and nothing else
    run = rtbci("run", path, "--model", trained.model, "--headless", "--json")
    assert run.code == 2
    assert "does not fit decoder" in run.json["error"]


def test_another_hop_is_a_note(trained: Trained, tmp_path: Path) -> None:
    path = edited(trained, tmp_path, ("hop = 0.1", "hop = 0.2"))
    said = rtbci("check", path, "--model", trained.model, "--no-stream", "--json")
    assert said.code == 0
    assert texts(said, "note") == ["hop: 0.2 s, 0.1 s in training; it changes how often it is asked"]


def test_settings_of_the_decoder_are_the_models(trained: Trained, tmp_path: Path) -> None:
    path = edited(trained, tmp_path, ("hop = 0.1", "hop = 0.1\nC = 0.5"))
    said = rtbci("check", path, "--model", trained.model, "--no-stream", "--json")
    assert said.code == 0
    assert texts(said, "note") == [
        "the decoder's own settings are those of the model (all defaults), not the file's (C = 0.5)"
    ]


def test_rate_and_channels_of_a_recording_that_does_not_fit(
    trained: Trained, tmp_path: Path, calibration: Recording
) -> None:
    order = [k for k, name in enumerate(calibration.info.names) if name not in ("C3", "Oz")]
    path = write_csv(tmp_path / "other.csv", calibration, 400, order=order, rate=200.0)
    found = rtbci("check", trained.experiment, "--model", trained.model, "--recording", path, "--json")
    wrong = [f["text"] for f in found.json["findings"] if f["verdict"] == "differs"]
    assert found.code == 1
    assert wrong[0].startswith(
        "rate: the model was trained at 160 Hz, this comes at 200 Hz; set the amplifier to 160 Hz"
    )
    assert [text.split(";")[0] for text in wrong[1:]] == ["channels: the model wants C3, Oz, not to be found"]


def test_channels_in_another_order_and_extra_ones_are_notes(
    trained: Trained, tmp_path: Path, calibration: Recording
) -> None:
    n = len(calibration.info.names)
    path = write_csv(tmp_path / "mixed.csv", calibration, 400, order=list(reversed(range(n))))
    said = rtbci("check", trained.experiment, "--model", trained.model, "--recording", path, "--json")
    assert said.code == 0, said
    assert "the stream's channels come in another order; the model's 16 were picked by name" in texts(said, "note")


def info_of(*channels: Channel, rate: float = 100.0) -> StreamInfo:
    """A stream of these channels."""
    return StreamInfo("amp", rate, channels)


def told(signature: Signature, info: StreamInfo) -> list[str]:
    """What differs, in words."""
    found, channels = of_signature("riemann", signature, info)
    wrong = [finding.text for finding in found if finding.verdict == "differs"]
    assert (channels is None) == bool(wrong)
    return wrong


def test_a_channel_at_the_place_of_one_that_is_missing_is_named_only_where_it_is_there() -> None:
    wanted = Signature(100.0, (Channel("C3"), Channel("Cz")))
    place = electrode("C3")
    assert place is not None
    there = info_of(Channel("EEG 3", position=place), Channel("Cz", position=electrode("Cz")))
    assert told(wanted, there) == [
        "channels: the model wants C3, there is none; EEG 3 lies where C3 would: the name C3 would be right"
    ]
    apart = (place[0] + 0.02, place[1], place[2])
    (text,) = told(wanted, info_of(Channel("EEG 3", position=apart), Channel("Cz")))
    assert text == "channels: the model wants C3, not to be found; there are EEG 3, Cz"
    (text,) = told(wanted, info_of(Channel("EEG C3-Ref"), Channel("Cz")))
    assert text == "channels: the model wants C3, there is none; EEG C3-Ref may be it: the name C3 would be right"


def test_units_are_compared_channel_by_channel() -> None:
    wanted = Signature(100.0, (Channel("C3"), Channel("Cz")))
    (text,) = told(wanted, info_of(Channel("Cz", unit="V"), Channel("C3")))
    assert text.startswith("units: Cz comes in V, it was uV in training;")
    assert told(wanted, info_of(Channel("Cz"), Channel("C3"))) == []


def test_a_model_without_the_decoder_differs_and_one_that_is_none_is_refused(trained: Trained, tmp_path: Path) -> None:
    path = edited(trained, tmp_path, ('name = "riemann"', 'name = "other"'))
    found = differing(rtbci("check", path, "--model", trained.model, "--no-stream", "--json"))
    assert "has no model of it" in found["model"]
    broken = tmp_path / "broken.rtbci"
    broken.write_text("no model")
    assert "broken.rtbci" in rtbci("check", path, "--model", broken, "--no-stream").refusal
    assert "there is no such file" in rtbci("check", tmp_path / "gone.toml").refusal


def test_without_a_model_the_stream_alone_counts(trained: Trained) -> None:
    said = rtbci("check", trained.experiment, "--recording", bundled.calibration(), "--json")
    assert said.code == 0
    assert "no model: the session records only, a calibration" in texts(said, "note")


def test_a_decoder_that_is_not_installed_differs(trained: Trained, tmp_path: Path) -> None:
    path = edited(trained, tmp_path, ('"tangent"', '"tangnt"'))
    found = differing(rtbci("check", path, "--no-stream", "--json"))
    assert found["plugin"].startswith('"tangnt" is not installed; did you mean "tangent"?')


def test_a_band_that_the_rate_cannot_hold_differs(tmp_path: Path) -> None:
    path = tmp_path / "slow.toml"
    source = 'use = "synthetic"\nchannels = ["C3", "C4"]\nrate = 80.0\nline = 0.0'
    text = EXPERIMENT.replace("high = 30.0", "high = 45.0")
    path.write_text(text.replace('use = "lsl"\ntype = "EEG"\nchannels = []', source))
    found = differing(rtbci("check", path, "--json"))
    assert "45" in found["transforms"]


def test_labels_of_a_recording_that_mean_no_class_are_listed(trained: Trained, tmp_path: Path) -> None:
    path = edited(trained, tmp_path, ('["T1"]', '["left"]'), ('["T2"]', '["right"]'))
    said = rtbci("check", path, "--recording", bundled.calibration(), "--json")
    assert said.code == 0
    (text,) = [text for text in texts(said, "note") if text.startswith("markers")]
    assert "none stands for a class; there are T0 (41), T1 (20), T2 (20)" in text


def test_a_bank_of_another_space_differs(trained: Trained, tmp_path: Path) -> None:
    experiment = load(bundled.experiment("pictures"))
    config = experiment.decoders[0]
    entry: dict[str, Any] = {
        "classes": list(experiment.classes), "use": config.use, "window": config.window, "hop": None, "lock": "marker",
        "offset": 0.0, "baseline": None, "transforms": [[t.use, dict(t.args)] for t in config.transforms],
        "args": dict(config.args), "space_id": "other:space", "versions": {"numpy": "1.0.0"}, "trained_on": [],
    }  # fmt: skip
    found = {f.about: f for f in of_model(experiment, config, entry, tmp_path / "m.rtbci")}
    assert found["bank"].verdict == "differs"
    assert "the model of other:space" in found["bank"].text
    assert found["versions"].verdict == "note"
    assert f"numpy 1.0.0, here {np.__version__}" in found["versions"].text


def test_the_stream_in_sight_is_found_and_told(trained: Trained, tmp_path: Path, stream_name: str) -> None:
    path = edited(trained, tmp_path, ('type = "EEG"', f'name = "{stream_name}"'))
    signal = {"name": stream_name, "type": "EEG", "n": 4, "rate": 160.0, "source_id": "amp-9"}
    cues = {"name": f"{stream_name} cues", "type": "Markers", "n": 1, "format": "string", "source_id": "c"}
    with sending(signal, cues):
        said = rtbci("check", path, "--model", trained.model, "--json")
    assert said.json["stream"] == {
        "name": stream_name, "type": "EEG", "source_id": "amp-9", "rate": 160.0, "n": 4,
    }  # fmt: skip
    assert "rate: 160 Hz, as in training" in texts(said, "fits")
    assert any(f"{stream_name} cues" in text for text in texts(said, "fits"))
    (missing,) = [text for text in texts(said, "differs") if text.startswith("channels")]
    assert missing.startswith("channels: the model wants Fp1, Fp2, F3, Fz, F4, T7, C3, Cz and 8 more, not to be found")
    assert said.code == 1


def test_no_stream_in_sight_differs(trained: Trained, tmp_path: Path, stream_name: str) -> None:
    path = edited(trained, tmp_path, ('type = "EEG"', f'name = "{stream_name}"'))
    said = rtbci("check", path, "--model", trained.model, "--wait", 0.3, "--json")
    assert f"no LSL stream with name = '{stream_name}'" in differing(said)["stream"].replace("type = 'EEG', ", "")
    assert said.json["stream"] is None


def test_a_recording_without_markers_says_so(trained: Trained, tmp_path: Path) -> None:
    channels = signature_in(read_manifest(trained.model)["riemann"]).channels
    path = tmp_path / "run.xdf"
    writer = XdfWriter(path)
    signal = writer.add_stream(StreamHeader("amp", "EEG", channels, 160.0, "float32"))
    writer.write_samples(signal, np.zeros((320, len(channels)), np.float32), np.arange(320) / 160.0)
    writer.close()
    said = rtbci("check", trained.experiment, "--model", trained.model, "--recording", path, "--json")
    assert said.code == 0, said
    assert "markers: the recording has none; without, no class is known" in texts(said, "note")
