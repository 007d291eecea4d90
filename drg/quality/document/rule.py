"""A check of whole records: what is asked, why, and how a finding reads. One TOML file a check in ``rules/``."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from drg.errors import InputError, Problem, input_error
from drg.quality.rule import Example, Severity, Wording
from drg.scheme.pack import read_toml

FOLDER = Path(__file__).with_name("rules")


class CheckFile(BaseModel):
    """A check as its file says it. ``function`` is the name of a function in ``checks/``, ``settings`` its data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^E[0-9]{2}[a-z]?$")
    version: int = Field(ge=1)
    function: str
    severity: Severity
    confirmed: bool
    basis: Wording
    effective_from: dt.date
    effective_to: dt.date | None = None
    jurisdiction: str = Field(min_length=1)
    appealable: bool = True
    field: str
    settings: dict[str, Any] = {}
    title: Wording
    message: Wording
    why: Wording
    remedy: Wording
    payer: Wording
    bad: tuple[Example, ...] = Field(min_length=1)
    good: tuple[Example, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Question:
    """One question of a rule: the field that a finding points to, and its words."""

    field: str
    message: Wording
    remedy: Wording


@dataclass(frozen=True)
class DocumentRule:
    """A check of whole records: one question, or those of a time limit (missing, late)."""

    id: str
    version: int
    kind: Literal["time limit", "content"]
    severity: Severity
    confirmed: bool
    basis: Wording
    effective_from: dt.date
    effective_to: dt.date | None
    jurisdiction: str
    appealable: bool
    title: Wording
    why: Wording
    payer: Wording
    checks: tuple[Question, ...]


@dataclass(frozen=True)
class Settings:
    """The data of a check. A name that its file does not give is a mistake in the file."""

    where: str
    values: Mapping[str, Any]

    def words(self, name: str) -> tuple[str, ...]:
        found = self._value(name, list)
        return tuple(str(word) for word in found)

    def number(self, name: str) -> float:
        return float(self._value(name, (int, float)))

    def text(self, name: str) -> str:
        return str(self._value(name, str))

    def lists(self, name: str) -> dict[str, tuple[str, ...]]:
        """A table of lists of words."""
        return {key: tuple(listed) for key, listed in self._value(name, dict).items()}

    def pattern(self, name: str) -> re.Pattern[str]:
        """A pattern, or a list of patterns of which one has to fit."""
        value = self._value(name, (str, list))
        return self._compiled([value] if isinstance(value, str) else value)

    def patterns(self, name: str) -> dict[str, re.Pattern[str]]:
        """A table of lists of patterns."""
        return {key: self._compiled(listed) for key, listed in self._value(name, dict).items()}

    def _compiled(self, listed: Sequence[str]) -> re.Pattern[str]:
        try:
            return re.compile("|".join(listed), re.MULTILINE)
        except re.error as error:
            raise input_error("document.pattern", self.where, detail=str(error)) from None

    def _value(self, name: str, kind: type | tuple[type, ...]) -> Any:
        value = self.values.get(name)
        if not isinstance(value, kind):
            raise input_error("document.setting", self.where, name=name)
        return value


@dataclass(frozen=True)
class ContentCheck:
    """A content check ready to run."""

    rule: DocumentRule
    function: str
    settings: Settings
    bad: tuple[Example, ...]
    good: tuple[Example, ...]


def load_check(path: Path) -> ContentCheck:
    """A check file. Raises ``InputError`` with what is wrong in it."""
    file = read_toml(path, CheckFile)
    problems = []
    if path.stem != file.id:
        problems.append(Problem("document.rule_name", path.name, {"id": file.id}))
    if not file.confirmed and file.severity != "hint":
        problems.append(Problem("quality.rule_unconfirmed_severity", path.name))
    if problems:
        raise InputError(problems)
    question = Question(file.field, file.message, file.remedy)
    shared = {
        name: getattr(file, name)
        for name in DocumentRule.__dataclass_fields__
        if name not in ("kind", "checks")
    }
    rule = DocumentRule(**shared, kind="content", checks=(question,))
    return ContentCheck(rule, file.function, Settings(path.name, file.settings), file.bad, file.good)


@cache
def load_checks(folder: Path = FOLDER) -> tuple[ContentCheck, ...]:
    """The content checks that come with the product, by id."""
    return tuple(load_check(path) for path in sorted(folder.glob("E*.toml")))
