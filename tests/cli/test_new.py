"""``rtbci new``: templates that load, name what is installed, can be presented, and can be trained."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtbci import assemble, bundled, config, model, templates
from rtbci.config import Experiment
from rtbci.training import train
from rtbci_stimulus.paradigms import make
from tests.accuracy import material
from tests.cli.terminal import rtbci


def test_templates_are_listed_in_order() -> None:
    said = rtbci("new", "--json")
    assert said.code == 0
    assert [each["name"] for each in said.json["templates"]] == list(templates.NAMES)
    shown = rtbci("new").out.splitlines()
    assert shown[0].split(maxsplit=1) == ["motor-imagery", "Motor imagery"]
    assert len(shown) == len(templates.NAMES) + 2


@pytest.mark.parametrize("name", templates.NAMES)
def test_a_template_is_written_word_for_word_and_never_over_a_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    said = rtbci("new", name, path, "--json")
    assert (said.code, said.json) == (0, {"experiment": str(path), "template": name})
    assert path.read_text() == templates.template(name).text
    path.write_text("mine")
    assert (
        rtbci("new", name, path).refusal == f"{path} is there already and stays as it is; another name would be right"
    )
    assert path.read_text() == "mine"


def test_a_file_is_named_for_its_template_where_no_name_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert rtbci("new", "p300").code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["p300.toml"]


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    wrong = rtbci("new", "motor-image", tmp_path / "a.toml").refusal
    assert '"motor-image" is no template; did you mean "motor-imagery"?' in wrong
    assert "No such file or directory" in rtbci("new", "p300", tmp_path / "gone" / "a.toml").refusal
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", templates.NAMES)
def test_a_template_loads_and_all_that_it_names_can_be_made(name: str, tmp_path: Path) -> None:
    experiment = written(name, tmp_path)
    assert experiment.decoders
    for decoder in experiment.decoders:
        assemble.make_decoder(experiment, decoder)
        assemble.make_transforms(experiment, decoder)
    assemble.make_source(experiment)
    about = templates.template(name)
    assert about.title
    assert about.about.endswith(".")


@pytest.mark.parametrize("name", templates.NAMES)
def test_what_a_template_presents_sends_the_labels_of_its_classes(name: str, tmp_path: Path) -> None:
    experiment = written(name, tmp_path)
    assert experiment.paradigm is not None
    for kind in ("faces", "houses", "animals", "tools", "places"):
        (tmp_path / "pictures" / kind).mkdir(parents=True)
        shutil.copy(Path(__file__), tmp_path / "pictures" / kind / "1.png")
    args = experiment.paradigm.args
    paradigm = make(experiment.paradigm.use, args, classes=experiment.classes, base=tmp_path)
    sent = {label for step in paradigm.schedule(60.0, 1).steps for label in step.marks}
    for class_name, labels in experiment.classes.items():
        assert sent & set(labels), class_name


def written(name: str, folder: Path) -> Experiment:
    """The template ``name``, loaded from a file in ``folder``."""
    path = folder / f"{name}.toml"
    templates.write(name, path)
    return config.load(path)


def trained(experiment: Experiment, recordings: list[Path], folder: Path) -> dict[str, dict[str, int]]:
    """Trials of each class by decoder, of a model that was trained on ``recordings`` and can be read again."""
    out = folder / "made.rtbci"
    report = train(experiment, recordings, out)
    assert set(model.read_manifest(out)) == {decoder.name for decoder in experiment.decoders}
    return {
        name: {label: counts["trials"] for label, counts in made["classes"].items()}
        for name, made in report.decoders.items()
    }


def test_motor_imagery_is_trained_on_the_bundled_recording(tmp_path: Path) -> None:
    # whose labels are T1 and T2, for fists and feet
    experiment = replace(written("motor-imagery", tmp_path), classes={"fists": ("T1",), "feet": ("T2",)})
    found = trained(experiment, [bundled.calibration()], tmp_path)
    assert found == {name: {"fists": 20, "feet": 20} for name in ("riemann", "csp")}


def test_p300_is_trained_on_brain_invaders(data_dir: Path, tmp_path: Path) -> None:
    if not (data_dir / "eegle_p300").is_dir():
        pytest.skip(f"no eegle_p300 in {data_dir}")
    experiment = written("p300", tmp_path)
    found = trained(experiment, [material.p300(data_dir, tmp_path)], tmp_path)
    assert found == {"xdawn": {"target": 128, "nontarget": 640}}


def test_ssvep_is_trained_on_flicker_at_other_frequencies(data_dir: Path, tmp_path: Path) -> None:
    recordings = sorted((data_dir / "ssvep_exo" / "subject03").glob("*_raw.fif"))
    if not recordings:
        pytest.skip(f"no ssvep_exo in {data_dir}")
    text = templates.template("ssvep").text.replace("[8.0, 10.0, 12.0, 15.0]", "[13.0, 21.0, 17.0]")
    text = text.replace(
        '"8 Hz" = ["8"]\n"10 Hz" = ["10"]\n"12 Hz" = ["12"]\n"15 Hz" = ["15"]', 'a = "2"\nb = "3"\nc = "4"'
    )
    path = tmp_path / "ssvep.toml"
    path.write_text(text)
    found = trained(config.load(path), recordings, tmp_path)
    assert set(found) == {"fbcca", "riemann"}
    assert all(min(counts.values()) >= 8 for counts in found.values()), found


def test_n170_is_trained_on_faces_and_houses(data_dir: Path, tmp_path: Path) -> None:
    recordings = sorted((data_dir / "muse_eegnotebooks").rglob("N170/subject1/session1/*.csv"))
    if not recordings:
        pytest.skip(f"no muse_eegnotebooks in {data_dir}")
    pick = '# { use = "pick"'
    text = templates.template("n170").text
    assert pick in text
    path = tmp_path / "n170.toml"
    path.write_text(text.replace(pick, pick.removeprefix("# ")))
    found = trained(config.load(path), recordings[:2], tmp_path)
    assert min(found["xdawn"].values()) >= 100, found


def test_rest_is_trained_on_two_stretches(tmp_path: Path) -> None:
    rate, seconds = 128.0, 130.0
    times = np.arange(int(rate * seconds)) / rate
    rng = np.random.default_rng(5)
    alpha = 10.0 * np.sin(2 * np.pi * 10.0 * times) * (times > 65.0)  # the eyes are closed after 65 s
    rows = ["timestamps,O1,O2,Marker"]
    for i, time in enumerate(times):
        label = {0: "eyes-open", int(65.0 * rate): "eyes-closed"}.get(i, "")
        a, b = alpha[i] + 5.0 * rng.standard_normal(2)
        rows.append(f"{float(time)!r},{float(a)!r},{float(b)!r},{label}")
    path = tmp_path / "rest.csv"
    path.write_text("\n".join(rows) + "\n")
    found = trained(written("resting", tmp_path), [path], tmp_path)
    assert found == {"alpha": {"open": 1, "closed": 1}}


def test_a_template_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import resource, signal, sys\nfrom pathlib import Path\nfrom rtbci import templates\n"
        "from rtbci.errors import ConfigError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try:\n    templates.write('p300', Path(sys.argv[1]))\nexcept ConfigError as error:\n    print(error)\n"
    )
    path = tmp_path / "speller.toml"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"cannot write {path}: File too large; a disk with room would be right\n", done.stderr
    assert not path.exists()
