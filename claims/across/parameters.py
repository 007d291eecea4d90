"""The parameters of the rules as a table: one row for each region and stretch of days in which none of them changes."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from claims.errors import input_error
from claims.knowledge.points import FAR_AHEAD, LONG_AGO
from claims.parameters.settings import EVERYWHERE, Parameters, Span

PERIOD_COLUMNS = ("period", "region", "first_day", "last_day")


def parameter_table(parameters: Parameters, names: Sequence[str]) -> pa.Table:
    """``PERIOD_COLUMNS`` (days since 1970) and one column a name, null where no value holds.

    ``region`` is one that has parameters of its own, or ``CN``. Raises ``InputError`` for a name that nobody sets.
    """
    unknown = [name for name in names if name not in parameters.names]
    if unknown:
        raise input_error("across.parameter_unknown", names=", ".join(unknown))
    rows: list[dict[str, object]] = []
    for region in sorted({*parameters.regions, EVERYWHERE}):
        spans = {name: parameters.spans(name, region) for name in names}
        for first, last in _stretches([span for found in spans.values() for span in found]):
            values = {name: _value(found, first) for name, found in spans.items()}
            rows.append(
                {"period": len(rows), "region": region, "first_day": first, "last_day": last, **values}
            )
    kinds = [pa.int32(), pa.string(), pa.int32(), pa.int32(), *(pa.float64() for _ in names)]
    return pa.Table.from_pylist(
        rows, schema=pa.schema(list(zip((*PERIOD_COLUMNS, *names), kinds, strict=True)))
    )


def _stretches(spans: Sequence[Span]) -> list[tuple[int, int]]:
    """First and last day of each stretch between two changes."""
    starts = {LONG_AGO} | {span.days[0] for span in spans} | {span.days[1] + 1 for span in spans}
    ordered = sorted(day for day in starts if day <= FAR_AHEAD)
    return list(zip(ordered, [*(day - 1 for day in ordered[1:]), FAR_AHEAD], strict=True))


def _value(spans: Sequence[Span], day: int) -> float | None:
    return next((span.value for span in spans if span.days[0] <= day <= span.days[1]), None)
