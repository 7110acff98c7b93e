"""rehearse: a session whose source is a recording that is played, sought in, and spoilt on purpose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbci.cli.again import Speed
from rtbci.cli.live import SECONDS, models_for, run_live
from rtbci.cli.output import command, finish, say
from rtbci.cli.places import Place, Span
from rtbci.cli.rehearsed import keep_or_clear, mark, notes

if TYPE_CHECKING:
    from rtbci.config import DecoderConfig, Experiment
    from rtbci.session import Session
    from rtbci.sources.faults import FaultySource
    from rtbci.sources.followers import Pace
    from rtbci.sources.reader import Reader

SETTLE_SECONDS = 5.0
"""Before the place of a seek, filters have this long to settle: as long as a worker gives them that is restarted."""


def _recordings(path: Path) -> tuple[Path, ...]:
    """The recording at ``path``, or all parts of that of the session there."""
    if not path.is_dir() or not (path / "session.json").is_file():
        return (path,)
    from rtbci.errors import RecordingError
    from rtbci.recording.session_folder import SessionFolder

    parts = tuple(part for part in SessionFolder.open(path).recordings() if part.is_file())
    if not parts:
        raise RecordingError(f"{path}: the session holds no recording; nothing was recorded in it")
    return parts


def _models(experiment: Experiment, model: Path | None, recording: Path) -> dict[str, Path]:
    """Model file by decoder: ``model``, or those of the experiment, or those that the session at ``recording`` ran with."""
    chosen = models_for(experiment, model)
    if model is None and (recording / "session.json").is_file():
        from rtbci.recording.session_folder import SessionFolder

        folder = SessionFolder.open(recording)
        kept = folder.read().get("models") or {}
        for config in experiment.decoders:
            copy = folder.path / Path(str(kept.get(config.name, ""))).name
            if config.name not in chosen and copy.is_file():
                chosen |= models_for(replace(experiment, decoders=(config,)), copy)
    return chosen


def _open(experiment: Experiment, paths: Sequence[Path]) -> Reader:
    from rtbci.sources.file import open_reader
    from rtbci.sources.joined import Joined
    from rtbci.training_set import reading

    readers = [open_reader(path, **reading(experiment, path)) for path in paths]
    return readers[0] if len(readers) == 1 else Joined(readers)


def _pace(config: DecoderConfig, rate: float) -> Pace:
    """When windows of decoder ``config`` are due in a recording of ``rate`` Hz, as the pipeline cuts them."""
    from rtbci.sources.followers import Pace

    rates = [step.args.get("rate") for step in config.transforms if step.use == "resample"]
    inside = float(rates[-1]) if rates and isinstance(rates[-1], (int, float)) else rate
    hop = None if config.hop is None else max(1, round(config.hop * inside)) * rate / inside
    return Pace(hop, max(1, round(config.window * inside)) * rate / inside)


def _player(
    experiment: Experiment,
    names: Sequence[str],
    recording: Path,
    faults: FaultSettings,
    flattering: Sequence[str],
    session: Callable[[], Session | None],
    **how: Any,
) -> FaultySource:
    """What plays ``recording`` to the decoders called ``names``; opened once, to see that it can be. Raises SourceError."""
    from rtbci.sources.faults import FaultySource
    from rtbci.sources.followers import Followers
    from rtbci.sources.playback import PlaybackSource
    from rtbci.sources.transport import Manner

    paths = _recordings(recording)
    reader = _open(experiment, paths)
    rate = reader.info.rate
    reader.close()
    configs = [config for config in experiment.decoders if config.name in names]
    windows = [config.window + abs(config.offset) for config in configs]

    def made() -> FaultySource:
        def run_folder() -> Any:
            running = session()
            return None if running is None else running.run_folder

        def begun() -> None:
            running = session()
            if running is not None:
                mark(running, recording, faulty)

        followers = Followers({config.name: _pace(config, rate) for config in configs}, rate, run_folder)
        player = PlaybackSource(
            lambda: _open(experiment, paths),
            str(recording),
            followers,
            Manner(settle=SETTLE_SECONDS + max(windows, default=0.0), **how),
            begun,
            flattering,
        )
        faulty = FaultySource(player, faults[0], faults[1])
        return faulty

    tried = made()
    tried.open()  # a loop beyond its end, a channel that it does not have: said before anything starts
    tried.close()
    return made()


FaultSettings = tuple[dict[str, Any], int]


@command(
    "rtbci rehearse experiment.toml --recording S001R14.edf --model fists.rtbci",
    "rtbci rehearse experiment.toml --recording sessions/2026-11-23_21-54-03_fists-or-feet --from 1:30 --speed 4",
    "rtbci rehearse experiment.toml --recording S001R14.edf --model fists.rtbci --fault drop=0.01 --fault dead=C3,Cz",
    name="rehearse",
    short_help="A session on a recording: play, seek, break things.",
)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option(
    "--recording", required=True, type=click.Path(path_type=Path), help="Recording or session folder to play."
)
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="Model file made by 'rtbci train'; without one, that of the session that is played.",
)
@click.option(
    "--speed",
    type=Speed(),
    default="1",
    show_default=True,
    help="Times real time; max: as fast as the decoders follow, and every window is decided.",
)
@click.option("--from", "start", type=Place(), default=0.0, help="Where to begin: 90 or 1:30.")
@click.option("--loop", type=Span(), help="Play a stretch again and again: 10,60 or 0:10,1:00.")
@click.option(
    "--fault", "faults", multiple=True, metavar="NAME=VALUE", help="What is to go wrong; see below. Repeatable."
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="Which samples and markers faults strike."
)
@click.option("--paused", is_flag=True, help="Wait at the beginning to be told to play.")
@click.option("--record", is_flag=True, help="Record what is played, faults and all; nothing is recorded otherwise.")
@click.option("--session", "folder", type=click.Path(path_type=Path), help="Folder of this session (new or empty).")
@click.option("--seconds", type=SECONDS, help="End by itself so many seconds after the first sample.")
@click.option(
    "--headless", is_flag=True, help="No window: decisions are printed, and the recording's end is the session's."
)
@click.option(
    "--hold", is_flag=True, help="At the recording's end wait to be told where to go on, without a window too."
)
def rehearse(
    experiment: Path,
    recording: Path,
    model: Path | None,
    speed: float | None,
    start: float,
    loop: tuple[float, float] | None,
    faults: tuple[str, ...],
    seed: int,
    paused: bool,
    record: bool,
    folder: Path | None,
    seconds: float | None,
    headless: bool,
    hold: bool,
    as_json: bool,
) -> None:
    """Run a session on a recording as if it were live, with the same window, and play it at will.

    It can be paused, stepped by decision, sought in by time or marker, and looped, from the window or over the control
    socket: {"do": "play", "action": "seek", "time": 90}. A seek primes the decoders anew; it begins some seconds before its
    place, so that filters have settled there.

    \b
    Faults, each NAME=VALUE; they can be switched while it runs:
      drop=0.01         share of samples that are lost, in packets of 40 ms
      nan=0.01          share of packets in which a channel is no number
      dead=C3,Cz        channels that are flat
      jitter=0.005      packets are stamped early, by up to so many seconds
      drift=100         the amplifier's clock goes so many millionths fast
      late-markers=0.5  markers become known so many seconds later
      lost-markers=0.1  share of markers that never come
      disconnect=3      the stream goes away at once, for so many seconds
    """
    from rtbci import config, report
    from rtbci.sources.fault_kinds import described, read_faults
    from rtbci.sources.play_orders import read_speed

    loaded = config.load(experiment)
    read_speed(speed)
    wanted = read_faults(faults)
    models = _models(loaded, model, recording)
    flattering = notes(loaded, models, _recordings(recording))
    running: list[Session] = []
    player = _player(
        loaded,
        list(models),
        recording,
        (wanted, seed),
        flattering,
        lambda: running[0] if running else None,
        speed=speed,
        start=start,
        loop=loop,
        paused=paused,
        hold=hold or not headless,
    )
    say(f"REPLAY of {recording}, not live" + (f"; faults: {described(wanted)}" if wanted else ""), as_json)
    for note in flattering:
        say(f"note: {note}", as_json)
    result = run_live(
        loaded,
        models,
        headless=headless,
        seconds=seconds,
        folder=folder,
        end_when_lost=None,
        as_json=as_json,
        end_with_window=True,
        source=player,
        record=record,
        made=running.append,
    )
    result["playback"] = {"recording": str(recording), "faults": player.faults()}
    result["notes"] = [*result.get("notes", ()), *flattering]
    keep_or_clear(running[0], result, folder, as_json)
    finish(result, report.as_text(result), as_json)
