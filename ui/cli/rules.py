"""``drgbridge rules``: the quality rules, listed, shown, and how much of the catalogue they cover."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from drg.messages import listed
from ui.cli.common import JsonOption
from ui.cli.language import LANG, say, visible
from ui.text import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drg.quality.rule import Example, Rule


def word(key: str, **params: object) -> str:
    """A text of ``ui/texts/quality.toml`` in the language of this run."""
    return text(f"quality.{key}", LANG, **params)


app = typer.Typer(help=word("rules_help"), epilog=say("epilog"), no_args_is_help=True, rich_markup_mode=None)


@app.command("list", help=word("list_help"), epilog=say("epilog"))
def list_rules(
    category: Annotated[str | None, typer.Option("--category", help=word("category_help"))] = None,
    severity: Annotated[
        Literal["block", "warn", "hint"] | None, typer.Option("--severity", help=word("severity_help"))
    ] = None,
    json: JsonOption = False,
) -> None:
    """See ``list_help`` in ``ui/texts/quality.toml``."""
    from drg.quality.labels import category_label
    from drg.quality.registry import load_rules
    from drg.quality.rule import CATEGORIES

    labels: dict[str, str] = {one: category_label(one, LANG) for one in CATEGORIES}
    chosen = [one for one, label in labels.items() if category in (None, one, label)]
    if not chosen:
        known = tuple(one if one == label else f"{one} ({label})" for one, label in labels.items())
        raise typer.BadParameter(word("category_unknown", known=known), param_hint="'--category'")
    rules = [
        rule
        for rule in load_rules().values()
        if rule.category in chosen and severity in (None, rule.severity)
    ]
    if json:
        from ui.cli.output import print_json

        print_json([_summary(rule) for rule in rules])
        return
    width = max(map(_width, labels.values()))
    for rule in rules:
        label = labels[rule.category]
        padding = " " * (width - _width(label))
        shown = f"{word(f'severity_{rule.severity}'):<5}  {label}{padding}  {rule.title.text(LANG)}"
        print(visible(f"{rule.id}  {shown}"))


def _width(label: str) -> int:
    """Columns of a terminal; a Chinese sign is as wide as two letters."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in label)


def _summary(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "version": rule.version,
        "category": rule.category,
        "severity": rule.severity,
        "confirmed": rule.confirmed,
        "title": rule.title.text(LANG),
        "fields": list(dict.fromkeys(check.field for check in rule.checks)),
    }


@app.command("show", help=word("show_help"), epilog=say("epilog"))
def show(id: Annotated[str, typer.Argument(metavar="ID", help=word("id_help"))]) -> None:
    """See ``show_help`` in ``ui/texts/quality.toml``."""
    from drg.quality.coverage import not_scriptable
    from drg.quality.registry import SHIPPED
    from drg.quality.vocabulary import load_vocabulary
    from ui.cli.check_documents import described as described_documents

    lines = described_documents(id)
    if lines is not None:
        print(visible("\n".join(lines)))
        return
    if id not in SHIPPED.ids() and id in not_scriptable():
        print(word("show_not_scriptable", id=id, reason=not_scriptable()[id].text(LANG)))
        return
    print(visible("\n".join(described(SHIPPED.rule(id, load_vocabulary())))))


def described(rule: Rule) -> list[str]:
    """Everything that a rule says, as lines."""
    from drg.quality.labels import category_label, dictionary_label, jurisdiction_label, named_field

    kind = (
        word(f"severity_{rule.severity}"),
        category_label(rule.category, LANG),
        word("confirmed") if rule.confirmed else word("unconfirmed"),
        word("version", version=rule.version),
    )
    holds = (
        _in_force(rule),
        jurisdiction_label(rule.jurisdiction, LANG),
        dictionary_label(rule.dictionary, LANG),
        word("appealable") if rule.appealable else word("not_appealable"),
    )
    lines = [
        f"{rule.id}  {rule.title.text(LANG)}",
        " · ".join(kind),
        " · ".join(holds),
        "",
        f"{word('why')}: {rule.why.text(LANG)}",
    ]
    for check in rule.checks:
        lines += [
            "",
            f"{word('field')}: {named_field(check.field, LANG)}",
            f"{word('condition')}: {' '.join(check.text.split())}",
        ]
        if check.exceptions_text:
            lines.append(f"{word('exceptions')}: {' '.join(check.exceptions_text.split())}")
        lines += [
            f"{word('message')}: {check.message.text(LANG)}",
            f"{word('remedy')}: {check.remedy.text(LANG)}",
            *(f"{word('bad')}: {_example(example)}" for example in check.bad),
            *(f"{word('good')}: {_example(example)}" for example in check.good),
        ]
    return [
        *lines,
        "",
        f"{word('payer')}: {rule.payer.text(LANG)}",
        f"{word('basis')}: {rule.basis.text(LANG)}",
    ]


def _in_force(rule: Rule) -> str:
    if rule.effective_to is None:
        return word("in_force_since", first=rule.effective_from)
    return word("in_force_between", first=rule.effective_from, last=rule.effective_to)


def _example(example: Example) -> str:
    """The values of an example; its note, which is in English, is not shown in Chinese."""
    pairs = (pair for name, value in example.values.items() for pair in _pairs(name, value))
    values = listed(pairs, LANG) or "-"
    return f"{values}  ({example.note})" if example.note and LANG == "en" else values


def _pairs(name: str, value: Any) -> Iterator[str]:
    """A field of an example with its value, those of several rows as in ``fields.csv``: ``A00.000|B00.100``."""
    from drg.quality.labels import named_field

    rows = value if isinstance(value, list) else [value]
    if rows and all(isinstance(row, dict) for row in rows):
        for key in dict.fromkeys(key for row in rows for key in row):
            texts = "|".join(str(row.get(key, "")) for row in rows)
            yield f"{named_field(f'{name}.{key}', LANG)}={texts}"
    else:
        yield f"{named_field(name, LANG)}={'|'.join(map(str, rows))}"


@app.command("coverage", help=word("coverage_help"), epilog=say("epilog"))
def show_coverage(json: JsonOption = False) -> None:
    """See ``coverage_help`` in ``ui/texts/quality.toml``."""
    from drg.quality.coverage import coverage
    from drg.quality.document.coverage import document_coverage
    from ui.cli import check_documents

    found, documents = coverage(lang=LANG), document_coverage(LANG)
    if json:
        from ui.cli.output import print_json

        print_json(
            {
                "done": [*found.done, *documents.done],
                "not_scriptable": {
                    id: reason.text(LANG)
                    for id, reason in {**found.not_scriptable, **documents.not_scriptable}.items()
                },
                "failing": {**found.failing, **documents.failing},
                "missing": [*found.missing, *documents.missing],
            }
        )
        return
    print(
        word(
            "coverage_counts",
            done=len(found.done),
            not_scriptable=len(found.not_scriptable),
            failing=len(found.failing),
            missing=len(found.missing),
        )
    )
    for id, reason in found.not_scriptable.items():
        print(f"{id}  {reason.text(LANG)}")
    for reasons in found.failing.values():
        print(visible("\n".join(reasons)))
    if found.missing:
        print(word("coverage_missing", ids=tuple(found.missing)))
    print(visible("\n".join(check_documents.coverage_lines(documents))))


@app.command("index", help=word("index_help"), epilog=say("epilog"))
def index(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=word("index_out_help"))],
) -> None:
    """See ``index_help`` in ``ui/texts/quality.toml``."""
    from drg.quality.coverage import coverage, index_page

    out.write_text(index_page(coverage()), encoding="utf-8")


@app.command("test", help=word("test_help"), epilog=say("epilog"))
def test(id: Annotated[str | None, typer.Argument(metavar="[ID]", help=word("id_help"))] = None) -> None:
    """See ``test_help`` in ``ui/texts/quality.toml``."""
    from drg.errors import InputError
    from drg.quality.example_tests import failures
    from drg.quality.registry import SHIPPED
    from drg.quality.vocabulary import load_vocabulary
    from ui.cli import exits

    failed = 0
    ids = SHIPPED.ids() if id is None else [id]
    for one in ids:
        try:
            problems = [failure.render(LANG) for failure in failures(SHIPPED.rule(one, load_vocabulary()))]
        except InputError as error:
            problems = [error.render(LANG)]
        failed += bool(problems)
        for problem in problems:
            print(visible(problem))
    print(word("tested", rules=len(ids), failed=failed))
    if failed:
        raise typer.Exit(exits.INVALID)
