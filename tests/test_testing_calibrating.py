"""The contract check of transforms that calibrate passes one that keeps it, and names what breaks it."""

from __future__ import annotations

import numpy as np
import pytest

from rtbci.calibration import Calibration
from rtbci.errors import TransformError
from rtbci.testing import ContractError, check_transform
from rtbci.types import Channel, StreamInfo


class Scaled:
    """A whole transform: samples less the first one, divided by what the calibration's deviation was (1 without one)."""

    delay_seconds = 0.0

    def __init__(self):
        self.scale = np.ones(1)

    def calibrate(self, calibration):
        windows = calibration.cut(np.arange(len(calibration))).astype(np.float64)
        self.scale = np.array([windows.std()])

    def arrays(self):
        return {"scale": self.scale}

    def restore(self, arrays):
        if set(arrays) != {"scale"}:
            raise TransformError("no scale")
        self.scale = np.array(arrays["scale"])

    def start(self, info, first_index=0):
        self.first = None
        return info

    def transform(self, samples, times):
        if len(samples) and self.first is None:
            self.first = samples[0].copy()
        return ((samples - self.first) / self.scale if len(samples) else samples).astype(np.float32), times

    def resume(self):
        self.first = None


class Guesses(Scaled):
    def calibrate(self, calibration):
        self.scale = np.random.default_rng().random(1)


class NeverForgets(Scaled):
    def calibrate(self, calibration):
        before = getattr(self, "seen", 0)
        super().calibrate(calibration)
        self.seen = before + len(calibration)
        self.scale = self.scale * self.seen


class SavesHalf(Scaled):
    def arrays(self):
        return {"scale": self.scale.astype(np.float32)}


class Rounds(Scaled):
    def restore(self, arrays):
        super().restore(arrays)
        self.scale = np.round(self.scale, 3)


class TakesAnything(Scaled):
    def restore(self, arrays):
        self.scale = np.array(arrays.get("scale", np.ones(1)))


class TakesForeign(Scaled):
    def restore(self, arrays):
        if not arrays:
            raise TransformError("no arrays")
        self.scale = np.array(next(iter(arrays.values())))


class FailsOnForeign(Scaled):
    def restore(self, arrays):
        self.scale = np.array(arrays["scale"])


class SavesText(Scaled):
    def arrays(self):
        return {"scale": self.scale, "unit": "uV"}


class SavesNothing(Scaled):
    def arrays(self):
        return {}


class WritesToSignals(Scaled):
    def calibrate(self, calibration):
        super().calibrate(calibration)
        calibration.signals[0].samples[:] /= self.scale


class WantsStart(Scaled):
    def calibrate(self, calibration):
        self.scale = self.first


class StartsFromNothing(Scaled):
    def start(self, info, first_index=0):
        self.scale = np.ones(1)
        return super().start(info)


class IgnoresIt(Scaled):
    def transform(self, samples, times):
        kept, self.scale = self.scale, np.ones(1)
        out = super().transform(samples, times)
        self.scale = kept
        return out


class CountsChunks(Scaled):
    """Keeps the contract until it is calibrated."""

    def start(self, info, first_index=0):
        self.now = self.scale.copy()
        return super().start(info)

    def transform(self, samples, times):
        kept, self.scale = self.scale, self.now
        out = super().transform(samples, times)
        self.scale = kept
        self.now = self.now * (1.01 if self.scale != 1.0 else 1.0)
        return out


class KeepsOverStart(Scaled):
    """Counts how often it was started, once it is calibrated."""

    def start(self, info, first_index=0):
        self.starts = getattr(self, "starts", 0) + 1
        return super().start(info)

    def transform(self, samples, times):
        made, times = super().transform(samples, times)
        return made * np.float32(self.starts if self.scale != 1.0 else 1.0), times


def test_a_transform_that_keeps_the_contract_passes():
    assert check_transform(Scaled).n_out == 2000
    info = StreamInfo("s", 100.0, (Channel("Cz"), Channel("Pz")))
    windows = np.random.default_rng(0).standard_normal((6, 2, 50)).astype(np.float32)
    calibration = Calibration.of_windows(info, windows, np.arange(6) % 2)
    assert check_transform(Scaled, info=info, calibration=calibration).out == info


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (
            Guesses,
            r'Guesses.arrays\(\) of two transforms that .* same windows differ \(in "scale"\); .* no random numbers',
        ),
        (NeverForgets, r"NeverForgets.arrays\(\) depend on what .* before .*; calibrate\(\) must begin from nothing"),
        (
            SavesHalf,
            r"SavesHalf gave something else after restore\(\) and start\(\) than after calibrate\(\) and start",
        ),
        (Rounds, r"Rounds.arrays\(\) after restore\(\) differ from what was restored"),
        (TakesAnything, r"TakesAnything.restore took no arrays at all; a TransformError would be right"),
        (TakesForeign, r"TakesForeign.restore took arrays that are not its own; a TransformError would be right"),
        (FailsOnForeign, r"FailsOnForeign.restore raised KeyError on no arrays at all; a TransformError"),
        (SavesText, r"SavesText.arrays\(\) gives 'unit': str; names and numeric NumPy arrays would be right"),
        (SavesNothing, r"SavesNothing.arrays\(\) gave nothing after calibrate\(\); numeric NumPy arrays by name"),
        (WritesToSignals, r"WritesToSignals.calibrate changed the signals that it was given; .* work on a copy"),
        (
            WantsStart,
            r"WantsStart.calibrate raised AttributeError on 8 windows of 8 channels and 250 samples, not started",
        ),
        (StartsFromNothing, r"StartsFromNothing.arrays\(\) changed when the transform was started and run"),
        (
            IgnoresIt,
            r"IgnoresIt gave the same samples with what it was calibrated with as without; start\(\) must forget",
        ),
        (KeepsOverStart, r"KeepsOverStart \(restored\) remembered .* forget all state but what was restored"),
        (CountsChunks, r"CountsChunks \(restored\) gave something else when the same samples came one by one"),
    ],
)
def test_a_broken_transform_is_told_what_is_wrong(broken, says):
    with pytest.raises(ContractError, match=says) as raised:
        check_transform(broken)
    assert "\n" not in str(raised.value)
