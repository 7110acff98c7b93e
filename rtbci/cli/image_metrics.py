"""The command that compares reconstructed pictures with those that were shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rtbci.cli.output import clear_progress, command, finish, progress

SHOWN = 5
"""Pictures that are named where many were left out."""


@command(
    "rtbci image-metrics shown/ reconstructed/",
    "rtbci image-metrics shown/ reconstructed/ --metric pixcorr --metric ssim --json",
    "rtbci image-metrics zebra.png decoded.png",
    name="image-metrics",
    short_help="What reconstructed pictures are worth.",
)
@click.argument("shown", type=click.Path(path_type=Path))
@click.argument("reconstructed", type=click.Path(path_type=Path))
@click.option("--metric", "wanted", multiple=True, metavar="NAME", help="Only this one; may be given again.")
@click.option("--allow-missing", is_flag=True, help="Leave out what has no counterpart or cannot be read, and tell it.")
def image_metrics(
    shown: Path, reconstructed: Path, wanted: tuple[str, ...], allow_missing: bool, as_json: bool
) -> None:
    """Compare pictures in RECONSTRUCTED with those in SHOWN.

    Two folders are paired by the paths of their pictures without suffix: shown/animals/zebra.jpg belongs to
    reconstructed/animals/zebra.png. Two files are one pair. Sizes may differ.

    \b
    pixcorr    correlation of the pixels
    ssim       structural similarity
    alexnet2   two-way identification, second convolution of AlexNet
    alexnet5   two-way identification, its fifth convolution
    inception  two-way identification, Inception v3
    clip       two-way identification, CLIP ViT-L/14
    effnet-b   mean correlation distance, EfficientNet-B1
    swav       mean correlation distance, SwAV
    fid        Fréchet distance of all features, Inception v3

    Two-way identification is how often a reconstruction is more like its own picture than like another one: chance is 0.5,
    and it depends on how many pairs there are, so compare it at the same N. Of distances, lower is better.

    Networks need torchvision (CLIP: transformers) and weights, which are never downloaded unasked;
    `python -m rtbci_vision.feature_maps` fetches those that are missing. A metric without its network is "not computed",
    and the reason stands beside it.
    """
    from rtbci.config_file import did_you_mean
    from rtbci.image_metrics import measure, metrics_there, pair_up
    from rtbci.training_run import TrainingRun

    there = {metric.name: metric for metric in metrics_there()}
    for name in wanted:
        if name not in there:
            near = did_you_mean(name, there) or ";"
            raise click.UsageError(f'--metric "{name}" is no metric{near} one of {", ".join(there)} would be right.')
    run = TrainingRun(say=progress(as_json))
    pairing = pair_up(shown, reconstructed, allow_missing, run)
    measured = measure(pairing.pairs, [there[name] for name in dict.fromkeys(wanted or there)], run)
    clear_progress()
    result = {
        "shown": str(shown),
        "reconstructed": str(reconstructed),
        "n": len(pairing.pairs),
        "metrics": {one.metric.name: one.as_json() for one in measured},
        "left_out": [{"file": file, "why": why} for file, why in pairing.left_out],
    }
    finish(result, "\n".join([*_table(measured), *_left_out(pairing.left_out)]), as_json)


def _table(measured: list[Any]) -> list[str]:
    wide = max(len(one.metric.title) for one in measured) + 2
    lines = [f"{'metric':<{wide}}{'value':>8}  {'N':>5}  {'chance':<6}  {'better':<6}"]
    for one in measured:
        metric = one.metric
        if one.value is None:
            lines.append(f"{metric.title:<{wide}}not computed: {one.why_not}")
            continue
        chance = "" if metric.chance is None else f"{metric.chance:g}"
        value = f"{one.value:.3f}" if abs(one.value) < 1000 else f"{one.value:.1f}"
        note = f" ({one.note})" if one.note else ""
        lines.append(
            f"{metric.title:<{wide}}{value:>8}  {one.n:>5}  {chance:<6}  {metric.better:<6}  {metric.way}{note}"
        )
    return lines


def _left_out(left_out: tuple[tuple[str, str], ...]) -> list[str]:
    if not left_out:
        return []
    more = [f"  … {len(left_out)} in all; --json names them"] if len(left_out) > SHOWN else []
    return [f"{len(left_out)} left out:", *(f"  {file}: {why}" for file, why in left_out[:SHOWN]), *more]
