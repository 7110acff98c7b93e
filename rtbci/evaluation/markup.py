"""How the report writes numbers, text and tables as HTML; whatever comes from outside is escaped here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

NOT_COMPUTED = "not computed"


class Html(str):
    """Text that is HTML already; any other text is escaped by `html`."""

    __slots__ = ()


def html(value: object) -> Html:
    """``value`` as HTML: escaped, unless it is HTML already."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def _known(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def share(value: object) -> str:
    """A share of one, or an index near one: three decimals."""
    number = _known(value)
    return NOT_COMPUTED if number is None else f"{number:.3f}".replace("-", "−")


def level(value: object) -> str:
    """A share to be reached; above one where nothing reaches it."""
    number = _known(value)
    return "none does" if number is not None and number > 1 else share(value)


def quantity(value: object) -> str:
    """A number with three digits that count."""
    number = _known(value)
    if number is None:
        return NOT_COMPUTED
    size = abs(number)
    decimals = 3 if size < 1 else 2 if size < 10 else 1 if size < 100 else 0
    return f"{number:.{decimals}f}".replace("-", "−")


def count(value: object) -> str:
    """A whole number, thousands apart."""
    number = _known(value)
    return NOT_COMPUTED if number is None else f"{number:,.0f}".replace(",", "\u202f")


def p_value(value: object) -> str:
    """A probability under the null hypothesis."""
    number = _known(value)
    if number is None:
        return NOT_COMPUTED
    return "< 0.001" if number < 0.001 else f"{number:.3f}"


def interval(value: object, write: Any = share) -> str:
    """Low and high end; ``write`` says how each is written."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2 or None in value:
        return NOT_COMPUTED
    return f"{write(value[0])} to {write(value[1])}"


def yes_no(value: object) -> str:
    """For what is true or false."""
    return NOT_COMPUTED if value is None else "yes" if value else "no"


def anything(value: object) -> str:
    """A value of no known meaning."""
    if value is None:
        return NOT_COMPUTED
    if isinstance(value, bool):
        return yes_no(value)
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return quantity(value)
    if isinstance(value, list | tuple):
        return ", ".join(anything(one) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{key} {anything(one)}" for key, one in value.items())
    return str(value)


def cell(text: object, *, number: bool = False) -> Html:
    """A table cell; numbers stand to the right, what was not computed steps back."""
    names = ["n"] if number else []
    if text == NOT_COMPUTED:
        names.append("none")
    attribute = f' class="{" ".join(names)}"' if names else ""
    return Html(f"<td{attribute}>{html(text)}</td>")


def table(header: Sequence[tuple[object, str]], rows: Sequence[Sequence[Html]], *, numbers_from: int = 1) -> Html:
    """A table that scrolls sideways where the page is too narrow.

    ``header`` holds (text, explanation) of each column; columns from ``numbers_from`` on are numbers. ``rows`` are cells.
    """
    heads = "".join(
        f'<th scope="col"{" class=n" if k >= numbers_from else ""}{_title(hint)}>{html(text)}</th>'
        for k, (text, hint) in enumerate(header)
    )
    body = "".join(f"<tr>{''.join(row)}</tr>\n" for row in rows)
    return Html(f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>\n{body}</tbody></table></div>')


def _title(hint: str) -> str:
    return f' title="{escape(hint)}"' if hint else ""


def folded(summary: object, content: str, *, opened: bool = False) -> Html:
    """What a reader may open, without a script."""
    return Html(f"<details{' open' if opened else ''}><summary>{html(summary)}</summary>{content}</details>")


def figure(content: str, caption: str, *, name: str = "") -> Html:
    """A figure and what it says; ``caption`` is HTML."""
    return Html(f'<figure class="{escape(name)}">{content}<figcaption>{caption}</figcaption></figure>')


def several(n: int, one: str, many: str | None = None) -> str:
    """``1 trial``, ``2 trials``."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"
