"""One subject of a MOABB dataset: found by name, downloaded where it must be, brought into volts with named events.

The label of an event is the dataset's name of it ("left_hand"), never the number of its trigger: of the SSVEP datasets some
call a frequency "8" that is not trigger 8, so trigger channels are left out. An event stays at the instant of the dataset's
trigger. MOABB counts a trial from there by ``dataset.interval``, such as [2, 6], which as ``[trial]`` is ``start = 2``,
``stop = 6``.

S. Aristimunha et al., "Mother of all BCI Benchmarks" (MOABB), Zenodo 10.5281/zenodo.10034223.
"""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from rtbci.config_file import did_you_mean
from rtbci.errors import SourceError
from rtbci.sources.reader import one_line

WITHOUT = "moabb is not installed; it comes with pip install 'rtbci[moabb]'"
_NETWORK = frozenset(
    {"ConnectionError", "ConnectTimeout", "HTTPError", "MaxRetryError", "NameResolutionError", "SSLError"}
)
"""Names of the exceptions of requests and urllib3 that mean that a download failed."""

_VOLTS = ("eeg", "eog", "emg", "ecg")


def find_dataset(name: str) -> Any:
    """Make MOABB's dataset ``name``, a class's name or a dataset's code (BNCI2014_001, BNCI2014-001). Raises SourceError."""
    with quiet():
        try:
            import moabb.datasets.utils as registry
        except ImportError as error:
            missing = WITHOUT if error.name == "moabb" else f"moabb cannot be imported ({one_line(error)})"
            raise SourceError(f"moabb:{name}: {missing}") from error
        classes = registry.dataset_dict
        by_letters = {_letters(known): known for known in classes}
        known = name if name in classes else by_letters.get(_letters(name))
        if known is None:
            near = did_you_mean(name, classes) or ";"
            raise SourceError(
                f'moabb:{name}: MOABB has no dataset "{name}"{near} those that it has are listed at moabb.neurotechx.com'
            )
        try:
            return classes[known]()
        except Exception as error:  # a dataset's constructor is a stranger's code
            raise SourceError(
                f"moabb:{name}: cannot be made: {one_line(error)}; another dataset would be right"
            ) from error


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def load(dataset: Any, subject: Any) -> dict[str, dict[str, Any]]:
    """The raw recordings (mne.io.Raw) of ``subject`` by session and run, annotated with the dataset's events.

    Raises SourceError when they cannot be downloaded or read.
    """
    from moabb.datasets.bids_interface import StepType
    from moabb.datasets.preprocessing import FixedPipeline, SetRawAnnotations

    code = type(dataset).__name__
    begin, end = dataset.interval
    # from 0: MOABB would move the markers by the interval's begin
    events = SetRawAnnotations(dataset.event_id, interval=(0.0, float(end) - float(begin)))
    with quiet():
        try:
            loaded = dataset.get_data([subject], process_pipeline=FixedPipeline([(StepType.RAW, events)]))
        except Exception as error:  # downloads and loaders of more than a hundred authors
            raise SourceError(_why(code, subject, error)) from error
    return {
        session: {run: _prepared(dataset, raw) for run, raw in of.items()} for session, of in loaded[subject].items()
    }


def _why(code: str, subject: Any, error: BaseException) -> str:
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    if any(kind.__name__ in _NETWORK for one in causes for kind in type(one).__mro__):
        return (
            f"moabb:{code}: cannot download subject {subject} ({one_line(causes[-1])[:160]}); with a network, or with the "
            "files where MOABB keeps them (MNE_DATA), it can be had"
        )
    return f"moabb:{code}: cannot load subject {subject}: {type(error).__name__}: {one_line(error)}; another would be right"


def _prepared(dataset: Any, raw: Any) -> Any:
    """``raw`` in volts and without triggers, whose numbers could be taken for the names of events."""
    raw.load_data(verbose="error")
    triggers = [name for name, kind in zip(raw.ch_names, raw.get_channel_types(), strict=True) if kind == "stim"]
    raw.drop_channels(triggers)
    to_volt = float(dataset.unit_factor) * 1e-6  # MOABB's factor leads to microvolts
    if abs(to_volt - 1.0) > 1e-9:
        volts = [name for name, kind in zip(raw.ch_names, raw.get_channel_types(), strict=True) if kind in _VOLTS]
        raw.apply_function(lambda values: values * to_volt, picks=volts, verbose="error")
    return raw


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing on the standard output, which may be JSON; no advice of MNE's or MOABB's; downloads show on standard error."""
    import mne

    logger = logging.getLogger("moabb")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(sys.stderr), warnings.catch_warnings(), mne.use_log_level("error"):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
