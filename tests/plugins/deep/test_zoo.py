"""braindecode's networks by name, on a stand-in for the library: the real one needs a torchaudio that is not here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rtbci import plugins
from rtbci.errors import ConfigError, DecoderError
from rtbci.training_run import TrainingRun
from rtbci.types import Window
from tests.plugins.deep import simulated

NETWORKS = '''
import torch
from torch import nn

class TinyNet(nn.Module):
    """A stand-in with braindecode's arguments."""
    def __init__(self, n_outputs=None, n_chans=None, chs_info=None, n_times=None, input_window_seconds=None, sfreq=None,
                 n_filters=8):
        super().__init__()
        if n_times < 20:
            raise ValueError("n_times is too short")
        self.conv = nn.Conv1d(n_chans, n_filters, 11)
        self.head = nn.Linear(n_filters, n_outputs)
    def forward(self, x):
        return self.head(torch.log((self.conv(x) ** 2).mean(dim=2) + 1e-6))

class NotANetwork:
    pass
'''


@pytest.fixture
def braindecode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts ``models`` (text) where ``import braindecode.models`` finds it."""

    def put(models: str) -> None:
        package = tmp_path / "braindecode" / "models"
        package.mkdir(parents=True)
        (tmp_path / "braindecode" / "__init__.py").write_text("")
        (package / "__init__.py").write_text(models)
        monkeypatch.syspath_prepend(tmp_path)
        for name in [name for name in sys.modules if name.split(".")[0] == "braindecode"]:
            monkeypatch.delitem(sys.modules, name)

    yield put
    for name in [name for name in sys.modules if name.split(".")[0] == "braindecode"]:
        del sys.modules[name]


def make(use: str, **arguments):
    return plugins.make("decoders", use, arguments, None, 'my.toml: [[decoder]] "z"')


def test_a_network_of_the_zoo_trains_predicts_and_is_saved(braindecode):
    braindecode(NETWORKS)
    data = simulated.calibration(30)
    decoder = make("braindecode:TinyNet", epochs=30, learning_rate=0.01, n_filters=6)
    decoder.prepare(data.info, data.n_samples, 2)
    decoder.learn(data, TrainingRun())
    new = simulated.calibration(16, seed=60)
    windows = [Window(new.cut([k])[0], 0, 0, 0.0, 0.0) for k in range(len(new))]
    right = [decoder.predict(w).argmax() == label for w, label in zip(windows, new.labels, strict=True)]
    assert sum(right) / len(right) > 0.9
    arrays = decoder.arrays()
    assert arrays["shared/network.conv.weight"].shape == (6, 4, 11)
    again = make("braindecode:TinyNet", epochs=30, learning_rate=0.01, n_filters=6)
    again.restore(arrays)
    again.prepare(data.info, data.n_samples, 2)
    assert again.predict(windows[0]).tobytes() == decoder.predict(windows[0]).tobytes()


@pytest.mark.parametrize(
    ("use", "arguments", "error", "says"),
    [
        ("braindecode:TinyNat", {}, ConfigError, 'has no network "TinyNat"; did you mean TinyNet?'),
        ("braindecode:NotANetwork", {}, ConfigError, 'has no network "NotANetwork"'),
        (
            "braindecode:TinyNet",
            {"n_filter": 3},
            ConfigError,
            'takes no argument "n_filter"; did you mean "n_filters"?',
        ),
        ("braindecode:TinyNet", {"qqqq": 3}, ConfigError, "of its own it takes n_filters"),
        ("braindecode:TinyNet", {"epochs": 0}, ConfigError, "epochs = 0: it must be a whole number"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line_with_what_is(braindecode, use, arguments, error, says):
    braindecode(NETWORKS)
    with pytest.raises(error) as refused:
        make(use, **arguments)
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_a_network_that_cannot_be_made_for_the_windows_says_so(braindecode):
    braindecode(NETWORKS)
    data = simulated.calibration(10, window=15)
    decoder = make("braindecode:TinyNet", epochs=1)
    decoder.prepare(data.info, data.n_samples, 2)
    with pytest.raises(
        DecoderError, match=r"braindecode:TinyNet: cannot be made for 4 channels and 15 samples .*too short"
    ):
        decoder.learn(data, TrainingRun())


def test_where_braindecode_cannot_be_imported_it_says_why(braindecode):
    braindecode('raise OSError("Could not load this library: _torchaudio.abi3.so")')
    with pytest.raises(ConfigError) as refused:
        make("braindecode:EEGConformer")
    said = str(refused.value)
    assert "OSError: Could not load this library: _torchaudio.abi3.so" in said
    assert "it needs a torchaudio of the same build as torch" in said and "\n" not in said


def test_where_braindecode_is_not_installed_it_says_what_to_install(monkeypatch):
    if "braindecode" in sys.modules or __import__("importlib.util").util.find_spec("braindecode"):
        pytest.skip("braindecode is installed")
    with pytest.raises(ConfigError, match="braindecode is not installed; pip install braindecode"):
        make("braindecode:EEGConformer")


def test_the_code_behind_a_zoo_counts_for_what_an_evaluation_keeps():
    from rtbci.evaluation import store

    key = store._plugin_code("braindecode:EEGConformer", "decoders", Path())
    assert store.code_of("rtbci_deep") in key
