"""Whether the codes of a case may be signed, and signing them."""

from __future__ import annotations

from dataclasses import dataclass

from claims.coding_desk.changes import CodeChange, changes, shown
from claims.coding_desk.engine import OpenCase, Outcome
from claims.coding_desk.findings import Finding
from claims.coding_desk.version import Version
from claims.errors import ClaimProblem
from claims.store import Ends, Judgement, Signed, SignOff, Store, WorkItem, sign_off
from claims.store.drafts import content_hash, save_draft
from drg.coding.guard import LEAST_REASON, MOST_REASON
from drg.errors import InputError

CONFIRMED, CORRECTED = "codes_confirmed", "codes_corrected"


@dataclass(frozen=True)
class SignVerdict:
    """What stands between a version of the codes and its signature."""

    blocking: tuple[Finding, ...]
    raises_weight: bool
    changes: tuple[CodeChange, ...]

    def problems(self, reason: str) -> list[ClaimProblem]:
        """Why it cannot be signed with this reason; nothing where it can."""
        found = []
        if self.blocking:
            rules = tuple(dict.fromkeys(one.rule.id for one in self.blocking))
            found.append(ClaimProblem("coding_desk.blocked", params={"rules": rules}))
        length = len(reason.strip())
        if length > MOST_REASON or (self.raises_weight and length < LEAST_REASON):
            params = {"least": LEAST_REASON, "most": MOST_REASON}
            found.append(ClaimProblem("coding_desk.reason_missing", params=params))
        return found


@dataclass(frozen=True)
class Signing:
    """What a person signs with: the work item as seen (``None``: the case is in no queue), the numbers of the last
    sign-off and the last draft as seen (0: none), and the reason that was typed."""

    item: WorkItem | None
    last_number: int
    last_draft: int
    reason: str


def raises_weight(before: Outcome, now: Outcome) -> bool:
    """Whether the weight rises; where the weights are not known, whether the group is another
    (as ``drg.coding.guard.may_raise``)."""
    if before.weight is None or now.weight is None:
        return before.explanation.grouping.drg != now.explanation.grouping.drg
    return now.weight > before.weight


def verdict(desk: OpenCase, version: Version) -> SignVerdict:
    """Whether a version of the codes may be signed."""
    return SignVerdict(
        blocking=tuple(one for one in desk.findings(version) if one.blocks),
        raises_weight=raises_weight(desk.outcome(desk.submitted), desk.outcome(version)),
        changes=changes(desk.submitted.case, version.case),
    )


def sign(store: Store, desk: OpenCase, version: Version, signing: Signing, person: str) -> SignOff:
    """Save what is signed as a draft, then sign it and decide its work item in one transaction.

    Raises ``InputError`` where a finding blocks or a reason is missing, and nothing is written then;
    :class:`claims.store.StaleEdit` where somebody saved, signed or changed the item meanwhile, and nothing is signed.
    """
    told = verdict(desk, version)
    if problems := told.problems(signing.reason):
        raise InputError(problems)
    save_draft(store, version.case.case_id, version.content, signing.last_draft, person)
    reason = signing.reason.strip() or None
    signed = Signed(version.case.case_id, content_hash(version.content), told.raises_weight, reason)
    return sign_off(store, signed, signing.last_number, person, _ends(desk, version, signing))


def _ends(desk: OpenCase, version: Version, signing: Signing) -> Ends | None:
    if signing.item is None:
        return None
    codes = shown(changes(desk.submitted.case, version.case))
    resolution = CONFIRMED if version == desk.submitted else CORRECTED
    why = " ".join(part for part in (codes, signing.reason.strip()) if part) or resolution
    judgement = Judgement(resolution, why, desk.engine.rules_version)
    return Ends(signing.item.id, signing.item.version, judgement)
