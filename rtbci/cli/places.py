"""Places in a recording, as they stand on a command line."""

from __future__ import annotations

import re

import click


class Place(click.ParamType[float]):
    """A place in a recording: seconds, or minutes and seconds."""

    name = "M:SS|SECONDS"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """``1:30`` is 90.0."""
        text = str(value).strip()
        if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d*)?", text):
            self.fail(f"{text!r} is no place; seconds such as 90, or minutes such as 1:30, would be right.", param, ctx)
        seconds = 0.0
        for part in text.split(":"):
            seconds = 60.0 * seconds + float(part)
        return seconds


class Span(click.ParamType[tuple[float, float]]):
    """A stretch of a recording."""

    name = "FROM,TO"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """``0:10,1:00`` is (10.0, 60.0)."""
        from rtbci.errors import SourceError
        from rtbci.sources.play_orders import checked_loop

        if isinstance(value, tuple):
            return value
        parts = str(value).split(",")
        if len(parts) != 2:
            self.fail(f"{value!r} is no stretch; two places such as 10,60 or 0:10,1:00 would be right.", param, ctx)
        try:
            return checked_loop(*(Place().convert(part, param, ctx) for part in parts))
        except SourceError as error:
            self.fail(str(error), param, ctx)
