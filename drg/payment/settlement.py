"""Year-end settlement: from a budget to the final rate or point value, and what each hospital gets of it.

The budget is shared out in proportion to what the contract pays for each hospital's cases, in whole fen that add up
to the budget exactly (largest remainder). Over last year's cases (``as_if``) it is a simulation. Formulas:
``docs/payment.md``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from drg.errors import InputError, Problem, input_error
from drg.payment.contract import FEN, POINTS_PER_WEIGHT, Contract, RateRow
from drg.payment.price import half_up, price, standard_counts

ALL = "*"
"""The pool of all insurance types, where there is one budget for all."""
RATE_DECIMALS = Decimal("0.000001")

SETTLEMENT_SCHEMA = pa.schema(
    [
        ("insurance_type", pa.string()),
        ("hospital", pa.string()),
        ("cases", pa.int64()),
        ("weight", pa.float64()),
        ("provisional_fen", pa.int64()),
        ("settled_fen", pa.int64()),
        ("fund_fen", pa.int64()),
        ("balance_fen", pa.int64()),
    ]
)
"""A row a pool and hospital. ``provisional_fen``: the payments at the contract's rates; ``settled_fen``: its part of
budget / pay share; ``fund_fen``: its part of the budget; ``balance_fen``: settled - provisional."""


@dataclass(frozen=True)
class Pool:
    """A budget and what it makes of the rates: every rate of the contract times ``factor``."""

    insurance_type: str
    budget_fen: int
    total_fen: int
    provisional_fen: int

    @property
    def factor(self) -> Fraction:
        return Fraction(self.total_fen, self.provisional_fen)


@dataclass(frozen=True)
class Settlement:
    """``hospitals``: table in ``SETTLEMENT_SCHEMA``; ``unpriced``: message id -> cases that have no payment.

    ``contract`` has the rates that were settled with: its own, or the one that was found from the budget.
    """

    contract: Contract
    pools: tuple[Pool, ...]
    hospitals: pa.Table
    unpriced: Mapping[str, int]


def settle(
    grouped_cases: pa.Table,
    contract: Contract,
    budgets: Mapping[str, int],
    pay_share: Fraction = Fraction(1),
    as_if: bool = False,
) -> Settlement:
    """Clear the budgets (fen) over the hospitals of ``grouped_cases`` (as for :func:`price`).

    ``budgets`` by insurance type as it stands in the cases, or one under ``ALL``; ``pay_share`` is the fund's part of
    a payment, so that budget / pay share is shared out. A contract without rates takes the one that follows from the
    budget. Raises ``InputError`` for budgets that do not fit the cases, and where nothing can be settled.
    """
    _check_budgets(budgets)
    if not contract.terms.rates:
        contract = with_rate_of_budget(grouped_cases, contract, sum(budgets.values()), pay_share, as_if)
    payments = price(grouped_cases, contract, as_if)
    sums = _sums(grouped_cases, payments, by_type=ALL not in budgets)
    found = sorted({row["insurance_type"] or "" for row in sums})
    _check_fit(budgets, found)
    pools, rows = [], []
    for kind, budget in budgets.items():
        of_pool = [row for row in sums if kind == ALL or (row["insurance_type"] or "") == kind]
        parts = [row["payment_fen_sum"] for row in of_pool]
        if not any(parts):
            raise input_error("payment.nothing_to_settle")
        total = half_up(budget / pay_share)
        pools.append(Pool(kind, budget, total, sum(parts)))
        settled, fund = largest_remainder(total, parts), largest_remainder(budget, parts)
        rows += [
            {
                "insurance_type": kind,
                "hospital": row["hospital"],
                "cases": row["payment_fen_count"],
                "weight": row["weight_sum"],
                "provisional_fen": row["payment_fen_sum"],
                "settled_fen": settled[place],
                "fund_fen": fund[place],
                "balance_fen": settled[place] - row["payment_fen_sum"],
            }
            for place, row in enumerate(of_pool)
        ]
    return Settlement(
        contract, tuple(pools), pa.Table.from_pylist(rows, schema=SETTLEMENT_SCHEMA), _unpriced(payments)
    )


def with_rate_of_budget(
    grouped_cases: pa.Table,
    contract: Contract,
    budget_fen: int,
    pay_share: Fraction = Fraction(1),
    as_if: bool = False,
) -> Contract:
    """The contract with the one rate that follows from a budget: (budget / pay share) / sum(weight x coefficient).

    For the method of points it is the point value. Exact but for its last digit, the sixth decimal of a yuan.
    Raises ``InputError`` where no case has a weight.
    """
    unit = with_rate(contract, Decimal(1))
    plain = replace(unit, terms=unit.terms.model_copy(update={"low": None, "high": None}))
    total = sum(
        (
            count * plain.weights[group] * coefficient
            for group, coefficient, count in standard_counts(grouped_cases, plain, as_if)
        ),
        Fraction(0),
    )
    if contract.terms.method == "points":
        total *= POINTS_PER_WEIGHT
    if not total:
        raise input_error("payment.nothing_to_settle")
    yuan = budget_fen / pay_share / FEN / total
    exact = Decimal(yuan.numerator) / Decimal(yuan.denominator)
    return with_rate(contract, exact.quantize(RATE_DECIMALS, ROUND_HALF_UP))


def with_rate(contract: Contract, yuan: Decimal) -> Contract:
    """The contract with one rate for all."""
    rates = (RateRow.model_validate({"yuan": yuan}),)
    return replace(contract, terms=contract.terms.model_copy(update={"rates": rates}))


def largest_remainder(total: int, parts: Sequence[int]) -> list[int]:
    """``total`` in whole numbers in proportion to ``parts``; the sum is exact. Of equal remainders the first gains."""
    whole = sum(parts)
    shares = [total * part // whole for part in parts]
    remainders = [total * part % whole for part in parts]
    order = sorted(range(len(parts)), key=lambda place: -remainders[place])
    for place in order[: total - sum(shares)]:
        shares[place] += 1
    return shares


def _sums(cases: pa.Table, payments: pa.Table, by_type: bool) -> list[dict[str, Any]]:
    """Payments by insurance type (null where all are one pool) and hospital, in order of these."""
    nothing = pa.nulls(len(cases), pa.string())
    kinds = cases.column("insurance_type") if by_type and "insurance_type" in cases.column_names else nothing
    hospitals = cases.column("hospital") if "hospital" in cases.column_names else nothing
    table = pa.table(
        {
            "insurance_type": kinds,
            "hospital": hospitals,
            "payment_fen": payments.column("payment_fen"),
            "weight": payments.column("weight"),
        }
    )
    paid = table.filter(pc.is_valid(table.column("payment_fen")))
    aggregates = [("payment_fen", "sum"), ("payment_fen", "count"), ("weight", "sum")]
    rows: list[dict[str, Any]] = (
        paid.group_by(["insurance_type", "hospital"]).aggregate(aggregates).to_pylist()
    )
    return sorted(rows, key=lambda row: (row["insurance_type"] or "", row["hospital"] or ""))


def _check_budgets(budgets: Mapping[str, int]) -> None:
    wrong: list[object] = [budget for budget in budgets.values() if not 0 <= budget < 10**15]
    if wrong or not budgets:
        raise InputError(Problem("payment.budget_invalid", "", {"value": value}) for value in wrong or ["-"])


def _check_fit(budgets: Mapping[str, int], found: Sequence[str]) -> None:
    """Every paid case has a pool, and every pool has a payment."""
    if not found:
        raise input_error("payment.nothing_to_settle")
    if ALL in budgets:
        if len(budgets) > 1:
            raise input_error("payment.budget_all_and_types")
        return
    problems = [
        Problem("payment.budget_unknown_type", "", {"type": kind, "known": ", ".join(found)})
        for kind in budgets
        if kind not in found
    ]
    problems += [
        Problem("payment.budget_missing_type", "", {"type": kind or "-"})
        for kind in found
        if kind not in budgets
    ]
    if problems:
        raise InputError(problems)


def _unpriced(payments: pa.Table) -> dict[str, int]:
    left = payments.filter(pc.is_null(payments.column("payment_fen"))).column("reason").cast(pa.string())
    return {entry["values"].as_py(): entry["counts"].as_py() for entry in pc.value_counts(left)}


def special_review(payments: pa.Table, contract: Contract) -> pa.Array:
    """Which cases a hospital would put up for special review (特例单议): booleans, a row a case of ``payments``.

    Those with the greatest loss, at most the contract's share of all discharges; of equal losses the earlier.
    """
    most = int(len(payments) * Fraction(contract.terms.special_review_share))
    profit = payments.column("profit_fen").fill_null(0).combine_chunks()
    numbers = np.asarray(profit.to_numpy(zero_copy_only=False))
    chosen = np.argsort(numbers, kind="stable")[:most]
    asks = np.zeros(len(payments), np.bool_)
    asks[chosen[numbers[chosen] < 0]] = True
    return pa.array(asks)
