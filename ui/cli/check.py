"""``drgbridge check``: the records of a file against the quality rules."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.cli import check_documents
from ui.cli.common import EditionOption, JsonOption, ProfileOption
from ui.cli.exits import DONE_WITH_REJECTIONS
from ui.cli.language import LANG, visible
from ui.cli.rules import word

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from drg.quality.document.engine import CheckedRecord
    from drg.quality.engine import Checked, RuleOutcome
    from drg.quality.files import FoundRecord, Request, Summary
    from drg.quality.rule import Rule
    from drg.quality.score import DefectCounter
    from ui.cli.files import NewFiles
    from ui.cli.output import Writer

HELP = word("check_help")
ALL_RULES = "all"
"""The rule set with which the checks of documents run too."""
TOLD_DEFECTS = 10
TOLD_REJECTIONS = 20


def check(
    source: Annotated[Path, typer.Argument(metavar="IN", help=word("check_in_help"))],
    rules: Annotated[str, typer.Option("--rules", metavar="SET", help=word("rules_option_help"))] = "all",
    scheme: Annotated[
        str | None, typer.Option("--scheme", metavar="ID|DIR", help=word("scheme_help"))
    ] = None,
    contract: Annotated[
        str | None, typer.Option("--contract", metavar="ID|FILE", help=word("contract_help"))
    ] = None,
    profile: ProfileOption = None,
    edition: EditionOption = None,
    appeals: Annotated[
        Path | None, typer.Option("--appeals", metavar="FILE", help=word("appeals_help"))
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="OUT", help=word("check_out_help"))] = None,
    case: Annotated[str | None, typer.Option("--case", metavar="ID", help=word("case_help"))] = None,
    run_date: Annotated[
        str | None, typer.Option("--date", metavar="DATE", help=word("run_date_help"))
    ] = None,
    indicators: Annotated[
        bool, typer.Option("--indicators", help=check_documents.word("indicators_help"))
    ] = False,
    top_defects: Annotated[
        str | None, typer.Option("--top-defects", metavar="BY", help=word("top_defects_help"))
    ] = None,
    json: JsonOption = False,
) -> None:
    """See ``check_help`` in ``ui/texts/quality.toml``."""
    from drg.quality.appeals import Appeals, read_appeals
    from drg.quality.files import Request, check_case
    from drg.quality.known_rules import known_rules
    from drg.quality.registry import load_rules, select

    if contract is not None and scheme is None:
        raise typer.BadParameter(word("contract_alone"), param_hint="'--contract'")
    day = day_of(run_date)
    request = Request(
        path=source,
        rules=select(load_rules().values(), rules),
        run_date=day,
        profile=profile,
        edition={"nhsa": "nhsa-2.0", "clinical": "clinical-2.0", None: None}[edition],
        scheme=scheme,
        contract=contract,
        appeals=Appeals() if appeals is None else read_appeals(appeals, known_rules()),
        lang=LANG,
    )
    if case is None:
        counter = _counter(top_defects)
        _check_all(request, load_rules(), out, json, _Documents(rules == ALL_RULES, indicators), counter)
        return
    found = check_case(request, case)
    if found is None:
        raise typer.BadParameter(word("case_not_found", case=case), param_hint="'--case'")
    documents = check_documents.checked_case(request, case) if rules == ALL_RULES else None
    _tell_case(found, case, json, documents)


def _counter(by: str | None) -> DefectCounter | None:
    from drg.quality.score import GROUPINGS, DefectCounter

    if by is None:
        return None
    if by not in GROUPINGS:
        raise typer.BadParameter(word("top_defects_by", known=GROUPINGS), param_hint="'--top-defects'")
    return DefectCounter(by)


def day_of(text: str | None, option: str = "--date") -> dt.date:
    """The day that an option names; today where it is not given."""
    if text is None:
        return dt.date.today()
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(word("date_bad", value=text), param_hint=f"'{option}'") from None


@dataclass(frozen=True)
class _Documents:
    """Whether the document checks run, and whether their indicators are printed."""

    wanted: bool
    indicators: bool


def _check_all(
    request: Request,
    by_id: Mapping[str, Rule],
    out: Path | None,
    json: bool,
    asked: _Documents,
    counter: DefectCounter | None,
) -> None:
    from drg.quality.files import check_file
    from ui.cli import output, progress
    from ui.cli.files import NewFiles

    if out is not None and out.suffix.lower() not in output.FILE_WRITERS:
        raise typer.BadParameter(word("out_kind", known=tuple(output.FILE_WRITERS)), param_hint="'--out'")
    with NewFiles(request.path) as files:
        sink = _FileSink(files, out, by_id, counter)
        with progress.shown(None) as update:
            summary = check_file(request, sink, update)
        sink.close()
        documents = check_documents.run(request, out, files, asked.indicators) if asked.wanted else None
    if json:
        more = {} if documents is None else {"documents": documents.as_json(asked.indicators)}
        if counter is not None:
            more["top_defects"] = counter.table()
        output.print_json(_as_json(summary, request.rules) | more)
    else:
        lines = _summary_lines(summary, by_id, len(request.rules))
        lines += [] if counter is None else _defect_lines(counter.table(), by_id)
        lines += [] if documents is None else documents.lines(asked.indicators)
        print(visible("\n".join(lines)))
    told = [*_rejection_lines(summary, sink), *sink.written_lines()]
    told += [] if documents is None else documents.written_lines()
    if told:
        print(visible("\n".join(told)), file=sys.stderr)
    if summary.rejected:
        raise typer.Exit(DONE_WITH_REJECTIONS)


class _FileSink:
    """Findings, scores and rejections to files; without a file the first rejections are kept in ``told``."""

    def __init__(
        self, files: NewFiles, out: Path | None, by_id: Mapping[str, Rule], counter: DefectCounter | None
    ):
        from ui.cli import output

        self.told: list[dict[str, Any]] = []
        self._by_id = by_id
        self._counter = counter
        self._files = files
        self._out = out
        self._writers: dict[str, Writer] = {}
        self._paths: dict[str, Path] = {}
        if out is not None:
            self._paths = {
                "records": out.with_suffix(f".records{out.suffix}"),
                "rejections": out.with_suffix(".rejections.csv"),
                "findings": out,
            }
            for kind, path in self._paths.items():
                self._writers[kind] = output.FILE_WRITERS[path.suffix.lower()](files.begin(path, "--out"))

    def write(self, checked: Checked) -> None:
        """See ``drg.quality.files.Sink``."""
        if self._counter is not None:
            self._counter.add(checked.findings, checked.records)
        if self._out is None:
            return
        from drg.quality.finding import texts_of

        self._writers["findings"].write(texts_of(checked.findings, self._by_id, LANG))
        self._writers["records"].write(checked.records)

    def reject(self, rejections: pa.Table) -> None:
        """See ``drg.quality.files.Sink``."""
        from drg.records import render_rejections

        if self._out is not None:
            self._writers["rejections"].write(render_rejections(rejections, LANG))
        first = rejections.slice(0, TOLD_REJECTIONS - len(self.told))
        self.told += render_rejections(first, LANG).to_pylist()

    def close(self) -> None:
        """Complete the files; that of the rejections only where there are some."""
        for writer in self._writers.values():
            writer.close()
        if self._out is not None and not self.told:
            self._files.drop(self._paths.pop("rejections"))

    def written_lines(self) -> list[str]:
        return [word("written", kind=word(f"file_{kind}"), path=path) for kind, path in self._paths.items()]


def _summary_lines(summary: Summary, by_id: Mapping[str, Rule], rules: int) -> list[str]:
    mean = _mean_score(summary)
    lines = [
        word(
            "checked",
            records=f"{summary.records:,}",
            rules=rules,
            blocked=f"{summary.blocked:,}",
            blocked_share=_share(summary.blocked, summary),
            findings=f"{summary.findings:,}",
        ),
        word("mean_score", score="-" if mean is None else f"{mean:.1f}"),
    ]
    if summary.silenced:
        lines.append(word("silenced", silenced=f"{summary.silenced:,}"))
    lines += [
        word("grade_line", grade=grade, count=f"{count:,}", share=_share(count, summary))
        for grade, count in summary.grades.most_common()
    ]
    found = sorted(summary.counts.to_pylist(), key=lambda line: -line["hit"])
    most = [line for line in found[:TOLD_DEFECTS] if line["hit"]]
    if most:
        lines.append(word("top_defects"))
    for line in most:
        rule = by_id[line["rule"]]
        lines.append(
            word(
                "defect_line",
                rule=rule.id,
                severity=word(f"severity_{rule.severity}"),
                count=f"{line['hit']:,}",
                share=_share(line["hit"], summary),
                title=rule.title.text(LANG),
            )
        )
    return lines


def _defect_lines(defects: pa.Table, by_id: Mapping[str, Rule]) -> list[str]:
    """The most frequent defects with the department, doctor or month that they are of."""
    by = defects.column_names[0]
    told = [word("top_defects_head", by=word(f"by_{by}"))]
    for line in defects.slice(0, TOLD_DEFECTS).to_pylist():
        rule = by_id[line["rule"]]
        told.append(
            word(
                "top_defects_line",
                value=line[by] or "-",
                rule=rule.id,
                severity=word(f"severity_{line['severity']}"),
                count=f"{line['count']:,}",
                share=f"{line['share']:.1%}",
                title=rule.title.text(LANG),
            )
        )
    return told


def _mean_score(summary: Summary) -> float | None:
    """The mean score of the records; ``None`` where there is no record."""
    return summary.score_sum / summary.records if summary.records else None


def _share(count: int, summary: Summary) -> str:
    """A part of the records in per cent; ``-`` where there is no record."""
    return f"{count / summary.records:.1%}" if summary.records else "-"


def _rejection_lines(summary: Summary, sink: _FileSink) -> list[str]:
    if not summary.rejected:
        return []
    lines = [word("rejected", count=f"{summary.rejected:,}")]
    return lines + [
        "  " + word("rejected_case", row=line["row"], text=line["reason_text"], remedy=line["remedy"])
        for line in sink.told
    ]


def _as_json(summary: Summary, rules: Any) -> dict[str, Any]:
    return {
        "records": summary.records,
        "rejected": summary.rejected,
        "blocked": summary.blocked,
        "findings": summary.findings,
        "silenced": summary.silenced,
        "mean_score": _mean_score(summary),
        "grades": summary.grades,
        "rules": [rule.id for rule in rules],
        "counts": summary.counts,
    }


def _tell_case(found: FoundRecord, case: str, json: bool, documents: CheckedRecord | None) -> None:
    from drg.records import render_rejections
    from ui.cli import output

    if found.rejections.num_rows:
        for line in render_rejections(found.rejections, LANG).to_pylist():
            text = word("rejected_case", row=line["row"], text=line["reason_text"], remedy=line["remedy"])
            print(visible(text), file=sys.stderr)
        raise typer.Exit(DONE_WITH_REJECTIONS)
    if json:
        more = {} if documents is None else {"documents": check_documents.case_json(documents)}
        rules = [_outcome_json(one) for one in found.outcomes]
        output.print_json({"record": found.summary, "rules": rules} | more)
        return
    lines = _case_lines(found, case)
    if documents is not None:
        lines += ["", *check_documents.record_lines(documents, traced=True)]
    print(visible("\n".join(lines)))


def _outcome_json(outcome: RuleOutcome) -> dict[str, Any]:
    from drg.quality.finding import render

    findings = [{**line, "message": render(line, outcome.rule, LANG).message} for line in outcome.findings]
    return {
        "rule": outcome.rule.id,
        "severity": outcome.rule.severity,
        "status": outcome.status,
        "missing": outcome.missing,
        "findings": findings,
    }


def _case_lines(found: FoundRecord, case: str) -> list[str]:
    from drg.quality.labels import named_field
    from drg.quality.rule import SEVERITIES

    statuses = [outcome.status for outcome in found.outcomes]
    summary = found.summary
    head = {"row": summary["row"], "score": f"{summary['score']:g}", "grade": summary["grade"]}
    lines = [
        word("case_head", case=case, **head),
        word(
            "case_counts",
            hit=statuses.count("hit"),
            passed=statuses.count("pass"),
            silenced=statuses.count("silenced"),
            not_applicable=statuses.count("not_applicable"),
        ),
    ]
    hits = [outcome for outcome in found.outcomes if outcome.findings]
    for outcome in sorted(hits, key=lambda outcome: SEVERITIES.index(outcome.rule.severity)):
        lines += _finding_lines(outcome)
    missing: dict[str, list[str]] = {}
    for outcome in found.outcomes:
        for name in outcome.missing:
            missing.setdefault(name, []).append(outcome.rule.id)
    if missing:
        lines += ["", word("case_missing")]
        lines += [
            word("missing_line", field=named_field(name, LANG), rules=tuple(ids))
            for name, ids in missing.items()
        ]
    return lines


def _finding_lines(outcome: RuleOutcome) -> list[str]:
    from drg.quality.finding import evidence_text, render
    from drg.quality.labels import place

    lines = []
    for finding in outcome.findings:
        texts = render(finding, outcome.rule, LANG)
        severity = word(
            "status_silenced" if outcome.status == "silenced" else f"severity_{outcome.rule.severity}"
        )
        lines += [
            "",
            f"[{severity}] {outcome.rule.id}  {texts.message}",
            f"  {word('field')}: {place(finding['field'], finding['position'], LANG)}",
            f"  {word('evidence')}: {evidence_text(finding['evidence'], LANG)}",
            f"  {word('remedy')}: {texts.remedy}",
            f"  {word('payer')}: {texts.payer}",
            f"  {word('basis')}: {texts.basis}",
        ]
    return lines
