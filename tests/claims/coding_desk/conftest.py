"""A desk over the sample: results, engine, store. Nobody in it exists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from claims.coding_desk import Engine, OpenCase, load_case
from claims.nightly.results import Results
from claims.store import Store, init_store, parse_address
from drg.payment.contract import find_contract
from drg.scheme.pack import find_pack
from tests.claims.coding_desk.results_folder import DAY, SCHEME, add_queue, write_results

QUEUE = ("SYN00000013-1", "SYN00000056-1", "SYN00000025-1")
Opens = Callable[[str], OpenCase]


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return write_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine(find_pack(SCHEME), find_contract("template"), as_if=True, day=DAY)


@pytest.fixture
def desk(results: Results, engine: Engine) -> Opens:
    """Opens a case of the sample."""
    return lambda case_id: OpenCase(engine, load_case(results, case_id))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with init_store(parse_address(str(tmp_path / "store.sqlite"))) as opened:
        add_queue(opened, QUEUE)
        yield opened
