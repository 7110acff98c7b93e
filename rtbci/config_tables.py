"""The tables of an experiment file as `rtbci.experiment` classes and back, each value judged where it stands."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rtbci.bank import Bank
from rtbci.config_file import Table, did_you_mean, kind_of, names
from rtbci.errors import BankError
from rtbci.experiment import (
    BankConfig,
    Component,
    DecoderConfig,
    EvidenceConfig,
    Experiment,
    MarkersConfig,
    RecordingConfig,
    RemoteConfig,
    RendererConfig,
    SessionConfig,
    Trial,
)

_TOP = (
    "name", "source", "classes", "idle", "trial", "decoder", "evidence", "markers", "recording", "session", "bank",
    "renderer", "paradigm", "remote",
)  # fmt: skip
_OWN = (
    "name", "use", "window", "hop", "transforms", "lock", "offset", "baseline", "model", "deadline", "adapt", "worker",
)  # fmt: skip
_OTHER_WORDS = frozenset({"mode", "block", "clock", "names", "n_windows", "workers"})
"""Sensible names of a decoder's own arguments that look like a slip in one of ours."""
MOST_CANDIDATES = 100
"""That a decision among the items of a bank may carry."""
LAST_PORT = 65535
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_CLOSE = 0.82  # "windwo" and "offest" score 0.83 against ours, "n_windows" 0.80


def experiment(top: Table, path: Path | None, text: str) -> Experiment:
    """Read the whole file; what is wrong is noted in ``top.problems``, and then the result is not to be used."""
    top.only(_TOP)
    name = top.text("name", example="fists or feet")
    source = _source(top)
    bank = _bank(top)
    classes = _classes(top)
    own = bank is None or "classes" in top.values
    if bank is not None and not own:
        classes = _classes_of(bank, path, top)
    trial = _trial(top)
    decoders = _decoders(top, trial)
    _idle(top, classes, decoders)
    if decoders and len(classes) < 2:
        came = f"has {len(classes)} class{'es' * (not classes)}" if "classes" in top.values else "is missing"
        top.problems.add("[classes]", f'{came}; a decoder needs two or more, such as fists = ["T1"] and feet = ["T2"]')
    return Experiment(
        name,
        source,
        classes,
        trial,
        decoders,
        _evidence(top, len(classes)),
        _markers(top),
        _recording(top),
        _session(top),
        bank,
        _renderer(top, bank, decoders),
        own,
        path,
        text,
        _paradigm(top),
        _remote(top),
    )


def _bank(top: Table) -> BankConfig | None:
    table = top.table("bank", 'with path = "pictures.bank"')
    if table is None:
        return None
    table.only(("path", "top", "average", "false_alarms", "search"))
    path = Path(table.text("path", example="pictures.bank"))
    default = BankConfig(path)
    count = table.values.get("top", default.top)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_CANDIDATES:
        table.wrong("top", f"is no number of candidates; 1 to {MOST_CANDIDATES}, such as 10, would be right")
        count = default.top
    average = table.values.get("average", default.average)
    if not isinstance(average, bool):
        table.wrong("average", f"{kind_of(average)} came; true or false would be right")
    alarms = table.number("false_alarms", default.false_alarms, example="0.05", above=0.0, below=1.0)
    return BankConfig(path, count, bool(average), alarms, table.text("search", default.search, example="exact"))


def _classes_of(bank: BankConfig, path: Path | None, top: Table) -> dict[str, tuple[str, ...]]:
    """The classes of the bank, each with whatever a marker may call one of its items."""
    try:
        return Bank.open(Experiment("", Component(""), path=path).resolve(bank.path)).labels()
    except BankError as error:
        top.problems.add("[bank]", f"path: {error}")
        return {"": ("",), " ": (" ",)}  # so that no missing class is complained about for it


def _renderer(top: Table, bank: BankConfig | None, decoders: Sequence[DecoderConfig]) -> RendererConfig | None:
    table = top.table("renderer", 'with use = "generator"')
    if table is None:
        return None
    if bank is None:
        top.problems.add(
            "[renderer]",
            'draws what is found in a [bank], which is missing; one with path = "pictures.bank" would be right',
        )
    use = table.text("use", example="generator")
    decoder = table.text("decoder", "", example="ridge", empty=True)
    if decoder and decoder not in {config.name for config in decoders}:
        table.wrong("decoder", f"is no decoder here; {names([config.name for config in decoders])} would be right")
    return RendererConfig(use, decoder, table.arguments(("use", "decoder")))


def _source(top: Table) -> Component:
    table = top.table("source", 'with use = "lsl"')
    if table is None:
        if "source" not in top.values:
            top.problems.add("[source]", 'is missing; a table with use = "lsl", "file" or "synthetic" would be right')
        return Component("")
    return Component(table.text("use", example="lsl"), table.arguments(("use",)))


def _paradigm(top: Table) -> Component | None:
    table = top.table("paradigm", 'with use = "motor-imagery"')
    return None if table is None else Component(table.text("use", example="motor-imagery"), table.arguments(("use",)))


def _classes(top: Table) -> dict[str, tuple[str, ...]]:
    table = top.table("classes", 'with fists = ["T1"]')
    classes: dict[str, tuple[str, ...]] = {}
    owner: dict[str, str] = {}
    if table is None:
        return classes
    for name, value in table.values.items():
        if not name.strip():
            table.wrong(name, 'the name of the class is empty; one such as fists = ["T1"] would be right')
        given = value if isinstance(value, list) else [value]
        if not given:
            table.wrong(name, 'has no marker label; at least one such as ["T1"] would be right')
        labels = []
        for item in given:
            if isinstance(item, bool) or not isinstance(item, str | int):
                table.wrong(
                    name, f'{kind_of(item)} came as a label; a string or an integer such as "T1" or 1 would be right'
                )
                continue
            label = str(item)
            if not label:
                table.wrong(name, 'a label is empty; one such as "T1" would be right')
            elif label in owner:
                twice = "stands there twice" if owner[label] == name else f"means {owner[label]} already"
                table.wrong(name, f'label "{label}" {twice}; each label once, in one class, would be right')
            owner.setdefault(label, name)
            labels.append(label)
        classes[name] = tuple(labels)
    return classes


def _idle(top: Table, classes: dict[str, tuple[str, ...]], decoders: Sequence[DecoderConfig]) -> None:
    """``[idle]``: add a last class without labels, for what lies between trials; it needs windows that slide."""
    table = top.table("idle", 'with name = "idle"')
    if table is None:
        return
    table.only(("name",))
    name = table.text("name", "idle", example="idle")
    if name in classes:
        table.wrong("name", 'is a class with markers already; another such as "idle" would be right')
    for config in decoders:
        if config.lock is not None:
            top.problems.add(
                "[idle]",
                f'lies between trials, where decoder "{config.name}", locked to markers, has no window; '
                "decoders with a hop, or no [idle], would be right",
            )
    classes.setdefault(name, ())


def _trial(top: Table) -> Trial:
    default = Trial()
    table = top.table("trial", "with start = 0.5 and stop = 3.5")
    if table is None:
        return default
    table.only(("start", "stop"))
    start = table.number("start", default.start, example="0.5")
    stop = table.number("stop", default.stop, example="3.5")
    if stop <= start:
        key = "stop" if "stop" in table.values else "start"
        table.wrong(
            key, f"the trial would stop at {stop:g} s and start at {start:g} s; a stop after the start would be right"
        )
        start = stop = math.nan  # so that no window is complained about for it
    return Trial(start, stop)


def _evidence(top: Table, n_classes: int) -> EvidenceConfig:
    default = EvidenceConfig()
    table = top.table("evidence", "with threshold = 0.7")
    threshold, dwell, time_constant = default.threshold, default.dwell, default.time_constant
    if table is not None:
        table.only(("threshold", "dwell", "time_constant"))
        threshold = table.number("threshold", threshold, example="0.7", above=0.0, below=1.0)
        dwell = table.number("dwell", dwell, example="0.5", at_least=0.0)
        time_constant = table.number("time_constant", time_constant, example="4.0", above=0.0)
        if n_classes >= 2 and threshold <= 1 / n_classes:
            table.wrong(
                "threshold",
                f"is not above chance, 1/{n_classes} = {1 / n_classes:.3g}; a probability between it and 1 would be right",
            )
    return EvidenceConfig(threshold, dwell, time_constant)


def _markers(top: Table) -> MarkersConfig:
    table = top.table("markers", 'with streams = ["Stimuli"]')
    if table is None:
        return MarkersConfig()
    table.only(("streams",))
    if "streams" not in table.values:
        return MarkersConfig()
    value = table.values["streams"]
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(item, str) and item for item in given):
        table.wrong("streams", 'is no list of names; one such as ["Stimuli"] would be right')
    elif not given:
        table.wrong("streams", 'names no stream; ["Stimuli"], or no such line for all in sight, would be right')
    else:
        return MarkersConfig(tuple(given))
    return MarkersConfig()


def _recording(top: Table) -> RecordingConfig:
    default = RecordingConfig()
    table = top.table("recording", 'with folder = "sessions"')
    if table is None:
        return default
    table.only(("folder", "subject"))
    folder = table.text("folder", str(default.folder), example="sessions")
    subject = table.text("subject", default.subject, example="S001", empty=True)
    if subject and not _NAME.fullmatch(subject):
        table.wrong("subject", 'becomes part of a file name; letters, digits, "_" and "-" would be right')
    return RecordingConfig(Path(folder), subject)


def _session(top: Table) -> SessionConfig:
    default = SessionConfig()
    table = top.table("session", "with ring_seconds = 60.0")
    if table is None:
        return default
    table.only(("ring_seconds", "lost_after"))
    ring_seconds = table.number("ring_seconds", default.ring_seconds, example="60.0", at_least=1.0)
    return SessionConfig(ring_seconds, table.number("lost_after", default.lost_after, example="0.8", above=0.0))


def _remote(top: Table) -> RemoteConfig | None:
    table = top.table("remote", "with port = 22345")
    if table is None:
        return None
    table.only(("port", "host", "rcs", "token_file"))
    default = RemoteConfig()
    port = table.values.get("port", default.port)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= LAST_PORT:
        table.wrong(
            "port", f"is no port; 0 to {LAST_PORT}, such as {default.port} (0: any that is free), would be right"
        )
        port = default.port
    rcs = table.values.get("rcs", default.rcs)
    if not isinstance(rcs, bool):
        table.wrong("rcs", f"{kind_of(rcs)} came; true or false would be right")
    host = table.text("host", default.host, example=default.host)
    file = Path(table.text("token_file", example="remote.token")) if "token_file" in table.values else None
    return RemoteConfig(port, host, bool(rcs), file)


def _decoders(top: Table, trial: Trial) -> tuple[DecoderConfig, ...]:
    found: list[DecoderConfig] = []
    entries = top.tables("decoder", "[[decoder]] in double brackets")
    for i, values in enumerate(entries):
        name = values.get("name")
        where = f'[[decoder]] "{name}"' if isinstance(name, str) and name else f"[[decoder]] {i + 1}"
        table = Table(values, where, top.problems)
        config = _decoder(table, trial)
        if any(config.name == other.name for other in found):
            table.wrong("name", f'two decoders have it; another such as "{config.name}-{i + 1}" would be right')
        found.append(config)
    alone = {config.name for config in found if config.worker is None}
    for config, values in zip(found, entries, strict=True):
        if config.worker in alone:
            Table(values, f'[[decoder]] "{config.name}"', top.problems).wrong(
                "worker",
                f'is the name of a decoder that has a worker of its own; worker = "{config.worker}" there too, or another '
                "name, would be right",
            )
    return tuple(found)


def _decoder(table: Table, trial: Trial) -> DecoderConfig:
    name = table.text("name", example="riemann")
    if name and not _NAME.fullmatch(name):
        table.wrong("name", 'becomes the name of a file; letters, digits, "_" and "-" would be right')
    use = table.text("use", example="tangent")
    window = table.number("window", example="2.0", above=0.0)
    lock = table.text("lock", example="marker") if "lock" in table.values else None
    hop: float | None = None
    if lock is None:
        hop = table.number("hop", example="0.1", above=0.0)
        for key in ("offset", "baseline"):
            if key in table.values:
                table.wrong(key, 'is for windows locked to a marker; it with lock = "marker", or none, would be right')
        if window > trial.stop - trial.start + 1e-9:
            table.wrong(
                "window",
                f"is longer than the trial ({trial.start:g} to {trial.stop:g} s); "
                f"{trial.stop - trial.start:g} or less, or a longer [trial], would be right",
            )
    elif lock and lock != "marker":
        table.wrong("lock", 'is not known; "marker", or no such line for sliding windows, would be right')
    elif "hop" in table.values:
        table.wrong(
            "hop", 'a window locked to a marker has no hop; hop without lock, or lock = "marker" alone, would be right'
        )
    offset = table.number("offset", 0.0, example="-0.1")
    baseline = table.number("baseline", example="0.2", above=0.0) if "baseline" in table.values else None
    deadline = table.number("deadline", example="0.5", above=0.0) if "deadline" in table.values else None
    model = Path(table.text("model", example="riemann.model")) if "model" in table.values else None
    adapt = table.values.get("adapt", False)
    if not isinstance(adapt, bool):
        table.wrong("adapt", f"{kind_of(adapt)} came; true or false would be right")
    worker = _worker(table)
    args = table.arguments(_OWN)
    for key in args:
        near = did_you_mean(key, _OWN, _CLOSE)
        if near and key not in _OTHER_WORDS and not any(f'"{word}"' in near for word in table.lacks):
            table.wrong(key, f"is not known here{near} the keys are {names(_OWN)}, and the decoder's own arguments")
    steps = _transforms(table)
    return DecoderConfig(
        name, use, window, hop, steps, args, lock, offset, baseline, model, deadline, bool(adapt), worker
    )


def _worker(table: Table) -> str | None:
    if "worker" not in table.values:
        return None
    name = table.values["worker"]
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    table.wrong("worker", 'is no name of a worker; letters, digits, "_" and "-", such as "nets", would be right')
    return None


def _transforms(table: Table) -> tuple[Component, ...]:
    entries = table.tables("transforms", 'a list such as [{ use = "band-pass", low = 8.0, high = 30.0 }]')
    found = []
    for i, values in enumerate(entries):
        entry = Table(values, f"{table.where} transforms[{i + 1}]", table.problems)
        found.append(Component(entry.text("use", example="band-pass"), entry.arguments(("use",))))
    return tuple(found)


def _arguments(args: Mapping[str, Any], own: Sequence[str]) -> Mapping[str, Any]:
    """``args``, unless one bears the name of an ``own`` key, which would be written over. Raises ValueError."""
    for key in own:
        if key in args:
            raise ValueError(f'an argument is called "{key}", which is a key of ours')
    return args


def _component_table(component: Component) -> dict[str, Any]:
    return {"use": component.use, **_arguments(component.args, ("use",))}


def _decoder_table(config: DecoderConfig) -> dict[str, Any]:
    return {
        "name": config.name,
        "use": config.use,
        "window": float(config.window),
        "hop": None if config.hop is None else float(config.hop),
        "lock": config.lock,
        "offset": None if config.lock is None and config.offset == 0 else float(config.offset),
        "baseline": None if config.baseline is None else float(config.baseline),
        "deadline": None if config.deadline is None else float(config.deadline),
        "model": None if config.model is None else str(config.model),
        "adapt": config.adapt,
        "worker": config.worker,
        **_arguments(config.args, _OWN),
        "transforms": [_component_table(step) for step in config.transforms],
    }


def _bank_table(bank: BankConfig | None) -> dict[str, Any] | None:
    if bank is None:
        return None
    return {
        "path": str(bank.path),
        "top": bank.top,
        "average": bank.average,
        "false_alarms": float(bank.false_alarms),
        "search": bank.search,
    }


def _remote_table(remote: RemoteConfig | None) -> dict[str, Any] | None:
    if remote is None:
        return None
    file = None if remote.token_file is None else str(remote.token_file)
    return {"port": remote.port, "host": remote.host, "rcs": remote.rcs, "token_file": file}


def as_tables(experiment: Experiment) -> dict[str, Any]:
    """Everything in the file's shape, defaults included; None where the file says nothing."""
    streams = experiment.markers.streams
    tables = {
        "name": experiment.name,
        "source": _component_table(experiment.source),
        "classes": {
            name: list(labels) for name, labels in experiment.classes.items() if labels and experiment.own_classes
        },
        "idle": None if experiment.idle is None else {"name": list(experiment.classes)[experiment.idle]},
        "trial": {"start": float(experiment.trial.start), "stop": float(experiment.trial.stop)},
        "decoder": [_decoder_table(config) for config in experiment.decoders],
        "evidence": {
            "threshold": float(experiment.evidence.threshold),
            "dwell": float(experiment.evidence.dwell),
            "time_constant": float(experiment.evidence.time_constant),
        },
        "markers": {"streams": None if streams is None else list(streams)},
        "recording": {"folder": str(experiment.recording.folder), "subject": experiment.recording.subject},
        "session": {
            "ring_seconds": float(experiment.session.ring_seconds),
            "lost_after": float(experiment.session.lost_after),
        },
        "bank": _bank_table(experiment.bank),
        "renderer": None
        if experiment.renderer is None
        else {
            "use": experiment.renderer.use,
            "decoder": experiment.renderer.decoder or None,
            **_arguments(experiment.renderer.args, ("use", "decoder")),
        },
        "paradigm": None if experiment.paradigm is None else _component_table(experiment.paradigm),
        "remote": _remote_table(experiment.remote),
    }
    plain: dict[str, Any] = _lists(tables)
    return plain


def _lists(value: Any) -> Any:
    """Tuples as the lists that they are read back as."""
    if isinstance(value, Mapping):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_lists(item) for item in value]
    return value


BLANK = as_tables(Experiment("", Component("")))
"""What goes without saying in a new file."""
NAMED = {"decoder": _decoder_table(DecoderConfig("", "", math.nan, None))}
"""Lists of tables that are told apart by name, and what goes without saying in a new one."""
