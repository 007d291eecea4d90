"""What of the rule catalogue is done: found by running the examples of every rule, not written by hand."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drg import messages
from drg.errors import InputError
from drg.quality.example_tests import failures
from drg.quality.labels import category_label, field_label
from drg.quality.registry import SHIPPED, Library
from drg.quality.rule import SEVERITIES, Rule, Wording
from drg.quality.vocabulary import Vocabulary, load_vocabulary

HOME = Path(__file__).parent


@dataclass(frozen=True)
class Coverage:
    """The state of the catalogue by id.

    ``done``: every example does what it should. ``failing``: a rule that does not load, or whose examples fail, with
    the reasons. ``not_scriptable``: what data would be needed. ``missing``: nothing is there.
    """

    done: Mapping[str, Rule]
    failing: Mapping[str, tuple[str, ...]]
    not_scriptable: Mapping[str, Wording]
    missing: tuple[str, ...]


def coverage(
    library: Library = SHIPPED, lang: str = "en", vocabulary: Vocabulary | None = None, home: Path = HOME
) -> Coverage:
    """Run the examples of all rules and compare with the ids of the catalogue; its two files are in ``home``."""
    names = vocabulary or load_vocabulary()
    done: dict[str, Rule] = {}
    failing: dict[str, tuple[str, ...]] = {}
    for id in library.ids():
        try:
            rule = library.rule(id, names)
        except InputError as error:
            failing[id] = (error.render(lang),)
            continue
        reasons = tuple(failure.render(lang) for failure in failures(rule, names))
        if reasons:
            failing[id] = reasons
        else:
            done[id] = rule
    reasons_not = not_scriptable(home)
    known = {*done, *failing, *reasons_not}
    return Coverage(done, failing, reasons_not, tuple(id for id in catalogue_ids(home) if id not in known))


def catalogue_ids(home: Path = HOME) -> list[str]:
    """The ids of the rule catalogue (``coverage.toml``)."""
    ranges = tomllib.loads((home / "coverage.toml").read_text(encoding="utf-8"))["ranges"]
    return [
        f"{entry['prefix']}{number:03}"
        for entry in ranges
        for number in range(entry["first"], entry["last"] + 1)
    ]


def not_scriptable(home: Path = HOME) -> dict[str, Wording]:
    """Ids that cannot be checked with the data we have, with the reason (``not_scriptable.toml``)."""
    path = home / "not_scriptable.toml"
    if not path.exists():
        return {}
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    return {id: Wording.model_validate(entry) for id, entry in sorted(entries.items())}


def index_page(found: Coverage) -> str:
    """``docs/rules.md``: every id of the catalogue with what became of it, in English and Chinese."""
    lines = [
        "# Rule index",
        "",
        "Made by `drgbridge rules index --out docs/rules.md` from the rule files; do not edit.",
        "",
        f"Done, with all examples passing: {len(found.done)}. Not scriptable with the data we have: "
        f"{len(found.not_scriptable)}. Failing: {len(found.failing)}. Missing: {len(found.missing)}.",
        "",
        messages.text("quality.index_severities", "en"),
        "",
        messages.text("quality.index_severities", "zh"),
    ]
    by_category: dict[str, list[Rule]] = {}
    for rule in sorted(found.done.values(), key=SHIPPED.precedence):
        by_category.setdefault(rule.category, []).append(rule)
    for category, rules in by_category.items():
        blocks = " · ".join(f"{name} {sum(rule.severity == name for rule in rules)}" for name in SEVERITIES)
        lines += [
            "",
            f"## {category_label(category, 'en')} · {category_label(category, 'zh')} ({len(rules)}: {blocks})",
            "",
            "| id | severity | rule | 规则 | field | 字段 |",
        ]
        lines += ["|---|---|---|---|---|---|", *map(_line, rules)]
    if found.not_scriptable:
        lines += [
            "",
            "## Not scriptable with the data we have",
            "",
            "| id | reason | 原因 |",
            "|---|---|---|",
        ]
        lines += [f"| {id} | {_cell(why.en)} | {_cell(why.zh)} |" for id, why in found.not_scriptable.items()]
    for title, ids in (("Failing", list(found.failing)), ("Missing", list(found.missing))):
        if ids:
            lines += ["", f"## {title}", "", ", ".join(ids)]
    return "\n".join(lines) + "\n"


def _line(rule: Rule) -> str:
    paths = dict.fromkeys(check.field for check in rule.checks)
    fields = ", ".join(f"`{path}`" for path in paths)
    labels = "、".join(field_label(path, "zh") for path in paths)
    cells = (rule.id, rule.severity, _cell(rule.title.en), _cell(rule.title.zh), fields, _cell(labels))
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
