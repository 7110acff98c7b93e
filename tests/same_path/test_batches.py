"""Windows that are decided many at once give the very decisions that are made one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci import assemble, bundled, config, training
from rtbci.errors import DecoderError
from rtbci.interfaces import Transform
from rtbci.pipeline import Pipeline, Plan
from rtbci.replay import InChunks, replay, run
from rtbci.report import DecoderTally
from rtbci.sources.file import FileSource
from rtbci.transforms.artifacts import MarkBad
from rtbci.transforms.filters import BandPass
from rtbci.transforms.resample import Resample
from rtbci.transforms.spatial import ReReference
from rtbci.trials import Trial
from rtbci.types import Decision, Flag, Marker, Samples, Times, Window
from tests.same_path.test_chunks import INFO, RATE, Chunked, Sums

SIZES = (1, 2, 7, 64, 1000)


class SumsMany(Sums):
    """As `Sums`, and asked about many windows at once; what it is given is remembered."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def predict_many(self, windows: Samples, starts: np.ndarray) -> np.ndarray:
        assert not windows.flags.writeable
        assert windows.dtype == np.float32 and starts.dtype == np.int64
        self.asked.append(len(windows))
        return np.array([self.predict(Window(w, int(s), 0, 0.0, 0.0)) for w, s in zip(windows, starts, strict=True)])


def stream(seed: int, holes: Sequence[tuple[int, int]], gaps: Sequence[int]) -> tuple[Samples, Times, list[Marker]]:
    random = np.random.default_rng(seed)
    samples = (random.normal(size=(1200, 4)) * 10 + 20_000).astype(np.float32)
    samples[300:420, 2] = 0.0  # a flat channel
    for first, n in holes:
        samples[first : first + n, first % 4] = np.nan
    times = np.arange(1200) / RATE
    for gap in gaps:
        times[gap:] += 0.3
    marks = random.choice(1200, 6, replace=False)
    return samples, times, [Marker(float(times[k]) + 0.003, "xy"[i % 2]) for i, k in enumerate(sorted(marks))]


STEPS = {
    "none": lambda: [],
    "filtered": lambda: [ReReference(), BandPass(4.0, 30.0)],
    "resampled": lambda: [BandPass(4.0, 30.0), Resample(80.0)],
    "judged": lambda: [BandPass(4.0, 30.0), MarkBad(seconds=0.5)],
}
Outcome = tuple[str, list[Trial], list[tuple], int, list[int], int]


def outcome(
    given_stream: tuple[Samples, Times, list[Marker]],
    steps: Sequence[Transform],
    hop: float | None,
    *,
    chunk: int,
    late: int,
    batch: int,
    rows: int = 1000,
    paced: bool = False,
    decoder: Sums | None = None,
) -> Outcome:
    plan = Plan(
        classes=("x", "y"),
        labels={"x": 0, "y": 1},
        window=0.8,
        hop=hop,
        trial=(0.2, 1.5),
        offset=0.0 if hop else -0.1,
        baseline=None if hop else 0.2,
    )
    pipeline = Pipeline(
        Chunked(*given_stream, [chunk], late), INFO, plan, steps, SumsMany() if decoder is None else decoder, rows=rows
    )
    tally, decisions = DecoderTally(("x", "y")), []
    trials = run(pipeline, tally, decisions.append, paced=paced, batch=batch)
    told = [(d.start, d.stop, d.sample, d.signal_time, d.flags & ~Flag.LATE, d.skipped, d.origin) for d in decisions]
    gaps = [gap.index for gap in pipeline.gaps]
    return tally.digest.hexdigest(), trials, told, pipeline.over_hole, gaps, tally.without_data


streams = st.builds(
    stream,
    st.integers(0, 3),
    st.lists(st.tuples(st.integers(0, 1190), st.integers(1, 30)), max_size=3),
    st.lists(st.integers(1, 1199), max_size=3),
)


@given(
    given_stream=streams,
    steps=st.sampled_from(sorted(STEPS)),
    hop=st.sampled_from([0.01, 0.1, 0.25, 1.0, None]),
    batch=st.sampled_from(SIZES),
    chunk=st.integers(1, 5000),
    late=st.integers(0, 60),
    rows=st.sampled_from([50, 333, 1000]),
)
@settings(max_examples=40, deadline=None)
def test_batches_and_chunks_change_no_bit(given_stream, steps, hop, batch, chunk, late, rows) -> None:
    singly = outcome(given_stream, STEPS[steps](), hop, chunk=40, late=0, batch=1, paced=True, decoder=Sums())
    batched = outcome(given_stream, STEPS[steps](), hop, chunk=chunk, late=late, batch=batch, rows=rows)
    assert batched == singly
    one_by_one = outcome(
        given_stream, STEPS[steps](), hop, chunk=chunk, late=late, batch=batch, rows=rows, decoder=Sums()
    )
    assert one_by_one == singly


def test_windows_are_asked_about_together_and_a_batch_ends_at_a_hole() -> None:
    whole, broken = stream(0, [], []), stream(0, [(600, 5)], [])
    for given_stream, most in ((whole, 64), (broken, 53)):
        decoder = SumsMany()
        outcome(given_stream, [], 0.1, chunk=5000, late=0, batch=64, rows=1200, decoder=decoder)
        assert max(decoder.asked) == most  # (600 - 80) / 10 + 1 windows end before the hole
    decoder = SumsMany()
    outcome(whole, STEPS["judged"](), 0.1, chunk=5000, late=0, batch=64, decoder=decoder)
    assert decoder.asked == []  # which channels are bad is asked at each window's end


def test_nothing_is_late_where_nothing_is_waited_for_and_an_age_is_the_wait_for_a_chunk() -> None:
    samples, times, markers = stream(0, [], [])
    plan = Plan(classes=("x", "y"), labels={"x": 0, "y": 1}, window=0.8, hop=0.1, trial=(0.2, 1.5))

    class Whole(Chunked):
        n_samples = len(samples)

    for decoder in (Sums(), SumsMany()):
        decisions: list[Decision] = []
        source = InChunks(Whole(samples, times, markers, [1200]), 16)
        source.open()
        run(Pipeline(source, INFO, plan, [], decoder), DecoderTally(("x", "y")), decisions.append)
        for decision in decisions:
            filled = min(decision.sample // 16 * 16 + 15, 1199)  # the last sample of its chunk
            assert decision.arrival_time == times[filled]
            assert decision.ready_time == decision.arrival_time  # this source's clock stands still between reads
            assert not decision.flags & Flag.LATE


WRONG = {
    "an array of shape (3,)": lambda n: np.zeros(3),
    "a str": lambda n: "no",
    "-inf": lambda n: np.tile([0.0, -np.inf], (n, 1)),
    "for window 2 of": lambda n: np.where(np.arange(n)[:, None] == 2, -0.5, np.log([[0.5, 0.5]])),
    "nan": lambda n: np.full((n, 2), np.nan),
}


@pytest.mark.parametrize("said", sorted(WRONG))
def test_a_batch_that_is_answered_wrongly_is_refused_in_one_line(said: str) -> None:
    class Wrong(SumsMany):
        def predict_many(self, windows: Samples, starts: np.ndarray) -> np.ndarray:
            return WRONG[said](len(windows))

    with pytest.raises(DecoderError, match=r"Wrong\.predict_many returned") as raised:
        outcome(stream(0, [], []), [], 0.1, chunk=500, late=0, batch=64, decoder=Wrong())
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_predict_many_raises_is_the_decoders_own_mistake() -> None:
    class Raises(SumsMany):
        def predict_many(self, windows: Samples, starts: np.ndarray) -> np.ndarray:
            raise RuntimeError("out of luck")

    with pytest.raises(DecoderError, match=r"Raises.predict_many raised RuntimeError: out of luck \(.*test_batches"):
        outcome(stream(0, [], []), [], 0.1, chunk=500, late=0, batch=64, decoder=Raises())


TEXT = """
name = "fists or feet"
[source]
use = "lsl"
[classes]
fists = ["T1"]
feet = ["T2"]
[trial]
start = 0.5
stop = 3.5
"""
DECODER = """
[[decoder]]
name = "{0}"
use = "{0}"
window = 2.0
hop = 0.1
transforms = [{{ use = "band-pass", low = 8.0, high = 30.0 }}]
"""


@pytest.mark.parametrize("use", ["tangent", "log-variance"])
def test_on_a_real_recording_batches_and_chunks_change_no_bit(data_dir: Path, tmp_path: Path, use: str) -> None:
    experiment = config.loads(TEXT + DECODER.format(use), None)
    folder = data_dir / "eegmmidb_S001"
    model = tmp_path / "one.rtbci"
    training.train(experiment, [folder / f"S001R{run:02d}.edf" for run in (6, 10)], model)
    recording = folder / "S001R14.edf"
    loaded = assemble.load_models(experiment, model)[use]

    def decide(chunk: int, rows: int, paced: bool, batch: int) -> tuple[str, list[Trial], int, int]:
        source = FileSource(str(recording), chunk=chunk)
        info = source.open()
        fitted = assemble.fit_to_stream(loaded, info)
        pipeline = assemble.make_pipeline(
            experiment, experiment.decoder(use), source, info, loaded.decoder, fitted.channels, rows=rows
        )
        tally = DecoderTally(("fists", "feet"))
        trials = run(pipeline, tally, lambda decision: None, paced=paced, batch=batch)
        source.close()
        return tally.digest.hexdigest(), trials, tally.decoded, tally.late * (not paced)

    singly = decide(16, 16, True, 1)
    assert singly[2] > 1100 and len(singly[1]) == 15
    for chunk, rows, batch in ((4096, 8192, 7), (333, 1000, 64), (20_000, 20_000, 1000)):
        assert decide(chunk, rows, False, batch) == singly
    report = replay(experiment, model, recording)
    assert report["decoders"][use]["decisions_sha256"] == singly[0]
    assert report["decoders"][use]["windows"]["late"] == 0


def test_a_paced_replay_decides_window_by_window_and_the_same(tmp_path: Path) -> None:
    experiment = config.loads(TEXT + DECODER.format("log-variance"), None)
    model = tmp_path / "one.rtbci"
    training.train(experiment, [bundled.calibration()], model)
    reports = [
        replay(experiment, model, bundled.calibration(), speed=speed, chunk=64)["decoders"]["log-variance"]
        for speed in (None, 500.0)
    ]
    assert reports[0]["decisions_sha256"] == reports[1]["decisions_sha256"]
    assert reports[0]["trials"] == reports[1]["trials"] == 40
    for report in reports:
        assert set(report["decision_age_ms"]) == {"p50", "p95", "p99"}
    # in chunks of 64 at 160 Hz a sample waits 0 to 0.39 s; windows end every 16 samples, 15, 31, 47 or 63 into a chunk
    assert reports[0]["decision_age_ms"]["p50"] >= 1e3 * 16 / 160
    assert reports[0]["decision_age_ms"]["p99"] >= 1e3 * 48 / 160
