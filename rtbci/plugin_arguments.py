"""Arguments from an experiment file held against a constructor: its names, what it requires, and its plain types."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from rtbci.config_file import did_you_mean, kind_of, names, show
from rtbci.errors import ConfigError

_EXAMPLE: Mapping[Any, str] = {
    int: "an integer such as 4",
    float: "a number such as 8.0",
    str: 'a string such as "C3"',
    bool: "true or false",
    Path: 'a path such as "data/run.xdf"',
    list: 'a list such as ["C3", "C4"]',
    dict: "a table such as { key = 1.0 }",
}
_LISTS = (list, tuple, Sequence, set, frozenset)
_TABLES = (dict, Mapping)


def checked(cls: Callable[..., Any], args: Mapping[str, Any], base: Path, where: str, what: str) -> dict[str, Any]:
    """Return ``args`` as keyword arguments for ``cls``, with strings made paths where ``cls`` asks for one.

    Parameters
    ----------
    cls : the class that will be made, or the function that makes one.
    args : what the experiment file gave.
    base : folder that relative paths start from.
    where : file and table, with which errors begin.
    what : how errors call the plugin, such as ``decoder "tangent"``.

    Raises
    ------
    ConfigError
        For an argument that ``cls`` does not take, one that it needs and did not get, or one of the wrong plain type.
    """
    try:
        parameters = list(inspect.signature(cls).parameters.values())
    except (TypeError, ValueError):  # a class written in C that does not say what it takes
        return dict(args)
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    by_name = {p.name: p for p in named}
    takes = f"it takes {names(by_name)}" if by_name else "it takes no argument"
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for key, value in args.items():
            if key not in by_name:
                near = did_you_mean(key, by_name) or ";"
                raise ConfigError(f'{where} {key} = {show(value)}: {what} takes no argument "{key}"{near} {takes}')
    lacking = [p for p in named if p.default is p.empty and p.name not in args]
    if lacking:
        needs = names(f"{p.name} ({_said(_hint(cls, p))})" if _said(_hint(cls, p)) else p.name for p in lacking)
        raise ConfigError(f"{where}: {what} needs {needs}; {takes}")
    kwargs = dict(args)
    for key, value in args.items():
        if key not in by_name:
            continue
        hint = _hint(cls, by_name[key])
        if not _fits(value, hint):
            raise ConfigError(f"{where} {key} = {show(value)}: {kind_of(value)} came; {what} takes {_said(hint)}")
        if isinstance(value, str) and Path in _alternatives(hint):
            kwargs[key] = (base / Path(value).expanduser()).resolve()
    return kwargs


def _hint(cls: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """Annotation of ``parameter``, or Any where there is none, or none but for type checkers."""
    hint = parameter.annotation
    if hint is parameter.empty:
        return Any
    if not isinstance(hint, str):
        return hint
    for owner in getattr(cls, "__mro__", (cls,)):  # a dataclass inherits fields that were annotated in another module
        scope = vars(sys.modules.get(owner.__module__, types.ModuleType("")))
        probe = types.SimpleNamespace(__annotations__={parameter.name: hint})
        try:
            return typing.get_type_hints(probe, scope)[parameter.name]
        except (NameError, TypeError, SyntaxError, AttributeError):
            continue
    return Any


def _alternatives(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(part for option in get_args(hint) for part in _alternatives(option))
    return (hint,)


def _fits(value: object, hint: Any) -> bool:
    """Whether ``value`` may be meant for ``hint``; what is not annotated plainly is the constructor's business."""
    return any(_fits_one(value, option) for option in _alternatives(hint))


def _fits_one(value: object, hint: Any) -> bool:
    origin = get_origin(hint) or hint
    if origin is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(hint))
    if hint is bool:
        return isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is str:
        return isinstance(value, str)
    if hint is Path:
        return isinstance(value, str | Path)
    if hint is type(None):
        return value is None
    if origin in _LISTS:
        return isinstance(value, list | tuple) and all(_fits(item, part) for item, part in _items(value, hint))
    if origin in _TABLES:
        return isinstance(value, Mapping)
    return True


def _items(value: Sequence[object], hint: Any) -> list[tuple[object, Any]]:
    parts = get_args(hint)
    if get_origin(hint) is tuple and Ellipsis not in parts:
        if len(parts) != len(value):
            return [(value, Literal[False])]  # of another length: nothing fits
        return list(zip(value, parts, strict=True))
    part = parts[0] if parts and not isinstance(parts[0], typing.TypeVar) else Any
    return [(item, part) for item in value]


def _said(hint: Any) -> str:
    """What ``hint`` asks for, in words with an example; nothing where it is not plain."""
    said = []
    for option in _alternatives(hint):
        origin = get_origin(option) or option
        if origin is Literal:
            said.append(" or ".join(show(choice) for choice in get_args(option)))
        elif origin in _LISTS:
            parts = [part for part in get_args(option) if part is not Ellipsis]
            plain = [getattr(part, "__name__", str(part)) for part in parts]
            length = f"{len(parts)} values " if origin is tuple and Ellipsis not in get_args(option) and parts else ""
            said.append(f"a list of {length}({', '.join(plain)})" if plain else _EXAMPLE[list])
        elif origin in _TABLES:
            said.append(_EXAMPLE[dict])
        elif option in _EXAMPLE:
            said.append(_EXAMPLE[option])
    return " or ".join(said)
