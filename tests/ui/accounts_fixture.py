"""A synthetic installation with one account of every role, and a page to sign in to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from claims.store import NewAccount, Store, add_account, init_store, open_store, parse_address, schema
from claims.store.database import write_connection
from claims.store.passwords import hash_password
from tests.conftest import REPOSITORY
from ui import home
from ui.roles import rules

APP = REPOSITORY / "ui" / "app.py"
PASSWORD = "a synthetic phrase 7"  # noqa: S105 - of a store that lives as long as its test
SETTINGS = """name = "合成医院"
name_en = "Synthetic hospital"
party = "both"
store = "store.sqlite"
"""


@pytest.fixture(scope="session")
def filled_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with an account of every role, named like it, to copy."""
    path = tmp_path_factory.mktemp("accounts") / "store.sqlite"
    hashed = hash_password(PASSWORD)
    with init_store(parse_address(str(path))) as store:
        for role in rules().roles:
            add_account(
                store, NewAccount(role, f"合成{role}", frozenset({role}), f"sub-{role}"), None, "fixture"
            )
        with write_connection(store) as connection:
            # One hash for all, because making one takes long; past the store, so its trail does not verify.
            connection.execute(sa.update(schema.credential).values(password_hash=hashed))
    return path


@pytest.fixture
def installation_folder(filled_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an installation that the pages serve."""
    (tmp_path / "store.sqlite").write_bytes(filled_store.read_bytes())
    configure(tmp_path, monkeypatch, SETTINGS)
    return tmp_path


@pytest.fixture
def account_store(installation_folder: Path) -> Iterator[Store]:
    with open_store(parse_address(str(installation_folder / "store.sqlite"))) as opened:
        yield opened


def configure(folder: Path, monkeypatch: pytest.MonkeyPatch, settings: str) -> None:
    (folder / "ui.toml").write_text(settings, encoding="utf-8")
    monkeypatch.setenv(home.VARIABLE, str(folder / "ui.toml"))


def opened() -> AppTest:
    """The pages as a browser first shows them."""
    page = AppTest.from_file(str(APP), default_timeout=60)
    return page.run()


def sign_in(page: AppTest, name: str, password: str = PASSWORD) -> AppTest:
    """Fill the form and send it."""
    page.text_input(key="login_name").input(name)
    page.text_input(key="login_password").input(password)
    page.button[0].click()
    return page.run()


def visit(page: AppTest, name: str) -> AppTest:
    """Go to the address of a page; ``AppTest.switch_page`` knows only files, and a closed page has none."""
    page._page_hash = calc_hash(name)
    return page.run()


def shown(page: AppTest) -> str:
    """Everything that the page says in HTML."""
    assert not page.exception, page.exception
    return "\n".join(str(element.proto.body) for element in page.get("html"))
