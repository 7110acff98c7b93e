"""What cannot be is refused with file, table, key, value and what would be right, and training leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtbci import bundled
from tests.cli.conftest import EXPERIMENT, Trained
from tests.cli.terminal import Said, rtbci

BAND = '{ use = "band-pass", low = 8.0, high = 30.0 }'
SECOND = '[[decoder]]\nname = "riemann"\nuse = "mdm"\nwindow = 2.0\nhop = 0.1\n\n[evidence]'
RIEMANN = '[[decoder]] "riemann"'
STEP = f"{RIEMANN} transforms[1]"

# what is changed in the bundled experiment: (old text, new text, everything that the refusal must say)
IMPOSSIBLE = {
    "an unknown key": ("threshold = 0.7", "treshold = 0.7", ("[evidence] treshold = 0.7", '"threshold"')),
    "an unknown table": ("[evidence]", "[evidense]", ("evidense", '"evidence"')),
    "no source": ('[source]\nuse = "lsl"\ntype = "EEG"\nchannels = []', "", ("[source]", "missing", '"lsl"')),
    "a source without use": ('use = "lsl"\n', "", ("[source] use", "missing", 'use = "lsl"')),
    "text for a number": ("hop = 0.1", 'hop = "fast"', (f'{RIEMANN} hop = "fast"', "such as 0.1")),
    "a number for text": ('use = "tangent"', "use = 7", (f"{RIEMANN} use = 7", 'such as "tangent"')),
    "a hop of nothing": ("hop = 0.1", "hop = 0.0", (f"{RIEMANN} hop = 0.0", "not above 0", "0.1")),
    "a hop back": ("hop = 0.1", "hop = -0.1", (f"{RIEMANN} hop = -0.1", "not above 0")),
    "a hop below a sample": ("hop = 0.1", "hop = 1e-5", (f"{RIEMANN} hop = 1e-05", "160 Hz", "0.00625 or more")),
    "no number": ("window = 2.0", "window = nan", (f"{RIEMANN} window = nan", "2.0")),
    "an endless window": ("window = 2.0", "window = inf", (f"{RIEMANN} window = inf", "finite")),
    "a window longer than the trial": (
        "window = 2.0", "window = 9.0", (f"{RIEMANN} window = 9.0", "longer than the trial", "3 or less"),
    ),
    "a window shorter than the warm-up": (
        "low = 8.0, high = 30.0", "low = 8.0, high = 8.5", (f"{RIEMANN} window = 2.0", '"band-pass"', "longer window"),
    ),
    "a window below two samples": (
        f"window = 2.0                      # seconds\nhop = 0.1\ntransforms = [\n    {BAND},\n]",
        "window = 0.005\nhop = 0.1",
        (f"{RIEMANN} window = 0.005", "160 Hz", "0.0125 or more"),
    ),
    "an offset that no memory holds": (
        "hop = 0.1", 'lock = "marker"\noffset = 1e9', (f"{RIEMANN} offset = 1000000000.0", "600 s"),
    ),
    "a hop of a locked window": ("hop = 0.1", 'hop = 0.1\nlock = "marker"', (f"{RIEMANN} hop = 0.1", "lock")),
    "a trial that ends before it starts": ("stop = 3.5", "stop = 0.2", ("[trial] stop = 0.2", "after the start")),
    "a trial longer than the recording": (
        "stop = 3.5", "stop = 1e6", ('[classes] fists = ["T1"]', "20 markers", "[trial]", "1e+06 s", "longer recording"),
    ),
    "a threshold above 1": ("threshold = 0.7", "threshold = 1.5", ("[evidence] threshold = 1.5", "0.7")),
    "a threshold below chance": ("threshold = 0.7", "threshold = 0.3", ("[evidence] threshold = 0.3", "1/2")),
    "a label in two classes": ('feet = ["T2"]', 'feet = ["T1"]', ('[classes] feet = ["T1"]', "fists already")),
    "a label that never comes": (
        'feet = ["T2"]', 'feet = ["T9"]', ('[classes] feet = ["T9"]', "calibration.edf", "T0 (41), T1 (20), T2 (20)"),
    ),
    "one class": ('feet = ["T2"]\n', "", ("[classes]", "has 1 class", "two or more")),
    "two decoders of a name": ("[evidence]", SECOND, (f'{RIEMANN} name = "riemann"', '"riemann-2"')),
    "a name that is no file name": ('"riemann"', '"a/b"', ('name = "a/b"', "letters, digits")),
    "a band above Nyquist": ("high = 30.0", "high = 90.0", (f'{STEP} "band-pass" high = 90.0', "80.0 Hz", "160 Hz")),
    "a band upside down": (BAND, '{ use = "band-pass", low = 30.0, high = 8.0 }', (STEP, "high = 8.0", "above low, 30")),
    "a band below 0": ("low = 8.0", "low = -1.0", (STEP, "low = -1.0", "above 0")),
    "a band of no number": ("low = 8.0", "low = nan", (f"{STEP} low = nan", "finite")),
    "half a band": (", high = 30.0", "", (STEP, '"band-pass" needs high', "a number")),
    "a transform's argument in words": ("low = 8.0", 'low = "mu"', (f'{STEP} low = "mu"', "a number such as")),
    "a transform's unknown argument": ("low = 8.0", "low = 8.0, hi = 9", (f"{STEP} hi = 9", "low, high, order")),
    "a channel that is not there": (
        BAND, '{ use = "pick", channels = ["C3", "Qz"] }', (f'{STEP} "pick" channels', "no channel Qz", "Pz"),
    ),
    "a reference that is not there": (
        BAND, '{ use = "re-reference", channels = ["Qz"] }', (f'{STEP} "re-reference"', "Qz", "Pz"),
    ),
    "a rate that cannot be": (BAND, '{ use = "resample", rate = 1e9 }', (f'{STEP} "resample" rate', "nearest")),
    "an unknown transform": ('"band-pass"', '"bandpas"', (f'{STEP} use = "bandpas"', '"band-pass"?', "recentre")),
    "a decoder as transform": ('"band-pass"', '"tangent"', (f'{STEP} use = "tangent"', "it is a decoder")),
    "a transform in plain text": (BAND, '"band-pass"', (f"{RIEMANN} transforms", '[{ use = "band-pass"')),
    "an unknown decoder": ('"tangent"', '"tangnt"', (f'{RIEMANN} use = "tangnt"', '"tangent"?', "csp")),
    "an argument no decoder takes": (
        'use = "tangent"', 'use = "tangent"\nflavour = 3', (f"{RIEMANN} flavour = 3", "takes no argument", "metric"),
    ),
    "an unknown source": ('"lsl"', '"lls"', ('[source] use = "lls"', '"lsl"?', "synthetic")),
    "an argument no source takes": ('type = "EEG"', 'typ = "EEG"', ('[source] typ = "EEG"', '"type"?')),
    "a source's argument of another type": ('type = "EEG"', "type = 5", ("[source] type = 5", "a string")),
    "a source's impossible argument": ('type = "EEG"', "timeout = -1", ("[source]", "timeout = -1", "greater than 0")),
    "names for other channels": ("channels = []", 'channels = ["a", "b"]', ("'channels' names 2", "give 16 names")),
    "another type of stream": ('type = "EEG"', 'type = "MEG"', ("of type 'EEG', not 'MEG'", "leave 'type' out")),
    "TOML that is none": ("threshold = 0.7", "threshold = ", ("not TOML", "line 26", "'threshold ='")),
    "a module that is not there": ('"tangent"', '"nomod.x:A"', (f'{RIEMANN} use = "nomod.x:A"', '"./file.py:Class"')),
    "a file that is not there": (
        '"tangent"', '"./gone.py:A"', (f'{RIEMANN} use = "./gone.py:A"', "there is brief.py, broken.py"),
    ),
    "a file that is no Python": (
        '"tangent"', '"./broken.py:A"', (f'{RIEMANN} use = "./broken.py:A"', "SyntaxError", "broken.py, line 2"),
    ),
    "a file that raises": (
        '"tangent"', '"./raises.py:A"', (f'{RIEMANN} use = "./raises.py:A"', "ZeroDivisionError", "raises.py, line 3"),
    ),
    "a file without the class": (
        '"tangent"', '"./other.py:A"', (f'{RIEMANN} use = "./other.py:A"', 'no class "A"', "there is Other"),
    ),
    "a class without predict": ('"tangent"', '"./half.py:Half"', (RIEMANN, "./half.py:Half", "no method predict")),
    "a class that cannot be made": (
        '"tangent"', '"./shy.py:Shy"', (RIEMANN, "./shy.py:Shy", "OSError: no licence", "shy.py, line 3"),
    ),
    "a class that cannot be fitted": (
        '"tangent"', '"./dull.py:Dull"',
        (RIEMANN, "Dull.fit", "402 windows of (16, 320)", "KeyError: 'first second'", "dull.py, line 3"),
    ),
    "a class that cannot predict": (
        '"tangent"', '"./mute.py:Mute"', (RIEMANN, "Mute.predict", "RuntimeError: no idea", "mute.py, line 5"),
    ),
    "a class that answers for three": (
        '"tangent"', '"./odd.py:Odd"', (RIEMANN, "Odd.predict returned", "(3,)", "(2,) log-probabilities"),
    ),
    "a class that cannot be saved": (
        '"tangent"', '"./brief.py:Brief"', (RIEMANN, "Brief cannot be saved", "arrays() and restore()"),
    ),
}  # fmt: skip

SAVES = "    def arrays(self):\n        return {}\n    def restore(self, arrays): ...\n"
FILES = {
    "broken.py": "class A:\n    def fit(self:\n",
    "raises.py": "class A:\n    pass\n1 / 0\n",
    "other.py": "class Other:\n    pass\n",
    "half.py": "class Half:\n    def fit(self, windows, labels):\n        return self\n",
    "shy.py": "class Shy:\n    def __init__(self):\n        raise OSError('no\\nlicence')\n"
    "    def fit(self, w, l): ...\n    def predict(self, w): ...\n",
    "dull.py": "class Dull:\n    def fit(self, windows, labels):\n        return {}['first second']\n"
    "    def predict(self, window): ...\n" + SAVES,
    "mute.py": "class Mute:\n    def fit(self, windows, labels):\n        return self\n"
    "    def predict(self, window):\n        raise RuntimeError('no idea')\n" + SAVES,
    "odd.py": "import numpy as np\nclass Odd:\n    def fit(self, windows, labels):\n        return self\n"
    "    def predict(self, window):\n        return np.log(np.full(3, 1 / 3))\n" + SAVES,
    "brief.py": "class Brief:\n    def fit(self, windows, labels):\n        return self\n"
    "    def predict(self, window): ...\n",
}


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }


def _train(folder: Path, text: str) -> tuple[Path, Said]:
    """Train on the bundled recording; whatever comes of it, nothing but what was there may be there afterwards."""
    experiment = folder / "experiment.toml"
    experiment.write_text(text, encoding="utf-8")
    for name, code in FILES.items():
        (folder / name).write_text(code)
    before = _snapshot(folder)
    said = rtbci("train", experiment, "--recording", bundled.calibration(), "--out", folder / "model.rtbci")
    assert _snapshot(folder) == before
    return experiment, said


@pytest.mark.parametrize(("old", "new", "must_say"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_what_cannot_be_is_refused_and_nothing_is_written(
    old: str, new: str, must_say: tuple[str, ...], tmp_path: Path
) -> None:
    assert EXPERIMENT.count(old) == 1
    experiment, said = _train(tmp_path, EXPERIMENT.replace(old, new))
    refusal = said.refusal
    assert str(experiment) in refusal or "calibration.edf" in refusal
    for part in must_say:
        assert part in refusal


def test_a_decoder_is_refused_before_any_recording_is_read(tmp_path: Path) -> None:
    """Reading may take minutes: the last decoder's slip must not be told after them."""
    text = EXPERIMENT + '[[decoder]]\nname = "b"\nuse = "csp"\nfilters = 3\nwindow = 2.0\nhop = 0.1\n'
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(text)
    junk = tmp_path / "junk.edf"
    junk.write_bytes(b"no EDF at all")
    said = rtbci("train", experiment, "--recording", junk, "--out", tmp_path / "m.rtbci")
    assert '[[decoder]] "b" filters = 3' in said.refusal


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path, must_say in (
        (tmp_path / "gone.toml", "there is no such file"),
        (tmp_path, "is a folder"),
        (bundled.calibration(), "larger than"),
    ):
        said = rtbci("train", path, "--recording", bundled.calibration(), "--out", tmp_path / "m.rtbci")
        assert said.refusal.startswith(f"{path}: ")
        assert must_say in said.refusal
    (tmp_path / "latin.toml").write_bytes('name = "Füße"'.encode("latin-1"))
    assert "is not UTF-8" in rtbci("run", tmp_path / "latin.toml", "--headless").refusal
    assert [path.name for path in tmp_path.iterdir()] == ["latin.toml"]


@pytest.mark.parametrize("case", ["an unknown key", "a label in two classes", "TOML that is none", "a hop of nothing"])
def test_run_and_replay_refuse_the_same(case: str, tmp_path: Path, trained: Trained) -> None:
    old, new, must_say = IMPOSSIBLE[case]
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(EXPERIMENT.replace(old, new))
    run = rtbci("run", experiment, "--model", trained.model, "--headless")
    replay = rtbci("replay", experiment, "--model", trained.model, "--recording", bundled.calibration())
    for said in (run, replay):
        assert said.out == ""
        assert all(part in said.refusal for part in must_say)
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.toml"]


def test_an_old_model_stays_when_training_is_refused(tmp_path: Path) -> None:
    experiment, model = tmp_path / "experiment.toml", tmp_path / "model.rtbci"
    experiment.write_text(EXPERIMENT.replace('feet = ["T2"]', 'feet = ["T9"]'))
    model.write_bytes(b"the model of yesterday")
    assert "T9" in rtbci("train", experiment, "--recording", bundled.calibration(), "--out", model).refusal
    assert model.read_bytes() == b"the model of yesterday"
    assert len(list(tmp_path.iterdir())) == 2


def test_what_a_model_is_made_from_is_never_written_over(tmp_path: Path) -> None:
    experiment, recording = tmp_path / "experiment.toml", tmp_path / "calibration.edf"
    experiment.write_text(EXPERIMENT)
    recording.write_bytes(bundled.calibration().read_bytes())
    before = _snapshot(tmp_path)
    for out in (recording, experiment, tmp_path / "." / "calibration.edf"):
        assert "would be lost" in rtbci("train", experiment, "--recording", recording, "--out", out).refusal
    assert _snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("out", "must_say"), [(".", "is a folder"), ("gone/m.rtbci", "there is no folder")], ids=["folder", "no folder"]
)
def test_a_place_where_no_model_can_be_is_refused(out: str, must_say: str, tmp_path: Path) -> None:
    said = rtbci("train", bundled.experiment(), "--recording", bundled.calibration(), "--out", tmp_path / out)
    assert must_say in said.refusal
    assert list(tmp_path.iterdir()) == []
