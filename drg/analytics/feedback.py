"""Every difference between the payer's settlement and our own result: why, and whether to appeal or accept."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from drg import messages
from drg.analytics.database import query
from drg.analytics.sides import Side
from drg.case import CASE_SCHEMA, from_row
from drg.codes.crosswalk import convert_cases
from drg.errors import input_error
from drg.grouper.explain import explain
from drg.grouper.table import flat_codes, group
from drg.scheme.compiler import compile_pack
from drg.scheme.pack import Pack, find_pack, shipped_ids

Cause = Literal[
    "code_converted", "exclusion", "missing_field", "other_scheme_version", "rule", "not_found", "unexplained"
]
Proposal = Literal["appeal", "accept", "check"]
"""``check``: a person has to look."""

MOST_PRICE_TRACES = 2_000
DEFUSED = "^'([=+\\-@\t\r\n＝＋－＠])"
"""A case id as CSV files have it that begins like a formula."""
MAX_STATUS_BYTES = 256 << 20

STATUSES = ("open", "appealed", "accepted", "refused")
NEXT_STATUSES: Mapping[str, tuple[str, ...]] = {
    "open": ("appealed", "accepted"),
    "appealed": ("accepted", "refused"),
    "accepted": (),
    "refused": ("appealed",),
}

BY_ELIMINATION = tuple(f"analytics.evidence_{name}" for name in ("payment", "price", "foreign_group"))
"""Evidence that names a cause without proving it; where the payer pays less, a person has to look."""

DIFFERENCE_SCHEMA = pa.schema(
    [
        ("case_id", pa.string()),
        ("payer_row", pa.int64()),
        ("department", pa.string()),
        ("group_ours", pa.string()),
        ("group_payer", pa.string()),
        ("weight_ours", pa.float64()),
        ("weight_payer", pa.float64()),
        ("payment_fen_ours", pa.int64()),
        ("payment_fen_payer", pa.int64()),
        ("payment_fen_change", pa.int64()),
        ("payer_reason", pa.string()),
        ("cause", pa.string()),
        ("evidence", pa.string()),
        ("detail", pa.string()),
        ("proposal", pa.string()),
        ("status", pa.string()),
    ]
)
"""One row a difference; ``evidence``: a message id, ``detail`` its parameter; ``payment_fen_change``: payer - ours."""


class _Reason(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    pattern: str
    cause: Cause
    proposal: Proposal


class Rules(BaseModel):
    """``feedback.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    payment_tolerance_fen: int
    weight_tolerance: Decimal
    missing_fields: tuple[str, ...]
    proposal: dict[Cause, Proposal]
    reason: tuple[_Reason, ...]


@cache
def default_rules() -> Rules:
    """The rules that come with the project."""
    path = Path(__file__).with_name("feedback.toml")
    return Rules.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Feedback:
    """``differences`` in ``DIFFERENCE_SCHEMA``; ``agreed``: lines of the payer without any difference."""

    differences: pa.Table
    agreed: int

    @property
    def explained_share(self) -> float | None:
        """The share of the differences that need no person; ``None`` where there are none."""
        if not len(self.differences):
            return None
        known = pc.not_equal(self.differences.column("cause"), "unexplained")
        decided = pc.not_equal(self.differences.column("proposal"), "check")
        return int(pc.sum(pc.and_(known, decided)).as_py()) / len(self.differences)


_LINES = """
SELECT coalesce(payer.case_id, ours.case_id) AS case_id, payer.payer_row, ours.place, ours.department,
       ours."group" AS group_ours, payer."group" AS group_payer,
       ours.weight::DOUBLE AS weight_ours, payer.weight::DOUBLE AS weight_payer,
       ours.payment_fen AS payment_fen_ours, payer.payment_fen AS payment_fen_payer,
       payer.payment_fen - ours.payment_fen AS payment_fen_change, payer.reason AS payer_reason,
       ours.cc_level, ours.cc_code
FROM payer FULL JOIN ours ON payer.case_id = ours.case_id
ORDER BY payer.payer_row NULLS LAST, ours.place
"""


def explain_differences(
    cases: pa.Table,
    ours: Side,
    payer: pa.Table,
    other_schemes: Sequence[str | Path] | None = None,
    rules: Rules | None = None,
    lang: str = "en",
) -> Feedback:
    """Match the payer's lines (``PAYER_SCHEMA``) to our cases by case id, and explain each difference.

    The cases of differing groups are grouped again in other ways: codes converted, complications not counted, one
    field missing, another scheme (by default all shipped). The first way that leads to the payer's group explains it.
    ``lang`` is the language of price steps in ``detail``.
    """
    rules = rules or default_rules()
    columns = {
        "case_id": cases.column("case_id"),
        "department": cases.column("department"),
        "place": pa.array(np.arange(len(cases))),
        **{
            name: ours.rows.column(name) for name in ("group", "weight", "payment_fen", "cc_level", "cc_code")
        },
    }
    lines = query(_LINES, ours=pa.table(columns), payer=payer)
    differing = _differing(lines, rules)
    found = lines.filter(pa.array(differing))
    explained = _Explainer(cases, ours, found, other_schemes, rules, lang).explained()
    agreed = int(np.count_nonzero(~differing))
    return Feedback(_as_differences(found, explained), agreed)


def _differing(lines: pa.Table, rules: Rules) -> npt.NDArray[np.bool_]:
    """Lines that differ in group, weight or payment, that have nothing to compare, or that only one of the two has."""
    one_only = pc.or_(pc.is_null(lines.column("place")), pc.is_null(lines.column("payer_row")))
    weight = pc.greater(_distance(lines, "weight"), pa.scalar(float(rules.weight_tolerance)))
    payment = pc.greater(_distance(lines, "payment_fen"), pa.scalar(float(rules.payment_tolerance_fen)))
    parts = (one_only, _nothing_to_compare(lines), _other_group(lines), weight, payment)
    differing: npt.NDArray[np.bool_] = np.any(
        [pc.fill_null(part, False).to_numpy() for part in parts], axis=0
    )
    return differing


def _other_group(lines: pa.Table) -> pa.ChunkedArray:
    """Whether the payer names a group that is not ours; we may have none."""
    none_of_ours = pc.and_(pc.is_null(lines.column("group_ours")), pc.is_valid(lines.column("group_payer")))
    return pc.or_kleene(pc.not_equal(lines.column("group_ours"), lines.column("group_payer")), none_of_ours)


def _nothing_to_compare(lines: pa.Table) -> pa.ChunkedArray:
    """Whether the payer names no group, and no weight or payment that we have too."""
    known = [
        pc.and_(pc.is_valid(lines.column(f"{name}_ours")), pc.is_valid(lines.column(f"{name}_payer")))
        for name in ("weight", "payment_fen")
    ]
    compared = pc.or_(pc.or_(*known), pc.is_valid(lines.column("group_payer")))
    return pc.invert(compared)


def _distance(lines: pa.Table, name: str) -> pa.ChunkedArray:
    ours, theirs = (lines.column(f"{name}_{side}").cast(pa.float64()) for side in ("ours", "payer"))
    return pc.abs(pc.subtract(ours, theirs))


@dataclass
class _Explained:
    """Cause, evidence (message id), its detail and a proposal, a place each line."""

    cause: npt.NDArray[np.object_]
    evidence: npt.NDArray[np.object_]
    detail: npt.NDArray[np.object_]
    proposal: npt.NDArray[np.object_]

    def settle(self, mask: npt.NDArray[np.bool_], cause: Cause, evidence: str, detail: Any = None) -> None:
        """Explain those lines of ``mask`` that are not yet; ``detail`` is one text or one a line."""
        fresh = mask & (self.cause == None)  # noqa: E711 - elementwise
        self.cause[fresh] = cause
        self.evidence[fresh] = evidence
        self.detail[fresh] = detail[fresh] if isinstance(detail, np.ndarray) else detail


class _Explainer:
    def __init__(
        self,
        cases: pa.Table,
        side: Side,
        lines: pa.Table,
        other_schemes: Sequence[str | Path] | None,
        rules: Rules,
        lang: str,
    ):
        self.lang = lang
        self.cases = cases
        self.side = side
        self.pack = side.pack
        self.lines = lines
        self.rules = rules
        self.others = shipped_ids() if other_schemes is None else other_schemes
        self.out = _Explained(*(np.full(len(lines), None, object) for _ in range(4)))

    def explained(self) -> _Explained:
        out, lines = self.out, self.lines
        ours_only, payer_only = _nulls(lines, "payer_row"), _nulls(lines, "place")
        out.settle(ours_only, "not_found", "analytics.evidence_not_settled")
        out.settle(payer_only, "not_found", "analytics.evidence_not_ours")
        other_group = pc.fill_null(_other_group(lines), False).to_numpy()
        self._by_variants(other_group & ~payer_only & ~ours_only)
        self._by_reason(~ours_only & ~payer_only)
        nothing = _nothing_to_compare(lines).to_numpy()
        out.settle(nothing, "unexplained", "analytics.evidence_nothing")
        same = ~other_group & ~ours_only & ~payer_only
        weight = pc.greater(_distance(lines, "weight"), pa.scalar(float(self.rules.weight_tolerance)))
        out.settle(
            same & pc.fill_null(weight, False).to_numpy(), "other_scheme_version", "analytics.evidence_weight"
        )
        self._by_price(same)
        out.settle(same, "rule", "analytics.evidence_payment")
        out.settle(np.ones(len(lines), np.bool_), "unexplained", "analytics.evidence_none")
        self._propose(payer_only)
        return out

    def _by_variants(self, wanted: npt.NDArray[np.bool_]) -> None:
        """Group the cases of the wanted lines again in other ways until the payer's group comes out."""
        if self.pack is None or not wanted.any():
            return
        places = np.flatnonzero(wanted)
        chosen = self.lines.take(pa.array(places))
        cases = self.cases.take(chosen.column("place")).combine_chunks()
        for cause, evidence, detail, groups in self._variants(cases, chosen):
            hit = pc.fill_null(
                pc.equal(groups.cast(pa.string()), chosen.column("group_payer")), False
            ).to_numpy()
            mask = np.zeros(len(wanted), np.bool_)
            mask[places[hit]] = True
            if isinstance(detail, pa.ChunkedArray):
                details = np.full(len(wanted), None, object)
                details[places] = np.array(detail.to_pylist(), object)
                self.out.settle(mask, cause, evidence, details)
            else:
                self.out.settle(mask, cause, evidence, detail)
        known = pa.array([row.code for row in (*self.pack.adrgs, *self.pack.drgs)], pa.string())
        foreign = pc.invert(pc.is_in(chosen.column("group_payer"), value_set=known)).to_numpy()
        mask = np.zeros(len(wanted), np.bool_)
        mask[places[foreign]] = True
        self.out.settle(mask, "other_scheme_version", "analytics.evidence_foreign_group", self.pack.id)

    def _variants(
        self, cases: pa.Table, chosen: pa.Table
    ) -> Iterator[tuple[Cause, str, str | pa.ChunkedArray | None, pa.ChunkedArray]]:
        pack = self.pack
        assert pack is not None  # noqa: S101 - for the type checker: only called with one
        converted = group(convert_cases(cases)[0], pack).column("drg")
        yield "code_converted", "analytics.evidence_converted", None, converted
        plain = group(without_complications(cases, pack), pack).column("drg")
        yield "exclusion", "analytics.evidence_exclusion", chosen.column("cc_code"), plain
        for name in self.rules.missing_fields:
            if name in cases.column_names:
                lacking = group(_without(cases, name), pack).column("drg")
                yield "missing_field", "analytics.evidence_missing_field", name, lacking
        for other in self.others:
            found = find_pack(other)
            if found.id != pack.id:
                groups = group(cases, found).column("drg")
                yield "other_scheme_version", "analytics.evidence_other_scheme", found.id, groups

    def _by_reason(self, wanted: npt.NDArray[np.bool_]) -> None:
        """What the payer itself says, where nothing else explains the line."""
        texts = self.lines.column("payer_reason")
        for one in self.rules.reason:
            said = pc.match_substring_regex(texts, one.pattern, ignore_case=True)
            mask = pc.fill_null(said, False).to_numpy() & wanted & (self.out.cause == None)  # noqa: E711
            self.out.settle(
                mask, one.cause, "analytics.evidence_payer_says", np.array(texts.to_pylist(), object)
            )
            self.out.proposal[mask] = one.proposal

    def _by_price(self, wanted: npt.NDArray[np.bool_]) -> None:
        """Our price step by step, for the first lines where nothing but the payment differs."""
        if self.side.pack is None or self.side.contract is None:
            return
        from drg.payment.explain import explain_price

        for number in np.flatnonzero(wanted & (self.out.cause == None))[:MOST_PRICE_TRACES]:  # noqa: E711
            place = self.lines.column("place")[int(number)].as_py()
            case = from_row(self.cases.slice(place, 1).to_pylist()[0])
            grouping = explain(case, self.side.pack).grouping
            steps = explain_price(case, grouping, self.side.contract, as_if=True).lines(self.lang)
            mask = np.zeros(len(wanted), np.bool_)
            mask[number] = True
            self.out.settle(mask, "rule", "analytics.evidence_price", "; ".join(steps[1:]))

    def _propose(self, payer_only: npt.NDArray[np.bool_]) -> None:
        """Accept what is not lower than ours; else what the cause proposes; a person where nothing is known."""
        out = self.out
        change = pc.coalesce(
            self.lines.column("payment_fen_change").cast(pa.float64()),
            pc.subtract(
                *(self.lines.column(f"weight_{side}").cast(pa.float64()) for side in ("payer", "ours"))
            ),
        )
        not_lower = pc.fill_null(pc.greater_equal(change, 0.0), False).to_numpy()
        open_ones = out.proposal == None  # noqa: E711
        for cause, proposal in self.rules.proposal.items():
            out.proposal[open_ones & (out.cause == cause)] = proposal
        out.proposal[not_lower] = "accept"
        # Found only because nothing else differs: there is nothing yet to show to the payer.
        by_elimination = np.isin(out.evidence.astype(str), BY_ELIMINATION)
        out.proposal[payer_only | (out.cause == "unexplained") | (by_elimination & ~not_lower)] = "check"


def _nulls(lines: pa.Table, name: str) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = pc.is_null(lines.column(name)).to_numpy()
    return mask


def _without(cases: pa.Table, name: str) -> pa.Table:
    """The cases with one field not known."""
    return cases.set_column(
        cases.schema.get_field_index(name), name, pa.nulls(len(cases), CASE_SCHEMA.field(name).type)
    )


def without_complications(cases: pa.Table, pack: Pack) -> pa.Table:
    """The cases without those other diagnoses that the pack has as complications."""
    starts, codes = flat_codes(cases, "dx")
    index = compile_pack(pack).dx_index
    named = index.names.take(pa.array(index.find(codes)))
    is_complication = pc.is_in(named, value_set=pa.array(list(pack.complications), pa.string())).to_numpy(
        zero_copy_only=False
    )
    is_complication[starts[:-1][starts[1:] > starts[:-1]]] = False
    case_of = np.repeat(np.arange(len(cases)), np.diff(starts))
    offsets = np.zeros(len(cases) + 1, np.int32)
    np.cumsum(np.bincount(case_of[~is_complication], minlength=len(cases)), out=offsets[1:])
    lists = pa.ListArray.from_arrays(pa.array(offsets), codes.filter(pa.array(~is_complication)))
    return cases.set_column(cases.schema.get_field_index("dx"), "dx", lists)


def _as_differences(lines: pa.Table, explained: _Explained) -> pa.Table:
    columns = {
        **{name: lines.column(name) for name in DIFFERENCE_SCHEMA.names if name in lines.column_names},
        **{name: pa.array(list(values), pa.string()) for name, values in vars(explained).items()},
        "status": pa.repeat(pa.scalar(STATUSES[0]), len(lines)),
    }
    return pa.table({field.name: columns[field.name].cast(field.type) for field in DIFFERENCE_SCHEMA})


def with_texts(differences: pa.Table, lang: str) -> pa.Table:
    """The differences with ``evidence`` in words."""
    pairs = zip(
        *(differences.column(name).to_pylist() for name in ("evidence", "detail", "group_payer")), strict=True
    )
    texts = [messages.text(id, lang, detail=detail or "–", group=group or "–") for id, detail, group in pairs]
    return differences.set_column(
        differences.schema.get_field_index("evidence"), "evidence", pa.array(texts, pa.string())
    )


def summary(feedback: Feedback) -> pa.Table:
    """Differences and money by cause and proposal; the parts add up to all differences."""
    return query(
        "SELECT cause, proposal, count(*) AS cases, sum(payment_fen_change)::BIGINT AS payment_fen_change, "
        "count(*) - count(payment_fen_change) AS payment_missing FROM differences GROUP BY ALL ORDER BY ALL",
        differences=feedback.differences,
    )


def read_statuses(path: Path) -> pa.Table:
    """Case id, payer's row and status of an earlier table of differences (CSV or Parquet); raises ``InputError``."""
    from pyarrow import csv, parquet

    kinds = {name: DIFFERENCE_SCHEMA.field(name).type for name in ("case_id", "payer_row", "status")}
    try:
        if path.stat().st_size > MAX_STATUS_BYTES:
            raise input_error("analytics.statuses_large", str(path), most=MAX_STATUS_BYTES >> 20)
        if path.suffix.lower() == ".parquet":
            return parquet.read_table(path, columns=list(kinds)).cast(pa.schema(kinds.items()))
        options = csv.ConvertOptions(column_types=kinds, include_columns=list(kinds), null_values=[""])
        table = csv.read_csv(path, convert_options=options)
        plain = pc.replace_substring_regex(table.column("case_id"), DEFUSED, r"\1")
        return table.set_column(0, "case_id", plain)
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise input_error("analytics.statuses_unreadable", str(path), detail=str(error)[:200]) from None


def carry_over(differences: pa.Table, previous: pa.Table) -> pa.Table:
    """The differences with the statuses of an earlier table, by case id and payer's row.

    A case that has one line in each of the two tables keeps its status whatever its row: the payer's next file may be
    in another order.
    """
    unknown = sorted(set(map(str, previous.column("status").to_pylist())) - set(STATUSES))
    if unknown:
        raise input_error("analytics.status_unknown", status=", ".join(unknown), known=", ".join(STATUSES))
    by_line = dict(zip(_lines(previous), previous.column("status").to_pylist(), strict=True))
    by_case = {case: by_line[case, row] for case, row in _single(_lines(previous))}
    single = _single(_lines(differences))
    statuses = [
        by_line.get(line) or (by_case.get(line[0]) if line in single else None) or STATUSES[0]
        for line in _lines(differences)
    ]
    return _with_status(differences, statuses)


def no_longer(differences: pa.Table, previous: pa.Table) -> pa.Table:
    """The lines of an earlier table whose cases do not differ any more, or are not in the payer's table."""
    return previous.filter(
        pc.invert(pc.is_in(previous.column("case_id"), value_set=differences.column("case_id")))
    )


def _lines(table: pa.Table) -> list[tuple[str, int | None]]:
    return list(zip(*(table.column(name).to_pylist() for name in ("case_id", "payer_row")), strict=True))


def _single(lines: Sequence[tuple[str, int | None]]) -> set[tuple[str, int | None]]:
    """The lines of cases that have no other."""
    counts = Counter(case for case, _ in lines)
    return {line for line in lines if counts[line[0]] == 1}


def set_status(differences: pa.Table, case_id: str, status: str) -> pa.Table:
    """The differences with another status of a case; ``InputError`` for an unknown case or a step that is not one."""
    if status not in STATUSES:
        raise input_error("analytics.status_unknown", status=status, known=", ".join(STATUSES))
    cases, now = (differences.column(name).to_pylist() for name in ("case_id", "status"))
    if case_id not in cases:
        raise input_error("analytics.status_no_case", case=case_id)
    for case, old in zip(cases, now, strict=True):
        if case == case_id and status != old and status not in NEXT_STATUSES[old]:
            allowed = ", ".join(NEXT_STATUSES[old]) or "–"
            raise input_error("analytics.status_step", case=case_id, old=old, new=status, allowed=allowed)
    changed = [status if case == case_id else old for case, old in zip(cases, now, strict=True)]
    return _with_status(differences, changed)


def _with_status(differences: pa.Table, statuses: list[str]) -> pa.Table:
    place = differences.schema.get_field_index("status")
    return differences.set_column(place, "status", pa.array(statuses, pa.string()))
