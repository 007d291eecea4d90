"""``drgbridge rules``: the quality rules, listed, shown, and how much of the catalogue they cover."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ui.cli.common import JsonOption
from ui.cli.language import LANG, say, visible
from ui.text import text

if TYPE_CHECKING:
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
    from drg.quality.registry import load_rules
    from drg.quality.rule import CATEGORIES

    if category is not None and category not in CATEGORIES:
        known = ", ".join(CATEGORIES)
        raise typer.BadParameter(word("category_unknown", known=known), param_hint="'--category'")
    rules = [
        rule
        for rule in load_rules().values()
        if category in (None, rule.category) and severity in (None, rule.severity)
    ]
    if json:
        from ui.cli.output import print_json

        print_json([_summary(rule) for rule in rules])
        return
    for rule in rules:
        print(
            visible(
                f"{rule.id}  {word(f'severity_{rule.severity}'):<5}  {rule.category:<13} {rule.title.text(LANG)}"
            )
        )


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

    if id not in SHIPPED.ids() and id in not_scriptable():
        print(word("show_not_scriptable", id=id, reason=not_scriptable()[id].text(LANG)))
        return
    print(visible("\n".join(described(SHIPPED.rule(id, load_vocabulary())))))


def described(rule: Rule) -> list[str]:
    """Everything that a rule says, as lines."""
    state = word("confirmed") if rule.confirmed else word("unconfirmed")
    until = rule.effective_to or "…"
    lines = [
        f"{rule.id}  {rule.title.text(LANG)}",
        f"{word(f'severity_{rule.severity}')} · {rule.category} · {state} · {word('version', version=rule.version)}",
        f"{rule.effective_from} – {until} · {rule.jurisdiction} · {rule.dictionary} · "
        + (word("appealable") if rule.appealable else word("not_appealable")),
        "",
        f"{word('why')}: {rule.why.text(LANG)}",
    ]
    for check in rule.checks:
        lines += [
            "",
            f"{word('field')}: {check.field}",
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
    return [*lines, "", f"{word('payer')}: {rule.payer.text(LANG)}", f"{word('basis')}: {rule.basis}"]


def _example(example: Example) -> str:
    values = ", ".join(f"{name}={value}" for name, value in example.values.items()) or "-"
    return f"{values}  ({example.note})" if example.note else values


@app.command("coverage", help=word("coverage_help"), epilog=say("epilog"))
def show_coverage(json: JsonOption = False) -> None:
    """See ``coverage_help`` in ``ui/texts/quality.toml``."""
    from drg.quality.coverage import coverage

    found = coverage(lang=LANG)
    if json:
        from ui.cli.output import print_json

        print_json(found.as_json(LANG))
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
        print(word("coverage_missing", ids=", ".join(found.missing)))


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
