"""The contract checks pass what keeps the contract, and name what breaks it: one broken thing per rule."""

from __future__ import annotations

import numpy as np
import pytest

from rtbci.errors import DecoderError, TransformError
from rtbci.sources.synthetic import SyntheticSource
from rtbci.testing import ContractError, check_decoder, check_source, check_transform
from rtbci.transforms.filters import BandPass, Notch
from rtbci.transforms.resample import Resample
from rtbci.transforms.spatial import Bipolar, Pick, ReReference
from rtbci.types import Channel, Marker, StreamInfo


class NearestPower:
    """A whole decoder in a few lines: distance of log-powers to the class means."""

    def fit(self, windows, labels):
        features = np.array([self._features(samples) for samples in windows])
        self.means = np.array([features[labels == k].mean(axis=0) for k in range(labels.max() + 1)])
        return self

    @staticmethod
    def _features(samples):
        return np.log(np.square(samples.astype(np.float64)).mean(axis=1) + 1e-12)

    def predict(self, window):
        return self._log_probs(window.samples)

    def _log_probs(self, samples):
        scores = -np.square(self._features(samples) - self.means).sum(axis=1)
        scores = scores - scores.max()
        return scores - np.log(np.exp(scores).sum())

    def arrays(self):
        return {"means": self.means}

    def restore(self, arrays):
        if "means" not in arrays:
            raise DecoderError("no means")
        self.means = np.array(arrays["means"])


class NoPredict:
    def fit(self, windows, labels):
        return self


class ChangesTraining(NearestPower):
    def fit(self, windows, labels):
        windows -= windows.mean()
        return super().fit(windows, labels)


class Probabilities(NearestPower):
    def predict(self, window):
        return np.exp(super().predict(window))


class Single(NearestPower):
    def predict(self, window):
        return super().predict(window).astype(np.float32)


class Listed(NearestPower):
    def predict(self, window):
        return list(super().predict(window))


class OneNumber(NearestPower):
    def predict(self, window):
        return super().predict(window)[:1]


class NotFinite(NearestPower):
    def predict(self, window):
        return np.array([0.0, -np.inf, -np.inf])[: len(self.means)]


class Guesses(NearestPower):
    def predict(self, window):
        return np.log(np.full(len(self.means), 1 / len(self.means)))


class Backwards(NearestPower):
    def predict(self, window):
        return super().predict(window)[::-1].copy()


class WritesToWindow(NearestPower):
    def predict(self, window):
        if window.samples.flags.writeable:
            window.samples[:] -= window.samples.mean()
        return super().predict(window)


class SameArray(NearestPower):
    def predict(self, window):
        if not hasattr(self, "out"):
            self.out = np.empty(len(self.means))
        self.out[:] = super().predict(window)
        return self.out


class KeepsView(NearestPower):
    """Answers about the window before, whose samples it has not copied."""

    def predict(self, window):
        seen = getattr(self, "seen", window.samples)
        self.seen = window.samples
        return self._log_probs(seen + 0.001 * window.samples)


class Random(NearestPower):
    def predict(self, window):
        scores = super().predict(window) + 1e-9 * np.random.default_rng().standard_normal(len(self.means))
        return scores - np.log(np.exp(scores).sum())


class Adapts(NearestPower):
    def predict(self, window):
        said = super().predict(window)
        self.means = self.means + 1e-12 * self._features(window.samples)
        return said


class TrustsStart(NearestPower):
    def predict(self, window):
        self.known = getattr(self, "known", {})
        if window.start not in self.known:
            self.known[window.start] = super().predict(window)
        return self.known[window.start].copy()


class SavesHalf(NearestPower):
    def arrays(self):
        return {"means": self.means.astype(np.float32)}


class SavesText(NearestPower):
    def arrays(self):
        return {"means": self.means, "name": "power"}


class TakesAnything(NearestPower):
    def restore(self, arrays):
        self.means = np.array(arrays.get("means", np.zeros((2, 8))))


class FailsOnForeign(NearestPower):
    def restore(self, arrays):
        self.means = np.array(arrays["means"])


class TwoClassesOnly(NearestPower):
    def fit(self, windows, labels):
        if labels.max() > 1:
            raise ValueError("two classes only")
        return super().fit(windows, labels)


def test_a_decoder_that_keeps_the_contract_passes():
    report = check_decoder(NearestPower)
    assert report.accuracy > 0.9
    assert report.predict_ms > 0


class Unsaved:
    """Fits and predicts, and nothing else."""

    def __init__(self):
        self.inner = NearestPower()

    def fit(self, windows, labels):
        self.inner.fit(windows, labels)
        return self

    def predict(self, window):
        return self.inner.predict(window)


def test_a_decoder_without_arrays_is_checked_for_all_the_rest():
    assert check_decoder(Unsaved).accuracy > 0.9


class NoWayBack(Unsaved):
    def arrays(self):
        return self.inner.arrays()


class EndsTheProgram(NearestPower):
    def predict(self, window):
        raise SystemExit(3)


class WritesNothing(NearestPower):
    def predict(self, window):
        raise TypeError("log-power of nothing")


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (NoPredict, r"NoPredict has no predict\(\); it must have fit\(\), predict\(\)"),
        (ChangesTraining, "ChangesTraining.fit changed the windows"),
        (Probabilities, "Probabilities.predict returned .* probabilities that sum to"),
        (Single, "Single.predict returned float32"),
        (Listed, "Listed.predict returned a list"),
        (OneNumber, r"OneNumber.predict returned an array of shape \(1,\)"),
        (NotFinite, "NotFinite.predict returned .* not finite"),
        (Guesses, "Guesses decoded 50% .* chance is 50%"),
        (Backwards, "Backwards decoded .* order of the classes"),
        (WritesToWindow, "WritesToWindow.predict changed the window's samples"),
        (SameArray, "SameArray.predict changed an array that it had returned before"),
        (KeepsView, "KeepsView gave another answer to a window that it had been asked about before"),
        (Random, "Random gave another answer to a window that it had been asked about before"),
        (Adapts, "Adapts gave another answer"),
        (TrustsStart, "TrustsStart gave another answer to a window that begins at an index"),
        (SavesHalf, r"SavesHalf .*restore\(\)|SavesHalf gave another answer"),
        (SavesText, r"SavesText.arrays\(\) gives 'name': str"),
        (TakesAnything, r"TakesAnything.restore\(\) took arrays that are not its own"),
        (FailsOnForeign, r"FailsOnForeign.restore\(\) raised KeyError"),
        (NoWayBack, r"NoWayBack has no restore\(\); it must have arrays\(\), restore\(\)"),
        (EndsTheProgram, "EndsTheProgram.predict raised SystemExit on a window"),
        (TwoClassesOnly, "TwoClassesOnly.fit raised ValueError on 3 classes of windows: two classes only"),
        (
            WritesNothing,
            "WritesNothing.predict raised TypeError on a window with read-only samples: log-power of nothing",
        ),
    ],
)
def test_a_broken_decoder_is_told_what_is_wrong(broken, says):
    with pytest.raises(ContractError, match=says) as raised:
        check_decoder(broken)
    assert "\n" not in str(raised.value)


def test_what_makes_no_decoder_is_told_what_would():
    with pytest.raises(ContractError, match=r"was given a NearestPower; .* lambda: NearestPower\(…\)"):
        check_decoder(NearestPower())

    class NeedsDepth(NearestPower):
        def __init__(self, depth):
            self.depth = depth

    with pytest.raises(ContractError, match=r"NeedsDepth\(\) raised TypeError: .*'depth'; .* lambda: NeedsDepth\(…\)"):
        check_decoder(NeedsDepth)


def test_a_stated_tolerance_forgives_that_much_and_no_more():
    check_decoder(Random, tolerance=1e-6)
    with pytest.raises(ContractError, match="largest difference"):
        check_decoder(Random, tolerance=1e-14)


# ---------------------------------------------------------------------- transforms


class Double:
    """A whole transform: twice the difference to the sample before."""

    delay_seconds = 0.0

    def start(self, info, first_index=0):
        if info.rate < 100:
            raise TransformError("rate too low")
        self.last = None
        return info

    def transform(self, samples, times):
        if not len(samples):
            return samples.copy(), times.copy()
        before = np.vstack([samples[:1] if self.last is None else self.last, samples[:-1]])
        self.last = samples[-1:].copy()
        return (2 * (samples - before)).astype(np.float32), times.copy()

    def resume(self):
        self.last = None


class CentresChunks(Double):
    def transform(self, samples, times):
        return samples - samples.mean(axis=0) if len(samples) else samples, times


class WritesToInput(Double):
    def transform(self, samples, times):
        samples *= 2
        return samples, times


class DoublePrecision(Double):
    def transform(self, samples, times):
        return samples.astype(np.float64), times


class SharesTimes(Double):
    def transform(self, samples, times):
        made, times = super().transform(samples, times)
        return made, times[:-1]


class ResumesWithPast(Double):
    def resume(self):
        pass


class StartsWithPast(Double):
    last = None

    def start(self, info, first_index=0):
        return info


class HidesDelay(Double):
    def transform(self, samples, times):
        made, times = super().transform(samples, times)
        return made, times - 0.1


class LosesChannels(Double):
    def transform(self, samples, times):
        made, times = super().transform(samples, times)
        return made[:, :4], times


class LosesSamples(Double):
    def transform(self, samples, times):
        made, times = super().transform(samples, times)
        return made[:0], times[:0]


class NoDelay(Double):
    delay_seconds = None


class TakesAllStreams(Double):
    def start(self, info, first_index=0):
        self.last = None
        return info


class WrongError(Double):
    def start(self, info, first_index=0):
        if info.rate < 100:
            raise ValueError("rate too low")
        return super().start(info)


SLOW = StreamInfo("slow", 40.0, (Channel("Cz"),))


def test_a_transform_that_keeps_the_contract_passes():
    report = check_transform(Double, refuses=[SLOW])
    assert (report.n_in, report.n_out, report.delay_seconds) == (2000, 2000, 0.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: BandPass(low=8.0, high=30.0),
        lambda: Notch(50.0),
        lambda: Resample(100.0),
        ReReference,
        lambda: Bipolar([["C1", "C2"]]),
        lambda: Pick(["C3", "C1"]),
    ],
)
def test_transforms_of_rtbci_keep_the_contract(make):
    check_transform(make)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (CentresChunks, "CentresChunks gave something else when the same samples came one by one"),
        (WritesToInput, "WritesToInput.transform changed its input"),
        (DoublePrecision, r"DoublePrecision.transform gave samples of float64 .*float32 would be right"),
        (SharesTimes, r"SharesTimes.transform gave \d+ samples with times of"),
        (ResumesWithPast, r"ResumesWithPast let samples from before resume\(\) into its output"),
        (StartsWithPast, r"StartsWithPast remembered the past over start\(\)"),
        (HidesDelay, "HidesDelay moved its first sample back by 0.1 s and declares delay_seconds = 0"),
        (LosesChannels, r"LosesChannels.transform gave 4 channels; start\(\) had said 8"),
        (LosesSamples, "LosesSamples made 0 of 2000 samples"),
        (NoDelay, "NoDelay.delay_seconds is None"),
        (TakesAllStreams, r"TakesAllStreams.start took a stream it should refuse \(1 channels at 40 Hz\)"),
        (WrongError, "WrongError.start raised ValueError on a stream it cannot work on"),
    ],
)
def test_a_broken_transform_is_told_what_is_wrong(broken, says):
    refuses = [SLOW] if broken in (TakesAllStreams, WrongError) else []
    with pytest.raises(ContractError, match=says):
        check_transform(broken, refuses=refuses)


# ---------------------------------------------------------------------- sources


class Counts:
    """A whole source: a recording of 500 samples that count up, with a marker at every hundredth."""

    info = StreamInfo("counts", 100.0, (Channel("Cz"), Channel("Pz")))
    late = 0

    def open(self):
        self.at, self.told = 0, 0
        return self.info

    def read(self, samples, times, timeout):
        n = min(len(samples), 500 - self.at)
        if n == 0:
            raise EOFError
        samples[:n] = np.arange(self.at, self.at + n)[:, None]
        times[:n] = np.arange(self.at, self.at + n) / 100
        self.at += n
        return n

    def markers(self):
        due = []
        while self.told < 5 and self.told * 100 < self.at - self.late:
            due.append(Marker(float(self.told), "hundred"))
            self.told += 1
        return due

    def now(self):
        return self.at / 100

    def close(self):
        pass


class Volts(Counts):
    info = StreamInfo("volts", 100.0, (Channel("Cz", unit="V"),))


class NoRate(Counts):
    info = StreamInfo("no rate", 0.0, (Channel("Cz"),))


class WritesBeyond(Counts):
    def read(self, samples, times, timeout):
        n = super().read(samples, times, timeout)
        samples[:] = 1
        return min(n, 3)


class SaysTooMany(Counts):
    def read(self, samples, times, timeout):
        return super().read(samples, times, timeout) + 1


class LateMarkers(Counts):
    late = 150


class GoesOnAfterEnd(Counts):
    def read(self, samples, times, timeout):
        if self.at >= 500 and not getattr(self, "ended", False):
            self.ended = True
            raise EOFError
        self.at %= 500
        return super().read(samples, times, timeout)


class ScalesByChunk(Counts):
    def read(self, samples, times, timeout):
        n = super().read(samples, times, timeout)
        samples[:n] -= samples[0]
        return n


class ClosesOnce(Counts):
    def close(self):
        if getattr(self, "closed", False):
            raise RuntimeError("closed already")
        self.closed = True


class Silent(Counts):
    def read(self, samples, times, timeout):
        return 0


class TextMarkers(Counts):
    def markers(self):
        return ["hundred"]


def test_a_source_that_keeps_the_contract_passes():
    report = check_source(Counts, recording=True)
    assert (report.n_samples, report.n_markers, report.ended) == (500, 5, True)


def test_the_synthetic_source_keeps_the_contract():
    report = check_source(lambda: SyntheticSource(seed=1, channels=8, seconds=3.0, speed=None), recording=True)
    assert report.n_samples == 750


def test_a_recording_keeps_the_contract(data_dir):
    from rtbci.sources.file import FileSource

    path = next((data_dir / "eegmmidb_S001").rglob("S001R06.edf"))
    report = check_source(lambda: FileSource(path), recording=True, n_samples=2000)
    assert report.info.rate == 160.0
    assert report.n_markers > 0


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (Volts, 'eeg channel Cz is in "V"; samples must be in "uV"'),
        (NoRate, "NoRate.open says a rate of 0.0 Hz"),
        (WritesBeyond, "WritesBeyond.read said 3 and wrote to rows beyond"),
        (SaysTooMany, "SaysTooMany.read returned 65 for a buffer of 64 rows"),
        (LateMarkers, 'LateMarkers gave the marker "hundred" of .* s only after samples up to'),
        (GoesOnAfterEnd, "GoesOnAfterEnd.read raised EOFError and then went on"),
        (ScalesByChunk, "ScalesByChunk gave other samples or times when asked for 1 at a time"),
        (ClosesOnce, "ClosesOnce.close raised RuntimeError the second time"),
        (Silent, "Silent gave nothing in 3 reads"),
        (TextMarkers, "TextMarkers.markers returned list; a list of rtbci.Marker"),
    ],
)
def test_a_broken_source_is_told_what_is_wrong(broken, says):
    with pytest.raises(ContractError, match=says):
        check_source(broken, recording=True, patience=3, timeout=0.0)
