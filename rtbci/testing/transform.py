"""The contract of a transform: the same samples in give the same samples out, however they are chunked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.calibration import Calibration
from rtbci.errors import TransformError
from rtbci.interfaces import Calibrates, Transform
from rtbci.testing.calibrating import Arrays, CalibrateCheck, some_windows
from rtbci.testing.contract import ContractError, apart, require, require_methods, same_bytes
from rtbci.types import Channel, Samples, StreamInfo, Times

SEED = 20261


@dataclass(frozen=True, slots=True)
class TransformReport:
    """What `check_transform` saw: what comes out, samples in and out, and the declared delay in seconds."""

    out: StreamInfo
    n_in: int
    n_out: int
    delay_seconds: float


def check_transform(
    make: Callable[[], Any],
    *,
    info: StreamInfo | None = None,
    n_samples: int = 2000,
    refuses: Sequence[StreamInfo] = (),
    samples: Samples | None = None,
    calibration: Calibration | None = None,
) -> TransformReport:
    """Check that ``make()`` gives transforms that rtbci can run live and replay to the bit.

    One that `rtbci.interfaces.Calibrates` must do so without a calibration and again with one, which a model file can keep.

    Parameters
    ----------
    make : gives a new transform each time.
    info : a stream it works on; 8 EEG channels at 250 Hz where None.
    n_samples : length of the noise that is sent through, at most that of ``samples``.
    refuses : streams on which ``start`` must raise TransformError, such as one with a rate that is too low.
    samples : (n_samples, n_channels) float32 to send through instead of noise.
    calibration : windows of the stream that it is calibrated on; windows of ``samples`` where None.

    Raises
    ------
    ContractError
        In one sentence: what is wrong, and what would be right.
    """
    info = info or StreamInfo("contract", 250.0, tuple(Channel(f"C{i + 1}") for i in range(8)))
    trial = _Trial(make, info, n_samples, samples)
    trial.check_start(refuses)
    report = trial.check_chunks()
    trial.check_start_again()
    trial.check_resume()
    if isinstance(trial.transform, Calibrates):
        trial.check_calibration(calibration or some_windows(info, trial.samples))
    return report


class _Trial:
    def __init__(self, make: Callable[[], Any], info: StreamInfo, n_samples: int, samples: Samples | None) -> None:
        self.make = make
        self.info = info
        self.rng = np.random.default_rng(SEED)
        noise = self.rng.standard_normal((n_samples, info.n_channels)).cumsum(axis=0) + 100.0
        self.samples = noise.astype(np.float32) if samples is None else np.ascontiguousarray(samples)
        self.times = 1000.0 + np.arange(len(self.samples)) / info.rate
        self.restored: Callable[[], Any] | None = None
        self.transform = make()
        self.name = type(self.transform).__name__
        require_methods(self.transform, self.name, ("start", "transform", "resume"), "Transform")

    def check_start(self, refuses: Sequence[StreamInfo]) -> None:
        for bad in refuses:
            try:
                self.make().start(bad)
            except TransformError:
                continue
            except Exception as error:
                raise ContractError(
                    f"{self.name}.start raised {type(error).__name__} on a stream it cannot work on ({_brief(bad)}): "
                    f"{error}; a TransformError with that sentence would be right"
                ) from error
            raise ContractError(
                f"{self.name}.start took a stream it should refuse ({_brief(bad)}); a TransformError would be right"
            )
        out = self.transform.start(self.info)
        require(
            isinstance(out, StreamInfo), f"{self.name}.start returned {type(out).__name__}; a StreamInfo would be right"
        )
        self.out = out
        delay = getattr(self.transform, "delay_seconds", None)
        require(
            isinstance(delay, (int, float)) and math.isfinite(delay) and delay >= 0,
            f"{self.name}.delay_seconds is {delay!r} after start; the delay of its output in seconds would be right, "
            "0 for a recursive filter",
        )

    def check_chunks(self) -> TransformReport:
        whole, whole_times = self._run(self._fresh(), [len(self.samples)])
        self._check_output(whole, whole_times)
        for label, sizes in self._chunkings():
            part, part_times = self._run(self._fresh(), sizes)
            require(
                same_bytes(part, whole) and same_bytes(part_times, whole_times),
                f"{self.name} gave something else when the same samples came {label} instead of all at once "
                f"({apart(part, whole)}; times: {apart(part_times, whole_times)}); its output must not depend on how "
                "samples are chunked, to the bit: keep all state between calls, in float64, and compute every sample in "
                "the same way",
            )
        return TransformReport(self.out, len(self.samples), len(whole), float(self.transform.delay_seconds))

    def check_start_again(self) -> None:
        fresh = self._fresh()
        first, _ = self._run(fresh, [len(self.samples)])
        fresh.start(self.info)
        again, _ = self._run(fresh, [len(self.samples)])
        require(
            same_bytes(first, again),
            f"{self.name} remembered the past over start() ({apart(first, again)}); start() must forget all state"
            f"{' but what was restored' if self.restored else ''}",
        )

    def check_resume(self) -> None:
        """After resume(), the past before it must not matter, and chunks must not matter still."""
        half = len(self.samples) // 2
        outputs = []
        for gain, sizes in ((1.0, [half]), (-3.0, [half]), (1.0, [1] * half)):
            transform = self._fresh()
            before = (self.samples[:half] * np.float32(gain)).astype(np.float32)
            self._send(transform, before, self.times[:half], [half])
            transform.resume()
            late = self.times[half:] + 5.0
            outputs.append(self._send(transform, self.samples[half:], late, [*sizes, len(self.samples)]))
        (first, first_times), (other_past, other_times), (chunked, chunked_times) = outputs
        require(bool(np.isfinite(first).all()), f"{self.name} gave samples that are not finite after resume()")
        require(
            same_bytes(first, other_past) and same_bytes(first_times, other_times),
            f"{self.name} let samples from before resume() into its output ({apart(first, other_past)}); "
            "resume() must forget the past and prime the state with the next sample",
        )
        require(
            same_bytes(first, chunked) and same_bytes(first_times, chunked_times),
            f"{self.name} depends on how samples are chunked after resume() ({apart(first, chunked)}); it must not",
        )

    def check_calibration(self, calibration: Calibration) -> None:
        """What `rtbci.interfaces.Calibrates` asks for; then, with a calibration, once more all that a transform must do."""
        check = CalibrateCheck(self.make, self.name, calibration)
        learnt = check.check()
        whole = [len(self.samples)]
        plain, _ = self._run(self._fresh(), whole)
        calibrated = check.calibrated()
        calibrated.start(self.info)
        wanted, _ = self._run(calibrated, whole)
        check.require_same(
            check.arrays_of(calibrated),
            learnt,
            "changed when the transform was started and run",
            "they are what calibrate() learnt, whatever start() forgets and samples teach",
        )
        self._check_restored(check, learnt, wanted, plain)

    def _check_restored(self, check: CalibrateCheck, learnt: Arrays, wanted: Samples, plain: Samples) -> None:
        name = self.name
        self.restored = lambda: check.restored(learnt)
        self.name = f"{name} (restored)"
        got, _ = self._run(self._fresh(), [len(self.samples)])
        require(
            same_bytes(got, wanted),
            f"{name} gave something else after restore() and start() than after calibrate() and start() "
            f"({apart(got, wanted)}); arrays() must hold all that calibrate() learnt, in full precision",
        )
        require(
            not same_bytes(got, plain),
            f"{name} gave the same samples with what it was calibrated with as without; start() must forget all but that "
            "(samples= gives others, where it shows on some only)",
        )
        self.check_chunks()
        self.check_start_again()
        self.check_resume()
        self.restored, self.name = None, name

    # ------------------------------------------------------------------ running

    def _fresh(self) -> Transform:
        transform: Transform = self.make() if self.restored is None else self.restored()
        transform.start(self.info)
        return transform

    def _chunkings(self) -> Iterable[tuple[str, list[int]]]:
        n = len(self.samples)
        yield "one by one", [1] * n
        yield "in sevens", [7] * (n // 7 + 1)
        yield "in chunks of 160", [160] * (n // 160 + 1)
        sizes = self.rng.integers(0, 50, n // 10)
        yield "in chunks of random length, some empty", [int(size) for size in sizes] + [n]

    def _run(self, transform: Transform, sizes: list[int]) -> tuple[Samples, Times]:
        return self._send(transform, self.samples, self.times, sizes)

    def _send(self, transform: Transform, samples: Samples, times: Times, sizes: list[int]) -> tuple[Samples, Times]:
        """Send ``samples`` in chunks of ``sizes`` (what is left over last) and join what comes out."""
        out: list[Samples] = []
        out_times: list[Times] = []
        at = 0
        for size in sizes:
            stop = min(at + size, len(samples))
            if stop == at and size:
                break
            given, given_times = samples[at:stop].copy(), times[at:stop].copy()
            kept, kept_times = given.copy(), given_times.copy()
            made, made_times = self._call(transform, given, given_times)
            out.append(np.array(made))
            out_times.append(np.array(made_times))
            require(
                same_bytes(given, kept) and same_bytes(given_times, kept_times),
                f"{self.name}.transform changed its input; other decoders read the same samples: write to a buffer of its "
                "own",
            )
            at = stop
        return np.concatenate(out), np.concatenate(out_times)

    def _call(self, transform: Transform, samples: Samples, times: Times) -> tuple[NDArray[Any], NDArray[Any]]:
        try:
            made, made_times = transform.transform(samples, times)
        except Exception as error:
            raise ContractError(
                f"{self.name}.transform raised {type(error).__name__} on {len(samples)} samples: {error}"
            ) from error
        require(
            isinstance(made, np.ndarray) and made.dtype == np.float32 and made.ndim == 2,
            f"{self.name}.transform gave samples of {getattr(made, 'dtype', type(made).__name__)} and shape "
            f"{getattr(made, 'shape', '?')}; (n, {self.out.n_channels}) float32 would be right",
        )
        require(
            isinstance(made_times, np.ndarray) and made_times.dtype == np.float64 and made_times.shape == (len(made),),
            f"{self.name}.transform gave {len(made)} samples with times of "
            f"{getattr(made_times, 'dtype', type(made_times).__name__)} and shape {getattr(made_times, 'shape', '?')}; "
            f"({len(made)},) float64 would be right",
        )
        return made, made_times

    def _check_output(self, samples: Samples, times: Times) -> None:
        require(
            samples.shape[1] == self.out.n_channels,
            f"{self.name}.transform gave {samples.shape[1]} channels; start() had said {self.out.n_channels}",
        )
        require(bool(np.isfinite(samples).all()), f"{self.name} gave samples that are not finite from finite ones")
        expected = len(self.samples) * self.out.rate / self.info.rate
        # a resampler may hold back samples whose neighbours have not come yet
        slack = 2.0 + self.transform.delay_seconds * self.out.rate * 2.0
        require(
            abs(len(samples) - expected) <= slack,
            f"{self.name} made {len(samples)} of {len(self.samples)} samples; at the rate it declares, "
            f"{self.out.rate:g} Hz, about {expected:.0f} would be right",
        )
        require(
            bool((np.diff(times) > 0).all()),
            f"{self.name} gave times that do not increase; each sample has its own, in order",
        )
        moved = float(self.times[0] - times[0]) if len(times) else 0.0
        period = 1.0 / min(self.out.rate, self.info.rate)
        require(
            abs(moved - self.transform.delay_seconds) <= period * 1.01,
            f"{self.name} moved its first sample back by {moved:.4g} s and declares delay_seconds = "
            f"{self.transform.delay_seconds:.4g}; the two must agree, so that times say when the signal happened",
        )


def _brief(info: StreamInfo) -> str:
    return f"{info.n_channels} channels at {info.rate:g} Hz"
