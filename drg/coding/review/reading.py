"""What a record says, and what of it speaks for or against a code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drg.coding.graph.facts import Fact, load_facts
from drg.coding.graph.levels import CodeKind, category_of, subcategory_of
from drg.coding.graph.names import drug_classes, is_comparable, measured
from drg.coding.review.model import Available, Evidence, EvidenceKind
from drg.coding.review.settings import Settings
from drg.coding.text import read
from drg.coding.text.annotated import Annotated, Measurement, Mention

OBJECTIVE: frozenset[EvidenceKind] = frozenset(("lab", "order", "fee"))
_FOR: frozenset[EvidenceKind] = frozenset(
    ("diagnosis", "mention", "finding", "history", "uncertain", "lab", "order", "symptom", "fee")
)
MAX_SHOWN = 60
GROUP_OF_DOCUMENTS = "documents"


def annotate(text: str) -> Annotated:
    """The one place where the review reads text."""
    return read(text)


@dataclass(frozen=True, slots=True)
class Document:
    """A note as read. ``row`` in the group, from 1."""

    row: int
    kind: str
    annotated: Annotated


@dataclass(frozen=True, slots=True)
class Result:
    """A test result: its row in labs and the value in the unit of the item."""

    row: int
    measurement: Measurement
    shown: str


@dataclass(frozen=True, slots=True)
class Line:
    """An order or a fee line."""

    row: int
    name: str


class Reading:
    """A record's documents, results, orders and fee lines.

    ``row`` is a row of the record table (:mod:`drg.quality.record`) as Python values; groups that it lacks were not
    carried by the source, and an absence proves nothing then.
    """

    def __init__(self, row: Mapping[str, Any], settings: Settings):
        self._settings = settings
        self.documents = list(_documents(row))
        self.labs = list(_labs(row))
        self.orders = list(_lines(row, "orders"))
        self.fees = list(_lines(row, "fee_lines"))
        self.available = Available(
            documents=None if row.get("documents.text") is None else len(self.documents),
            orders=None if row.get("orders.name") is None else len(self.orders),
            labs=None if row.get("labs.name") is None else len(self.labs),
            fee_lines=None if row.get("fee_lines.name") is None else len(self.fees),
        )
        self._mentions: dict[str, list[tuple[Document, Mention]]] = defaultdict(list)
        for document in self.documents:
            for mention in document.annotated.mentions:
                for key in {category_of(kind, code) for kind, code in _codes_of(mention)}:
                    self._mentions[key].append((document, mention))

    def mentions(self) -> Iterator[tuple[Document, Mention]]:
        """Every term with codes that the patient has now, in order."""
        for document in self.documents:
            for mention in document.annotated.mentions:
                if mention.codes and mention.present:
                    yield document, mention

    def evidence(self, kind: CodeKind, code: str, names: Iterable[str] = ()) -> list[Evidence]:
        """Everything that speaks for a code or denies it, the strongest first. ``names``: as it may be written."""
        found = [*self._told(kind, code), *self._facts(kind, code)]
        if not any(one.kind in ("diagnosis", "mention", "history", "negated") for one in found):
            found += self._by_name(names)
        return sorted(dict.fromkeys(found), key=_rank)

    def _told(self, kind: CodeKind, code: str) -> Iterator[Evidence]:
        exact = subcategory_of(kind, code)
        for document, mention in self._mentions.get(category_of(kind, code), ()):
            same = any(
                subcategory_of(one, other) == exact for one, other in _codes_of(mention) if one == kind
            )
            # A denial of a neighbour denies nothing: "no hepatitis A" beside a chronic hepatitis B.
            if same or not mention.negated:
                yield _text_evidence(self.kind_of(document, mention), document, mention.start, mention.end)

    def kind_of(self, document: Document, mention: Mention) -> EvidenceKind:
        """What a mention is worth by its context and section."""
        if mention.family or mention.negated:
            return "negated"
        if mention.uncertain:
            return "uncertain"
        if mention.past:
            return "history"
        if mention.section in self._settings.diagnosis_sections:
            return "diagnosis"
        if mention.kind == "procedure" and document.kind in self._settings.operative_documents:
            return "diagnosis"
        return "finding" if mention.section in self._settings.finding_sections else "mention"

    def _by_name(self, names: Iterable[str]) -> Iterator[Evidence]:
        """A name that stands in a document word by word, where the reader did not take it for a term."""
        for name in names:
            for document in self.documents:
                start = document.annotated.text.find(name) if len(name) > 1 else -1
                if start >= 0:
                    yield _text_evidence("uncertain", document, start, start + len(name))

    def _facts(self, kind: CodeKind, code: str) -> Iterator[Evidence]:
        for fact in load_facts():
            if fact.concerns(kind, code):
                yield from self.meets(fact)

    def meets(self, fact: Fact) -> Iterator[Evidence]:
        """Where the record shows what a fact asks for."""
        basis = f"indications:{fact.line}"
        match fact.evidence:
            case "lab":
                for result in self.labs:
                    if result.measurement.item == fact.item and fact.reached(result.measurement.value):
                        yield Evidence("lab", "labs", result.row, text=result.shown, basis=basis)
                for document in self.documents:
                    for one in document.annotated.measurements:
                        if one.item == fact.item and is_comparable(one) and fact.reached(one.value):
                            yield _text_evidence("lab", document, one.start, one.end, basis)
            case "drug":
                for order in self.orders:
                    if fact.item in drug_classes(order.name):
                        yield Evidence("order", "orders", order.row, text=order.name[:MAX_SHOWN], basis=basis)
            case "order" | "fee":
                lines, group = (
                    (self.orders, "orders") if fact.evidence == "order" else (self.fees, "fee_lines")
                )
                kind: EvidenceKind = fact.evidence
                for line in lines:
                    if any(word in line.name for word in fact.words):
                        yield Evidence(kind, group, line.row, text=line.name[:MAX_SHOWN], basis=basis)
            case "symptom":
                for document in self.documents:
                    for mention in document.annotated.mentions:
                        if mention.present and mention.text in fact.words:
                            yield _text_evidence("symptom", document, mention.start, mention.end, basis)

    def normal_results(self, kind: CodeKind, code: str) -> list[Evidence]:
        """Results that a diagnosis would show, all within their limits; empty where one is beyond, or none is known."""
        facts = [fact for fact in load_facts() if fact.evidence == "lab" and fact.concerns(kind, code)]
        if any(True for fact in facts for _ in self.meets(fact)):
            return []
        items = {fact.item: fact for fact in facts}
        return [
            Evidence("normal_lab", "labs", one.row, text=one.shown, basis=f"indications:{fact.line}")
            for one in self.labs
            if (fact := items.get(one.measurement.item)) is not None
        ]

    def kinds_of_documents(self) -> frozenset[str]:
        return frozenset(document.kind for document in self.documents)


def strength_of(evidence: Sequence[Evidence]) -> int:
    """How strongly evidence speaks for a code; see ``Draft.strength``."""
    kinds = {one.kind for one in evidence if one.kind in _FOR}
    objective = kinds & OBJECTIVE
    if "diagnosis" in kinds:
        return 4 if objective else 3
    if "mention" in kinds:
        return 3 if objective else 2
    # A symptom is the ground of many diagnoses; it adds nothing to another single indication.
    firm = len(objective) + len(kinds & {"history", "uncertain", "finding"})
    return min(firm, 2) if firm else min(len(kinds), 1)


def _rank(evidence: Evidence) -> tuple[int, str, int, int]:
    order = ("diagnosis", "mention", "finding", "lab", "order", "fee", "history", "uncertain", "symptom")
    place = order.index(evidence.kind) if evidence.kind in order else len(order)
    return place, evidence.source, evidence.row or 0, evidence.start or 0


def _codes_of(mention: Mention) -> Iterator[tuple[CodeKind, str]]:
    if mention.kind in ("diagnosis", "symptom"):
        yield from (("dx", code) for code in mention.codes)
    elif mention.kind == "procedure":
        yield from (("proc", code) for code in mention.codes)


def _text_evidence(kind: EvidenceKind, document: Document, start: int, end: int, basis: str = "") -> Evidence:
    shown = document.annotated.text[start:end][:MAX_SHOWN]
    return Evidence(kind, document.kind, document.row, start, end, shown, basis)


def _documents(row: Mapping[str, Any]) -> Iterator[Document]:
    texts = row.get("documents.text") or []
    kinds = row.get("documents.kind") or [None] * len(texts)
    for number, (text, kind) in enumerate(zip(texts, kinds, strict=True), start=1):
        if text:
            yield Document(number, kind or "other", annotate(text))


def _labs(row: Mapping[str, Any]) -> Iterator[Result]:
    names = row.get("labs.name") or []
    columns = (row.get(f"labs.{name}") or [None] * len(names) for name in ("value", "unit"))
    for number, (name, value, unit) in enumerate(zip(names, *columns, strict=True), start=1):
        found = measured(name or "", value or "", unit or "")
        if found is not None:
            yield Result(number, found, f"{name} {value} {unit or ''}".strip()[:MAX_SHOWN])


def _lines(row: Mapping[str, Any], group: str) -> Iterator[Line]:
    for number, name in enumerate(row.get(f"{group}.name") or [], start=1):
        if name:
            yield Line(number, name)
