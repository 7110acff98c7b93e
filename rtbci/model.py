"""A fitted decoder with everything that must match for it to mean anything, and the file it is kept in.

One file holds the models of one experiment: a zip, stored, without pickle::

    manifest.json                format, version, and per model all but its weights (`describe`)
    NAME/arrays.safetensors      what the decoder learnt, where it offers `rtbci.interfaces.Saves`
    NAME/estimator.skops         its scikit-learn estimator otherwise; only types of known packages are loaded
    NAME/rest.safetensors        how sure it was of windows of rest, where a bank was asked (`rtbci.bank.rest`)
    NAME/transforms.safetensors  what its transforms were calibrated with, where they are: "2.mean" is the second one's

The manifest can be read without importing a plugin (`read_manifest`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.argument_files import contents_of
from rtbci.errors import DecoderError, DeviceLost, ModelError
from rtbci.experiment import DecoderConfig, Experiment
from rtbci.file_digest import sha256_of, sha256_of_beginning
from rtbci.interfaces import Decoder
from rtbci.model_entry import Calibrated, Model, Rest, describe, from_entry, make
from rtbci.signature import ChannelMap, Signature, match, signature_of
from rtbci.weights import ARRAYS, ESTIMATOR, arrays_from_bytes, arrays_to_bytes, from_bytes, kind_of, to_bytes

__all__ = [
    "Calibrated",
    "ChannelMap",
    "Model",
    "Rest",
    "Signature",
    "check_writable",
    "describe",
    "fingerprint",
    "key_of",
    "load",
    "make",
    "match",
    "read_arrays",
    "read_manifest",
    "save",
    "save_arrays",
    "sha256",
    "signature_of",
]

FORMAT, VERSION = "rtbci model", 1
MANIFEST = "manifest.json"
TRANSFORMS = "transforms.safetensors"
REST = "rest.safetensors"


def check_writable(path: Path) -> None:
    """Refuse a ``path`` at which no model file can be made, before anything is computed for it. Raises ModelError."""
    folder = path.parent
    if not folder.is_dir():
        raise ModelError(f"{path}: there is no folder {folder}; make it first, or write somewhere else")
    if path.is_dir():
        raise ModelError(f"{path} is a folder; the path of a file, such as {path / 'model.rtbci'}, would be right")
    if not os.access(folder, os.W_OK):
        raise ModelError(f"{path}: the folder {folder} cannot be written to; write somewhere else")


def save(path: Path, models: Mapping[str, Model]) -> None:
    """Write ``models`` to ``path``: the file appears whole, or stays as it was.

    Raises
    ------
    ModelError
        When a decoder cannot be saved without pickle, or the file cannot be written.
    """
    check_writable(path)
    members: list[tuple[str, bytes]] = []
    for name, model in models.items():
        if not name or name != model.name or re.search(r"[/\\:\0]|^\.+$", name):
            raise ModelError(f'model name "{name}": must be the model\'s own and have no / \\ or : in it')
        what = f'model "{name}"'
        members.append((f"{name}/{kind_of(model.decoder, what)}", to_bytes(model.decoder, what)))
        if model.calibrated:
            flat = {f"{n}.{key}": value for n, arrays in model.calibrated.items() for key, value in arrays.items()}
            members.append((f"{name}/{TRANSFORMS}", arrays_to_bytes(flat, what)))
        if model.rest is not None:
            members.append((f"{name}/{REST}", arrays_to_bytes(_of_rest(model.rest), what)))
    _write(path, [describe(model) for model in models.values()], members)


def save_arrays(path: Path, like: Path, arrays: Mapping[str, Mapping[str, NDArray[Any]]], **about: Any) -> None:
    """Write to ``path`` what is in the file ``like``, with other ``arrays`` for the decoders named.

    Nothing is made of it, so no plugin is imported. ``about`` goes into the entries of these decoders. Raises ModelError.
    """
    check_writable(path)
    with _opened(like) as archive:
        entries = _manifest(archive, like)
        members = [(name, _read(archive, name, like)) for name in archive.namelist() if name != MANIFEST]
    for name, values in arrays.items():
        entries[name] = {**entries[name], **about}
        data = arrays_to_bytes(values, f'{path}: model "{name}"')
        members = [(member, data if member == f"{name}/{ARRAYS}" else old) for member, old in members]
    _write(path, list(entries.values()), members)


def _write(path: Path, entries: Sequence[Mapping[str, Any]], members: Sequence[tuple[str, bytes]]) -> None:
    manifest = {"format": FORMAT, "version": VERSION, "models": list(entries)}
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    try:
        handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
                    for member, data in [(MANIFEST, text.encode()), *members]:
                        # a fixed date: the same models give the same bytes
                        archive.writestr(zipfile.ZipInfo(member, (1980, 1, 1, 0, 0, 0)), data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(scratch).chmod(0o644)
            Path(scratch).replace(path)
        finally:
            Path(scratch).unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(f"{path} cannot be written ({error.strerror}); write somewhere else") from error


def read_manifest(path: Path) -> dict[str, dict[str, Any]]:
    """Entry of each model in the file by name (`describe`); no plugin is imported. Raises ModelError."""
    with _opened(path) as archive:
        return _manifest(archive, path)


def load(
    path: Path, make: Callable[[str, Mapping[str, Any]], Decoder], names: Sequence[str] | None = None
) -> dict[str, Model]:
    """Load the models in ``path``, or only those of ``names`` that it has.

    Parameters
    ----------
    make : ``make(use, args)`` gives an unfitted decoder, which then becomes the one that was saved.

    Raises
    ------
    ModelError
        When the file is damaged, of another version, or holds what its decoder cannot have written.
    """
    loaded: dict[str, Model] = {}
    with _opened(path) as archive:
        for name, entry in _manifest(archive, path).items():
            if names is not None and name not in names:
                continue
            with _whole(path, name):
                use, args = entry["use"], entry["args"]
            decoder = make(use, args)
            _restore(decoder, archive, path, name, use)
            with _whole(path, name):
                loaded[name] = from_entry(entry, decoder, _calibrated(archive, path, name), _rest(archive, path, name))
    return loaded


def read_arrays(path: Path, name: str) -> dict[str, NDArray[Any]]:
    """What the decoder ``name`` of the file learnt, by name; nothing is made of it. Raises ModelError.

    Of a decoder that is kept as an estimator there are no arrays, which is a ModelError too.
    """
    with _opened(path) as archive:
        there = _manifest(archive, path)
        if name not in there:
            raise ModelError(f'{path} has no model for decoder "{name}"; it has {", ".join(there) or "none"}')
        if f"{name}/{ARRAYS}" not in archive.namelist():
            raise ModelError(f'{path}: model "{name}" ({there[name]["use"]}) is kept as {ESTIMATOR}, not as arrays')
        return arrays_from_bytes(_read(archive, f"{name}/{ARRAYS}", path), f'{path}: model "{name}"')


def _of_rest(rest: Rest) -> dict[str, NDArray[Any]]:
    return {"sure": rest.sure, "bank": np.frombuffer(rest.bank.encode(), np.uint8)}


def _rest(archive: zipfile.ZipFile, path: Path, name: str) -> Rest | None:
    if f"{name}/{REST}" not in archive.namelist():
        return None
    arrays = arrays_from_bytes(_read(archive, f"{name}/{REST}", path), f'{path}: rest of "{name}"')
    sure, bank = arrays.get("sure"), arrays.get("bank")
    if sure is None or bank is None or sure.ndim != 1 or not np.isfinite(sure).all():
        raise ModelError(f'{path}: what "{name}" said of rest is something else; train it again')
    return Rest(sure.astype(np.float64), bytes(bank.astype(np.uint8)).decode("ascii", "replace"))


def _calibrated(archive: zipfile.ZipFile, path: Path, name: str) -> Calibrated:
    if f"{name}/{TRANSFORMS}" not in archive.namelist():
        return {}
    arrays = arrays_from_bytes(_read(archive, f"{name}/{TRANSFORMS}", path), f'{path}: transforms of "{name}"')
    found: dict[int, dict[str, NDArray[Any]]] = {}
    for key, value in arrays.items():
        number, _, own = key.partition(".")
        if not number.isdecimal() or not own:
            raise ModelError(f'{path}: transforms of "{name}" hold "{key}", which rtbci cannot have written')
        found.setdefault(int(number), {})[own] = value
    return found


def sha256(path: Path) -> str:
    """Hash of the file at ``path``, in hexadecimal. Raises ModelError when it cannot be read."""
    try:
        return sha256_of(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); the path of a file would be right") from error


def fingerprint(recording: Path) -> dict[str, Any]:
    """What a model remembers of a recording: name, sha256 and length. Raises ModelError.

    Of one that is still being written it is what was there: the finished file begins with it (`trained_on_this`).
    """
    try:
        length = recording.stat().st_size
        return {"name": recording.name, "sha256": sha256_of_beginning(recording, length), "bytes": length}
    except OSError as error:
        raise ModelError(f"{recording} cannot be read ({error.strerror}); the path of a file would be right") from error


def trained_on_this(trained_on: Iterable[Mapping[str, Any]], recording: Path) -> bool:
    """Whether a model that was ``trained_on`` (`fingerprint` of each) has learnt from ``recording``, or how it begins.

    A calibration is trained on while its session still records. Raises ModelError when the recording cannot be read.
    """
    hashes: dict[int, str] = {}
    try:
        there = recording.stat().st_size
        for entry in trained_on:
            length = int(entry.get("bytes", there))
            if length not in hashes:
                hashes[length] = sha256_of_beginning(recording, length)
            if length <= there and hashes[length] == entry.get("sha256"):
                return True
    except OSError as error:
        raise ModelError(f"{recording} cannot be read ({error.strerror}); the path of a file would be right") from error
    return False


def counted(trained_on: Iterable[Mapping[str, Any]], what: str) -> int:
    """Sum of "windows" or "trials" over the recordings that a model was ``trained_on``.

    Models of before recordings had a length say of each recording how many all of them have.
    """
    entries = list(trained_on)
    numbers = [int(entry.get(what) or 0) for entry in entries]
    whole = any("bytes" not in entry for entry in entries)
    return max(numbers, default=0) if whole else sum(numbers)


def flattering(name: str) -> str:
    """What is said of decoder ``name`` where it answers what it was trained on."""
    return f"{name}: was trained on this very recording: what it scores here says nothing about another one"


def key_of(
    experiment: Experiment,
    config: DecoderConfig,
    trained_on: Sequence[Mapping[str, Any]],
    begin: Path | None = None,
    train: str = "all",
) -> str:
    """A hash of all that a decoder is made from, apart from the code: 40 hexadecimal digits. Raises ModelError."""
    what = {
        "decoder": asdict(config),
        "files": contents_of(config, experiment.base),
        "source": asdict(experiment.source),
        "classes": {name: list(labels) for name, labels in experiment.classes.items()},
        "trial": asdict(experiment.trial),
        "markers": asdict(experiment.markers),
        "trained_on": [dict(entry) for entry in trained_on],
        "begin": None if begin is None else sha256(begin),
        "train": train,
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:40]


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such file; 'rtbci train' makes one") from error
    except zipfile.BadZipFile as error:
        raise ModelError(f"{path} is damaged or no model file ({error}); train it again, or give another") from error
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror}); the path of a model file would be right"
        ) from error


def _read(archive: zipfile.ZipFile, member: str, path: Path) -> bytes:
    try:
        return archive.read(member)
    except KeyError as error:
        raise ModelError(f"{path} is no whole model file: it has no {member}; train it again") from error
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise ModelError(f"{path} is damaged ({error}); train it again") from error


def _manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, dict[str, Any]]:
    try:
        manifest = json.loads(_read(archive, MANIFEST, path))
        if manifest["format"] != FORMAT:
            raise ValueError(f"format {manifest['format']!r}")
        if manifest["version"] != VERSION:
            raise ModelError(
                f"{path} is a model file of version {manifest['version']}; this rtbci reads version {VERSION}: "
                "train it again, or use the rtbci that wrote it"
            )
        return {entry["name"]: entry for entry in manifest["models"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} is no model file of rtbci: its manifest is not one ({error}); train it again"
        ) from error


@contextmanager
def _whole(path: Path, name: str) -> Iterator[None]:
    """Turn what is raised for a missing or odd value of an entry into a ModelError."""
    try:
        yield
    except (KeyError, TypeError) as error:
        raise ModelError(f'{path}: the entry of "{name}" is incomplete ({error!r}); train it again') from error


def _restore(decoder: Decoder, archive: zipfile.ZipFile, path: Path, name: str, use: str) -> None:
    what = f'{path}: model "{name}"'
    kind = kind_of(decoder, what)
    other = ESTIMATOR if kind == ARRAYS else ARRAYS
    if f"{name}/{other}" in archive.namelist():
        raise ModelError(
            f'{what} was saved as {other}, which "{use}" ({type(decoder).__name__}) cannot take; train it again'
        )
    try:
        from_bytes(decoder, _read(archive, f"{name}/{kind}", path), what)
    except DeviceLost:
        raise
    except DecoderError as error:
        raise ModelError(f"{what}: {error}") from error
