"""Plugins by name: listed without importing, loaded from entry points, modules and files, made with checked arguments."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rtbci import plugins
from rtbci.errors import ConfigError, DecoderError, SourceError, TransformError
from rtbci.plugins import Plugin

DECODER = """
from __future__ import annotations
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
if TYPE_CHECKING:
    from nowhere import Thing

@dataclass
class Mine:
    order: int
    low: float = 8.0
    metric: Literal["riemann", "euclid"] = "riemann"
    channels: list[str] | None = None
    weights: Path | None = None
    band: tuple[float, float] = (8.0, 30.0)
    fast: bool = False
    thing: Thing | None = None

    def fit(self, windows, labels):
        return self

    def predict(self, window):
        return None

class Strict:
    def __init__(self, order=4):
        if order % 2:
            raise ValueError(f"order = {order} is odd;\\n an even one")
        raise RuntimeError("always broken")

class Half:
    def fit(self, windows, labels): ...

class Open:
    def __init__(self, **anything): self.anything = anything
    def fit(self, windows, labels): ...
    def predict(self, window): ...

def factory(): return Mine(1)
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "mine.py").write_text(DECODER)
    return tmp_path


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution with entry points the way pip leaves one: a dist-info folder on the path."""

    def put(distribution: str, entries: str, modules: dict[str, str] | None = None) -> None:
        root = tmp_path / f"site-{distribution}"
        info = root / f"{distribution}-1.5.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(textwrap.dedent(entries))
        for name, text in (modules or {}).items():
            (root / f"{name}.py").write_text(textwrap.dedent(text))
            monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.syspath_prepend(root)

    return put


def message(error: type[Exception], call, *args) -> str:
    with pytest.raises(error) as caught:
        call(*args)
    text = str(caught.value)
    assert "\n" not in text
    return text


def make(folder, use, args):
    return plugins.make("decoders", use, args, folder, 'my.toml: [[decoder]] "riemann"')


def refusal(folder, use, args, error=ConfigError) -> str:
    text = message(error, make, folder, use, args)
    assert text.startswith('my.toml: [[decoder]] "riemann"')
    return text.removeprefix('my.toml: [[decoder]] "riemann"')


def test_what_rtbci_brings_is_listed_by_name():
    transforms = plugins.names("transforms")
    assert Plugin("transforms", "notch", "rtbci.transforms.filters:Notch", "rtbci", "0.1.0") in transforms
    assert [p.name for p in transforms] == sorted(p.name for p in transforms)
    assert {"lsl", "file", "synthetic"} <= {p.name for p in plugins.names("sources")}
    assert {"mdm", "tangent", "csp", "log-variance"} <= {p.name for p in plugins.names("decoders")}


def test_listing_imports_no_plugin():
    code = """
import sys
from rtbci import plugins
for kind in plugins.KINDS:
    assert plugins.names(kind)
heavy = {"numba", "sklearn", "pyriemann", "scipy", "mne", "torch", "pylsl", "tomlkit", "rtbci_riemann", "rtbci.sources.lsl"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_plugin_whose_import_fails_is_listed_all_the_same(install):
    install("broken", "[rtbci.decoders]\nbroken = broken_mod:X\n", {"broken_mod": "import not_there_at_all\n"})
    assert Plugin("decoders", "broken", "broken_mod:X", "broken", "1.5") in plugins.names("decoders")
    text = message(ConfigError, plugins.load, "decoders", "broken")
    assert text.startswith('decoder "broken" (broken 1.5, broken_mod:X) cannot be imported: ModuleNotFoundError: ')
    assert "not_there_at_all" in text
    assert text.endswith("broken_mod.py, line 1)")


def test_an_unknown_kind_is_refused():
    assert "one of decoders, transforms, sources" in message(ConfigError, plugins.names, "decoder")


def test_an_entry_point_of_another_distribution_is_loaded(install):
    install("stranger", "[rtbci.transforms]\nstrange = stranger_mod:Outer.Inner\n", {
        "stranger_mod": "class Outer:\n    class Inner: ...\n"})  # fmt: skip
    assert plugins.load("transforms", "strange").__qualname__ == "Outer.Inner"


def test_a_name_that_two_distributions_offer_is_refused_with_both(install):
    install("one", "[rtbci.decoders]\nnet = one_mod:Net\n")
    install("two", "[rtbci.decoders]\nnet = two_mod:Net\n", {"two_mod": "class Net: ..."})
    assert [p.distribution for p in plugins.names("decoders") if p.name == "net"] == ["one", "two"]
    text = message(ConfigError, plugins.load, "decoders", "net")
    assert "is offered by one 1.5 (one_mod:Net) and two 1.5 (two_mod:Net)" in text
    assert plugins.load("decoders", "two_mod:Net").__name__ == "Net"


def test_an_unknown_name_is_refused_with_what_there_is():
    text = message(ConfigError, plugins.load, "decoders", "tangnt")
    assert 'decoder "tangnt" is not installed; did you mean "tangent"? the decoders are acm, ' in text
    assert "it is a transform," in message(ConfigError, plugins.load, "decoders", "notch")
    assert 'did you mean "collections:OrderedDict"?' in message(
        ConfigError, plugins.load, "decoders", "collections.OrderedDict"
    )


def test_a_class_of_a_module_is_loaded_and_what_is_missing_named():
    from collections import OrderedDict

    assert plugins.load("decoders", "collections:OrderedDict") is OrderedDict
    assert 'no class "OrderdDict"; did you mean "OrderedDict"?' in message(
        ConfigError, plugins.load, "decoders", "collections:OrderdDict"
    )
    assert 'no module "colections"' in message(ConfigError, plugins.load, "decoders", "colections:X")
    assert 'no module "collections.abd" in collections' in message(
        ConfigError, plugins.load, "decoders", "collections.abd:X"
    )
    assert "a class, or a function that makes" in message(ConfigError, plugins.load, "decoders", "string:digits")
    for half in (":X", "collections:", ":"):
        assert "is no plugin" in message(ConfigError, plugins.load, "decoders", half)


def test_a_file_is_loaded_relative_to_its_base_under_a_name_of_its_own(folder):
    cls = plugins.load("decoders", "./mine.py:Mine", folder)
    assert cls(3).order == 3
    assert sys.modules[cls.__module__].__file__ == str(folder / "mine.py")
    assert plugins.load("decoders", f"{folder}/mine.py:Mine") is cls
    assert plugins.load("decoders", "mine.py:Mine", folder) is cls
    assert not (folder / "__pycache__").exists()


def test_two_files_of_one_name_and_an_edited_file_are_different_modules(folder):
    other = folder / "other"
    other.mkdir()
    (other / "mine.py").write_text(DECODER)
    first = plugins.load("decoders", "./mine.py:Mine", folder)
    assert plugins.load("decoders", "./mine.py:Mine", other) is not first
    (folder / "mine.py").write_text(DECODER.replace("low: float = 8.0", "low: float = 9.0"))
    assert plugins.load("decoders", "./mine.py:Mine", folder)(1).low == 9.0
    assert first(1).low == 8.0


def test_a_file_that_fails_names_itself_and_the_line(folder):
    (folder / "bad.py").write_text("import math\n\nx = math.sqrt(-1)\n")
    text = message(ConfigError, plugins.load, "decoders", "./bad.py:X", folder)
    assert text == f'decoder "./bad.py:X" cannot be imported: ValueError: math domain error ({folder}/bad.py, line 3)'
    (folder / "bad.py").write_text("x = 1\ndef f(:\n")
    text = message(ConfigError, plugins.load, "decoders", "./bad.py:X", folder)
    assert "SyntaxError: " in text
    assert text.endswith(f"({folder}/bad.py, line 2)")
    (folder / "bad.py").write_text("raise SystemExit(3)")
    assert "SystemExit: 3" in message(ConfigError, plugins.load, "decoders", "./bad.py:X", folder)
    (folder / "bad.py").write_bytes(b"\xff\xfe\x00")
    assert "cannot be imported: " in message(ConfigError, plugins.load, "decoders", "./bad.py:X", folder)
    assert not [name for name in sys.modules if name.endswith("_bad")]


def test_a_missing_file_is_refused_with_the_files_there_are(folder):
    text = message(ConfigError, plugins.load, "decoders", "./my.py:Mine", folder)
    assert text.endswith(f"{folder}/my.py cannot be read (No such file or directory); in {folder} there is mine.py")


def test_a_missing_class_is_refused_with_the_classes_of_the_file(folder):
    text = message(ConfigError, plugins.load, "decoders", "./mine.py:Mime", folder)
    assert text.endswith('has no class "Mime"; did you mean "Mine"? there is Mine, Strict, Half, Open')


def test_a_decoder_is_made_with_its_arguments_and_paths_start_at_the_base(folder):
    made = make(
        folder, "./mine.py:Mine", {"order": 4, "low": 7, "channels": ["C3"], "weights": "nets/a.npz", "band": [1, 2.5]}
    )
    assert (made.order, made.low, made.channels, made.band) == (4, 7, ["C3"], [1, 2.5])
    assert made.weights == folder.resolve() / "nets" / "a.npz"
    assert make(folder, "./mine.py:Open", {"x": 1, "y": [2]}).anything == {"x": 1, "y": [2]}


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"order": 4, "lo": 7.0}, ' takes no argument "lo"; did you mean "low"? it takes order,'),
        ({}, ': decoder "./mine.py:Mine" needs order (an integer such as 4); it takes order, low,'),
        ({"order": 4.5}, ' order = 4.5: a number came; decoder "./mine.py:Mine" takes an integer such as 4'),
        ({"order": True}, " order = true: a true/false came;"),
        ({"order": 4, "low": "8"}, ' low = "8": a string came; decoder "./mine.py:Mine" takes a number such as 8.0'),
        ({"order": 4, "metric": "riemannn"}, 'takes "riemann" or "euclid"'),
        ({"order": 4, "channels": "C3"}, ' channels = "C3": a string came; decoder "./mine.py:Mine" takes a list of (str)'),
        ({"order": 4, "channels": ["C3", 4]}, ' channels = ["C3", 4]: a list came;'),
        ({"order": 4, "band": [8.0]}, "takes a list of 2 values (float, float)"),
        ({"order": 4, "fast": 1}, " fast = 1: an integer came;"),
        ({"order": 4, "weights": 3}, ' weights = 3: an integer came; decoder "./mine.py:Mine" takes a path such as'),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_the_constructor_are_refused(folder, args, expected):
    assert expected in refusal(folder, "./mine.py:Mine", args)


def test_what_the_constructor_refuses_is_said_with_its_place(folder):
    assert (
        refusal(folder, "./mine.py:Strict", {"order": 3})
        == ': decoder "./mine.py:Strict": order = 3 is odd; an even one'
    )
    text = refusal(folder, "./mine.py:Strict", {})
    assert text.startswith(': decoder "./mine.py:Strict" cannot be made: RuntimeError: always broken (')
    assert text.endswith("mine.py, line 30)")


def test_what_cannot_be_loaded_is_said_with_its_place(folder):
    assert refusal(folder, "tangnt", {}).startswith(' use = "tangnt": decoder "tangnt" is not installed;')


@pytest.mark.parametrize(
    ("kind", "error", "lacking"),
    [
        ("decoders", DecoderError, 'has no method predict; a decoder has fit, predict, as rtbci.interfaces.Decoder'),
        ("transforms", TransformError, "has no method start, transform, resume; a transform has"),
        ("sources", SourceError, "has no method open, read, markers, now, close; a source has"),
    ],
)  # fmt: skip
def test_what_lacks_a_method_tells_its_author_which(folder, kind, error, lacking):
    assert lacking in message(error, plugins.make, kind, "./mine.py:Half", {}, folder, "my.toml: [x]")


def test_a_scikit_learn_classifier_is_adapted_as_it_stands(folder):
    from rtbci.sklearn_adapter import SklearnDecoder

    made = make(
        folder, "sklearn.discriminant_analysis:LinearDiscriminantAnalysis", {"shrinkage": 0.1, "solver": "lsqr"}
    )
    assert isinstance(made, SklearnDecoder)
    assert "without predict_proba or decision_function" in refusal(
        folder, "sklearn.linear_model:Ridge", {}, DecoderError
    )
    assert 'did you mean "shrinkage"?' in refusal(
        folder, "sklearn.discriminant_analysis:LinearDiscriminantAnalysis", {"shrinkag": 0.1}
    )


FUNCTIONS = """
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline

fitted = make_pipeline(DummyClassifier())

def most(strategy: str = "prior"):
    return make_pipeline(DummyClassifier(strategy=strategy))

def nothing():
    return 3
"""


def test_a_function_that_returns_an_estimator_is_a_decoder_with_its_arguments_checked(folder):
    (folder / "made.py").write_text(FUNCTIONS)
    one, two = (make(folder, "./made.py:most", {"strategy": "uniform"}) for _ in range(2))
    assert one.estimator is not two.estimator
    assert one.estimator.named_steps["dummyclassifier"].strategy == "uniform"
    assert 'takes no argument "stategy"; did you mean "strategy"?' in refusal(
        folder, "./made.py:most", {"stategy": "x"}
    )
    assert "an integer came" in refusal(folder, "./made.py:most", {"strategy": 3})
    assert "is a Pipeline; a class, or a function that makes a new one" in refusal(folder, "./made.py:fitted", {})
    assert "nothing() gave a int, which) has no method fit" in refusal(folder, "./made.py:nothing", {}, DecoderError)
