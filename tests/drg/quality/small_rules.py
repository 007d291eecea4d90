"""Rules and record tables for the tests of the engine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from drg.quality.examples import record_table, record_values
from drg.quality.rule import Check, Example, Rule, Wording, make_check
from drg.quality.vocabulary import load_vocabulary

RUN_DATE = dt.date(2026, 12, 31)
DEFAULTS: dict[str, Any] = {
    "version": 1,
    "category": "sex",
    "severity": "block",
    "confirmed": True,
    "basis": Wording(en="A test", zh="测试"),
    "effective_from": dt.date(2016, 6, 1),
    "effective_to": None,
    "jurisdiction": "CN",
    "dictionary": "any",
    "appealable": True,
    "title": Wording(en="Title", zh="标题"),
    "why": Wording(en="Why", zh="理由"),
    "payer": Wording(en="Payer", zh="医保"),
}


def wording(text: str) -> Wording:
    return Wording(en=text, zh=text)


def check(
    condition: str, field: str = "diagnoses.code", message: str = "m", exceptions: str | None = None
) -> Check:
    nothing = (Example(),)
    return make_check(
        load_vocabulary(),
        "test",
        field=field,
        condition=condition,
        exceptions=exceptions,
        message=wording(message),
        remedy=wording("r"),
        bad=nothing,
        good=nothing,
    )


def rule(id: str, *checks: Check, **settings: Any) -> Rule:
    return Rule(id=id, checks=checks, **{**DEFAULTS, **settings})


def records(*rows: Mapping[str, Any]) -> pa.Table:
    """Records as in examples, with the case ids C0, C1, ... and the rows 2, 3, ..."""
    vocabulary = load_vocabulary()
    table = record_table([record_values(Example.model_validate(row), vocabulary) for row in rows], vocabulary)
    return with_ids(table)


def with_ids(table: pa.Table) -> pa.Table:
    count = len(table)
    return table.append_column(
        "case_id", pa.array([f"C{n}" for n in range(count)], pa.string())
    ).append_column("row", pa.array(range(2, count + 2), pa.int64()))
