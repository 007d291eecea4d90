"""``docs/claims.md`` says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from claims.knowledge.points import LIMIT_COLUMNS, PAIR_COLUMNS, load_knowledge
from claims.parameters.settings import load_parameters
from claims.rules.functions import group_functions, row_functions
from drg.quality.reference import function_tables

TEXT = (Path(__file__).parents[3] / "docs" / "claims.md").read_text(encoding="utf-8")


def test_the_reference_of_functions_is_current() -> None:
    found = re.search(r"<!-- functions: .*? -->\n(.*?)<!-- end of functions -->", TEXT, re.S)
    assert found is not None
    points = load_knowledge()
    tables = function_tables(row_functions(points, load_parameters()), group_functions(points))
    assert found[1].strip() == tables


def test_the_columns_of_the_tables_are_named() -> None:
    assert f"`{' '.join(LIMIT_COLUMNS)}`" in TEXT and f"`{' '.join(PAIR_COLUMNS)}`" in TEXT


def test_the_example_of_parameters_can_be_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.S)
    path = tmp_path / "region.toml"
    path.write_text(example, encoding="utf-8")
    spans = load_parameters([path]).spans("price_tolerance", "440300")
    assert [span.value for span in spans] == [1.001, 1.0]
