"""Findings about a case on the desk, and the places in the record that a person looks at to judge them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from claims.finding_appeals import appeals_of
from claims.store import AppealState, Store
from drg.quality.document.found import DOCUMENT_TEXT
from drg.quality.finding import OPEN, FindingText, render
from drg.quality.known_rules import known_rules
from drg.quality.labels import place
from drg.quality.rule import SEVERITIES, Rule

BLOCK = "block"


@dataclass(frozen=True)
class Spot:
    """A place in the record: a field with its row in the group (from 1), or characters of a document."""

    field: str
    position: int | None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class Finding:
    """A finding with its rule; ``row`` is one of ``FINDING_SCHEMA``, ``spots`` are what it saw, documents first."""

    row: Mapping[str, Any]
    rule: Rule
    spots: tuple[Spot, ...]

    @property
    def severity(self) -> str:
        return self.rule.severity

    @property
    def blocks(self) -> bool:
        """Whether the codes cannot be signed while it stands."""
        return self.severity == BLOCK

    def words(self, lang: str) -> FindingText:
        """Message, remedy and the rest in a language."""
        return render(self.row, self.rule, lang)

    def where(self, lang: str) -> str:
        """The field that it points to, in words."""
        return place(self.row["field"], self.row["position"], lang)


def findings(rows: Iterable[Mapping[str, Any]], documents: Sequence[str]) -> list[Finding]:
    """Open findings of rules that are known, those that block first; silenced ones are left out."""
    known = known_rules()
    found = [
        Finding(row, known[row["rule"]], tuple(dict.fromkeys(_spots(row, documents))))
        for row in rows
        if row["status"] == OPEN and row["rule"] in known
    ]
    return sorted(found, key=lambda one: (SEVERITIES.index(one.severity), one.rule.id))


def silenced_rules(store: Store, case_id: str) -> frozenset[str]:
    """The rules that an upheld appeal silences for a case."""
    found = appeals_of(store, case_id).items()
    return frozenset(rule for rule, filed in found if any(one.state is AppealState.UPHELD for one in filed))


def _spots(row: Mapping[str, Any], documents: Sequence[str]) -> Iterator[Spot]:
    for span in row.get("spans") or ():
        if not span["case_id"]:
            yield Spot(DOCUMENT_TEXT, span["position"], span["start"], span["end"])
    yield Spot(row["field"], row["position"])
    for seen in row["evidence"] or ():
        if seen["field"] != DOCUMENT_TEXT:
            yield Spot(seen["field"], seen["position"])
        elif not row.get("spans"):
            yield from _quoted(seen, documents)


def _quoted(seen: Mapping[str, Any], documents: Sequence[str]) -> Iterator[Spot]:
    """The place of a text that a rule over the record table quotes from a document."""
    position, text = seen["position"], seen["value"] or ""
    if position is None or not 1 <= position <= len(documents):
        return
    start = documents[position - 1].find(text) if text else -1
    if start >= 0:
        yield Spot(DOCUMENT_TEXT, position, start, start + len(text))
