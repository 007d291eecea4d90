"""The coding review over small records written as data (``review.yaml``), and over the sample records."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.case import MAX_CODES, Case, from_table
from drg.codes.catalogue import load_catalogue
from drg.coding.review import CaseReview, Change, Reviewer, review_case
from drg.coding.review.files import Summary, find_pair, proposal_rows, review_file
from drg.coding.review.model import KINDS, Verdict
from drg.coding.review.paired import paired
from drg.coding.review.settings import load_combinations, load_settings
from drg.errors import InputError
from drg.payment.contract import find_contract
from drg.scheme.pack import find_pack
from tests.conftest import REPOSITORY

SCHEME = "chs-drg-1.1"
SAMPLES = REPOSITORY / "data_samples" / "sample"
DAY = dt.date(2026, 3, 1)
EXAMPLES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).with_name("review.yaml")).read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def reviewer() -> Reviewer:
    return Reviewer(find_pack(SCHEME), day=DAY)


def case_of(example: dict[str, Any]) -> Case:
    return Case(
        case_id="1",
        sex=1,
        age=60,
        los_days=7,
        discharge_date=DAY,
        dx=example["dx"],
        proc=example.get("proc", []),
    )


def record_of(example: dict[str, Any]) -> dict[str, Any]:
    """The row of the record table; a group that the example does not name is not carried."""
    row: dict[str, Any] = {
        "case_id": "1",
        "sex": "1",
        "age": "60",
        "diagnoses.code": example["dx"],
        "procedures.code": example.get("proc", []),
    }
    if "documents" in example:
        row["documents.kind"], row["documents.text"] = map(list, zip(*example["documents"], strict=True))
    if "labs" in example:
        columns = map(list, zip(*example["labs"], strict=True))
        row.update(zip(("labs.name", "labs.value", "labs.unit"), columns, strict=True))
    for key, group in (("orders", "orders.name"), ("fees", "fee_lines.name")):
        if key in example:
            row[group] = example[key]
    return row


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["what"])
def test_example(example: dict[str, Any], reviewer: Reviewer) -> None:
    review = reviewer.review([case_of(example)], [record_of(example)])[0]
    found = {f"{one.kind} {one.draft.code} {one.strength}" for one in review.proposals}
    assert set(example.get("proposals", ())) <= found
    codes = {one.draft.code for one in review.proposals if one.kind != "principal"}
    assert not codes & set(example.get("absent", ()))
    judged = {f"{one.code} {one.judgement}" for one in review.standings}
    assert set(example.get("judged", ())) <= judged
    assert not {one.kind for one in review.proposals} & set(example.get("no_kinds", ()))
    mended = {rule for one in review.proposals for rule, _ in one.draft.verdict.mended}
    assert set(example.get("mends", ())) <= mended


def test_evidence_from_text_points_at_the_words(reviewer: Reviewer) -> None:
    text = "出院诊断：1.胆囊结石 2.低蛋白血症。"
    example = {"dx": ["K80.200x003"], "documents": [["discharge_note", text]]}
    review = reviewer.review([case_of(example)], [record_of(example)])[0]
    missed = next(one for one in review.proposals if one.kind == "missed_dx")
    (evidence,) = missed.evidence
    assert (evidence.source, evidence.row) == ("discharge_note", 1)
    assert text[evidence.start : evidence.end] == evidence.text == "低蛋白血症"


def test_every_change_leads_to_the_group_of_the_changed_case(reviewer: Reviewer) -> None:
    from drg import explain

    for example in EXAMPLES:
        review = reviewer.review([case_of(example)], [record_of(example)])[0]
        assert review.before.drg == explain(review.case, SCHEME).grouping.drg
        for option in (option for one in review.proposals for option in one.options):
            changed = option.change.case_after(review.case)
            assert option.after.drg == explain(changed, SCHEME).grouping.drg


def test_weights_and_payments_are_there_with_a_contract_and_only_then(reviewer: Reviewer) -> None:
    found = find_pair(SAMPLES / "plain.csv", "SYN00000333-1")
    assert found is not None
    without = reviewer.review([found.case], [found.record])[0]
    priced = review_case(found.case, found.record, contract="template")
    assert (without.before.weight, without.before.payment_fen) == (None, None)
    assert priced.before.weight is not None
    assert priced.before.payment_fen is not None
    assert priced.before.drg == without.before.drg


def test_a_contract_of_another_scheme_is_refused(tmp_path: Path) -> None:
    from tests.ui.cli.conftest import own_scheme

    with pytest.raises(InputError, match="belongs to the scheme"):
        Reviewer(find_pack(own_scheme(tmp_path / "own")), find_contract("template"))


def test_a_case_alone_can_be_reviewed() -> None:
    review = review_case(Case(case_id="1", discharge_date=DAY, dx=["K80.200x003", "K81.000"]))
    assert review.available.documents is None
    assert {one.kind for one in review.proposals} >= {"combination"}
    assert {one.judgement for one in review.standings} == {"cannot_be_judged"}


def test_many_cases_are_reviewed_as_one_by_one(reviewer: Reviewer) -> None:
    cases, rows = [case_of(one) for one in EXAMPLES], [record_of(one) for one in EXAMPLES]
    together = reviewer.review(cases, rows)
    for review, case, row in list(zip(together, cases, rows, strict=True))[::4]:
        assert review == reviewer.review([case], [row])[0]


TEXTS = st.text(
    alphabet=st.sampled_from("血钾低无高压:：。，<>1234567890.e+-/LmolgU\n\x00「“'\"a"), max_size=60
)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(TEXTS, min_size=1, max_size=3),
    st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=3),
    st.lists(st.sampled_from(["I50.900", "E87.600", "?", "X" * 40, "I10.x00"]), min_size=1, max_size=4),
)
def test_whatever_stands_in_a_record_it_is_reviewed(
    reviewer: Reviewer, texts: list[str], labs: list[tuple[str, str, str]], dx: list[str]
) -> None:
    example = {
        "dx": dx,
        "documents": [["course_note", text] for text in texts],
        "orders": texts,
        "fees": texts,
    }
    if labs:
        example["labs"] = [list(one) for one in labs]
    review = reviewer.review([case_of(example)], [record_of(example)])[0]
    for one in (one for proposal in review.proposals for one in proposal.evidence if one.start is not None):
        assert texts[(one.row or 0) - 1][one.start : one.end][:60] == one.text


def test_a_case_with_as_many_codes_as_there_may_be_is_reviewed(reviewer: Reviewer) -> None:
    codes = [code for code in load_catalogue("icd10").codes if code[0] in "CDHLM"][:MAX_CODES]
    example = {"dx": codes, "documents": [["discharge_note", "出院诊断：1.低蛋白血症。"]]}
    review = reviewer.review([case_of(example)], [record_of(example)])[0]
    assert not [one for one in review.proposals if one.kind == "missed_dx" and one.options]
    assert len(review.proposals) <= load_settings().most_proposals


# Changes and verdicts


def test_a_change_moves_removes_and_adds() -> None:
    codes = ["A", "B", "C", "D"]
    assert Change("dx", (2,), "C", 0).codes_after(codes) == ["C", "A", "B", "D"]
    assert Change("dx", (1, 3), "E", 1).codes_after(codes) == ["A", "E", "C"]
    assert Change("dx", added="E").codes_after(codes) == ["A", "B", "C", "D", "E"]
    with pytest.raises(IndexError):
        Change("dx", (4,)).codes_after(codes)


@pytest.mark.parametrize(
    ("mended", "broken", "rank"),
    [
        (["block"], [], 0),
        (["warn"], [], 1),
        (["hint"], [], 2),
        ([], [], 3),
        ([], ["hint"], 4),
        (["block"], ["warn"], 5),
        (["hint"], ["block", "hint"], 6),
    ],
)
def test_the_rank_of_a_verdict(mended: list[str], broken: list[str], rank: int) -> None:
    verdict = Verdict(
        tuple((f"Q{n}", one) for n, one in enumerate(mended)),
        tuple((f"R{n}", one) for n, one in enumerate(broken)),
    )
    assert verdict.rank == rank


def test_the_data_files_name_codes_and_rules_that_exist() -> None:
    from drg.quality.registry import SHIPPED

    codes = load_catalogue("icd10").codes
    for rule, beginnings in load_combinations().items():
        assert rule in SHIPPED.ids()
        assert all(any(code.startswith(one) for code in codes) for one in beginnings)
    types = set(load_catalogue("icd9cm3").column("operation_type").to_pylist())
    assert load_settings().judged_operation_types <= types
    assert not load_settings().is_judged("Z37.000")
    assert load_settings().is_judged("E87.600")


# Files


class Kept:
    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.rejected: set[int] = set()

    def write(self, proposals: Any) -> None:
        self.rows += proposals.to_pylist()

    def reject(self, rejections: Any) -> None:
        self.rejected |= set(rejections.column("row").to_pylist())


@pytest.fixture(scope="module")
def sample_review() -> tuple[Summary, Kept]:
    kept = Kept()
    reviewer = Reviewer(find_pack(SCHEME), find_contract("template"), day=DAY)
    return review_file(SAMPLES / "records", reviewer, kept), kept


@pytest.mark.parametrize(
    ("case_id", "kind", "code"),
    [("SYN00000006-1", "missed_dx", "E87.600"), ("SYN00000056-1", "unsupported_dx", "J98.414")],
)
def test_what_was_planted_in_the_sample_records_is_found(
    sample_review: tuple[Summary, Kept], case_id: str, kind: str, code: str
) -> None:
    assert (case_id, kind, code) in {
        (one["case_id"], one["kind"], one["code"]) for one in sample_review[1].rows
    }


def test_clean_sample_records_have_no_unsupported_or_missed_diagnosis(
    sample_review: tuple[Summary, Kept],
) -> None:
    planted = {"SYN00000006-1", "SYN00000056-1"}
    told = [
        one
        for one in sample_review[1].rows
        if one["kind"] in ("missed_dx", "unsupported_dx") and one["case_id"] not in planted
    ]
    assert told == []


@pytest.mark.parametrize("name", ["front_page.csv", "plain.csv", "settlement_4101.json"])
def test_files_of_every_dialect_are_reviewed(name: str) -> None:
    kept = Kept()
    reviewer = Reviewer(find_pack(SCHEME), find_contract("template"), day=DAY)
    summary = review_file(SAMPLES / name, reviewer, kept)
    assert summary.cases > 0
    assert summary.with_documents == 0
    assert not {"unsupported_dx", "unsupported_proc"} & set(summary.sides)
    assert len(kept.rows) == sum(side.proposals for side in summary.sides.values())
    assert set(summary.sides) <= set(KINDS)
    differences = [
        one["payment_after_fen"] - one["payment_before_fen"]
        for one in kept.rows
        if None not in (one["payment_after_fen"], one["payment_before_fen"])
    ]
    assert sum(side.rises_fen for side in summary.sides.values()) == sum(d for d in differences if d > 0)
    assert sum(side.falls_fen for side in summary.sides.values()) == -sum(d for d in differences if d < 0)


@pytest.mark.parametrize("batch_rows", [7, 50, 20_000])
def test_cases_and_records_stay_together_whatever_the_batches(batch_rows: int) -> None:
    read = list(paired(SAMPLES / "front_page.csv", batch_rows=batch_rows))
    ids = [id for pairs in read for id in pairs.cases.column("case_id").to_pylist()]
    assert ids == [id for pairs in read for id in pairs.records.column("case_id").to_pylist()]
    whole = next(iter(paired(SAMPLES / "front_page.csv")))
    assert ids == whole.cases.column("case_id").to_pylist()


def test_what_is_skipped_in_a_file_has_nothing_to_propose(reviewer: Reviewer) -> None:
    pairs = next(iter(paired(SAMPLES / "plain.csv")))
    kept = Kept()
    review_file(SAMPLES / "plain.csv", reviewer, kept)
    told = {one["case_id"] for one in kept.rows}
    places = random.Random(3).sample(range(len(pairs.cases)), 60)
    cases = from_table(pairs.cases.take(places))
    kinds = ("combination", "gray")
    for review in reviewer.review(cases, pairs.records.take(places).to_pylist()):
        mended = any(
            one.kind == "principal" and one.strength and one.draft.verdict.mended for one in review.proposals
        )
        if mended or any(one.kind in kinds for one in review.proposals):
            assert review.case.case_id in told


def test_a_proposal_is_one_row(sample_review: tuple[Summary, Kept], reviewer: Reviewer) -> None:
    example = EXAMPLES[0]
    review: CaseReview = reviewer.review([case_of(example)], [record_of(example)])[0]
    rows = list(proposal_rows([review]))
    assert [row["rank"] for row in rows] == list(range(1, len(review.proposals) + 1))
    assert sample_review[0].cases == 12
