"""The compliance guard: the only way in which a proposal changes a case.

A change without evidence about the patient cannot be applied, whatever its reason. One that may raise the weight needs
a reason. Every applied change is written to an append-only log before the changed case is given out. They are applied
one at a time, to one case; there is nothing here that takes several.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson

from drg.case import Case
from drg.coding.review.model import CaseReview, Option, Proposal
from drg.errors import InputError, Problem

LEAST_REASON, MOST_REASON = 5, 500
MOST_NAME = 80

Keep = Callable[[dict[str, object]], object]
"""Keeps the entry of a change for good before it returns, or raises: a log of another kind than a file."""


class NoEvidenceError(InputError):
    """The proposal has no evidence about this patient."""


class NotApplicableError(InputError):
    """The proposal has no such change, or the case is not the one that was reviewed."""


class ReasonMissingError(InputError):
    """The change may raise the weight, or rests on no statement of a physician, and no reason was given."""


class NameMissingError(InputError):
    """Nobody answers for the change."""


@dataclass(frozen=True)
class Applied:
    """A change that was applied and logged. ``entry`` is the line of the log."""

    case: Case
    entry: dict[str, object]


def may_raise(proposal: Proposal, option: Option) -> bool:
    """Whether a change raises the weight; where the weights are not known, whether it changes the group."""
    before, after = proposal.before, option.after
    if before.weight is None or after.weight is None:
        return before.drg != after.drg
    return after.weight > before.weight


def needs_reason(proposal: Proposal, option: Option) -> bool:
    """Whether a person must say why: the weight may rise, or what is added rests on no stated diagnosis."""
    stated = any(one.kind in ("diagnosis", "mention", "rule", "catalogue") for one in proposal.evidence)
    return may_raise(proposal, option) or (option.change.added is not None and not stated)


def apply(
    review: CaseReview,
    proposal: Proposal,
    reason: str = "",
    *,
    by: str,
    log: Path | Keep,
    choice: str | None = None,
) -> Applied:
    """Apply one proposal of a review to its case.

    ``choice``: the code to add where the proposal has several options. ``by``: who answers for it. ``log``:
    a file, or what keeps the entry elsewhere. Raises
    :class:`NoEvidenceError`, :class:`NotApplicableError`, :class:`ReasonMissingError`, :class:`NameMissingError`;
    ``OSError`` where the log cannot be written, and nothing is applied then.
    """
    _require_evidence(review, proposal)
    option = _option(review, proposal, choice)
    name, said = by.strip(), reason.strip()
    if not name or len(name) > MOST_NAME:
        raise NameMissingError([Problem("coding.guard_name", review.case.case_id, {"most": MOST_NAME})])
    if len(said) > MOST_REASON or (needs_reason(proposal, option) and len(said) < LEAST_REASON):
        params = {"least": LEAST_REASON, "most": MOST_REASON, "code": proposal.draft.code}
        raise ReasonMissingError([Problem("coding.guard_reason", review.case.case_id, params)])
    changed = option.change.case_after(review.case)
    entry = _entry(review, proposal, option, said, name)
    if isinstance(log, Path):
        append(log, entry)
    else:
        log(entry)
    return Applied(changed, entry)


def _require_evidence(review: CaseReview, proposal: Proposal) -> None:
    where = review.case.case_id
    if proposal not in review.proposals:
        raise NotApplicableError([Problem("coding.guard_other_review", where)])
    about_patient = [one for one in proposal.evidence if one.kind != "cases"]
    if proposal.strength <= 0 or not about_patient:
        raise NoEvidenceError([Problem("coding.guard_no_evidence", where, {"code": proposal.draft.code})])


def _option(review: CaseReview, proposal: Proposal, choice: str | None) -> Option:
    fitting = [one for one in proposal.options if choice is None or one.change.added == choice]
    if len(fitting) != 1:
        known = ", ".join(one.change.added or "-" for one in proposal.options) or "-"
        params = {"code": proposal.draft.code, "choice": choice or "-", "known": known}
        raise NotApplicableError([Problem("coding.guard_choice", review.case.case_id, params)])
    return fitting[0]


def _entry(review: CaseReview, proposal: Proposal, option: Option, reason: str, by: str) -> dict[str, object]:
    """What is logged: codes, rules, weights and who; no text of the record."""
    change = option.change
    listed = getattr(review.case, change.codes)
    return {
        "time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "case_id": review.case.case_id,
        "by": by,
        "reason": reason,
        "kind": proposal.kind,
        "removed": [listed[place] for place in change.removed],
        "added": change.added,
        "scheme": review.scheme,
        "contract": review.contract,
        "drg": [proposal.before.drg, option.after.drg],
        "weight": [proposal.before.weight, option.after.weight],
        "strength": proposal.strength,
        "evidence": sorted({one.kind for one in proposal.evidence}),
        "basis": sorted({one.basis for one in proposal.evidence if one.basis}),
        "rules_mended": [rule for rule, _ in option.verdict.mended],
        "rules_broken": [rule for rule, _ in option.verdict.broken],
    }


def append(log: Path, entry: dict[str, object]) -> None:
    """Add one line to a log that only its owner can read; on return it is on the disk. A link is not followed."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    handle = os.open(log, flags, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.fchmod(handle, 0o600)
        line = orjson.dumps(entry) + b"\n"
        if os.write(handle, line) != len(line):
            raise OSError(f"{log}: the entry was not written whole")
        os.fsync(handle)
    finally:
        os.close(handle)
