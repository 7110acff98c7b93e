"""From a published file to our network: read, recognise, rename, check shapes, copy what fits, report the rest."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path

import torch
from torch import Tensor, nn

from rtbci.errors import DecoderError
from rtbci_deep.published import atm, neurogpt, nice
from rtbci_deep.published.checkpoint import read_checkpoint
from rtbci_deep.published.publication import Publication
from rtbci_deep.published.report import ImportReport, WrongShape

# in this order: ATM-S holds NICE's names as well
PUBLICATIONS = (atm.PUBLICATION, neurogpt.PUBLICATION, nice.PUBLICATION)

AnyPath = str | os.PathLike[str]


def load_published(path_or_paths: AnyPath | Sequence[AnyPath], network: nn.Module) -> ImportReport:
    """Copy into ``network`` what fits of one published checkpoint, or of NICE's pair of files.

    Tensors of another shape stay as they were, and so does everything if an error is raised. Axes of length 1 do not make
    another shape: a convolution of one tap fills a linear layer. Values are converted to the network's dtype and device.

    Parameters
    ----------
    path_or_paths : ``.pth``, ``.pt``, ``.bin`` or ``.safetensors``; pickled files are read as tensors only.
    network : one of `rtbci_deep.networks`, of the publication's kind.

    Raises
    ------
    DecoderError
        A file that is missing, damaged or no checkpoint, one of no publication known here, one of another than the
        network's, two that hold the same names, or values that are not finite.
    """
    paths = [Path(p) for p in ([path_or_paths] if isinstance(path_or_paths, (str, os.PathLike)) else path_or_paths)]
    if not paths:
        raise DecoderError("no file to import weights from; a checkpoint, or NICE's pair, would be right")
    source = " and ".join(path.name for path in paths)
    tensors = _together(paths)
    publication = _recognised(tensors, source)
    if not isinstance(network, publication.network):
        raise DecoderError(
            f"{source} holds weights of {publication.name}, the network is a {type(network).__name__}; "
            f"{publication.network.__name__} would be right"
        )
    return _copied(tensors, network, publication, source)


def _together(paths: Sequence[Path]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for path in paths:
        found = read_checkpoint(path)
        if nice.is_image_projection(found):
            found = {f"{nice.IMAGE_PROJECTION}{name}": tensor for name, tensor in found.items()}
        twice = sorted(tensors.keys() & found.keys())
        if twice:
            raise DecoderError(
                f'{path.name} and a file before it both hold "{twice[0]}"; '
                "one checkpoint, or NICE's Enc_eeg_cls.pth and Proj_eeg_cls.pth, would be right"
            )
        tensors |= found
    return tensors


def _recognised(tensors: Mapping[str, Tensor], source: str) -> Publication:
    for publication in PUBLICATIONS:
        if publication.recognises(tensors):
            return publication
    looked_for = ", ".join(f"{p.name} ({' or '.join(p.marks)}…)" for p in PUBLICATIONS)
    raise DecoderError(
        f'{source} is of no publication known here: its {len(tensors)} tensors begin with "{next(iter(tensors))}"; '
        f"looked for {looked_for}"
    )


def _copied(tensors: Mapping[str, Tensor], network: nn.Module, publication: Publication, source: str) -> ImportReport:
    own = network.state_dict()
    matched: dict[str, str] = {}
    not_used: dict[str, str] = {}
    wrong: list[WrongShape] = []
    for theirs, tensor in tensors.items():
        ours = publication.ours(theirs)
        if ours is None or ours not in own:
            not_used[theirs] = publication.why_not(theirs)
        elif _without_ones(tensor.shape) != _without_ones(own[ours].shape):
            wrong.append(WrongShape(theirs, tuple(tensor.shape), ours, tuple(own[ours].shape)))
        elif tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise DecoderError(f'{source}: "{theirs}" holds values that are not finite; the file is damaged')
        else:
            matched[theirs] = ours
    with torch.no_grad():
        for theirs, ours in matched.items():
            own[ours].copy_(tensors[theirs].reshape(own[ours].shape))
    spoken_for = {*matched.values(), *(w.ours for w in wrong)}
    scale = tensors.get("logit_scale")
    return ImportReport(
        publication=publication.name,
        source=source,
        matched=matched,
        not_used=not_used,
        wrong_shape=tuple(wrong),
        # what a batch norm has counted changes nothing that it computes; old checkpoints lack it
        missing=tuple(n for n in own if n not in spoken_for and not n.endswith("num_batches_tracked")),
        logit_scale=None if scale is None or scale.numel() != 1 else float(scale),
        notes=(*_other_settings(network, publication), *publication.notes(network)),
    )


def _without_ones(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def _other_settings(network: nn.Module, publication: Publication) -> tuple[str, ...]:
    return tuple(
        f"{name} is {value}, published with {published}: the same weights, but another function"
        for name, published in publication.settings.items()
        if (value := attrgetter(name)(network)) != published
    )
