"""How good each channel is, in plain words: flat, at its limit, too large, line noise, not a number, impedance.

No Qt here. Thresholds are ours, from what amplifiers and recordings of the field look like, unless a source is named.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from rtbci.types import Channel
from rtbci_ui.signal.impedance import JUDGED, impedance_channels
from rtbci_ui.signal.spectra import band_power

ELECTRIC = ("eeg", "eog", "ecg", "emg")
FLAT = {"eeg": 0.1, "eog": 0.1, "ecg": 0.1, "emg": 0.1, "mag": 1.0, "grad": 1.0}
"""A robust spread below this (µV, fT, fT/cm) is flat: an input that is open or shorted. The noise of MEG is 30 times it."""
RAILED = (0.02, 0.10)
"""Share of samples that stay at the smallest or largest value for three in a row: fair, bad."""
LINE_UV = (5.0, 20.0)
"""µV rms of the mains: fair, bad. Alpha rhythm is some 10 µV rms."""
LINE_MEG = (1.0, 5.0)
"""The mains in MEG, as a multiple of what the channel has between 1 and 45 Hz: fair, bad."""
LARGE_UV = (100.0, 200.0)
"""µV rms between 1 and 45 Hz of EEG: fair, bad. A resting EEG has 5 to 30, with blinks 60, a strong alpha rhythm 90."""
OUTLYING = (3.5, 5.0)
"""Robust standard deviations of log amplitude above the channels of its kind: fair, bad.

5 is the deviation criterion of PREP (Bigdely-Shamlo et al., Front. Neuroinform. 9:16, 2015).
"""
NOT_NUMBERS = (1e-9, 0.10)
IMPEDANCE_KOHM = (20.0, 50.0)
"""kOhm: fair, bad. Passive electrodes want less than 10, active ones are green up to 25."""
FEWEST = 8
"""Channels of a kind without which none is called an outlier."""
_UNITS = {"uV": "µV"}


class Grade(IntEnum):
    """How good a channel is."""

    GOOD = 0
    FAIR = 1
    BAD = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured of all channels of a stream, each (n_channels,) float64.

    ``spread`` robust standard deviation, ``railed`` and ``not_numbers`` shares of 1, ``lowest`` and ``highest`` sample,
    ``rms`` between 1 and 45 Hz and ``line`` rms of the mains in the channel's unit, ``impedance`` in kOhm (NaN: none).
    """

    spread: NDArray[np.float64]
    railed: NDArray[np.float64]
    not_numbers: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    rms: NDArray[np.float64]
    line: NDArray[np.float64]
    impedance: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of one channel.

    ``badness`` is below 1 for good channels, from 1 on fair and from 2 on bad; ``words`` the reasons, the worst first.
    """

    channel: int
    name: str
    kind: str
    grade: Grade
    badness: float
    words: str
    line: float
    rms: float
    impedance: float
    marked: bool


def samples_of(
    samples: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Spread, share at the limits, share of not-a-number, lowest and highest of ``samples`` (n_channels, n)."""
    n = samples.shape[1]
    missing = np.isnan(samples)
    any_missing = bool(missing.any())
    low = np.fmin.reduce(samples, axis=1)
    high = np.fmax.reduce(samples, axis=1)
    same = samples[:, 1:] == samples[:, :-1]
    at_limit = (samples[:, 2:] == low[:, None]) | (samples[:, 2:] == high[:, None])
    railed = np.where(high > low, (same[:, 1:] & same[:, :-1] & at_limit).sum(axis=1) / max(n - 2, 1), 0.0)
    few = samples[:, :: max(1, n // 512)]
    median = np.nanmedian if any_missing else np.median
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a channel without a single number has no median: NaN is right
        middle = median(few, axis=1)
        spread = 1.4826 * median(np.abs(few - middle[:, None]), axis=1)
    share = missing.mean(axis=1)
    return (
        np.asarray(spread, np.float64),
        np.asarray(railed, np.float64),
        np.asarray(share, np.float64),
        low.astype(np.float64),
        high.astype(np.float64),
    )


def line_noise(frequencies: NDArray[np.float64], psd: NDArray[np.float64], mains: float) -> NDArray[np.float64]:
    """Root mean square (n_channels,) of the mains at ``mains`` Hz, above what the spectrum has beside it.

    ``psd`` (n_freqs, n_channels), unit²/Hz. The line's power is that within 1 Hz less the mean density from 2 to 5 Hz away;
    0 where it is less than what lies beside it (3 dB: the spectrum of noise varies by 1), NaN where the spectrum does not
    reach so far.
    """
    away = np.abs(frequencies - mains)
    at, beside = away <= 1.0, (away >= 2.0) & (away <= 5.0)
    if frequencies[-1] < mains + 1.0 or not beside.any():
        return np.full(psd.shape[1], np.nan)
    step = frequencies[1] - frequencies[0]
    background = psd[beside].mean(axis=0) * at.sum() * step
    power = psd[at].sum(axis=0) * step - background
    return np.where(np.isnan(power), np.nan, np.sqrt(np.where(power >= background, power, 0.0)))


def choose_mains(frequencies: NDArray[np.float64], psd: NDArray[np.float64]) -> float:
    """50 or 60 Hz, whichever is larger in the mean over channels; 50 where neither is seen."""
    means = {}
    for mains in (50.0, 60.0):
        found = line_noise(frequencies, psd, mains)
        means[mains] = float(np.nanmean(found)) if np.isfinite(found).any() else -1.0
    return 60.0 if means[60.0] > means[50.0] else 50.0


def amplitude(frequencies: NDArray[np.float64], psd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square (n_channels,) between 1 and 45 Hz."""
    return np.sqrt(band_power(frequencies, psd, 1.0, 45.0))


def _severity(value: float, limits: tuple[float, float]) -> float:
    """1 at the first limit, 2 at the second, in proportion beyond; 0 below."""
    fair, bad = limits
    return 0.0 if not value >= fair else min(1.0 + (value - fair) / (bad - fair), 4.0)


def _amount(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"


def outlying(rms: NDArray[np.float64], among: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Robust z (n,) of log ``rms`` (n,) ``among`` channels of a kind; 0 where too few are there to compare."""
    z = np.zeros(len(rms))
    usable = among & np.isfinite(rms) & (rms > 0)
    if usable.sum() >= FEWEST:
        logs = np.log(rms[usable])
        middle = np.median(logs)
        # at least 0.2: channels that are all alike must not make outliers of a tenth more
        z[usable] = (logs - middle) / max(1.4826 * float(np.median(np.abs(logs - middle))), 0.2)
    return z


def judge(
    channels: Sequence[Channel], measures: Measures, mains: float, bads: frozenset[str] = frozenset()
) -> list[Verdict]:
    """What is to be said of every channel of a kind in `JUDGED`, in the stream's order."""
    kinds = np.array([channel.kind for channel in channels])
    z = np.zeros(len(channels))
    with_impedance = set(impedance_channels(channels).values())
    for kind in ("eeg", "mag", "grad"):
        z += outlying(measures.rms, kinds == kind)
    verdicts = []
    for i, channel in enumerate(channels):
        if channel.kind not in JUDGED or i in with_impedance:
            continue
        found = _reasons(channel, i, measures, mains, float(z[i]))
        found.sort(key=lambda reason: -reason[0])
        badness = found[0][0] + 0.001 * sum(reason[0] for reason in found) if found else 0.0
        known = math.isfinite(float(measures.spread[i])) or measures.not_numbers[i] > 0
        grade = (
            Grade.UNKNOWN if not known else Grade.BAD if badness >= 2 else Grade.FAIR if badness >= 1 else Grade.GOOD
        )
        words = ", ".join(reason[1] for reason in found) or ("good" if known else "not measured yet")
        verdicts.append(
            Verdict(
                i,
                channel.name,
                channel.kind,
                grade,
                badness,
                words,
                float(measures.line[i]),
                float(measures.rms[i]),
                float(measures.impedance[i]),
                channel.name in bads,
            )
        )
    return verdicts


def _reasons(channel: Channel, i: int, measures: Measures, mains: float, z: float) -> list[tuple[float, str]]:
    """(severity, words) of everything that is wrong with channel ``i``."""
    found = []
    unit = _UNITS.get(channel.unit, channel.unit)
    electric = channel.kind in ELECTRIC
    missing = float(measures.not_numbers[i])
    if missing > 0:
        found.append((_severity(missing, NOT_NUMBERS), f"{100 * missing:.0f} % not a number"))
    low, high = float(measures.lowest[i]), float(measures.highest[i])
    if missing == 1.0:
        return found
    if low == high:
        return [*found, (4.0, "flat" if low == 0.0 else f"flat at {low:,.0f} {unit}".replace(",", " "))]
    if measures.spread[i] < FLAT[channel.kind]:
        # most samples at one value, but not all: it touches something, or is stuck at a limit
        if measures.railed[i] >= RAILED[1]:
            return [*found, (4.0, f"at its limit {100 * measures.railed[i]:.0f} % of the time")]
        return [*found, (4.0, "flat")]
    if (worse := _severity(float(measures.railed[i]), RAILED)) > 0:
        found.append((worse, f"at its limit {100 * measures.railed[i]:.0f} % of the time"))
    line, rms = float(measures.line[i]), float(measures.rms[i])
    bad_line = _severity(line, LINE_UV) if electric else _severity(line / rms if rms > 0 else 0.0, LINE_MEG)
    if bad_line > 0:
        found.append((bad_line, f"{mains:.0f} Hz noise {_amount(line)} {unit}"))
    large = _severity(rms, LARGE_UV) if channel.kind == "eeg" else 0.0
    stands_out = _severity(z, OUTLYING) if channel.kind in ("eeg", "mag", "grad") else 0.0
    if large > 0 or stands_out > 0:
        words = f"large, {_amount(rms)} {unit} rms"
        found.append((max(large, stands_out), words if large >= stands_out else f"{words}: far above the others"))
    impedance = float(measures.impedance[i])
    if (worse := _severity(impedance, IMPEDANCE_KOHM)) > 0:
        found.append((worse, f"impedance {_amount(impedance)} kΩ"))
    return found
