"""The tables of policies and of their changes, CSV or Parquet; rows that do not fit are rejected."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from claims import intake
from claims.intake import REJECTED_SCHEMA, Rejections, as_mask
from claims.risk.table import read_table

_KINDS = {
    "id": (intake.ids, pa.string()),
    "date": (intake.dates, pa.date32()),
    "fen": (intake.amounts, pa.int64()),
}
NEEDED = {"policies": (("policy",), ("issue_date",)), "changes": (("policy",), ("change_date",), ("kind",))}


@dataclass(frozen=True)
class Policies:
    """``states``: columns of ``[policies]`` in ``columns.toml``, ``valid_from`` filled; ``changes``: of ``[changes]``.

    ``rejected``: in ``claims.intake.REJECTED_SCHEMA``.
    """

    states: pa.Table
    changes: pa.Table
    rejected: pa.Table


def read_policies(policies: Path, changes: Path | None = None) -> Policies:
    """The policies of a file, and their changes of another. Raises ``InputError`` where one cannot be used at all."""
    states, wrong = _read(policies, "policies")
    made, wrong_changes = (
        (schema("changes").empty_table(), REJECTED_SCHEMA.empty_table())
        if changes is None
        else _read(changes, "changes")
    )
    return Policies(states, made, pa.concat_tables([wrong, wrong_changes]))


@cache
def columns() -> Mapping[str, Mapping[str, Any]]:
    """The sections of ``columns.toml``."""
    return tomllib.loads(Path(__file__).with_name("columns.toml").read_text(encoding="utf-8"))


def schema(name: str) -> pa.Schema:
    """The columns of a table of ``columns.toml``."""
    return pa.schema([(ours, _KINDS[entry["kind"]][1]) for ours, entry in columns()[name].items()])


def _read(path: Path, name: str) -> tuple[pa.Table, pa.Table]:
    table = read_table(path)
    known: dict[str, Sequence[str]] = {ours: entry["names"] for ours, entry in columns()[name].items()}
    held = intake.bound(path, known, table.column_names, NEEDED[name])
    rejections = Rejections(path, len(table))
    found: dict[str, pa.Array] = {}
    for ours, entry in columns()[name].items():
        cast, kind = _KINDS[entry["kind"]]
        given = held.get(ours)
        found[ours] = (
            pa.nulls(len(table), kind) if given is None else cast(table.column(given), ours, rejections)
        )
    for (ours,) in NEEDED[name]:
        rejections.add(
            as_mask(pc.is_null(found[ours])),
            ours,
            "intake.id_missing" if ours == "policy" else "policies.missing",
        )
    if name == "policies":
        found["valid_from"] = pc.coalesce(found["valid_from"], found["issue_date"])
        _check_states(found, rejections)
    read = pa.table(found, schema=schema(name))
    return read.filter(pa.array(~rejections.is_wrong)), rejections.table()


def _check_states(found: Mapping[str, pa.Array], rejections: Rejections) -> None:
    """Reject policies that end, or whose waiting period ends, before the issue, and states that are told twice."""
    for ours in ("ends_on", "waiting_until", "valid_from"):
        turned = pc.fill_null(pc.less(found[ours], found["issue_date"]), False)
        rejections.add(as_mask(turned), ours, "policies.before_issue", pa.chunked_array([found[ours]]))
    keys = pc.binary_join_element_wise(found["policy"], found["valid_from"].cast(pa.string()), "\n")
    codes = keys.dictionary_encode().indices
    first = np.zeros(len(keys), np.bool_)
    first[np.unique(codes.fill_null(-1).to_numpy(), return_index=True)[1]] = True
    rejections.add(~first & as_mask(keys.is_valid()), "policy", "policies.twice")
