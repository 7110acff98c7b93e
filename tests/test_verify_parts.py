"""Verifying a session of which only a part was recorded: what can be proven is; what cannot be is said, not passed over."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rtbci import assemble, bundled, config
from rtbci.evidence import Evidence, log_softmax
from rtbci.recording.part import Part
from rtbci.recording.session_folder import SessionFolder
from rtbci.ring import Ring
from rtbci.runfolder import decision_to_json
from rtbci.sources.file import FileSource, load
from rtbci.verify import verify
from tests import live

RATE = 160
RECORDED_FROM = 20 * RATE
LENGTH = 60 * RATE
ADAPTS = 'transforms = [{ use = "band-pass", low = 8.0, high = 30.0 }, { use = "recentre", memory = 10.0 }]\n'


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One decoder whose transforms forget, and one that has a transform which adapts."""
    path = live.experiment(tmp_path_factory.mktemp("parts"), "any", "log-variance", "mdm")
    text = path.read_text()
    first, second = text.split('[[decoder]]\nname = "mdm"')
    second = second.replace('transforms = [{ use = "band-pass", low = 8.0, high = 30.0 }]\n', ADAPTS)
    path.write_text(f'{first}[[decoder]]\nname = "mdm"{second}')
    return path


@pytest.fixture(scope="module")
def model(experiment: Path) -> Path:
    out = experiment.parent / "model.rtbci"
    code, _, errors = live.rtbci("train", experiment, "--recording", bundled.calibration(), "--out", out)
    assert code == 0, errors
    return out


def lived(folder: SessionFolder, experiment: Path, model: Path, name: str) -> int:
    """Log what decoder ``name`` decided live, from the first sample on; say how many decisions."""
    loaded = config.load(experiment)
    source = FileSource(bundled.calibration())
    info = source.open()
    fitted = assemble.fit_to_stream(assemble.load_models(loaded, model, [name])[name], info)
    one = loaded.decoder(name)
    pipeline = assemble.make_pipeline(
        loaded, one, source, info, fitted.model.decoder, fitted.channels, rows=100, calibrated=fitted.model.calibrated
    )
    lines = []
    while pipeline.received < LENGTH:
        pipeline.ingest(1.0)
        while (window := pipeline.next_window()) is not None:
            lines.append(json.dumps(decision_to_json(pipeline.decode(window))))
    folder.decision_log(name).write_text("".join(f"{line}\n" for line in lines))
    source.close()
    return len(lines)


@pytest.fixture
def session(tmp_path: Path, experiment: Path, model: Path) -> SessionFolder:
    """A session that decided for 60 s, and began to record after 20 s."""
    folder = SessionFolder.create(tmp_path / "session", "test")
    folder.write_experiment(experiment.read_text())
    kept = folder.keep_models(dict.fromkeys(("log-variance", "mdm"), model))
    recording = load(bundled.calibration())
    ring = Ring.create(None, LENGTH, recording.info.n_channels)
    ring.push(recording.samples[:LENGTH], recording.times[:LENGTH], 0.0)
    part = Part(folder.recording, ring, recording.info, RECORDED_FROM, 0)
    part.copy()
    part.writer.close()
    folder.update(
        models={name: str(path) for name, path in kept.items()},
        parts=[part.about(folder.path).as_json()],
        state="ended",
    )
    return folder


def test_once_filters_have_settled_every_decision_of_a_late_part_agrees(
    session: SessionFolder, experiment: Path, model: Path
) -> None:
    logged = lived(session, experiment, model, "log-variance")
    verdict = verify(session.path).decoders["log-variance"]
    assert verdict.different == 0
    assert verdict.largest < 1e-12
    samples = [json.loads(line)["sample"] for line in session.decision_log("log-variance").read_text().splitlines()]
    assert verdict.unrecorded == sum(sample < RECORDED_FROM for sample in samples)
    # 5 s and two windows at the beginning of the part
    assert verdict.unsettled == sum(RECORDED_FROM <= sample < RECORDED_FROM + 9 * RATE for sample in samples)
    assert verdict.compared == logged - verdict.unrecorded - verdict.unsettled > 280


@pytest.mark.parametrize("seconds", [35, 55])
def test_one_decision_that_was_otherwise_is_found_in_a_late_part(
    session: SessionFolder, experiment: Path, model: Path, seconds: int
) -> None:
    lived(session, experiment, model, "log-variance")
    log = session.decision_log("log-variance")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    changed = next(line for line in lines if line["sample"] > seconds * RATE)
    changed["log_probs"] = log_softmax(np.array(changed["log_probs"]) + np.array([1e-4, 0.0])).tolist()
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    verdict = verify(session.path).decoders["log-variance"]
    assert verdict.different == 1
    assert f"window {changed['start']} to {changed['stop']}: log_probs was" in verdict.examples[0]


def test_a_log_that_never_agrees_does_not_pass_as_settling(
    session: SessionFolder, experiment: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtbci.settling.LONGEST_SETTLING", 20.0)
    lived(session, experiment, model, "log-variance")
    log = session.decision_log("log-variance")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        line["log_probs"] = line["log_probs"][::-1]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    verdict = verify(session.path).decoders["log-variance"]
    assert verdict.different == verdict.compared > 180


def test_what_does_not_forget_is_said_to_be_beyond_comparison_and_proves_nothing(
    session: SessionFolder, experiment: Path, model: Path
) -> None:
    logged = lived(session, experiment, model, "mdm")
    verdict = verify(session.path)
    mdm = verdict.decoders["mdm"]
    assert (mdm.compared, mdm.unsettled + mdm.unrecorded) == (0, logged)
    assert mdm.notes == [
        f"recording.xdf: {mdm.unsettled} decisions cannot be compared: Recentre has learnt from signal that was not recorded"
    ]
    assert verdict.proves_nothing
    code, said, _ = live.rtbci("verify", session.path)
    assert (code, said["different"], said["unsettled"]) == (1, 0, mdm.unsettled)


def test_a_session_that_never_recorded_proves_nothing(session: SessionFolder, experiment: Path, model: Path) -> None:
    logged = lived(session, experiment, model, "log-variance")
    session.recording.unlink()
    session.update(parts=[])
    verdict = verify(session.path)
    assert (verdict.parts, verdict.total("unrecorded"), verdict.total("compared")) == (0, logged, 0)
    assert verdict.proves_nothing


def test_evidence_goes_on_from_a_posterior_as_from_what_led_to_it() -> None:
    rng = np.random.default_rng(3)
    log_probs = np.log(rng.dirichlet([1.0, 2.0, 3.0], 40))
    whole, late = (Evidence(3, 320, 16, 160.0) for _ in range(2))
    posteriors = [whole.add(row, 16)[0] for row in log_probs]
    late.add(log_probs[19], 16)  # it has heard something else before
    late.go_on_from(posteriors[19])
    for row, expected in zip(log_probs[20:], posteriors[20:], strict=True):
        assert np.allclose(late.add(row, 16)[0], expected, rtol=0, atol=1e-12)
