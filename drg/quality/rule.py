"""A quality rule: what is checked, why, and how coder and payer read a finding. One TOML file a rule."""

from __future__ import annotations

import datetime as dt
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from drg.errors import InputError, Problem
from drg.messages import LANGUAGES
from drg.quality.condition import Node, fields_of, groups_of, parse_condition
from drg.quality.dictionary import Edition
from drg.quality.vocabulary import Vocabulary
from drg.scheme.pack import read_toml

Severity = Literal["block", "warn", "hint"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)

Category = Literal[
    "completeness",
    "values",
    "time",
    "person",
    "principal_dx",
    "sex",
    "age",
    "newborn",
    "obstetrics",
    "combination",
    "exclusion",
    "additional",
    "tumour",
    "injury",
    "procedure",
    "consistency",
    "money",
    "settlement",
    "grouping",
]
CATEGORIES: tuple[Category, ...] = get_args(Category)
"""In the order of precedence: what later categories need is checked by earlier ones."""

FINDING_PLACEHOLDERS = ("codes", "value")


class Wording(BaseModel):
    """A text in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)

    def text(self, lang: str) -> str:
        """The text in ``en`` or ``zh``."""
        return self.zh if lang == "zh" else self.en


class Example(BaseModel):
    """A minimal record: field = text, group = rows; see :mod:`drg.quality.examples`. ``note`` says what it shows."""

    model_config = ConfigDict(frozen=True, extra="allow")

    note: str = ""

    @property
    def values(self) -> dict[str, Any]:
        return self.model_extra or {}


class RuleFile(BaseModel):
    """A rule as its file says it. Another library of rules has categories and severities of its own (a subclass):
    a rule that is not confirmed has the last severity.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    known_categories: ClassVar[tuple[str, ...]] = CATEGORIES
    known_severities: ClassVar[tuple[str, ...]] = SEVERITIES

    id: str = Field(pattern=r"^[A-Z]{1,3}[0-9]{2,4}[a-z]?$")
    version: int = Field(ge=1)
    category: str
    severity: str
    confirmed: bool
    needs: tuple[str, ...] = ()
    basis: Wording
    effective_from: dt.date
    effective_to: dt.date | None = None
    jurisdiction: str = Field(min_length=1)
    dictionary: Literal["any"] | Edition = "any"
    appealable: bool = True
    field: str
    condition: str = Field(min_length=1)
    exceptions: str | None = None
    title: Wording
    message: Wording
    why: Wording
    remedy: Wording
    payer: Wording
    bad: tuple[Example, ...] = Field(min_length=1)
    good: tuple[Example, ...] = Field(min_length=1)

    @field_validator("category")
    @classmethod
    def _category_known(cls, value: str) -> str:
        return _one_of(value, cls.known_categories)

    @field_validator("severity")
    @classmethod
    def _severity_known(cls, value: str) -> str:
        return _one_of(value, cls.known_severities)

    @field_validator("effective_from", "effective_to", mode="before")
    @classmethod
    def _no_time(cls, value: object) -> object:
        return value.date() if isinstance(value, dt.datetime) else value


def _one_of(value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"one of {', '.join(known)}")
    return value


@dataclass(frozen=True)
class Check:
    """One question of a rule. ``field`` is the column that a finding points to; hit where ``condition`` holds and
    ``exceptions`` does not."""

    field: str
    text: str
    exceptions_text: str | None
    condition: Node
    exceptions: Node | None
    message: Wording
    remedy: Wording
    bad: tuple[Example, ...]
    good: tuple[Example, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (self.condition,) if self.exceptions is None else (self.condition, self.exceptions)

    @property
    def fields(self) -> list[str]:
        """The columns of the record table that the check reads."""
        return list(dict.fromkeys(name for node in self.nodes for name in fields_of(node)))

    @property
    def depends_on(self) -> frozenset[str]:
        """The scalars and groups that its findings depend on; a group counts whole, because its rows do."""
        groups = [group for node in self.nodes for group in groups_of(node)]
        words = [name for wording in (self.message, self.remedy) for name in placeholders(wording)]
        return frozenset(name.partition(".")[0] for name in (self.field, *self.fields, *groups, *words))


@dataclass(frozen=True)
class Rule:
    """A rule ready to run: one check, or several where rows of ``fields.csv`` share an id. ``needs``: what data must be
    there for it, in the words of its library."""

    id: str
    version: int
    category: str
    severity: str
    confirmed: bool
    basis: Wording
    effective_from: dt.date
    effective_to: dt.date | None
    jurisdiction: str
    dictionary: str
    appealable: bool
    title: Wording
    why: Wording
    payer: Wording
    checks: tuple[Check, ...]
    needs: tuple[str, ...] = ()


def load_rule(path: Path, vocabulary: Vocabulary, model: type[RuleFile] = RuleFile) -> Rule:
    """A rule file of a library whose files are like ``model``. Raises ``InputError`` with what is wrong in it."""
    file = read_toml(path, model)
    where = path.name
    if path.stem != file.id or path.parent.name != file.category:
        params = {"file": f"{path.parent.name}/{where}", "id": file.id, "category": file.category}
        raise InputError([Problem("quality.rule_name", where, params)])
    check = make_check(
        vocabulary,
        where,
        field=file.field,
        condition=file.condition,
        exceptions=file.exceptions,
        message=file.message,
        remedy=file.remedy,
        bad=file.bad,
        good=file.good,
    )
    if not file.confirmed and file.severity != model.known_severities[-1]:
        raise InputError([Problem("quality.rule_unconfirmed_severity", where)])
    shared = file.model_dump(include={name for name in Rule.__dataclass_fields__ if name != "checks"})
    shared.update(basis=file.basis, title=file.title, why=file.why, payer=file.payer)
    return Rule(**shared, checks=(check,))


def make_check(
    vocabulary: Vocabulary,
    where: str,
    *,
    field: str,
    condition: str,
    exceptions: str | None,
    message: Wording,
    remedy: Wording,
    bad: tuple[Example, ...],
    good: tuple[Example, ...],
) -> Check:
    """A check with its conditions read. Raises ``InputError``."""
    problems = []
    if vocabulary.at(field) is None and field not in vocabulary.groups:
        problems.append(Problem("quality.rule_field", where, {"name": field}))
    for wording in (message, remedy):
        problems += [
            Problem("quality.rule_placeholder", where, {"name": name})
            for name in placeholders(wording)
            if name not in FINDING_PLACEHOLDERS and name not in vocabulary.scalars
        ]
    if problems:
        raise InputError(problems)
    return Check(
        field=field,
        text=condition,
        exceptions_text=exceptions,
        condition=parse_condition(condition, vocabulary, f"{where}: condition"),
        exceptions=None
        if exceptions is None
        else parse_condition(exceptions, vocabulary, f"{where}: exceptions"),
        message=message,
        remedy=remedy,
        bad=bad,
        good=good,
    )


def placeholders(wording: Wording) -> set[str]:
    """The names in braces, of both languages."""
    found = set()
    for lang in LANGUAGES:
        try:
            parsed = list(string.Formatter().parse(wording.text(lang)))
        except ValueError:
            return {wording.text(lang)[:40]}
        found |= {name for _, name, _, _ in parsed if name is not None}
    return found
