"""What grouped cases are paid under a contract, whole tables at a time.

All amounts are whole fen. What a group is paid depends on few things (its weight, the tariff), so the exact fractions
are worked out once for each combination that occurs; the cases then need whole numbers only. A payment is rounded
once, at its end, half up to the fen. Formulas: ``docs/payment.md``.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from drg.case import MAX_FEN
from drg.payment.columns import (
    GROUP_COLUMNS,
    Ints,
    Mask,
    coded,
    day_number,
    numbers,
    readable,
    text_of,
    unlisted,
)
from drg.payment.contract import ANY_REGION, FEN, Contract, Exclusion

PAYMENT_SCHEMA = pa.schema(
    [
        ("case_id", pa.string()),
        ("weight", pa.float64()),
        ("coefficient", pa.float64()),
        ("standard_fen", pa.int64()),
        ("ratio", pa.float64()),
        ("outlier", pa.dictionary(pa.int32(), pa.string())),
        ("low_limit_fen", pa.int64()),
        ("high_limit_fen", pa.int64()),
        ("payment_fen", pa.int64()),
        ("fund_fen", pa.int64()),
        ("patient_fen", pa.int64()),
        ("profit_fen", pa.int64()),
        ("reason", pa.dictionary(pa.int32(), pa.string())),
        ("contract", pa.dictionary(pa.int32(), pa.string())),
    ]
)
"""Columns of a payment, one row a case in the order of the input; money in fen.

``standard_fen``: weight x rate x coefficient; ``ratio``: cost / standard. ``outlier``: none, low, high, excluded,
ungrouped, no_weight, or not_priced; cost below ``low_limit_fen`` is low, above ``high_limit_fen`` high.
``fund_fen`` + ``patient_fen`` = ``payment_fen``; the fund's part is negative where the patient paid more than that.
``profit_fen``: payment - cost. ``reason``: a message id; where it says why a case has no price, all amounts are null.
"""

CHUNK_ROWS = 1 << 18
MAX_STAY = 36_500
NO_LIMIT = np.iinfo(np.int64).max
OUTLIERS = ("none", "low", "high", "excluded", "ungrouped", "no_weight", "not_priced")
REASONS = {
    "payment.standard": "none",
    "payment.low": "low",
    "payment.high": "high",
    "payment.excluded_actual": "excluded",
    "payment.excluded_per_day": "excluded",
    "payment.excluded_unpaid": "excluded",
    "payment.ungrouped_actual": "ungrouped",
    "payment.ungrouped_unpaid": "ungrouped",
    "payment.case_weight_missing": "no_weight",
    "payment.contract_gap": "not_priced",
    "payment.contract_overlap": "not_priced",
    "payment.region_missing": "not_priced",
    "payment.not_grouped": "not_priced",
    "payment.date_missing": "not_priced",
    "payment.date_outside": "not_priced",
    "payment.region_other": "not_priced",
    "payment.cost_missing": "not_priced",
    "payment.cost_zero": "not_priced",
    "payment.cost_invalid": "not_priced",
    "payment.patient_paid_invalid": "not_priced",
    "payment.stay_missing": "not_priced",
    "payment.no_rate": "not_priced",
    "payment.level_missing": "not_priced",
    "payment.level_unknown": "not_priced",
    "payment.insurance_missing": "not_priced",
    "payment.insurance_unknown": "not_priced",
}
"""Every reason a row can have, and its outlier class."""
_NUMBER_OF = {reason: number for number, reason in enumerate(REASONS)}
_CLASS_OF = np.array([OUTLIERS.index(outlier) for outlier in REASONS.values()], np.int32)


def price(grouped_cases: pa.Table, contract: Contract, as_if: bool = False) -> pa.Table:
    """What each case is paid, in ``PAYMENT_SCHEMA``, a row a case in the input's order.

    ``grouped_cases`` has the columns of a case table (absent ones count as missing) and ``status``, ``drg`` and
    ``adrg`` of a grouping. With ``as_if`` every case is priced as if it fell under the contract, whatever its region,
    and discharges outside its dates as on its first day. Raises ``InputError`` for columns that cannot be read.
    """
    table = readable(grouped_cases)
    rules = _Rules(contract)
    chunks = [
        _price_chunk(table.slice(start, CHUNK_ROWS), contract, rules, as_if)
        for start in range(0, len(table), CHUNK_ROWS)
    ]
    return pa.Table.from_batches(chunks, PAYMENT_SCHEMA)


def unpriced(case_ids: pa.Array, reasons: Ints) -> pa.Table:
    """Rows without any amount or contract, in ``PAYMENT_SCHEMA``; ``reasons`` by their place in ``REASONS``."""
    numbers = reasons.astype(np.int32)
    columns = {field.name: pa.nulls(len(case_ids), field.type) for field in PAYMENT_SCHEMA}
    columns["case_id"] = case_ids
    columns["outlier"] = pa.DictionaryArray.from_arrays(pa.array(_CLASS_OF[numbers]), pa.array(OUTLIERS))
    columns["reason"] = pa.DictionaryArray.from_arrays(pa.array(numbers), pa.array(list(REASONS)))
    return pa.table(columns, schema=PAYMENT_SCHEMA)


def reason_number(reason: str) -> int:
    """The place of a reason in ``REASONS``."""
    return _NUMBER_OF[reason]


def with_groups(cases: pa.Table, grouping: pa.Table) -> pa.Table:
    """A case table with the columns of its grouping (``drg.group``) that pricing reads, row by row."""
    for name in ("status", *GROUP_COLUMNS):
        cases = cases.append_column(name, grouping.column(name))
    return cases


def standard_counts(
    grouped_cases: pa.Table, contract: Contract, as_if: bool = False
) -> list[tuple[str, Fraction, int]]:
    """How many cases are paid the standard, by group and coefficient: the parts of an exact sum of weights."""
    table = readable(grouped_cases)
    paid = price(grouped_cases, contract, as_if).column("reason").cast(pa.string())
    table = table.filter(pc.equal(paid, "payment.standard"))
    groups = list(contract.weights)
    levels = [*contract.level_names, None, None]
    keys = _group_codes(table, groups) * len(levels) + _levels(table, contract)
    found, counts = np.unique(keys, return_counts=True)
    return [
        (
            groups[key // len(levels)],
            contract.coefficients.get(levels[key % len(levels)] or "", Fraction(1)),
            count,
        )
        for key, count in zip(found.tolist(), counts.tolist(), strict=True)
    ]


def half_up(amount: Fraction) -> int:
    """Whole fen; a half goes up."""
    return math.floor(amount + Fraction(1, 2))


class _Rules:
    """The whole numbers of each combination of group, insurance type, level and period, made when it first occurs.

    A combination is one number (``place``). A high outlier is paid the lesser of ``most`` and
    (``slope`` x cost + ``offset``) // ``scale``, which is the rule's fraction rounded half up.
    """

    def __init__(self, contract: Contract):
        self.contract = contract
        self.groups = list(contract.weights)
        self.insurance_types = [*contract.insurance_types, unlisted(contract.insurance_types), None]
        self.levels = [*contract.level_names, unlisted(contract.level_names), None]
        self.periods = contract.boundaries
        self.sizes = (len(self.groups), len(self.insurance_types), len(self.levels), len(self.periods))
        count = math.prod(self.sizes)
        self.is_made = np.zeros(count, np.bool_)
        self.reason = np.zeros(count, np.int32)
        self.weight = np.zeros(count)
        self.coefficient = np.zeros(count)
        self.standard = np.zeros(count)
        self.standard_fen = np.zeros(count, np.int64)
        self.low_limit = np.zeros(count, np.int64)
        self.high_limit = np.full(count, NO_LIMIT, np.int64)
        self.offset = np.zeros(count, np.int64)
        self.most = np.full(count, NO_LIMIT, np.int64)
        self.slope, self.scale = _high_slope(contract)

    def places(self, group: Ints, insurance_type: Ints, level: Ints, period: Ints) -> Ints:
        """The combination of each case."""
        _, types, levels, periods = self.sizes
        return ((group * types + insurance_type) * levels + level) * periods + period

    def make(self, places: Ints) -> None:
        """Work out the combinations among ``places`` that are new."""
        occurs = np.zeros(len(self.is_made), np.bool_)
        occurs[places] = True
        for place in np.flatnonzero(occurs & ~self.is_made).tolist():
            self._make(place)
        self.is_made |= occurs

    def _make(self, place: int) -> None:
        group, kind, level, period = (int(part) for part in np.unravel_index(place, self.sizes))
        code = self.groups[group]
        tariff = self.contract.tariff(
            code, self.insurance_types[kind], self.levels[level], self.periods[period]
        )
        weight = self.contract.weights[code]
        self.weight[place] = float(weight)
        if isinstance(tariff, str):
            self.reason[place] = _NUMBER_OF[tariff]
            return
        standard = weight * tariff.fen_per_weight
        self.coefficient[place] = float(tariff.coefficient)
        self.standard[place] = float(standard)
        self.standard_fen[place] = half_up(standard)
        terms = self.contract.terms
        if terms.low is not None:
            self.low_limit[place] = math.ceil(Fraction(terms.low.limit) * standard)
        if terms.high is not None:
            limit = terms.high.limit_of(weight)
            self.high_limit[place] = math.floor(limit * standard)
            fixed = {
                "add": 1 - Fraction(terms.high.share) * limit,
                "deduct": -Fraction(terms.high.bears or 0),
                "cap": limit,
                "standard": Fraction(1),
            }[terms.high.rule]
            self.offset[place] = math.floor(self.scale * (fixed * standard + Fraction(1, 2)))
            if terms.high.most is not None:
                self.most[place] = half_up(Fraction(terms.high.most) * standard)


def _high_slope(contract: Contract) -> tuple[int, int]:
    """The part of the cost that a high outlier is paid, as numerator and denominator."""
    high = contract.terms.high
    if high is None or high.rule in ("cap", "standard"):
        return 0, 1
    share = Fraction(high.share) if high.rule == "add" else Fraction(1)
    return share.numerator, share.denominator


def _price_chunk(table: pa.Table, contract: Contract, rules: _Rules, as_if: bool) -> pa.RecordBatch:
    count = len(table)
    cost, has_cost = numbers(table, "total_cost_fen")
    paid, has_paid = numbers(table, "patient_paid_fen")
    priced = _Priced(count)
    _settle_unpriceable(table, contract, as_if, cost, has_cost, priced)
    priced.settle("payment.patient_paid_invalid", has_paid & ((paid < 0) | (paid > MAX_FEN)))
    _settle_exclusions(table, contract, cost, has_cost, priced)
    _settle_ungrouped(table, contract, cost, has_cost, priced)
    place = _settle_by_weight(table, contract, rules, as_if, cost, has_cost, priced)
    weighed = place >= 0
    places = np.maximum(place, 0)
    known = priced.is_paid
    fits_standard = weighed & (rules.standard[places] > 0)
    ratio = np.divide(cost, rules.standard[places], out=np.zeros(count), where=fits_standard & has_cost)
    columns = {
        "case_id": text_of(table, "case_id"),
        "weight": pa.array(rules.weight[places], mask=~weighed),
        "coefficient": pa.array(rules.coefficient[places], mask=~fits_standard),
        "standard_fen": pa.array(rules.standard_fen[places], mask=~fits_standard),
        "ratio": pa.array(ratio, mask=~(fits_standard & has_cost)),
        "outlier": pa.DictionaryArray.from_arrays(pa.array(_CLASS_OF[priced.reason]), pa.array(OUTLIERS)),
        "low_limit_fen": _limits(rules.low_limit[places], fits_standard, contract.terms.low is not None),
        "high_limit_fen": _limits(rules.high_limit[places], fits_standard, contract.terms.high is not None),
        "payment_fen": pa.array(priced.payment, mask=~known),
        "fund_fen": pa.array(priced.payment - paid, mask=~(known & has_paid)),
        "patient_fen": pa.array(paid, mask=~(known & has_paid)),
        "profit_fen": pa.array(priced.payment - cost, mask=~(known & has_cost)),
        "reason": pa.DictionaryArray.from_arrays(pa.array(priced.reason), pa.array(list(REASONS))),
        "contract": pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(count, np.int32)), pa.array([contract.id])
        ),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in PAYMENT_SCHEMA.names], schema=PAYMENT_SCHEMA)


class _Priced:
    """What is decided of each case so far: the first reason stays."""

    def __init__(self, count: int):
        self.open = np.ones(count, np.bool_)
        self.is_paid = np.zeros(count, np.bool_)
        self.reason = np.zeros(count, np.int32)
        self.payment = np.zeros(count, np.int64)

    def settle(self, reason: str, where: Mask, payment: Ints | None = None) -> None:
        fresh = self.open & where
        self.open &= ~fresh
        self.reason[fresh] = _NUMBER_OF[reason]
        if payment is not None:
            self.is_paid |= fresh
            self.payment[fresh] = payment[fresh]


def _settle_unpriceable(
    table: pa.Table, contract: Contract, as_if: bool, cost: Ints, has_cost: Mask, priced: _Priced
) -> None:
    status = coded(table, "status", ["grouped", "ambiguous", "ungrouped"])
    priced.settle("payment.not_grouped", status > 2)
    if not as_if:
        day, has_day = numbers(table, "discharge_date")
        priced.settle("payment.date_missing", ~has_day)
        first, last = (day_number(one) for one in (contract.terms.first_day, contract.last_day))
        priced.settle("payment.date_outside", (day < first) | (day > last))
        if ANY_REGION not in contract.terms.regions:
            region = coded(table, "region", list(contract.terms.regions))
            priced.settle("payment.region_other", region == len(contract.terms.regions))
    priced.settle("payment.cost_invalid", has_cost & ((cost < 0) | (cost > MAX_FEN)))
    priced.settle("payment.cost_zero", has_cost & (cost == 0))


def _settle_exclusions(
    table: pa.Table, contract: Contract, cost: Ints, has_cost: Mask, priced: _Priced
) -> None:
    stay, has_stay = numbers(table, "los_days")
    has_stay = has_stay & (stay >= 0) & (stay <= MAX_STAY)
    for exclusion in contract.terms.exclusions:
        excluded = _named(table, "department", exclusion.departments)
        excluded |= _group_named(table, exclusion.groups)
        if exclusion.stay_at_most is not None:
            excluded |= has_stay & (stay <= exclusion.stay_at_most)
        if exclusion.stay_at_least is not None:
            excluded |= has_stay & (stay >= exclusion.stay_at_least)
        _settle_excluded(exclusion, excluded, cost, has_cost, stay, has_stay, priced)
        if exclusion.reads_stay:
            priced.settle("payment.stay_missing", ~has_stay)


def _settle_excluded(
    exclusion: Exclusion,
    excluded: Mask,
    cost: Ints,
    has_cost: Mask,
    stay: Ints,
    has_stay: Mask,
    priced: _Priced,
) -> None:
    if exclusion.pay == "unpaid":
        priced.settle("payment.excluded_unpaid", excluded)
    elif exclusion.pay == "actual":
        priced.settle("payment.cost_missing", excluded & ~has_cost)
        priced.settle("payment.excluded_actual", excluded, _times(cost, Fraction(exclusion.factor)))
    else:
        priced.settle("payment.stay_missing", excluded & ~has_stay)
        fen_per_day = Fraction(exclusion.yuan_per_day or 0) * FEN
        days = np.where(has_stay, stay, 0)
        priced.settle("payment.excluded_per_day", excluded, _times(days, fen_per_day))


def _settle_ungrouped(
    table: pa.Table, contract: Contract, cost: Ints, has_cost: Mask, priced: _Priced
) -> None:
    rule = contract.terms.ungrouped
    ungrouped = coded(table, "status", ["grouped"]) != 0
    if rule.pay == "unpaid":
        priced.settle("payment.ungrouped_unpaid", ungrouped)
    elif rule.pay == "actual":
        priced.settle("payment.cost_missing", ungrouped & ~has_cost)
        priced.settle("payment.ungrouped_actual", ungrouped, _times(cost, Fraction(rule.factor)))


def _settle_by_weight(
    table: pa.Table,
    contract: Contract,
    rules: _Rules,
    as_if: bool,
    cost: Ints,
    has_cost: Mask,
    priced: _Priced,
) -> Ints:
    """Pay the cases that are left by their weight; the combination of each in ``rules``, -1 for all others."""
    group = _group_codes(table, rules.groups)
    priced.settle("payment.case_weight_missing", group >= len(rules.groups))
    rows = np.flatnonzero(priced.open)
    place = np.full(len(table), -1, np.int64)
    if not len(rows):
        return place
    chosen = rules.places(
        group[rows],
        coded(table, "insurance_type", list(contract.insurance_types))[rows],
        _levels(table, contract)[rows],
        _periods(table, contract, as_if)[rows],
    )
    rules.make(chosen)
    place[rows] = chosen
    places = np.maximum(place, 0)
    for number in np.unique(rules.reason[chosen]).tolist():
        if number:
            priced.settle(list(REASONS)[number], (place >= 0) & (rules.reason[places] == number))
    terms = contract.terms
    if terms.low is not None or terms.high is not None:
        priced.settle("payment.cost_missing", ~has_cost)
    if terms.low is not None:
        low = cost < rules.low_limit[places]
        priced.settle("payment.low", low, _times(cost, Fraction(terms.low.factor)))
    if terms.high is not None:
        high = cost > rules.high_limit[places]
        counted = np.where(high & priced.open, cost, 0)
        by_rule = (counted * rules.slope + rules.offset[places]) // rules.scale
        priced.settle("payment.high", high, np.minimum(by_rule, rules.most[places]))
    priced.settle("payment.standard", priced.open.copy(), rules.standard_fen[places])
    return place


def _times(numbers: Ints, factor: Fraction) -> Ints:
    """Numbers (up to ``MAX_FEN``) times a factor, rounded half up."""
    within = np.clip(numbers, 0, MAX_FEN)
    return (2 * within * factor.numerator + factor.denominator) // (2 * factor.denominator)


def _levels(table: pa.Table, contract: Contract) -> Ints:
    """The level of each case among ``contract.level_names``; where it is not given, that of its hospital."""
    names = list(contract.level_names)
    given = coded(table, "hospital_level", names)
    hospitals = contract.terms.hospitals
    if not hospitals:
        return given
    of_hospital = np.array([names.index(level) for level in hospitals.values()] + [len(names) + 1] * 2)
    return np.where(given == len(names) + 1, of_hospital[coded(table, "hospital", list(hospitals))], given)


def _periods(table: pa.Table, contract: Contract, as_if: bool) -> Ints:
    day, has_day = numbers(table, "discharge_date")
    if as_if:
        first, last = (day_number(one) for one in (contract.terms.first_day, contract.last_day))
        day = np.where(has_day & (day >= first) & (day <= last), day, first)
    starts = np.array([day_number(one) for one in contract.boundaries])
    return np.maximum(np.searchsorted(starts, day, side="right") - 1, 0)


def _group_codes(table: pa.Table, known: list[str]) -> Ints:
    """The group of each case among ``known``: its DRG, or its ADRG where it has no DRG."""
    drg, adrg = (coded(table, name, known) for name in GROUP_COLUMNS)
    return np.where(drg == len(known) + 1, adrg, drg)


def _group_named(table: pa.Table, names: tuple[str, ...]) -> Mask:
    return np.asarray(_group_codes(table, list(names)) < len(names))


def _named(table: pa.Table, column: str, names: tuple[str, ...]) -> Mask:
    return np.asarray(coded(table, column, list(names)) < len(names))


def _limits(limits: Ints, known: Mask, has_limit: bool) -> pa.Array:
    return pa.array(limits, mask=~known if has_limit else np.ones(len(limits), np.bool_))
