"""``drgbridge account``: who may sign in to the pages. The first administrator comes from here."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.common import JsonOption
from ui.cli.language import LANG, visible
from ui.cli.store import StoreOption
from ui.text import text

if TYPE_CHECKING:
    from claims.store import Account, Store

MOST_PASSWORD_BYTES = 4_000


def _say(key: str, **params: object) -> str:
    """A text of ``ui/texts/account.toml`` in the language of this run."""
    return text(f"account.{key}", LANG, **params)


app = typer.Typer(help=_say("help"), no_args_is_help=True, rich_markup_mode=None)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help=_say("name_help"))]
RolesOption = Annotated[str, typer.Option("--roles", metavar="ROLE[,ROLE]", help=_say("roles_option_help"))]
PasswordFileOption = Annotated[
    Path | None, typer.Option("--password-file", metavar="FILE", help=_say("password_file_help"))
]


@app.command("add", help=_say("add_help"))
def add(
    name: NameArgument,
    roles: RolesOption,
    display_name: Annotated[str | None, typer.Option("--display-name", help=_say("display_help"))] = None,
    subject: Annotated[str | None, typer.Option("--subject", help=_say("subject_help"))] = None,
    password_file: PasswordFileOption = None,
    store: StoreOption = None,
) -> None:
    """See ``add_help``."""
    from claims.store import NewAccount, add_account

    new = NewAccount(name, display_name or name, _roles(roles), subject)
    with _open(store) as opened:
        password = None if subject is not None and password_file is None else _password(password_file)
        _tell("added", add_account(opened, new, password, getpass.getuser()))


@app.command("list", help=_say("list_help"))
def list_accounts(store: StoreOption = None, json: JsonOption = False) -> None:
    """See ``list_help``."""
    from claims.store import accounts
    from ui.cli.output import print_json
    from ui.cli.tables import print_table

    with _open(store) as opened:
        found = accounts(opened)
    if json:
        print_json(found)
        return
    header = [
        text(f"administration.column_{name}", LANG)
        for name in ("name", "display_name", "roles", "state", "signed_in")
    ]
    rows = [[visible(cell) for cell in _row(account)] for account in found]
    print_table(header, rows, _say("none"))


@app.command("roles", help=_say("roles_help"))
def roles(
    name: NameArgument,
    roles: Annotated[str, typer.Argument(metavar="ROLE[,ROLE]", help=_say("roles_option_help"))],
    store: StoreOption = None,
) -> None:
    """See ``roles_help``."""
    from claims.store import find_account, set_roles

    given = _roles(roles)
    with _open(store) as opened:
        account = find_account(opened, name)
        _tell("roles_set", set_roles(opened, account.id, account.version, given, getpass.getuser()))


@app.command("password", help=_say("password_help"))
def password(name: NameArgument, password_file: PasswordFileOption = None, store: StoreOption = None) -> None:
    """See ``password_help``."""
    from claims.store import find_account, reset_password

    with _open(store) as opened:
        account = find_account(opened, name)
        new = _password(password_file)
        _tell("password_set", reset_password(opened, account.id, new, getpass.getuser()))


@app.command("disable", help=_say("disable_help"))
def disable(name: NameArgument, store: StoreOption = None) -> None:
    """See ``disable_help``."""
    from claims.store import disable_account, find_account

    with _open(store) as opened:
        account = find_account(opened, name)
        _tell("disabled", disable_account(opened, account.id, account.version, getpass.getuser()))


@app.command("enable", help=_say("enable_help"))
def enable(name: NameArgument, store: StoreOption = None) -> None:
    """See ``enable_help``."""
    from claims.store import enable_account, find_account, unlock_account

    with _open(store) as opened:
        account = find_account(opened, name)
        if account.disabled:
            account = enable_account(opened, account.id, account.version, getpass.getuser())
        _tell("enabled", unlock_account(opened, account.id, getpass.getuser()))


def _open(store: str | None) -> Store:
    from claims.store import find_address, open_store

    return open_store(find_address(store))


def _roles(given: str) -> frozenset[str]:
    from ui.roles import check_roles

    return check_roles(role.strip() for role in given.split(",") if role.strip())


def _password(file: Path | None) -> str:
    """The password from a file of the owner's alone, or asked for twice on the terminal."""
    if file is not None:
        from privacy.files import require_owner_only

        require_owner_only(file)
        return file.read_bytes()[:MOST_PASSWORD_BYTES].decode("utf-8", "replace").rstrip("\r\n")
    if not sys.stdin.isatty():
        raise typer.BadParameter(_say("no_terminal"), param_hint="'--password-file'")
    first = getpass.getpass(_say("ask"))
    if getpass.getpass(_say("ask_again")) != first:
        raise typer.BadParameter(_say("differs"), param_hint="'--password-file'")
    return first


def _row(account: Account) -> list[str]:
    signed_in = account.signed_in_at.strftime("%Y-%m-%d %H:%M") if account.signed_in_at else "-"
    names = [text(f"access.role_{role}", LANG) for role in sorted(account.roles)]
    state = text(f"administration.state_{account.state(datetime.now(UTC)).value}", LANG)
    return [account.name, account.display_name, ", ".join(names), state, signed_in]


def _tell(key: str, account: Account) -> None:
    roles = ", ".join(sorted(account.roles))
    print(visible(_say(key, name=account.name, roles=roles)))
