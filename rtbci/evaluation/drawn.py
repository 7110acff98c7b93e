"""What a renderer makes of what decoders say was seen, drawn of presentations as it would have been live, and measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci import plugins
from rtbci.bank import Bank
from rtbci.config import Experiment
from rtbci.errors import BankError, RtbciError
from rtbci.evaluation.markup import cell, count, figure, table
from rtbci.evaluation.nouns import Outcome
from rtbci.image_metrics import measure, metrics_there
from rtbci.image_metrics.pairs import Pair

MOST = 300
"""Presentations of one decoder that are drawn, evenly spread: a network may take seconds for each."""


def measured(
    experiment: Experiment, outcomes: Sequence[Outcome], out: Path, progress: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """By decoder, what its drawn pictures are worth; they are kept in ``out/pictures/DECODER``.

    Nothing without a ``[renderer]``, and of decoders whose windows slide, which say of no picture that it was it. The
    control, ``shuffled``, holds each drawn picture against another presentation's.

    Raises
    ------
    RtbciError
        Where the renderer cannot draw from this bank, or a picture cannot be written.
    """
    if experiment.renderer is None or experiment.bank is None:
        return {}
    by_decoder: dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]] = {}
    for name in dict.fromkeys(outcome.decoder for outcome in outcomes):
        own = [s for outcome in outcomes if outcome.decoder == name for s in outcome.stretches if len(s.seen_truth)]
        if own:
            truth, seen = np.concatenate([s.seen_truth for s in own]), np.concatenate([s.seen for s in own])
            by_decoder[name] = truth[:: -(-len(truth) // MOST)], seen[:: -(-len(truth) // MOST)]
    if not by_decoder:
        return {}
    bank, use = Bank.open(experiment.resolve(experiment.bank.path)), experiment.renderer.use
    renderer = prepared(experiment)
    found = {}
    for name, (truth, seen) in by_decoder.items():
        progress(f"{name}: drawing {len(truth)} pictures")
        pairs = _draw(renderer, bank, truth, seen, out / "pictures" / name)
        found[name] = {"renderer": use, "n": len(pairs), "metrics": _measure(pairs)}
    return found


def prepared(experiment: Experiment) -> Any:
    """The experiment's renderer, ready to draw from its bank, or None where it has none. Raises RtbciError."""
    if experiment.renderer is None or experiment.bank is None:
        return None
    use, args = experiment.renderer.use, experiment.renderer.args
    renderer: Any = plugins.make("renderers", use, args, experiment.base, f"{experiment.file}: [renderer]")
    renderer.prepare(experiment.resolve(experiment.bank.path))
    return renderer


def _draw(renderer: Any, bank: Bank, truth: NDArray[np.int64], seen: NDArray[np.float32], folder: Path) -> list[Pair]:
    """Draw each embedding of ``seen``, and put the picture beside the thumbnail of what was shown."""
    from PIL import Image

    pairs = []
    try:
        for kind in ("shown", "drawn"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        for k, (item, embedding) in enumerate(zip(truth.tolist(), seen, strict=True)):
            pixels = renderer.render(embedding, lambda: True)
            if pixels is None:
                raise BankError(f"the renderer drew nothing of presentation {k}, though nobody interrupted it")
            name = f"{k:05d}"
            shown, drawn = folder / "shown" / f"{name}.jpg", folder / "drawn" / f"{name}.png"
            shown.write_bytes(bank.thumbnail(item))
            Image.fromarray(np.asarray(pixels)).save(drawn)
            pairs.append(Pair(name, shown, drawn))
    except OSError as error:
        raise RtbciError(
            f"{folder}: pictures cannot be kept ({error.strerror}); a disk with room would be right"
        ) from error
    return pairs


def _measure(pairs: Sequence[Pair]) -> dict[str, dict[str, Any]]:
    """All metrics of ``pairs``, and the same of drawn pictures held against other presentations."""
    metrics = metrics_there()
    own = measure(pairs, metrics)
    half = len(pairs) // 2
    order = [*range(half, len(pairs)), *range(half)]
    others = [Pair(pair.name, pairs[k].shown, pair.reconstructed) for k, pair in zip(order, pairs, strict=True)]
    control = measure(others, [one.metric for one in own if one.value is not None]) if half else []
    shuffled = {one.metric.name: one.value for one in control}
    return {one.metric.name: {**one.as_json(), "shuffled": shuffled.get(one.metric.name)} for one in own}


def section(summary: Mapping[str, Mapping[str, Any]]) -> str:
    """The table of all decoders whose pictures were drawn."""
    header = [
        (head, "") for head in ("decoder", "renderer", "metric", "better", "pictures", "value", "shuffled", "note")
    ]
    rows = []
    for name, one in summary.items():
        if "pictures" not in one:
            continue
        for metric, said in one["pictures"]["metrics"].items():
            value = "not computed" if said["not_computed"] else f"{said['value']:.3f}"
            shuffled = "" if said["shuffled"] is None else f"{said['shuffled']:.3f}"
            why = said["not_computed"] or said["note"] or ""
            cells = (name, one["pictures"]["renderer"], metric, said["better"], count(said["n"]), value, shuffled, why)
            rows.append([cell(text) for text in cells])
    caption = (
        "What the renderer made of each presentation, as it would have been live, held against the thumbnail of what was "
        "shown. Shuffled: held against another presentation's. What a picture looks like says more about the renderer than "
        "about the brain: a control that is as good means that nothing was decoded. The pictures are in the report's folder."
    )
    return figure(table(header, rows, numbers_from=8), caption)
