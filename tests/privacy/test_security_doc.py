"""The table of attacks in docs/security.md: every attack of the plan is in it, and every test that it names exists."""

from __future__ import annotations

import ast
import re

import pytest

from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "security.md"
TESTS = REPOSITORY / "tests" / "privacy"
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")
PLANNED = """
tampered message
truncated message
replayed message
reordered message
oversized message
message signed with a wrong key
certificate of another pair
more rows than agreed
more rounds or questions than agreed
unit-vector weights
too small groups
a context with a secret key
other messages than declared cross
raw ids, features or labels in what crosses
revoked consent
expired consent
edited log
kill -9 of either side
fuzzed decoder
"""


def attacks() -> dict[str, list[tuple[str, str]]]:
    """The tests, as file and name, of each attack of the table."""
    section = PAGE.read_text(encoding="utf-8").split("## Attacks tried in tests")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return {attack.strip(): NAMED.findall(tests) for attack, tests in rows[1:]}


def test_every_planned_attack_is_tried() -> None:
    assert set(PLANNED.strip().splitlines()) <= set(attacks())
    assert all(attacks().values())


@pytest.mark.parametrize("attack", attacks())
def test_the_tests_of_an_attack_exist(attack: str) -> None:
    for file, name in attacks()[attack]:
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, (
            f"{file}::{name}"
        )
