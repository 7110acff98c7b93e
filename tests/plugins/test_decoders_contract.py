"""The four decoders that come with rtbci keep the contract, refuse wrong arguments in words, and predict light."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from safetensors.numpy import save_file

from rtbci.errors import DecoderError
from rtbci.interfaces import Decoder, KnowsStream, Saves
from rtbci.testing import check_decoder
from rtbci.types import Channel, StreamInfo, Window
from rtbci_baseline import Csp, LogVariance
from rtbci_riemann import Mdm, Tangent

ALL = [LogVariance, Csp, Mdm, Tangent]


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("shape", [(8, 250, 2), (5, 101, 4), (3, 64, 2)])
def test_contract(make, shape):
    n_channels, n_samples, n_classes = shape
    assert check_decoder(make, n_channels=n_channels, n_samples=n_samples, n_classes=n_classes).accuracy > 0.8


@pytest.mark.parametrize(
    "make",
    [
        partial(Mdm, metric="logeuclid"),
        partial(Mdm, metric="euclid", estimator="lwf"),
        partial(Tangent, metric="logeuclid", estimator="cov"),
        partial(Tangent, metric="euclid", reg=0.01),
        partial(Tangent, standardise=True, C=0.1),
        partial(Csp, n_components=3, reg="oas"),
        partial(Csp, n_components=20),
        partial(LogVariance, C=10.0),
    ],
    ids=str,
)
def test_contract_with_other_arguments(make):
    check_decoder(make)


@pytest.mark.parametrize("make", ALL)
def test_offers_all_abilities(make):
    decoder = make()
    assert isinstance(decoder, Decoder)
    assert isinstance(decoder, KnowsStream)
    assert isinstance(decoder, Saves)


@pytest.mark.parametrize(
    ("make", "beginning"),
    [
        (partial(Mdm, estimator="ledoit"), 'estimator = "ledoit": '),
        (partial(Mdm, metric="hilbert"), 'metric = "hilbert": '),
        (partial(Mdm, metric=3), "metric = 3: "),
        (partial(Mdm, reg=-0.1), "reg = -0.1: "),
        (partial(Mdm, reg="oas"), 'reg = "oas": '),
        (partial(Tangent, C=0), "C = 0: "),
        (partial(Tangent, C=float("nan")), "C = nan: "),
        (partial(Tangent, standardise="yes"), 'standardise = "yes": '),
        (partial(Csp, n_components=0), "n_components = 0: "),
        (partial(Csp, n_components=2.5), "n_components = 2.5: "),
        (partial(Csp, reg=1.5), "reg = 1.5: "),
        (partial(Csp, reg="lwf"), 'reg = "lwf": '),
        (partial(LogVariance, C=-1.0), "C = -1.0: "),
        (partial(LogVariance, C=True), "C = True: "),
    ],
)
def test_wrong_arguments_are_refused_by_key_and_value(make, beginning):
    with pytest.raises(DecoderError) as raised:
        make()
    assert str(raised.value).startswith(beginning)
    assert "\n" not in str(raised.value)


def noise(n_windows: int = 20, n_channels: int = 4, n_samples: int = 100) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n_windows, n_channels, n_samples)).astype(np.float32)


@pytest.mark.parametrize("make", ALL)
def test_a_class_without_windows_is_refused(make):
    decoder = make()
    decoder.prepare(StreamInfo("s", 100.0, tuple(Channel(f"C{i}") for i in range(4))), 100, 3)
    with pytest.raises(DecoderError, match=r"\[10, 10, 0\] training windows"):
        decoder.fit(noise(), np.arange(20, dtype=np.int64) % 2)


@pytest.mark.parametrize("make", ALL)
def test_training_windows_that_are_not_finite_are_refused(make):
    windows = noise()
    windows[3, 2, 50] = np.nan
    with pytest.raises(DecoderError, match="NaN"):
        make().fit(windows, np.arange(20, dtype=np.int64) % 2)


@pytest.mark.parametrize("make", ALL)
def test_a_window_of_another_shape_is_refused(make):
    decoder = make()
    decoder.fit(noise(), np.arange(20, dtype=np.int64) % 2)
    with pytest.raises(DecoderError, match=r"5 channels and 100 samples.*4 channels and 100 samples"):
        decoder.predict(Window(noise(1, 5)[0], 0, 99, 0.0, 0.0))


@pytest.mark.parametrize("make", ALL)
def test_asked_before_it_is_fitted_says_so(make):
    with pytest.raises(DecoderError, match="neither fitted nor restored"):
        make().predict(Window(noise(1)[0], 0, 99, 0.0, 0.0))


@pytest.mark.parametrize("make", [Mdm, Tangent])
@pytest.mark.parametrize("estimator", ["scm", "cov"])
def test_windows_too_short_for_the_estimator_are_refused(make, estimator):
    with pytest.raises(DecoderError, match=f'estimator = "{estimator}": 30 samples'):
        make(estimator=estimator).fit(noise(20, 40, 30), np.arange(20, dtype=np.int64) % 2)


@pytest.mark.parametrize("make", ALL)
def test_flat_training_data_are_refused(make):
    with pytest.raises(DecoderError, match="flat in every channel"):
        make().fit(np.full((20, 4, 100), 7.0, np.float32), np.arange(20, dtype=np.int64) % 2)


@pytest.mark.parametrize("make", ALL)
def test_one_flat_channel_does_no_harm(make):
    windows, labels = noise(40), np.arange(40, dtype=np.int64) % 2
    windows[::2, 0] *= 3
    windows[:, 2] = 0.0
    decoder = make()
    decoder.fit(windows, labels)
    said = np.array([decoder.predict(Window(samples, 0, 99, 0.0, 0.0)) for samples in windows])
    assert np.isfinite(said).all()
    assert (said.argmax(axis=1) == labels).mean() > 0.9


def test_predicting_imports_no_heavy_library(tmp_path):
    """A live worker restores and predicts: pyRiemann alone would cost it 3 s and 350 MB."""
    labels = np.arange(20, dtype=np.int64) % 2
    for make in ALL:
        decoder = make()
        decoder.fit(noise(), labels)
        save_file({k: np.array(v) for k, v in decoder.arrays().items()}, tmp_path / f"{make.__name__}.safetensors")
    code = f"""
import sys
import numpy as np
from pathlib import Path
from safetensors.numpy import load_file
from rtbci.types import Window
from rtbci_baseline import Csp, LogVariance
from rtbci_riemann import Mdm, Tangent
for make in (LogVariance, Csp, Mdm, Tangent):
    decoder = make()
    decoder.restore(load_file(Path({str(tmp_path)!r}) / f"{{make.__name__}}.safetensors"))
    said = decoder.predict(Window(np.ones((4, 100), np.float32), 0, 99, 0.0, 0.0))
    assert said.shape == (2,), said
heavy = {{"sklearn", "pyriemann", "torch", "mne", "pandas", "matplotlib", "skops"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
