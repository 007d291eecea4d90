"""The whole-record part of ``drgbridge check``: grade, findings with the quoted places, indicators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ui.cli.language import LANG
from ui.cli.rules import word as quality_word
from ui.text import text

if TYPE_CHECKING:
    from drg.quality.document.coverage import DocumentCoverage
    from drg.quality.document.engine import CheckedRecord
    from drg.quality.document.indicators import IndicatorCounter
    from drg.quality.files import Request
    from ui.cli.files import NewFiles
    from ui.cli.output import Writer

TOLD_RECORDS = 20
FINDINGS_PER_BATCH = 5_000


def word(key: str, **params: object) -> str:
    """A text of ``ui/texts/recordcheck.toml`` in the language of this run."""
    return text(f"recordcheck.{key}", LANG, **params)


@dataclass
class DocumentRun:
    """The document checks over a source: what is told, and what is counted."""

    indicators: IndicatorCounter
    checks: int
    records: int = 0
    findings: int = 0
    blocked: int = 0
    grades: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    told: list[CheckedRecord] = field(default_factory=list)
    untold: int = 0
    written: dict[str, Path] = field(default_factory=dict)

    def add(self, checked: CheckedRecord) -> None:
        """Count a record; the first ones with findings are told."""
        hits = checked.hits
        self.records += 1
        self.findings += sum(len(one.found) for one in hits)
        self.blocked += any(one.rule.severity == "block" for one in hits)
        self.grades[checked.grade.title.text(LANG)] += 1
        self.counts.update(one.rule.id for one in hits)
        self.indicators.add(checked)
        if not hits:
            return
        if len(self.told) < TOLD_RECORDS:
            self.told.append(checked)
        else:
            self.untold += 1

    def writer(self, files: NewFiles, out: Path, kind: str) -> Writer:
        """A file beside ``out`` for one kind of table."""
        from ui.cli import output

        self.written[kind] = out.with_suffix(f".{kind}{out.suffix}")
        return output.FILE_WRITERS[out.suffix.lower()](files.begin(self.written[kind], "--out"))

    def written_lines(self) -> list[str]:
        """Which files were written."""
        return [
            quality_word("written", kind=word(f"file_{kind}"), path=path)
            for kind, path in self.written.items()
        ]

    def lines(self, with_indicators: bool) -> list[str]:
        """What the command prints."""
        head = {"checks": self.checks, "findings": f"{self.findings:,}", "blocked": f"{self.blocked:,}"}
        lines = ["", word("head", records=f"{self.records:,}", **head)]
        for grade, count in self.grades.most_common():
            share = f"{count / max(self.records, 1):.1%}"
            lines.append(word("grade_line", grade=grade, count=f"{count:,}", share=share))
        for checked in self.told:
            lines += ["", *record_lines(checked)]
        if self.untold:
            lines += ["", word("more_records", count=f"{self.untold:,}")]
        return lines + (self.indicator_lines() if with_indicators else [])

    def indicator_lines(self) -> list[str]:
        """The indicators over all records."""
        lines = ["", word("indicators_head")]
        for row in self.indicators.table(LANG).to_pylist():
            if row["department"] or row["month"]:
                continue
            if row["needs"] is not None:
                lines.append(word("indicator_needs", **_some(row, "number", "title", "needs")))
                continue
            if row["value"] is None:
                lines.append(word("indicator_none", **_some(row, "number", "title")))
                continue
            shown = _some(row, "number", "title", "numerator", "denominator")
            lines.append(word("indicator", value=f"{row['value']:.1%}", **shown))
            if row["note"]:
                lines.append(word("indicator_note", note=row["note"]))
        return lines

    def as_json(self, with_indicators: bool) -> dict[str, Any]:
        """The run as a document."""
        found: dict[str, Any] = {
            "records": self.records,
            "findings": self.findings,
            "blocked": self.blocked,
            "grades": self.grades,
            "counts": self.counts,
        }
        return found | ({"indicators": self.indicators.table(LANG)} if with_indicators else {})


def _some(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def run(request: Request, out: Path | None, files: NewFiles, with_indicators: bool) -> DocumentRun | None:
    """The document checks over a source; ``None`` where it has no documents. Files go beside ``out``."""
    import typer

    from drg.quality.document.engine import DocumentChecker, document_rules
    from drg.quality.document.files import carries_documents, check_documents
    from drg.quality.document.found import finding_table, texts_table
    from drg.quality.document.indicators import IndicatorCounter

    if not carries_documents(request.path, request.profile):
        if with_indicators:
            raise typer.BadParameter(word("indicators_need_documents"), param_hint="'--indicators'")
        return None
    checker = DocumentChecker(request.appeals)
    found = DocumentRun(IndicatorCounter(), len(checker.rules))
    writer = None if out is None else found.writer(files, out, "documents")
    rows: list[dict[str, Any]] = []
    for checked in check_documents(request.path, checker, request.profile, request.edition):
        found.add(checked)
        if writer is not None:
            rows += checked.findings()
            if len(rows) >= FINDINGS_PER_BATCH:
                writer.write(texts_table(finding_table(rows), document_rules(), LANG))
                rows.clear()
    if writer is not None:
        writer.write(texts_table(finding_table(rows), document_rules(), LANG))
        writer.close()
    if out is not None and with_indicators:
        table = found.writer(files, out, "indicators")
        table.write(found.indicators.table(LANG))
        table.close()
    return found


def checked_case(request: Request, case: str) -> CheckedRecord | None:
    """One record checked; ``None`` where the source has no documents, or no such record."""
    from drg.quality.document.engine import DocumentChecker
    from drg.quality.document.files import carries_documents, check_documents

    if not carries_documents(request.path, request.profile):
        return None
    found = check_documents(request.path, DocumentChecker(request.appeals), request.profile, request.edition)
    return next((checked for checked in found if checked.record.case_id == case), None)


def described(id: str) -> list[str] | None:
    """Everything that a check of documents says, as lines; ``None`` where there is none of that id."""
    from drg.quality.document.coverage import not_scriptable
    from drg.quality.document.engine import document_rules

    if id in not_scriptable():
        return [quality_word("show_not_scriptable", id=id, reason=not_scriptable()[id].text(LANG))]
    rule = document_rules().get(id)
    if rule is None:
        return None
    state = quality_word("confirmed" if rule.confirmed else "unconfirmed")
    lines = [
        f"{rule.id}  {rule.title.text(LANG)}",
        f"{quality_word(f'severity_{rule.severity}')} · {state} · {quality_word('version', version=rule.version)}"
        f" · {rule.jurisdiction}",
        "",
        f"{quality_word('why')}: {rule.why.text(LANG)}",
    ]
    for question in rule.checks:
        lines += [
            "",
            f"{quality_word('field')}: {question.field}",
            f"{quality_word('message')}: {question.message.text(LANG)}",
            f"{quality_word('remedy')}: {question.remedy.text(LANG)}",
        ]
    return [
        *lines,
        "",
        f"{quality_word('payer')}: {rule.payer.text(LANG)}",
        f"{quality_word('basis')}: {rule.basis.text(LANG)}",
    ]


def coverage_lines(found: DocumentCoverage) -> list[str]:
    """What of the catalogue of document checks is done, and why the rest is not."""
    counts = {"done": len(found.done), "not_scriptable": len(found.not_scriptable)}
    head = word("coverage", failing=len(found.failing), missing=len(found.missing), **counts)
    reasons = (f"{id}  {reason.text(LANG)}" for id, reason in found.not_scriptable.items())
    return [head, *reasons, *(line for lines in found.failing.values() for line in lines)]


def record_lines(checked: CheckedRecord, traced: bool = False) -> list[str]:
    """A record with its grade and findings; ``traced`` with every deduction and what to do."""
    grade = checked.grade
    score = f"{grade.score:g}"
    lines = [word("record_head", case=checked.record.case_id, grade=grade.title.text(LANG), score=score)]
    for key, vetoes in (("veto", grade.vetoes), ("possible_veto", grade.possible_vetoes)):
        lines += [word(key, title=veto.title.text(LANG), check=veto.check) for veto in vetoes]
    if traced:
        for one in grade.deductions:
            points = {"counted": f"{one.counted:g}", "lost": f"{one.lost:g}", "findings": one.findings}
            lines.append(word("deduction", check=one.check, section=one.section.title.text(LANG), **points))
    return [*lines, *_finding_lines(checked, traced)]


def _finding_lines(checked: CheckedRecord, traced: bool) -> Iterator[str]:
    from drg.quality.document.engine import document_rules
    from drg.quality.document.found import in_words
    from drg.quality.finding import evidence_text
    from drg.quality.rule import SEVERITIES

    kinds = {note.position: note.text("title") or note.kind for note in checked.record.documents}
    for row in sorted(checked.findings(), key=lambda row: SEVERITIES.index(row["severity"])):
        words = in_words(row, document_rules()[row["rule"]], LANG)
        state = "status_silenced" if row["status"] == "silenced" else f"severity_{row['severity']}"
        yield word("finding", severity=quality_word(state), rule=row["rule"], message=words.message)
        for span in row["spans"]:
            place = {**_some(span, "position", "start", "end"), "text": " ".join(span["text"].split())}
            if span["case_id"]:
                yield word("quote_other", case=span["case_id"], **place)
            else:
                yield word("quote", kind=kinds.get(span["position"], ""), **place)
        if not row["spans"] or traced:
            seen = [item for item in row["evidence"] if item["field"] != "documents.text"]
            yield word("seen", evidence=evidence_text(seen, LANG))
        if traced:
            yield word("remedy", remedy=words.remedy)


def case_json(checked: CheckedRecord) -> dict[str, Any]:
    """One record as a document: grade with its deductions, and the findings."""
    grade = checked.grade
    return {
        "grade": grade.title.text(LANG),
        "score": grade.score,
        "vetoes": [veto.check for veto in grade.vetoes],
        "possible_vetoes": [veto.check for veto in grade.possible_vetoes],
        "deductions": [
            {
                "check": one.check,
                "section": one.section.id,
                "findings": one.findings,
                "lost": one.lost,
                "counted": one.counted,
            }
            for one in grade.deductions
        ],
        "statuses": {one.rule.id: one.status for one in checked.results},
        "findings": checked.findings(),
    }
