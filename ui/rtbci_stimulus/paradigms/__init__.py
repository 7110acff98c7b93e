"""The paradigms by name. Each is a frozen dataclass of settings whose ``schedule(rate, seed)`` is a pure function."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

from rtbci.config_file import did_you_mean
from rtbci.errors import ConfigError
from rtbci_stimulus.paradigms.motor_imagery import MotorImagery
from rtbci_stimulus.paradigms.p300_matrix import P300Matrix
from rtbci_stimulus.paradigms.resting import Resting
from rtbci_stimulus.paradigms.rsvp import Rsvp
from rtbci_stimulus.paradigms.ssvep import Ssvep
from rtbci_stimulus.schedule import Schedule
from rtbci_stimulus.settings import read

Paradigm = MotorImagery | Rsvp | P300Matrix | Ssvep | Resting
PARADIGMS: Mapping[str, type[Paradigm]] = {cls.name: cls for cls in (MotorImagery, Rsvp, P300Matrix, Ssvep, Resting)}
"""All there are, by the name that ``use`` and ``--paradigm`` take."""


class Presentable(Protocol):
    """What a paradigm is to whoever presents it."""

    name: ClassVar[str]
    title: ClassVar[str]

    def schedule(self, rate: float, seed: int) -> Schedule:
        """All steps for a display of ``rate`` Hz, in the order that ``seed`` gives. Raises ConfigError."""
        ...


def kind(name: str) -> type[Paradigm]:
    """The paradigm called ``name``. Raises ConfigError that names those there are."""
    if name not in PARADIGMS:
        near = did_you_mean(name, PARADIGMS) or ";"
        raise ConfigError(f'"{name}" is no paradigm{near} there are {", ".join(PARADIGMS)}')
    return PARADIGMS[name]


def make(
    use: str,
    values: Mapping[str, Any],
    *,
    classes: Mapping[str, tuple[str, ...]] | None = None,
    base: Path = Path(),
    file: str = "paradigm",
) -> Paradigm:
    """Make the paradigm ``use`` of a table's ``values``.

    ``classes`` are those of an experiment, with their marker labels: where the table says nothing about classes and labels,
    they are shown and sent. Relative paths start at ``base``; ``file`` is what errors name. Raises ConfigError.
    """
    cls = kind(use)
    given = dict(values) if classes is None else cls.for_classes(values, classes)
    paths = {key: str(base / Path(str(given[key])).expanduser()) for key in cls.paths if given.get(key)}
    return read(cls, given | paths, file=file)
