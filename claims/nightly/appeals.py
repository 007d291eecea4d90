"""Upheld appeals of the store: they silence findings of the record checks."""

from __future__ import annotations

import orjson

from claims.nightly.config import Config
from claims.nightly.folder import store_address
from claims.nightly.manifest import write_bytes
from claims.nightly.work_items import STORED
from claims.store.address import Address
from claims.store.errors import StoreError
from drg.quality.appeals import Appeal

KEPT = f"{STORED}/appeals.json"


def upheld_appeals(config: Config) -> tuple[Appeal, ...]:
    """The upheld appeals; those of the last run where the store cannot be used now: that is told at its end."""
    address = store_address(config)
    if address is None or not config.runs("check"):
        return ()
    path = config.out / KEPT
    try:
        found = _of_store(address)
    except StoreError:
        return (
            tuple(Appeal.model_validate(one) for one in orjson.loads(path.read_bytes()))
            if path.is_file()
            else ()
        )
    write_bytes(path, orjson.dumps([one.model_dump(mode="json") for one in found]))
    return found


def _of_store(address: Address) -> tuple[Appeal, ...]:
    from claims.finding_appeals import silenced
    from claims.store import init_store, open_store

    if address.file is None:
        with open_store(address) as store:
            return silenced(store).all
    if not address.file.is_file():
        return ()
    with init_store(address) as store:
        return silenced(store).all
