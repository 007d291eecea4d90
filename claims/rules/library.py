"""The rule files of claims and the names that their conditions may use."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import AliasChoices, Field

from claims.knowledge.points import Knowledge, load_knowledge
from claims.lines import HOME, claim_fields
from claims.parameters.settings import Parameters, load_parameters
from claims.rules.functions import group_functions, row_functions
from drg.quality import layout
from drg.quality.functions import GROUP_FUNCTIONS, ROW_FUNCTIONS
from drg.quality.registry import Library
from drg.quality.rule import Rule, RuleFile, Wording
from drg.quality.vocabulary import Vocabulary, load_code_sets, load_word_lists, names_of

RULES = Path(__file__).parent
SEVERITIES = ("suspicion", "clue")
"""``suspicion`` (疑点): evidence in place, clause, reasoning. ``clue`` (线索): a person must look. No verdict."""
CATEGORIES = (
    "limits",
    "dose",
    "duplicate",
    "price",
    "substitution",
    "examination",
    "treatment",
    "evidence",
    "stay",
    "coding",
    "payment",
)


Need = Literal[
    "settlement_list", "fee_lines", "orders", "notes", "laboratory", "history", "reference", "groups"
]
"""A kind of data that a rule needs."""


class ClaimRuleFile(RuleFile):
    """A rule file of claims: ``analyst`` says what the analyst does, ``hospital`` how the hospital may answer."""

    known_categories: ClassVar[tuple[str, ...]] = CATEGORIES
    known_severities: ClassVar[tuple[str, ...]] = SEVERITIES

    needs: tuple[Need, ...] = Field(min_length=1)
    remedy: Wording = Field(validation_alias=AliasChoices("analyst"))
    payer: Wording = Field(validation_alias=AliasChoices("hospital"))


LIBRARY = Library(RULES, RULES / "fields.csv", ClaimRuleFile)


def vocabulary(knowledge: Knowledge, parameters: Parameters) -> Vocabulary:
    """The fields of a claim, the sets and words of the rules, and functions that look into these tables."""
    return Vocabulary(
        *names_of(claim_fields()),
        load_code_sets(RULES / "sets.toml"),
        load_word_lists(RULES / "words.toml"),
        {**layout.value_sets(), **layout.read_value_sets(HOME / "value_sets.toml")},
        {**ROW_FUNCTIONS, **row_functions(knowledge, parameters)},
        {**GROUP_FUNCTIONS, **group_functions(knowledge)},
    )


@cache
def sample_vocabulary() -> Vocabulary:
    """The vocabulary with the sample of knowledge points and the shipped parameters: that of the examples."""
    return vocabulary(load_knowledge(), load_parameters())


@cache
def load_claim_rules() -> Mapping[str, Rule]:
    """The rules that come with the product by id, in the order in which they run."""
    return LIBRARY.rules(sample_vocabulary())


def planned() -> dict[str, Wording]:
    """Ids that are not built yet, with the data that they need (``planned.toml``)."""
    entries = tomllib.loads((RULES / "planned.toml").read_text(encoding="utf-8"))
    return {id: Wording.model_validate(entry) for id, entry in entries.items()}
