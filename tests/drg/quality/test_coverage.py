"""What is told about the rules is what the rules are: coverage, rule index, language reference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drg.quality import coverage as module
from drg.quality.coverage import Coverage, catalogue_ids, coverage, index_page
from drg.quality.plain_checks import COLUMNS
from drg.quality.reference import function_tables
from drg.quality.registry import SHIPPED, Library
from tests.conftest import REPOSITORY
from tests.drg.quality.test_rule_files import TEXT


@pytest.fixture(scope="module")
def found() -> Coverage:
    return coverage()


def test_every_id_of_the_catalogue_is_accounted_for_once(found: Coverage) -> None:
    told = [*found.done, *found.failing, *found.not_scriptable, *found.missing]
    assert len(told) == len(set(told))
    assert set(catalogue_ids()) <= set(told)
    assert set(found.done) | set(found.failing) == set(SHIPPED.ids())


def test_every_rule_is_done(found: Coverage) -> None:
    assert found.failing == {}


def test_the_rule_index_is_current(found: Coverage) -> None:
    page = (REPOSITORY / "docs" / "rules.md").read_text(encoding="utf-8")
    assert page == index_page(found), "run: drgbridge rules index --out docs/rules.md"


def test_a_rule_whose_example_fails_is_not_done(tmp_path: Path) -> None:
    path = tmp_path / "combination" / "Q900.toml"
    path.parent.mkdir()
    path.write_text(TEXT.replace('dx = ["K80.200"]', 'dx = ["K80.200", "K81.000"]'), encoding="utf-8")
    (tmp_path / "combination" / "Q901.toml").write_text("id = 3", encoding="utf-8")
    found = coverage(Library(tmp_path, tmp_path / "fields.csv"))
    assert found.done == {}
    assert set(found.failing) == {"Q900", "Q901"}
    assert "Q900" in index_page(found).partition("## Failing")[2]


def test_the_language_reference_is_current() -> None:
    page = (REPOSITORY / "docs" / "quality.md").read_text(encoding="utf-8")
    told = re.search(r"<!-- functions: .*? -->\n(.*?)\n<!-- end of functions -->", page, re.S)
    assert told is not None
    assert told[1] == function_tables()


def test_the_document_names_every_column_and_kind_of_check() -> None:
    from drg.quality.plain_checks import KINDS

    page = (REPOSITORY / "docs" / "quality.md").read_text(encoding="utf-8")
    assert ",".join(COLUMNS) in page
    assert [kind for kind in KINDS if f"`{kind}`" not in page] == []


def test_reasons_are_there_only_for_ids_without_a_rule() -> None:
    assert set(module.not_scriptable()).isdisjoint(SHIPPED.ids())
