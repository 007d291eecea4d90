"""A hospital's installation with whole records and a coder's queue, over the synthetic sample. Nobody in it exists."""

from __future__ import annotations

import shutil
from pathlib import Path

import sqlalchemy as sa

from claims.store import NewAccount, Store, add_account, open_store, parse_address, schema
from claims.store.database import write_connection
from drg.payment.contract import CONTRACTS_FOLDER
from tests.claims.coding_desk.results_folder import SCHEME, add_queue, write_results
from tests.ui.results_fixture import Hospital

SECOND_CODER = "second"
TERMS = """
id = "desk"
title = {{ en = "Synthetic", zh = "虚构合同" }}
kind = "synthetic"
source = "written for the tests"
regions = ["*"]
from = 2024-01-01
scheme = "{scheme}"
method = "rate"
weights = "{weights}"
[[rates]]
yuan = "10500"
"""
QUEUE = ("SYN00000013-1", "SYN00000056-1", "SYN00000025-1", "SYN00000105-1", "SYN00000058-1", "SYN00000023-1")
"""The first may be signed as it is; the third has findings that block."""


def build_desk(folder: Path, filled_store: Path) -> Hospital:
    """Make the installation in an empty folder, with the accounts of ``filled_store`` and a second coder."""
    results = folder / "results"
    write_results(results)
    address = str(folder / "store.sqlite")
    shutil.copy(filled_store, address)
    with open_store(parse_address(address)) as store:
        add_second_coder(store)
        add_queue(store, QUEUE)
    config = folder / "ui.toml"
    config.write_text(
        'name = "合成医院"\nname_en = "Synthetic Hospital"\nparty = "both"\nstore = "store.sqlite"\n'
        f'results = "results"\nschemes = ["{SCHEME}"]\ncontract = "{write_contract(folder)}"\n',
        encoding="utf-8",
    )
    return Hospital(config, results, address, folder / "schemes")


def add_second_coder(store: Store) -> None:
    """An account with the password of the others, past the store, because hashing one takes long."""
    table = schema.credential
    new = NewAccount(SECOND_CODER, "合成second", frozenset({"coder"}), "sub-second")
    made = add_account(store, new, None, "fixture")
    with write_connection(store) as connection:
        known = sa.select(table.c.password_hash).where(table.c.password_hash.is_not(None)).limit(1)
        hashed = connection.execute(known).scalar_one()
        connection.execute(sa.update(table).where(table.c.id == made.id).values(password_hash=hashed))


def write_contract(folder: Path) -> Path:
    """A synthetic contract under which all cases of the sample fall."""
    weights = "yantai-2023.weights.tsv"
    (folder / weights).write_bytes((CONTRACTS_FOLDER / weights).read_bytes())
    contract = folder / "desk.toml"
    contract.write_text(TERMS.format(scheme=SCHEME, weights=weights), encoding="utf-8")
    return contract
