"""A folder that a session has filled, and a dark application."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QEvent

from tests.ui.fake_session import FakeSession


@pytest.fixture(autouse=True)
def own_preferences(tmp_path, monkeypatch):
    """No test reads or writes what the person who runs it has set."""
    monkeypatch.setenv("RTBCI_SETTINGS", str(tmp_path / "preferences.ini"))


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch):
    """A window that is closed when its test is over does not wait for somebody who says what shall become of its session."""
    from rtbci_ui import asking

    really = asking.whether_to_close
    monkeypatch.setattr(asking, "whether_to_close", lambda *_: asking.GO_ON)
    return really


@pytest.fixture(autouse=True)
def windows_that_were_closed_are_gone(qapp):
    """No loop runs between two tests that would delete them: else a test waits for the windows of all before it."""
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def dark(qapp):
    from rtbci_ui import theme

    theme.apply(qapp, "dark")
    yield qapp
    theme.apply(qapp, "dark")


@pytest.fixture
def fake(tmp_path):
    session = FakeSession(tmp_path / "run")
    yield session
    session.close()
