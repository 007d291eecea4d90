"""What a person changed in the codes of a case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from drg.case import Case
from drg.grouper.whatif import CodeList

Action = Literal["added", "removed", "principal", "moved"]
SIGNS: dict[Action, str] = {"added": "+", "removed": "-", "principal": "*", "moved": "~"}


@dataclass(frozen=True)
class CodeChange:
    """One code that was added, removed, made the principal one, or moved among those that stayed."""

    codes: CodeList
    action: Action
    code: str


def changes(before: Case, now: Case) -> tuple[CodeChange, ...]:
    """What differs between two versions of the codes, diagnoses first; nothing where they are the same."""
    return tuple(
        change
        for codes in get_args(CodeList)
        for change in _list_changes(codes, getattr(before, codes), getattr(now, codes))
    )


def shown(found: Sequence[CodeChange]) -> str:
    """Changes as codes for the trail: ``+I50.900 -K76.000 *J18.900 ~E11.900``."""
    return " ".join(f"{SIGNS[change.action]}{change.code}" for change in found)


def _list_changes(codes: CodeList, before: Sequence[str], now: Sequence[str]) -> Iterator[CodeChange]:
    gone, new = Counter(before) - Counter(now), Counter(now) - Counter(before)
    yield from (CodeChange(codes, "removed", code) for code in gone.elements())
    yield from (CodeChange(codes, "added", code) for code in new.elements())
    kept_before, kept_now = _without(before, gone), _without(now, new)
    promoted = now[0] if now and before and now[0] != before[0] else None
    if promoted is not None:
        yield CodeChange(codes, "principal", promoted)
        if promoted in kept_now:
            kept_before.remove(promoted)
            kept_now.remove(promoted)
    moved = (one for one, other in zip(kept_now, kept_before, strict=True) if one != other)
    yield from (CodeChange(codes, "moved", code) for code in dict.fromkeys(moved))


def _without(listed: Sequence[str], left_out: Counter[str]) -> list[str]:
    """The codes in order, without as many of each as are left out, the last ones first."""
    remaining = Counter(left_out)
    kept = []
    for code in reversed(listed):
        if remaining[code]:
            remaining[code] -= 1
        else:
            kept.append(code)
    return kept[::-1]
