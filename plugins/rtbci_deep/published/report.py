"""What became of every tensor of a published file, and of every tensor of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rtbci.errors import DecoderError

NAMED = 3
"""So many names stand in the text before "and n more"."""


@dataclass(frozen=True, slots=True)
class WrongShape:
    """A tensor that was not copied, for its shape; ours stays as it was."""

    theirs: str
    their_shape: tuple[int, ...]
    ours: str
    our_shape: tuple[int, ...]

    def __str__(self) -> str:
        """Both shapes in a line."""
        return f"{self.ours} is {self.our_shape}, theirs ({self.theirs}) {self.their_shape}"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Each tensor of theirs is in one of the first three lists, each of ours in ``matched``, ``wrong_shape`` or ``missing``.

    Attributes
    ----------
    publication, source : whose weights; the files they were read from.
    matched : their name -> ours, copied.
    not_used : their name -> why not.
    wrong_shape : those that do not fit.
    missing : ours that nothing in the file stands for.
    logit_scale : the number of that name in the file as it stands, which belongs to the published loss.
    notes : what a person should know before relying on the network.
    """

    publication: str
    source: str
    matched: Mapping[str, str]
    not_used: Mapping[str, str]
    wrong_shape: tuple[WrongShape, ...]
    missing: tuple[str, ...]
    logit_scale: float | None = None
    notes: tuple[str, ...] = ()

    def as_text(self) -> str:
        """A few lines for a person."""
        n_ours = len(self.matched) + len(self.wrong_shape) + len(self.missing)
        lines = [f"{self.publication} from {self.source}: {len(self.matched)} of the network's {n_ours} tensors copied"]
        lines += [f"wrong shape, left as it was: {wrong}" for wrong in self.wrong_shape]
        if self.missing:
            lines.append(f"nothing in the file for: {_some(self.missing)}")
        for reason in dict.fromkeys(self.not_used.values()):
            lines.append(f"not used ({reason}): {_some(n for n, why in self.not_used.items() if why == reason)}")
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)

    def raise_if_empty(self) -> None:
        """Raise DecoderError where not one tensor was copied."""
        if not self.matched:
            why = f"; {self.wrong_shape[0]}" if self.wrong_shape else ""
            raise DecoderError(f"{self.source}: none of the tensors of {self.publication} fits this network{why}")


def _some(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more
