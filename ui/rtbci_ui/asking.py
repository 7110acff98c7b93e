"""What the window asks a person before it does something that cannot be undone, and the words that it wants."""

from __future__ import annotations

from PySide6.QtWidgets import QInputDialog, QMessageBox, QWidget

from rtbci_ui.status import Status

GO_ON, STOP, STAY = "go on", "stop", "stay"
"""Answers to `whether_to_close`."""


def for_words(parent: QWidget, title: str, what: str) -> str:
    """A line of text, "" where none was given."""
    text, ok = QInputDialog.getText(parent, title, what)
    return str(text).strip() if ok else ""


def whether(parent: QWidget, title: str, what: str) -> bool:
    """Yes or no, with no as what Enter says."""
    answer = QMessageBox.question(
        parent,
        title,
        what,
        QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel,
        QMessageBox.StandardButton.Cancel,
    )
    return bool(answer == QMessageBox.StandardButton.Yes)


def before_stopping(status: Status | None) -> str:
    """What stopping does, in words."""
    kept = status is not None and status.recording.state == "recording"
    return "This stops acquisition and decoding" + (", and closes the recording." if kept else ".")


def whether_to_close(parent: QWidget, status: Status) -> str:
    """What shall become of a session that records while its window is closed: `GO_ON`, `STOP` or `STAY`."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Close the window?")
    box.setText("The session is recording.")
    box.setInformativeText(
        "It goes on without this window: recording and decoding need none.\n"
        f"`rtbci gui --attach {status.session}` opens a window again."
    )
    going = box.addButton("&Close window, session goes on", QMessageBox.ButtonRole.AcceptRole)
    stopping = box.addButton("&Stop session and close", QMessageBox.ButtonRole.DestructiveRole)
    staying = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(staying)
    box.exec()
    clicked = box.clickedButton()
    return GO_ON if clicked is going else STOP if clicked is stopping else STAY
