"""Groups, ICD codes and schemes are data: no Python file of ``drg`` names one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "drg"
LITERALS = {
    "ICD-10 code": re.compile(r"\b[A-TV-Z]\d{2}\.[0-9x]{1,3}(?:x\d{3})?\b"),
    "ICD-9-CM-3 code": re.compile(r"\b\d{2}\.[0-9x]{4}(?:x\d{3})?\b|\b\d{2}\.\d{2}\b"),
    "ADRG or DRG code": re.compile(r"\b[A-Z](?:[A-Z]\d|QY|00)[0-9A-H]?\b"),
    "MDC code": re.compile(r"\bMDC[A-Z]\b"),
    "code set": re.compile(r"\b(?:DI|OP|EX)_\w"),
    "scheme version": re.compile(r"\b(?:chs|cn)-?drg-?\d", re.IGNORECASE),
}


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """The string literals of a file that the program uses: all but docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value


def test_no_code_is_a_literal_in_the_library() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {kind} {match[0]!r}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, text in strings(path)
        for kind, pattern in LITERALS.items()
        if (match := pattern.search(text))
    ]
    assert found == []


@pytest.mark.parametrize(
    "literal",
    [
        "I50.900",
        "A00.100x001",
        "38.9100",
        "17.41",
        "FR2",
        "FR21",
        "BQY",
        "O00",
        "MDCP",
        "DI_FP1",
        "chs-drg-1.1",
    ],
)
def test_such_literals_would_be_seen(literal: str) -> None:
    assert any(pattern.search(literal) for pattern in LITERALS.values())
