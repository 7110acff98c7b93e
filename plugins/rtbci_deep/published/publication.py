"""What an importer has to know of a publication: how to recognise it, and which name of theirs is which of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from torch import nn

UNUSED = "declared, but not used in the published forward"
OF_THE_LOSS = "belongs to the published loss"
UNKNOWN = "no tensor of our network stands for it"


@dataclass(frozen=True, slots=True)
class Publication:
    """One published network.

    Attributes
    ----------
    name : for people.
    network : our class for it.
    marks : a name that begins with one of these is found in its files only.
    renames : beginnings of their names, as regular expressions -> beginnings of ours.
    not_used : beginnings of their names, as regular expressions -> why they are not used.
    settings : attributes of our network, dotted, that no tensor's shape would betray -> published values.
    notes : what a person should know of this network, given our instance.
    """

    name: str
    network: type[nn.Module]
    marks: tuple[str, ...]
    renames: Mapping[str, str]
    not_used: Mapping[str, str]
    settings: Mapping[str, int]
    notes: Callable[[nn.Module], tuple[str, ...]] = field(default=lambda network: ())

    def recognises(self, names: Collection[str]) -> bool:
        """Whether a file that holds these ``names`` is of this publication."""
        return any(name.startswith(self.marks) for name in names)

    def ours(self, theirs: str) -> str | None:
        """Our name for ``theirs``, or None where it is not used."""
        for beginning, replacement in self.renames.items():
            renamed, n_found = re.subn(rf"\A{beginning}", replacement, theirs)
            if n_found:
                return renamed
        return None

    def why_not(self, theirs: str) -> str:
        """Why ``theirs`` is not used."""
        for beginning, reason in self.not_used.items():
            if re.match(beginning, theirs):
                return reason
        return UNKNOWN
