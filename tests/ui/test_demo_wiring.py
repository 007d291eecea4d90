"""What ``make ui`` serves after ``make demo``: every page opens for its role, and the passwords are nobody else's."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_samples import nightly_demo, ui_demo
from tests.conftest import REPOSITORY
from tests.privacy.pairs import INITIATOR, make_pair
from tests.ui.accounts_fixture import opened, shown, sign_in, visit
from tests.ui.claims_fixture import desk_in
from ui import home
from ui.roles import rules

FIRST_ROLE = {name: page.roles[0] for name, page in rules().pages.items()}


@contextmanager
def demo(folder: Path) -> Iterator[Path]:
    """A small demo in place of the whole one: a night's results with its store and model, a pair of parties."""
    nightly = desk_in(folder / "nightly").folder
    nightly_demo.configured(nightly)
    pair = make_pair(folder / "joint")
    assert INITIATOR == ui_demo.INSURER
    try:
        yield folder
    finally:
        pair.close()


def wire(folder: Path) -> dict[str, str]:
    """Name and password of every account."""
    ui_demo.wire(folder / "ui", folder / "nightly", folder / "joint")
    lines = (folder / "ui" / ui_demo.ACCOUNTS).read_text(encoding="utf-8").splitlines()[1:]
    return {name: password for name, password, _ in map(str.split, lines)}


def test_every_page_opens_for_its_role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    with demo(tmp_path) as folder:
        first = wire(folder)
        accounts = folder / "ui" / ui_demo.ACCOUNTS
        assert stat.S_IMODE(accounts.stat().st_mode) == 0o600
        assert set(first) == set(rules().roles)
        passwords = wire(folder)
        assert not set(passwords.values()) & set(first.values())
        assert stat.S_IMODE(accounts.stat().st_mode) == 0o600
        settings = (folder / "ui" / ui_demo.SETTINGS).read_text(encoding="utf-8")
        assert not [one for one in passwords.values() if one in settings]
        monkeypatch.setenv(home.VARIABLE, str(folder / "ui" / ui_demo.SETTINGS))
        for role, password in passwords.items():
            page = sign_in(opened(), role, password)
            assert [one for one in page.text_input if one.proto.type == one.proto.PASSWORD] == [], role
            for name in (name for name, one in FIRST_ROLE.items() if one == role):
                assert 'class="d-problem"' not in shown(visit(page, name)), name
