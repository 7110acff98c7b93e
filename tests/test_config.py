"""The experiment file: what is read, what is refused and how, and that saving changes nothing else."""

from __future__ import annotations

import os
import string
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbci import config
from rtbci.config import Component, DecoderConfig, EvidenceConfig, Experiment, RemoteConfig, Trial
from rtbci.errors import ConfigError

EXAMPLE = """\
# two fists against both feet
name = "fists or feet"

[source]
use = "lsl"                       # "lsl" | "file" | "synthetic" | an entry point; the other keys are its arguments
type = "EEG"
channels = []                     # names, where the stream's header has none

[classes]                         # class = the marker labels that mean it
fists = ["T1"]
feet = ["T2"]

[trial]
start = 0.5                       # seconds after the marker
stop = 3.5

[[decoder]]
name = "riemann"
use = "tangent"                   # unknown keys go to it as arguments
window = 2.0                      # seconds
hop = 0.1
transforms = [
    { use = "band-pass", low = 8.0, high = 30.0 },
]

[evidence]
threshold = 0.7
"""


def with_(old: str, new: str) -> str:
    assert old in EXAMPLE
    return EXAMPLE.replace(old, new)


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config.loads(text, Path("my.toml"))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("my.toml: ")
    return message.removeprefix("my.toml: ")


def test_the_documented_experiment_is_read_as_it_stands():
    experiment = config.loads(EXAMPLE)

    assert experiment == Experiment(
        name="fists or feet",
        source=Component("lsl", {"type": "EEG", "channels": []}),
        classes={"fists": ("T1",), "feet": ("T2",)},
        trial=Trial(0.5, 3.5),
        decoders=(
            DecoderConfig("riemann", "tangent", 2.0, 0.1, (Component("band-pass", {"low": 8.0, "high": 30.0}),), {}),
        ),
        evidence=EvidenceConfig(0.7, 0.0, 4.0),
    )
    assert experiment.text == EXAMPLE
    assert list(experiment.classes) == ["fists", "feet"]


def test_an_experiment_that_only_records_needs_a_name_and_a_source():
    experiment = config.loads('name = "rest"\n[source]\nuse = "lsl"\n')
    assert experiment == Experiment("rest", Component("lsl"))
    assert experiment.session.ring_seconds == 60.0
    assert experiment.markers.streams is None


def test_every_table_and_optional_key_is_read():
    experiment = config.loads(
        """
        name = "all"
        [source]
        use = "file"
        path = "a.edf"
        [classes]
        right = 1
        left = [2, "left"]
        [trial]
        stop = 2
        [[decoder]]
        name = "erp"
        use = "./mine.py:Erp"
        window = 1
        lock = "marker"
        offset = -0.2
        baseline = 0.2
        deadline = 0.5
        worker = "nets"
        model = "models/erp.model"
        shrinkage = 0.1
        mode = "fast"
        [evidence]
        threshold = 0.9
        dwell = 0.5
        time_constant = 2
        [markers]
        streams = "Stimuli"
        [recording]
        folder = "data"
        subject = "S-01"
        [session]
        ring_seconds = 30
        lost_after = 2
        [remote]
        port = 0
        host = "::1"
        rcs = false
        token_file = "keys/remote.token"
        """
    )
    erp = experiment.decoder("erp")
    assert (erp.window, erp.hop, erp.lock, erp.offset, erp.baseline, erp.deadline) == (
        1.0,
        None,
        "marker",
        -0.2,
        0.2,
        0.5,
    )
    assert isinstance(erp.window, float)
    assert erp.model == Path("models/erp.model")
    assert (erp.worker, erp.process) == ("nets", "nets")
    assert erp.args == {"shrinkage": 0.1, "mode": "fast"}
    assert experiment.trial == Trial(0.0, 2.0)
    assert experiment.evidence == EvidenceConfig(0.9, 0.5, 2.0)
    assert experiment.markers.streams == ("Stimuli",)
    assert (experiment.recording.folder, experiment.recording.subject) == (Path("data"), "S-01")
    assert (experiment.session.ring_seconds, experiment.session.lost_after) == (30.0, 2.0)
    assert experiment.remote == RemoteConfig(0, "::1", False, Path("keys/remote.token"))
    assert [experiment.label_of(label) for label in ("1", "2", "left", "3")] == ["right", "left", "left", None]


def test_a_window_may_be_as_long_as_the_trial_and_its_hop_longer_than_the_window():
    text = with_("window = 2.0", "window = 3.0").replace("hop = 0.1", "hop = 4")
    assert config.loads(text).decoders[0].hop == 4.0


REFUSED = {
    "unknown table": (("[evidence]", "[evidense]"), "evidense = {threshold = 0.7}: is not known", 'mean "evidence"?'),
    "unknown key": (("threshold = 0.7", "treshold = 0.7"), "[evidence] treshold = 0.7:", 'did you mean "threshold"?'),
    "string for number": (("stop = 3.5", 'stop = "3.5"'), '[trial] stop = "3.5": a string came', "such as 3.5"),
    "bool for number": (("stop = 3.5", "stop = true"), "[trial] stop = true: a true/false came", "such as 3.5"),
    "nan": (("stop = 3.5", "stop = nan"), "[trial] stop = nan: is not a finite number", "such as 3.5"),
    "huge integer": (("stop = 3.5", "stop = 1" + "0" * 400), "[trial] stop = 1000", "is not a finite number"),
    "trial ends before it starts": (("stop = 3.5", "stop = 0.2"), "[trial] stop = 0.2:", "start at 0.5 s"),
    "window too long": (("window = 2.0", "window = 3.1"), '[[decoder]] "riemann" window = 3.1: is longer', "3 or less"),
    "window zero": (("window = 2.0", "window = 0"), '[[decoder]] "riemann" window = 0: is not above 0', "2.0"),
    "hop zero": (("hop = 0.1", "hop = 0.0"), '[[decoder]] "riemann" hop = 0.0: is not above 0', "0.1"),
    "hop missing": (("hop = 0.1\n", ""), '[[decoder]] "riemann" hop: is missing', "hop = 0.1"),
    "hop misspelt": (("hop = 0.1", "hopp = 0.1"), 'hop: is missing (is "hopp" meant to be it?)', "hop = 0.1"),
    "window misspelt": (("window = 2.0", "windwo = 2.0"), 'window: is missing (is "windwo" meant to be it?)', "2.0"),
    "transforms misspelt": (("transforms =", "transform ="), '"riemann" transform = ', 'did you mean "transforms"?'),
    "optional misspelt": (("hop = 0.1", "hop = 0.1\ndedline = 1"), '"riemann" dedline = 1', 'did you mean "deadline"?'),
    "decoder name a path": (('"riemann"', '"../x"'), '[[decoder]] "../x" name = "../x":', "letters, digits"),
    "worker a number": (("hop = 0.1", "hop = 0.1\nworker = 2"), '"riemann" worker = 2: is no name of a worker', '"nets"'),
    "worker a path": (("hop = 0.1", 'hop = 0.1\nworker = "a/b"'), 'worker = "a/b": is no name of a worker', "letters"),
    "worker empty": (("hop = 0.1", 'hop = 0.1\nworker = ""'), 'worker = "": is no name of a worker', "digits"),
    "worker misspelt": (("hop = 0.1", 'hop = 0.1\nwroker = "a"'), 'wroker = "a"', 'did you mean "worker"?'),
    "decoder as table": (("[[decoder]]", "[decoder]"), "decoder = {name = ", "[[decoder]] in double brackets"),
    "decoder without name": (('name = "riemann"\n', ""), "[[decoder]] 1 name: is missing", 'name = "riemann"'),
    "hop with lock": (("hop = 0.1", 'hop = 0.1\nlock = "marker"'), "hop = 0.1: a window locked to a marker", "no hop"),
    "offset without lock": (("hop = 0.1", "hop = 0.1\noffset = 0.2"), "offset = 0.2: is for windows", 'lock = "marker"'),
    "unknown lock": (("hop = 0.1", 'lock = "stim"'), 'lock = "stim": is not known', '"marker"'),
    "transform without use": (('use = "band-pass", ', ""), '"riemann" transforms[1] use: is missing', "band-pass"),
    "transforms a string": (
        ("[\n    { use = \"band-pass\", low = 8.0, high = 30.0 },\n]", '"band-pass"'),
        'transforms = "band-pass": a string came',
        "a list such as",
    ),
    "nan as argument": (("low = 8.0", "low = nan"), "transforms[1] low = nan", "finite number"),
    "date as argument": (('type = "EEG"', "type = 2024-01-01"), "[source] type = 2024-01-01: a date", "string"),
    "threshold at chance": (("threshold = 0.7", "threshold = 0.5"), "[evidence] threshold = 0.5: is not above", "1/2"),
    "threshold one": (("threshold = 0.7", "threshold = 1"), "[evidence] threshold = 1: is not below 1", "0.7"),
    "dwell negative": (("threshold = 0.7", "dwell = -0.1"), "[evidence] dwell = -0.1: is below 0", "0.5"),
    "one class": (('feet = ["T2"]\n', ""), "[classes]: has 1 class;", "two or more"),
    "label of two classes": (('["T2"]', '["T2", "T1"]'), '[classes] feet = ["T2", "T1"]: label "T1" means fists', "once"),
    "integer label equal to a string": (('["T2"]', '[1]\nhands = ["1"]'), 'hands = ["1"]: label "1" means feet', "once"),
    "class without labels": (('["T2"]', "[]"), "[classes] feet = []: has no marker label", "T1"),
    "boolean label": (('["T2"]', "[true]"), "[classes] feet = [true]: a true/false came as a label", "integer"),
    "source without use": (('use = "lsl"', 'kind = "lsl"'), "[source] use: is missing", 'use = "lsl"'),
    "source misspelt": (("[source]", "[sourc]"), "sourc = ", 'did you mean "source"?'),
    "no name": (('name = "fists or feet"\n', ""), "name: is missing", 'name = "fists or feet"'),
    "streams empty": (("[evidence]", "[markers]\nstreams = []\n[evidence]"), "[markers] streams = []", "all in sight"),
    "subject a path": (("[evidence]", '[recording]\nsubject = "a/b"\n[evidence]'), '[recording] subject = "a/b"', "letters"),
    "remote port in words": (("[evidence]", '[remote]\nport = "a"\n[evidence]'), '[remote] port = "a": is no port', "22345"),
    "remote port too high": (("[evidence]", "[remote]\nport = 65536\n[evidence]"), "port = 65536: is no port", "0 to 65535"),
    "remote port true": (("[evidence]", "[remote]\nport = true\n[evidence]"), "port = true: is no port", "22345"),
    "remote rcs a text": (("[evidence]", '[remote]\nrcs = ""\n[evidence]'), '[remote] rcs = "": a string', "true or false"),
    "remote host empty": (("[evidence]", '[remote]\nhost = ""\n[evidence]'), '[remote] host = "": is empty', "127.0.0.1"),
    "remote token itself": (("[evidence]", '[remote]\ntoken = "x"\n[evidence]'), 'token = "x"', '"token_file"'),
    "remote token file": (("[evidence]", "[remote]\ntoken_file = 7\n[evidence]"), "token_file = 7", "remote.token"),
    "remote as a value": (("name = ", "remote = true\nname = "), "remote = true: a true/false came", "[remote]"),
    "ring too short": (("[evidence]", "[session]\nring_seconds = 0.5\n[evidence]"), "[session] ring_seconds = 0.5", "60.0"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_table_key_value_and_what_would_be_right(case):
    (old, new), what, right = REFUSED[case]
    message = refusal(with_(old, new))
    assert what in message
    assert right in message


def test_further_problems_are_counted():
    message = refusal(with_("stop = 3.5", "stop = -1").replace("hop = 0.1", "hop = -1").replace("0.7", "7"))
    assert message.startswith("[trial] stop = -1")
    assert message.endswith("(and 2 more)")


def test_two_decoders_of_one_name_are_refused():
    block = EXAMPLE[EXAMPLE.index("[[decoder]]") : EXAMPLE.index("[evidence]")]
    assert '[[decoder]] "riemann" name = "riemann": two decoders have it' in refusal(EXAMPLE + block)


def test_a_worker_that_is_called_as_a_decoder_apart_from_it_is_refused_once():
    block = EXAMPLE[EXAMPLE.index("[[decoder]]") : EXAMPLE.index("[evidence]")]
    other = block.replace('"riemann"', '"other"').replace("hop = 0.1", 'hop = 0.1\nworker = "riemann"')
    message = refusal(EXAMPLE + other)
    assert '[[decoder]] "other" worker = "riemann": is the name of a decoder that has a worker of its own' in message
    assert "(and" not in message
    both = EXAMPLE.replace("hop = 0.1", 'hop = 0.1\nworker = "riemann"') + other
    assert {config.process for config in config.loads(both).decoders} == {"riemann"}
    assert [config.process for config in config.loads(EXAMPLE).decoders] == ["riemann"]


def test_toml_errors_name_line_and_column():
    message = refusal(with_("hop = 0.1", "hop = = 0.1"))
    line = EXAMPLE.split("\n").index("hop = 0.1") + 1
    assert message.startswith(f"not TOML: line {line}, column 7: Invalid value")
    assert "'hop = = 0.1'" in message


@pytest.mark.parametrize("text", ["", " \n", "x = " + "[" * 5000, "x = 1" + "0" * 5000, "a = 1\na = 2", 'name = "'])
def test_broken_toml_is_one_line(text):
    assert refusal(text)


def test_what_is_no_text_file_is_refused(tmp_path):
    def error(path: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            config.load(path)
        return str(caught.value)

    (tmp_path / "mine.toml").write_text(EXAMPLE)
    assert error(tmp_path / "nine.toml").endswith(f"there is no such file; in {tmp_path} there is mine.toml")
    assert "is a folder" in error(tmp_path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(EXAMPLE.replace("two", "zw\xf6lf").encode("latin-1"))
    assert "is not UTF-8 text (byte 0xf6 at position 4)" in error(latin)
    big = tmp_path / "big.toml"
    big.write_bytes(b"#" * 2_000_000)
    assert "is larger than" in error(big)
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    assert "is a device or pipe" in error(pipe)


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path):
    path = tmp_path / "notepad.toml"
    path.write_bytes(b"\xef\xbb\xbf" + EXAMPLE.replace("\n", "\r\n").encode())
    assert config.load(path) == config.loads(EXAMPLE)
    assert config.load(path).text == EXAMPLE


def test_paths_are_relative_to_the_experiment_file(tmp_path):
    path = tmp_path / "here" / "my.toml"
    experiment = config.loads(EXAMPLE, path)
    assert experiment.resolve("../data/a.edf") == (tmp_path / "data" / "a.edf").resolve()
    assert experiment.resolve(tmp_path / "b") == (tmp_path / "b").resolve()
    assert config.loads(EXAMPLE).resolve("x") == Path.cwd() / "x"


def test_an_unknown_decoder_is_refused_with_those_there_are():
    with pytest.raises(
        ConfigError, match=r'no \[\[decoder\]\] is called "rieman"; did you mean "riemann"\? there is riemann'
    ):
        config.loads(EXAMPLE).decoder("rieman")


def test_saving_an_unchanged_experiment_changes_no_byte(tmp_path):
    path = tmp_path / "my.toml"
    config.save(config.loads(EXAMPLE), path)
    assert path.read_text() == EXAMPLE


def test_saving_writes_only_what_changed(tmp_path):
    path = tmp_path / "my.toml"
    experiment = config.loads(EXAMPLE)
    decoder = replace(experiment.decoders[0], hop=0.2, transforms=(Component("band-pass", {"low": 7.0, "high": 30.0}),))
    changed = replace(experiment, trial=Trial(0.5, 4.5), decoders=(decoder,))
    config.save(changed, path)
    expected = with_("stop = 3.5", "stop = 4.5").replace("hop = 0.1", "hop = 0.2").replace("low = 8.0", "low = 7.0")
    assert path.read_text() == expected
    assert config.load(path) == changed


def test_decoders_and_tables_can_be_added_renamed_and_removed_with_comments_kept(tmp_path):
    path = tmp_path / "my.toml"
    experiment = config.loads(EXAMPLE)
    first = replace(experiment.decoders[0], name="first", worker="w")
    second = DecoderConfig("second", "mdm", 1.0, 0.1, first.transforms, {"metric": "riemann"}, deadline=0.2, worker="w")
    both = replace(experiment, decoders=(first, second), session=replace(experiment.session, lost_after=3.0))
    config.save(both, path)
    assert config.load(path) == both
    assert "# seconds after the marker" in path.read_text()
    assert "# unknown keys go to it" in path.read_text()
    only = replace(config.load(path), decoders=(second,))
    config.save(only, path)
    assert config.load(path) == only
    assert "# seconds after the marker" in path.read_text()
    assert 'name = "first"' not in path.read_text()


def test_the_order_of_classes_survives_because_it_numbers_them(tmp_path):
    path = tmp_path / "my.toml"
    for classes in ({"feet": ("T2",), "fists": ("T1",)}, {"fists": ("T1",), "rest": ("T0",), "feet": ("T2",)}):
        config.save(replace(config.loads(EXAMPLE), classes=classes), path)
        assert list(config.load(path).classes.items()) == list(classes.items())
        assert "# seconds after the marker" in path.read_text()


def test_an_impossible_experiment_is_not_saved_and_the_old_file_stays(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text("old")
    experiment = config.loads(EXAMPLE)
    for impossible in (
        replace(experiment, trial=Trial(3.0, 1.0)),
        replace(experiment, decoders=(replace(experiment.decoders[0], offset=0.5),)),
        replace(experiment, source=Component("lsl", {"a": None})),
        replace(experiment, source=Component("lsl", {"a": object()})),
        replace(experiment, source=Component("lsl", {"use": "file"})),
        replace(experiment, name="half a pair: \ud800"),
    ):
        with pytest.raises(ConfigError):
            config.save(impossible, path)
        assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_saving_where_nothing_can_be_written_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be written"):
        config.save(config.loads(EXAMPLE), tmp_path / "nowhere" / "my.toml")


def test_saving_through_a_link_keeps_the_link_and_the_file_mode(tmp_path):
    real = tmp_path / "real.toml"
    real.write_text(EXAMPLE)
    real.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(real)
    config.save(replace(config.load(link), name="other"), link)
    assert link.is_symlink()
    assert real.read_text() == with_("fists or feet", "other")
    assert real.stat().st_mode & 0o777 == 0o640


WORDS = st.text(string.ascii_letters + string.digits + '_-. "#=[]{}\\\n\té', min_size=1, max_size=12)
NAMES = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=12)
ARG_NAMES = st.sampled_from(["low", "high", "order", "channels", "metric", "path", "a b", "x.y", "é"])
LEAVES = st.one_of(
    st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), WORDS, st.just(""), st.just("\r\n")
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ARG_NAMES, inner, max_size=2)),
    max_leaves=5,
)
ARGS = st.dictionaries(ARG_NAMES, VALUES, max_size=3)
COMPONENTS = st.builds(Component, WORDS.filter(str.strip), ARGS)
SECONDS = st.floats(0.001, 1000.0)
REMOTES = st.builds(
    RemoteConfig,
    st.integers(0, 65535),
    st.sampled_from(["127.0.0.1", "::1"]),
    st.booleans(),
    st.sampled_from([None, Path("a b/remote.token")]),
)


@st.composite
def experiments(draw):
    classes = {}
    labels = iter(draw(st.lists(WORDS, min_size=6, max_size=6, unique=True)))
    for name in draw(st.lists(WORDS.filter(str.strip), min_size=2, max_size=4, unique=True)):
        classes[name] = tuple(next(labels) for _ in range(1 if len(classes) else 2))
    trial = Trial(draw(st.floats(-1.0, 1.0)), draw(st.floats(1001.5, 2000.0)))
    decoders = []
    for name in draw(st.lists(NAMES, max_size=3, unique=True)):
        locked = draw(st.booleans())
        decoders.append(
            DecoderConfig(
                name,
                draw(WORDS.filter(str.strip)),
                draw(SECONDS),
                None if locked else draw(SECONDS),
                tuple(draw(st.lists(COMPONENTS, max_size=2))),
                draw(ARGS),
                "marker" if locked else None,
                draw(st.floats(-10, 10)) if locked else 0.0,
                draw(SECONDS) if locked and draw(st.booleans()) else None,
                draw(st.sampled_from([None, Path("models/a.model")])),
                draw(st.one_of(st.none(), SECONDS)),
            )
        )
    return Experiment(
        draw(WORDS.filter(str.strip)),
        draw(COMPONENTS),
        classes,
        trial,
        tuple(decoders),
        EvidenceConfig(draw(st.floats(0.51, 0.99)), draw(st.floats(0, 10)), draw(SECONDS)),
        config.MarkersConfig(draw(st.one_of(st.none(), st.lists(WORDS, min_size=1, max_size=2).map(tuple)))),
        config.RecordingConfig(Path(draw(st.sampled_from(["sessions", "a b/c"]))), draw(st.sampled_from(["", "S1"]))),
        config.SessionConfig(draw(st.floats(1.0, 100.0)), draw(SECONDS)),
        remote=draw(st.one_of(st.none(), REMOTES)),
    )


@given(experiments())
def test_what_is_saved_is_read_back_equal(tmp_path_factory, experiment):
    path = tmp_path_factory.mktemp("round") / "x.toml"
    config.save(experiment, path)
    assert config.load(path) == experiment
    assert list(config.load(path).classes) == list(experiment.classes)


@given(experiments(), experiments())
def test_any_experiment_can_be_edited_into_any_other(tmp_path_factory, before, after):
    path = tmp_path_factory.mktemp("edit") / "x.toml"
    config.save(before, path)
    config.save(replace(after, text="# a comment\n" + path.read_text()), path)
    assert config.load(path) == after
    assert list(config.load(path).classes) == list(after.classes)
    assert path.read_text().startswith("# a comment\n")


IDLE = """
name = "self-paced"
[source]
use = "lsl"
[classes]
grasp = ["1"]
[idle]
name = "rest"  # what lies between trials
[trial]
start = 0.0
stop = 3.0
[[decoder]]
name = "m"
use = "mdm"
window = 1.0
hop = 0.1
"""


def test_idle_is_a_last_class_without_labels_and_is_written_back(tmp_path):

    read = config.loads(IDLE)
    assert list(read.classes.items()) == [("grasp", ("1",)), ("rest", ())]
    assert read.idle == 1 and read.label_of("1") == "grasp"
    path = tmp_path / "e.toml"
    config.save(replace(read, name="renamed"), path)
    assert "# what lies between trials" in path.read_text()
    assert config.load(path) == replace(read, name="renamed")
    assert config.loads(IDLE.replace('name = "rest"  # what lies between trials', "")).classes["idle"] == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('name = "rest"', 'name = "grasp"'), '[idle] name = "grasp": is a class with markers already'),
        (("hop = 0.1", 'lock = "marker"'), '[idle]: lies between trials, where decoder "m", locked to markers'),
        (('name = "rest"', 'nmae = "rest"'), "[idle]"),
        (("[idle]", "[[idle]]"), "[idle]"),
    ],
)
def test_an_idle_class_that_cannot_be_is_refused(change, message):
    with pytest.raises(ConfigError) as refused:
        config.loads(IDLE.replace(*change))
    assert message in str(refused.value)
