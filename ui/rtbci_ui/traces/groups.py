"""Channels in groups by kind, as an experimenter names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_NAMES = {
    "eeg": "EEG", "mag": "MEG mag", "grad": "MEG grad", "eog": "EOG", "ecg": "ECG", "emg": "EMG", "stim": "Trigger",
    "misc": "Other", "ref_meg": "MEG reference", "seeg": "SEEG", "ecog": "ECoG", "bio": "Bio",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """Channels that are shown together; ``channels`` are their numbers in the stream's order."""

    name: str
    channels: Sequence[int]


def groups_of(kinds: Sequence[str]) -> list[Group]:
    """All channels, then one group for each kind in order of appearance where there are several; MEG as a whole as well."""
    everything = Group("All", range(len(kinds)))
    present = list(dict.fromkeys(kinds))
    if len(present) < 2:
        return [everything]
    groups = [everything]
    meg = [i for i, kind in enumerate(kinds) if kind in ("mag", "grad")]
    if {"mag", "grad"} < set(present):
        groups.append(Group("MEG", meg))
    groups += [Group(_NAMES.get(k, k), [i for i, kind in enumerate(kinds) if kind == k]) for k in present]
    return groups
