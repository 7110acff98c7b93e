"""A folder that a session has filled, and a dark application."""

from __future__ import annotations

import pytest

from tests.ui.fake_session import FakeSession


@pytest.fixture(autouse=True)
def own_preferences(tmp_path, monkeypatch):
    """No test reads or writes what the person who runs it has set."""
    monkeypatch.setenv("RTBCI_SETTINGS", str(tmp_path / "preferences.ini"))


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
