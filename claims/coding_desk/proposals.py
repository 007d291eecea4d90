"""Applying a proposal of the coding review, under the guard and kept in the store."""

from __future__ import annotations

from dataclasses import dataclass, replace

from claims.coding_desk.engine import OpenCase
from claims.coding_desk.version import Version
from claims.store import Store
from claims.store.drafts import Draft, save_draft
from drg.coding import guard
from drg.coding.review.model import Proposal


@dataclass(frozen=True)
class Applying:
    """Which proposal, which of its codes to add where there are several, why, and who answers for it.

    ``last_draft``: the number of the last draft as the person saw it, 0 where there was none.
    """

    proposal: Proposal
    choice: str | None
    reason: str
    person: str
    last_draft: int


def apply_proposal(
    store: Store, desk: OpenCase, version: Version, applying: Applying
) -> tuple[Version, Draft]:
    """The version after a proposal, and the draft that keeps it with the entry of the guard.

    Raises what :func:`drg.coding.guard.apply` raises, and :class:`claims.store.StaleEdit`; the codes stay as they
    are then.
    """
    kept: list[tuple[Version, Draft]] = []
    review, proposal = desk.review(version), applying.proposal
    case_after = {option.change.added: option.change.case_after(version.case) for option in proposal.options}

    def keep(entry: dict[str, object]) -> None:
        added = entry["added"]
        after = replace(
            version.with_case(case_after[None if added is None else str(added)]),
            applied=(*version.applied, entry),
        )
        draft = save_draft(store, version.case.case_id, after.content, applying.last_draft, applying.person)
        kept.append((after, draft))

    guard.apply(review, proposal, applying.reason, by=applying.person, log=keep, choice=applying.choice)
    return kept[0]
