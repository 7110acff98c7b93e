"""Facts and findings as rich text: one place where words get their colours."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QTextBrowser, QWidget

from rtbci_ui import theme
from rtbci_ui.facts import Fact
from rtbci_ui.start.checked import Line


class Words(QTextBrowser):
    """Text that can be read, selected and scrolled by keyboard, on the ground of a panel."""

    def __init__(self, points: float = 9.5, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFont(theme.font(points))
        self.setStyleSheet(f"QTextBrowser {{ background: {theme.PANEL}; color: {theme.TEXT}; }}")
        self.setOpenExternalLinks(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._shown = ""

    def say(self, html: str) -> None:
        """Show ``html``; what is shown already stays where it was scrolled to."""
        if html != self._shown:
            self._shown = html
            self.setHtml(html)


def colour_of(mood: str) -> str:
    """The colour of a fact's mood, or of a finding's verdict."""
    return {
        "good": theme.GOOD, "fits": theme.GOOD, "warning": theme.WARNING, "alarm": theme.ALARM, "differs": theme.ALARM,
        "note": theme.DIM,
    }.get(mood, theme.TEXT)  # fmt: skip


def facts_html(facts: Sequence[Fact]) -> str:
    """A table of titles and values."""
    rows = (
        f'<tr><td style="color:{theme.DIM}; padding:2px 14px 3px 0; white-space:nowrap">{escape(fact.title)}</td>'
        f'<td style="color:{colour_of(fact.mood)}; padding:2px 0 3px 0">{escape(fact.value)}</td></tr>'
        for fact in facts
    )
    return f'<table cellspacing="0" cellpadding="0">{"".join(rows)}</table>'


def lines_html(lines: Sequence[Line]) -> str:
    """Findings, what differs first: it is what has to be mended."""
    ordered = sorted(lines, key=lambda line: line.verdict != "differs")
    rows = (
        f'<tr><td width="20" style="color:{colour_of(line.verdict)}">{line.mark}</td>'
        f'<td style="color:{_ink(line)}; padding-bottom:1px">{escape(line.text)}</td></tr>'
        for line in ordered
    )
    return f'<table cellspacing="0" cellpadding="0">{"".join(rows)}</table>'


def _ink(line: Line) -> str:
    return {"differs": theme.ALARM, "note": theme.DIM}.get(line.verdict, theme.TEXT)


def teaching_html(title: str, *lines: str) -> str:
    """What an empty place says: how it would be filled. Words between backticks are commands."""
    told = "".join(f'<div style="margin-top:6px; color:{theme.DIM}">{_commands(line)}</div>' for line in lines)
    return f'<div style="color:{theme.TEXT}">{escape(title)}</div>{told}'


def _commands(line: str) -> str:
    parts = escape(line).split("`")
    return "".join(f"<code>{part}</code>" if k % 2 else part for k, part in enumerate(parts))
