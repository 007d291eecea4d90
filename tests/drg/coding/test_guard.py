"""The compliance guard: order without money, nothing without evidence, reasons that are logged, nothing in bulk."""

from __future__ import annotations

import ast
import dataclasses
import json
import stat
import typing
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.case import Case
from drg.coding import guard
from drg.coding.guard import (
    NameMissingError,
    NoEvidenceError,
    NotApplicableError,
    ReasonMissingError,
)
from drg.coding.review import CaseReview, Proposal, Reviewer
from drg.coding.review.model import Draft, Kind, Outcome, Verdict
from drg.payment.contract import Contract, find_contract
from drg.scheme.pack import find_pack
from tests.conftest import REPOSITORY
from tests.drg.coding.test_review import DAY, EXAMPLES, SCHEME, case_of, record_of

CONTRACT = find_contract("template")
PRICED = {
    "total_cost_fen": 1_500_000,
    "hospital_level": "3",
    "insurance_type": "310",
    "region": "100000",
}


def priced(example: dict[str, typing.Any]) -> Case:
    return case_of(example).model_copy(update=PRICED)


@pytest.fixture(scope="module")
def reviews() -> list[CaseReview]:
    reviewer = Reviewer(find_pack(SCHEME), CONTRACT, day=DAY)
    return reviewer.review([priced(one) for one in EXAMPLES], [record_of(one) for one in EXAMPLES])


def proposal(reviews: list[CaseReview], kind: str, code: str) -> tuple[CaseReview, Proposal]:
    return next(
        (review, one)
        for review in reviews
        for one in review.proposals
        if one.kind == kind and one.draft.code == code
    )


# Order


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_does_not_change_with_the_weights(reviews: list[CaseReview], random: typing.Any) -> None:
    """Every group gets the weight of another one; what is proposed, and its order, stays."""
    weights = list(CONTRACT.weights.values())
    random.shuffle(weights)
    other = Contract(CONTRACT.terms, dict(zip(CONTRACT.weights, weights, strict=True)))
    again = Reviewer(find_pack(SCHEME), other, day=DAY).review(
        [priced(one) for one in EXAMPLES], [record_of(one) for one in EXAMPLES]
    )
    changed = False
    for first, second in zip(reviews, again, strict=True):
        assert [one.draft for one in first.proposals] == [one.draft for one in second.proposals]
        changed |= [one.options for one in first.proposals] != [one.options for one in second.proposals]
    assert changed or weights == list(CONTRACT.weights.values())


def test_the_order_does_not_change_without_a_contract(reviews: list[CaseReview]) -> None:
    plain = Reviewer(find_pack(SCHEME), day=DAY).review(
        [priced(one) for one in EXAMPLES], [record_of(one) for one in EXAMPLES]
    )
    assert [[one.draft for one in review.proposals] for review in plain] == [
        [one.draft for one in review.proposals] for review in reviews
    ]


def test_what_is_ordered_knows_no_money() -> None:
    names = {field.name for field in dataclasses.fields(Draft)}
    assert not names & {"weight", "payment_fen", "payment", "before", "after", "outcome", "drg"}
    assert Outcome not in typing.get_type_hints(Draft).values()


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(["block", "warn", "hint", ""]), st.booleans()),
        max_size=12,
    )
)
def test_over_and_under_coding_are_ordered_alike(rows: list[tuple[int, str, bool]]) -> None:
    """Exchanging both sides exchanges nothing but the kinds: strength and verdict decide first."""

    def drafts(swapped: bool) -> list[Draft]:
        found = []
        for number, (strength, severity, over) in enumerate(rows):
            kind: Kind = "unsupported_dx" if over != swapped else "missed_dx"
            mended = (("Q001", severity),) if severity else ()
            found.append(Draft(kind, "dx", f"C{number:02}", None, strength, (), verdict=Verdict(mended)))
        return found

    def merits(found: list[Draft]) -> list[tuple[int, int]]:
        return [(one.strength, one.verdict.rank) for one in sorted(found, key=lambda one: one.order)]

    assert merits(drafts(False)) == merits(drafts(True))


def test_proposals_are_ordered_by_evidence_then_rules(reviews: list[CaseReview]) -> None:
    for review in reviews:
        merits = [(-one.strength, one.draft.verdict.rank) for one in review.proposals]
        assert merits == sorted(merits)


# Applying


def test_a_change_without_evidence_cannot_be_applied_whatever_the_reason(
    reviews: list[CaseReview], tmp_path: Path
) -> None:
    without = [(review, one) for review in reviews for one in review.proposals if one.strength == 0]
    assert without
    for review, one in without:
        with pytest.raises(NoEvidenceError):
            guard.apply(review, one, "主任要求", by="王", log=tmp_path / "log")
    assert not (tmp_path / "log").exists()


def test_what_other_patients_have_is_no_evidence(reviews: list[CaseReview], tmp_path: Path) -> None:
    review, one = proposal(reviews, "missed_dx", "E87.600")
    others = tuple(dataclasses.replace(found, kind="cases") for found in one.evidence)
    forged = dataclasses.replace(one, draft=dataclasses.replace(one.draft, evidence=others))
    review = dataclasses.replace(review, proposals=(forged,))
    with pytest.raises(NoEvidenceError):
        guard.apply(review, forged, "有理由有理由", by="王", log=tmp_path / "log")


def test_a_proposal_of_another_review_is_refused(reviews: list[CaseReview], tmp_path: Path) -> None:
    review, one = proposal(reviews, "missed_dx", "E87.600")
    stronger = dataclasses.replace(one, draft=dataclasses.replace(one.draft, strength=4))
    with pytest.raises(NotApplicableError):
        guard.apply(review, stronger, "有理由有理由", by="王", log=tmp_path / "log")


def test_raising_the_weight_needs_a_reason_and_is_logged(reviews: list[CaseReview], tmp_path: Path) -> None:
    raising = [
        (review, one, option)
        for review in reviews
        for one in review.proposals
        for option in one.options
        if one.strength and guard.may_raise(one, option)
    ]
    assert raising
    log = tmp_path / "changes.jsonl"
    for number, (review, one, option) in enumerate(raising):
        for reason in ("", "  ", "好"):
            with pytest.raises(ReasonMissingError):
                guard.apply(review, one, reason, by="王", log=log, choice=option.change.added)
        done = guard.apply(review, one, "病程记录支持该诊断", by="王", log=log, choice=option.change.added)
        assert done.case == option.change.case_after(review.case)
        lines = log.read_text(encoding="utf-8").splitlines()
        assert len(lines) == number + 1
        entry = json.loads(lines[-1])
        assert entry == done.entry
        assert entry["reason"] == "病程记录支持该诊断"
        assert entry["weight"] == [one.before.weight, option.after.weight]


def test_lowering_is_as_easy_to_apply_as_the_record_says(reviews: list[CaseReview], tmp_path: Path) -> None:
    review, one = proposal(reviews, "unsupported_dx", "E87.600")
    assert not guard.needs_reason(one, one.options[0])
    done = guard.apply(review, one, by="王", log=tmp_path / "log")
    assert done.case.dx == ["I63.801"]
    assert done.entry["removed"] == ["E87.600"]


def test_what_no_physician_stated_needs_a_reason_even_if_it_earns_nothing(
    reviews: list[CaseReview], tmp_path: Path
) -> None:
    review, one = proposal(reviews, "missed_dx", "E87.600")
    assert not any(found.kind in ("diagnosis", "mention") for found in one.evidence)
    with pytest.raises(ReasonMissingError):
        guard.apply(review, one, by="王", log=tmp_path / "log")


def test_somebody_answers_for_every_change(reviews: list[CaseReview], tmp_path: Path) -> None:
    review, one = proposal(reviews, "unsupported_dx", "E87.600")
    for name in ("", " ", "x" * 81):
        with pytest.raises(NameMissingError):
            guard.apply(review, one, by=name, log=tmp_path / "log")


def test_a_choice_has_to_be_made(reviews: list[CaseReview], tmp_path: Path) -> None:
    review, one = proposal(reviews, "combination", "K80.200x003")
    assert len(one.options) > 1
    for choice in (None, "I10.x00x002"):
        with pytest.raises(NotApplicableError):
            guard.apply(review, one, "手术病理支持", by="王", log=tmp_path / "log", choice=choice)
    added = one.options[1].change.added
    done = guard.apply(review, one, "手术病理支持", by="王", log=tmp_path / "log", choice=added)
    assert done.case.dx == [added]


def test_the_log_is_the_owners_alone_and_holds_no_text_of_the_record(
    reviews: list[CaseReview], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    log.touch(mode=0o666)
    log.write_text("earlier line\n", encoding="utf-8")
    review, one = proposal(reviews, "missed_dx", "E77.801")
    guard.apply(review, one, "出院诊断已写明", by="王", log=log)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    text = log.read_text(encoding="utf-8")
    assert text.startswith("earlier line\n")
    assert all(found.text not in text for found in one.evidence)


def test_without_a_log_nothing_is_applied(reviews: list[CaseReview], tmp_path: Path) -> None:
    review, one = proposal(reviews, "unsupported_dx", "E87.600")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for log in (tmp_path / "no" / "folder", tmp_path / "link", tmp_path):
        with pytest.raises(OSError):
            guard.apply(review, one, by="王", log=log)
    assert not (tmp_path / "elsewhere").exists()


# Nothing in bulk


def test_there_is_no_bulk_optimisation() -> None:
    """No public function says so by its name, and the only one that applies takes one case and one proposal."""
    files = [
        *(REPOSITORY / "drg" / "coding" / "review").glob("*.py"),
        *(REPOSITORY / "drg" / "coding" / "graph").glob("*.py"),
        REPOSITORY / "drg" / "coding" / "guard.py",
        REPOSITORY / "ui" / "cli" / "coding_review.py",
    ]
    names: dict[str, ast.FunctionDef] = {}
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                names[node.name] = node
    forbidden = ("optimi", "maximi", "best_", "apply_all", "bulk", "upcode", "highest")
    assert [name for name in names if any(word in name.lower() for word in forbidden)] == []
    assert [name for name in names if name.startswith("apply")] == ["apply"]
    parameters = {one.arg: ast.unparse(one.annotation) for one in names["apply"].args.args if one.annotation}
    assert parameters["review"] == "CaseReview"
    assert parameters["proposal"] == "Proposal"


def test_reviewing_never_changes_the_case(reviews: list[CaseReview]) -> None:
    assert [review.case for review in reviews] == [priced(one) for one in EXAMPLES]


def test_payments_are_known_in_these_tests(reviews: list[CaseReview]) -> None:
    """Else the tests of order would say nothing."""
    known = [one for review in reviews for one in review.proposals if one.before.payment_fen is not None]
    assert len(known) > 20
    assert isinstance(next(iter(CONTRACT.weights.values())), Fraction)
