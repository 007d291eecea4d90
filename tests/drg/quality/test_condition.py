"""The condition language: answers of ``conditions.yaml``, refusals of ``wrong_conditions.yaml``, and any text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.errors import InputError
from drg.quality.condition import MAX_CONDITION_LENGTH, Node, parse_condition
from drg.quality.examples import RUN_DATE, record_table, record_values
from drg.quality.frame import Evaluation, Frame
from drg.quality.functions import GROUP_FUNCTIONS, ROW_FUNCTIONS
from drg.quality.rule import Example
from drg.quality.vocabulary import load_vocabulary

HERE = Path(__file__).parent
VOCABULARY = load_vocabulary()
ANSWERED: list[dict[str, Any]] = yaml.safe_load((HERE / "conditions.yaml").read_text(encoding="utf-8"))
WRONG: list[dict[str, Any]] = yaml.safe_load((HERE / "wrong_conditions.yaml").read_text(encoding="utf-8"))
WORDS = [
    *VOCABULARY.groups,
    *list(VOCABULARY.scalars)[:20],
    *ROW_FUNCTIONS,
    *GROUP_FUNCTIONS,
    *(
        "and",
        "or",
        "not",
        "in",
        "code",
        "name",
        "row",
        "run_date",
        "dx",
        "proc",
        "empty",
        "set",
        "record",
        ".",
    ),
    *(",", "(", ")", "==", "!=", "<", "+", "-", "*", "/", "1", "0.5"),
    *('"C51"', '"1"', '"x', "#", "\n", "中"),
]


def answer(condition: Node, record: dict[str, Any]) -> str:
    values = record_values(Example.model_validate(record), VOCABULARY)
    frame = Frame(record_table([values], VOCABULARY), RUN_DATE, record.get("dictionary", "nhsa-2.0"))
    found = Evaluation(frame).truth(condition)
    assert not (found.yes & found.no).any()
    return "yes" if found.yes[0] else "no" if found.no[0] else "unknown"


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: f"{case['ask']} {case['record']}"[:90])
def test_answer(case: dict[str, Any]) -> None:
    record = {
        name: str(value) if not isinstance(value, list) else value for name, value in case["record"].items()
    }
    expected = {True: "yes", False: "no"}.get(case["answer"], case["answer"])
    assert answer(parse_condition(case["ask"], VOCABULARY), record) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("empty(first(diagnoses, name))", "unknown"),
        ("filled(first(diagnoses, name))", "unknown"),
        ("any(diagnoses, empty(name))", "unknown"),
        ("empty(first(diagnoses, code))", "no"),
        ("empty(sex)", "unknown"),
    ],
)
def test_what_a_source_does_not_carry_is_neither_empty_nor_filled(asked: str, expected: str) -> None:
    """The plain table has codes without names: names are then not missing, they are not there to be asked for."""
    record = record_values(Example.model_validate({"dx": ["J18.900"]}), VOCABULARY)
    carried = record_table([record], VOCABULARY).select(["diagnoses.code"])
    found = Evaluation(Frame(carried, RUN_DATE)).truth(parse_condition(asked, VOCABULARY, "test"))
    assert ("yes" if found.yes[0] else "no" if found.no[0] else "unknown") == expected


def test_every_function_is_asked_something() -> None:
    asked = " ".join(case["ask"] for case in ANSWERED)
    assert [name for name in (*ROW_FUNCTIONS, *GROUP_FUNCTIONS) if f"{name}(" not in asked] == []


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case["text"])
def test_refused_with_its_place(case: dict[str, Any]) -> None:
    with pytest.raises(InputError) as refused:
        parse_condition(case["text"], VOCABULARY, "Q000.toml")
    problem = refused.value.problems[0]
    assert problem.code == f"quality.condition_{case['message']}"
    assert problem.where == f"Q000.toml:{case['column']}"
    assert problem.render("zh") and problem.excerpt.endswith("^")


def test_a_condition_may_go_over_lines_and_contain_hashes_in_texts() -> None:
    condition = parse_condition('sex == "#"\n  and age > 3', VOCABULARY)
    assert answer(condition, {"sex": "#", "age": "4"}) == "yes"


def test_a_backslash_stands_for_itself() -> None:
    condition = parse_condition(r'matches(patient_name, "^\d+\b")', VOCABULARY)
    assert answer(condition, {"patient_name": "12 a"}) == "yes"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        "not " * 200 + "empty(sex)",
        "-" * 3000 + "1",
        "empty(sex)" + " or empty(sex)" * 2000,
        "\0",
        "\ud800",
    ],
)
def test_monstrous_texts_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_condition(text, VOCABULARY)


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(max_size=80), st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        condition = parse_condition(text, VOCABULARY)
    except InputError as refused:
        assert refused.render("en") and refused.render("zh")
        return
    assert condition.kind == "truth" and len(text) <= MAX_CONDITION_LENGTH
    assert answer(condition, {"sex": "1"}) in ("yes", "no", "unknown")
