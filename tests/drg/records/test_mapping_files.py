"""Mapping files of one's own: the example of docs/records.md, and what is said about a broken one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from drg.case import Case
from drg.errors import InputError
from drg.records import inspect, read
from drg.records.dialect import expand

DOCUMENT = Path(__file__).parents[3] / "docs" / "records.md"

GOOD = """
id = "own"
title = { en = "own", zh = "own" }
source = "test"
edition = "nhsa"
detect = ["id"]
[fields]
case_id = "id"
[lists]
dx = { column = "codes", separator = "," }
"""


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_example_of_the_document(tmp_path: Path) -> None:
    export, mapping = tmp_path / "export.csv", tmp_path / "our-system.toml"
    export.write_text(block("csv"), encoding="gb18030")
    mapping.write_text(block("toml"), encoding="utf-8")

    file = read(export, profile=mapping)
    batch = next(iter(file.batches()))

    assert batch.rejections.num_rows == 0
    cases = [Case.model_validate(row) for row in batch.cases.to_pylist()]
    assert cases == [Case.model_validate(row) for row in yaml.safe_load(block("yaml"))]
    assert inspect(export, profile=str(mapping)).dialect_reason == "profile"


def test_the_columns_of_the_document_are_those_of_the_plain_dialect() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    for name in (
        "case_id",
        "age_days",
        "weight_g",
        "icu_hours",
        "birth_weight_g",
        "region",
        "admission_date",
        "discharge_date",
        "total_cost_yuan",
    ):
        assert f"`{name}`" in document


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("id = ", "id ="), None),
        (('edition = "nhsa"', 'edition = "new"'), "edition"),
        (('case_id = "id"', 'cost = "id"'), "not a field of a case: cost"),
        (('case_id = "id"', ""), "no column named for: case_id"),
        (("[lists]", "[extra]"), "extra"),
        (('case_id = "id"', 'case_id = { sum = ["id"] }'), "sum is for money"),
        (('case_id = "id"', 'case_id = "id"\ntotal_cost_fen = { join = ["a", "b"] }'), "sum is for money"),
        (('case_id = "id"', 'case_id = "id"\ntotal_cost_fen = { fen = "a" }'), "one of join, sum"),
        (
            ('case_id = "id"', 'case_id = "id"\ntotal_cost_fen = { join = ["a"], fen = "b" }'),
            "fen belongs to sum",
        ),
        (
            (
                'case_id = "id"',
                'case_id = "id"\ntotal_cost_fen = { sum = ["a{1..3}"], only = { column = "k{1..2}", values = ["1"] } }',
            ),
            "as many names",
        ),
        (('column = "codes"', 'column = "codes", columns = ["a"]'), "one of column, columns, node"),
        (("[fields]", "[fields"), "not valid TOML"),
    ],
)
def test_broken_mapping_files(tmp_path: Path, change: tuple[str, str], message: str | None) -> None:
    mapping, table = tmp_path / "own.toml", tmp_path / "table.csv"
    mapping.write_text(GOOD.replace(*change), encoding="utf-8")
    table.write_text('id,codes\nA,"I10,E11"\n', encoding="utf-8")
    if message is None:
        case = next(iter(read(table, mapping).batches())).cases.to_pylist()[0]
        assert case["dx"] == ["I10", "E11"]
        return
    with pytest.raises(InputError, match=message):
        read(table, mapping)


def test_profiles_that_do_not_exist(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("case_id,dx\nA,I10\n", encoding="utf-8")
    with pytest.raises(InputError, match="Known are: front-page"):
        read(table, "frontpage")
    with pytest.raises(InputError, match="cannot be opened"):
        read(table, tmp_path / "missing.toml")


def test_a_named_dialect_whose_columns_are_missing(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("case_id,dx\nA,I10\n", encoding="utf-8")
    with pytest.raises(InputError) as raised:
        read(table, "front-page")
    assert [problem.params["column"] for problem in raised.value.problems] == ["A48 + A49", "C03C"]


def test_column_patterns() -> None:
    assert expand("C06x{01..03}C") == ["C06x01C", "C06x02C", "C06x03C"]
    assert expand("JBDM{9..11}") == ["JBDM9", "JBDM10", "JBDM11"]
    assert expand("C03C") == ["C03C"]
