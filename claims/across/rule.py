"""A rule over many visits: one TOML file that says what and why, and an SQL file beside it that finds it.

Two categories: ``history`` (visits of persons; the SQL gives the hits) and ``peers`` (hospitals; the SQL gives a figure
for each hospital and time, ``peers.sql`` compares them).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from claims.across.database import HOME
from claims.across.visits import contract
from claims.errors import ClaimProblem, input_error
from claims.rules.library import Need
from drg.errors import InputError
from drg.quality.rule import Wording, placeholders
from drg.scheme.pack import read_toml

RULES = HOME / "rules"
Category = Literal["history", "peers"]
Unit = Literal["count", "date", "fen", "number", "share", "text", "texts"]

COMMON_FIGURES: Mapping[str, Unit] = {
    "case_id": "text",
    "hospital": "text",
    "doctor": "text",
    "as_of": "date",
    "other_cases": "texts",
}
"""What the sentence of every rule may name."""

PEER_FIGURES: Mapping[str, Unit] = {
    "measure": "text",
    "peer_group": "text",
    "peers": "count",
    "cases": "count",
    "starts": "date",
    "middle": "number",
    "robust_z": "number",
}
PEER_PARAMETERS = ("peer_cases_least", "peer_hospitals_least", "peer_robust_z", "peer_spread_least")


class Example(BaseModel):
    """Visits (and fee lines) as tables, blanks between cells, ``-`` for nothing. ``times`` repeats a row as
    visits of as many persons. ``hits``: what is hit of a bad one, cases or (where no case is blamed) hospitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    note: str = Field(min_length=1)
    visits: str = Field(min_length=1)
    lines: str = ""
    network: str = ""
    hits: tuple[str, ...] = ()


class Peers(BaseModel):
    """How a peer rule compares: hospitals beyond the ``quantile`` of their peers and their robust z.

    ``least``: a parameter that the figure must be over as well (under, where low figures are looked for).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    direction: Literal["high", "low"]
    quantile: float = Field(gt=0, lt=1)
    least: str | None = None
    measures: dict[str, Wording] = {}


class AcrossRule(BaseModel):
    """A rule file. ``columns``: of the visits, each with a value, or the rule is not applicable; ``uses``: read where
    they are there; ``lines`` and ``network``: columns of these tables that must be there; ``about``: which visits are
    judged; ``codes``: lists that the SQL reads as ``$name``; ``figures``: what the evidence holds, with its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^C[0-9]{3}[a-z]?$")
    version: int = Field(ge=1)
    category: Category
    severity: Literal["suspicion", "clue"]
    confirmed: bool
    needs: tuple[Need, ...] = Field(min_length=1)
    effective_from: dt.date
    effective_to: dt.date | None = None
    about: Literal["visits", "stays"]
    columns: tuple[str, ...] = Field(min_length=1)
    uses: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    codes: dict[str, tuple[str, ...]] = {}
    figures: dict[str, Unit] = {}
    peers: Peers | None = None
    basis: Wording
    title: Wording
    message: Wording
    why: Wording
    analyst: Wording
    hospital: Wording
    bad: tuple[Example, ...] = Field(min_length=1)
    good: tuple[Example, ...] = Field(min_length=1)
    sql: str = Field("", exclude=True)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        unknown = [*({*self.columns, *self.uses} - contract()["visits"].keys())]
        unknown += sorted(set(self.lines) - contract()["lines"].keys())
        unknown += sorted(set(self.network) - contract()["network"].keys())
        unknown += sorted(placeholders(self.message) - self.told.keys())
        if unknown:
            raise ValueError(f"unknown names: {', '.join(unknown)}")
        if (self.category == "peers") != (self.peers is not None):
            raise ValueError("rules of the category peers, and only they, have a section [peers]")
        if not self.confirmed and self.severity == "suspicion":
            raise ValueError("a rule that is not confirmed is a clue")
        if any(not re.fullmatch("[a-z_]+", name) for name in (*self.figures, *self.codes)):
            raise ValueError("names of figures and codes are lower case")
        if any(not example.hits for example in self.bad) or any(example.hits for example in self.good):
            raise ValueError("bad examples, and only they, name their hits")
        return self

    @property
    def told(self) -> dict[str, Unit]:
        """Everything that the sentence may name, with its unit."""
        common = {**COMMON_FIGURES, **(PEER_FIGURES if self.peers else {})}
        if self.peers:
            common["threshold"] = self.figures.get("figure", "number")
        return {**common, **self.figures}

    @property
    def wanted_parameters(self) -> tuple[str, ...]:
        least = (self.peers.least,) if self.peers and self.peers.least else ()
        return (*self.parameters, *(PEER_PARAMETERS if self.peers else ()), *least)


def load_across_rule(path: Path) -> AcrossRule:
    """A rule file with its SQL. Raises ``InputError`` with what is wrong in it."""
    rule = read_toml(path, AcrossRule)
    if path.stem != rule.id or path.parent.name != rule.category:
        raise input_error("across.rule_name", f"{path.parent.name}/{path.name}", id=rule.id)
    sql = path.with_suffix(".sql")
    if not sql.is_file():
        raise input_error("across.rule_sql", str(sql))
    return rule.model_copy(update={"sql": sql.read_text(encoding="utf-8").strip()})


def rule_files() -> list[Path]:
    """The rule files that come with the product, in the order in which they run."""
    return sorted(RULES.glob("*/*.toml"))


@cache
def load_across_rules() -> Mapping[str, AcrossRule]:
    """The rules by id, in the order in which they run. Raises ``InputError`` with everything that is wrong."""
    problems: list[ClaimProblem] = []
    found: dict[str, AcrossRule] = {}
    for path in rule_files():
        try:
            rule = load_across_rule(path)
            found[rule.id] = rule
        except InputError as error:
            problems += error.problems  # type: ignore[arg-type]
    if problems:
        raise InputError(problems)
    return found
