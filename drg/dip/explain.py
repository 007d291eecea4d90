"""Why one case is paid what it is paid under a DIP contract: the same arithmetic as ``payment.price``, in fractions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from drg import messages
from drg.case import Case
from drg.dip.catalogue import Catalogue
from drg.dip.payment import MAX_COST_FEN, MAX_POINTS, MAX_RATIO, OTHER_LEVELS, Contract
from drg.dip.trace import Trace
from drg.errors import input_error
from drg.payment.price import half_up

FEN = 100
RATIO_DECIMALS = 6
POINT_DECIMALS = 4


@dataclass(frozen=True)
class Step:
    """One step of the calculation: a message id and what it shows; ``deviation`` is a name of ``DEVIATIONS``."""

    code: str
    params: Mapping[str, Any]

    def render(self, lang: str = "en") -> str:
        return messages.text(self.code, lang, **self.params)


@dataclass(frozen=True)
class PriceExplanation:
    """The price of one case, as a row of ``payment.price``, with its steps in order; ``reason`` (a message id) says why
    there is none."""

    case_id: str
    reason: str | None = None
    deviation: str | None = None
    points: Fraction | None = None
    payment_fen: int | None = None
    fund_fen: int | None = None
    profit_fen: int | None = None
    steps: tuple[Step, ...] = field(default=(), compare=False)

    def lines(self, lang: str = "en") -> list[str]:
        """The steps as sentences."""
        return [step.render(lang) for step in self.steps]


def explain_price(
    case: Case,
    trace: Trace,
    catalogue: Catalogue,
    contract: Contract,
    point_value_yuan: Decimal | None = None,
    auxiliary: tuple[Decimal, str] | None = None,
) -> PriceExplanation:
    """What a case is paid and why, by the group of its ``trace``.

    ``auxiliary``: the coefficient of the case's class and the class, where the catalogue has one for it. Raises
    ``InputError`` where there is no point value.
    """
    value = point_value_yuan if point_value_yuan is not None else contract.point_value_yuan
    if value is None:
        raise input_error("dip.no_point_value", contract.id)
    pricer = _Pricer(case, trace, catalogue, contract, auxiliary)
    pricer.tell("contract", contract=contract.id, source=contract.source)
    reason = pricer.unpriceable()
    points = pricer.points() if reason is None else None
    if points is None:
        reason = reason or "dip.price_cost_too_large"
        pricer.steps.append(Step(reason, {}))
        return PriceExplanation(case.case_id, reason, steps=tuple(pricer.steps))
    payment = half_up(points * Fraction(value) * FEN)
    pricer.tell("payment", points=_number(points), value=value, payment=_yuan(payment))
    paid, cost = case.patient_paid_fen, case.total_cost_fen or 0
    if paid is not None:
        pricer.tell("split", patient=_yuan(paid), fund=_yuan(payment - paid))
    pricer.tell("profit", cost=_yuan(cost), profit=_yuan(payment - cost))
    return PriceExplanation(
        case_id=case.case_id,
        deviation=pricer.deviation,
        points=points,
        payment_fen=payment,
        fund_fen=None if paid is None else payment - paid,
        profit_fen=payment - cost,
        steps=tuple(pricer.steps),
    )


class _Pricer:
    """Follows the contract for one case and notes each step."""

    def __init__(
        self,
        case: Case,
        trace: Trace,
        catalogue: Catalogue,
        contract: Contract,
        auxiliary: tuple[Decimal, str] | None,
    ):
        self.case, self.trace, self.contract, self.auxiliary = case, trace, contract, auxiliary
        self.settings = catalogue.settings
        self.steps: list[Step] = []
        self.deviation: str | None = None
        self.coefficient = self._coefficient()

    def tell(self, key: str, **params: Any) -> None:
        self.steps.append(Step(f"dip.step_{key}", params))

    @property
    def _is_blank(self) -> bool:
        return self.trace.status == "blank"

    @property
    def _mean(self) -> int:
        """What the cost is compared with: the mean of the group, or that of all cases; zero where it is not known."""
        mean = self.settings.reference_cost_fen if self._is_blank else self._of_row("mean_cost_fen")
        return mean or 0

    def _of_row(self, name: str) -> Any:
        return None if self.trace.row is None else getattr(self.trace.row, name)

    def unpriceable(self) -> str | None:
        """Why the case has no price, as far as can be seen before its points are worked out."""
        cost = self.case.total_cost_fen
        if self.trace.status not in ("grouped", "blank"):
            return "dip.price_not_grouped"
        if cost is None:
            return "dip.price_no_cost"
        if cost <= 0:
            return "dip.price_cost_not_positive"
        if self._mean <= 0 or (not self._is_blank and self._of_row("score") is None):
            return "dip.price_no_score"
        if cost > MAX_COST_FEN or cost > MAX_RATIO * self._mean:
            return "dip.price_cost_too_large"
        if self.coefficient is None:
            return "dip.price_no_level" if self.case.hospital_level is None else "dip.price_level_unknown"
        return None

    def _coefficient(self) -> Decimal | None:
        """The hospital's own coefficient, else its level's, else that of all other levels."""
        if self.case.hospital in self.contract.hospitals:
            return self.contract.hospitals[self.case.hospital or ""]
        of_level = {name: level.coefficient for level in self.contract.levels for name in level.names}
        default = of_level.pop(OTHER_LEVELS, None)
        return of_level.get(self.case.hospital_level or "", default)

    def points(self) -> Fraction | None:
        """The points of the case, rounded after each factor; ``None`` where they are beyond all bounds."""
        own = self._blank_points() if self._is_blank else self._deviated_score()
        if own is None:
            return None
        if self.auxiliary is not None:
            coefficient, label = self.auxiliary
            own = _rounded(own * Fraction(coefficient), POINT_DECIMALS)
            self.tell("auxiliary", label=label, coefficient=coefficient, points=_number(own))
        points = _rounded(own * Fraction(self.coefficient or 0), POINT_DECIMALS)
        self.tell("coefficient", coefficient=self.coefficient, points=_number(points))
        return points if points <= MAX_POINTS else None

    def _blank_points(self) -> Fraction | None:
        cost, base, factor = (
            self.case.total_cost_fen or 0,
            self.settings.score_base,
            self.contract.blank.factor,
        )
        self.deviation = "blank"
        of_cost = _rounded(Fraction(cost * base, self._mean), POINT_DECIMALS)
        if of_cost > MAX_POINTS:
            return None
        points = _rounded(of_cost * Fraction(factor), POINT_DECIMALS)
        params = {"cost": _yuan(cost), "mean": _yuan(self._mean), "base": base, "factor": factor}
        self.tell("blank", **params, points=_number(points))
        return points if points <= MAX_POINTS else None

    def _deviated_score(self) -> Fraction | None:
        score, limits = Fraction(_rounded(Fraction(self._of_row("score")), 2)), self.contract.deviation
        exact = Fraction(self.case.total_cost_fen or 0, self._mean)
        ratio = _rounded(exact, RATIO_DECIMALS)
        self.tell(
            "ratio", cost=_yuan(self.case.total_cost_fen or 0), mean=_yuan(self._mean), ratio=_number(ratio)
        )
        factor = Fraction(1)
        if exact < Fraction(limits.low):
            self.deviation, factor = "low", ratio
        elif exact > Fraction(limits.high):
            self.deviation = "review" if exact > Fraction(limits.review) else "high"
            factor = ratio - Fraction(limits.high) + 1
        else:
            self.deviation = "normal"
        points = _rounded(score * factor, POINT_DECIMALS)
        params = {"low": limits.low, "high": limits.high, "review": limits.review}
        self.tell(self.deviation, **params, score=_number(score), points=_number(points))
        return points if points <= MAX_POINTS else None


def _rounded(number: Fraction, decimals: int) -> Fraction:
    """To so many decimals, half up."""
    return Fraction(half_up(number * 10**decimals), 10**decimals)


def _number(number: Fraction) -> str:
    """A number of at most six decimals, exactly."""
    return f"{Decimal(number.numerator) / Decimal(number.denominator):f}"


def _yuan(fen: int) -> str:
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // FEN:,}.{abs(fen) % FEN:02d}"
