"""A decoder that learns while it runs learns at places that every second run finds again, whatever came late or died."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci import assemble, bundled, config, learnt, training
from rtbci.errors import ConfigError, DecoderError, ModelError
from rtbci.pipeline import Pipeline, Plan
from rtbci.replay import replay, run
from rtbci.report import DecoderTally
from rtbci.runfolder import (
    DecisionRing,
    RunFolder,
    decision_from_json,
    decision_from_row,
    decision_to_json,
    decision_to_row,
)
from rtbci.transforms.artifacts import MarkBad
from rtbci.transforms.filters import BandPass
from rtbci.types import Decision, Flag, Marker, Samples, Times, Window
from tests import live
from tests.same_path import adapting
from tests.same_path.adapting import Moving
from tests.same_path.test_chunks import INFO, RATE, Chunked, Sums

FIRST, LAST = 20, 150
"""Samples from a marker to its trial's begin and end."""


def recording() -> tuple[Samples, Times, list[Marker]]:
    random = np.random.default_rng(5)
    gains = 1.0 + np.repeat(random.uniform(0.0, 2.0, (15, 4)), 100, axis=0)
    samples = (random.normal(size=(1500, 4)) * 10 * gains + 100.0).astype(np.float32)
    samples[700:705, 1] = np.nan
    times = np.arange(1500) / RATE
    times[1000:] += 2.0  # a gap
    at = (0.5, 2.1, 2.9, 5.5, 8.2, 9.1, 13.0, 14.3)  # some overlap, one has a hole, one a gap
    return samples, times, [Marker(t, "xy"[i % 2]) for i, t in enumerate(at)]


def fitted() -> Moving:
    decoder = Moving()
    decoder.means = np.array([[4.0, 4.5, 5.0, 5.5], [5.5, 5.0, 4.5, 4.0]])
    return decoder


def pipeline_of(
    decoder: object, chunk: int = 40, late: int = 0, hop: float | None = 0.1, rows: int = 1000, adapt: bool = True
) -> Pipeline:
    plan = Plan(
        classes=("x", "y"),
        labels={"x": 0, "y": 1},
        window=0.8,
        hop=hop,
        trial=(FIRST / RATE, LAST / RATE),
        offset=0.0 if hop else -0.1,
        baseline=None if hop else 0.2,
        adapt=adapt,
    )
    steps = [BandPass(4.0, 30.0), MarkBad(seconds=0.5)] if hop else [BandPass(4.0, 30.0)]
    return Pipeline(Chunked(*recording(), [chunk], late), INFO, plan, steps, decoder, rows=rows)  # type: ignore[arg-type]


def decided(pipeline: Pipeline) -> tuple[list[Decision], str]:
    decisions: list[Decision] = []
    tally = DecoderTally(("x", "y"))
    run(pipeline, tally, decisions.append)
    return decisions, tally.digest.hexdigest()


def test_a_replay_that_adapts_is_what_one_gets_by_hand() -> None:
    decisions, _ = decided(pipeline_of(fitted()))
    cutter, windows = pipeline_of(None), []
    ended = False
    while not ended:
        try:
            cutter.ingest(0.0)
        except EOFError:
            ended = True
        while (window := cutter.next_window()) is not None:
            windows.append((window.start, window.stop, np.array(window.samples)))
    _, times, markers = recording()
    trials = [(int(np.argmin(np.abs(times - m.time))), "xy".index(m.label)) for m in markers]
    decoder, learnt_from = fitted(), set()
    assert len(windows) == len(decisions) > 80
    for (start, stop, samples), decision in zip(windows, decisions, strict=True):
        for begin, truth in trials:
            own = [w for s, e, w in windows if s >= begin + FIRST and e <= begin + LAST]
            if begin + LAST < stop and begin not in learnt_from:
                learnt_from.add(begin)
                if own:
                    decoder.adapt(np.stack(own), truth)
        expected = decoder.predict(Window(samples, start, 0, 0.0, 0.0))
        assert decision.log_probs.tobytes() == expected.tobytes()
    counts = [d.adapted for d in decisions]
    assert counts == sorted(counts)
    assert counts[0] == 0 and counts[-1] == 7  # the trial with the gap has no window; the last one has not ended


def test_the_first_window_that_ends_after_a_trial_is_the_first_to_profit() -> None:
    decisions, _ = decided(pipeline_of(fitted()))
    ends = [50 + LAST, 210 + LAST]
    for count, end in enumerate(ends):
        assert max(d.stop for d in decisions if d.adapted <= count) == max(d.stop for d in decisions if d.stop <= end)


@given(
    chunk=st.integers(1, 5000),
    hop=st.sampled_from([0.05, 0.1, None]),
    batch=st.sampled_from([1, 7, 1000]),
    rows=st.sampled_from([50, 1000]),
)
@settings(max_examples=25, deadline=None)
def test_neither_chunks_nor_batches_change_what_is_learnt_when(
    chunk: int, hop: float | None, batch: int, rows: int
) -> None:
    reference, digest = decided(pipeline_of(fitted(), hop=hop))
    pipeline = pipeline_of(fitted(), chunk, hop=hop, rows=rows)
    again: list[Decision] = []
    tally = DecoderTally(("x", "y"))
    run(pipeline, tally, again.append, batch=batch)
    assert tally.digest.hexdigest() == digest
    assert [d.adapted for d in again] == [d.adapted for d in reference]
    assert reference[-1].adapted >= 4


@given(late=st.integers(1, 400), chunk=st.integers(1, 30))
@settings(max_examples=25, deadline=None)
def test_a_run_with_late_markers_is_repeated_by_its_counts(late: int, chunk: int) -> None:
    first, trials, pipeline = [], [], pipeline_of(fitted(), chunk, late)
    ended = False
    while not ended:
        try:
            pipeline.ingest(0.0)
        except EOFError:
            ended = True
        while (window := pipeline.next_window()) is not None:
            first.append(pipeline.decode(window))
        trials += pipeline.finished_trials(ended)
    again = pipeline_of(fitted(), 40)
    again.go_on_adapting(0, [(trial.time, trial.label) for trial in trials])
    wanted = {d.start: d for d in first}
    ended = False
    while not ended:
        try:
            again.ingest(0.0)
        except EOFError:
            ended = True
        while (window := again.next_window()) is not None:
            before = wanted.pop(window.start)
            now = again.decode(window, before.adapted)
            assert now.adapted == before.adapted
            assert now.log_probs.tobytes() == before.log_probs.tobytes()
            assert now.evidence.tobytes() == before.evidence.tobytes()
    assert not wanted
    assert first[-1].adapted > 0


def test_without_adapt_nothing_is_learnt() -> None:
    decoder = fitted()
    decisions, _ = decided(pipeline_of(decoder, adapt=False))
    assert decoder.means.tobytes() == fitted().means.tobytes()
    assert {d.adapted for d in decisions} == {0}


def test_a_decoder_that_cannot_adapt_is_refused_in_one_line() -> None:
    with pytest.raises(
        DecoderError, match=r"Sums has no adapt\(windows, label\) and no arrays\(\) and restore\(\); adapt"
    ):
        pipeline_of(Sums())
    text = live.EXPERIMENT.format(
        name="t", stream="s", decoders=live.DECODER.format(name="c", use="csp") + "adapt = true"
    )
    experiment = config.loads(text, Path("e.toml"))
    with pytest.raises(ConfigError, match=r'e.toml: \[\[decoder\]\] "c" adapt = true: Csp has no adapt\('):
        assemble.make_decoder(experiment, experiment.decoder("c"))
    with pytest.raises(ConfigError, match=r'"c" adapt = "yes": a string came; true or false would be right'):
        config.loads(text.replace("adapt = true", 'adapt = "yes"'), Path("e.toml"))


def test_what_adapt_raises_is_the_decoders_own_mistake() -> None:
    class Raises(Moving):
        def adapt(self, windows: Samples, label: int) -> None:
            raise RuntimeError("not today")

    decoder = Raises()
    decoder.means = fitted().means
    with pytest.raises(DecoderError, match=r"Raises.adapt raised RuntimeError: not today \("):
        decided(pipeline_of(decoder))


def test_what_was_learnt_comes_back_from_its_file_or_is_refused(tmp_path: Path) -> None:
    decoder, path = fitted(), tmp_path / "a.learnt"
    decoder.adapt(np.ones((2, 4, 80), np.float32), 1)
    learnt.write(path, decoder, 12)
    other = fitted()
    assert learnt.read(path, other) == 12
    assert other.means.tobytes() == decoder.means.tobytes()
    assert list(tmp_path.iterdir()) == [path]
    whole = path.read_bytes()
    for damaged, why in (
        (whole[:-1], "SHA-256"),
        (whole[:30], "is damaged"),
        (b"", "is damaged"),
        (whole.replace(b"means", b"meens"), "SHA-256"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match=why):
            learnt.read(path, fitted())
    with pytest.raises(ModelError, match="cannot be read"):
        learnt.read(tmp_path / "none", fitted())


@given(adapted=st.integers(0, 2**36), flags=st.integers(0, 31))
def test_how_many_trials_were_learnt_from_survives_the_ring_and_the_log(adapted: int, flags: int) -> None:
    decision = Decision(0, 80, 79, np.zeros(2), np.ones(2), -1, 0.0, 0.0, 0.0, flags=Flag(flags), adapted=adapted)
    line = json.loads(json.dumps(decision_to_json(decision)))
    for copy in (decision_from_row(decision_to_row(decision)), decision_from_json(line)):
        assert (copy.adapted, copy.flags) == (adapted, Flag(flags))
    del line["adapted"]  # as a log of an older rtbci
    assert decision_from_json(line).adapted == 0


# ---------------------------------------------------------------------- real sessions


def adapting_experiment(folder: Path, stream: str) -> tuple[Path, Path]:
    """An experiment whose decoder adapts, and a model for it."""
    shutil.copyfile(str(adapting.__file__), folder / "plugin.py")
    path = live.experiment(folder, stream, "./plugin.py:Moving", extra="adapt = true\n")
    model = folder / "model.rtbci"
    training.train(config.load(path), [bundled.calibration()], model)
    return path, model


def test_a_replay_and_an_experiment_that_adapt_differ_from_ones_that_do_not(tmp_path: Path) -> None:
    path, model = adapting_experiment(tmp_path, "any")
    experiment = config.load(path)
    hashes = {
        chunk: replay(experiment, model, bundled.calibration(), chunk=chunk)["decoders"]["Moving"]["decisions_sha256"]
        for chunk in (4, 500)
    }
    path.write_text(path.read_text().replace("adapt = true", "adapt = false"))
    frozen = replay(config.load(path), model, bundled.calibration())["decoders"]["Moving"]["decisions_sha256"]
    assert hashes[4] == hashes[500] != frozen


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_a_live_session_that_adapts_verifies_and_replays(tmp_path: Path, stream_name: str) -> None:
    experiment, model = adapting_experiment(tmp_path, stream_name)
    session = tmp_path / "session"
    with live.streaming(stream_name, "--speed", 2, "--wait", 60):
        code, report, errors = live.rtbci(
            "run", experiment, "--model", model, "--headless", "--seconds", 16, "--session", session
        )
    assert code == 0, (report, errors)
    log = (session / "decisions" / "Moving.jsonl").read_text().splitlines()
    assert json.loads(log[0])["adapted"] == 0
    assert 2 <= json.loads(log[-1])["adapted"] <= report["decoders"]["Moving"]["trials"]
    code, verdict, errors = live.rtbci("verify", session)
    assert (code, verdict["different"]) == (0, 0), (verdict, errors)
    assert verdict["compared"] == len(log) > 200
    code, again, _ = live.rtbci("replay", experiment, "--model", model, "--recording", session / "recording.xdf")
    if report["decoders"]["Moving"]["windows"]["skipped"] == 0:  # a busy machine may skip some
        assert again["decoders"]["Moving"]["decisions_sha256"] == report["decoders"]["Moving"]["decisions_sha256"]

    # a log that claims to have learnt otherwise is found out
    tampered = [line.replace('"adapted": 1,', '"adapted": 0,') for line in log]
    assert tampered != log
    (session / "decisions" / "Moving.jsonl").write_text("\n".join(tampered) + "\n")
    code, verdict, _ = live.rtbci("verify", session)
    assert code == 1 and verdict["different"] > 0


@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("damaged", [False, True])
def test_a_killed_worker_goes_on_with_what_it_had_learnt(tmp_path: Path, stream_name: str, damaged: bool) -> None:
    experiment, model = adapting_experiment(tmp_path, stream_name)
    session = tmp_path / "session"
    with (
        live.streaming(stream_name, "--loop", "--speed", 2, "--wait", 60),
        live.running("run", experiment, "--model", model, "--headless", "--session", session) as process,
    ):
        live.wait_for(
            lambda: live.status_of(session).get("decoders", {}).get("Moving", {}).get("decoded"), 60, "decisions"
        )
        found = live.run_folder_of(session)
        assert found is not None
        run_folder = RunFolder(found)
        ring = DecisionRing.attach(run_folder.decisions("Moving"))

        def newest() -> Decision:
            decision = ring.newest()
            assert decision is not None
            return decision

        live.wait_for(lambda: newest().adapted >= 2, 60, "two trials to be learnt from")
        (worker,) = live.child_pids(process.pid, "Moving")
        os.kill(worker, signal.SIGSTOP)  # so that it writes nothing more
        before = newest()
        if damaged:
            run_folder.learnt("Moving").write_bytes(b"{}\n")
        live.kill(worker)
        live.wait_for(lambda: newest().origin > before.origin, 60, "decisions after the restart")
        after = newest().adapted
        live.wait_for(lambda: newest().adapted > after, 60, "another trial to be learnt from")
        ring.close()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=40)
    assert process.returncode == 0, out
    kept = list((session / "decisions").glob("Moving.*.learnt"))
    log = (session / "worker-Moving.log").read_text()
    assert ("is damaged" in log and "began again with its model" in log) == damaged
    if damaged:
        assert after < before.adapted
        assert kept == []
    else:
        assert after >= before.adapted
        assert len(kept) == 1
    code, verdict, errors = live.rtbci("verify", session)
    assert (code, verdict["different"]) == (0, 0), (verdict, errors)
    assert verdict["compared"] > 60
