"""A payment contract: one TOML file and a table of weights, which say what a grouped case is paid.

Every key is explained in ``drg/contracts/template.toml``; the formulas and their worked examples are in
``docs/payment.md``. Amounts and weights are exact: decimal numbers become fractions, and only what is paid is rounded.

The loader reports everything that is wrong with a contract at once.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from drg.errors import InputError, Problem, input_error
from drg.scheme.pack import Pack, find_pack

CONTRACTS_FOLDER = Path(__file__).parents[1] / "contracts"
TEMPLATE = "template"
MAX_BYTES = 2_000_000
FEN = 100
POINTS_PER_WEIGHT = 100
"""Base points of a case are its weight times 100 (payment.md)."""
MAX_RATE = Decimal(100_000)
"""Yuan a weight or point."""
LAST_DAY = dt.date(9999, 12, 31)
ANY_REGION = "*"


def _as_decimal(value: object) -> object:
    """A TOML number by its shortest decimal form, as it was written."""
    return str(value) if isinstance(value, float) else value


Rate = Annotated[Decimal, BeforeValidator(_as_decimal), Field(gt=0, le=MAX_RATE, decimal_places=6)]
Coefficient = Annotated[Decimal, BeforeValidator(_as_decimal), Field(gt=0, le=Decimal(10), decimal_places=6)]
Ratio = Annotated[Decimal, BeforeValidator(_as_decimal), Field(ge=0, le=Decimal(10), decimal_places=4)]
Share = Annotated[Decimal, BeforeValidator(_as_decimal), Field(ge=0, le=Decimal(1), decimal_places=4)]
Weight = Annotated[Decimal, Field(gt=0, le=Decimal(1000), decimal_places=9)]
Names = tuple[str, ...]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Title(_Strict):
    en: str
    zh: str


class Assumption(_Strict):
    """A term that no source gives: its place, as ``high.rule`` or ``rates.0.insurance_types``, and why it stands."""

    term: str
    note: Title


def check_assumptions(terms: BaseModel, assumptions: Iterable[Assumption]) -> None:
    """Raises ``ValueError`` where an assumption is about a term that ``terms`` do not have."""
    for one in assumptions:
        found: object = terms.model_dump(by_alias=True)
        for part in one.term.split("."):
            if isinstance(found, dict) and part in found:
                found = found[part]
            elif isinstance(found, list | tuple) and part.isdigit() and int(part) < len(found):
                found = found[int(part)]
            else:
                raise ValueError(f"assumption about {one.term}, which the contract does not have")


class RateRow(_Strict):
    """Yuan a weight (method rate) or a point (method points), for whom and when; what is not named applies to all."""

    yuan: Rate
    insurance_types: Names = ()
    levels: Names = ()
    groups: Names = ()
    first_day: dt.date | None = Field(None, alias="from")
    last_day: dt.date | None = Field(None, alias="to")
    with_coefficient: bool = True

    def covers(self, insurance_type: str | None, level: str | None, day: dt.date) -> bool:
        """Whether the row applies to a case; a null insurance type or level fits only where none is named."""
        return (
            (not self.insurance_types or insurance_type in self.insurance_types)
            and (not self.levels or level in self.levels)
            and (self.first_day or dt.date.min) <= day <= (self.last_day or LAST_DAY)
        )


class Level(_Strict):
    """A level of hospitals: the texts that stand for it in the cases, and its coefficient."""

    names: Names = Field(min_length=1)
    coefficient: Coefficient = Decimal(1)


class Low(_Strict):
    """Cost under ``limit`` times the standard is paid as it is, times ``factor``."""

    limit: Ratio
    factor: Ratio = Decimal(1)


class Limit(_Strict):
    """The high limit of cases with a weight up to ``weight_up_to``."""

    ratio: Ratio = Field(ge=1)
    weight_up_to: Decimal | None = None


class High(_Strict):
    """Cost over the limit K times the standard S is paid by ``rule``.

    ``add``: S + share x (cost - K x S). ``deduct``: cost - bears x S. ``cap``: K x S. ``standard``: S.
    Never more than ``most`` times S where that is given.
    """

    limits: tuple[Limit, ...] = Field(min_length=1)
    rule: Literal["add", "deduct", "cap", "standard"]
    share: Share = Decimal(1)
    bears: Ratio | None = None
    most: Ratio | None = None

    def model_post_init(self, context: object, /) -> None:
        bounds = [limit.weight_up_to for limit in self.limits]
        if None in bounds[:-1] or bounds[-1] is not None:
            raise ValueError("every limit but the last needs weight_up_to, the last has none")
        if any(low >= high for low, high in pairwise(bounds[:-1]) if low is not None and high is not None):
            raise ValueError("weight_up_to must ascend")
        if (self.rule == "deduct") != (self.bears is not None):
            raise ValueError("bears belongs to rule deduct")
        if self.bears is not None and self.bears > min(limit.ratio for limit in self.limits):
            raise ValueError("bears must not be over the lowest limit")
        if self.most is not None and self.most < 1:
            raise ValueError("most must be 1 or more")

    def limit_of(self, weight: Fraction) -> Fraction:
        """The limit K for a weight."""
        found = (one for one in self.limits if one.weight_up_to is None or weight <= one.weight_up_to)
        return Fraction(next(found).ratio)


class Exclusion(_Strict):
    """Cases that are not paid by DRG; any of the conditions that are given makes a case one of them."""

    name: Title
    stay_at_most: int | None = Field(None, ge=0)
    stay_at_least: int | None = Field(None, ge=0)
    groups: Names = ()
    departments: Names = ()
    pay: Literal["actual", "per_day", "unpaid"]
    factor: Ratio = Decimal(1)
    yuan_per_day: Rate | None = None

    def model_post_init(self, context: object, /) -> None:
        if (self.pay == "per_day") != (self.yuan_per_day is not None):
            raise ValueError("yuan_per_day belongs to pay = per_day")
        if not (self.groups or self.departments or self.reads_stay):
            raise ValueError("an exclusion needs a condition")

    @property
    def reads_stay(self) -> bool:
        return self.stay_at_most is not None or self.stay_at_least is not None


class Ungrouped(_Strict):
    """Cases without a group: by the weight of their code, the cost times a factor, or not at all."""

    pay: Literal["weight", "actual", "unpaid"] = "unpaid"
    factor: Ratio = Decimal(1)


class Terms(_Strict):
    """The TOML file of a contract."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.\-]{0,63}$")
    title: Title
    kind: Literal["reference", "synthetic", "agreed"]
    source: str = Field(min_length=1)
    regions: Names = Field(min_length=1)
    first_day: dt.date = Field(alias="from")
    last_day: dt.date | None = Field(None, alias="to")
    scheme: str
    method: Literal["rate", "points"]
    weights: str = Field(pattern=r"^\w[\w.\-]*\.tsv$")
    weights_complete: bool = True
    rates: tuple[RateRow, ...] = ()
    levels: tuple[Level, ...] = ()
    hospitals: dict[str, str] = {}
    low: Low | None = None
    high: High | None = None
    exclusions: tuple[Exclusion, ...] = ()
    ungrouped: Ungrouped = Ungrouped()
    special_review_share: Share = Decimal(0)
    assumptions: tuple[Assumption, ...] = ()

    def model_post_init(self, context: object, /) -> None:
        check_assumptions(self, self.assumptions)


@dataclass(frozen=True)
class Tariff:
    """What one weight is paid for a group, insurance type, level and day: fen, exact; and the coefficient in it."""

    fen_per_weight: Fraction
    coefficient: Fraction
    row: RateRow


@dataclass(frozen=True, eq=False)
class Contract:
    """A loaded contract: its terms, and the weight of each group code."""

    terms: Terms
    weights: Mapping[str, Fraction]

    @property
    def id(self) -> str:
        return self.terms.id

    @property
    def last_day(self) -> dt.date:
        return self.terms.last_day or LAST_DAY

    @cached_property
    def coefficients(self) -> Mapping[str, Fraction]:
        """Text of a level -> its coefficient."""
        return {name: Fraction(level.coefficient) for level in self.terms.levels for name in level.names}

    @cached_property
    def insurance_types(self) -> tuple[str, ...]:
        """Every text of an insurance type that the contract names."""
        return tuple(dict.fromkeys(name for row in self.terms.rates for name in row.insurance_types))

    @cached_property
    def level_names(self) -> tuple[str, ...]:
        """Every text of a level that the contract names."""
        named = (name for row in self.terms.rates for name in row.levels)
        return tuple(dict.fromkeys((*self.coefficients, *named)))

    @cached_property
    def boundaries(self) -> tuple[dt.date, ...]:
        """The first days of the periods in which the rates stay the same, ascending."""
        days = {self.terms.first_day}
        for row in self.terms.rates:
            days.update(day for day in (row.first_day,) if day is not None)
            if row.last_day is not None and row.last_day < LAST_DAY:
                days.add(row.last_day + dt.timedelta(days=1))
        return tuple(sorted(day for day in days if self.terms.first_day <= day <= self.last_day))

    def covers(self, region: str | None, day: dt.date) -> bool:
        """Whether a discharge on ``day`` in ``region`` falls under the contract."""
        return self.terms.first_day <= day <= self.last_day and (
            ANY_REGION in self.terms.regions or region in self.terms.regions
        )

    def tariff(self, group: str, insurance_type: str | None, level: str | None, day: dt.date) -> Tariff | str:
        """What one weight is paid, or the message id of why that is not known."""
        terms = self.terms
        if not terms.rates:
            return "payment.no_rate"
        rows = [row for row in terms.rates if group in row.groups] or [
            row for row in terms.rates if not row.groups
        ]
        known = [row for row in rows if row.covers(insurance_type, level, day)]
        reads_level = any(row.levels or (row.with_coefficient and terms.levels) for row in rows)
        if reads_level and level not in self.level_names:
            return "payment.level_missing" if level is None else "payment.level_unknown"
        if not known and insurance_type not in self.insurance_types:
            return "payment.insurance_missing" if insurance_type is None else "payment.insurance_unknown"
        if not known:
            return "payment.no_rate"
        row = known[0]
        coefficient = Fraction(1)
        if row.with_coefficient and terms.levels:
            if level is None or level not in self.coefficients:
                return "payment.level_unknown"
            coefficient = self.coefficients[level]
        points = POINTS_PER_WEIGHT if terms.method == "points" else 1
        return Tariff(Fraction(row.yuan) * FEN * points * coefficient, coefficient, row)


def load_contract(path: Path) -> Contract:
    """The contract in a TOML file, with its weights. Raises ``InputError`` with every problem that was found."""
    terms = _read_terms(path)
    problems: list[Problem] = []
    weights = _read_weights(path.parent / terms.weights, problems)
    problems += _date_problems(terms, path.name)
    problems += _level_problems(terms, path.name)
    try:
        pack = find_pack(terms.scheme)
    except InputError as error:
        raise InputError([*problems, *error.problems]) from None
    problems += _group_problems(terms, weights, pack, path.name)
    if problems:
        raise InputError(problems)
    return Contract(terms, {code: weight for code, weight in weights.items() if weight is not None})


def find_contract(id_or_file: str | Path) -> Contract:
    """The contract with an id among those shipped, or in a TOML file. Raises ``InputError``."""
    if str(id_or_file) in (*shipped_contracts(), TEMPLATE):
        return _shipped(str(id_or_file))
    if str(id_or_file).lower().endswith(".toml"):
        return load_contract(Path(id_or_file))
    raise input_error("payment.unknown", name=str(id_or_file), known=", ".join(shipped_contracts()))


@cache
def _shipped(id: str) -> Contract:
    return load_contract(CONTRACTS_FOLDER / f"{id}.toml")


def shipped_contracts() -> list[str]:
    """The ids of the contracts that come with the project; the template is none of them."""
    return sorted(path.stem for path in CONTRACTS_FOLDER.glob("*.toml") if path.stem != TEMPLATE)


@cache
def shipped_terms(id: str) -> Terms:
    """The terms of a shipped contract, without its weights."""
    return _read_terms(CONTRACTS_FOLDER / f"{id}.toml")


def choose_contract(
    region: str | None,
    day: dt.date | None,
    insurance_type: str | None = None,
    level: str | None = None,
    contracts: Sequence[Terms] | None = None,
) -> str | None:
    """The shipped contract for a discharge on ``day`` in ``region``; ``None`` where none applies.

    Chosen as by :func:`fitting_contracts`; raises ``InputError`` where two apply alike. Whole tables:
    :func:`drg.payment.choice.choose`.
    """
    if day is None:
        return None
    among = contracts if contracts is not None else [shipped_terms(id) for id in shipped_contracts()]
    fitting = fitting_contracts(among, region, day, insurance_type, level)
    if len(fitting) > 1:
        found = ", ".join(one.id for one in fitting)
        raise input_error("payment.contracts_overlap", region or "-", day=str(day), found=found)
    return fitting[0].id if fitting else None


def fitting_contracts(
    among: Sequence[Terms],
    region: str | None,
    day: dt.date,
    insurance_type: str | None = None,
    level: str | None = None,
    hospital: str | None = None,
) -> list[Terms]:
    """The contracts that apply to a discharge; one that names the region goes before one for every region.

    A contract whose rates name other insurance types or levels only does not apply. What is not known is no
    obstacle; without a level, that which the contract gives the hospital counts.
    """
    in_time = [one for one in among if _serves(one, day, insurance_type, level, hospital)]
    return [one for one in in_time if region in one.regions] or [
        one for one in in_time if ANY_REGION in one.regions
    ]


def _serves(
    terms: Terms, day: dt.date, insurance_type: str | None, level: str | None, hospital: str | None
) -> bool:
    if not terms.first_day <= day <= (terms.last_day or LAST_DAY):
        return False
    known = level if level is not None else terms.hospitals.get(hospital or "")
    return not terms.rates or any(
        (insurance_type is None or not row.insurance_types or insurance_type in row.insurance_types)
        and (known is None or not row.levels or known in row.levels)
        for row in terms.rates
    )


def _read_terms(path: Path) -> Terms:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise input_error("payment.file_too_large", str(path))
        return Terms.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError:
        raise input_error("payment.file_missing", str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise input_error("payment.toml_unreadable", path.name, detail=str(error)) from None
    except ValidationError as error:
        raise InputError(
            Problem(
                "payment.term_invalid",
                path.name,
                {"key": ".".join(str(part) for part in found["loc"]) or "*", "detail": found["msg"]},
            )
            for found in error.errors()
        ) from None


def _read_weights(path: Path, problems: list[Problem]) -> dict[str, Fraction | None]:
    """Group code -> weight; ``None`` where the table says that a group has none (empty cell)."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise input_error("payment.file_too_large", str(path))
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        problems.append(Problem("payment.file_missing", str(path)))
        return {}
    weights: dict[str, Fraction | None] = {}
    if not lines or lines[0].split("\t")[:2] != ["drg", "weight"]:
        problems.append(Problem("payment.weights_header", f"{path.name}:1"))
        return {}
    for number, line in enumerate(lines[1:], start=2):
        code, _, rest = line.partition("\t")
        text = rest.partition("\t")[0].strip()
        where = f"{path.name}:{number}"
        if code in weights:
            problems.append(Problem("payment.weight_twice", where, {"group": code}))
            continue
        weights[code] = None
        if text:
            try:
                weights[code] = Fraction(_Row.model_validate({"weight": text}).weight)
            except ValidationError as error:
                params = {"group": code, "value": text[:40], "detail": error.errors()[0]["msg"]}
                problems.append(Problem("payment.weight_invalid", where, params))
    return weights


class _Row(_Strict):
    weight: Weight


def _group_problems(
    terms: Terms, weights: Mapping[str, Fraction | None], pack: Pack, where: str
) -> Iterator[Problem]:
    evaluation = pack.settings.evaluation
    groups = {row.code for row in pack.drgs}
    left_over = (evaluation.ambiguous_adrg, evaluation.fallback_adrg, evaluation.ungrouped)

    def is_known(code: str) -> bool:
        return code in groups or any(fnmatch.fnmatchcase(code, pattern) for pattern in left_over)

    for code in weights:
        if not is_known(code):
            yield Problem("payment.group_unknown", terms.weights, {"group": code, "scheme": pack.id})
    named = [code for row in terms.rates for code in row.groups]
    named += [code for exclusion in terms.exclusions for code in exclusion.groups]
    for code in named:
        if not is_known(code):
            yield Problem("payment.group_unknown", where, {"group": code, "scheme": pack.id})
    if terms.weights_complete:
        missing = sorted(code for code in groups if weights.get(code) is None)
        for code in missing:
            yield Problem("payment.weight_missing", terms.weights, {"group": code})


def _date_problems(terms: Terms, where: str) -> Iterator[Problem]:
    """Gaps and overlaps of the rates of each group scope, insurance type and level."""
    last = terms.last_day or LAST_DAY
    if last < terms.first_day:
        yield Problem("payment.dates_reversed", where, {"first": terms.first_day, "last": last})
        return
    scopes = {row.groups for row in terms.rates}
    seen: set[str] = set()
    for scope in (one for one in scopes if one):
        twice = seen & set(scope)
        if twice:
            yield Problem("payment.group_in_two_scopes", where, {"groups": ", ".join(sorted(twice))})
        seen |= set(scope)
    for scope in sorted(scopes):
        rows = [row for row in terms.rates if row.groups == scope]
        kinds: Iterable[str | None] = {name for row in rows for name in row.insurance_types} or {None}
        levels: Iterable[str | None] = {name for row in rows for name in row.levels} or {None}
        for kind in sorted(kinds, key=str):
            for level in sorted(levels, key=str):
                spans = sorted(
                    (max(row.first_day or terms.first_day, terms.first_day), min(row.last_day or last, last))
                    for row in rows
                    if (not row.insurance_types or kind in row.insurance_types)
                    and (not row.levels or level in row.levels)
                )
                of = " / ".join(part for part in (*scope[:1], kind, level) if part) or "*"
                yield from _span_problems(spans, terms.first_day, last, of, where)


def _span_problems(
    spans: Sequence[tuple[dt.date, dt.date]], first: dt.date, last: dt.date, of: str, where: str
) -> Iterator[Problem]:
    day = dt.timedelta(days=1)
    expected = first
    for begin, end in spans:
        if end < begin:
            yield Problem("payment.dates_reversed", where, {"first": begin, "last": end})
            continue
        if begin > expected:
            params = {"of": of, "first": expected, "last": begin - day}
            yield Problem("payment.dates_gap", where, params)
        elif begin < expected:
            params = {"of": of, "first": begin, "last": min(end, expected - day)}
            yield Problem("payment.dates_overlap", where, params)
        if end == LAST_DAY:
            return
        expected = max(expected, end + day)
    if expected <= last:
        yield Problem("payment.dates_gap", where, {"of": of, "first": expected, "last": last})


def _level_problems(terms: Terms, where: str) -> Iterator[Problem]:
    names = [name for level in terms.levels for name in level.names]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem("payment.level_twice", where, {"level": name})
    known = {*names, *(name for row in terms.rates for name in row.levels)}
    for hospital, level in terms.hospitals.items():
        if level not in known:
            params = {"hospital": hospital, "level": level}
            yield Problem("payment.hospital_level_unknown", where, params)
