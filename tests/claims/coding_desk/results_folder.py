"""A results folder of the sample, made by the steps themselves, and a store with its coder's queue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from claims.nightly.results import PARTS, RUN_FILE, Results, open_results
from claims.store import Kind, NewItem, Reason, Store, add_items, start_run
from drg.coding.review.paired import paired
from drg.grouper.table import group
from drg.quality.dictionary import NHSA
from drg.quality.document.engine import DocumentChecker
from drg.quality.document.found import finding_table
from drg.quality.document.record import whole_records
from drg.quality.engine import Checker
from drg.quality.registry import load_rules
from tests.conftest import REPOSITORY

SAMPLE = REPOSITORY / "data_samples" / "sample"
SOURCES = {"records": SAMPLE / "records", "front-page": SAMPLE / "full_front_page.csv"}
MOST_CASES = {"records": 100, "front-page": 10}
SCHEME = "chs-drg-1.1"
RUN = "night-1"
DAY = dt.date(2026, 3, 1)


def write_results(folder: Path) -> Results:
    """Cases, records, groups and findings of the sample, one partition a source."""
    checker = Checker(list(load_rules().values()), DAY, NHSA)
    taken: set[str] = set()
    for part, source in SOURCES.items():
        pairs = next(iter(paired(source)))
        # The front pages are of the same persons: those that have a whole record are taken once.
        new = [place for place, id in enumerate(pairs.cases.column("case_id").to_pylist()) if id not in taken]
        places = pa.array(new[: MOST_CASES[part]])
        cases, records = pairs.cases.take(places), pairs.records.take(places)
        taken |= set(cases.column("case_id").to_pylist())
        documents = DocumentChecker()
        rows = [row for one in whole_records(records, NHSA) for row in documents.check(one).findings()]
        found = pa.concat_tables(
            [checker.check(records).findings, finding_table(rows)], promote_options="default"
        )
        tables = {"cases": cases, "records": records, "groups": group(cases, SCHEME), "findings": found}
        _write_part(folder, part, tables)
    (folder / RUN_FILE).write_bytes(orjson.dumps({"run_id": RUN}))
    return open_results(folder)


def _write_part(folder: Path, part: str, tables: dict[str, pa.Table]) -> None:
    outputs = []
    for name, table in tables.items():
        file = f"{name}/{part}.parquet"
        (folder / name).mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / file)
        outputs.append({"table": name, "file": file})
    (folder / PARTS).mkdir(exist_ok=True)
    manifest = {"steps": {"all": {"outputs": outputs}}}
    (folder / PARTS / f"{part}.json").write_bytes(orjson.dumps(manifest))


def add_queue(store: Store, case_ids: Sequence[str], reason: str = "R-principal") -> None:
    """A run with a coder's item for each case, the first one most urgent."""
    start_run(store, RUN, DAY, {"code": "c" * 64}, "nightly")
    items = [
        NewItem(Kind.CODER, case_id, "H1", len(case_ids) - place, None, (Reason(reason, {}),))
        for place, case_id in enumerate(case_ids)
    ]
    add_items(store, RUN, items, "nightly")
