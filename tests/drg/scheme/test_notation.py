"""Code lists in prefixes, ranges and exceptions stand for exactly the codes they were made from."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.codes import SYSTEMS, System, load_catalogue
from drg.errors import Problem
from drg.scheme.language import parse
from drg.scheme.notation import compact, read_blocks, resolve, with_prefix, write_blocks
from drg.scheme.pack import find_pack

PACK = "chs-drg-1.1"


@st.composite
def some_codes(draw: st.DrawFn) -> tuple[System, frozenset[str]]:
    """Neighbouring codes of a catalogue with holes, as sets of schemes have them, and a code it does not know."""
    system = draw(st.sampled_from(SYSTEMS))
    codes = load_catalogue(system).codes
    chosen: set[str] = set()
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(codes) - 1))
        chosen.update(codes[start : start + draw(st.integers(1, 300))])
        chosen.difference_update(draw(st.sets(st.sampled_from(codes[start : start + 300]), max_size=20)))
    chosen.update(draw(st.sets(st.sampled_from(["Z99.999x", "99.9999x9"]))))
    return system, frozenset(chosen)


@settings(deadline=None)
@given(st.sampled_from(SYSTEMS), st.data(), st.integers(0, 14))
def test_codes_with_a_prefix_are_those_that_begin_so(
    system: System, data: st.DataObject, length: int
) -> None:
    codes = load_catalogue(system).codes
    start = data.draw(st.sampled_from(codes))[:length]
    assert list(with_prefix(start, codes)) == [code for code in codes if code.startswith(start)]


@settings(deadline=None)
@given(some_codes())
def test_compact_list_is_the_same_list(example: tuple[System, frozenset[str]]) -> None:
    system, members = example
    codes = load_catalogue(system).codes
    text = write_blocks({"DI_A": members}, {"": codes}, {"DI_A": "a title"})
    problems: list[Problem] = []
    assert read_blocks("sets.txt", text.splitlines(), {"": codes}, problems) == {"DI_A": members}
    assert problems == []
    assert len(compact(members, codes)) <= len(members)


def test_items_stand_for_codes_of_the_catalogue() -> None:
    codes = ("A00.000", "A00.100", "A01.000", "A01.100x001", "B00.000")
    assert tuple(resolve("A00.000", codes)) == ("A00.000",)
    assert tuple(resolve("A01-", codes)) == codes[2:4]
    assert tuple(resolve("A00.1..A01", codes)) == codes[1:4]
    assert tuple(resolve("C-", codes)) == ()


def test_list_file_reports_every_fault_with_its_place() -> None:
    lines = ["  A00-", "DI_A", "  A00.000  Q-  # a comment", "DI_A", "  !Z00- A01.000"]
    problems: list[Problem] = []
    blocks = read_blocks("sets.txt", lines, {"": ("A00.000", "A01.000")}, problems)
    assert blocks == {"DI_A": {"A00.000", "A01.000"}}
    assert [(problem.where, problem.code) for problem in problems] == [
        ("sets.txt:1:1", "scheme.item_before_block"),
        ("sets.txt:3:12", "scheme.item_empty"),
        ("sets.txt:4:1", "scheme.block_twice"),
        ("sets.txt:5:3", "scheme.item_empty"),
    ]


def test_a_list_in_a_list_is_refused_so_that_none_can_contain_itself() -> None:
    problems: list[Problem] = []
    read_blocks("sets.txt", ["DI_A", "  A00.000 DI_B", "DI_B", "  !DI_A"], {"": ("A00.000",)}, problems)
    assert [(problem.where, problem.code) for problem in problems] == [
        ("sets.txt:2:11", "scheme.item_is_block"),
        ("sets.txt:4:3", "scheme.item_is_block"),
    ]


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines, delimiter="\t")


def test_shipped_sets_are_exactly_those_of_the_reference(reference: Path) -> None:
    expected: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows(reference / PACK / "sets.tsv"):
        expected[row["set"]].add(row["code"])
    assert sum(map(len, expected.values())) == 99_157
    assert find_pack(PACK).sets == expected


def test_shipped_complications_are_exactly_those_of_the_reference(reference: Path) -> None:
    pack = find_pack(PACK)
    ours = {code: (found.level, found.exclusion_table) for code, found in pack.complications.items()}
    assert ours == {
        row["code"]: (row["level"], row["exclusion_table"]) for row in rows(reference / PACK / "cc.tsv")
    }
    expected: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows(reference / PACK / "exclusions.tsv"):
        expected[row["exclusion_table"]].add(row["code"])
    assert pack.exclusions == expected


@pytest.mark.parametrize(("table", "parent"), [("mdc", None), ("adrg", "mdc"), ("drg", "adrg")])
def test_shipped_tables_are_exactly_those_of_the_reference(
    reference: Path, table: str, parent: str | None
) -> None:
    ours = [(row.parent, row.code, row.name, row.rule) for row in getattr(find_pack(PACK), f"{table}s")]
    by_scope = sorted(
        rows(reference / PACK / f"{table}.tsv"),
        key=lambda row: (row[parent] if parent else "", int(row["order"])),
    )
    assert sorted(ours, key=lambda row: row[0]) == [
        (row[parent] if parent else "", row["code"], row["name"], parse(row["rule"])) for row in by_scope
    ]
