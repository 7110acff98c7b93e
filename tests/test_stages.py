"""Where the age of a decision comes from: the stages sum to it, whoever decides, alone or with others."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from rtbci import bundled, config, training
from rtbci.deciding import Decider
from rtbci.joining import Joining, decide
from rtbci.recording.session_folder import SessionFolder
from rtbci.ring import Ring
from rtbci.runfolder import DecisionRing, RunFolder
from rtbci.sources.file import FileSource
from rtbci.stages import KEPT, STAGES, StageRing
from rtbci.status import stages_ms
from rtbci.types import Decision
from tests import live
from tests.devices import fake_gpu
from tests.devices.sessions import FAKE


def decision(at: float, transport: float = 0.004, rest: float = 0.006) -> Decision:
    half = np.log([0.5, 0.5])
    return Decision(0, 500, 500, half, half, 0, at, at + transport, at + transport + rest)


@pytest.fixture
def stages(tmp_path: Path):
    ring = StageRing.create(tmp_path / "mdm.stages.ring")
    yield ring
    ring.close()


class TestRing:
    def test_stages_are_what_lies_between_the_moments(self, stages: StageRing) -> None:
        stages.note(decision(10.0), began=10.0045, cut=10.0055, asked=10.0075)
        stages.publish()
        # the wait is that for the worker, and that of the cut window for its turn
        (row,) = stages.newest(10)
        assert dict(zip(STAGES, row.tolist(), strict=True)) == pytest.approx(
            {"transport": 0.004, "wait": 0.0025, "transform": 0.001, "decode": 0.0025}, abs=1e-12
        )

    def test_readers_see_what_was_published_and_no_more_than_they_ask_for(
        self, stages: StageRing, tmp_path: Path
    ) -> None:
        seen = StageRing.attach(tmp_path / "mdm.stages.ring")
        for i in range(63):
            stages.note(decision(float(i), rest=0.001 * i), float(i), float(i), float(i))
        assert seen.count == 0
        stages.publish()
        assert seen.count == 63
        stages.publish()
        assert seen.count == 63  # nothing was noted since
        newest = seen.newest(5)
        assert newest.shape == (5, 4)
        assert newest.sum(axis=1) == pytest.approx(0.004 + 0.001 * np.arange(58, 63))
        seen.close()

    def test_times_in_the_ring_are_those_of_the_decision(self, stages: StageRing) -> None:
        stages.note(decision(10.0), 10.004, 10.005, 10.006)
        stages.publish()
        _, times, ready = stages.ring.read(0, 1)
        assert times[0] == 10.0
        assert ready[0] == pytest.approx(10.01, abs=1e-12)

    def test_a_long_session_keeps_the_newest(self, stages: StageRing) -> None:
        for i in range(KEPT + 500):
            stages.note(decision(float(i), transport=float(i)), 2.0 * i, 2.0 * i, 2.0 * i)
        stages.publish()
        assert stages.count == KEPT + 500
        assert stages.newest(2000)[[0, -1], 0].tolist() == [KEPT + 500 - 2000, KEPT + 499]


class Bench:
    """A run folder that is fed by hand from the bundled recording, and the deciders of one worker on it."""

    def __init__(self, folder: Path, run: Path, model: Path, names: tuple[str, ...]) -> None:
        experiment = config.load(folder / "experiment.toml")
        self.run = RunFolder(run)
        run.mkdir()
        self.source = FileSource(bundled.calibration())
        info = self.source.open()
        self.ring = Ring.create(self.run.raw, int(30 * info.rate), info.n_channels)
        self.session = SessionFolder.create(folder / "session", "test", folder)
        self.deciders = [Decider(self.run, self.session.path, experiment, name, model, None) for name in names]
        self.offset = 1000.0
        self.run.write_stream(info, self.offset)
        for decider in self.deciders:
            decider.load(info)
            decider.begin()
        self.joining = Joining(self.deciders)
        self.n_channels = info.n_channels
        self.rate = info.rate
        self.began = 0.0

    def feed(self, n: int) -> None:
        """Push ``n`` samples, measured a while ago, that arrive now."""
        samples, times = np.empty((n, self.n_channels), np.float32), np.empty(n)
        got = self.source.read(samples, times, 0.0)
        assert got == n
        now = self.deciders[0].source.now()
        self.began = self.began or now - 30.0
        self.ring.push(samples, self.began + (self.ring.written + np.arange(n)) / self.rate, now)

    def turn(self) -> int:
        """What a worker does once; how many groups were decided."""
        for decider in self.deciders:
            decider.take()
        groups = 0
        while due := [(one, window) for one in self.deciders if (window := one.due()) is not None]:
            for group in self.joining.groups(due):
                decide(group)
                groups += 1
        return groups

    def told(self, name: str) -> tuple[list[Decision], np.ndarray]:
        decisions = DecisionRing.attach(self.run.decisions(name)).new(0)
        return decisions, StageRing.attach(self.run.stages(name)).newest(2000)

    def close(self) -> None:
        for decider in self.deciders:
            decider.close()
        self.source.close()
        self.ring.close()


def check(bench: Bench, name: str, n: int) -> np.ndarray:
    decisions, rows = bench.told(name)
    assert len(decisions) == len(rows) == n
    # seconds of a clock that counts from somewhere: 1e-9 is its rounding
    assert rows.sum(axis=1) == pytest.approx([d.ready_time - d.signal_time for d in decisions], abs=1e-9)
    assert rows[:, 0] == pytest.approx([d.arrival_time - d.signal_time for d in decisions], abs=1e-9)
    assert (rows >= -1e-9).all()
    assert (rows[:, 3] > 0).all()
    return rows


def trained(folder: Path, *decoders: tuple[str, str, str]) -> Path:
    shutil.copyfile(str(fake_gpu.__file__), folder / "fake_gpu.py")
    tables = "".join(live.DECODER.format(name=name, use=use) + more + "\n" for name, use, more in decoders)
    path = folder / "experiment.toml"
    path.write_text(live.EXPERIMENT.format(name="test", stream="any", decoders=tables))
    training.train(config.load(path), [bundled.calibration()], folder / "model.rtbci")
    return folder / "model.rtbci"


def test_a_decider_tells_where_the_age_of_each_of_its_decisions_comes_from(tmp_path: Path) -> None:
    model = trained(tmp_path, ("mdm", "mdm", ""))
    bench = Bench(tmp_path, tmp_path / "run", model, ("mdm",))
    for _ in range(40):
        bench.feed(16)
        bench.turn()
    (decider,) = bench.deciders
    decider.tell()
    decisions = DecisionRing.attach(bench.run.decisions("mdm")).new(0)
    assert len(decisions) == 40 - 19  # the first window takes 2 s
    check(bench, "mdm", len(decisions))
    # one that comes after it goes on in the same ring
    bench.close()
    experiment = config.load(tmp_path / "experiment.toml")
    again = Decider(bench.run, bench.session.path, experiment, "mdm", model, None)
    again.load(bench.run.read_stream()[0])
    assert StageRing.attach(bench.run.stages("mdm")).count == len(decisions)
    again.close()


def test_who_waits_for_others_of_its_worker_says_that_it_waited(tmp_path: Path) -> None:
    model = trained(tmp_path, ("mdm", "mdm", 'worker = "both"'), ("variance", "log-variance", 'worker = "both"'))
    bench = Bench(tmp_path, tmp_path / "run", model, ("mdm", "variance"))
    groups = 0
    for _ in range(40):
        bench.feed(16)
        groups += bench.turn()
    for decider in bench.deciders:
        decider.tell()
    assert groups == 2 * 21
    first, second = check(bench, "mdm", 21), check(bench, "variance", 21)
    # while the first one decides, the second one's window is cut and waits
    assert (second[:, 1] >= first[:, 3]).all()
    bench.close()


def test_decoders_that_are_asked_together_have_the_stages_of_the_batch(tmp_path: Path) -> None:
    model = trained(tmp_path, ("one", FAKE, 'worker = "both"'), ("two", FAKE, 'worker = "both"'))
    bench = Bench(tmp_path, tmp_path / "run", model, ("one", "two"))
    groups = 0
    for _ in range(40):
        bench.feed(16)
        groups += bench.turn()
    for decider in bench.deciders:
        decider.tell()
    assert groups == 21
    check(bench, "one", 21)
    check(bench, "two", 21)
    bench.close()


def test_a_report_has_the_stages_and_does_not_depend_on_them(tmp_path: Path, stages: StageRing) -> None:
    run = RunFolder(tmp_path)
    for i in range(10):
        stages.note(decision(10.0 + i), 10.0045 + i, 10.0055 + i, 10.0075 + i)
    stages.publish()
    said = stages_ms(run, "mdm")
    assert said is not None
    assert {name: one and one["p50"] for name, one in said.items()} == {
        "transport": 4.0, "wait": 2.5, "transform": 1.0, "decode": 2.5,
    }  # fmt: skip
    assert stages_ms(run, "nobody") is None
    run.stages("broken").write_bytes(b"rubbish")
    assert stages_ms(run, "broken") is None
