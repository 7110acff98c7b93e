"""Writing an experiment file back: only what changed, so that comments and order survive; whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from rtbci.errors import ConfigError


def update(text: str, old: Mapping[str, Any], new: Mapping[str, Any], named: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the TOML ``text``, which means ``old``, changed so that it means ``new``.

    Only what differs between ``old`` and ``new`` is touched, so comments, order and spelling of all else survive. A value
    of None stands for a key that is not written. The tables of the lists ``named`` are told apart by their key "name", and
    one that is new is compared with what ``named`` has for it: values that go without saying.
    """
    import tomlkit  # 40 ms, and only who saves needs it

    document = tomlkit.parse(text)
    _merge(document, _without(old, named), _without(new, named), top=True)
    for key, blank in named.items():
        _merge_named(document, key, old[key], new[key], blank)
    return tomlkit.dumps(document)


def _without(tables: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tables.items() if key not in keys}


def _merge(target: Any, old: Mapping[str, Any], new: Mapping[str, Any], top: bool = False) -> None:
    for key in old:
        if new.get(key) is None and key in target:
            del target[key]
    for key, value in new.items():
        before = old.get(key)
        if value is None or same(before, value):
            continue
        if isinstance(value, Mapping) and isinstance(before, Mapping) and (top or key in target):
            if key not in target:
                target[key] = {}
            _merge(target[key], before, value)
        elif _tables(value) and _tables(before) and [t.get("use") for t in before] == [t.get("use") for t in value]:
            for table, was, item in zip(target[key], before, value, strict=True):
                _merge(table, was, item)
        else:
            target[key] = _item(value, top=top)


def _merge_named(
    target: Any, key: str, old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]], blank: Mapping[str, Any]
) -> None:
    import tomlkit

    there = list(target.get(key, []))
    known = {item["name"]: (item, table) for item, table in zip(old, there, strict=True)}
    wanted = {item["name"] for item in new}
    tables = []
    for i, item in enumerate(new):
        before, table = known.get(item["name"], (blank, None))
        if table is None and i < len(old) and old[i]["name"] not in wanted:
            before, table = known[old[i]["name"]]  # renamed where it stands
        if table is None:
            table = tomlkit.table()
        _merge(table, before, item)
        tables.append(table)
    if [id(table) for table in tables] == [id(table) for table in there]:
        return
    if key in target:
        del target[key]
    if tables:
        array = tomlkit.aot()
        for table in tables:
            array.append(table)
        target[key] = array


def _tables(value: object) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def same(a: object, b: object) -> bool:
    """Whether two values of a TOML file are equal, 1 and 1.0 and true being different."""
    return json.dumps(a, sort_keys=True, default=str) == json.dumps(b, sort_keys=True, default=str)


def _item(value: Any, top: bool = False) -> Any:
    """Turn ``value`` into what tomlkit writes: a table of its own if ``top``, else everything inline."""
    import tomlkit

    if isinstance(value, Mapping):
        table: Any = tomlkit.table() if top else tomlkit.inline_table()
        for key, item in value.items():
            if item is not None:
                table[key] = _item(item)
        return table
    if isinstance(value, list | tuple):
        array = tomlkit.array()
        for item in value:
            array.append(_item(item))
        if _tables(value):
            array.multiline(True)
        return array
    return value


def write_text(path: Path, text: str) -> None:
    """Write ``text`` so that at every instant the old or the new file is there, whole. Raises ConfigError."""
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:  # half of a surrogate pair
        raise ConfigError(f"{path}: cannot be written ({error}); text in Unicode would be right") from error
    path = path.resolve()  # a link stays a link
    scratch = None
    try:
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            scratch = Path(file.name)
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        scratch.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        scratch.replace(path)
    except OSError as error:
        if scratch is not None:
            with contextlib.suppress(OSError):
                scratch.unlink()
        raise ConfigError(
            f"{path}: cannot be written ({error.strerror}); a path in a writable folder would be right"
        ) from error
