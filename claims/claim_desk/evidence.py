"""What the rules found in a claim, with clause, reasoning and the rows that they saw; and its fee lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from claims.across.rule import load_across_rules
from claims.lines import FEE_LINES
from claims.nightly.results import Results
from claims.rules.library import SEVERITIES, load_claim_rules, sample_vocabulary
from drg.quality.finding import OPEN, render
from drg.quality.labels import field_label

HITS, HITS_ACROSS = "hits", "hits_across"
LINE_COLUMNS = ("position", "date", "code", "name", "kind", "quantity", "unit", "unit_price", "amount")


@dataclass(frozen=True)
class Seen:
    """One value that a rule saw: the field in words, its row in the group from 1 (``None`` for a scalar)."""

    path: str
    field: str
    position: int | None
    value: str


@dataclass(frozen=True)
class Hit:
    """A finding of a claim rule in words: a suspicion or a clue, never a verdict.

    ``check`` is what the analyst does next, ``answer`` how the hospital may answer. ``lines``: positions of the fee
    lines that it saw, ``others``: the other cases of a rule over many visits. ``is_open``: false where an accepted
    appeal silences it.
    """

    rule: str
    version: int
    severity: str
    title: str
    message: str
    why: str
    basis: str
    check: str
    answer: str
    seen: tuple[Seen, ...]
    lines: tuple[int, ...]
    others: tuple[str, ...]
    is_open: bool


def hits_of(results: Results, case_id: str, lang: str) -> list[Hit]:
    """The findings about a claim, suspicions first. One of a rule that is not known here is told as it is."""
    makers = {HITS: _hit, HITS_ACROSS: _hit_across}
    found = [
        make(row, lang)
        for name, make in makers.items()
        if results.has(name)
        for row in _rows(results, name, case_id)
    ]
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    return sorted(found, key=lambda hit: (order.get(hit.severity, len(order)), hit.rule))


def fee_lines(results: Results, case_id: str) -> pa.Table:
    """The fee lines of a claim in their order, ``LINE_COLUMNS``; texts as written. Empty where there are none."""
    rows: list[dict[str, Any]] = []
    if results.has("lines"):
        rows = [_plain(row) for row in _rows(results, "lines", case_id)]
    elif results.has("records"):
        rows = [line for row in _rows(results, "records", case_id) for line in _listed(row)]
    lines = [{**row, "position": row.get("position") or place} for place, row in enumerate(rows, start=1)]
    columns = {name: [_text(line.get(name)) for line in lines] for name in LINE_COLUMNS[1:]}
    positions = pa.array([line["position"] for line in lines], pa.int64())
    return pa.table(
        [positions, *(pa.array(columns[name], pa.string()) for name in LINE_COLUMNS[1:])],
        names=list(LINE_COLUMNS),
    )


def _rows(results: Results, name: str, case_id: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = results.table(name, case_ids=[case_id]).to_pylist()
    return rows


def _hit(row: Mapping[str, Any], lang: str) -> Hit:
    rule = load_claim_rules().get(row["rule"])
    seen = tuple(_seen(row.get("evidence") or [], lang))
    lines = tuple(
        sorted({one.position for one in seen if one.position and one.path.startswith(f"{FEE_LINES}.")})
    )
    is_open = row.get("status", OPEN) == OPEN
    if rule is None or not 0 <= row["check"] < len(rule.checks):
        told = ("",) * 5
        return Hit(row["rule"], row["version"], row["severity"], row["rule"], *told, seen, lines, (), is_open)
    words = render(row, rule, lang)
    return Hit(
        rule.id,
        row["version"],
        row["severity"],
        rule.title.text(lang),
        words.message,
        words.why,
        words.basis,
        words.remedy,
        words.payer,
        seen,
        lines,
        (),
        is_open,
    )


def _hit_across(row: Mapping[str, Any], lang: str) -> Hit:
    """A row of ``claims.across.hits.HIT_SCHEMA`` in words."""
    rule = load_across_rules().get(row["rule"])
    others = tuple(row["other_cases"] or ())
    message = row[f"sentence_{lang}"] or ""
    if rule is None:
        return Hit(row["rule"], 0, row["severity"], row["rule"], message, *("",) * 4, (), (), others, True)
    return Hit(
        rule.id,
        rule.version,
        row["severity"],
        rule.title.text(lang),
        message,
        rule.why.text(lang),
        rule.basis.text(lang),
        rule.analyst.text(lang),
        rule.hospital.text(lang),
        (),
        (),
        others,
        True,
    )


def _seen(evidence: list[dict[str, Any]], lang: str) -> Iterator[Seen]:
    for item in evidence:
        label = field_label(item["field"], lang, sample_vocabulary())
        yield Seen(item["field"], label, item["position"], item["value"] or "")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(f"{FEE_LINES}."): value for name, value in row.items()}


def _listed(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The lines that a record has as lists, one list a field."""
    fields = {
        name.removeprefix(f"{FEE_LINES}."): values
        for name, values in record.items()
        if name.startswith(FEE_LINES)
    }
    count = max((len(values or []) for values in fields.values()), default=0)
    for place in range(count):
        yield {name: values[place] for name, values in fields.items() if values and place < len(values)}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
