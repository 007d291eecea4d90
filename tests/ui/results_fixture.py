"""A hospital's installation over the synthetic sample: results folder, store with accounts, settings.

Nobody in it exists. The cases are those of the plain table of the sample, the records the front pages of the first 200
of them with their planted defects; groups, prices, findings and scores are what the library says of them. A few costs
are multiplied, so that there are high and low outliers.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

import drg
from claims.nightly.manifest import write_table
from claims.store import open_store, parse_address, sign_in
from drg import records
from drg.analytics.sources import read_cases
from drg.payment.contract import find_contract
from drg.payment.price import price, with_groups
from drg.quality.engine import Checked, check
from drg.quality.record import read_record_table
from drg.quality.registry import load_rules
from tests.conftest import REPOSITORY
from tests.ui.accounts_fixture import PASSWORD
from ui import home
from ui.session import TOKEN

SAMPLE = REPOSITORY / "data_samples" / "sample"
SCHEME, CONTRACT = "chs-drg-1.1", "template"
RUN = "2026-12-31-1"
RUN_DATE = dt.date(2026, 12, 31)
HASHES = {
    name: letter * 64 for name, letter in (("code", "c"), ("scheme", "5"), ("contract", "7"), ("rules", "a"))
}
HIGH_EVERY, LOW_EVERY = 17, 19
PARTS = 2


@dataclass(frozen=True)
class Hospital:
    """``config`` is what ``DRGBRIDGE_UI_CONFIG`` names."""

    config: Path
    results: Path
    store: str
    schemes: Path


@pytest.fixture(scope="session")
def hospital(filled_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    """The installation, with an account of every role that is named like it."""
    return build(tmp_path_factory.mktemp("hospital"), filled_store)


def build(folder: Path, store: Path) -> Hospital:
    """Make the installation in an empty folder, with a copy of a store that has its accounts."""
    results = folder / "results"
    write_results(results, tables())
    address = str(folder / "store.sqlite")
    shutil.copyfile(store, address)
    config = folder / "ui.toml"
    config.write_text(
        'name = "合成医院"\nname_en = "Synthetic Hospital"\nparty = "both"\nstore = "store.sqlite"\n'
        f'results = "results"\nschemes = ["{SCHEME}"]\ncontract = "{CONTRACT}"\nscheme_folder = "schemes"\n',
        encoding="utf-8",
    )
    return Hospital(config, results, address, folder / "schemes")


def tables() -> dict[str, pa.Table]:
    """The tables of a run over the sample."""
    cases = _with_outliers(read_cases(records.read(SAMPLE / "plain.csv")).cases)
    groups = drg.group(cases, SCHEME)
    prices = price(with_groups(cases, groups), find_contract(CONTRACT))
    checked = _checked()
    return {
        "cases": cases,
        "groups": groups,
        "prices": prices,
        "findings": checked.findings,
        "scores": checked.records,
    }


def _checked() -> Checked:
    rows = pa.concat_tables([batch.records for batch in read_record_table(SAMPLE / "front_page.csv")])
    return check(rows, list(load_rules().values()), RUN_DATE, "clinical-2.0")


def _with_outliers(cases: pa.Table) -> pa.Table:
    costs = cases.column("total_cost_fen").to_pylist()
    changed = [None if cost is None else _cost(place, cost) for place, cost in enumerate(costs)]
    index = cases.schema.get_field_index("total_cost_fen")
    return cases.set_column(index, "total_cost_fen", pa.array(changed, pa.int64()))


def _cost(place: int, cost: int) -> int:
    if place % HIGH_EVERY == 0:
        return cost * 6
    return cost // 5 if place % LOW_EVERY == 0 else cost


def write_results(folder: Path, found: dict[str, pa.Table]) -> None:
    """A results folder with the tables in two partitions, as a nightly run leaves it."""
    for name in ("parts", "runs"):
        (folder / name).mkdir(parents=True)
    for part in range(PARTS):
        outputs = []
        for name, table in found.items():
            first, last = (len(table) * place // PARTS for place in (part, part + 1))
            outputs.append(
                write_table(table.slice(first, last - first), folder, f"{name}/p{part}.parquet", name)
            )
        told = [{"table": one.table, "file": one.file} for one in outputs]
        manifest = {"steps": {"all": {"outputs": told}}}
        (folder / "parts" / f"p{part}.json").write_bytes(orjson.dumps(manifest))
    run = orjson.dumps({"id": RUN, "hashes": HASHES})
    for path in (folder / "_run.json", folder / "runs" / f"{RUN}.json"):
        path.write_bytes(run)
    (folder / "_SUCCESS").touch()


def start(hospital: Hospital, name: str, page: str, **query: str) -> AppTest:
    """A page of the installation with ``name`` signed in, at the place that ``query`` says, run once."""
    os.environ[home.VARIABLE] = str(hospital.config)
    with open_store(parse_address(hospital.store)) as store:
        token = sign_in(store, name, PASSWORD, dt.timedelta(hours=1)).token
    app = AppTest.from_file(str(REPOSITORY / "ui" / "pages" / f"{page}.py"), default_timeout=60)
    app.session_state[TOKEN] = token
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app
