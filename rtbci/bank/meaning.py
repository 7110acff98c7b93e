"""What a marker's label means in a bank: one of its items, one of its classes, both or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rtbci.bank.bank import Bank


class Meaning:
    """Looks labels up in ``bank``, for an experiment whose ``classes`` have the marker labels that it says.

    A class of the experiment is the bank's class of that name, or that of one of its marker labels.
    """

    def __init__(self, bank: Bank, classes: Mapping[str, Sequence[str]]) -> None:
        self._bank = bank
        number = {name: k for k, name in enumerate(bank.classes)}
        self._class_of = dict(number)
        for name, labels in classes.items():
            named = [number[one] for one in (name, *labels) if one in number]
            if named:
                self._class_of |= dict.fromkeys(labels, named[0])

    def item(self, label: str) -> int | None:
        """Number of the item that a marker's ``label`` names, or None."""
        return self._bank.find(label)

    def category(self, label: str) -> int | None:
        """Number of the bank's class that ``label`` means, that of the item first; None where there is none."""
        item = self.item(label)
        return self._class_of.get(label if item is None else self._bank.items[item].category)
