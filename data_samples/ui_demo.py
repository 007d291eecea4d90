"""The pages over what the demo made: ``python -m data_samples.ui_demo --out DIR --nightly DIR --joint DIR``.

Writes the settings that ``make ui`` serves (``DIR/ui.toml``), and gives the store an account of every role with a new
random password. The passwords stand in ``DIR/accounts.txt``, which only its owner may read, and nowhere else.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template

from claims.nightly.config import load_config
from claims.store import (
    NewAccount,
    Store,
    accounts,
    add_account,
    change_password,
    new_password,
    open_store,
    parse_address,
    reset_password,
)
from data_samples.joint_run import INSURER, config
from drg.errors import InputError
from privacy import files
from ui.roles import rules
from ui.text import text

HOME = Path(__file__).parent
SETTINGS, ACCOUNTS, SCHEMES = "ui.toml", "accounts.txt", "schemes"
ADDRESS = "http://127.0.0.1:8501"
"""Where Streamlit serves when no other port is asked for."""


def main(arguments: list[str] | None = None) -> int:
    """Wire the pages and tell who may sign in. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the settings and the accounts")
    parser.add_argument("--nightly", type=Path, required=True, help="what data_samples.nightly_demo made")
    parser.add_argument("--joint", type=Path, required=True, help="what data_samples.joint_demo made")
    options = parser.parse_args(arguments)
    try:
        wire(options.out, options.nightly, options.joint)
    except InputError as error:
        print(error.render("en"), file=sys.stderr)
        return 1
    print((options.out / ACCOUNTS).read_text(encoding="utf-8"), end="")
    return 0


def wire(out: Path, nightly: Path, joint: Path) -> None:
    """Write settings and accounts to ``out``. Raises ``InputError`` where the nightly demo left nothing to serve."""
    (out / SCHEMES).mkdir(parents=True, exist_ok=True)
    night = load_config(nightly / "nightly.toml").settings
    values = {
        "nightly": relative(nightly, out),
        "records": relative(HOME / "sample" / "records", out),
        "node": relative(joint / config(INSURER), out),
        "scheme": night.scheme,
        "contract": night.contract,
    }
    written = Template((HOME / SETTINGS).read_text(encoding="utf-8")).substitute(values)
    (out / SETTINGS).write_text(written, encoding="utf-8")
    with open_store(parse_address(str(nightly / "store.sqlite"))) as store:
        passwords = give_accounts(store)
    files.replace(out / ACCOUNTS, told(passwords).encode())


def relative(path: Path, folder: Path) -> str:
    """A path as the settings in ``folder`` name it, so that both may move together."""
    return Path(os.path.relpath(path, folder)).as_posix()


def give_accounts(store: Store) -> dict[str, str]:
    """An account of every role, named like it, each with a new password; name and password."""
    person, known = getpass.getuser(), {account.name: account for account in accounts(store)}
    passwords = {}
    for role in rules().roles:
        first, password = new_password(), new_password()
        if role in known:
            account = reset_password(store, known[role].id, first, person)
        else:
            account = add_account(store, NewAccount(role, title(role), frozenset({role})), first, person)
        # As its person would at the first sign-in, so that whoever tries the demo need not.
        change_password(store, account.id, first, password)
        passwords[role] = password
    return passwords


def title(role: str) -> str:
    return text(f"access.role_{role}", "zh")


def told(passwords: Mapping[str, str]) -> str:
    """Address and accounts for people to read."""
    lines = [f"  {role:10} {password}  {title(role)}" for role, password in passwords.items()]
    head = f"The pages with the demo data: make ui, then {ADDRESS}. Sign in as (role, password):"
    return "\n".join([head, *lines, ""])


if __name__ == "__main__":
    sys.exit(main())
