"""Batches of a decoder that answers them within a tolerance: only where they are asked for, and then the report says so."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rtbci import bundled, config
from rtbci.errors import DecoderError
from rtbci.evaluation.store import Store
from rtbci.pipeline import Pipeline, Plan
from rtbci.replay import replay
from rtbci.types import Decision
from tests import live
from tests.devices import fake_gpu
from tests.devices.fake_gpu import CPU, GPU, Fake
from tests.devices.sessions import FAKE
from tests.evaluation.runs import write_run
from tests.same_path.test_batches import stream
from tests.same_path.test_chunks import INFO, Chunked, Sums

NOTE = "net: was asked in batches; log-probabilities may differ from live by 1e-5"


@pytest.mark.timeout(150)
def test_a_replay_decides_as_live_unless_it_may_ask_in_batches(tmp_path: Path, stream_name: str, made) -> None:
    path, model = made(stream_name, ("net", FAKE, ""), ("mdm", "mdm", ""))
    session = tmp_path / "session"
    with live.streaming(stream_name, "--speed", 2, "--wait", 60):
        code, report, errors = live.rtbci(
            "run", path, "--model", model, "--headless", "--seconds", 8, "--session", session
        )
    assert code == 0, (report, errors)
    assert report["decoders"]["net"]["device"] == GPU
    command = ("replay", path, "--model", model, "--recording", session / "recording.xdf")
    code, same, _ = live.rtbci(*command)
    assert (code, same["notes"]) == (0, [])
    for name, lived in report["decoders"].items():
        if lived["windows"]["skipped"] == 0:  # a busy machine may skip some
            assert same["decoders"][name]["decisions_sha256"] == lived["decisions_sha256"]
    code, batched, _ = live.rtbci(*command, "--batched")
    assert (code, batched["notes"]) == (0, [NOTE])
    hashes = [
        (one["decoders"]["net"]["decisions_sha256"], one["decoders"]["mdm"]["decisions_sha256"])
        for one in (same, batched)
    ]
    assert hashes[0][0] != hashes[1][0] and hashes[0][1] == hashes[1][1]
    for one in (same, batched):
        assert (one["decoders"]["net"]["device"], one["decoders"]["mdm"]["device"]) == (GPU, None)
    plain = subprocess.run(
        [sys.executable, "-m", "rtbci", *map(str, command), "--batched"], capture_output=True, text=True, check=True
    ).stdout
    assert f"note: {NOTE}\n" in plain and f"  device   {GPU}\n" in plain


def test_batches_agree_with_single_windows_within_the_tolerance(tmp_path: Path, made) -> None:
    path, model = made("any", ("net", FAKE, ""))
    experiment = config.load(path)
    runs: dict[str, list[Decision]] = {}
    hashes = {}
    ways = {"singly": {}, "batched": {"batched": True}, "paced": {"batched": True, "speed": 1000.0, "chunk": 64}}
    for way, options in ways.items():
        decisions: list[Decision] = runs.setdefault(way, [])
        report = replay(
            experiment, model, bundled.calibration(), decided=lambda name, d, to=decisions: to.append(d), **options
        )
        hashes[way] = report["decoders"]["net"]["decisions_sha256"]
        assert report["notes"][1:] == (
            [NOTE] if way == "batched" else []
        )  # the first: it was trained on this recording
    assert hashes["singly"] == hashes["paced"] != hashes["batched"]
    singly, batched = (np.array([d.log_probs for d in runs[way]]) for way in ("singly", "batched"))
    assert 1e-9 < np.abs(singly - batched).max() < Fake.tolerance
    assert [(d.start, d.sample, d.signal_time) for d in runs["singly"]] == [
        (d.start, d.sample, d.signal_time) for d in runs["batched"]
    ]


PLAN = Plan(classes=("x", "y"), labels={"x": 0, "y": 1}, window=0.8, hop=0.1, trial=(0.2, 1.5))


class Within(Sums):
    """Takes batches, and remembers how many windows it was asked about at once."""

    tolerance: object = 1e-6

    def __init__(self) -> None:
        self.asked: list[int] = []

    def use_device(self, device: str) -> None:
        pass

    def predict_many(self, windows: np.ndarray, starts: np.ndarray) -> np.ndarray:
        self.asked.append(len(windows))
        return np.log(np.full((len(windows), 2), 0.5))


def asked(decoder: Within, batched: bool) -> list[int]:
    pipeline = Pipeline(Chunked(*stream(0, [], []), [5000]), INFO, PLAN, [], decoder, rows=1200, batched=batched)
    pipeline.paced = False
    pipeline.ingest(0.0)
    batch = pipeline.next_windows(64)
    assert batch is not None
    pipeline.decode_many(batch)
    return decoder.asked


def test_a_tolerance_of_nothing_is_none_and_one_that_is_no_number_is_refused() -> None:
    exact, within, odd = Within(), Within(), Within()
    exact.tolerance, odd.tolerance = 0.0, "small"
    assert asked(exact, batched=False) == [64]
    assert asked(within, batched=False) == []
    assert asked(within, batched=True) == [64]
    with pytest.raises(
        DecoderError, match=r"Within.tolerance is 'small'; a number such as 1e-4, or 0.0, would be right"
    ):
        asked(odd, batched=False)


def test_what_another_decoder_calls_its_tolerance_is_none_of_ours() -> None:
    class Solver(Sums):
        tolerance = 1e-4
        many = 0

        def predict_many(self, windows: np.ndarray, starts: np.ndarray) -> np.ndarray:
            self.many += 1
            return np.log(np.full((len(windows), 2), 0.5))

    decoder = Solver()
    pipeline = Pipeline(Chunked(*stream(0, [], []), [5000]), INFO, PLAN, [], decoder, rows=1200)
    pipeline.ingest(0.0)
    batch = pipeline.next_windows(64)
    assert batch is not None
    pipeline.decode_many(batch)
    assert decoder.many == 1


EVALUATED = live.EXPERIMENT.format(
    name="batches",
    stream="any",
    decoders="".join(
        live.DECODER.format(name=name, use=use).replace("hop = 0.1", "hop = 0.25") + more
        for name, use, more in (
            ("net", FAKE, ""),
            ("csp", "csp", ""),
        )
    ),
)


@pytest.mark.timeout(240)
def test_an_evaluation_asks_in_batches_where_it_is_told_to_and_knows_its_tasks_apart(tmp_path: Path) -> None:
    shutil.copyfile(str(fake_gpu.__file__), tmp_path / "fake_gpu.py")
    path = tmp_path / "experiment.toml"
    path.write_text(EVALUATED)
    runs = [write_run(tmp_path / f"sub-1_ses-1_run-{k}_raw.fif", seed=20 + k, trials=8) for k in (1, 2)]
    recordings = [part for run in runs for part in ("--recording", run)]
    command = ("evaluate", path, *recordings, "--out", tmp_path / "out", "--jobs", 1, "--shuffles", 1)
    code, singly, errors = live.rtbci(*command)
    assert code == 0, errors
    assert not any("batches" in warning for warning in singly["warnings"])
    code, batched, errors = live.rtbci(*command, "--batched")
    assert code == 0, errors
    assert batched["resumed"] == 1  # that of csp, which answers batches to the bit
    assert NOTE in batched["warnings"]
    hashes = [{row["decoder"]: row["decisions_sha256"] for row in said["rows"]} for said in (singly, batched)]
    assert hashes[0]["net"] != hashes[1]["net"] and hashes[0]["csp"] == hashes[1]["csp"]
    assert len(list(Store(tmp_path / "out").folder.glob("*.npz"))) == 3
    for a, b in zip(singly["rows"], batched["rows"], strict=True):
        assert a["trial_accuracy"] == pytest.approx(b["trial_accuracy"])

    # the single windows are those of rtbci train and rtbci replay
    model = tmp_path / "m.rtbci"
    code, _, errors = live.rtbci("train", path, "--recording", runs[0], "--out", model)
    assert code == 0, errors
    for option, expected in (((), hashes[0]), (("--batched",), hashes[1])):
        code, alone, _ = live.rtbci("replay", path, "--model", model, "--recording", runs[1], *option)
        assert {name: one["decisions_sha256"] for name, one in alone["decoders"].items()} == expected


def test_where_windows_come_one_by_one_it_makes_no_difference(tmp_path: Path, made, monkeypatch) -> None:
    monkeypatch.setenv("RTBCI_FAKE_GPU", "none")
    path, model = made("any", ("net", FAKE, ""))
    path.write_text(path.read_text().replace("high = 30.0 }", 'high = 30.0 }, { use = "mark-bad" }'))
    code, said, errors = live.rtbci("train", path, "--recording", bundled.calibration(), "--out", model)
    assert code == 0, (said, errors)
    reports = [replay(config.load(path), model, bundled.calibration(), batched=batched) for batched in (False, True)]
    assert reports[0]["decoders"]["net"]["decisions_sha256"] == reports[1]["decoders"]["net"]["decisions_sha256"]
    assert reports[0]["notes"] == reports[1]["notes"]
    assert reports[1]["decoders"]["net"]["device"] == CPU
