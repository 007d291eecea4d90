"""Year-end settlement by points: from a budget to the point value, and what each hospital gets of it.

The budgets are shared out in proportion to the points of each hospital, in whole fen that add up exactly. The cases
come batch by batch; memory does not grow with them. Formulas: ``docs/dip.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.dip.matcher import whole_numbers
from drg.dip.payment import POINT_PARTS, PRICED, REASONS, Points
from drg.errors import InputError, Problem, input_error
from drg.payment.settlement import ALL, check_budgets, check_fit, largest_remainder, payable

SETTLEMENT_SCHEMA = pa.schema(
    [
        ("insurance_type", pa.string()),
        ("hospital", pa.string()),
        ("cases", pa.int64()),
        ("points", pa.float64()),
        ("payment_fen", pa.int64()),
        ("patient_paid_fen", pa.int64()),
        ("fund_fen", pa.int64()),
    ]
)
"""A row a pool and hospital. ``payment_fen``: its part of budget / pay share; ``fund_fen``: payment - what patients
paid, negative where they paid more."""


@dataclass(frozen=True)
class Pool:
    """A budget, and the points that share it: ``total_fen`` is budget / pay share, half up."""

    insurance_type: str
    budget_fen: int
    total_fen: int
    points: Fraction

    @property
    def point_value(self) -> Fraction:
        """Fen a point, exact."""
        return self.total_fen / self.points


@dataclass(frozen=True)
class Settlement:
    """``hospitals``: table in ``SETTLEMENT_SCHEMA``; ``unpriced``: message id -> cases that have no points."""

    pools: tuple[Pool, ...]
    hospitals: pa.Table
    unpriced: Mapping[str, int]


@dataclass
class _Hospital:
    """Sums over the cases of a hospital that have points; ``parts`` are points in ten-thousandths."""

    parts: int = 0
    cases: int = 0
    patient_paid_fen: int = 0
    without_patient_paid: int = 0


class Tally:
    """Points and what patients paid, by insurance type (none where all are one pool) and hospital."""

    def __init__(self, by_type: bool):
        self.by_type = by_type
        self.hospitals: dict[tuple[str, str], _Hospital] = {}
        self.unpriced: Counter[str] = Counter()

    def add(self, cases: pa.Table, points: Points, why: npt.NDArray[np.int8]) -> None:
        """Count a batch; ``points`` and ``why`` from ``payment.case_points`` over its rows."""
        for number, count in zip(
            *(part.tolist() for part in np.unique(why, return_counts=True)), strict=True
        ):
            if (reason := REASONS[number]) is not None:
                self.unpriced[reason] += count
        paid = whole_numbers(cases, "patient_paid_fen")
        table = pa.table(
            {
                "insurance_type": _texts(cases, "insurance_type" if self.by_type else ""),
                "hospital": _texts(cases, "hospital"),
                "parts": points.parts,
                "paid": np.maximum(paid, 0),
                "without_paid": (paid < 0).astype(np.int64),
            }
        ).filter(pa.array(why == PRICED))
        sums = [(name, "sum") for name in ("parts", "paid", "without_paid")]
        for row in (
            table.group_by(["insurance_type", "hospital"]).aggregate([*sums, ("parts", "count")]).to_pylist()
        ):
            own = self.hospitals.setdefault((row["insurance_type"], row["hospital"]), _Hospital())
            own.parts += row["parts_sum"]
            own.cases += row["parts_count"]
            own.patient_paid_fen += row["paid_sum"]
            own.without_patient_paid += row["without_paid_sum"]

    def settle(self, budgets: Mapping[str, int], pay_share: Fraction = Fraction(1)) -> Settlement:
        """Clear the budgets (fen), by insurance type or one under ``ALL``; ``pay_share`` is the fund's part of a
        payment. Raises ``InputError`` for budgets that do not fit the cases, where there are no points, and for
        hospitals with a case of which it is not known what the patient paid.
        """
        check_budgets(budgets)
        check_fit(budgets, sorted({kind for kind, _ in self.hospitals}))
        lacking = sorted({name for (_, name), one in self.hospitals.items() if one.without_patient_paid})
        if lacking:
            raise InputError(
                Problem("dip.patient_paid_missing", name, {"hospital": name or "-"}) for name in lacking
            )
        pools, rows = [], []
        for kind, budget in budgets.items():
            # The order of the hospitals decides who gets the last fen: their names, not the order of the cases.
            pool = [(name, one) for (of, name), one in self.hospitals.items() if kind in (ALL, of)]
            named = sorted(pool, key=lambda hospital: hospital[0])
            parts = [one.parts for _, one in named]
            if not any(parts):
                raise input_error("payment.nothing_to_settle")
            total = payable(budget, pay_share)
            pools.append(Pool(kind, budget, total, Fraction(sum(parts), POINT_PARTS)))
            rows += [
                {
                    "insurance_type": kind,
                    "hospital": name or None,
                    "cases": one.cases,
                    "points": one.parts / POINT_PARTS,
                    "payment_fen": payment,
                    "patient_paid_fen": one.patient_paid_fen,
                    "fund_fen": payment - one.patient_paid_fen,
                }
                for (name, one), payment in zip(named, largest_remainder(total, parts), strict=True)
            ]
        return Settlement(tuple(pools), pa.Table.from_pylist(rows, SETTLEMENT_SCHEMA), dict(self.unpriced))


def _texts(cases: pa.Table, column: str) -> pa.ChunkedArray:
    """A column of texts, empty where there is none."""
    if column not in cases.column_names:
        return pa.chunked_array([pa.repeat(pa.scalar(""), len(cases))])
    return pc.fill_null(cases.column(column).cast(pa.string()), "")


def budget_point_value(predicted_cost_fen: int, points: Decimal) -> Fraction:
    """Fen a point before the year: predicted total cost / points expected (sum of score x cases)."""
    return Fraction(predicted_cost_fen) / Fraction(points)
