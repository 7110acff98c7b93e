"""The words beside decisions: no accuracy without its n, interval and chance, and nothing claimed that cannot be told."""

from __future__ import annotations

import math

from rtbci_ui import wording
from rtbci_ui.decisions.comparison import Comparison, Difference, Score
from rtbci_ui.decisions.confusion import Confusion

IN_CHARGE, IN_SHADOW, TAKES_OVER = "in charge", "in shadow", "takes over at the trial's end"
ONE_LOOK = (
    "Exact McNemar test on the trials that one answers right and the other wrong, corrected for the number of decoders "
    "compared. It holds for one look at a number of trials fixed beforehand: whoever looks again and again until p is small "
    "finds differences that are none."
)
UNEQUAL, LEAST = 0.05, 20
"""A word about unequal classes is worth it from so many trials on, where the most frequent one exceeds chance by so much."""


def role(name: str, charge: str, next_charge: str, decoders: int) -> str:
    """Whether decoder ``name`` is in charge; "" where there is only one, or the session does not say."""
    if decoders < 2 or not charge:
        return ""
    if name == next_charge:
        return TAKES_OVER
    return IN_CHARGE if name == charge else IN_SHADOW


def interval(ends: tuple[float, float]) -> str:
    """A 95 % interval of probabilities, such as ".65–.90"."""
    return "–".join(wording.probability(end) for end in ends)


def trials(n: int) -> str:
    """A number of trials."""
    return f"{wording.count(n)} trial{'' if n == 1 else 's'}"


def accuracy(score: Score) -> str:
    """An accuracy with all that it is to be read with."""
    if score.accuracy is None:
        return "no trials yet"
    return (
        f"{score.right} of {trials(score.trials)}, {wording.share(score.accuracy)} "
        f"({interval(score.interval)}), {guessing(score.chance, score.shuffled)}"
    )


def guessing(chance: float, shuffled: float | None) -> str:
    """What an accuracy is to be compared with: guessing, and the same answers for truths in random order."""
    said = f"chance {wording.share(chance)}"
    return said if shuffled is None else f"{said}, shuffled {wording.share(shuffled)}"


def confidence(value: float) -> str:
    """How sure the evidence is of its likeliest class."""
    return f"sure {wording.probability(value)}"


def abstained(silent: int, of: int) -> str:
    """The share of recent decisions that claimed nothing."""
    if not of:
        return "no decision yet"
    return f"abstained in {round(100 * silent / of)} % of the last minute's {wording.count(of)} decisions"


def probability_of_chance(p: float) -> str:
    """A p-value; small ones are bounded."""
    return (
        "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".") if p < 0.1 else f"p = {p:.2f}".replace("0.", ".")
    )


def difference(found: Difference) -> str:
    """What can be told between two decoders, and what cannot."""
    n = found.only_one + found.only_other
    if not n:
        return f"{found.one} and {found.other}: right and wrong in the same trials; no difference can be told"
    split = f"{found.only_one} right only by {found.one}, {found.only_other} only by {found.other}"
    p = probability_of_chance(found.p)
    if found.better:
        return f"{found.better} is better ({p}): {split}"
    return f"{found.one} and {found.other}: no difference can be told yet ({p}); {split}"


def ground(found: Comparison, n_classes: int) -> list[str]:
    """What the comparison rests on: trials that all have, those left out, what guessing reaches, decoders without any."""
    said = []
    if found.scores:
        ended = "all have" if len(found.scores) > 1 else "has ended" if found.shared == 1 else "have ended"
        rests = f"{trials(found.shared)} that {ended}"
        if found.left_out:
            lacking = "it" if found.left_out == 1 else "them"
            rests += f"; {found.left_out} left out, because a decoder lacks {lacking}"
        chance = found.scores[0].chance
        said.append(f"{rests}; guessing: {wording.share(chance)}, log-loss {math.log(n_classes):.2f}")
        unequal = found.majority is not None and found.majority - chance > UNEQUAL and found.shared >= LEAST
        if unequal and found.majority is not None and found.entropy is not None:
            known = f"{wording.share(found.majority)}, log-loss {found.entropy:.2f}"
            said.append(f"classes are not equally frequent: whoever knows nothing else reaches {known}")
    if found.without:
        said.append(f"no trial yet: {', '.join(found.without)}")
    return said


def confusion(found: Confusion, chance: float) -> tuple[str, ...]:
    """How much of a table is right, and what that is to be compared with."""
    if not found.n:
        return (f"no {found.of} yet",)
    share, guessed = wording.share(found.right / found.n), guessing(chance, found.shuffled)
    said = f"{wording.count(found.right)} of"
    if found.of == "trials":
        return f"{said} {trials(found.n)}, {share} ({interval(found.interval)})", guessed
    return f"{said} {wording.count(found.n)} overlapping windows, {share}", guessed
