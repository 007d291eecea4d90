"""``drgbridge account``, and the examples of docs/accounts.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from claims.store import audit_since, open_store, parse_address, verify
from tests.conftest import REPOSITORY
from tests.ui.cli.conftest import Run
from ui import home
from ui.roles import rules

TEXT = (REPOSITORY / "docs" / "accounts.md").read_text(encoding="utf-8")
PASSWORD = "handed over once 9"  # noqa: S105 - of a store that lives as long as its test


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Path:
    """A folder with an empty store and a file with a password."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRGBRIDGE_STORE_URL", raising=False)
    password = tmp_path / "first-password"
    password.write_text(PASSWORD + "\n", encoding="utf-8")
    password.chmod(0o600)
    return tmp_path


@pytest.fixture
def made(run: Run) -> None:
    assert run("store", "init").code == 0
    assert run("account", "add", "li", "--roles", "coder", "--password-file", "first-password").code == 0


def test_the_examples_of_the_docs(run: Run) -> None:
    console = re.search(r"```console\n(.*?)```", TEXT, re.S)
    assert console
    for example in console[1].split("$ drgbridge ")[1:]:
        command, _, shown = example.partition("\n")
        ended = run(*command.split())
        assert (ended.code, ended.out + ended.err) == (0, shown)


def test_the_settings_of_the_docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = re.search(r"```toml ui.toml\n(.*?)```", TEXT, re.S)
    assert settings
    (tmp_path / "ui.toml").write_text(settings[1], encoding="utf-8")
    monkeypatch.setenv(home.VARIABLE, str(tmp_path / "ui.toml"))
    assert home.installation().party == "hospital"


def test_the_docs_have_every_role() -> None:
    assert set(re.findall(r"^\| `(\w+)` \| (?:hospital|insurer|any) \|", TEXT, re.M)) == set(rules().roles)


def test_the_life_of_an_account(run: Run, made: None) -> None:
    assert (
        run("account", "roles", "li", "quality,manager").out == "The roles of li are now: manager, quality\n"
    )
    assert run("account", "disable", "li").code == 0
    assert run("account", "list", "--json").json[0]["disabled"] is True
    assert run("account", "enable", "li").code == 0
    assert run("account", "password", "li", "--password-file", "first-password").code == 0
    listed = run("account", "list", "--json")
    assert listed.json[0]["roles"] == ["manager", "quality"]
    assert "argon2" not in listed.out and PASSWORD not in listed.out
    with open_store(parse_address("drgbridge-store.sqlite")) as store:
        done = [entry.action for entry in audit_since(store)]
        assert verify(store).problems == ()
    assert done == ["add", "add", "set_roles", "disable", "enable", "unlock", "reset_password"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "li", "--roles", "coder", "--password-file", "first-password"), "There is an account"),
        (("add", "x", "--roles", "root", "--password-file", "first-password"), "no role"),
        (("add", "x", "--roles", "coder,analyst", "--password-file", "first-password"), "two accounts"),
        (("add", "X Y", "--roles", "coder", "--password-file", "first-password"), "small letters"),
        (("add", "x", "--roles", ",", "--password-file", "first-password"), "needs a role"),
        (("roles", "nobody", "coder"), "account list"),
        (("password", "li", "--password-file", "missing"), "missing"),
    ],
)
def test_what_is_refused(run: Run, made: None, arguments: tuple[str, ...], told: str) -> None:
    ended = run("account", *arguments)
    assert (ended.code, ended.out) == (4, "")
    assert told in ended.err


def test_a_password_file_that_others_may_read_is_refused(run: Run, made: None) -> None:
    Path("first-password").chmod(0o640)
    ended = run("account", "password", "li", "--password-file", "first-password")
    assert ended.code == 4
    assert "chmod go-rwx" in ended.err and PASSWORD not in ended.err


def test_a_weak_password_is_refused_and_not_repeated(run: Run, made: None) -> None:
    Path("first-password").write_text("weak-pass", encoding="utf-8")
    ended = run("account", "password", "li", "--password-file", "first-password")
    assert ended.code == 4
    assert "12" in ended.err and "weak-pass" not in ended.err


def test_without_a_terminal_the_password_comes_from_a_file(run: Run, made: None) -> None:
    ended = run("account", "add", "zhao", "--roles", "coder")
    assert ended.code == 2
    assert "--password-file" in ended.err
    assert run("account", "add", "zhao", "--roles", "coder", "--subject", "sub-1").code == 0
