"""Whole files reviewed, batch by batch, with counts and money at stake on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.case import Case, from_table
from drg.codes.index import code_index
from drg.coding.review.model import CaseReview, Evidence, Proposal
from drg.coding.review.paired import Pairs, paired
from drg.coding.review.reviewer import Reviewer, shown_change
from drg.coding.review.variants import SYSTEM_OF_GROUP
from drg.grouper.files import Edition
from drg.grouper.table import flat_codes, group
from drg.quality.record import open_records

WHOLE_GROUPS = ("documents", "orders", "labs", "fee_lines")
AT_ONCE = 500
"""Cases reviewed together: their documents are in memory."""

PROPOSAL_SCHEMA = pa.schema(
    [
        ("case_id", pa.string()),
        ("rank", pa.int32()),
        ("kind", pa.string()),
        ("code", pa.string()),
        ("name", pa.string()),
        ("level", pa.string()),
        ("change", pa.string()),
        ("options", pa.int32()),
        ("strength", pa.int32()),
        ("rules_mended", pa.list_(pa.string())),
        ("rules_broken", pa.list_(pa.string())),
        ("evidence", pa.list_(pa.string())),
        ("drg_before", pa.string()),
        ("drg_after", pa.string()),
        ("weight_before", pa.float64()),
        ("weight_after", pa.float64()),
        ("payment_before_fen", pa.int64()),
        ("payment_after_fen", pa.int64()),
    ]
)
"""One row a proposal, in the order of the review. ``rank`` from 1 in its case; ``options``: how many changes there are
to choose among (``change`` shows a single one); after-columns are null where the options lead to different groups."""


class Sink(Protocol):
    """What takes the results of :func:`review_file`, batch by batch."""

    def write(self, proposals: pa.Table) -> None:
        """Take proposals, in ``PROPOSAL_SCHEMA``."""

    def reject(self, rejections: pa.Table) -> None:
        """Take rows that are no case, in ``drg.records.findings.REJECTION_SCHEMA``."""


@dataclass
class Side:
    """Proposals of a kind: how many, in how many cases, and what they would change in payments (fen).

    ``rises`` and ``falls`` count those whose payment is known and would change; proposals of one case exclude or
    overlap each other, so the sums bound what is at stake and are no forecast.
    """

    proposals: int = 0
    cases: int = 0
    rises: int = 0
    rises_fen: int = 0
    falls: int = 0
    falls_fen: int = 0

    def add(self, difference: int | None) -> None:
        self.proposals += 1
        if difference is not None and difference > 0:
            self.rises += 1
            self.rises_fen += difference
        elif difference is not None and difference < 0:
            self.falls += 1
            self.falls_fen += -difference


@dataclass
class Summary:
    """What became of a file. ``looked_at``: cases that the review had reason to look at one by one."""

    cases: int = 0
    rejected: int = 0
    looked_at: int = 0
    with_documents: int = 0
    standings: Counter[str] = field(default_factory=Counter)
    sides: dict[str, Side] = field(default_factory=dict)


def review_file(
    path: Path,
    reviewer: Reviewer,
    sink: Sink,
    profile: str | None = None,
    edition: Edition | None = None,
    progress: Callable[[int], None] | None = None,
) -> Summary:
    """Review every case of a file or folder into ``sink``; memory does not grow with the file.

    Raises ``InputError`` where the source cannot be used.
    """
    summary = Summary()
    for pairs in paired(path, profile, edition):
        if pairs.rejections.num_rows:
            sink.reject(pairs.rejections)
            summary.rejected += pc.count_distinct(pairs.rejections.column("row")).as_py()
        for cases, rows in _worth_a_look(pairs, reviewer):
            found = reviewer.review(cases, rows, only_doubtful=True)
            _count(summary, found)
            sink.write(pa.Table.from_pylist(list(proposal_rows(found)), schema=PROPOSAL_SCHEMA))
        summary.cases += len(pairs.cases)
        if progress is not None:
            progress(summary.cases)
    return summary


def _worth_a_look(pairs: Pairs, reviewer: Reviewer) -> Iterator[tuple[list[Case], list[Mapping[str, Any]]]]:
    """The cases in which something could be found, a few at a time.

    Whole records all are; of the others those that a rule about principal diagnosis or combination hits, that are not
    grouped, or that have a gray code: all found column by column.
    """
    if not len(pairs.cases):
        return
    looked = reviewer.doubted(pairs.records)
    looked |= _not_grouped(pairs.cases, reviewer) | _with_gray_code(pairs.cases)
    for name in WHOLE_GROUPS:
        for column in pairs.records.column_names:
            if column.startswith(f"{name}."):
                looked |= _mask(pc.greater(pc.list_value_length(pairs.records.column(column)), 0))
                break
    places = np.flatnonzero(looked)
    wanted = [name for name in pairs.records.column_names if reviewer.reads(name)]
    records = pairs.records.select(wanted)
    for start in range(0, len(places), AT_ONCE):
        chosen = pa.array(places[start : start + AT_ONCE])
        yield from_table(pairs.cases.take(chosen)), records.take(chosen).to_pylist()


def _not_grouped(cases: pa.Table, reviewer: Reviewer) -> npt.NDArray[np.bool_]:
    return _mask(pc.not_equal(group(cases, reviewer.pack).column("status").cast(pa.string()), "grouped"))


def _with_gray_code(cases: pa.Table) -> npt.NDArray[np.bool_]:
    from drg.codes.catalogue import load_catalogue

    found = np.zeros(len(cases), np.bool_)
    for column, system in zip(("dx", "proc"), SYSTEM_OF_GROUP.values(), strict=True):
        starts, written = flat_codes(cases, column)
        flags = load_catalogue(system).column("gray").to_numpy(zero_copy_only=False)
        is_gray = np.concatenate([[False], flags])[code_index(system).find(written)]
        found[np.repeat(np.arange(len(cases)), np.diff(starts))[is_gray]] = True
    return found


def _mask(values: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.bool_]:
    filled = pc.fill_null(values, False)
    return np.asarray(
        filled.to_numpy(zero_copy_only=False) if isinstance(filled, pa.Array) else filled.to_numpy()
    )


def _count(summary: Summary, found: Iterable[CaseReview]) -> None:
    for review in found:
        summary.looked_at += 1
        summary.with_documents += review.available.can_judge
        summary.standings.update(standing.judgement for standing in review.standings)
        for kind in {proposal.kind for proposal in review.proposals}:
            summary.sides.setdefault(kind, Side()).cases += 1
        for proposal in review.proposals:
            summary.sides.setdefault(proposal.kind, Side()).add(difference_fen(proposal))


def difference_fen(proposal: Proposal) -> int | None:
    """What a proposal would change in the payment; ``None`` where that is not known."""
    before, after = proposal.before.payment_fen, proposal.after
    if before is None or after is None or after.payment_fen is None:
        return None
    return after.payment_fen - before


def proposal_rows(found: Iterable[CaseReview]) -> Iterator[dict[str, Any]]:
    """Proposals as rows of ``PROPOSAL_SCHEMA``."""
    for review in found:
        for rank, proposal in enumerate(review.proposals, start=1):
            draft, after = proposal.draft, proposal.after
            options = proposal.options
            yield {
                "case_id": review.case.case_id,
                "rank": rank,
                "kind": draft.kind,
                "code": draft.code,
                "name": proposal.name,
                "level": draft.level or None,
                "change": shown_change(options[0].change, review.case) if len(options) == 1 else None,
                "options": len(options),
                "strength": draft.strength,
                "rules_mended": [rule for rule, _ in draft.verdict.mended],
                "rules_broken": [rule for rule, _ in draft.verdict.broken],
                "evidence": [evidence_text(one) for one in draft.evidence],
                "drg_before": proposal.before.drg,
                "drg_after": after.drg if after else None,
                "weight_before": proposal.before.weight,
                "weight_after": after.weight if after else None,
                "payment_before_fen": proposal.before.payment_fen,
                "payment_after_fen": after.payment_fen if after else None,
            }


def evidence_text(evidence: Evidence) -> str:
    """One piece of evidence in one line: kind, place, text, basis."""
    place = evidence.source
    if evidence.row is not None:
        place += f"[{evidence.row}]"
    if evidence.start is not None:
        place += f"@{evidence.start}-{evidence.end}"
    parts = (evidence.kind, place, evidence.text, f"({evidence.basis})" if evidence.basis else "")
    return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class FoundPair:
    """A case of a file and its row of the record table, as Python values."""

    case: Case
    record: dict[str, Any]


def find_pair(
    path: Path,
    case_id: str,
    whole_records: Path | None = None,
    profile: str | None = None,
    edition: Edition | None = None,
) -> FoundPair | None:
    """The first case of a file with an id; ``None`` where no readable row has it.

    ``whole_records``: a folder of whole records, from which documents, orders, tests and fee lines of the case are
    taken. Raises ``InputError`` where a source cannot be used.
    """
    for pairs in paired(path, profile, edition):
        place = pc.index(pairs.cases.column("case_id"), case_id).as_py()
        if place >= 0:
            case = from_table(pairs.cases.slice(place, 1))[0]
            row: dict[str, Any] = pairs.records.slice(place, 1).to_pylist()[0]
            if whole_records is not None:
                row.update(_whole_groups(whole_records, case_id))
            return FoundPair(case, row)
    return None


def _whole_groups(folder: Path, case_id: str) -> dict[str, Any]:
    """The documents, orders, tests and fee lines of a case; nothing where the folder does not have it."""
    for batch in open_records(folder).batches():
        place = pc.index(batch.records.column("case_id"), case_id).as_py()
        if place >= 0:
            row = batch.records.slice(place, 1).to_pylist()[0]
            return {name: value for name, value in row.items() if name.partition(".")[0] in WHOLE_GROUPS}
    return {}


def first_case(path: Path, profile: str | None = None, edition: Edition | None = None) -> Case | None:
    """The first case of a file, by which a scheme is chosen."""
    for pairs in paired(path, profile, edition):
        if len(pairs.cases):
            return from_table(pairs.cases.slice(0, 1))[0]
    return None
