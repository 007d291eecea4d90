"""The layout of the record table and its sets of values."""

from __future__ import annotations

import re

import pytest

from data_samples.write_front_page import front_page_columns
from drg.quality.columns import positions
from drg.quality.layout import DIALECTS, KINDS, fields, groups, value_sets
from drg.records.dialect import built_in


def test_every_field_is_told_in_plain_words() -> None:
    for path, field in fields().items():
        assert re.fullmatch(r"([a-z][a-z0-9_]*\.)?[a-z][a-z0-9_]*", path), path
        assert field.kind in KINDS, path
        assert field.label("zh") and field.label("en") and field.source, path
        assert field.max_length is None or field.max_length > 0, path


def test_a_choice_has_values_and_values_belong_to_choices() -> None:
    for path, field in fields().items():
        named = [name for name in (field.value_set, field.settlement_value_set) if name]
        assert all(name in value_sets() for name in named), path
        assert bool(named) == (field.kind == "choice") or path == "transfer_departments", path


def test_the_front_page_has_a_field_for_each_of_its_811_columns() -> None:
    named = [
        name
        for field in fields().values()
        for position in positions(field.front_page)
        for cell in position
        for name in cell.columns
    ]
    assert set(front_page_columns()) <= set(named)
    assert len(front_page_columns()) == 811


@pytest.mark.parametrize("dialect", ["front_page", "pinyin", "legacy", "settlement"])
def test_no_column_stands_for_two_fields(dialect: str) -> None:
    used: dict[str, str] = {}
    for path, field in fields().items():
        for name in {
            name
            for position in positions(field.columns(dialect))
            for cell in position
            for name in cell.columns
        }:
            assert used.setdefault(name, path) == path, name


def test_the_columns_of_the_case_mapping_are_fields_too() -> None:
    """What drg.records reads for grouping is also in the record table."""
    for dialect, layout in {"front-page": "front_page", "legacy": "legacy", "plain": "plain"}.items():
        named = {
            name
            for field in fields().values()
            for position in positions(field.columns(layout))
            for cell in position
            for name in cell.columns
        }
        for name, codes in built_in()[dialect].lists.items():
            first = (codes.column or codes.columns or ())[0]
            assert first in named, (dialect, name)
        assert built_in()[dialect].fields["sex"].parts[0][0] in named


def test_rows_of_a_group_stand_beside_each_other() -> None:
    for dialect in DIALECTS:
        for group, members in groups().items():
            lengths = {len(positions(one.columns(dialect))) for one in members} - {0}
            assert len(lengths) <= 1, (dialect, group, lengths)


def test_counters_are_written_out() -> None:
    found = positions("C03C;C06x{n:02}C")
    assert [cell.columns[0] for position in found[:3] for cell in position] == ["C03C", "C06x01C", "C06x02C"]
    assert len(found) == 100


def test_a_padded_set_takes_both_spellings() -> None:
    assert {"1", "01", "56"} <= value_sets()["RC035"].values
    assert "57" not in value_sets()["RC035"].values
    assert "01" not in value_sets()["RC001"].values


def test_value_sets_with_their_traps() -> None:
    assert value_sets()["RC028"].labels == {"1": "无", "2": "有"}
    assert value_sets()["RC016"].labels == {"1": "是", "2": "否"}
    assert value_sets()["RC039"].labels == {"0": "否", "1": "是"}
    assert fields()["contact_relation"].values("settlement") == "patn_rlts"
    assert fields()["contact_relation"].values("front_page") == "RC033"
