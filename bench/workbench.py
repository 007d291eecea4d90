"""``python -m bench.workbench``: coders at the workbench at the same time, over each of the databases.

A server of its own runs; each session signs in as a coder of its own over Streamlit's websocket, opens cases of the
queue, edits, saves and signs, with the pauses of a person. One in four is at the same case as the others of its kind,
on purpose. Told are the seconds from an edit to the refreshed result; a lost edit ends the bench with 1.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import psycopg
import sqlalchemy as sa

from bench.limits import judged
from claims.store import Address, NewAccount, Store, add_account, init_store, parse_address, schema
from claims.store.address import VARIABLE
from claims.store.database import write_connection
from claims.store.passwords import hash_password, new_password
from tests.claims.coding_desk.results_folder import SCHEME, add_queue, write_results
from tests.claims.store import postgres
from tests.ui.browser import served
from tests.ui.coders import Coder, disagreements
from tests.ui.desk_fixture import write_contract
from tests.ui.page_session import PageSession

THINK_SECONDS = (2.0, 4.0)
ARRIVE_SECONDS = 1.0
"""Between one coder's coming and the next one's: nobody signs in at the same instant as all others."""
SHARED_EVERY = 4
SAVE_EVERY, SIGN_EVERY = 3, 8
SEED = 1
SETTINGS = """name = "合成医院"
name_en = "Synthetic Hospital"
party = "hospital"
results = "results"
schemes = ["{scheme}"]
contract = "{contract}"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--edits", type=int, default=24, help="of each session")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="only this one")
    parser.add_argument("--cases", type=int, help="no more than without it")
    parser.add_argument("--large", action="store_true", help="no more than without it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = write_results(folder / "results").table("cases", ["case_id"])
        case_ids = cases.column("case_id").to_pylist()
        settings = SETTINGS.format(scheme=SCHEME, contract=write_contract(folder))
        (folder / "ui.toml").write_text(settings, encoding="utf-8")
        if options.database != "postgresql":
            measure(parse_address(str(folder / "store.sqlite")), "SQLite", folder, case_ids, options)
        if options.database != "sqlite":
            with postgresql() as address:
                if address is not None:
                    measure(address, "PostgreSQL", folder, case_ids, options)


@contextmanager
def postgresql() -> Iterator[Address | None]:
    """A database of a server that is started for it; ``None`` where there is no PostgreSQL, which is told."""
    if reason := postgres.why_not():
        print(reason)
        yield None
        return
    with postgres.running() as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        yield parse_address(server.url("bench"))


def measure(
    address: Address, database: str, folder: Path, case_ids: Sequence[str], options: argparse.Namespace
) -> None:
    """Serve the pages over a new store, have the coders work, and tell; ends the bench where an edit was lost."""
    os.environ[VARIABLE] = address.url.render_as_string(hide_password=False)
    names = [f"coder{number:02}" for number in range(1, options.sessions + 1)]
    password = new_password()
    with init_store(address) as store:
        add_coders(store, names, password)
        add_queue(store, case_ids)
        with served(folder / "ui.toml") as server:
            coders = work_all(server, names, password, case_ids[0], options.edits)
        tell(coders, database)
        told = [one for coder in coders for one in coder.told]
        wrong = [*(sentence for coder in coders for sentence in coder.wrong), *disagreements(store, told)]
    if wrong:
        sys.exit("\n".join([f"{database}: {len(wrong)} edits lost or not answered", *wrong]))
    print(f"  {database}: no edit lost: every acknowledged one is in the store, every refused one was told")


def add_coders(store: Store, names: Sequence[str], password: str) -> None:
    """An account for each; one hash for all, past the store, because making one takes long."""
    for name in names:
        add_account(store, NewAccount(name, name, frozenset({"coder"}), name), None, "bench")
    with write_connection(store) as connection:
        connection.execute(sa.update(schema.credential).values(password_hash=hash_password(password)))


def work_all(server: str, names: Sequence[str], password: str, shared: str, edits: int) -> list[Coder]:
    """All coders at work at the same time."""
    with ThreadPoolExecutor(len(names)) as threads:
        started = [
            threads.submit(
                come, number * ARRIVE_SECONDS, server, name, password, shared_by(number, shared), edits
            )
            for number, name in enumerate(names)
        ]
        return [one.result() for one in started]


def shared_by(number: int, case_id: str) -> str | None:
    """The case that a coder shares with others, where he is one of those who do."""
    return case_id if number % SHARED_EVERY == 0 else None


def come(after: float, server: str, name: str, password: str, shared: str | None, edits: int) -> Coder:
    """Begin to work some seconds after the first one."""
    time.sleep(after)
    return work(server, name, password, shared, edits)


def work(server: str, name: str, password: str, shared: str | None, edits: int) -> Coder:
    """The day of one coder; ``shared`` is the case that he shares with others."""
    with closing(PageSession(server)) as page:
        coder = Coder(page, name, random.Random(f"{SEED} {name}"), THINK_SECONDS)
        coder.sign_in(password)
        open_one(coder, shared)
        for number in range(1, edits + 1):
            coder.edit()
            if number % SAVE_EVERY == 0:
                settle(coder, coder.save())
            if number % SIGN_EVERY == 0:
                coder.reset()
                settle(coder, coder.sign())
                open_one(coder, shared)
    return coder


def open_one(coder: Coder, shared: str | None) -> None:
    if shared is not None:
        coder.open_case(shared)
    else:
        coder.open_from_queue()


def settle(coder: Coder, outcome: str | None) -> None:
    """Where somebody was faster, one of two keeps his edits and saves them again, until they are saved."""
    while outcome == "stale":
        is_kept = coder.draw.random() < 0.5
        coder.resolve("keep_mine" if is_kept else "take_theirs")
        outcome = coder.save() if is_kept else None


def tell(coders: Sequence[Coder], database: str) -> None:
    """The figures of all coders together."""
    edits = np.array([took for coder in coders for took in coder.edits])
    opened = np.array([took for coder in coders for took in coder.opened])
    middle, high = np.quantile(edits, (0.5, 0.95))
    shared = len(coders[::SHARED_EVERY])
    print(
        f"workbench, {database}: {len(coders)} sessions, {shared} of them at one case, {len(edits)} edits,"
        f" {THINK_SECONDS[0]:g} to {THINK_SECONDS[1]:g} s of thought before each action,"
        f" one more session each {ARRIVE_SECONDS:g} s;"
        f" load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print(f"  edit to refreshed result: p50 {middle:.2f} s, longest {edits.max():.2f} s")
    print(f"  p95 {judged('workbench_edit_p95', high, f'{len(coders)} sessions')}")
    print(f"  opening a case: p50 {np.median(opened):.2f} s, longest {opened.max():.2f} s")
    told = Counter((one.asked, one.outcome) for coder in coders for one in coder.told)
    print("  " + ", ".join(f"{asked} {outcome}: {count}" for (asked, outcome), count in sorted(told.items())))


if __name__ == "__main__":
    main()
