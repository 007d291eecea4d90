"""Payment by point value: points of each case and its payment. Money in fen, exact.

Points are whole ten-thousandths (``POINT_PARTS``), ratios whole millionths; every rounding is half up and is named
where it happens, so that a case computed by hand gives the same fen.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from drg.dip.catalogue import Catalogue, load_toml
from drg.dip.matcher import one_chunk, whole_numbers
from drg.errors import InputError, Problem, input_error
from drg.payment.contract import Assumption, check_assumptions

CONTRACTS_FOLDER = Path(__file__).with_name("contracts")
POINT_PARTS = 10_000
RATIO_PARTS = 1_000_000
COEFFICIENT_PARTS = 10_000
LIMIT_PARTS = 10_000
OTHER_LEVELS = "*"
MAX_COST_FEN = 10**11
MAX_RATIO = 10_000
MAX_POINTS = 10**6
"""Bounds within which the products of the arithmetic fit 64 bits."""

Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Share = Annotated[Decimal, Field(ge=0, le=100, decimal_places=4)]

PRICE_SCHEMA = pa.schema(
    [
        ("case_id", pa.string()),
        ("ratio", pa.float64()),
        ("deviation", pa.dictionary(pa.int32(), pa.string())),
        ("score", pa.float64()),
        ("auxiliary_coefficient", pa.float64()),
        ("hospital_coefficient", pa.float64()),
        ("points", pa.float64()),
        ("payment_fen", pa.int64()),
        ("patient_paid_fen", pa.int64()),
        ("fund_fen", pa.int64()),
        ("profit_fen", pa.int64()),
        ("price_reason", pa.dictionary(pa.int32(), pa.string())),
    ]
)
"""Columns of a DIP price, one row a case in the order of the input.

``ratio`` r = cost / mean cost of the group; ``deviation``: low, normal, high, review, or blank; ``points`` = score,
deviated by r, x coefficients; ``payment_fen`` = points x point value, of which ``fund_fen`` is not paid by the patient
(null where what the patient paid is missing); ``profit_fen`` = payment - cost. Null where a case cannot be priced:
``price_reason`` is the message id that says why.
"""

DEVIATIONS = ("normal", "low", "high", "review", "blank")
NORMAL, LOW, HIGH, REVIEW, BLANK = range(len(DEVIATIONS))

REASONS = (
    None,
    "dip.price_not_grouped",
    "dip.price_no_cost",
    "dip.price_cost_not_positive",
    "dip.price_cost_too_large",
    "dip.price_no_score",
    "dip.price_no_level",
    "dip.price_level_unknown",
    "dip.price_patient_paid_invalid",
)
"""Why a case has no price, by number; the first is of those that have one."""
(
    PRICED,
    _NOT_GROUPED,
    _NO_COST,
    _NOT_POSITIVE,
    _TOO_LARGE,
    _NO_SCORE,
    _NO_LEVEL,
    _LEVEL_UNKNOWN,
    _PAID_INVALID,
) = range(len(REASONS))


class Deviation(BaseModel):
    """When a case is deviated; see ``contracts/reference.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: Share
    high: Share
    review: Share


class Blank(BaseModel):
    """What a case of no group is paid."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    factor: Share


class Level(BaseModel):
    """The texts that stand for a level of hospitals, and its coefficient."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: list[str]
    coefficient: Share


class Contract(BaseModel):
    """A DIP payment contract; see ``contracts/reference.toml``. ``assumptions``: terms that no source gives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    name_en: str
    source: str
    point_value_yuan: Annotated[Decimal, Field(gt=0, le=10_000, decimal_places=4)] | None = None
    deviation: Deviation
    blank: Blank
    levels: list[Level] = Field(min_length=1, max_length=100)
    hospitals: dict[str, Share] = {}
    assumptions: tuple[Assumption, ...] = ()

    def model_post_init(self, context: object, /) -> None:
        check_assumptions(self, self.assumptions)

    def coefficient_parts(self) -> dict[str, int]:
        """Coefficient in ten-thousandths by the name of a level."""
        return {
            name: parts_of(level.coefficient, COEFFICIENT_PARTS)
            for level in self.levels
            for name in level.names
        }


def shipped_contracts() -> list[str]:
    """The ids of the contracts that come with the library."""
    return sorted(path.stem for path in CONTRACTS_FOLDER.glob("*.toml"))


def find_contract(contract: str | Path) -> Contract:
    """A shipped contract by id, or one in a file. Raises ``InputError`` where there is none."""
    shipped = CONTRACTS_FOLDER / f"{contract}.toml"
    path = shipped if shipped.parent == CONTRACTS_FOLDER and shipped.is_file() else Path(contract)
    found = load_toml(path, Contract)
    limits = found.deviation
    if not limits.low <= 1 <= limits.high <= limits.review:
        raise input_error("dip.deviation_limits", path.name)
    return found


def price(
    cases: pa.Table,
    grouping: pa.Table,
    catalogue: Catalogue,
    contract: Contract,
    auxiliary_parts: Longs | None = None,
    point_value_yuan: Decimal | None = None,
) -> pa.Table:
    """What every case is paid, in ``PRICE_SCHEMA``.

    ``cases`` in ``CASE_SCHEMA``, ``grouping`` from ``matcher.group`` over the same rows; ``auxiliary_parts``: the
    coefficient of each case in ten-thousandths (``auxiliary.coefficients``); ``point_value_yuan`` instead of the
    contract's. A case that lacks a value is not priced and says why; nothing is taken for zero. Raises
    ``InputError`` where there is no point value.
    """
    value = point_value_yuan if point_value_yuan is not None else contract.point_value_yuan
    if value is None:
        raise input_error("dip.no_point_value", contract.id)
    points, why = case_points(cases, grouping, catalogue, contract, auxiliary_parts)
    cost = whole_numbers(cases, "total_cost_fen")
    # Points in 1/10000 x value in 1/10000 yuan (1/100 fen): millionths of a fen.
    payment = _half_up(points.parts * parts_of(value, POINT_PARTS), RATIO_PARTS)
    priced = why == PRICED
    paid = whole_numbers(cases, "patient_paid_fen")
    without = ~priced
    columns = {
        "case_id": grouping.column("case_id"),
        "ratio": pa.array(points.ratio / RATIO_PARTS, mask=without | (points.ratio < 0)),
        "deviation": pa.DictionaryArray.from_arrays(
            pa.array(points.deviation.astype(np.int32), mask=without), pa.array(DEVIATIONS)
        ),
        "score": pa.array(points.score / 100, mask=without | (points.score < 0)),
        "auxiliary_coefficient": pa.array(points.auxiliary / COEFFICIENT_PARTS, mask=without),
        "hospital_coefficient": pa.array(points.coefficient / COEFFICIENT_PARTS, mask=without),
        "points": pa.array(points.parts / POINT_PARTS, mask=without),
        "payment_fen": pa.array(payment, mask=without),
        "patient_paid_fen": pa.array(paid, mask=paid < 0),
        "fund_fen": pa.array(payment - paid, mask=without | (paid < 0)),
        "profit_fen": pa.array(payment - cost, mask=without),
        "price_reason": _reasons(why),
    }
    return pa.table([columns[name] for name in PRICE_SCHEMA.names], schema=PRICE_SCHEMA)


@dataclass(frozen=True)
class Points:
    """Points of every case and what they come from; -1 where there is no ratio or score."""

    parts: Longs
    ratio: Longs
    score: Longs
    deviation: npt.NDArray[np.int8]
    auxiliary: Longs
    coefficient: Longs


def case_points(
    cases: pa.Table,
    grouping: pa.Table,
    catalogue: Catalogue,
    contract: Contract,
    auxiliary_parts: Longs | None = None,
) -> tuple[Points, npt.NDArray[np.int8]]:
    """The points of every case in ten-thousandths, and the number in ``REASONS`` that says why one has none."""
    cost = whole_numbers(cases, "total_cost_fen")
    paid = whole_numbers(cases, "patient_paid_fen")
    has_cost, has_paid = _is_given(cases, "total_cost_fen"), _is_given(cases, "patient_paid_fen")
    place = _row_places(grouping, catalogue)
    status = grouping.column("status").cast(pa.string())
    grouped = pc.fill_null(pc.equal(status, "grouped"), False).to_numpy()
    blank = pc.fill_null(pc.equal(status, "blank"), False).to_numpy()
    score, mean = _worth(catalogue, place)
    reference = catalogue.settings.reference_cost_fen or 0
    base = catalogue.settings.score_base
    coefficient, level_known, level_given = _coefficients(cases, contract)
    auxiliary = (
        np.full(len(cases), COEFFICIENT_PARTS, np.int64) if auxiliary_parts is None else auxiliary_parts
    )
    why = np.select(
        [
            ~(grouped | blank),
            ~has_cost,
            cost <= 0,
            (grouped & ((score < 0) | (mean <= 0))) | (blank & (reference == 0)),
            (cost > MAX_COST_FEN) | (cost > MAX_RATIO * np.where(blank, reference, mean)),
            ~level_known & ~level_given,
            ~level_known,
            (paid > MAX_COST_FEN) | (has_paid & (paid < 0)),
        ],
        [
            _NOT_GROUPED,
            _NO_COST,
            _NOT_POSITIVE,
            _NO_SCORE,
            _TOO_LARGE,
            _NO_LEVEL,
            _LEVEL_UNKNOWN,
            _PAID_INVALID,
        ],
        PRICED,
    ).astype(np.int8)
    safe_cost = np.where(why == PRICED, cost, 0)
    known_mean = np.where(grouped & (mean > 0), mean, 1)
    ratio = _half_up(safe_cost * RATIO_PARTS, known_mean)
    deviation = _deviations(safe_cost, known_mean, blank, contract.deviation)
    high = parts_of(contract.deviation.high, RATIO_PARTS)
    factor = np.select(
        [deviation == LOW, (deviation == HIGH) | (deviation == REVIEW)],
        [ratio, ratio - high + RATIO_PARTS],
        RATIO_PARTS,
    )
    # Score in 1/100 x factor in 1/1000000 to points in 1/10000.
    own = _half_up(np.maximum(score, 0) * np.where(why == PRICED, factor, 0), RATIO_PARTS // 100)
    if blank.any() and reference:
        # A blank case has no score: its cost in points of the reference cost.
        points_of_cost = _within(_half_up(safe_cost * base, reference, scale=POINT_PARTS), blank, why)
        blank_factor = parts_of(contract.blank.factor, COEFFICIENT_PARTS)
        own = np.where(blank, _half_up(points_of_cost * blank_factor, COEFFICIENT_PARTS), own)
    own = _within(own, why == PRICED, why)
    own = _half_up(own * auxiliary, COEFFICIENT_PARTS)
    parts = _within(_half_up(own * coefficient, COEFFICIENT_PARTS), why == PRICED, why)
    ratio = np.where(blank, -1, ratio)
    return Points(parts, ratio, score, deviation, auxiliary, coefficient), why


def _deviations(cost: Longs, mean: Longs, blank: Mask, limits: Deviation) -> npt.NDArray[np.int8]:
    """How each case deviates, by cost and mean cost themselves: a rounded ratio could fall on the other side."""

    def beyond(limit: Decimal) -> Longs:
        # Cost x 10,000 and mean x limit in 1/10,000 are below 2**63 within the bounds of both.
        over: Longs = cost * LIMIT_PARTS - mean * parts_of(limit, LIMIT_PARTS)
        return over

    low, high, review = (beyond(limit) for limit in (limits.low, limits.high, limits.review))
    return np.select([blank, low < 0, review > 0, high > 0], [BLANK, LOW, REVIEW, HIGH], NORMAL).astype(
        np.int8
    )


def _within(parts: Longs, which: Mask, why: npt.NDArray[np.int8]) -> Longs:
    """The points, zero where they are beyond ``MAX_POINTS``; such cases of ``which`` are not priced."""
    beyond = parts > MAX_POINTS * POINT_PARTS
    why[beyond & which & (why == PRICED)] = _TOO_LARGE
    return np.where(beyond | ~which, 0, parts)


def _is_given(cases: pa.Table, column: str) -> Mask:
    if column not in cases.column_names:
        return np.zeros(len(cases), np.bool_)
    given: Mask = pc.is_valid(cases.column(column)).to_numpy()
    return given


def _row_places(grouping: pa.Table, catalogue: Catalogue) -> Longs:
    """The place of each case's group among the rows of the catalogue, -1 where it has none."""
    ids = one_chunk(grouping.column("dip").cast(pa.string())).dictionary_encode()
    of_id = np.array([*(catalogue.places.get(id, -1) for id in ids.dictionary.to_pylist()), -1], np.int64)
    places: Longs = of_id[pc.fill_null(ids.indices, len(of_id) - 1).to_numpy(zero_copy_only=False)]
    return places


def _worth(catalogue: Catalogue, place: Longs) -> tuple[Longs, Longs]:
    """Score in hundredths and mean cost in fen of each case's group, -1 where it has none."""
    too_high = [row.id for row in catalogue.rows if row.score is not None and row.score > MAX_POINTS]
    problems = [Problem("dip.score_too_high", catalogue.id, {"dip": id}) for id in too_high]
    problems += [
        Problem("dip.mean_too_high", catalogue.id, {"dip": row.id})
        for row in catalogue.rows
        if row.mean_cost_fen is not None and row.mean_cost_fen > MAX_COST_FEN
    ]
    if (catalogue.settings.reference_cost_fen or 0) > MAX_COST_FEN:
        problems.append(Problem("dip.mean_too_high", catalogue.id, {"dip": "-"}))
    if problems:
        raise InputError(problems)
    scores = [-1 if row.score is None else parts_of(row.score, 100) for row in catalogue.rows]
    means = [-1 if row.mean_cost_fen is None else row.mean_cost_fen for row in catalogue.rows]
    return np.array([*scores, -1], np.int64)[place], np.array([*means, -1], np.int64)[place]


def _coefficients(cases: pa.Table, contract: Contract) -> tuple[Longs, Mask, Mask]:
    """The coefficient of each case in ten-thousandths: the hospital's own, else its level's; whether there is one, and
    whether a level is given."""
    known = contract.coefficient_parts()
    default = known.pop(OTHER_LEVELS, None)
    if "hospital_level" in cases.column_names:
        levels = cases.column("hospital_level").cast(pa.string())
    else:
        levels = pa.chunked_array([pa.nulls(len(cases), pa.string())])
    of_level = pc.fill_null(pc.index_in(levels, pa.array(list(known), pa.string())), len(known)).to_numpy()
    parts = [*known.values(), COEFFICIENT_PARTS if default is None else default]
    coefficient = np.array(parts, np.int64)[of_level]
    is_known = (of_level < len(known)) | (default is not None)
    if contract.hospitals and "hospital" in cases.column_names:
        own = [parts_of(share, COEFFICIENT_PARTS) for share in contract.hospitals.values()]
        names = pa.array(list(contract.hospitals), pa.string())
        found = pc.fill_null(pc.index_in(cases.column("hospital").cast(pa.string()), names), -1).to_numpy()
        coefficient = np.where(found >= 0, np.array(own, np.int64)[found], coefficient)
        is_known |= found >= 0
    return coefficient, is_known, pc.is_valid(levels).to_numpy()


def parts_of(number: Decimal, parts: int) -> int:
    """A decimal in whole parts, half up."""
    return int((number * parts).to_integral_value(ROUND_HALF_UP))


def _half_up(number: Longs, divisor: Longs | int, scale: int = 1) -> Longs:
    """``number`` x ``scale`` / ``divisor`` to the nearest whole, halves up; the product may pass 64 bits only
    by ``scale``."""
    if scale == 1:
        return (2 * (number % divisor) + divisor) // (2 * divisor) + number // divisor
    return number // divisor * scale + _half_up(number % divisor * scale, divisor)


def _reasons(why: npt.NDArray[np.int8]) -> pa.DictionaryArray:
    texts = [reason for reason in REASONS if reason is not None]
    return pa.DictionaryArray.from_arrays(
        pa.array(why.astype(np.int32) - 1, mask=why == PRICED), pa.array(texts, pa.string())
    )
