"""Commands that look: streams on the network, what a recording holds, which plugins there are."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path
from typing import Any

import click

from rtbci.cli.output import command, example, finish

WATCH_SECONDS = 1.2
"""With --watch, no longer than this is looked and measured in one go: until every stream of this machine has answered."""


def _end_with_stdin() -> None:
    """Leave when the other end of stdin is closed, where stdin is a pipe: whoever started this has gone."""
    mode = os.fstat(0).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)  # at once: measuring may wait in liblsl, and nothing here is worth saving

    threading.Thread(target=wait, name="stdin", daemon=True).start()


@command(
    "rtbci streams",
    "rtbci streams --wait 5 --json",
    "rtbci streams --watch",
    name="streams",
    short_help="LSL streams in sight, rates and clock offsets.",
)
@click.option(
    "--wait", default=2.0, show_default=True, type=click.FloatRange(0.1, 60), help="Seconds to look for streams."
)
@click.option(
    "--measure", default=1.0, show_default=True, type=click.FloatRange(0.1, 60), help="Seconds to measure rates."
)
@click.option(
    "--watch",
    is_flag=True,
    help="Look again and again; with --json one object a line. Ends with whoever holds its stdin.",
)
def streams(wait: float, measure: float, watch: bool, as_json: bool) -> None:
    """List the LSL streams in sight, with their effective rate and clock offset.

    Measuring a stream means listening to it for a moment: a player that waits for a listener begins.
    """
    from rtbci.sources import lsl_discovery
    from rtbci.sources.lsl_quiet import quieten

    quieten()
    if watch:
        _end_with_stdin()
    while watch:
        found = lsl_discovery.streams(min(wait, WATCH_SECONDS), min(measure, WATCH_SECONDS))
        finish({"streams": [s.as_json() for s in found]}, f"{lsl_discovery.as_text(found)}\n", as_json)
        sys.stdout.flush()
    found = lsl_discovery.streams(wait, measure)
    finish({"streams": [s.as_json() for s in found]}, lsl_discovery.as_text(found), as_json)


@command(
    "rtbci info sub-P001_run-001_eeg.xdf",
    "rtbci info S001R06.edf --json",
    name="info",
    short_help="What a recording holds.",
)
@click.argument("file", type=click.Path(path_type=Path))
def info(file: Path, as_json: bool) -> None:
    """Say what a recording holds: streams, channels, rates, duration, gaps, markers.

    FILE is FIF, EDF, BDF, GDF, BrainVision (.vhdr), EEGLAB (.set), KIT, XDF, or a CSV with a column of time stamps.
    """
    from rtbci.inspection import inspect

    summary = inspect(file)
    finish(summary.as_json(), summary.as_text(), as_json)


@click.group(
    name="plugins",
    short_help="Plugins: list them, show one.",
    epilog=example("rtbci plugins list", "rtbci plugins list --json"),
)
def plugins() -> None:
    """Decoders, transforms, sources and renderers that can be named in an experiment, and embedders for banks."""


@command(
    "rtbci plugins list", "rtbci plugins list --json", name="list", short_help="What can be named in an experiment."
)
def list_plugins(as_json: bool) -> None:
    """List decoders, transforms, sources, embedders and renderers by name; none of them is imported."""
    from rtbci import plugins as found

    table: dict[str, Any] = {kind: found.names(kind) for kind in found.KINDS}
    result: dict[str, Any] = {
        kind: [
            {"name": p.name, "target": p.target, "distribution": p.distribution, "version": p.version} for p in plugins
        ]
        for kind, plugins in table.items()
    }
    width = max((len(p.name) for plugins in table.values() for p in plugins), default=0)
    lines = []
    for kind, entries in table.items():
        lines.append(kind)
        lines.extend(f"  {p.name:<{width}}  {p.target}  ({p.distribution} {p.version})" for p in entries)
    finish(result, "\n".join(lines), as_json)


@command(
    "rtbci plugins show band-pass",
    "rtbci plugins show tangent --json",
    name="show",
    short_help="What one plugin does, and its arguments.",
)
@click.argument("name")
def show_plugin(name: str, as_json: bool) -> None:
    """Say what one decoder, transform, source, embedder or renderer does, and which arguments it takes.

    NAME is what `use` names; "package.module:Class" works too, for a decoder. The plugin is imported.
    """
    import inspect

    from rtbci import plugins as found
    from rtbci.errors import ConfigError

    kinds = [kind for kind in found.KINDS if any(p.name == name for p in found.names(kind))]
    if not kinds and ":" not in name:
        known = sorted({p.name for kind in found.KINDS for p in found.names(kind)})
        raise ConfigError(f'"{name}" is not installed; there are {", ".join(known)}')
    results, lines = [], []
    for kind in kinds or ["decoders"]:
        made = found.load(kind, name, Path())
        parameters = inspect.signature(made).parameters.values()
        required = [p.name for p in parameters if p.default is p.empty]
        optional = {p.name: p.default for p in parameters if p.default is not p.empty}
        about = inspect.getdoc(made) or ""
        results.append({"kind": kind, "name": name, "required": required, "optional": optional, "about": about})
        lines += [f"{kind[:-1]} {name}"]
        lines += [f"  {key}  (required)" for key in required] + [f"  {key} = {v!r}" for key, v in optional.items()]
        lines += ["", about, ""]
    finish({"plugins": results}, "\n".join(lines).rstrip(), as_json)


plugins.add_command(list_plugins)
plugins.add_command(show_plugin)
