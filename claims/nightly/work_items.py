"""What people should look at, as work items of the store: records for the coder, claims for the analyst.

A partition is looked at again only when what its items are made of changed. A case that has an open item, or one that
was decided for the same reasons, gets no second one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from claims.nightly.hashes import digest
from claims.nightly.manifest import Manifest, Output, read_output, write_bytes
from claims.store import Kind, NewItem, Reason, Store, add_items, schema
from claims.store.database import read_connection
from claims.store.items import ACTIVE, reason_rows, reasons_hash

STORED = "stored"
MOST_REASONS = 12
BATCH = 500
BLOCKING = "block"
NOT_GROUPED = ("ungrouped", "ambiguous", "rejected")
NO_HOSPITAL = "-"
POINT = 100

Rows = list[dict[str, Any]]
Change = Callable[[Iterable[NewItem]], Iterable[NewItem]]


def store_items(
    store: Store,
    run_id: str,
    out: Path,
    parts: Sequence[Manifest],
    risk: Mapping[str, Output],
    model_hash: str | None,
    change: Change,
    person: str,
) -> int:
    """Add the items of all partitions that changed; returns how many are new.

    ``risk``: the file of each partition. ``change``: what is done with claim items before they are added.
    """
    added = 0
    for part in parts:
        marker = out / STORED / f"{part.name}.json"
        key = _key(store, part, risk.get(part.name), model_hash)
        if _marked(marker) == key:
            continue
        items = [*coder_items(out, part), *change(claim_items(out, part, risk.get(part.name), model_hash))]
        added += add_items(store, run_id, list(_new(store, items)), person)
        write_bytes(marker, orjson.dumps(key))
    return added


def coder_items(out: Path, part: Manifest) -> Iterator[NewItem]:
    """Records with a finding that blocks, and cases without a group; the amount is the cost."""
    reasons: dict[str, list[Reason]] = {}
    for row in _rows(
        out, part.output("groups"), [("status", "in", NOT_GROUPED)], ["case_id", "status", "reason"]
    ):
        reasons.setdefault(row["case_id"], []).append(Reason(row["reason"] or row["status"], {}))
    blocking = [("severity", "=", BLOCKING), ("status", "=", "open")]
    for row in _rows(out, part.output("findings"), blocking, ["case_id", "rule", "field", "position"]):
        shown = {"field": row["field"], "position": row["position"]}
        reasons.setdefault(row["case_id"], []).append(Reason(row["rule"], shown))
    cases = _cases(out, part, reasons)
    for case_id, told in reasons.items():
        case = cases.get(case_id, {})
        cost = case.get("total_cost_fen")
        yield NewItem(
            Kind.CODER,
            case_id,
            case.get("hospital") or NO_HOSPITAL,
            cost or 0,
            cost,
            tuple(told[:MOST_REASONS]),
        )


def claim_items(out: Path, part: Manifest, risk: Output | None, model_hash: str | None) -> Iterator[NewItem]:
    """Claims that the model (or, without one, the ranking) puts first, with its reasons and the rules that they hit."""
    flagged = _rows(out, risk, [("flagged", "=", True)], None)
    wanted = {row["case_id"] for row in flagged}
    hits: dict[str, list[Reason]] = {}
    if wanted:
        chosen = [("case_id", "in", sorted(wanted))]
        for row in _rows(out, part.output("hits"), chosen, ["case_id", "rule", "severity", "field"]):
            shown = {"severity": row["severity"], "field": row["field"]}
            hits.setdefault(row["case_id"], []).append(Reason(row["rule"], shown))
    cases = _cases(out, part, wanted)
    for row in flagged:
        case_id = row["case_id"]
        case = cases.get(case_id, {})
        reasons = [*map(_model_reason, row["reasons"] or ()), *hits.get(case_id, ())]
        yield NewItem(
            kind=Kind.CLAIM,
            case_id=case_id,
            hospital=case.get("hospital") or NO_HOSPITAL,
            priority=_priority(row),
            amount_fen=case.get("total_cost_fen"),
            reasons=tuple(reasons[:MOST_REASONS]),
            risk_score=row["score"],
            risk_band=row["band"],
            model_hash=model_hash,
        )


def _priority(row: Mapping[str, Any]) -> int:
    """What can be expected, in fen; without a model points in hundredths: both orders are those of the rank."""
    if row["expected_fen"] is not None:
        return int(row["expected_fen"])
    points: float = row["points"]
    return round(points * POINT)


def _model_reason(told: Mapping[str, Any]) -> Reason:
    # The feature is the code, so that the queue can be asked for it; the sentence follows from the contribution.
    return Reason(told["feature"], {name: told[name] for name in ("value", "middle")}, told["contribution"])


def _cases(out: Path, part: Manifest, wanted: Iterable[str]) -> dict[str, dict[str, Any]]:
    chosen = sorted(wanted)
    rows = _rows(
        out, part.output("cases"), [("case_id", "in", chosen)], ["case_id", "hospital", "total_cost_fen"]
    )
    return {row["case_id"]: row for row in rows} if chosen else {}


def _rows(out: Path, output: Output | None, chosen: list[Any], columns: list[str] | None) -> Rows:
    """The chosen rows of a table; none where there is no such table."""
    if output is None:
        return []
    table = read_output(out, output)
    mask = pa.array(np.ones(len(table), np.bool_))
    for name, sign, value in chosen:
        column = table.column(name).combine_chunks()
        found = pc.is_in(column, pa.array(value, column.type)) if sign == "in" else pc.equal(column, value)
        mask = pc.and_(mask, pc.fill_null(found, False))
    rows: Rows = table.filter(mask).select(columns or table.column_names).to_pylist()
    return rows


def _new(store: Store, items: Sequence[NewItem]) -> Iterator[NewItem]:
    """The items that the store has not got."""
    table = schema.work_item
    columns = (table.c.kind, table.c.case_id, table.c.state, table.c.reasons_hash)
    with read_connection(store) as connection:
        for start in range(0, len(items), BATCH):
            batch = items[start : start + BATCH]
            statement = sa.select(*columns).where(table.c.case_id.in_([item.case_id for item in batch]))
            known: dict[tuple[str, str], set[str]] = {}
            for kind, case_id, state, reasons in connection.execute(statement):
                known.setdefault((kind, case_id), set()).update({state, reasons})
            for item in batch:
                told = known.get((item.kind.value, item.case_id), set())
                if told.isdisjoint({*(state.value for state in ACTIVE), reasons_hash(reason_rows(item))}):
                    yield item


def _key(store: Store, part: Manifest, risk: Output | None, model_hash: str | None) -> str:
    read = [
        one.sha256
        for name in ("cases", "groups", "findings", "hits")
        if (one := part.output(name)) is not None
    ]
    return digest([str(store.address), read, None if risk is None else risk.sha256, model_hash])


def _marked(marker: Path) -> str | None:
    try:
        told: str = orjson.loads(marker.read_bytes())
        return told
    except (OSError, orjson.JSONDecodeError):
        return None
