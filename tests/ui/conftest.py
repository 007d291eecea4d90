"""Every test of the pages starts without an installation, whatever ``make demo`` left in this folder."""

from __future__ import annotations

import pytest

from tests.ui.accounts_fixture import account_store, filled_store, installation_folder
from tests.ui.results_fixture import hospital
from ui import home

__all__ = ["account_store", "filled_store", "hospital", "installation_folder"]


@pytest.fixture(autouse=True)
def no_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(home.VARIABLE, "")
