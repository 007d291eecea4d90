"""The rule language: what is understood, what is refused and where, and that nothing gets past the parser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from drg.errors import Problem
from drg.messages import LANGUAGES
from drg.scheme import language
from drg.scheme.language import RuleSyntaxError, parse, to_text
from drg.scheme.pack import parse_rule
from tests.drg.grouper import schemes

EXAMPLES = yaml.safe_load(Path(__file__).with_name("rules.yaml").read_text(encoding="utf-8"))
UNDERSTOOD = [example for example in EXAMPLES if "means" in example]
REFUSED = [example for example in EXAMPLES if "error" in example]
RULE_WORDS = [
    *(
        "ZYZD",
        "QTZD",
        "ZYSS",
        "NL",
        "XB",
        "DI_A",
        "OP_A",
        "MCC",
        "in",
        "IN",
        "not",
        "and",
        "or",
        "length",
        "hits",
    ),
    *("(", ")", "{", "}", ",", "∩", "=", ">=", "<", "!=", "0", "28", "-1", "96.5", "；", "é", "\t"),
]


@pytest.mark.parametrize("example", UNDERSTOOD, ids=lambda example: example["rule"])
def test_rule_is_understood(example: dict[str, Any]) -> None:
    rule = parse(example["rule"])
    assert to_text(rule) == example["means"]
    assert parse(example["means"]) == rule


@pytest.mark.parametrize("example", REFUSED, ids=lambda example: example["rule"])
def test_rule_is_refused_at_its_place(example: dict[str, Any]) -> None:
    problems: list[Problem] = []
    parse_rule(example["rule"], "adrg.tsv:7", 1, problems)
    (problem,) = problems
    assert (problem.code, problem.where) == (example["error"], f"adrg.tsv:7:{example['column']}")
    text, caret = problem.excerpt.splitlines()
    assert text.strip() == example["rule"]
    assert caret.index("^") - 2 == example["column"] - 1
    for lang in LANGUAGES:
        assert "adrg.tsv:7" in problem.render(lang)


def test_long_rule_is_shown_where_it_is_wrong() -> None:
    problems: list[Problem] = []
    parse_rule("ZYZD in DI_A and " * 500 + "NL ? 1" + " and ZYZD in DI_A" * 500, "adrg.tsv:7", 1, problems)
    text, caret = problems[0].excerpt.splitlines()
    assert text[caret.index("^")] == "?"
    assert len(text) < 250


@given(schemes.rules)
def test_text_of_a_rule_is_the_rule(rule: language.Rule) -> None:
    assert parse(to_text(rule)) == rule


@given(st.one_of(st.text(max_size=200), st.lists(st.sampled_from(RULE_WORDS), max_size=40).map(" ".join)))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        rule = parse(text)
    except RuleSyntaxError as error:
        start, end = error.span
        assert 0 <= start < end
        assert start <= len(text)
    else:
        assert parse(to_text(rule)) == rule


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("(" * 5_000 + "NL > 1" + ")" * 5_000, "scheme.rule_too_deep"),
        ("not " * 4_000 + "NL > 1", "scheme.rule_too_deep"),
        ("x" * 10_000_000, "scheme.rule_too_long"),
    ],
    ids=["brackets", "nots", "10 MB"],
)
def test_hostile_rule_is_refused(text: str, error: str) -> None:
    with pytest.raises(RuleSyntaxError) as caught:
        parse(text)
    assert caught.value.code == error
