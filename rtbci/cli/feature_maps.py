"""The command that shows where the classes of a calibration differ, and what that suggests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbci.cli.output import clear_progress, command, finish, progress

if TYPE_CHECKING:
    from rtbci.feature_choice import Choice
    from rtbci.feature_maps import FeatureMap, FeatureMaps


@command(
    "rtbci feature-maps experiment.toml --recording S001R06.edf --recording S001R10.edf --out maps.npz",
    "rtbci feature-maps experiment.toml --recording sessions/2026-11-23_2201 --out maps.npz --notch 50 --average",
    "rtbci feature-maps experiment.toml --recording S001R06.edf --out maps.npz --apply chosen.toml --validate",
    name="feature-maps",
    short_help="Where, and at which frequency or time, classes differ.",
)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option(
    "--recording",
    "recordings",
    multiple=True,
    required=True,
    help="A calibration recording: a file, a session, a folder of sessions or moabb:DATASET; once for each.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Maps to write (.npz, and .json beside it)."
)
@click.option(
    "--high-pass", default=0.1, show_default=True, type=click.FloatRange(min=0), help="Hz, causal; 0 for none."
)
@click.option("--notch", type=click.FloatRange(min=0, min_open=True), help="Line frequency to take out, such as 50.")
@click.option("--average", is_flag=True, help="Subtract the average of all channels first.")
@click.option(
    "--frequency-width", type=click.FloatRange(0.25, 10), help="Hz of a bin.  [default: 1; short trials: 2 or more]"
)
@click.option(
    "--time-width", type=click.FloatRange(0.002, 1), help="Seconds of a bin.  [default: 0.02 to 1.5 s, then 0.04]"
)
@click.option(
    "--apply",
    "apply_to",
    type=click.Path(path_type=Path),
    help="Write a copy of EXPERIMENT with the suggested channels and band there.",
)
@click.option(
    "--validate",
    is_flag=True,
    help="Evaluate the decoders with the choice made anew in every fold, from its past alone: what the choice is worth.",
)
def feature_maps(
    experiment: Path,
    recordings: tuple[str, ...],
    out: Path,
    high_pass: float,
    notch: float | None,
    average: bool,
    frequency_width: float | None,
    time_width: float | None,
    apply_to: Path | None,
    validate: bool,
    as_json: bool,
) -> int:
    """Compare the classes of EXPERIMENT, channel by channel, on the trials of recordings.

    Two kinds of maps: log power of the trial over channel x frequency (1 to 45 Hz), and amplitude over channel x time, from
    0.2 s before the marker. Two classes are compared with each other, more of them each with all others. Each cell has
    the signed r² (the share of its variance that the class explains; positive where the first class has more), the
    two-sided p of Wilcoxon's rank-sum test, and whether it survives a false discovery rate of 5 % over its map.

    \b
    From the maps over frequency channels and a band are suggested (Blankertz et al. 2008), where any cell survives.
    An accuracy on the trials that were chosen on flatters: --validate chooses anew in every fold.
    """
    from rtbci import config
    from rtbci.cli.recordings import pieces_of
    from rtbci.errors import ConfigError
    from rtbci.feature_choice import CIRCULAR, chosen, suggest
    from rtbci.feature_epochs import Options, measure
    from rtbci.feature_maps import save

    if out.suffix != ".npz":
        raise click.UsageError(f"--out {out}: maps are written as .npz; {out.with_suffix('.npz')} would be right.")
    loaded = config.load(experiment)
    if apply_to is not None and apply_to.exists():
        raise ConfigError(f"{apply_to} is there already and stays as it is; another name would be right")
    options = Options(high_pass or None, notch, average, frequency_width, time_width)
    show = progress(as_json)
    maps = measure(loaded, pieces_of(loaded, recordings), options, show)
    choice = suggest(maps)
    worth: dict[str, Any] | None = None
    if validate:
        from rtbci.evaluation import choosing
        from rtbci.evaluation.evaluate import Options as Evaluation

        worth = choosing.evaluate(loaded, recordings, out.with_suffix(""), Evaluation(), options, show)
    clear_progress()
    beside = save(maps, out)
    applied = apply_to is not None and choice.justified
    if apply_to is not None and applied:
        config.save(chosen(loaded, choice.channels, choice.band), apply_to)
    result = {
        **maps.as_json(),
        "maps_file": str(out),
        "json_file": str(beside),
        "choice": {"channels": list(choice.channels), "band": choice.band, "why": choice.why},
        "circular": CIRCULAR,
        "applied": str(apply_to) if applied else None,
        "validated": worth,
    }
    text = [_as_text(maps, choice, out, worth)]
    if apply_to is not None:
        text.append(f"{apply_to} written" if applied else f"{apply_to} not written: there is nothing to choose")
    finish(result, "\n".join(text), as_json)
    return 1 if worth is not None and worth["failed"] else 0


def _as_text(maps: FeatureMaps, choice: Choice, out: Path, worth: dict[str, Any] | None) -> str:
    from rtbci.feature_choice import CIRCULAR

    counts = ", ".join(f"{name}: {n} trials" for name, n in zip(maps.classes, maps.trials, strict=True))
    lines = [counts, *(_line(maps, one, number) for number, one in enumerate(maps.maps)), "", choice.why]
    if choice.band is not None:
        lines += [
            f"  band {choice.band[0]:g} to {choice.band[1]:g} Hz, channels {', '.join(choice.channels)}",
            CIRCULAR,
        ]
    if worth is not None:
        able = sum(fold["band"] is not None for fold in worth["folds"])
        lines += [
            "",
            f"with the choice made anew in every fold ({able} of {len(worth['folds'])} found anything to choose):",
        ]
        lines += [f"  {name}: {_worth(one)}" for name, one in worth["summary"].items()]
        lines += [f"  failed: {one['task']}: {one['error']}" for one in worth["failed"]]
    return "\n".join([*lines, f"{out} written"])


def _worth(one: dict[str, Any]) -> str:
    if not one["trials"]:
        return "no trial could be scored; trials as long as the decoder's window would be needed"
    return (
        f"{one['trial_accuracy']:.2f} of {one['trials']} trials, chance {one['chance']:.2f}, always the most frequent "
        f"class {one['chance_majority']:.2f}, trained on shuffled labels {one['shuffled']:.2f}, "
        f"permutation p {one['permutation_p']:.2g}"
    )


def _line(maps: FeatureMaps, one: FeatureMap, number: int) -> str:
    strongest = maps.as_json()["maps"][number]["strongest"]
    unit = "Hz" if one.axis == "frequency" else "s"
    return (
        f"{one.first} against {one.second}, channel x {one.axis}: {int(one.significant.sum())} of {one.r2.size} cells "
        f"survive FDR 5 %; strongest {strongest['channel']} at {strongest['at']:.3g} {unit}, "
        f"signed r² {strongest['r2']:+.2f}, p {strongest['p']:.2g}"
    )
