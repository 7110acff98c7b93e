"""Federated averaging: several sites train one network without showing each other their recordings.

A network's arrays are named ``shared/…`` (the part that all sites have in common) and ``local/…`` (the input block,
which belongs to a montage and to people). In each round every site trains on its own recordings from the shared part of
the last round and its own local part; then the shared parts are averaged, each counting as much as the site has
windows::

    shared ──► site A: train an epoch ──► shared A ─┐
           ──► site B: train an epoch ──► shared B ─┴─► weighted mean = shared of the next round

Source: McMahan et al., AISTATS 2017 (FedAvg); for EEG with a local part at each site Liu et al. 2024 (FLEEG). What
travels are model files, so a round can be made by hand as well: `rtbci train --from`, then `average`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci import assemble, training
from rtbci import model as models
from rtbci.asking import blamed_on, name_of
from rtbci.errors import ConfigError, ModelError
from rtbci.experiment import DecoderConfig, Experiment
from rtbci.interfaces import FitsConfidence, KnowsStream, Learns, Saves
from rtbci.model import Model
from rtbci.spool import Room
from rtbci.training_run import TrainingRun
from rtbci.training_set import Piece

SHARED = "shared/"
MEANING = ("classes", "window", "lock", "offset", "baseline", "space_id")
"""What must be alike in models for the mean of their weights to mean anything."""
Arrays = Mapping[str, NDArray[Any]]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Averaged:
    """What `average` made: of which decoder, weights of the models in the order given, and how many arrays were averaged."""

    decoder: str
    weights: tuple[float, ...]
    arrays: int


def average(paths: Sequence[Path], out: Path, equal: bool = False) -> list[Averaged]:
    """Write to ``out`` the first of the model files ``paths`` with the mean of all their shared parts.

    Parameters
    ----------
    equal : whether every model counts alike; otherwise as much as the windows that it was trained on.

    Raises
    ------
    ModelError
        When there are fewer than two, a decoder is missing in one of them, is another network or has other classes or
        windows, or nothing is shared.
    """
    if len(paths) < 2:
        raise ModelError(f"{len(paths)} model to average; two or more would be right")
    manifests = [models.read_manifest(path) for path in paths]
    made: list[Averaged] = []
    new: dict[str, dict[str, NDArray[Any]]] = {}
    for name, entry in manifests[0].items():
        for path, manifest in zip(paths, manifests, strict=True):
            if name not in manifest or manifest[name]["use"] != entry["use"]:
                raise ModelError(
                    f'{path}: has no decoder "{name}" of "{entry["use"]}" as {paths[0]} has; models of one experiment '
                    "would be right"
                )
            for what in MEANING:
                ours, theirs = entry.get(what), manifest[name].get(what)
                if theirs != ours:
                    raise ModelError(
                        f'{path}: {what} of decoder "{name}" is {_shown(theirs)}, in {paths[0]} {_shown(ours)}; models of '
                        "one experiment would be right"
                    )
        arrays = [models.read_arrays(path, name) for path in paths]
        weights = [1.0 if equal else float(_windows(manifest[name])) for manifest in manifests]
        shares = tuple(weight / sum(weights) for weight in weights)
        shared = _mean(arrays, shares, paths, name)
        new[name] = {**arrays[0], **shared}
        made.append(Averaged(name, shares, len(shared)))
    trained_on = {name: [one for m in manifests for one in m[name]["trained_on"]] for name in new}
    models.save_arrays(out, paths[0], new, federated=[path.name for path in paths], trained_on=_only(trained_on))
    return made


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else "not there" if value is None else str(value)


def _only(trained_on: Mapping[str, list[Any]]) -> list[Any]:
    """The recordings behind an average: those of its decoders, which are the same for all of one experiment."""
    return next(iter(trained_on.values()))


def _windows(entry: Mapping[str, Any]) -> int:
    """Windows that a model was trained on."""
    return models.counted(entry["trained_on"], "windows") or 1


def _mean(
    arrays: Sequence[Arrays], shares: Sequence[float], paths: Sequence[Path], decoder: str
) -> dict[str, NDArray[Any]]:
    names = [name for name in arrays[0] if name.startswith(SHARED)]
    if not names:
        raise ModelError(f'{paths[0]}: decoder "{decoder}" has no shared part; a network would be right')
    mean: dict[str, NDArray[Any]] = {}
    for name in names:
        for path, one in zip(paths, arrays, strict=True):
            if name not in one or one[name].shape != arrays[0][name].shape:
                came = one[name].shape if name in one else "not there"
                raise ModelError(
                    f'{path}: {name} of decoder "{decoder}" is {came}, in {paths[0]} {arrays[0][name].shape}; '
                    "the same network, window and classes would be right"
                )
        first = arrays[0][name]
        if first.dtype.kind != "f":  # counters of batches
            mean[name] = first
            continue
        total = sum(share * one[name].astype(np.float64) for share, one in zip(shares, arrays, strict=True))
        mean[name] = np.asarray(total).astype(first.dtype)
    return mean


@dataclass(frozen=True, slots=True)
class Federated:
    """What `rounds` made: the shared model, each site's own, and the windows of each site."""

    model: Path
    sites: Mapping[str, Path]
    windows: Mapping[str, int]
    rounds: int

    def as_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return {
            "model": str(self.model),
            "sites": {name: str(path) for name, path in self.sites.items()},
            "windows": dict(self.windows),
            "rounds": self.rounds,
        }


def rounds(
    experiment: Experiment,
    sites: Mapping[str, Sequence[Piece | Path]],
    out: Path,
    *,
    n_rounds: int,
    epochs: int = 1,
    equal: bool = False,
    progress: Progress = lambda text: None,
) -> Federated:
    """Run all rounds here, site by site, and write the shared model to ``out`` and each site's own beside it.

    A site's model is the last shared part with the site's own local part; that of ``out`` has the first site's.

    Raises
    ------
    ConfigError
        When there are fewer than two sites, or a decoder of the experiment is no network.
    DecoderError, SourceError, ModelError
        As `rtbci.training.train`; nothing is written then.
    """
    if len(sites) < 2:
        raise ConfigError(f"{len(sites)} site to federate; two or more would be right: --site A=FOLDER --site B=FOLDER")
    own = {name: out.with_name(f"{out.stem}.{name}{out.suffix}") for name in sites}
    pieces = [one if isinstance(one, Piece) else Piece(one) for recordings in sites.values() for one in recordings]
    for path in (out, *own.values()):
        training.refuse_loss(experiment, pieces, path)
    for config in experiment.decoders:
        if not isinstance(assemble.make_decoder(experiment, config), Learns):
            table = assemble.where(experiment, f'[[decoder]] "{config.name}"')
            raise ConfigError(
                f'{table} use = "{config.use}": is no network, and has no shared part; an experiment of networks alone '
                "would be right"
            )
    windows: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        scratch = Path(folder)
        begins: dict[str, Path | None] = dict.fromkeys(sites)
        for number in range(1, n_rounds + 1):
            for name, recordings in sites.items():
                progress(f"round {number}/{n_rounds}, site {name}")
                options = training.Options(begin=begins[name], resume=False)
                short = _short(experiment, epochs, seed_by=number)
                report = training.train(short, recordings, scratch / f"{name}.rtbci", progress, options)
                windows[name] = report.windows
            trained = [scratch / f"{name}.rtbci" for name in sites]
            average(trained, scratch / "shared.rtbci", equal)
            for name in sites:
                begins[name] = _joined(scratch / "shared.rtbci", scratch / f"{name}.rtbci", scratch / f"{name}.begin")
        finished: dict[str, Path] = {}
        for name, recordings in sites.items():
            progress(f"site {name}: how sure its network may be")
            begin = begins[name]
            assert begin is not None, "there was a round"
            finished[name] = _as_said(experiment, begin, recordings, scratch / f"{name}.finished")
        for name, path in finished.items():
            models.save_arrays(own[name], path, {})
        models.save_arrays(out, finished[next(iter(sites))], {})
    return Federated(out, own, windows, n_rounds)


def _short(experiment: Experiment, epochs: int, seed_by: int) -> Experiment:
    """The experiment with ``epochs`` for every decoder, no early stopping, and another order of the windows each round."""

    def changed(config: DecoderConfig) -> DecoderConfig:
        seed = config.args.get("seed", 0)
        args = {**config.args, "epochs": epochs, "patience": 0, "refit": False, "seed": int(seed) + seed_by}
        return replace(config, args=args)

    return replace(experiment, decoders=tuple(changed(config) for config in experiment.decoders))


def _joined(shared: Path, local: Path, out: Path) -> Path:
    """A model with the shared part of one file and all else of the other."""
    new = {}
    for name in models.read_manifest(local):
        own, common = models.read_arrays(local, name), models.read_arrays(shared, name)
        new[name] = {**own, **{key: value for key, value in common.items() if key.startswith(SHARED)}}
    models.save_arrays(out, local, new)
    return out


def _as_said(experiment: Experiment, path: Path, recordings: Sequence[Piece | Path], out: Path) -> Path:
    """Write the model at ``path`` to ``out`` with the arguments of the ``experiment``, not those of a round.

    Its weights are others than those that any site has trained, so how sure it may be, and how sure it is of rest, are those
    of another network: they are fitted anew on what each training has held out of the site's ``recordings``.
    """
    new: dict[str, Model] = {}
    for config in experiment.decoders:
        gathered = training.gather(experiment, config, recordings, room=Room(folder=out.parent))
        data, decoder = gathered.data, assemble.make_decoder(experiment, config)
        table = assemble.where(experiment, f'[[decoder]] "{config.name}"')
        run = TrainingRun()
        with blamed_on(f"{table}: {name_of(decoder)}.fit_confidence"):
            if isinstance(decoder, Saves):
                decoder.restore(models.read_arrays(path, config.name))
            if isinstance(decoder, KnowsStream):
                decoder.prepare(data.info, data.n_samples, len(experiment.classes))
            if isinstance(decoder, FitsConfidence):
                decoder.fit_confidence(data, run)
        index = assemble.open_bank(experiment, config, decoder)
        new[config.name] = models.make(
            config,
            decoder,
            classes=tuple(experiment.classes),
            signature=models.signature_of(data.picked),
            trained_on=models.read_manifest(path)[config.name]["trained_on"],
            calibrated=gathered.calibrated,
            rest=training.rest_for(experiment, config, decoder, data, run, index),
        )
    models.save(out, new)
    return out
