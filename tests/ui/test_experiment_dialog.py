"""The form for an experiment: reads, judges, and writes back what a person wrote with their comments."""

from dataclasses import replace

import pytest

from rtbci import config
from rtbci.errors import ConfigError
from rtbci_ui.draft import NEW, arguments, arguments_text, draft_of, experiment_of, open_experiment, problem

TEXT = """# my experiment
name = "fists or feet"

[source]
use = "lsl"                       # the amplifier in room 2
type = "EEG"

[classes]
fists = ["T1"]
feet = ["T2"]

[trial]
start = 0.5                       # seconds after the marker
stop = 3.5

[[decoder]]
name = "riemann"
use = "tangent"
window = 2.0                      # seconds
hop = 0.1
transforms = [
    { use = "band-pass", low = 8.0, high = 30.0 },
]

[evidence]
threshold = 0.7
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "experiment.toml"
    file.write_text(TEXT)
    return file


@pytest.fixture
def dialog(dark, qtbot, path):
    from rtbci_ui.experiment_dialog import ExperimentDialog

    dialog = ExperimentDialog(config.load(path), path)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def test_a_draft_that_was_not_touched_is_the_experiment(path):
    experiment = config.load(path)
    assert experiment_of(draft_of(experiment), experiment) == experiment
    assert problem(draft_of(experiment), experiment, path) == ""


@pytest.mark.parametrize(
    "args", [{}, {"low": 8.0}, {"names": ["C3", "C4"], "deep": {"a": 1}, "on": True, "text": 'a "b" c'}]
)
def test_arguments_survive_being_written_as_text(args):
    assert arguments(arguments_text(args), "here") == args


def test_arguments_that_are_not_toml_are_refused_with_where_and_what_would_be_right():
    with pytest.raises(ConfigError, match=r"\[source\]: arguments 'low = ': .*low = 8.0, high = 30.0 would be right"):
        arguments("low = ", "[source]")


def test_the_form_shows_the_file(dialog):
    assert dialog.name.text() == "fists or feet"
    assert dialog.source.draft().use == "lsl"
    assert dialog.source.draft().args == 'type = "EEG"'
    assert dialog.classes.rows() == (("fists", "T1"), ("feet", "T2"))
    (decoder,) = dialog.forms()
    assert decoder.draft().transforms[0].args == "low = 8.0, high = 30.0"
    assert dialog.save_button.isEnabled()


def test_decoders_to_choose_from_are_the_installed_ones(dialog):
    use = dialog.forms()[0].use.use
    offered = [use.itemText(i) for i in range(use.count())]
    assert {"tangent", "mdm", "csp", "log-variance"} <= set(offered)


def test_saving_keeps_comments_and_writes_only_what_changed(dialog, path):
    dialog.threshold.setValue(0.8)
    dialog.forms()[0].length.setValue(1.5)
    assert dialog.save(path)
    assert path.read_text() == TEXT.replace("threshold = 0.7", "threshold = 0.8").replace(
        "window = 2.0 ", "window = 1.5 "
    )


def test_what_is_wrong_is_said_beside_and_cannot_be_saved(dialog, path, qtbot):
    dialog.threshold.setValue(0.3)
    qtbot.waitUntil(lambda: not dialog.save_button.isEnabled())
    assert "threshold" in dialog.problem.text()
    assert "chance" in dialog.problem.text()
    assert not dialog.save(path)
    assert path.read_text() == TEXT
    dialog.threshold.setValue(0.7)
    qtbot.waitUntil(dialog.save_button.isEnabled)


def test_a_class_can_be_added(dialog, path, qtbot):
    dialog.classes.add(("rest", "T0, T9"))
    assert dialog.save(path)
    assert config.load(path).classes == {"fists": ("T1",), "feet": ("T2",), "rest": ("T0", "T9")}
    assert "# the amplifier in room 2" in path.read_text()


def test_two_classes_of_one_name_are_refused(dialog, path):
    dialog.classes.add(("feet", "T3"))
    assert not dialog.check()
    assert 'two classes are called "feet"' in dialog.problem.text()


def test_a_decoder_can_be_added_and_removed(dialog, path):
    dialog._add_decoder()
    form = dialog.forms()[1]
    form.name.setText("fast")
    form.use.use.setEditText("mdm")
    assert dialog.decoders.tabText(1) == "fast"
    assert dialog.save(path)
    assert [(d.name, d.use) for d in config.load(path).decoders] == [("riemann", "tangent"), ("fast", "mdm")]
    dialog._remove_decoder()
    assert dialog.save(path)
    assert [d.name for d in config.load(path).decoders] == ["riemann"]


def test_a_file_that_is_not_there_is_begun(tmp_path):
    new = open_experiment(tmp_path / "new.toml")
    assert new.classes == NEW.classes
    assert problem(draft_of(new), new, tmp_path / "new.toml") == ""


def test_a_file_that_is_wrong_is_not_opened(tmp_path):
    (tmp_path / "bad.toml").write_text("name = 3")
    with pytest.raises(ConfigError, match="name"):
        open_experiment(tmp_path / "bad.toml")


def test_the_form_leaves_idle_as_it_is():
    from rtbci import config
    from rtbci_ui.draft import draft_of, experiment_of

    text = 'name = "x"\n[source]\nuse = "lsl"\n[classes]\na = ["1"]\nb = ["2"]\n[idle]\nname = "rest"\n'
    before = config.loads(text)
    draft = draft_of(before)
    assert [name for name, _ in draft.classes] == ["a", "b"]
    assert experiment_of(draft, before) == before


def test_decoders_that_share_a_worker_still_do_when_the_form_has_changed_them(path):
    path.write_text(path.read_text().replace("hop = 0.1", 'hop = 0.1\nworker = "nets"  # one process'))
    before = open_experiment(path)
    draft = draft_of(before)
    (decoder,) = draft.decoders
    renamed = replace(draft, decoders=(replace(decoder, name="other", hop=0.2),))
    after = experiment_of(renamed, before)
    assert [(d.name, d.hop, d.worker) for d in after.decoders] == [("other", 0.2, "nets")]
    config.save(after, path)
    assert 'worker = "nets"  # one process' in path.read_text()
    assert open_experiment(path) == after
