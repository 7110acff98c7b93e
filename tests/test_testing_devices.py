"""The contract checks of decoders that use a device or decide together: one broken thing per rule."""

from __future__ import annotations

import numpy as np
import pytest

from rtbci.testing import ContractError, check_decoder
from tests.devices.fake_gpu import CPU, Fake
from tests.test_testing import NearestPower


@pytest.mark.parametrize("gpu", ["", "none"])
def test_a_decoder_that_keeps_its_tolerance_passes(gpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTBCI_FAKE_GPU", gpu)
    check_decoder(Fake)


class NoTolerance(Fake):
    @property
    def tolerance(self):
        raise AttributeError("not before it is fitted")


class Words(Fake):
    tolerance = "1e-4"


class TooSmall(Fake):
    tolerance = 1e-9


class NoDevice(Fake):
    def prepare(self, info, n_samples, n_classes):
        super().prepare(info, n_samples, n_classes)
        self.runs_on = None


class Stays(Fake):
    def use_device(self, device):
        pass


class NoMethod(Fake):
    use_device = None


class TooEarly(Fake):
    def use_device(self, device):
        self.means = self.means.copy()


class FarOff(Fake):
    def _log_probs(self, samples, batch=False):
        said = super()._log_probs(samples, batch)
        return said if self.runs_on == CPU else np.log(0.99 * np.exp(said) + 0.01 / len(said))


class FarOffInBatches(Fake):
    def predict_many(self, windows, starts):
        said = super().predict_many(windows, starts)
        return np.log(0.99 * np.exp(said) + 0.01 / said.shape[1])


class FarOffAgain(Fake):
    """Not the same bits on the same device."""

    def predict(self, window):
        return self._log_probs(window.samples, batch=bool(self.asked % 2)) if not self._count() else None


class MixesUp(Fake):
    def predict_joined(self, others, windows):
        return [self._log_probs(window.samples, batch=True) for window in windows]


class TooFew(Fake):
    def predict_joined(self, others, windows):
        return super().predict_joined(others, windows)[:1]


class JoinsAll(Fake):
    def joins(self, other):
        return True


class JoinsNobodyElse(Fake):
    def joins(self, other):
        return other.together


class Maybe(Fake):
    def joins(self, other):
        return "perhaps" if isinstance(other, Fake) else False


class FarOffTogether(Fake):
    def predict_joined(self, others, windows):
        return [np.log(0.99 * np.exp(said) + 0.005) for said in super().predict_joined(others, windows)]


class Writes(Fake):
    def predict_joined(self, others, windows):
        said = super().predict_joined(others, windows)
        windows[1].samples[:] = 0.0
        return said


class Breaks(Fake):
    def predict_joined(self, others, windows):
        raise RuntimeError("out of memory")


class HalfJoins(NearestPower):
    def joins(self, other):
        return False


BROKEN = {
    NoTolerance: "NoTolerance has use_device() and no tolerance before it is fitted",
    Words: "Words.tolerance is '1e-4'",
    TooSmall: "within its tolerance of 1e-9 would be right",
    NoDevice: "NoDevice.runs_on is None after prepare() and fit()",
    Stays: 'Stays.runs_on is "fake-gpu:0 (Paper Tiger)" after use_device("cpu") and prepare()',
    NoMethod: "NoMethod has no use_device()",
    TooEarly: 'TooEarly.use_device("cpu") raised AttributeError before restore() and prepare()',
    FarOff: 'FarOff gives other answers after use_device("cpu")',
    FarOffInBatches: "FarOffInBatches.predict_many gave other answers in a batch of",
    FarOffAgain: "FarOffAgain gave another answer to a window that it had been asked about before",
    MixesUp: "MixesUp.predict_joined gives other answers than predict gives one by one",
    TooFew: "TooFew.predict_joined returned 1 answers for 2 windows",
    JoinsAll: "JoinsAll.joins says that it joins an object of another kind",
    JoinsNobodyElse: "JoinsNobodyElse.joins raised AttributeError on a object",
    Maybe: "Maybe.joins returned a str; True or False would be right",
    FarOffTogether: "FarOffTogether.predict_joined gives other answers",
    Writes: "Writes.predict_joined changed the samples of a window",
    Breaks: "Breaks.predict_joined raised RuntimeError on 2 windows: out of memory",
    HalfJoins: "HalfJoins has no predict_joined()",
}


@pytest.mark.parametrize("make", BROKEN, ids=lambda make: make.__name__)
def test_a_broken_promise_is_named(make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RTBCI_FAKE_GPU", raising=False)
    with pytest.raises(ContractError) as raised:
        check_decoder(make)
    assert BROKEN[make] in str(raised.value)
    assert "\n" not in str(raised.value)


def test_one_that_joins_nobody_need_not_decide_together() -> None:
    class Alone(Fake):
        def joins(self, other):
            return False

        def predict_joined(self, others, windows):
            raise RuntimeError("never asked")

    check_decoder(Alone)
