"""Decoders of rtbci as scikit-learn classifiers, so that MOABB's evaluations can compare them with others' pipelines.

>>> from rtbci.moabb_pipeline import RtbciClassifier
>>> pipelines = {"rtbci tangent": make_pipeline(RtbciClassifier("tangent", estimator="oas", sfreq=250.0))}
>>> WithinSessionEvaluation(paradigm=LeftRightImagery(resample=250), datasets=[dataset]).process(pipelines)

The decoder is the one that decides live; what MOABB does around it (zero-phase filters, folds at random) is MOABB's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from rtbci.asking import blamed_on, log_probs_of, name_of
from rtbci.interfaces import Decoder, KnowsStream
from rtbci.plugins import make
from rtbci.types import Channel, Samples, StreamInfo, Window


class RtbciClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Any decoder of rtbci behind ``fit``, ``predict`` and ``predict_proba``.

    Every trial is decided as a window that begins at index 0, so what is said of it does not depend on the others.

    Parameters
    ----------
    decoder : as ``use`` in an experiment: an entry point's name, ``package.module:Class`` or ``./file.py:Class``.
    sfreq : sampling rate of the trials in Hz, which an array does not say.
    channels : names of the channels; None for "1", "2", ….
    arguments : of the decoder, as in the experiment's ``[[decoder]]`` table. They are parameters of this estimator like the
        three above (`get_params`, `set_params`, grids).

    Attributes
    ----------
    classes_ : (n_classes,) labels in the order of the columns of ``predict_proba``.
    decoder_ : the fitted decoder.
    n_channels_, n_times_ : shape of the trials that it was fitted on.
    """

    def __init__(
        self, decoder: str = "mdm", *, sfreq: float = 250.0, channels: list[str] | None = None, **arguments: Any
    ) -> None:
        self.decoder = decoder
        self.sfreq = sfreq
        self.channels = channels
        self.arguments = arguments

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = False, True
        return tags

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Names and values of all parameters, the decoder's arguments that were given among them."""
        return {"decoder": self.decoder, "sfreq": self.sfreq, "channels": self.channels, **self.arguments}

    def set_params(self, **params: Any) -> RtbciClassifier:
        """Change parameters. What the decoder does not take is refused when it is fitted, where its names are known."""
        for name, value in params.items():
            if name in ("decoder", "sfreq", "channels"):
                setattr(self, name, value)
            else:
                self.arguments = {**self.arguments, name: value}
        return self

    def fit(self, X: Any, y: Any) -> RtbciClassifier:
        """Fit a new decoder on trials.

        Parameters
        ----------
        X : (n_trials, n_channels, n_times), microvolts, as MOABB's paradigms give them.
        y : (n_trials,) labels of any kind.

        Raises
        ------
        ValueError
            For arrays that are no trials with labels.
        ConfigError, DecoderError
            When the decoder cannot be made of the arguments, or cannot learn from these trials.
        """
        windows = _windows(X)
        check_classification_targets(y)
        self.classes_, labels = np.unique(np.asarray(y), return_inverse=True)
        if labels.shape != (len(windows),):
            raise ValueError(f"y has shape {np.shape(y)}; ({len(windows)},), a label for each trial, would be right")
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class, {self.classes_.tolist()}; two or more classes would be right")
        names = self.channels if self.channels is not None else [str(i + 1) for i in range(windows.shape[1])]
        if len(names) != windows.shape[1]:
            raise ValueError(f"channels holds {len(names)} names, but trials have {windows.shape[1]} channels")
        made: Decoder = make("decoders", self.decoder, self.arguments, None, f'RtbciClassifier("{self.decoder}")')
        info = StreamInfo("trials", float(self.sfreq), tuple(Channel(name) for name in names))
        with blamed_on(f"{name_of(made)}.fit"):
            if isinstance(made, KnowsStream):
                made.prepare(info, windows.shape[2], len(self.classes_))
            made.fit(windows, labels.astype(np.int64))
        self.decoder_ = made
        self.n_channels_, self.n_times_ = windows.shape[1:]
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities (n_trials, n_classes) of the trials ``X`` (n_trials, n_channels, n_times), microvolts."""
        check_is_fitted(self, "decoder_")
        windows = _windows(X)
        if windows.shape[1:] != (self.n_channels_, self.n_times_):
            raise ValueError(
                f"trials of {windows.shape[1]} channels and {windows.shape[2]} samples; the decoder was fitted on "
                f"{self.n_channels_} and {self.n_times_}"
            )
        n_times = windows.shape[2]
        end = (n_times - 1) / float(self.sfreq)
        said = np.empty((len(windows), len(self.classes_)))
        for i, samples in enumerate(windows):
            window = Window(samples, start=0, sample=n_times - 1, time=end, arrival=end, fresh=n_times)
            said[i] = np.exp(log_probs_of(self.decoder_, window, len(self.classes_)))
        return said

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable label (n_trials,) of each trial of ``X`` (n_trials, n_channels, n_times), microvolts."""
        probabilities = self.predict_proba(X)
        predicted: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return predicted


def _windows(X: Any) -> Samples:
    """Trials as windows (n_trials, n_channels, n_times) float32, read-only. Raises ValueError."""
    try:
        trials = np.asarray(X)
        windows = np.array(trials, np.float32, order="C")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"X is no array of numbers ({error}); (n_trials, n_channels, n_times) would be right"
        ) from error
    if windows.ndim != 3 or 0 in windows.shape:
        raise ValueError(
            f"X has shape {windows.shape}; (n_trials, n_channels, n_times), none of them 0, would be right"
        )
    if np.iscomplexobj(trials) or not np.isfinite(windows).all():
        raise ValueError("X holds values that are complex, NaN or infinite; finite microvolts would be right")
    windows.flags.writeable = False
    return windows
