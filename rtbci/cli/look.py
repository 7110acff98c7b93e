"""Commands that look: streams on the network, what a recording holds, which plugins there are."""

from __future__ import annotations

from pathlib import Path

import click

from rtbci.cli.output import command, example, finish


@command("rtbci streams", "rtbci streams --wait 5 --json", name="streams")
@click.option(
    "--wait", default=2.0, show_default=True, type=click.FloatRange(0.1, 60), help="Seconds to look for streams."
)
@click.option(
    "--measure", default=1.0, show_default=True, type=click.FloatRange(0.1, 60), help="Seconds to measure rates."
)
def streams(wait: float, measure: float, as_json: bool) -> None:
    """List the LSL streams in sight, with their effective rate and clock offset."""
    from rtbci.sources import lsl_discovery
    from rtbci.sources.lsl_quiet import quieten

    quieten()
    found = lsl_discovery.streams(wait, measure)
    finish({"streams": [s.as_json() for s in found]}, lsl_discovery.as_text(found), as_json)


@command("rtbci info sub-P001_run-001_eeg.xdf", "rtbci info S001R06.edf --json", name="info")
@click.argument("file", type=click.Path(path_type=Path))
def info(file: Path, as_json: bool) -> None:
    """Say what a recording holds: streams, channels, rates, duration, gaps, markers.

    FILE is FIF, EDF, BDF, GDF, BrainVision (.vhdr), EEGLAB (.set), KIT, XDF, or a CSV with a column of time stamps.
    """
    from rtbci.inspection import inspect

    summary = inspect(file)
    finish(summary.as_json(), summary.as_text(), as_json)


@click.group(name="plugins", epilog=example("rtbci plugins list", "rtbci plugins list --json"))
def plugins() -> None:
    """Decoders, transforms and sources that can be named in an experiment."""


@command("rtbci plugins list", "rtbci plugins list --json", name="list")
def list_plugins(as_json: bool) -> None:
    """List decoders, transforms and sources by name; none of them is imported."""
    from rtbci import plugins as found

    table = {kind: found.names(kind) for kind in ("decoders", "transforms", "sources")}
    result = {
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


plugins.add_command(list_plugins)
