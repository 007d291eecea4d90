"""The data files of the review: ``data/review.toml`` and ``data/combinations.tsv``."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from drg.quality.code_sets import CodeSet, parse_code_set
from drg.quality.rule import Category
from drg.scheme.pack import read_toml

DATA = Path(__file__).with_name("data")


class Settings(BaseModel):
    """``review.toml``; the file says what each key means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    not_judged_dx: str
    diagnosis_sections: frozenset[str]
    finding_sections: frozenset[str]
    summary_documents: frozenset[str]
    entry_documents: frozenset[str]
    operative_documents: frozenset[str]
    judged_operation_types: frozenset[str]
    rule_categories: tuple[Category, ...]
    most_choices: int
    most_proposals: int
    most_evidence: int
    companion_confidence: float
    most_companions: int

    @cached_property
    def _not_judged(self) -> CodeSet:
        return parse_code_set(self.not_judged_dx, procedures=False)

    def is_judged(self, diagnosis: str) -> bool:
        """Whether a record must speak of a diagnosis."""
        return not self._not_judged.members([diagnosis])[0]


@cache
def load_settings() -> Settings:
    """The settings, read once a process."""
    return read_toml(DATA / "review.toml", Settings)


@cache
def load_combinations() -> Mapping[str, tuple[str, ...]]:
    """Combination rule -> beginnings of the codes that say both."""
    with (DATA / "combinations.tsv").open(encoding="utf-8", newline="") as lines:
        return {row["rule"]: tuple(row["codes"].split()) for row in csv.DictReader(lines, delimiter="\t")}
