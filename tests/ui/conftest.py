"""A folder that a session has filled, and a dark application."""

from __future__ import annotations

import pytest

from tests.ui.fake_session import FakeSession


@pytest.fixture
def dark(qapp):
    from rtbci_ui import theme

    theme.apply(qapp)
    return qapp


@pytest.fixture
def fake(tmp_path):
    session = FakeSession(tmp_path / "run")
    yield session
    session.close()
