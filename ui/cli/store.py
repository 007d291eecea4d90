"""``drgbridge store``: make, upgrade, look after, back up and restore the store of work items."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ui.cli import exits
from ui.cli.common import JsonOption
from ui.cli.language import LANG, visible
from ui.text import text


def _say(key: str, **params: object) -> str:
    """A text of ``ui/texts/store.toml`` in the language of this run."""
    return text(f"store.{key}", LANG, **params)


app = typer.Typer(help=_say("help"), no_args_is_help=True, rich_markup_mode=None)

StoreOption = Annotated[str | None, typer.Option("--store", metavar="FILE|URL", help=_say("store_help"))]
BackupArgument = Annotated[Path, typer.Argument(metavar="FILE", help=_say("file_help"))]


@app.command("init", help=_say("init_help"))
def init(store: StoreOption = None) -> None:
    """See ``init_help``."""
    from claims.store import find_address, init_store

    with init_store(find_address(store)) as made:
        _tell("made", store=made.address)


@app.command("upgrade", help=_say("upgrade_help"))
def upgrade(
    store: StoreOption = None,
    backup: Annotated[Path | None, typer.Option(metavar="FILE", help=_say("upgrade_backup_help"))] = None,
) -> None:
    """See ``upgrade_help``."""
    from claims.store import find_address, upgrade_store
    from claims.store.database import connect

    with connect(find_address(store)) as older:
        path = backup if backup is not None else _backup_name()
        if upgrade_store(older, path, _person()):
            _tell("upgraded", store=older.address, file=path)
        else:
            _tell("up_to_date", store=older.address)


@app.command("status", help=_say("status_help"))
def status(store: StoreOption = None, json: JsonOption = False) -> None:
    """See ``status_help``."""
    from claims.store import find_address, open_store, store_status

    with open_store(find_address(store)) as opened:
        found = store_status(opened)
    if json:
        from ui.cli.output import print_json

        print_json(found)
        return
    _tell("status_store", store=found.address, schema=found.schema)
    for kind, counts in found.items.items():
        told = ", ".join(f"{_say(f'state_{state.value}')} {count:,}" for state, count in counts.items())
        _tell("status_items", kind=_say(f"kind_{kind.value}"), counts=told)
    if found.last_run is None:
        _tell("status_no_run")
    else:
        _tell("status_run", id=found.last_run.id, state=_say(f"run_{found.last_run.state.value}"))
    _tell("status_audit", entries=f"{found.audit_entries:,}", hash=found.audit_hash)


@app.command("backup", help=_say("backup_help"))
def backup(file: BackupArgument, store: StoreOption = None) -> None:
    """See ``backup_help``."""
    from claims.store import backup_store, find_address, open_store

    with open_store(find_address(store)) as opened:
        manifest = backup_store(opened, file, _person())
    _tell("backed_up", file=file, rows=f"{sum(entry.rows for entry in manifest.tables.values()):,}")


@app.command("restore", help=_say("restore_help"))
def restore(
    file: BackupArgument,
    store: StoreOption = None,
    accept_problems: Annotated[bool, typer.Option("--accept-problems", help=_say("accept_help"))] = False,
) -> None:
    """See ``restore_help``."""
    from claims.store import find_address, restore_store

    address = find_address(store)
    restored = restore_store(address, file, _person(), accept_problems)
    made_at = restored.made_at.strftime("%Y-%m-%d %H:%M:%S")
    _tell("restored", store=address, rows=f"{restored.rows:,}", at=made_at)


@app.command("verify", help=_say("verify_help"))
def verify(store: StoreOption = None, json: JsonOption = False) -> int:
    """See ``verify_help``. Exit code 4 where something is wrong."""
    from claims.store import find_address, open_store
    from claims.store import verify as verify_store

    with open_store(find_address(store)) as opened:
        found = verify_store(opened)
    if json:
        from ui.cli.output import print_json

        print_json(found)
    elif found.problems:
        print("\n".join(visible(problem.render(LANG)) for problem in found.problems))
    else:
        _tell("verified", entries=f"{found.entries:,}", hash=found.head_hash)
    return exits.INVALID if found.problems else exits.DONE


def _tell(key: str, **params: object) -> None:
    print(visible(_say(key, **params)))


def _person() -> str:
    """Who the audit trail names: the account of the operating system."""
    return getpass.getuser()


def _backup_name() -> Path:
    """Where the backup before an upgrade goes: the folder that the person is in, with the time in its name."""
    return Path(f"drgbridge-store-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.zip")
