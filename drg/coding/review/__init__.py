"""Coding support: what is missing, what is not supported, what could be principal, for one case or a whole file.

    from drg.coding.review import review_case
    review_case(case, record, scheme="chs-drg-1.1").proposals

Proposals are ordered by evidence and rule verdict, never by money (``docs/coding-support.md``).
"""

from drg.coding.review.model import (
    Available,
    CaseReview,
    Change,
    Evidence,
    Option,
    Outcome,
    Proposal,
    Standing,
    Verdict,
)
from drg.coding.review.reviewer import Reviewer, review_case

__all__ = [
    "Available",
    "CaseReview",
    "Change",
    "Evidence",
    "Option",
    "Outcome",
    "Proposal",
    "Reviewer",
    "Standing",
    "Verdict",
    "review_case",
]
