"""Commands that come after a session: replay, verify, recover."""

from __future__ import annotations

from pathlib import Path

import click

from rtbci.cli.output import clear_progress, command, finish, progress


class Speed(click.ParamType[float | None]):
    """A factor of real time, or "max"."""

    name = "FACTOR|max"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """``max`` is None: as fast as it can be decoded."""
        if value is None or value == "max":
            return None
        try:
            speed = float(str(value))
        except ValueError:
            self.fail(f"{value!r} is no speed; a number such as 1 (real time) or max would be right.", param, ctx)
        if not 0 < speed < 1e6:
            self.fail(
                f"{value!r} is no speed; a positive number such as 1 (real time) or max would be right.", param, ctx
            )
        return speed


@command(
    "rtbci replay experiment.toml --model fists.rtbci --recording S001R14.edf",
    "rtbci replay experiment.toml --model fists.rtbci --recording S001R14.edf --chunk 1 --json",
    name="replay",
    short_help="Decode a recording as it would be live.",
)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option("--model", required=True, type=click.Path(path_type=Path), help="Model file made by 'rtbci train'.")
@click.option("--recording", required=True, type=click.Path(path_type=Path), help="Recording to decode.")
@click.option("--speed", type=Speed(), default="max", show_default=True, help="Times real time.")
@click.option(
    "--chunk",
    default=4,
    show_default=True,
    type=click.IntRange(1),
    help="Samples that arrive together, as they might live: ages depend on it, no decision does.",
)
@click.option(
    "--batched",
    is_flag=True,
    help="Let decoders that have a tolerance (networks) decide many windows at once: faster; log-probabilities may differ "
    "from live by the decoder's tolerance; the report says so.",
)
@click.option(
    "--bank",
    type=click.Path(path_type=Path),
    help="Rank what markers showed in this bank, by the embeddings of decoders that give some: top-1, top-5, median rank.",
)
def replay(
    experiment: Path,
    model: Path,
    recording: Path,
    speed: float | None,
    chunk: int,
    batched: bool,
    bank: Path | None,
    as_json: bool,
) -> None:
    """Decode a recording through the live pipeline and report what the subject would have got.

    decisions_sha256 is a hash over every decision's sample indices and float values: the same for any --chunk and
    --speed, and the same as the live session's where the session heard the same samples, skipped no window, and decided on
    the same device.
    """
    from rtbci import config, report
    from rtbci import replay as work

    result = work.replay(
        config.load(experiment),
        model,
        recording,
        speed=speed,
        chunk=chunk,
        batched=batched,
        bank=bank,
        progress=progress(as_json),
    )
    clear_progress()
    finish(result, report.as_text(result), as_json)


@command(
    "rtbci verify sessions/2026-11-23_21-54-03_fists-or-feet",
    "rtbci verify sessions/2026-11-23_21-54-03_fists-or-feet --tolerance 1e-9",
    name="verify",
    short_help="Prove a session: decide again, compare.",
)
@click.argument("session", type=click.Path(path_type=Path))
@click.option(
    "--tolerance",
    metavar="X",
    type=click.FloatRange(min=0.0),
    help="Let log-probabilities of every decoder differ by X, as on another machine.",
)
def verify(session: Path, tolerance: float | None, as_json: bool) -> int:
    """Run a recorded session again and compare every decision with its log, bit for bit.

    What a decoder decided on another device than it finds here, or in one batch with other decoders of its worker, is
    compared within the decoder's own tolerance.

    Where recording was stopped and started again, its parts are verified one by one; decisions while nothing was recorded
    are counted apart.

    Exit code 1 if any differs, or none could be compared.
    """
    from rtbci import verify as work

    verdict = work.verify(session, progress(as_json), tolerance)
    clear_progress()
    lines = []
    for name, one in verdict.decoders.items():
        lines.append(f"{name}: {one.as_text()}")
        lines.extend(f"  {text}" for text in (*one.notes, *one.examples))
    if not verdict.decoders:
        lines.append("the session ran no decoder: there is nothing to compare")
    if verdict.proves_nothing:
        made = verdict.total("unrecorded") + verdict.total("unsettled")
        why = (
            "no decision could be compared, because what it was made from was not recorded" if made else "none was made"
        )
        lines.append(f"nothing is proven: {why}")
    finish(verdict.as_json(), "\n".join(lines), as_json)
    return 1 if verdict.total("different") or verdict.proves_nothing else 0


@command(
    "rtbci recover sessions/2026-11-23_21-54-03_fists-or-feet",
    name="recover",
    short_help="Close a killed session's recording.",
)
@click.argument("session", type=click.Path(path_type=Path))
def recover(session: Path, as_json: bool) -> None:
    """Close the recording of a session that was killed; also takes an XDF file.

    The file is readable before, too: recovering cuts a chunk that was being written and adds the missing footers.
    """
    from rtbci.recording.recover import recover as work

    report = work(session)
    finish(report.as_json(), report.as_text(), as_json)
