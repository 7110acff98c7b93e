"""Model files: whole or not at all, without pickle, and exact about what does not match."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from rtbci import model as models
from rtbci import plugins
from rtbci.config import Component, DecoderConfig
from rtbci.errors import ModelError, ModelMismatch
from rtbci.model import Signature, match, signature_of
from rtbci.sklearn_adapter import SklearnDecoder
from rtbci.types import Channel, StreamInfo, Window
from rtbci_baseline import LogVariance
from rtbci_riemann import Mdm, Tangent

INFO = StreamInfo("eeg", 160.0, tuple(Channel(name) for name in ("Fc5.", "C3..", "Cz..", "C4..")))
LABELS = np.arange(40, dtype=np.int64) % 2


def windows() -> np.ndarray:
    made = np.random.default_rng(0).standard_normal((40, 4, 100)).astype(np.float32)
    made[::2, 1] *= 2
    return made


def config(name: str, use: str, **args) -> DecoderConfig:
    band = Component("band-pass", {"low": 8.0, "high": 30.0})
    return DecoderConfig(name=name, use=use, window=0.625, hop=0.1, transforms=(band,), args=args)


def fitted(name: str, use: str, decoder, **args):
    decoder.fit(windows(), LABELS)
    return models.make(
        config(name, use, **args),
        decoder,
        classes=("fists", "feet"),
        signature=signature_of(INFO),
        trained_on=[{"name": "R06.edf", "sha256": "ab" * 32, "windows": 40, "trials": 4}],
    )


@pytest.fixture(scope="module")
def two():
    return {
        "riemann": fitted("riemann", "tangent", Tangent(C=0.5), C=0.5),
        "mean": fitted("mean", "mdm", Mdm(estimator="lwf"), estimator="lwf"),
    }


def make(use, args):
    return {"tangent": Tangent, "mdm": Mdm, "log-variance": LogVariance}[use](**args)


def said(decoder) -> bytes:
    return b"".join(decoder.predict(Window(w, 10 * i, 99, 0.0, 0.0)).tobytes() for i, w in enumerate(windows()))


def test_what_is_loaded_decides_bit_for_bit_as_what_was_saved(two, tmp_path):
    path = tmp_path / "two.rtbci"
    models.save(path, two)
    loaded = models.load(path, make)
    assert list(loaded) == ["riemann", "mean"]
    for name, model in loaded.items():
        assert said(model.decoder) == said(two[name].decoder)
        assert replace(model, decoder=None) == replace(two[name], decoder=None)


def test_only_the_models_asked_for_are_loaded(two, tmp_path):
    path = tmp_path / "two.rtbci"
    models.save(path, two)
    made = []
    loaded = models.load(path, lambda use, args: made.append(use) or make(use, args), ["mean", "other"])
    assert list(loaded) == ["mean"]
    assert made == ["mdm"]


def test_the_manifest_says_everything_but_the_weights(two, tmp_path):
    path = tmp_path / "two.rtbci"
    models.save(path, two)
    manifest = models.read_manifest(path)
    assert manifest == {name: models.describe(model) for name, model in two.items()}
    entry = manifest["riemann"]
    assert entry["use"] == "tangent"
    assert entry["args"] == {"C": 0.5}
    assert entry["classes"] == ["fists", "feet"]
    assert entry["channels"][0] == ["Fc5.", "eeg", "uV"]
    assert entry["rate"] == 160.0
    assert entry["transforms"] == [["band-pass", {"low": 8.0, "high": 30.0}]]
    assert (entry["window"], entry["hop"], entry["lock"], entry["offset"], entry["baseline"]) == (
        0.625,
        0.1,
        None,
        0.0,
        None,
    )
    assert entry["space_id"] is None
    assert entry["logit_scale"] is None
    assert entry["trained_on"][0]["windows"] == 40
    assert entry["versions"]["numpy"] == np.__version__


def test_the_manifest_is_read_without_a_plugin_or_scikit_learn(two, tmp_path):
    path = tmp_path / "two.rtbci"
    models.save(path, two)
    code = (
        "import sys; from pathlib import Path; from rtbci.model import read_manifest; "
        f"print(list(read_manifest(Path({str(path)!r})))); "
        "print({'sklearn', 'skops', 'torch', 'rtbci_riemann', 'pyriemann', 'mne', 'safetensors'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['riemann', 'mean']", "set()"]


def test_no_member_is_a_pickle_and_none_is_compressed(two, tmp_path):
    path = tmp_path / "two.rtbci"
    models.save(path, two)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    assert [m.filename for m in members] == ["manifest.json", "riemann/arrays.safetensors", "mean/arrays.safetensors"]
    assert {m.compress_type for m in members} == {zipfile.ZIP_STORED}


def test_the_same_models_give_the_same_bytes(two, tmp_path):
    models.save(tmp_path / "a", two)
    models.save(tmp_path / "b", two)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert models.sha256(tmp_path / "a") == models.sha256(tmp_path / "b")


# ---------------------------------------------------------------------- scikit-learn


def log_power(x):
    return np.log(np.mean(x**2, axis=2))


def pipeline():
    from pyriemann.estimation import Covariances
    from pyriemann.tangentspace import TangentSpace

    return make_pipeline(Covariances("oas"), TangentSpace(), LogisticRegression())


def test_a_scikit_learn_pipeline_is_saved_and_loaded(tmp_path):
    path = tmp_path / "sk.rtbci"
    model = fitted("sk", "mine:Pipeline", SklearnDecoder(pipeline()))
    models.save(path, {"sk": model})
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["manifest.json", "sk/estimator.skops"]
    loaded = models.load(path, lambda use, args: SklearnDecoder(pipeline()))["sk"]
    assert said(loaded.decoder) == said(model.decoder)


def test_types_of_other_packages_are_refused_by_name(tmp_path):
    decoder = SklearnDecoder(make_pipeline(FunctionTransformer(log_power), LogisticRegression()))
    model = fitted("sk", "mine:Pipeline", decoder)
    with pytest.raises(ModelError, match=r'model "sk" holds .*log_power, which no model file may bring'):
        models.save(tmp_path / "sk.rtbci", {"sk": model})
    assert list(tmp_path.iterdir()) == []


def test_a_file_cannot_bring_its_own_types_by_claiming_them(tmp_path):
    """The manifest's word for the decoder is not what decides which types are loaded."""
    import skops.io

    path = tmp_path / "sk.rtbci"
    models.save(path, {"sk": fitted("sk", "mine:Pipeline", SklearnDecoder(pipeline()))})
    evil = make_pipeline(FunctionTransformer(log_power), LogisticRegression()).fit(windows(), LABELS)
    replace_member(path, "sk/estimator.skops", skops.io.dumps(evil))
    manifest = json.loads(member(path, "manifest.json"))
    manifest["models"][0]["use"] = f"{log_power.__module__}:log_power"
    replace_member(path, "manifest.json", json.dumps(manifest).encode())
    with pytest.raises(ModelError, match="log_power, which no model file may bring"):
        models.load(path, lambda use, args: SklearnDecoder(pipeline()))


def test_a_decoder_that_cannot_be_saved_says_what_it_lacks(tmp_path):
    class Bare:
        def fit(self, windows, labels): ...
        def predict(self, window): ...

    with pytest.raises(ModelError, match=r"Bare cannot be saved; it needs arrays\(\) and restore\(\)"):
        models.save(tmp_path / "bare.rtbci", {"bare": fitted("bare", "bare", Bare())})


# ---------------------------------------------------------------------- files that are not right


def member(path, name) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(name)


def replace_member(path, name, data) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    members[name] = data
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in members.items():
            if content is not None:
                archive.writestr(each, content)


@pytest.fixture
def path(two, tmp_path):
    path = tmp_path / "two.rtbci"
    models.save(path, two)
    return path


def refused(path, says) -> None:
    with pytest.raises(ModelError, match=says) as raised:
        models.load(path, make)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refused(path, "damaged or no model file")


def test_a_flipped_byte_in_the_weights_is_refused(path):
    data = bytearray(path.read_bytes())
    data[data.index(b"mean/arrays.safetensors") + 200] ^= 0xFF
    path.write_bytes(bytes(data))
    refused(path, "damaged .*CRC")


def test_another_kind_of_file_is_refused(path):
    path.write_bytes(b"XDF:" + bytes(1000))
    refused(path, "damaged or no model file")
    replace_with_zip = {"word/document.xml": b"<x/>"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in replace_with_zip.items():
            archive.writestr(name, data)
    refused(path, "has no manifest.json")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    refused(tmp_path / "none.rtbci", "there is no such file; 'rtbci train' makes one")
    refused(tmp_path, "cannot be read")


def test_another_version_is_refused(path):
    manifest = json.loads(member(path, "manifest.json"))
    replace_member(path, "manifest.json", json.dumps({**manifest, "version": 7}).encode())
    refused(path, "version 7; this rtbci reads version 1")


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"format": "other", "version": 1, "models": []}', b"\xff\xfe"])
def test_a_manifest_that_is_none_is_refused(path, text):
    replace_member(path, "manifest.json", text)
    refused(path, "its manifest is not one")


def test_an_entry_that_lacks_something_is_refused(path):
    manifest = json.loads(member(path, "manifest.json"))
    del manifest["models"][0]["window"]
    replace_member(path, "manifest.json", json.dumps(manifest).encode())
    refused(path, 'the entry of "riemann" is incomplete .*window')


def test_weights_that_are_missing_foreign_or_broken_are_refused(path):
    weights = member(path, "riemann/arrays.safetensors")
    replace_member(path, "riemann/arrays.safetensors", member(path, "mean/arrays.safetensors"))
    refused(path, 'model "riemann": tangent: arrays that tangent cannot have written')
    replace_member(path, "riemann/arrays.safetensors", weights[:100])
    refused(path, 'model "riemann": its arrays are damaged')
    replace_member(path, "riemann/arrays.safetensors", None)
    refused(path, "has no riemann/arrays.safetensors")


def test_saving_replaces_a_file_whole_or_leaves_it(two, path, monkeypatch):
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelError, match=r"cannot be written .No space left on device"):
        models.save(path, {"mean": two["mean"]})
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    monkeypatch.undo()
    models.save(path, {"mean": two["mean"]})
    assert list(models.read_manifest(path)) == ["mean"]


def test_a_folder_that_does_not_exist_is_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(ModelError, match=r"there is no folder .*nowhere; make it first"):
        models.check_writable(tmp_path / "nowhere" / "m.rtbci")
    with pytest.raises(ModelError, match="is a folder; the path of a file"):
        models.check_writable(tmp_path)
    models.check_writable(tmp_path / "m.rtbci")


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\\b", "c:"])
def test_names_that_are_no_names_in_an_archive_are_refused(two, tmp_path, name):
    with pytest.raises(ModelError, match="model name"):
        models.save(tmp_path / "m.rtbci", {name: replace(two["mean"], name=name)})


def test_arguments_that_json_has_no_word_for_are_refused(two, tmp_path):
    with pytest.raises(ModelError, match="cannot be described in JSON"):
        models.save(tmp_path / "m.rtbci", {"mean": replace(two["mean"], args={"reg": object()})})


def test_a_recording_is_known_by_its_hash(tmp_path):
    (tmp_path / "r.xdf").write_bytes(b"abc")
    assert models.fingerprint(tmp_path / "r.xdf") == {
        "name": "r.xdf",
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "bytes": 3,
    }


def test_a_recording_that_has_grown_since_the_training_is_still_the_one_that_was_trained_on(tmp_path):
    """A calibration is trained on while its session records."""
    recording, other = tmp_path / "r.xdf", tmp_path / "other.xdf"
    recording.write_bytes(b"abc")
    other.write_bytes(b"abd, and more")
    known = [{"name": "x.xdf", "sha256": "ab" * 32}, models.fingerprint(recording)]
    assert models.trained_on_this(known, recording)
    with recording.open("ab") as file:
        file.write(b", and more")
    assert models.trained_on_this(known, recording)
    assert not models.trained_on_this(known, other)
    other.write_bytes(b"ab")
    assert not models.trained_on_this(known, other)


def test_trials_of_all_recordings_are_counted_once_also_in_models_that_say_of_each_how_many_all_have():
    new = [{"bytes": 9, "trials": 15}, {"bytes": 8, "trials": 20}]
    assert (models.counted(new, "trials"), models.counted([], "trials")) == (35, 0)
    assert models.counted([{"trials": 35}, {"trials": 35}], "trials") == 35


def test_models_of_before_there_was_a_length_know_the_whole_file(tmp_path):
    recording = tmp_path / "r.xdf"
    recording.write_bytes(b"abc")
    old = {key: value for key, value in models.fingerprint(recording).items() if key != "bytes"}
    assert models.trained_on_this([old], recording)
    recording.write_bytes(b"abcd")
    assert not models.trained_on_this([old], recording)


# ---------------------------------------------------------------------- the stream it is to run on


def stream(*names: str, rate: float = 160.0, unit: str = "uV", kind: str = "eeg") -> StreamInfo:
    return StreamInfo("live", rate, tuple(Channel(name, kind, unit) for name in names))


def test_the_stream_of_training_matches_without_a_word():
    found = match(signature_of(INFO), INFO)
    assert found.indices == (0, 1, 2, 3)
    assert found.notes == ()


@given(st.permutations(range(8)), st.integers(1, 8))
def test_channels_are_found_by_name_in_any_order(order, n_wanted):
    wanted = [f"E{i}" for i in range(n_wanted)]
    info = stream(*(f"E{i}" for i in order))
    found = match(signature_of(stream(*wanted)), info)
    assert [info.names[i] for i in found.indices] == wanted
    assert bool(found.notes) == (list(order)[:n_wanted] != list(range(n_wanted)) or n_wanted < 8)


def test_what_was_remapped_is_said():
    found = match(signature_of(stream("C3", "Cz", "C4")), stream("C4", "X1", "C3", "Cz"))
    assert found.indices == (2, 3, 0)
    assert found.notes == (
        "the stream's channels come in another order; the model's 3 were picked by name",
        "the model does not use X1",
    )


def test_names_that_differ_in_case_and_dots_match_with_a_note():
    found = match(signature_of(INFO), stream("FC5", "C3", "CZ", "c4"))
    assert found.indices == (0, 1, 2, 3)
    assert found.notes == ("channel names taken as equal: FC5 for Fc5., C3 for C3.., CZ for Cz.., c4 for C4..",)


def test_an_exact_name_wins_over_one_that_is_merely_alike():
    assert match(signature_of(stream("cz")), stream("CZ", "Cz", "cz")).indices == (2,)
    with pytest.raises(ModelMismatch, match=r"missing: Cz\. "):
        match(signature_of(stream("Cz.")), stream("CZ", "cz"))  # either could be meant


def test_one_channel_never_stands_for_two():
    with pytest.raises(ModelMismatch, match="missing: cz"):
        match(signature_of(stream("Cz", "cz")), stream("Cz", "Pz"))


def test_streams_with_repeated_names_match_themselves():
    assert match(signature_of(stream("EEG", "EEG")), stream("EEG", "EEG")).indices == (0, 1)


def test_another_kind_is_noted():
    found = match(signature_of(stream("Fp1")), stream("Fp1", kind="eog"))
    assert found.notes == ("channels of another kind than in training: Fp1 is eog, was eeg",)


def test_every_difference_stands_in_one_message():
    trained = Signature(160.0, tuple(Channel(f"E{i}") for i in range(64)))
    info = replace(
        stream(*(f"E{i}" for i in range(8)), rate=250.0),
        channels=(*(Channel(f"E{i}") for i in range(7)), Channel("E7", "eeg", "V")),
    )
    with pytest.raises(ModelMismatch) as raised:
        match(trained, info)
    message = str(raised.value)
    assert message.startswith(
        "the model was trained on 64 channels at 160 Hz; the stream has 8 at 250 Hz; missing: E8, "
    )
    assert "and 48 more" in message
    assert "other unit: E7 in V, not uV" in message
    assert "other rate" in message
    assert "\n" not in message


def test_a_difference_in_rate_alone_is_refused():
    with pytest.raises(ModelMismatch, match="4 channels at 160 Hz; the stream has 4 at 250 Hz; other rate"):
        match(signature_of(INFO), replace(INFO, rate=250.0))


def test_a_model_of_an_edited_decoder_file_says_so(tmp_path):
    file = tmp_path / "my.py"
    file.write_text(
        "from sklearn.dummy import DummyClassifier\nclass Mine(DummyClassifier):\n    pass\n", encoding="utf-8"
    )

    def make(use, args):
        return plugins.make("decoders", use, args, tmp_path, "here")

    decoder = make("./my.py:Mine", {})
    windows = np.zeros((4, 2, 10), np.float32)
    decoder.fit(windows, np.array([0, 1, 0, 1]))
    signature = Signature(100.0, (Channel("a"), Channel("b")))
    model = models.Model("mine", decoder, "./my.py:Mine", {}, ("x", "y"), signature, 1.0, 0.1)
    models.save(tmp_path / "m.rtbci", {"mine": model})
    assert models.load(tmp_path / "m.rtbci", make)["mine"].classes == ("x", "y")
    file.write_text(file.read_text() + "# edited\n")
    with pytest.raises(ModelError, match=r"another version of the decoder's file \(Mine in it has been edited since\)"):
        models.load(tmp_path / "m.rtbci", make)
