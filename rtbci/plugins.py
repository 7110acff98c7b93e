"""Plugins by name: found in entry points, imported when they are used, made with checked arguments.

Importing is slow (pyRiemann 3.5 s, torch 1.9 s), so `names` only reads the metadata of what is installed. What goes wrong
in a plugin names the plugin, and the file and line where it went wrong: the author and the user are different people.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from rtbci.asking import origin
from rtbci.config_file import did_you_mean, kind_of, show
from rtbci.config_file import names as listed
from rtbci.errors import BankError, ConfigError, DecoderError, RtbciError, SourceError, TransformError
from rtbci.plugin_arguments import checked

Kind = Literal["decoders", "transforms", "sources", "embedders", "renderers"]
KINDS: tuple[Kind, ...] = ("decoders", "transforms", "sources", "embedders", "renderers")

_ONE: Mapping[str, str] = {
    "decoders": "decoder",
    "transforms": "transform",
    "sources": "source",
    "embedders": "embedder",
    "renderers": "renderer",
}
_MUST: Mapping[str, tuple[str, ...]] = {
    "decoders": ("fit", "predict"),
    "transforms": ("start", "transform", "resume"),
    "sources": ("open", "read", "markers", "now", "close"),
    "embedders": ("embed",),
    "renderers": ("prepare", "render"),
}
_ERROR: Mapping[str, type[RtbciError]] = {
    "decoders": DecoderError,
    "transforms": TransformError,
    "sources": SourceError,
    "embedders": BankError,
    "renderers": BankError,
}
_ZOOS: Mapping[str, str] = {"decoders": "rtbci.zoos", "embedders": "rtbci.embedder_zoos"}
_WAYS = 'an entry point\'s name, "package.module:Class" or "./file.py:Class"'


@dataclass(frozen=True, slots=True, order=True)
class Plugin:
    """One entry point: what is offered under which name, as ``module:attr``, and by which distribution."""

    kind: str
    name: str
    target: str
    distribution: str
    version: str


def names(kind: str) -> list[Plugin]:
    """What is installed of ``kind`` (one of `KINDS`), by name; nothing is imported.

    A name that two distributions offer is listed twice.
    """
    _check_kind(kind)
    return sorted(_plugin(kind, entry) for entry in entry_points(group=f"rtbci.{kind}"))


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ConfigError(f'"{kind}" is no kind of plugin; one of {listed(KINDS)} would be right')


def _plugin(kind: str, entry: EntryPoint) -> Plugin:
    dist = entry.dist
    name = version = ""
    if dist is not None and (metadata := dist.metadata) is not None:
        name, version = metadata["Name"] or "", metadata["Version"] or ""
    return Plugin(kind, entry.name, entry.value, name, version)


def load(kind: str, use: str, base: Path | None = None) -> Callable[..., Any]:
    """Import what ``use`` names: an entry point, ``library:Name`` of a zoo, ``package.module:Class`` or ``./file.py:Class``.

    A function that makes the plugin does as well as a class: ``make_pipeline(...)`` is an object, and somebody must say when
    a fresh one is made.

    Parameters
    ----------
    kind : one of `KINDS`.
    use : what stands in the experiment file.
    base : folder that a relative file starts from; the working folder where it is None.

    Raises
    ------
    ConfigError
        When there is no such plugin, two of one name, or it cannot be imported.
    """
    _check_kind(kind)
    what = f'{_ONE[kind]} "{use}"'
    if ":" not in use:
        return _load_entry(kind, use, what)
    if (zoo := zoo_of(use, kind)) is not None:
        module, _, function = zoo.partition(":")
        made: Callable[..., Any] = _attribute(_import(module, what), function, what)(use.partition(":")[2])
        return made
    module_name, _, attribute = use.rpartition(":")
    if not module_name or not attribute:
        raise ConfigError(f"{what} is no plugin; {_WAYS} would be right")
    if module_name.endswith(".py") or "/" in module_name or "\\" in module_name:
        return _attribute(_import_file((base or Path()) / Path(module_name).expanduser(), what), attribute, what)
    return _attribute(_import(module_name, what), attribute, what)


def zoo_of(use: str, kind: str = "decoders") -> str | None:
    """What offers the decoders or embedders of a whole library, where ``use`` is one of those: "braindecode:EEGConformer".

    A package offers a zoo as an entry point in the group ``rtbci.zoos`` (decoders) or ``rtbci.embedder_zoos``: a function
    that takes the name after the colon and gives what makes it. The answer is that entry point's target,
    ``module:function``.
    """
    library, separator, _ = use.partition(":")
    if not separator or kind not in _ZOOS:
        return None
    return next((e.value for e in entry_points(group=_ZOOS[kind]) if e.name == library), None)


def _load_entry(kind: str, use: str, what: str) -> Callable[..., Any]:
    there = names(kind)
    found = [plugin for plugin in there if plugin.name == use]
    targets = {plugin.target for plugin in found}
    if len(targets) > 1:
        both = " and ".join(f"{p.distribution} {p.version} ({p.target})" for p in found)
        raise ConfigError(
            f'{what} is offered by {both}; the one that is meant, as use = "{found[0].target}", would be right'
        )
    if not found:
        elsewhere = [_ONE[other] for other in KINDS if other != kind and any(p.name == use for p in names(other))]
        if elsewhere:
            why = f"; it is a {elsewhere[0]},"
        elif use.count(".") and all(part.isidentifier() for part in use.split(".")):
            module, _, attribute = use.rpartition(".")
            why = f'; did you mean "{module}:{attribute}"?'
        else:
            why = did_you_mean(use, [p.name for p in there]) or ";"
        raise ConfigError(
            f"{what} is not installed{why} the {kind} are {listed(sorted({p.name for p in there}))}; or {_WAYS}"
        )
    target = found[0].target.partition("[")[0].strip()
    module_name, _, attribute = (part.strip() for part in target.partition(":"))
    what = f"{what} ({found[0].distribution} {found[0].version}, {target})"
    if not attribute:
        raise ConfigError(f"{what} names a module; its author must give the entry point as module:Class")
    return _attribute(_import(module_name, what), attribute, what)


def _import(name: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            parent = f" in {error.name.rpartition('.')[0]}" if "." in error.name else f" in {sys.prefix}"
            raise ConfigError(
                f'{what}: there is no module "{error.name}"{parent}; an installed one, or "./file.py:Class" for a file'
            ) from error
        raise ConfigError(f"{what} cannot be imported: {_origin(error)}") from error
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{what} cannot be imported: {_origin(error)}") from error


def _import_file(path: Path, what: str) -> ModuleType:
    """Import a file under a name of its own, so that two experiments may both have a ``decoder.py``.

    The name holds a hash of path and content: a file that was edited is another module, one that was not is the same, in
    every process. The text is compiled here, because Python's cache takes an edit within the same second for no edit.
    """
    path = path.resolve()
    try:
        raw = path.read_bytes()
    except OSError as error:
        files = sorted(p.name for p in path.parent.glob("*.py"))
        there = f"; in {path.parent} there is {listed(files)}" if files else "; a Python file would be right"
        raise ConfigError(f"{what}: {path} cannot be read ({error.strerror}){there}") from error
    digest = sha256(str(path).encode() + b"\0" + raw).hexdigest()[:16]
    name = f"rtbci_file_{digest}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise ConfigError(f"{what}: {path} is no Python file; one that ends in .py would be right")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses look their module up
    try:
        exec(compile(raw, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ConfigError(f"{what} cannot be imported: {_origin(error)}") from error
    return module


def _origin(error: BaseException) -> str:
    """What went wrong, and where outside this module and Python's own import machinery."""
    return origin(error, (__file__, *_IMPORTLIB))


_IMPORTLIB = tuple(str(path) for path in Path(importlib.__file__).parent.glob("*.py"))


def _attribute(module: ModuleType, attribute: str, what: str) -> Callable[..., Any]:
    value: Any = module
    for part in attribute.split("."):
        if not hasattr(value, part):
            near = did_you_mean(part, _classes(module)) or ";"
            raise ConfigError(
                f'{what}: {module.__file__} has no class "{attribute}"{near} there is {listed(_classes(module))}'
            )
        value = getattr(value, part)
    if not inspect.isclass(value) and not inspect.isfunction(value):
        came = f"a {type(value).__name__}" if hasattr(value, "get_params") else kind_of(value)
        raise ConfigError(f"{what} is {came}; a class, or a function that makes a new one, would be right")
    made: Callable[..., Any] = value
    return made


def _classes(module: ModuleType) -> list[str]:
    """Public classes that the module's package defines: not those it merely imported."""
    package = module.__name__.partition(".")[0]
    return [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and not name.startswith("_") and value.__module__.partition(".")[0] == package
    ]


def make(kind: str, use: str, args: Mapping[str, Any], base: Path | None, where: str) -> Any:
    """Make the decoder, transform or source that ``use`` names with ``args``.

    Arguments are held against the constructor's signature and, where they are annotated plainly, its types first. A string
    for an argument annotated as ``Path`` becomes a path relative to ``base``. A scikit-learn classifier is wrapped in
    `rtbci.sklearn_adapter.SklearnDecoder`: what has ``get_params`` is scikit-learn's, and its ``predict`` means labels of
    many windows, whereas ours means log-probabilities of one.

    Parameters
    ----------
    kind : one of `KINDS`.
    use, args : as in `rtbci.config.Component`.
    base : folder that relative paths start from; the working folder where it is None.
    where : what errors begin with: file and table, such as ``my.toml: [[decoder]] "riemann"``.

    Raises
    ------
    ConfigError
        When it cannot be loaded, or not with these arguments.
    DecoderError, TransformError, SourceError
        When what was made lacks a method that its kind must have.
    """
    try:
        cls = load(kind, use, base)
    except ConfigError as error:
        raise ConfigError(f"{where} use = {show(use)}: {error}") from error
    what = f'{_ONE[kind]} "{use}"'
    kwargs = checked(cls, args, base or Path(), where, what)
    try:
        made = cls(**kwargs)
    except (RtbciError, ValueError, TypeError) as error:
        raise ConfigError(f"{where}: {what}: {' '.join(str(error).split())}") from error
    except Exception as error:
        raise ConfigError(f"{where}: {what} cannot be made: {_origin(error)}") from error
    if kind == "decoders" and hasattr(made, "get_params"):
        return _adapted(made, where, what)
    lacking = [method for method in _MUST[kind] if not callable(getattr(made, method, None))]
    if lacking:
        raise _ERROR[kind](
            f"{where}: {what} ({_made_by(cls, made)}) has no method {listed(lacking)}; "
            f"a {_ONE[kind]} has {listed(_MUST[kind])}, as rtbci.interfaces.{_ONE[kind].capitalize()} says"
            + (", or is a scikit-learn classifier" if kind == "decoders" else "")
        )
    return made


def _made_by(cls: Callable[..., Any], made: object) -> str:
    name = f"{cls.__module__}.{cls.__qualname__}"
    return name if inspect.isclass(cls) else f"{name}() gave a {type(made).__name__}, which"


def _adapted(estimator: Any, where: str, what: str) -> Any:
    if not hasattr(estimator, "fit") or not (
        hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")
    ):
        raise DecoderError(
            f"{where}: {what} is a scikit-learn estimator ({type(estimator).__name__}) without predict_proba or "
            "decision_function; a classifier that has one would be right"
        )
    from rtbci.sklearn_adapter import SklearnDecoder

    return SklearnDecoder(estimator)
