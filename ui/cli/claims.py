"""``drgbridge claims``: claims checked by rules, the rules, and the knowledge points that they use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ui.cli.common import EditionOption, JsonOption, ProfileOption
from ui.cli.exits import DONE_WITH_REJECTIONS, INVALID
from ui.cli.language import LANG, say, visible
from ui.text import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from claims.rules.check import Request, Summary
    from drg.quality.engine import Checked
    from drg.quality.rule import Example, Rule
    from ui.cli.files import NewFiles
    from ui.cli.output import Writer

TOLD = 15
TOLD_REJECTIONS = 20


def word(key: str, **params: object) -> str:
    """A text of ``ui/texts/claims.toml`` in the language of this run."""
    return text(f"claims.{key}", LANG, **params)


def _group(key: str) -> typer.Typer:
    return typer.Typer(help=word(key), epilog=say("epilog"), no_args_is_help=True, rich_markup_mode=None)


app = _group("claims_help")
rules_app = _group("rules_help")
knowledge_app = _group("knowledge_group_help")
app.add_typer(rules_app, name="rules")
app.add_typer(knowledge_app, name="knowledge")


@app.command("check", help=word("check_help"), epilog=say("epilog"))
def check(
    source: Annotated[Path, typer.Argument(metavar="IN", help=word("in_help"))],
    fees: Annotated[Path | None, typer.Option("--fees", metavar="FEES", help=word("fees_help"))] = None,
    region: Annotated[str, typer.Option("--region", metavar="CODE", help=word("region_help"))] = "CN",
    parameters: Annotated[
        list[Path] | None, typer.Option("--parameters", metavar="FILE", help=word("parameters_help"))
    ] = None,
    knowledge: Annotated[
        Path | None, typer.Option("--knowledge", metavar="FOLDER", help=word("knowledge_help"))
    ] = None,
    scheme: Annotated[str | None, typer.Option("--scheme", metavar="ID|DIR", help=say("scheme_help"))] = None,
    contract: Annotated[
        str | None, typer.Option("--contract", metavar="ID|FILE", help=text("quality.contract_help", LANG))
    ] = None,
    profile: ProfileOption = None,
    edition: EditionOption = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="OUT", help=word("out_help"))] = None,
    run_date: Annotated[
        str | None, typer.Option("--date", metavar="DATE", help=text("quality.run_date_help", LANG))
    ] = None,
    json: JsonOption = False,
) -> None:
    """See ``check_help`` in ``ui/texts/claims.toml``."""
    from claims.knowledge.points import load_knowledge
    from claims.lines import ClaimSource
    from claims.parameters.settings import load_parameters
    from claims.rules.check import Request, check_claims
    from claims.rules.library import LIBRARY, vocabulary
    from ui.cli import output, progress
    from ui.cli.check import day_of
    from ui.cli.files import NewFiles

    if contract is not None and scheme is None:
        raise typer.BadParameter(text("quality.contract_alone", LANG), param_hint="'--contract'")
    if out is not None and out.suffix.lower() not in output.FILE_WRITERS:
        known = ", ".join(output.FILE_WRITERS)
        raise typer.BadParameter(word("out_kind", known=known), param_hint="'--out'")
    points = load_knowledge(knowledge)
    names = vocabulary(points, load_parameters(parameters or (), region))
    request = Request(
        source=ClaimSource(source, fees, profile),
        rules=list(LIBRARY.rules(names).values()),
        run_date=day_of(run_date),
        vocabulary=names,
        edition={"nhsa": "nhsa-2.0", "clinical": "clinical-2.0", None: None}[edition],
        scheme=scheme,
        contract=contract,
    )
    with NewFiles(source) as files:
        sink = _FileSink(files, out, request)
        with progress.shown(None) as update:
            summary = check_claims(request, sink, update)
        sink.close()
    if json:
        output.print_json(_as_json(summary, request))
    else:
        print(visible("\n".join(_lines(summary, request.rules))))
        if knowledge is None:
            print(word("sample_used", points=points.size), file=sys.stderr)
    told = [*sink.rejection_lines(summary.rejected), *sink.written_lines()]
    if told:
        print(visible("\n".join(told)), file=sys.stderr)
    if summary.rejected:
        raise typer.Exit(DONE_WITH_REJECTIONS)


class _FileSink:
    """Findings, claims and rejections to files; the first rejections are kept to be told."""

    def __init__(self, files: NewFiles, out: Path | None, request: Request):
        from ui.cli import output

        self._told: list[dict[str, Any]] = []
        self._files = files
        self._request = request
        self._writers: dict[str, Writer] = {}
        self._paths: dict[str, Path] = {}
        if out is not None:
            self._paths = {
                "claims": out.with_suffix(f".claims{out.suffix}"),
                "rejections": out.with_suffix(".rejections.csv"),
                "findings": out,
            }
            for kind, path in self._paths.items():
                self._writers[kind] = output.FILE_WRITERS[path.suffix.lower()](files.begin(path, "--out"))

    def write(self, checked: Checked) -> None:
        """See ``drg.quality.files.Sink``."""
        from claims.rules.check import in_words

        if self._writers:
            request = self._request
            self._writers["findings"].write(
                in_words(checked.findings, request.rules, LANG, request.vocabulary)
            )
            self._writers["claims"].write(checked.records)

    def reject(self, rejections: pa.Table) -> None:
        """See ``drg.quality.files.Sink``."""
        from drg.records import render_rejections

        if self._writers:
            self._writers["rejections"].write(render_rejections(rejections, LANG))
        first = rejections.slice(0, TOLD_REJECTIONS - len(self._told))
        self._told += render_rejections(first, LANG).to_pylist()

    def close(self) -> None:
        """Complete the files; that of the rejections only where there are some."""
        for writer in self._writers.values():
            writer.close()
        if self._writers and not self._told:
            self._files.drop(self._paths.pop("rejections"))

    def rejection_lines(self, count: int) -> list[str]:
        if not count:
            return []
        return [word("rejected", count=f"{count:,}")] + [
            word("rejected_row", row=line["row"], text=line["reason_text"], remedy=line["remedy"])
            for line in self._told
        ]

    def written_lines(self) -> list[str]:
        return [word("written", kind=word(f"file_{kind}"), path=path) for kind, path in self._paths.items()]


def _lines(summary: Summary, rules: Sequence[Rule]) -> list[str]:
    claims = max(summary.claims, 1)
    lines = [
        word(
            "checked",
            claims=f"{summary.claims:,}",
            rules=len(rules),
            suspected=f"{summary.suspected:,}",
            suspected_share=f"{summary.suspected / claims:.1%}",
            findings=f"{summary.findings:,}",
        )
    ]
    by_id = {rule.id: rule for rule in rules}
    most = [line for line in sorted(summary.counts.to_pylist(), key=lambda line: -line["hit"]) if line["hit"]]
    if most:
        lines.append(word("top"))
    return lines + [
        word(
            "line",
            rule=line["rule"],
            severity=word(f"severity_{by_id[line['rule']].severity}"),
            count=f"{line['hit']:,}",
            share=f"{line['hit'] / claims:.1%}",
            title=by_id[line["rule"]].title.text(LANG),
        )
        for line in most[:TOLD]
    ]


def _as_json(summary: Summary, request: Request) -> dict[str, Any]:
    return {
        "claims": summary.claims,
        "rejected": summary.rejected,
        "suspected": summary.suspected,
        "findings": summary.findings,
        "rules": [rule.id for rule in request.rules],
        "counts": summary.counts,
    }


@rules_app.command("list", help=word("list_help"), epilog=say("epilog"))
def list_rules(
    severity: Annotated[Literal["suspicion", "clue"] | None, typer.Option("--severity")] = None,
    json: JsonOption = False,
) -> None:
    """See ``list_help`` in ``ui/texts/claims.toml``."""
    from claims.rules.catalogue import all_rules

    rules = [rule for rule in all_rules().values() if severity in (None, rule.severity)]
    if json:
        from ui.cli.output import print_json

        print_json(
            [
                {
                    "id": rule.id,
                    "category": rule.category,
                    "severity": rule.severity,
                    "confirmed": rule.confirmed,
                    "needs": rule.needs,
                    "title": rule.title.text(LANG),
                }
                for rule in rules
            ]
        )
        return
    for rule in rules:
        level = word(f"severity_{rule.severity}")
        print(visible(f"{rule.id}  {level}  {word(f'category_{rule.category}')}  {rule.title.text(LANG)}"))


@rules_app.command("show", help=word("show_help"), epilog=say("epilog"))
def show(id: Annotated[str, typer.Argument(metavar="ID", help=word("id_help"))]) -> None:
    """See ``show_help`` in ``ui/texts/claims.toml``."""
    from claims.across.rule import load_across_rules
    from claims.errors import input_error
    from claims.rules.library import LIBRARY, RULES, planned, sample_vocabulary
    from drg.quality.coverage import not_scriptable

    for key, reasons in (("show_planned", planned()), ("show_not_scriptable", not_scriptable(RULES))):
        if id in reasons:
            print(visible(word(key, id=id, reason=reasons[id].text(LANG))))
            return
    across = load_across_rules().get(id)
    if across is not None:
        from ui.cli.claims_across import described

        print(visible("\n".join(described(across))))
        return
    if id not in LIBRARY.ids():
        raise input_error("claims.rule_unknown", id=id)
    rule = LIBRARY.rule(id, sample_vocabulary())
    print(visible("\n".join(_described(rule))))


def _described(rule: Rule) -> list[str]:
    """Everything that a rule says, as lines."""
    lines = [
        f"{rule.id}  {rule.title.text(LANG)}",
        f"{word(f'severity_{rule.severity}')} · {word(f'category_{rule.category}')} · "
        f"{rule.effective_from} – {rule.effective_to or '…'}",
        f"{word('needs')}: {', '.join(word(f'need_{need}') for need in rule.needs)}",
        "",
        f"{word('why')}: {rule.why.text(LANG)}",
    ]
    for check in rule.checks:
        lines.append(f"{word('condition')}: {' '.join(check.text.split())}")
        if check.exceptions_text:
            lines.append(f"{word('exceptions')}: {' '.join(check.exceptions_text.split())}")
        lines += [
            f"{word('message')}: {check.message.text(LANG)}",
            f"{word('analyst')}: {check.remedy.text(LANG)}",
            f"{word('hospital')}: {rule.payer.text(LANG)}",
            *(f"{word('bad')}: {_example(example)}" for example in check.bad),
            *(f"{word('good')}: {_example(example)}" for example in check.good),
        ]
    return [*lines, f"{word('basis')}: {rule.basis.text(LANG)}"]


def _example(example: Example) -> str:
    values = ", ".join(f"{name}={value}" for name, value in example.values.items())
    return f"{values}  ({example.note})"


@rules_app.command("coverage", help=word("coverage_help"), epilog=say("epilog"))
def show_coverage(json: JsonOption = False) -> None:
    """See ``coverage_help`` in ``ui/texts/claims.toml``."""
    from claims.rules.catalogue import claim_coverage

    found = claim_coverage(LANG)
    if json:
        from ui.cli.output import print_json

        print_json(
            {
                "done": list(found.done),
                "planned": {id: reason.text(LANG) for id, reason in found.planned.items()},
                "not_scriptable": {id: reason.text(LANG) for id, reason in found.not_scriptable.items()},
                "failing": {id: list(reasons) for id, reasons in found.failing.items()},
                "missing": list(found.missing),
            }
        )
        return
    print(
        word(
            "coverage_counts",
            done=len({id[:4] for id in found.done}),
            planned=len(found.planned),
            not_scriptable=len(found.not_scriptable),
            failing=len(found.failing),
            missing=len(found.missing),
        )
    )
    for id, reason in (*found.planned.items(), *found.not_scriptable.items()):
        print(visible(f"{id}  {reason.text(LANG)}"))
    for lines in found.failing.values():
        print(visible("\n".join(lines)))


@knowledge_app.command("import", help=word("import_help"), epilog=say("epilog"))
def import_knowledge(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=word("import_file_help"))],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help=word("import_out_help"))],
    kind: Annotated[str | None, typer.Option("--kind", help=word("kind_help"))] = None,
) -> None:
    """See ``import_help`` in ``ui/texts/claims.toml``."""
    from claims.knowledge.points import kind_title
    from claims.knowledge.workbook import read_workbook, write_folder
    from claims.messages import text as claim_text

    found = read_workbook(file, kind)
    count = len(found.limits) + len(found.pairs)
    title = kind_title(found.kind, LANG)
    if count:
        write_folder(found, out)
        told = {"count": f"{count:,}", "folder": out, "skipped": f"{len(found.skipped):,}"}
        print(word("imported", kind=title, **told))
    else:
        print(word("nothing_imported", kind=title), file=sys.stderr)
    for one in found.skipped[:TOLD_REJECTIONS]:
        reason = claim_text(one.reason, LANG, value=one.value)
        print(visible(word("skipped", place=one.place, reason=reason)), file=sys.stderr)
    if not count:
        raise typer.Exit(INVALID)
    if found.skipped:
        raise typer.Exit(DONE_WITH_REJECTIONS)
