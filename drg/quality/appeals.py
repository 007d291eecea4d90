"""Appeals against findings: an accepted one silences a rule for a case, with reason and person, and is counted.

``appeals.csv``: rule, case_id, reason, person, date (yyyy-MM-dd), state (open, accepted, rejected).
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drg.errors import InputError, Problem, input_error
from drg.quality.rule import Rule

MAX_APPEALS = 1_000_000
COLUMNS = ("rule", "case_id", "reason", "person", "date", "state")
ACCEPTED = "accepted"


class Appeal(BaseModel):
    """One appeal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str = Field(min_length=1)
    case_id: str = Field(min_length=1, max_length=64)
    reason: str = Field(min_length=1, max_length=1000)
    person: str = Field(min_length=1, max_length=64)
    date: dt.date
    state: str = Field(pattern="^(open|accepted|rejected)$")


@dataclass(frozen=True)
class Appeals:
    """The appeals of a run. ``silenced``: rule -> the cases in which it is silent."""

    all: tuple[Appeal, ...] = ()

    @property
    def silenced(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for appeal in self.all:
            if appeal.state == ACCEPTED:
                found.setdefault(appeal.rule, set()).add(appeal.case_id)
        return {rule: frozenset(cases) for rule, cases in found.items()}


def read_appeals(path: Path, rules: Mapping[str, Rule]) -> Appeals:
    """The appeals of a CSV file. Raises ``InputError`` with every line that is wrong: a field, an unknown rule, an
    accepted appeal against a rule that allows none."""
    problems: list[Problem] = []
    appeals: list[Appeal] = []
    for line, row in _lines(path):
        where = f"{path.name}:{line}"
        try:
            appeal = Appeal.model_validate(row)
        except ValidationError as error:
            problems += [
                Problem(
                    "quality.appeal_invalid",
                    where,
                    {"field": ".".join(map(str, found["loc"])), "detail": found["msg"]},
                )
                for found in error.errors()
            ]
            continue
        rule = rules.get(appeal.rule)
        if rule is None:
            problems.append(Problem("quality.rule_unknown", where, {"id": appeal.rule}))
        elif appeal.state == ACCEPTED and not rule.appealable:
            problems.append(Problem("quality.appeal_not_allowed", where, {"id": appeal.rule}))
        else:
            appeals.append(appeal)
    if problems:
        raise InputError(problems)
    return Appeals(tuple(appeals))


def _lines(path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise input_error("quality.fields_columns", path.name, missing=", ".join(missing))
            for number, row in enumerate(reader, start=1):
                if number > MAX_APPEALS:
                    raise input_error("quality.appeals_too_many", path.name, most=MAX_APPEALS)
                yield reader.line_num, {name: row[name].strip() for name in COLUMNS}
    except OSError as error:
        raise input_error("records.not_readable", str(path), detail=error.strerror or "") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise input_error("quality.appeals_unreadable", path.name, detail=str(error)) from None
