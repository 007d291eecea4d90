"""What the columns of a table are, and which of them may be features: every decision has a reason."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from claims.risk.metrics import auc
from claims.risk.settings import settings
from claims.risk.values import Floats, Ints, codes, days, levels_of, looks_like_code, numbers

Kind = Literal["number", "category", "date", "identifier", "text", "constant", "empty", "unsupported"]
USED: tuple[Kind, ...] = ("number", "category", "date")


@dataclass(frozen=True)
class Column:
    """A column of the table. ``refused``: message id of why it is no feature; empty where it is one.

    ``warnings``: message ids. ``steady``: one value a group in all training rows. ``gaps``: some training rows have
    no value. ``unreadable``: values of training rows that are no number or date, and count as missing.
    """

    name: str
    kind: Kind
    refused: str = ""
    warnings: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)
    levels: tuple[str, ...] = ()
    steady: bool = False
    gaps: bool = False
    unreadable: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(told: dict[str, Any]) -> Column:
        values = {**told, "warnings": tuple(told["warnings"]), "levels": tuple(told["levels"])}
        return Column(**values)


def detect(name: str, column: pa.ChunkedArray, label_name: str) -> Column:
    """What a column of the training rows is, by its values alone (the label is not looked at)."""
    found = _by_type(name, column)
    if found.kind in USED and _one_value(column):
        return Column(name, "constant", refused="risk.refused_constant")
    warned = found.warnings
    if found.kind in USED and re.search(settings("leak")["names"], name):
        warned = (*warned, "risk.warning_name")
    if found.kind in USED and label_name.lower() in name.lower():
        warned = (*warned, "risk.warning_label_name")
    return Column(**{**asdict(found), "warnings": warned, "gaps": _has_gaps(column)})


def _has_gaps(column: pa.ChunkedArray) -> bool:
    return bool(column.null_count > settings("columns")["missing_share"] * len(column))


def _one_value(column: pa.ChunkedArray) -> bool:
    return bool(pc.count_distinct(column).as_py() <= 1) and column.null_count == 0


def _by_type(name: str, column: pa.ChunkedArray) -> Column:
    kind = column.type
    if column.null_count == len(column):
        return Column(name, "empty", refused="risk.refused_empty")
    if pa.types.is_boolean(kind):
        return Column(name, "number")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _number(name, column, numbers(column))
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return Column(name, "date")
    if pa.types.is_string(kind):
        return _text(name, column)
    return Column(name, "unsupported", refused="risk.refused_type", params={"type": str(kind)})


def _text(name: str, column: pa.ChunkedArray) -> Column:
    present = len(column) - column.null_count
    limits = settings("columns")
    as_numbers = numbers(column)
    readable = int(np.isfinite(as_numbers).sum())
    if readable >= limits["numeric_share"] * present and not looks_like_code(column):
        return _number(name, column, as_numbers, present - readable)
    as_days = days(column)
    readable = int(np.isfinite(as_days).sum())
    if readable >= limits["date_share"] * present:
        return Column(name, "date", unreadable=present - readable)
    return _levels(name, column, present)


def _number(name: str, column: pa.ChunkedArray, values: Floats, unreadable: int = 0) -> Column:
    present = values[np.isfinite(values)]
    distinct = np.unique(present)
    whole = bool(len(present)) and bool((present == np.floor(present)).all())
    if whole and len(distinct) > len(present) * settings("columns")["distinct_share"] and len(present) > 20:
        counts_up = len(distinct) == len(present) and distinct[-1] - distinct[0] < 2 * len(distinct)
        in_order = bool((np.diff(present) > 0).all())
        if re.search(settings("columns")["identifier_names"], name) or (counts_up and in_order):
            return Column(
                name, "identifier", refused="risk.refused_identifier", params={"distinct": len(distinct)}
            )
    return Column(name, "number", unreadable=unreadable)


def _levels(name: str, column: pa.ChunkedArray, present: int) -> Column:
    limits = settings("columns")
    texts, counts = levels_of(column)
    length = float(np.dot([len(text) for text in texts], counts) / present)
    if length > limits["text_length"]:
        return Column(name, "text", refused="risk.refused_text", params={"length": round(length)})
    named = bool(re.search(limits["identifier_names"], name))
    few = len(texts) <= limits["most_level_shares"]
    if not few and len(texts) > present * limits["distinct_share"]:
        return _identifier(name, len(texts))
    kept = min(len(texts), limits["most_levels"])
    least = limits["least_level_rows"] if len(texts) > 2 else 1
    kept = min(kept, int((counts >= least).sum()))
    covered = float(counts[:kept].sum() / present)
    if not kept or covered < limits["least_levels_share"] or (named and len(texts) > limits["most_levels"]):
        return _identifier(name, len(texts))
    params = {"distinct": len(texts), "kept": kept, "covered": round(covered, 3)}
    return Column(name, "category", levels=tuple(texts[:kept]), params=params)


def _identifier(name: str, distinct: int) -> Column:
    return Column(name, "identifier", refused="risk.refused_identifier", params={"distinct": distinct})


def without_leaks(
    found: list[Column], table: pa.Table, labels: Ints, time: str | None, keep: Collection[str]
) -> list[Column]:
    """The columns of the training rows again; those that tell the label, or lie after the claim, are refused.

    A column in ``keep`` stays a feature and gets a warning in place of the refusal.
    """
    limits = settings("leak")
    claim_day = days(table.column(time)) if time is not None else None
    checked = []
    for column in found:
        if column.kind == "date" and claim_day is not None and column.name != time:
            after = _share_after(days(table.column(column.name)), claim_day)
            if after > limits["after_share"]:
                column = _refuse(column, "risk.refused_after", keep, share=round(after, 3))
        if column.kind in USED and not column.refused:
            told = _column_auc(column, table.column(column.name), labels)
            if told > limits["auc"]:
                column = _refuse(column, "risk.refused_leak", keep, auc=round(told, 4))
        checked.append(column)
    return checked


def _refuse(column: Column, reason: str, keep: Collection[str], **params: Any) -> Column:
    kept = column.name in keep
    changed = {
        "params": {**column.params, **params},
        "refused": "" if kept else reason,
        "warnings": (*column.warnings, "risk.warning_kept") if kept else column.warnings,
    }
    return Column(**{**asdict(column), **changed})


def _share_after(values: Floats, claim_day: Floats) -> float:
    both = np.isfinite(values) & np.isfinite(claim_day)
    return float((values[both] > claim_day[both]).mean()) if both.any() else 0.0


def _column_auc(column: Column, values: pa.ChunkedArray, labels: Ints) -> float:
    """How well this column alone tells the label: the larger AUC of its values (or levels' rates) and of its gaps."""
    if column.kind == "category":
        place = np.nan_to_num(codes(values, column.levels), nan=len(column.levels)).astype(np.int64)
        missing = np.asarray(pc.is_null(values).to_numpy(), dtype=np.float64)
        return max(_either_way(missing, labels), auc(labels, _level_rates(place, labels)))
    return single_auc(numbers(values) if column.kind == "number" else days(values), labels)


def _level_rates(place: Ints, labels: Ints) -> Floats:
    """(rows,) the rate of positives of each row's level among every other row: no row tells its own label."""
    found = np.empty(len(labels))
    half = np.arange(len(labels)) % 2 == 0
    for asked in (half, ~half):
        rows = np.bincount(place[~asked], minlength=int(place.max()) + 1)
        hits = np.bincount(place[~asked], weights=labels[~asked], minlength=len(rows))
        found[asked] = ((hits + labels.mean()) / (rows + 1))[place[asked]]
    return found


def single_auc(values: Floats, labels: Ints) -> float:
    """How well numbers tell the label: the larger AUC, in either direction, of the values and of their gaps."""
    known = np.isfinite(values)
    gaps = _either_way((~known).astype(np.float64), labels)
    if labels[known].min(initial=1) >= labels[known].max(initial=0):
        return gaps
    share = known.mean()
    # Rows without a value cannot be told apart by it: they count as a coin.
    return max(gaps, float(share * _either_way(values[known], labels[known]) + (1 - share) * 0.5))


def _either_way(values: Floats, labels: Ints) -> float:
    found = auc(labels, values)
    return max(found, 1 - found)
