"""A version of the codes: what a person edits, saves and signs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from claims.errors import input_error
from drg.case import Case
from drg.coding.review.variants import GROUP_OF
from drg.grouper.whatif import change_facts
from drg.quality.layout import fields

MOST_SIGNS = 200
OF_THE_CODE = ("code", "name")
"""Fields of a row that come with the code itself."""

Filled = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Version:
    """The codes in order, and what was filled in beside them: (field such as ``procedures.date``, code) -> text.

    ``applied``: the proposals of the coding review that were applied, as ``drg.coding.guard`` logs them.
    """

    case: Case
    filled: Filled = field(default_factory=dict)
    applied: tuple[Mapping[str, Any], ...] = ()

    @property
    def content(self) -> dict[str, Any]:
        """What is saved as a draft, and what a signature stands for."""
        filled = [[path, code, text] for (path, code), text in sorted(self.filled.items())]
        return {
            "case_id": self.case.case_id,
            "dx": list(self.case.dx),
            "proc": list(self.case.proc),
            "filled": filled,
            "applied": [dict(entry) for entry in self.applied],
        }

    def with_case(self, case: Case) -> Version:
        """Other codes; what was filled in for codes that are gone stays, for when they come back."""
        return replace(self, case=case)

    def with_value(self, path: str, code: str, text: str) -> Version:
        """A field of a code's row filled in; an empty text takes it back. Raises ``InputError`` for other fields."""
        if path not in fillable() or len(text) > MOST_SIGNS:
            raise input_error("coding_desk.cannot_fill", path, most=MOST_SIGNS)
        others = {key: value for key, value in self.filled.items() if key != (path, code)}
        return replace(self, filled={**others, (path, code): text} if text.strip() else others)


def fillable() -> frozenset[str]:
    """The fields of diagnoses and procedures that a person may fill in."""
    groups = GROUP_OF.values()
    return frozenset(
        path for path, one in fields().items() if one.group in groups and one.name not in OF_THE_CODE
    )


def version_of(submitted: Case, content: Mapping[str, Any]) -> Version:
    """The version that a draft holds. Raises ``InputError`` where it is none of this case."""
    try:
        if content["case_id"] != submitted.case_id:
            raise KeyError("case_id")
        case = change_facts(submitted, dx=content["dx"], proc=content["proc"])
        filled = {(path, code): text for path, code, text in content["filled"] if path in fillable()}
        applied = tuple(dict(entry) for entry in content["applied"])
    except (KeyError, TypeError, ValueError, ValidationError):
        raise input_error("coding_desk.draft_unreadable", submitted.case_id) from None
    return Version(case, filled, applied)
