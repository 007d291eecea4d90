"""All quality rules: the files of ``rules/``, the rows of ``fields.csv``, and the sets of ``rule_sets.toml``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from drg.errors import InputError, Problem, input_error
from drg.quality.plain_checks import load_plain_rules, read_rows
from drg.quality.rule import Category, Rule, RuleFile, Severity, Wording, load_rule
from drg.quality.vocabulary import Vocabulary, load_vocabulary

HOME = Path(__file__).parent


@dataclass(frozen=True)
class Library:
    """Where rules come from: a folder of rule files and a table of plain checks. ``model``: what a file looks like."""

    folder: Path = HOME / "rules"
    plain: Path = HOME / "fields.csv"
    model: type[RuleFile] = RuleFile

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*/*.toml"))

    def ids(self) -> list[str]:
        """The ids of all rules, by file name and table row; nothing is checked."""
        return sorted(
            {path.stem for path in self.files()} | {row["rule"] for _, row in read_rows(self.plain)}
        )

    def rule(self, id: str, vocabulary: Vocabulary) -> Rule:
        """One rule, without reading the others. Raises ``InputError`` where it is wrong or not there."""
        found = [load_rule(path, vocabulary, self.model) for path in self.folder.glob(f"*/{id}.toml")]
        found += load_plain_rules(self.plain, vocabulary, only=id)
        if len(found) > 1:
            raise input_error("quality.rule_twice", id, id=id)
        if not found:
            raise input_error("quality.rule_unknown", id=id)
        return found[0]

    def rules(self, vocabulary: Vocabulary) -> dict[str, Rule]:
        """All rules in the order of precedence. Raises ``InputError`` with everything that is wrong with any."""
        problems: list[Problem] = []
        found: list[Rule] = []
        for path in self.files():
            try:
                found.append(load_rule(path, vocabulary, self.model))
            except InputError as error:
                problems += error.problems
        try:
            found += load_plain_rules(self.plain, vocabulary)
        except InputError as error:
            problems += error.problems
        ids = [rule.id for rule in found]
        problems += [
            Problem("quality.rule_twice", id, {"id": id})
            for id in sorted({id for id in ids if ids.count(id) > 1})
        ]
        if problems:
            raise InputError(problems)
        return {rule.id: rule for rule in sorted(found, key=self.precedence)}

    def precedence(self, rule: Rule) -> tuple[int, str]:
        """Rules run in the order of their categories."""
        return self.model.known_categories.index(rule.category), rule.id


SHIPPED = Library()


@cache
def load_rules() -> Mapping[str, Rule]:
    """The rules that come with the product by id, in the order of precedence; read once a process."""
    return SHIPPED.rules(load_vocabulary())


class RuleSet(BaseModel):
    """A named selection: rules that fit all that is given. Without ``categories`` all categories, and so on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Wording
    categories: tuple[Category, ...] = ()
    without_categories: tuple[Category, ...] = ()
    severities: tuple[Severity, ...] = ()
    rules: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    confirmed_only: bool = False

    def takes(self, rule: Rule) -> bool:
        return (
            (not self.categories or rule.category in self.categories)
            and rule.category not in self.without_categories
            and (not self.severities or rule.severity in self.severities)
            and (not self.rules or rule.id in self.rules)
            and rule.id not in self.without
            and (rule.confirmed or not self.confirmed_only)
        )


@cache
def load_rule_sets() -> Mapping[str, RuleSet]:
    """The sets of ``rule_sets.toml`` by name."""
    import tomllib

    entries: dict[str, Any] = tomllib.loads((HOME / "rule_sets.toml").read_text(encoding="utf-8"))
    return {name: RuleSet.model_validate(entry) for name, entry in entries.items()}


def select(
    rules: Iterable[Rule], rule_set: str = "all", day: dt.date | None = None, jurisdiction: str | None = None
) -> list[Rule]:
    """The rules of a set that are in force on ``day`` (all without one) in ``jurisdiction`` (``CN`` or a region).

    A national rule holds everywhere. Raises ``InputError`` for a set that does not exist.
    """
    sets = load_rule_sets()
    if rule_set not in sets:
        raise input_error("quality.set_unknown", name=rule_set, known=tuple(sets))
    return [
        rule
        for rule in rules
        if sets[rule_set].takes(rule)
        and (day is None or in_force(rule, day))
        and (jurisdiction is None or rule.jurisdiction in ("CN", jurisdiction))
    ]


def in_force(rule: Rule, day: dt.date) -> bool:
    """Whether a rule holds for a discharge on a day."""
    return rule.effective_from <= day and (rule.effective_to is None or day <= rule.effective_to)
