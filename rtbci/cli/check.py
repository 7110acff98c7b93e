"""The command that says, before a session, whether experiment, model and stream go together."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbci.cli.output import command, finish

if TYPE_CHECKING:
    from rtbci.compatibility import Finding
    from rtbci.config import Experiment
    from rtbci.types import StreamInfo

OWN = ("lsl", "file", "synthetic", "viewer")
"""Sources that can be opened and closed again without touching an instrument."""


@command(
    "rtbci check experiment.toml --model fists.rtbci",
    "rtbci check experiment.toml --model fists.rtbci --recording S001R14.edf",
    "rtbci check experiment.toml --no-stream --json",
    name="check",
    short_help="Do experiment, model and stream fit?",
)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option(
    "--model", type=click.Path(path_type=Path), help="Model file; without one: those that the experiment names, if any."
)
@click.option("--stream/--no-stream", default=True, show_default=True, help="Look for the stream of [source].")
@click.option("--recording", type=click.Path(path_type=Path), help="Hold a recording against it instead of a stream.")
@click.option(
    "--wait", default=3.0, show_default=True, type=click.FloatRange(0.1, 60), help="Seconds to look for the stream."
)
def check(
    experiment: Path, model: Path | None, stream: bool, recording: Path | None, wait: float, as_json: bool
) -> int:
    """Say in plain words what fits and what differs: rate, channels, units, classes, transforms, bank, versions.

    Nothing is recorded and no decoder is imported. A session refuses what is marked with ✗ here; what is marked with · is
    for you to judge. Exit code 0: all fits, 1: something differs, 2: a file cannot be read.
    """
    from rtbci import config
    from rtbci.compatibility import fits, of_experiment

    loaded = config.load(experiment)
    chosen, found = _models(loaded, model)
    no_source = _source(loaded, recording)
    findings = of_experiment(loaded) + no_source + found
    info: StreamInfo | None = None
    if recording is not None:
        info, found = _recording(loaded, recording)
        findings += found
    elif stream and not no_source:
        info, found = _stream(loaded, wait)
        findings += found
    if info is not None:
        findings += _against(loaded, chosen, info)
    good = fits(findings)
    result: dict[str, Any] = {
        "experiment": str(experiment),
        "fits": good,
        "findings": [finding.as_json() for finding in findings],
        "models": {name: str(path) for name, (path, _) in chosen.items()},
        "stream": None
        if info is None
        else {
            "name": info.name,
            "type": info.type,
            "source_id": info.source_id,
            "rate": info.rate,
            "n": info.n_channels,
        },
    }
    wrong = sum(finding.verdict == "differs" for finding in findings)
    last = "all fits" if good else f"{wrong} thing{'s differ' if wrong > 1 else ' differs'}"
    finish(result, "\n".join([*(finding.as_text() for finding in findings), last]), as_json)
    return 0 if good else 1


def _models(experiment: Experiment, model: Path | None) -> tuple[dict[str, tuple[Path, dict[str, Any]]], list[Finding]]:
    """Model file and manifest entry by decoder, and what is to be said of them. Raises ModelError."""
    from rtbci import compatibility
    from rtbci import model as models

    chosen: dict[str, tuple[Path, dict[str, Any]]] = {}
    found: list[Finding] = []
    without = []
    for config in experiment.decoders:
        path = model if model is not None else config.model
        if path is None:
            without.append(config.name)
            continue
        path = path if model is not None else experiment.resolve(path)
        entry = models.read_manifest(path).get(config.name)
        found += compatibility.of_model(experiment, config, entry, path)
        if entry is not None:
            chosen[config.name] = (path, entry)
    if without and len(without) == len(experiment.decoders):
        found.append(compatibility.Finding("note", "model", "no model: the session records only, a calibration"))
    else:
        found += [compatibility.Finding("note", "model", "has no model: it does not decide", name) for name in without]
    return chosen, found


def _source(experiment: Experiment, recording: Path | None) -> list[Finding]:
    """Why no session could make the source that the experiment names, where none could; nothing is opened.

    A file that is to be named later, by a ``recording``, is no reason.
    """
    from rtbci import assemble
    from rtbci.compatibility import DIFFERS, Finding
    from rtbci.errors import ConfigError

    try:
        if recording is None and experiment.source.use == "file":
            assemble.make_source(experiment)
        else:
            assemble.check_source(experiment, recording or Path())
    except ConfigError as error:
        return [Finding(DIFFERS, "source", str(error))]
    return []


def _recording(experiment: Experiment, path: Path) -> tuple[StreamInfo, list[Finding]]:
    """What the recording at ``path`` holds. Raises SourceError."""
    from rtbci.sources.file import open_reader
    from rtbci.stream_fit import counts, of_markers, of_stream

    given = {key: experiment.source.args[key] for key in ("stream", "channels") if key in experiment.source.args}
    reader = open_reader(path, channels=given.get("channels", ()), stream=given.get("stream"))
    try:
        return reader.info, of_stream(reader.info, "recording") + of_markers(experiment, counts(reader.markers))
    finally:
        reader.close()


def _stream(experiment: Experiment, wait: float) -> tuple[StreamInfo | None, list[Finding]]:
    """The stream that the source would take: opened, and closed again without a sample read."""
    from rtbci import assemble
    from rtbci.compatibility import DIFFERS, NOTE, Finding
    from rtbci.errors import SourceError
    from rtbci.stream_fit import of_stream

    use = experiment.source.use
    if use not in OWN:
        text = f'source "{use}": its device is opened by the session alone; it was not looked at'
        return None, [Finding(NOTE, "stream", text)]
    more: dict[str, Any] = {}
    if use == "lsl":
        from rtbci.sources.lsl_quiet import quieten

        quieten()
        more = {"timeout": wait, "markers": []}
    source = assemble.make_source(experiment, **more)
    try:
        info = source.open()
    except SourceError as error:
        return None, [Finding(DIFFERS, "stream", str(error))]
    finally:
        source.close()
    return info, of_stream(info, "stream") + (_marker_streams(experiment) if use == "lsl" else [])


def _marker_streams(experiment: Experiment) -> list[Finding]:
    """Which streams of markers are in sight; one that is not may begin later, so none is refused."""
    import pylsl

    from rtbci.compatibility import FITS, NOTE, Finding
    from rtbci.config_file import names
    from rtbci.sources.lsl_discovery import FORMATS, SIGHT_SECONDS
    from rtbci.sources.lsl_header import holds_markers

    if not experiment.classes:
        return []
    time.sleep(0.05)  # the source's own resolver has just let go of the sockets
    seen = [
        info.name()
        for info in pylsl.resolve_streams(SIGHT_SECONDS)
        if holds_markers(info.type(), FORMATS.get(info.channel_format()) == "string")
    ]
    wanted = experiment.markers.streams
    if wanted is None:
        text = (
            f"markers: {names(seen)}" if seen else "markers: no stream of them in sight yet; without, no class is known"
        )
        return [Finding(FITS if seen else NOTE, "markers", text)]
    absent = [name for name in wanted if name not in seen]
    if absent:
        text = f"markers: {names(absent)} not in sight yet; in sight: {names(sorted(set(seen)))}"
        return [Finding(NOTE, "markers", text)]
    return [Finding(FITS, "markers", f"markers: {names(wanted)}")]


def _against(experiment: Experiment, chosen: dict[str, tuple[Path, dict[str, Any]]], info: StreamInfo) -> list[Finding]:
    """What fits and differs between the stream and each decoder."""
    from rtbci import assemble, compatibility, stream_fit

    found: list[Finding] = []
    for config in experiment.decoders:
        if config.name in chosen:
            _, entry = chosen[config.name]
            said, channels = stream_fit.of_signature(config.name, stream_fit.signature_in(entry), info)
            found += said
        else:
            channels = assemble.default_channels(info, config)
        if channels is not None:
            found += [compatibility.of_transforms(experiment, config, info, channels), stream_fit.of_reference(config)]
    return found
