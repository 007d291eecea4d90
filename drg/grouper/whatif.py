"""What if: the same case with another principal diagnosis, a code more or less, or another scheme."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from drg.case import MAX_CODES, Case
from drg.grouper.explain import Explanation, Step, explain
from drg.scheme.pack import Pack

CodeList = Literal["dx", "proc"]


@dataclass(frozen=True)
class Difference:
    """Two explanations side by side. ``parting`` is the first step that went another way in each of the two."""

    before: Explanation
    after: Explanation
    changed: tuple[str, ...]
    parting: tuple[Step | None, Step | None]


def compare(before: Explanation, after: Explanation) -> Difference:
    """What a change did: the fields of the grouping that differ, and where the evaluation parts."""
    fields = ("scheme", "status", "mdc", "adrg", "drg", "cc_level", "cc_code", "excluded_cc")
    changed = tuple(
        name for name in fields if getattr(before.grouping, name) != getattr(after.grouping, name)
    )
    pairs = zip_longest(before.steps, after.steps)
    parting = next(
        ((one, two) for one, two in pairs if one is None or two is None or _way(one) != _way(two)),
        (None, None),
    )
    return Difference(before, after, changed, parting)


def _way(step: Step) -> tuple[str, bool]:
    return step.code, step.held


def make_principal(case: Case, codes: CodeList, place: int) -> Case:
    """The case with the code at ``place`` (from 0) moved to the front."""
    return move_code(case, codes, place, 0)


def move_code(case: Case, codes: CodeList, place: int, to: int) -> Case:
    """The case with the code at ``place`` (from 0) moved so that it stands at ``to``.

    ``IndexError`` where there is no such place, as for :func:`make_principal` and :func:`remove_code`.
    """
    listed = list(getattr(case, codes))
    listed.insert(to, listed.pop(place))
    return _with(case, codes, listed)


def add_code(case: Case, codes: CodeList, code: str) -> Case:
    """The case with one code more, at the end."""
    return _with(case, codes, [*getattr(case, codes), code])


def remove_code(case: Case, codes: CodeList, place: int) -> Case:
    """The case without the code at ``place``. A case keeps at least one diagnosis (``ValidationError``)."""
    listed = list(getattr(case, codes))
    del listed[place]
    return _with(case, codes, listed)


def change_facts(case: Case, **facts: Any) -> Case:
    """The case with other values of some fields; ``ValidationError`` where a field does not allow its value."""
    return Case.model_validate({**case.model_dump(), **facts})


def _with(case: Case, codes: CodeList, listed: list[str]) -> Case:
    return change_facts(case, **{codes: listed})


def alternatives(
    case: Case, scheme: str | Path | Pack | None = None, limit: int = MAX_CODES
) -> list[Explanation]:
    """The case explained with each of its first ``limit`` diagnoses as the principal one, in coded order."""
    places = range(min(len(case.dx), limit))
    return [explain(make_principal(case, "dx", place), scheme) for place in places]
