"""What one case is paid, with every step. Worked out in fractions, apart from ``price``; tests compare the two."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

from drg import messages
from drg.case import MAX_FEN, Case
from drg.payment.contract import FEN, Contract, Exclusion, Tariff, Title
from drg.payment.price import REASONS, half_up


class Grouped(Protocol):
    """The part of ``drg.grouper.explain.Grouping`` that pricing reads."""

    @property
    def status(self) -> str: ...
    @property
    def drg(self) -> str | None: ...
    @property
    def adrg(self) -> str | None: ...


@dataclass(frozen=True)
class Step:
    """One step of the calculation: a message id and what it shows."""

    code: str
    params: Mapping[str, Any]

    def render(self, lang: str = "en") -> str:
        params = {
            name: getattr(value, lang) if isinstance(value, Title) else value
            for name, value in self.params.items()
        }
        return messages.text(self.code, lang, **params)


@dataclass(frozen=True)
class PriceExplanation:
    """The payment of one case, as a row of ``price``, with its steps in order."""

    case_id: str
    contract: str
    reason: str
    payment_fen: int | None = None
    weight: Fraction | None = None
    standard: Fraction | None = None
    low_limit: Fraction | None = None
    high_limit: Fraction | None = None
    fund_fen: int | None = None
    patient_fen: int | None = None
    profit_fen: int | None = None
    steps: tuple[Step, ...] = field(default=(), compare=False)

    @property
    def outlier(self) -> str:
        return REASONS[self.reason]

    @property
    def standard_fen(self) -> int | None:
        return None if self.standard is None else half_up(self.standard)

    def lines(self, lang: str = "en") -> list[str]:
        """The steps as sentences."""
        return [step.render(lang) for step in self.steps]


def explain_price(case: Case, grouping: Grouped, contract: Contract, as_if: bool = False) -> PriceExplanation:
    """What a case is paid under a contract and why; the same as :func:`drg.payment.price.price`."""
    trace = _Trace(case, grouping, contract, as_if)
    reason, payment = trace.decide()
    cost, paid = case.total_cost_fen, case.patient_paid_fen
    rounded = None if payment is None else half_up(payment)
    trace.steps.append(Step(reason, {}))
    if rounded is not None and payment is not None:
        trace.tell("rounded", exact=_yuan(payment), payment=_yuan(Fraction(rounded)))
    is_split = rounded is not None and paid is not None
    if is_split and rounded is not None and paid is not None:
        trace.tell("split", patient=_yuan(Fraction(paid)), fund=_yuan(Fraction(rounded - paid)))
    if rounded is not None and cost is not None:
        trace.tell("profit", cost=_yuan(Fraction(cost)), profit=_yuan(Fraction(rounded - cost)))
    return PriceExplanation(
        case_id=case.case_id,
        contract=contract.id,
        reason=reason,
        payment_fen=rounded,
        weight=trace.weight,
        standard=trace.standard,
        low_limit=trace.low_limit,
        high_limit=trace.high_limit,
        fund_fen=rounded - paid if rounded is not None and paid is not None else None,
        patient_fen=paid if is_split else None,
        profit_fen=rounded - cost if rounded is not None and cost is not None else None,
        steps=tuple(trace.steps),
    )


def _yuan(fen: Fraction) -> str:
    """Fen as yuan, to the sixth decimal."""
    text = f"{float(fen / FEN):,.6f}".rstrip("0")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"


Decision = tuple[str, Fraction | None]


class _Trace:
    """Follows the rules of a contract for one case and notes each step."""

    def __init__(self, case: Case, grouping: Grouped, contract: Contract, as_if: bool):
        self.case, self.grouping, self.contract, self.as_if = case, grouping, contract, as_if
        self.steps: list[Step] = []
        self.weight: Fraction | None = None
        self.standard: Fraction | None = None
        self.low_limit: Fraction | None = None
        self.high_limit: Fraction | None = None

    def tell(self, key: str, **params: Any) -> None:
        self.steps.append(Step(f"payment.step_{key}", params))

    def decide(self) -> Decision:
        return self._unpriceable() or self._excluded() or self._ungrouped() or self._by_weight()

    def _unpriceable(self) -> Decision | None:
        case, terms = self.case, self.contract.terms
        if self.grouping.status not in ("grouped", "ambiguous", "ungrouped"):
            return "payment.not_grouped", None
        if not self.as_if:
            if case.discharge_date is None:
                return "payment.date_missing", None
            if not terms.first_day <= case.discharge_date <= self.contract.last_day:
                return "payment.date_outside", None
            if case.region is not None and not self.contract.covers(case.region, case.discharge_date):
                return "payment.region_other", None
        if case.total_cost_fen is not None and not 0 <= case.total_cost_fen <= MAX_FEN:
            return "payment.cost_invalid", None
        if case.total_cost_fen == 0:
            return "payment.cost_zero", None
        self.tell("contract", contract=self.contract.id, kind=terms.kind, source=terms.source)
        return None

    def _excluded(self) -> Decision | None:
        for exclusion in self.contract.terms.exclusions:
            if self._meets(exclusion):
                self.tell("excluded", name=exclusion.name)
                return self._paid_as_excluded(exclusion)
            if exclusion.reads_stay and self.case.los_days is None:
                return "payment.stay_missing", None
        return None

    def _meets(self, exclusion: Exclusion) -> bool:
        stay = self.case.los_days
        return (
            (self.case.department is not None and self.case.department in exclusion.departments)
            or self._group in exclusion.groups
            or (stay is not None and exclusion.stay_at_most is not None and stay <= exclusion.stay_at_most)
            or (stay is not None and exclusion.stay_at_least is not None and stay >= exclusion.stay_at_least)
        )

    def _paid_as_excluded(self, exclusion: Exclusion) -> Decision:
        if exclusion.pay == "unpaid":
            return "payment.excluded_unpaid", None
        if exclusion.pay == "actual":
            return self._actual("payment.excluded_actual", Fraction(exclusion.factor))
        if self.case.los_days is None:
            return "payment.stay_missing", None
        per_day = Fraction(exclusion.yuan_per_day or 0) * FEN
        self.tell("per_day", days=self.case.los_days, per_day=_yuan(per_day))
        return "payment.excluded_per_day", per_day * self.case.los_days

    def _actual(self, reason: str, factor: Fraction) -> Decision:
        if self.case.total_cost_fen is None:
            return "payment.cost_missing", None
        cost = Fraction(self.case.total_cost_fen)
        self.tell("actual", cost=_yuan(cost), factor=float(factor))
        return reason, cost * factor

    def _ungrouped(self) -> Decision | None:
        rule = self.contract.terms.ungrouped
        if self.grouping.status == "grouped" or rule.pay == "weight":
            return None
        if rule.pay == "unpaid":
            return "payment.ungrouped_unpaid", None
        return self._actual("payment.ungrouped_actual", Fraction(rule.factor))

    @property
    def _group(self) -> str | None:
        return self.grouping.drg if self.grouping.drg is not None else self.grouping.adrg

    def _by_weight(self) -> Decision:
        group = self._group
        if group is None or group not in self.contract.weights:
            return "payment.case_weight_missing", None
        self.weight = self.contract.weights[group]
        tariff = self.contract.tariff(group, self.case.insurance_type, self._level, self._day)
        self.tell("weight", group=group, weight=float(self.weight))
        if isinstance(tariff, str):
            return tariff, None
        self.standard = self._told_standard(tariff, self.weight)
        return self._by_ratio(self.standard, self.weight)

    @property
    def _level(self) -> str | None:
        if self.case.hospital_level is not None:
            return self.case.hospital_level
        return self.contract.terms.hospitals.get(self.case.hospital or "")

    @property
    def _day(self) -> dt.date:
        day, first = self.case.discharge_date, self.contract.terms.first_day
        return day if day is not None and first <= day <= self.contract.last_day else first

    def _told_standard(self, tariff: Tariff, weight: Fraction) -> Fraction:
        standard = weight * tariff.fen_per_weight
        self.tell(
            f"standard_{self.contract.terms.method}",
            weight=float(weight),
            rate=tariff.row.yuan,
            coefficient=float(tariff.coefficient),
            standard=_yuan(standard),
        )
        return standard

    def _by_ratio(self, standard: Fraction, weight: Fraction) -> Decision:
        low, high, cost = self.contract.terms.low, self.contract.terms.high, self.case.total_cost_fen
        self.low_limit = None if low is None else Fraction(low.limit) * standard
        self.high_limit = None if high is None else high.limit_of(weight) * standard
        if cost is None and (low is not None or high is not None):
            return "payment.cost_missing", None
        if cost is not None:
            self.tell("ratio", cost=_yuan(Fraction(cost)), ratio=f"{float(cost / standard):.4f}")
        if low is not None and cost is not None and self.low_limit is not None and cost < self.low_limit:
            self.tell("low", limit=low.limit, limit_yuan=_yuan(self.low_limit))
            return self._actual("payment.low", Fraction(low.factor))
        if high is not None and cost is not None and self.high_limit is not None and cost > self.high_limit:
            self.tell("high", limit=float(high.limit_of(weight)), limit_yuan=_yuan(self.high_limit))
            return "payment.high", self._high_payment(standard, self.high_limit, Fraction(cost))
        return "payment.standard", standard

    def _high_payment(self, standard: Fraction, limit: Fraction, cost: Fraction) -> Fraction:
        high = self.contract.terms.high
        if high is None or high.rule == "standard":
            payment = standard
        elif high.rule == "add":
            payment = standard + Fraction(high.share) * (cost - limit)
            self.tell("high_add", share=high.share, over=_yuan(cost - limit))
        elif high.rule == "deduct":
            payment = cost - Fraction(high.bears or 0) * standard
            self.tell("high_deduct", bears=high.bears)
        else:
            payment = limit
            self.tell("high_cap", limit_yuan=_yuan(limit))
        if high is not None and high.most is not None and payment > Fraction(high.most) * standard:
            payment = Fraction(high.most) * standard
            self.tell("high_most", most=high.most)
        return payment
