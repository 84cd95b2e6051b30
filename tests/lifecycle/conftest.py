"""What several tests of the hall share."""

from __future__ import annotations

import pytest


@pytest.fixture
def small_toolkit(monkeypatch: pytest.MonkeyPatch) -> None:
    """One room in place of all: for environments in which nothing of the toolkit is run."""
    monkeypatch.setattr("lifecycle.toolkit_wheel._ROOMS", ("containers",))
    monkeypatch.setattr("lifecycle.toolkit_wheel._SUITES", "no_such_room")
