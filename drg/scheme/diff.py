"""What changes from one scheme to another: groups, rules, sets, codes, complications.

A group code means nothing without its scheme, so a code that both schemes have is looked at twice: it is
*re-used* for another group where its name differs and fewer than half of the codes it wants are the same
(``SAME_GROUP``, Jaccard measure of the codes that its rule wants as principal diagnosis or procedure; a DRG
counts with the codes of its ADRG). Otherwise a different name is a *renaming*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from drg import messages
from drg.scheme import language
from drg.scheme.pack import Pack, Row
from drg.scheme.reach import positive_tests

SAME_GROUP = 0.5
MAX_EXAMPLES = 5
PRINCIPAL_FIELDS = {language.DX_FIELDS[0]: "dx", language.PROC_FIELDS[0]: "proc"}


@dataclass(frozen=True)
class Change:
    """One difference.

    ``kind`` is the message ``diff.<kind>``; ``code`` the group or set it is about (empty for codes that
    moved); ``members`` the ICD codes that it concerns, all of them; ``params`` what the text needs beside.
    """

    kind: str
    code: str = ""
    members: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)

    def render(self, lang: str = "en") -> str:
        """The change as one line of text, with its first codes."""
        text = messages.text(
            f"diff.{self.kind}", lang, code=self.code, count=len(self.members), **self.params
        )
        more = " ..." if len(self.members) > MAX_EXAMPLES else ""
        return f"{text}: {' '.join(self.members[:MAX_EXAMPLES])}{more}" if self.members else text


@dataclass(frozen=True)
class SchemeDiff:
    """All changes from the scheme ``old`` to the scheme ``new`` (ids)."""

    old: str
    new: str
    changes: tuple[Change, ...]

    def of(self, kind: str) -> tuple[Change, ...]:
        """The changes of one kind."""
        return tuple(change for change in self.changes if change.kind == kind)

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """Number of changes by kind."""
        counts: dict[str, int] = {}
        for change in self.changes:
            counts[change.kind] = counts.get(change.kind, 0) + 1
        return counts

    def lines(self, lang: str = "en") -> list[str]:
        """The changes as text, one a line, under a line with their number."""
        head = messages.text("diff.head", lang, old=self.old, new=self.new, count=len(self.changes))
        return [head, *(f"  {change.render(lang)}" for change in self.changes)]


def diff(old: Pack, new: Pack) -> SchemeDiff:
    """The changes from ``old`` to ``new``: groups first, then sets, moved codes, complications."""
    sides = _Side(old), _Side(new)
    changes = [change for level in ("mdc", "adrg", "drg") for change in _groups(level, *sides)]
    changes += _sets(old, new)
    for kind in PRINCIPAL_FIELDS.values():
        changes += _moved(f"{kind}_moved", sides[0].groups_of(kind), sides[1].groups_of(kind))
    changes += _cc_levels(old, new)
    changes += _exclusions(old, new)
    return SchemeDiff(old.id, new.id, tuple(changes))


class _Side:
    """One of the two schemes, with what is asked of it."""

    def __init__(self, pack: Pack):
        self.pack = pack
        self.rows = {
            level: {row.code: row for row in rows}
            for level, rows in (("mdc", pack.mdcs), ("adrg", pack.adrgs), ("drg", pack.drgs))
        }

    def wanted(self, level: str, row: Row) -> frozenset[tuple[str, str]]:
        """The codes, as (dx or proc, code), that the rule of a group wants as principal; DRG: of its ADRG."""
        rule = self.rows["adrg"][row.parent].rule if level == "drg" else row.rule
        return frozenset(
            (kind, code) for kind in PRINCIPAL_FIELDS.values() for code in self.codes(rule, kind)
        )

    def codes(self, rule: language.Rule, kind: str) -> Iterator[str]:
        for test in positive_tests(rule):
            if kind in (PRINCIPAL_FIELDS.get(name) for name in test.fields):
                for name in test.sets:
                    yield from self.pack.sets.get(name, ())

    def groups_of(self, kind: str) -> dict[str, tuple[str, ...]]:
        """Code -> the ADRGs whose rule wants it as principal diagnosis (``dx``) or procedure (``proc``)."""
        found: dict[str, dict[str, None]] = {}
        for row in self.pack.adrgs:
            for code in self.codes(row.rule, kind):
                found.setdefault(code, {})[row.code] = None
        return {code: tuple(sorted(groups)) for code, groups in found.items()}


def _groups(level: str, old: _Side, new: _Side) -> Iterator[Change]:
    before, after = old.rows[level], new.rows[level]
    for code, row in before.items():
        if code not in after:
            yield Change("group_gone", code, params={"name": row.name})
    for code, row in after.items():
        if code not in before:
            yield Change("group_added", code, params={"name": row.name})
            continue
        earlier = before[code]
        names = {"old": earlier.name, "new": row.name}
        renamed = _plain(earlier.name) != _plain(row.name)
        same = jaccard(old.wanted(level, earlier), new.wanted(level, row))
        if renamed and same < SAME_GROUP:
            yield Change("group_reused", code, params=names | {"percent": round(same * 100)})
            continue
        if renamed:
            yield Change("group_renamed", code, params=names)
        if earlier.rule != row.rule:
            rules = {"old": language.to_text(earlier.rule), "new": language.to_text(row.rule)}
            yield Change("rule_changed", code, params=rules)
        if earlier.parent != row.parent:
            yield Change("parent_changed", code, params={"old": earlier.parent, "new": row.parent})


def _plain(name: str) -> str:
    return "".join(name.split())


def jaccard(one: frozenset[Any], other: frozenset[Any]) -> float:
    """Shared part of two sets: 1 for equal ones (also two empty ones), 0 for disjoint ones."""
    union = one | other
    return len(one & other) / len(union) if union else 1.0


def _sets(old: Pack, new: Pack) -> Iterator[Change]:
    for name, codes in new.sets.items():
        if name in old.sets and codes != old.sets[name]:
            changed = codes ^ old.sets[name]
            params = {"added": len(codes & changed), "gone": len(changed - codes)}
            yield Change("set_changed", name, tuple(sorted(changed)), params)


def _moved(
    kind: str, before: Mapping[str, tuple[str, ...]], after: Mapping[str, tuple[str, ...]]
) -> Iterator[Change]:
    """Codes whose ADRGs differ, together where they moved between the same ADRGs."""
    moves: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for code in sorted(before.keys() | after.keys()):
        move = before.get(code, ()), after.get(code, ())
        if move[0] != move[1]:
            moves.setdefault(move, []).append(code)
    for (gone, come), codes in moves.items():
        params = {"old": _listed(set(gone) - set(come)), "new": _listed(set(come) - set(gone))}
        yield Change(kind, "", tuple(codes), params)


def _listed(codes: Iterable[str]) -> str:
    return " ".join(sorted(codes)) or "-"


def _cc_levels(old: Pack, new: Pack) -> Iterator[Change]:
    changed: dict[tuple[str, str], list[str]] = {}
    for code in sorted(old.complications.keys() | new.complications.keys()):
        levels = _level(old, code), _level(new, code)
        if levels[0] != levels[1]:
            changed.setdefault(levels, []).append(code)
    for (before, after), codes in changed.items():
        yield Change("cc_changed", "", tuple(codes), {"old": before, "new": after})


def _level(pack: Pack, code: str) -> str:
    found = pack.complications.get(code)
    return found.level if found else "-"


def _exclusions(old: Pack, new: Pack) -> Iterator[Change]:
    """Complications of both schemes that other principal diagnoses exclude, whatever number their table has."""
    changed: dict[tuple[str, str], list[str]] = {}
    for code in sorted(old.complications.keys() & new.complications.keys()):
        tables = old.complications[code].exclusion_table, new.complications[code].exclusion_table
        changed.setdefault(tables, []).append(code)
    for (before, after), codes in changed.items():
        listed = old.exclusions.get(before, frozenset()), new.exclusions.get(after, frozenset())
        if listed[0] != listed[1]:
            params = {"added": len(listed[1] - listed[0]), "gone": len(listed[0] - listed[1])}
            yield Change("exclusion_changed", after, tuple(codes), params)
