"""Year-end settlement: from a budget to the final rate or point value, and what each hospital gets of it.

The budget is shared out in proportion to what the contract pays for each hospital's cases, in whole fen that add up
to the budget exactly (largest remainder). Over last year's cases (``as_if``) it is a simulation. Formulas:
``docs/payment.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from drg.errors import InputError, Problem, input_error
from drg.payment.contract import FEN, MAX_RATE, POINTS_PER_WEIGHT, Contract, RateRow
from drg.payment.price import half_up, price, standard_counts

ALL = "*"
"""The pool of all insurance types, where there is one budget for all."""
RATE_DECIMALS = 6
MAX_TOTAL_FEN = 10**17

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
"""A row a pool and hospital. ``provisional_fen``: the payments at the contract's rates, for the expected cases;
``settled_fen``: its part of budget / pay share; ``fund_fen``: its part of the budget; ``balance_fen``: settled -
provisional."""


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

    def final_yuan(self, rate: RateRow) -> Decimal:
        """What a rate or point value of the contract becomes, to the sixth decimal of a yuan."""
        return _to_sixth_decimal(Fraction(rate.yuan) * self.factor)


@dataclass(frozen=True)
class Settlement:
    """``hospitals``: table in ``SETTLEMENT_SCHEMA``; ``unpriced``: message id -> cases that have no payment.

    ``contract`` has the rates that were settled with: its own, or the one that was found from the budget.
    """

    contract: Contract
    pools: tuple[Pool, ...]
    hospitals: pa.Table
    unpriced: Mapping[str, int]


Batches = Callable[[], Iterable[pa.Table]]
"""Gives the grouped cases from the first, each time it is called; the batches need not fit into memory together."""


def settle(
    grouped_cases: pa.Table,
    contract: Contract,
    budgets: Mapping[str, int],
    pay_share: Fraction = Fraction(1),
    as_if: bool = False,
    case_growth: Fraction = Fraction(0),
) -> Settlement:
    """Clear the budgets over the hospitals of one table; see :func:`settle_batches`."""
    return settle_batches(lambda: [grouped_cases], contract, budgets, pay_share, as_if, case_growth)


def settle_batches(
    batches: Batches,
    contract: Contract,
    budgets: Mapping[str, int],
    pay_share: Fraction = Fraction(1),
    as_if: bool = False,
    case_growth: Fraction = Fraction(0),
) -> Settlement:
    """Clear the budgets (fen) over the hospitals of grouped cases (as for :func:`price`).

    ``budgets`` by insurance type as it stands in the cases, or one under ``ALL``; ``pay_share`` is the fund's part of
    a payment, so that budget / pay share is shared out. A contract without rates takes the one that follows from the
    budget, which reads the cases twice. ``case_growth``: by so large a share more cases of every kind are expected
    than there are. Raises ``InputError`` for budgets that do not fit the cases, and where nothing can be settled.
    """
    check_budgets(budgets)
    if not contract.terms.rates:
        contract = with_rate_of_budget(
            batches, contract, sum(budgets.values()), pay_share, as_if, case_growth
        )
    sums = _Sums(by_type=ALL not in budgets)
    for batch in batches():
        sums.add(batch, price(batch, contract, as_if))
    check_fit(budgets, sums.insurance_types())
    pools, rows = [], []
    for kind, budget in budgets.items():
        hospitals = sums.of_pool(kind)
        parts = [hospital.payment_fen for _, hospital in hospitals]
        if not any(parts):
            raise input_error("payment.nothing_to_settle")
        total, expected = payable(budget, pay_share), half_up(sum(parts) * (1 + case_growth))
        if not expected:
            raise input_error("payment.nothing_to_settle")
        pools.append(Pool(kind, budget, total, expected))
        settled, fund = largest_remainder(total, parts), largest_remainder(budget, parts)
        provisional = largest_remainder(expected, parts)
        rows += [
            {
                "insurance_type": kind,
                "hospital": name,
                "cases": hospital.cases,
                "weight": hospital.weight,
                "provisional_fen": provisional[place],
                "settled_fen": settled[place],
                "fund_fen": fund[place],
                "balance_fen": settled[place] - provisional[place],
            }
            for place, (name, hospital) in enumerate(hospitals)
        ]
    table = pa.Table.from_pylist(rows, schema=SETTLEMENT_SCHEMA)
    return Settlement(contract, tuple(pools), table, sums.unpriced)


def payable(budget_fen: int, pay_share: Fraction) -> int:
    """What fund and patients pay together: budget / pay share, half up to the fen. Raises ``InputError`` where no fund
    has so much."""
    total = half_up(budget_fen / pay_share)
    if total > MAX_TOTAL_FEN:
        raise input_error("payment.total_too_large", total=total)
    return total


def grown(amount_fen: int, growth: Fraction) -> int:
    """An amount larger by a share, half up to the fen."""
    return half_up(amount_fen * (1 + growth))


def with_rate_of_budget(
    batches: Batches,
    contract: Contract,
    budget_fen: int,
    pay_share: Fraction = Fraction(1),
    as_if: bool = False,
    case_growth: Fraction = Fraction(0),
) -> Contract:
    """The contract with the one rate that follows from a budget: (budget / pay share) / sum(weight x coefficient).

    For the method of points it is the point value. Exact but for its last digit, the sixth decimal of a yuan.
    Raises ``InputError`` where no case has a weight, and for a budget that gives a rate no contract can have.
    """
    unit = with_rate(contract, Decimal(1))
    plain = replace(unit, terms=unit.terms.model_copy(update={"low": None, "high": None}))
    total = sum(
        (
            count * plain.weights[group] * coefficient
            for batch in batches()
            for group, coefficient, count in standard_counts(batch, plain, as_if)
        ),
        Fraction(0),
    )
    total *= 1 + case_growth
    if contract.terms.method == "points":
        total *= POINTS_PER_WEIGHT
    if not total:
        raise input_error("payment.nothing_to_settle")
    rate = _to_sixth_decimal(budget_fen / pay_share / FEN / total)
    if not 0 < rate <= MAX_RATE:
        raise input_error("payment.rate_of_budget", yuan=rate, most=MAX_RATE)
    return with_rate(contract, rate)


def with_rate(contract: Contract, yuan: Decimal) -> Contract:
    """The contract with one rate for all."""
    rates = (RateRow.model_validate({"yuan": yuan}),)
    return replace(contract, terms=contract.terms.model_copy(update={"rates": rates}))


def _to_sixth_decimal(number: Fraction) -> Decimal:
    """Half up."""
    return Decimal(half_up(number * 10**RATE_DECIMALS)).scaleb(-RATE_DECIMALS)


def largest_remainder(total: int, parts: Sequence[int]) -> list[int]:
    """``total`` in whole numbers in proportion to ``parts``; the sum is exact. Of equal remainders the first gains."""
    whole = sum(parts)
    shares = [total * part // whole for part in parts]
    remainders = [total * part % whole for part in parts]
    order = sorted(range(len(parts)), key=lambda place: -remainders[place])
    for place in order[: total - sum(shares)]:
        shares[place] += 1
    return shares


@dataclass
class _Hospital:
    """Sums over the paid cases of a hospital."""

    payment_fen: int = 0
    cases: int = 0
    weight: float = 0.0


class _Sums:
    """Payments by insurance type (none where all are one pool) and hospital, batch after batch."""

    def __init__(self, by_type: bool):
        self.by_type = by_type
        self.hospitals: dict[tuple[str | None, str | None], _Hospital] = {}
        self.unpriced: Counter[str] = Counter()

    def add(self, cases: pa.Table, payments: pa.Table) -> None:
        nothing = pa.nulls(len(cases), pa.string())
        by_type = self.by_type and "insurance_type" in cases.column_names
        table = pa.table(
            {
                "insurance_type": cases.column("insurance_type") if by_type else nothing,
                "hospital": cases.column("hospital") if "hospital" in cases.column_names else nothing,
                "payment_fen": payments.column("payment_fen"),
                "weight": payments.column("weight"),
            }
        )
        paid = table.filter(pc.is_valid(table.column("payment_fen")))
        aggregates = [("payment_fen", "sum"), ("payment_fen", "count"), ("weight", "sum")]
        for row in paid.group_by(["insurance_type", "hospital"]).aggregate(aggregates).to_pylist():
            own = self.hospitals.setdefault((row["insurance_type"], row["hospital"]), _Hospital())
            own.payment_fen += row["payment_fen_sum"]
            own.cases += row["payment_fen_count"]
            own.weight += row["weight_sum"] or 0.0
        left = payments.filter(pc.is_null(payments.column("payment_fen"))).column("reason").cast(pa.string())
        for entry in pc.value_counts(left):
            self.unpriced[entry["values"].as_py()] += entry["counts"].as_py()

    def insurance_types(self) -> list[str]:
        return sorted({kind or "" for kind, _ in self.hospitals})

    def of_pool(self, kind: str) -> list[tuple[str | None, _Hospital]]:
        """The hospitals of a pool in the order of their codes."""
        own = [(name, one) for (of, name), one in self.hospitals.items() if kind in (ALL, of or "")]
        return sorted(own, key=lambda named: named[0] or "")


def check_budgets(budgets: Mapping[str, int]) -> None:
    """Raises ``InputError`` where there is no budget, or one that is no possible amount."""
    wrong: list[object] = [budget for budget in budgets.values() if not 0 <= budget < 10**15]
    if wrong or not budgets:
        raise InputError(Problem("payment.budget_invalid", "", {"value": value}) for value in wrong or ["-"])


def check_fit(budgets: Mapping[str, int], found: Sequence[str]) -> None:
    """Raises ``InputError`` unless the paid cases, which have the insurance types ``found``, and the pools fit."""
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
