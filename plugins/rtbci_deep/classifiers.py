"""The classifiers by name: each network with its arguments, and the recipe of its paper as defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from rtbci.types import Window
from rtbci_deep.classifying import Classifier
from rtbci_deep.inference.chunks import ChunkRunner
from rtbci_deep.inference.runner import Runner
from rtbci_deep.networks import ConformerChunks as ConformerNetwork
from rtbci_deep.networks import EEGNet, FunctionalNet, ShallowFBCSPNet, SimpleConv
from rtbci_deep.settings import Optimizer, Scale, Schedule, Settings
from rtbci_deep.shape import Shape


@dataclass(kw_only=True, eq=False)
class EegNet(Classifier):
    """EEGNet: temporal filters, spatial filters for each, a separable convolution. For any paradigm, with few parameters.

    `rtbci_deep.networks.EEGNet` draws it (Lawhern et al. 2018, EEGNet-8,2). Best on 0.5 to 40 Hz at 128 Hz or so; kernel and
    pool follow the stream's rate, so that half a second and 32 Hz stay what they are.

    Parameters
    ----------
    F1, D, F2 : temporal filters, spatial filters for each, and mixtures of them.
    drop_prob : .5 within a subject, .25 across subjects.
    """

    F1: int = 8
    D: int = 2
    F2: int = 16
    drop_prob: float = 0.5
    epochs: int = 300

    def _network(self, shape: Shape) -> nn.Module:
        return EEGNet(
            shape.n_chans,
            shape.n_times,
            shape.n_outputs,
            shape.rate,
            F1=self.F1,
            D=self.D,
            F2=self.F2,
            pool1_kernel_size=max(1, round(shape.rate / 32.0)),
            drop_prob=self.drop_prob,
        )


@dataclass(kw_only=True, eq=False)
class Shallow(Classifier):
    """ShallowFBCSPNet: learnt band and spatial filters, then log power. For motor imagery.

    `rtbci_deep.networks.ShallowFBCSPNet` draws it (Schirrmeister et al. 2017). Taps and pool, published for 250 Hz,
    follow the stream's rate.

    Parameters
    ----------
    n_filters_time, n_filters_spat : temporal and spatial filters.
    drop_prob : before the classifier.
    """

    n_filters_time: int = 40
    n_filters_spat: int = 40
    drop_prob: float = 0.5

    def _network(self, shape: Shape) -> nn.Module:
        def samples(at_250: int) -> int:
            return max(1, round(at_250 * shape.rate / 250.0))

        return ShallowFBCSPNet(
            shape.n_chans,
            shape.n_times,
            shape.n_outputs,
            shape.rate,
            n_filters_time=self.n_filters_time,
            filter_time_length=samples(25),
            n_filters_spat=self.n_filters_spat,
            pool_time_length=samples(75),
            pool_time_stride=samples(15),
            drop_prob=self.drop_prob,
        )


@dataclass(kw_only=True, eq=False)
class SimpleConv1d(Classifier):
    """EEG-SimpleConv: plain convolutions over time, trained with mixup. For motor imagery.

    `rtbci_deep.networks.SimpleConv` draws it (El Ouahidi et al. 2024). It wants { use = "high-pass", cutoff = 0.5 },
    { use = "resample", rate = 95 } (within a session; 70 across subjects) and { use = "euclidean-alignment" } before it.
    Trained on several subjects it also learns to tell them apart, as the paper has it.

    Parameters
    ----------
    fm, n_convs, kernel : first width, blocks and taps; [85, 1, 15] within a session, [109, 4, 8] across subjects, and
        [160, 4, 5] there with the subject head.
    subject_share : weight T of the subject head's loss; 0: no head.
    """

    fm: int = 85
    n_convs: int = 1
    kernel: int = 15
    subject_share: float = 0.2
    epochs: int = 50
    batch: int = 16
    schedule: Schedule = "step"
    mixup: bool = True

    def _network(self, shape: Shape) -> nn.Module:
        several = len(shape.subjects) > 1 and self.subject_share > 0.0
        return SimpleConv(
            shape.n_chans,
            shape.n_times,
            shape.n_outputs,
            shape.rate,
            fm=self.fm,
            n_convs=self.n_convs,
            kernel=self.kernel,
            n_subjects=len(shape.subjects) if several else None,
        )


@dataclass(kw_only=True, eq=False)
class ConformerChunks(Classifier):
    """Neuro-GPT's encoder: convolutions and attention over each chunk of a window, a classifier over all of them.

    `rtbci_deep.networks.ConformerChunks` draws it (Cui et al. 2023), for 250 Hz and chunks of 2 s. Chunks that earlier
    windows have had are not encoded again where the hop divides the chunk. ``pretrained`` takes the published weights,
    for 22 channels.

    Parameters
    ----------
    n_chunks : chunks of a window, which they must divide.
    att_depth, att_heads : attention blocks, and heads in each.
    drop_prob, att_drop_prob : of the convolutions and the classifier, and of the attention blocks.
    """

    RUNNER: ClassVar[type[Runner]] = ChunkRunner

    n_chunks: int = 2
    att_depth: int = 6
    att_heads: int = 10
    drop_prob: float = 0.5
    att_drop_prob: float = 0.5
    learning_rate: float = 1e-4
    optimizer: Optimizer = "adamw"
    weight_decay: float = 0.1
    batch: int = 32
    scale: Scale = "none"

    def _network(self, shape: Shape) -> nn.Module:
        return ConformerNetwork(
            shape.n_chans,
            shape.n_times,
            shape.n_outputs,
            shape.rate,
            n_chunks=self.n_chunks,
            att_depth=self.att_depth,
            att_heads=self.att_heads,
            drop_prob=self.drop_prob,
            att_drop_prob=self.att_drop_prob,
        )

    def _said(self, window: Window) -> NDArray[np.float32]:
        runner = self._ready()
        self._check_shape(window.samples.shape)
        assert isinstance(runner, ChunkRunner)
        return runner.at(window.samples, window.start)


@dataclass(kw_only=True, eq=False)
class Fnn(Classifier):
    """A functional neural network: smooth filters made of Legendre polynomials, and the mean over time.

    `rtbci_deep.networks.FunctionalNet` draws it (Heinrichs et al. 2023). What it says does not depend on when within the
    window something happens, which suits windows whose onset is not known.

    Parameters
    ----------
    n_filters, n_functions, taps : of each convolution: filters, basis functions, samples.
    basis : of the convolutions, "legendre" or "fourier".
    dense_functions : 1 for weights that do not change along the window; more make them smooth functions of time.
    """

    n_filters: list[int] = field(default_factory=lambda: [20, 5])
    n_functions: list[int] = field(default_factory=lambda: [8, 12])
    taps: list[int] = field(default_factory=lambda: [32, 64])
    basis: str = "legendre"
    dense_functions: int = 1

    def _network(self, shape: Shape) -> nn.Module:
        return FunctionalNet(
            shape.n_chans,
            shape.n_times,
            shape.n_outputs,
            shape.rate,
            n_filters=self.n_filters,
            n_functions=self.n_functions,
            taps=self.taps,
            basis=self.basis,
            dense_functions=self.dense_functions,
        )


__all__ = ["ConformerChunks", "EegNet", "Fnn", "Settings", "Shallow", "SimpleConv1d"]
