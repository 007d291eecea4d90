"""Finds what may be proposed for one case. Nothing here knows of weights or money."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any

from drg.case import MAX_CODES, Case
from drg.codes.catalogue import Catalogue, System, load_catalogue
from drg.coding.graph.facts import load_facts
from drg.coding.graph.graph import Graph
from drg.coding.graph.levels import SUBCATEGORY_LENGTH, CodeKind, category_of, subcategory_of
from drg.coding.review.model import Change, Draft, Evidence, Judgement, Standing, Verdict
from drg.coding.review.reading import OBJECTIVE, Reading, strength_of
from drg.coding.review.settings import Settings, load_combinations
from drg.scheme.pack import Pack

MENDED_STRENGTH = {"block": 4, "warn": 3, "hint": 2}


@dataclass(frozen=True)
class Subject:
    """One case with what is known of it. ``names``: diagnosis names of the record, place by place."""

    case: Case
    reading: Reading
    names: Mapping[int, str]
    pack: Pack
    graph: Graph
    settings: Settings

    def catalogue(self, kind: CodeKind) -> Catalogue:
        return load_catalogue("icd10" if kind == "dx" else "icd9cm3")

    def codes(self, kind: CodeKind) -> list[str]:
        """The codes in catalogue spelling, those that it does not know as written."""
        catalogue, own = self.catalogue(kind), self.pack.own_codes("icd10" if kind == "dx" else "icd9cm3")
        return [catalogue.resolve(code, own).code or code for code in getattr(self.case, kind)]

    def name(self, kind: CodeKind, code: str) -> str:
        return self.catalogue(kind).name(code) or ""

    def level(self, code: str) -> str:
        """The complication level of a diagnosis in the scheme."""
        found = self.pack.complications.get(code)
        return found.level if found else ""


def standings(subject: Subject) -> list[Standing]:
    """How each code of the case stands in its record."""
    return [
        _standing(subject, kind, place, code)
        for kind in ("dx", "proc")
        for place, code in enumerate(subject.codes(kind))
    ]


def _standing(subject: Subject, kind: CodeKind, place: int, code: str) -> Standing:
    name = subject.name(kind, code)
    level = subject.level(code) if kind == "dx" else ""
    judgement, strength, evidence = _judged(subject, kind, place, code, name)
    return Standing(kind, place, code, name, level, judgement, strength, tuple(evidence))


Judged = tuple[Judgement, int, list[Evidence]]


def _judged(subject: Subject, kind: CodeKind, place: int, code: str, name: str) -> Judged:
    if not _is_judged(subject, kind, code):
        return "not_judged", 0, []
    reading = subject.reading
    names = [one for one in (name, subject.names.get(place, "") if kind == "dx" else "") if one]
    evidence = reading.evidence(kind, code, names)
    strength = strength_of(evidence)
    if strength:
        return "supported", strength, [one for one in evidence if one.kind != "negated"]
    operative = reading.kinds_of_documents() & subject.settings.operative_documents
    if not reading.available.can_judge or (kind == "proc" and not operative):
        return "cannot_be_judged", 0, []
    return _without_evidence(subject, kind, code, evidence)


def _without_evidence(subject: Subject, kind: CodeKind, code: str, denied: list[Evidence]) -> Judged:
    """A code that nothing speaks for: how certain is it that there is nothing?"""
    reading, settings = subject.reading, subject.settings
    documents = reading.kinds_of_documents()
    whole = bool(documents & settings.summary_documents) and bool(documents & settings.entry_documents)
    normal = reading.normal_results(kind, code)
    evidence = [*denied, *normal, Evidence("absence", "documents", text=str(len(reading.documents)))]
    if denied:
        return "contradicted", 4 if normal else 3, evidence
    # Names of operations vary more than those of diagnoses, so not finding one proves less.
    if kind == "proc" or not whole:
        return "unsupported", 1, evidence
    return "unsupported", 3 if normal else 2, evidence


def _is_judged(subject: Subject, kind: CodeKind, code: str) -> bool:
    if kind == "dx":
        return subject.settings.is_judged(code)
    return subject.catalogue("proc").operation_type(code) in subject.settings.judged_operation_types


def unsupported(subject: Subject, found: Iterable[Standing]) -> Iterator[Draft]:
    """Codes that the record does not bear out. The last diagnosis and the principal one have nothing to change to."""
    for standing in found:
        if standing.judgement in ("unsupported", "contradicted"):
            removable = standing.codes == "proc" or standing.place > 0
            yield Draft(
                "unsupported_dx" if standing.codes == "dx" else "unsupported_proc",
                standing.codes,
                standing.code,
                standing.place,
                standing.strength,
                standing.evidence,
                (Change(standing.codes, (standing.place,)),) if removable else (),
                level=standing.level,
            )


def missed(subject: Subject) -> Iterator[Draft]:
    """Diagnoses and procedures that the record shows and the coder did not code."""
    for kind in ("dx", "proc"):
        coded = subject.codes(kind)
        categories = {category_of(kind, code) for code in coded}
        for code in _candidates(subject, kind):
            category = category_of(kind, code)
            if category in categories:
                continue
            evidence = subject.reading.evidence(kind, code)
            strength = strength_of(evidence)
            if not strength or (kind == "dx" and _leave(subject, code, coded, evidence)):
                continue
            categories.add(category)
            choices = _choices(subject, kind, (code,)) if len(coded) < MAX_CODES else ()
            yield Draft(
                "missed_dx" if kind == "dx" else "missed_proc",
                kind,
                code,
                None,
                strength,
                tuple(one for one in evidence if one.kind != "negated"),
                tuple(Change(kind, added=choice) for choice in choices),
                level=subject.level(code) if kind == "dx" else "",
            )


def _candidates(subject: Subject, kind: CodeKind) -> list[str]:
    """Codes that the text states, then those that facts propose; the first of a category counts."""
    reading = subject.reading
    stated = [
        mention.codes[0]
        for document, mention in reading.mentions()
        if mention.kind == ("diagnosis" if kind == "dx" else "procedure")
        and (kind == "dx" or document.kind in subject.settings.operative_documents)
    ]
    shown = [
        fact.proposes
        for fact in load_facts()
        if fact.kind == kind and fact.proposes and any(True for _ in reading.meets(fact))
    ]
    return [
        code for code in dict.fromkeys([*stated, *shown]) if _is_judged(subject, kind, code) or code in shown
    ]


def _leave(subject: Subject, code: str, coded: Sequence[str], evidence: Sequence[Evidence]) -> bool:
    """Whether a diagnosis in the text is none to add.

    What an examination reports is no diagnosis before a physician makes it one; a general term ("pneumonia") beside a
    coded special one is the same disease; and so is what the scheme would not count beside a coded diagnosis of the
    chapter, unless tests or treatment show it.
    """
    kinds = {one.kind for one in evidence}
    if kinds & OBJECTIVE:
        return _is_said(subject, code, coded)
    reported = "finding" in kinds or kinds <= {"uncertain", "symptom", "history", "negated"}
    if reported and "diagnosis" not in kinds:
        return True
    return _is_said(subject, code, coded) or _is_near(subject, code, coded)


def _is_said(subject: Subject, code: str, coded: Sequence[str]) -> bool:
    """Whether the name of a coded diagnosis contains that of the code."""
    name = subject.name("dx", code)
    return any(name and name in subject.name("dx", one) for one in coded)


def _is_near(subject: Subject, code: str, coded: Sequence[str]) -> bool:
    found = subject.pack.complications.get(code)
    if found is None:
        return False
    near = subject.pack.exclusions.get(found.exclusion_table, frozenset())
    return any(one in near and one[0] == code[0] for one in coded)


def _choices(subject: Subject, kind: CodeKind, beginnings: tuple[str, ...]) -> tuple[str, ...]:
    return reportable("icd10" if kind == "dx" else "icd9cm3", beginnings, subject.settings.most_choices)


@lru_cache(maxsize=10_000)
def reportable(system: System, beginnings: tuple[str, ...], most: int) -> tuple[str, ...]:
    """Codes that may be reported under beginnings; a code that may stands for itself, of a gray one those near it."""
    catalogue = load_catalogue(system)
    if len(beginnings) == 1 and beginnings[0] in catalogue:
        if not catalogue.is_gray(beginnings[0]):
            return beginnings
        beginnings = (beginnings[0][:SUBCATEGORY_LENGTH],)
    found = (code for code in catalogue.codes if code.startswith(beginnings) and not catalogue.is_gray(code))
    return tuple(islice(found, most))


def gray(subject: Subject) -> Iterator[Draft]:
    """Codes that stand in the catalogue but may not be reported."""
    for kind in ("dx", "proc"):
        for place, code in enumerate(subject.codes(kind)):
            if code in subject.catalogue(kind) and subject.catalogue(kind).is_gray(code):
                choices = _choices(subject, kind, (code,))
                yield Draft(
                    "gray",
                    kind,
                    code,
                    place,
                    4,
                    (Evidence("catalogue", text=code, basis=subject.catalogue(kind).edition),),
                    tuple(Change(kind, (place,), choice, place) for choice in choices),
                    level=subject.level(code) if kind == "dx" else "",
                )


def combinations(subject: Subject, findings: Iterable[Mapping[str, Any]]) -> Iterator[Draft]:
    """Codes that a rule wants as one. ``findings``: those of combination rules, in ``FINDING_SCHEMA``."""
    for finding in findings:
        seen = (one for one in finding["evidence"] if one["field"] == "diagnoses.code" and one["position"])
        places = sorted({one["position"] - 1 for one in seen})
        if len(places) < 2 or places[-1] >= len(subject.case.dx):
            continue
        rule, severity = finding["rule"], finding["severity"]
        codes = subject.codes("dx")
        beginnings = load_combinations().get(rule)
        choices = _choices(subject, "dx", beginnings) if beginnings else ()
        yield Draft(
            "combination",
            "dx",
            codes[places[0]],
            places[0],
            MENDED_STRENGTH[severity],
            (Evidence("rule", text=" + ".join(codes[place] for place in places), basis=rule),),
            tuple(Change("dx", tuple(places), choice, places[0]) for choice in choices),
            rule=rule,
        )


def principals(subject: Subject) -> Iterator[Draft]:
    """Each of the first other diagnoses as principal, with what speaks for it so far; see :func:`with_verdict`."""
    codes, case = subject.codes("dx"), subject.case
    main = subject.codes("proc")[0] if case.proc else None
    current = subject.graph.explains(main, codes[:1]) if main else None
    first_stated = _first_stated(subject)
    for place, code in islice(enumerate(codes), 1, subject.settings.most_proposals):
        evidence: list[Evidence] = []
        if main and current is None and (edge := subject.graph.explains(main, [code])):
            evidence.append(Evidence("scheme", text=f"{main} → {edge.target.code}", basis=edge.origin))
        if first_stated is not None and _same(first_stated[0], code) and not _same(first_stated[0], codes[0]):
            evidence.append(first_stated[1])
        yield Draft(
            "principal",
            "dx",
            code,
            place,
            min(2 * len(evidence), 3),
            tuple(evidence),
            (Change("dx", (place,), case.dx[place], 0),),
            level=subject.level(code),
        )


def _same(codes: Sequence[str], code: str) -> bool:
    return any(subcategory_of("dx", one) == subcategory_of("dx", code) for one in codes)


def _first_stated(subject: Subject) -> tuple[tuple[str, ...], Evidence] | None:
    """The first of the discharge diagnoses, which the physician puts first for a reason."""
    reading = subject.reading
    for document, mention in reading.mentions():
        if (
            document.kind in subject.settings.summary_documents
            and mention.section == "discharge_diagnosis"
            and mention.kind == "diagnosis"
        ):
            text = document.annotated.text[mention.start : mention.end]
            return mention.codes, Evidence(
                "diagnosis", document.kind, document.row, mention.start, mention.end, text
            )
    return None


def with_verdict(draft: Draft, verdict: Verdict, alone: bool) -> Draft:
    """The draft with what the rules say.

    A rule that another principal diagnosis mends is evidence for it; where several would mend it (not ``alone``), it
    says that the coded one is wrong, but hardly which is right.
    """
    if draft.kind != "principal" or not verdict.mended or verdict.broken:
        return replace(draft, verdict=verdict)
    rules = tuple(Evidence("rule", text=rule, basis=rule) for rule, _ in verdict.mended)
    mended = max(MENDED_STRENGTH[severity] for _, severity in verdict.mended) if alone else 1
    return replace(
        draft, verdict=verdict, evidence=(*draft.evidence, *rules), strength=max(draft.strength, mended)
    )


def unexplained(subject: Subject) -> Iterator[Draft]:
    """Operations that no diagnosis of the case explains by the scheme or the hospital's own cases."""
    diagnoses = subject.codes("dx")
    for place, code in enumerate(subject.codes("proc")):
        if not _is_judged(subject, "proc", code) or subject.graph.explains(code, diagnoses) is not None:
            continue
        node = subject.graph.node(f"proc:{code}")
        groups = sorted({edge.target.code for edge in subject.graph.groups_of(node)}) if node else []
        if groups:
            evidence = Evidence("scheme", text=" ".join(groups[:6]), basis=subject.pack.id)
            yield Draft("unexplained_proc", "proc", code, place, 1, (evidence,))


def companions(subject: Subject) -> Iterator[Draft]:
    """What the hospital's own cases with these codes mostly have too: where to look, and no evidence."""
    settings = subject.settings
    found = subject.graph.companions(
        [*subject.codes("dx"), *subject.codes("proc")], settings.companion_confidence
    )
    judged = [edge for edge in found if settings.is_judged(edge.target.code)]
    for edge in judged[: settings.most_companions]:
        text = f"{edge.source.code}: {edge.confidence or 0:.0%}, {edge.cases}"
        evidence = Evidence("cases", text=text, basis=edge.origin)
        yield Draft("look_for", "dx", edge.target.code, None, 0, (evidence,))
