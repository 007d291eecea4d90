"""The classes of the auxiliary catalogue, and when a group is split."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from drg.dip import auxiliary
from drg.dip.auxiliary import Split
from drg.dip.matcher import group
from drg.errors import InputError
from tests.drg.dip.examples import case_table, catalogue, row

GOOD_SPLIT = (
    b"dip\tdimension\tname\tcases\tmean_cost_fen\tcoefficient\tcv_before\tcv_after\n"
    b"JC-1\tage\t>=65 y\t30\t100\t1.5\t0.9\t0.1\n"
)
PARAMETERS = auxiliary.load_parameters()
CATALOGUE = catalogue([row(id="JC-1", layer="JC", dx="K80"), row(id="JC-2", layer="JC", dx="I10")])


@pytest.mark.parametrize(
    ("dimension", "case", "name"),
    [
        ("cci", {"dx": ["K80.302"]}, "0"),
        ("cci", {"dx": ["K80.302", "I50.900", "J44.900"]}, "1-2"),
        ("cci", {"dx": ["I50.900"]}, "0"),
        ("cci", {"dx": ["K80.302", "E11.900", "E11.200"]}, "1-2"),
        ("cci", {"dx": ["K80.302", "C34.900", "C79.300"]}, ">=5"),
        ("severity", {"dx": ["K80.302"], "discharge_way": 5, "los_days": 2}, "death <3 d"),
        ("severity", {"dx": ["K80.302"], "discharge_way": 5, "los_days": 3}, "death >=3 d"),
        ("severity", {"dx": ["K80.302"], "discharge_way": 5}, None),
        ("severity", {"dx": ["K80.302", "A41.900"]}, "severe"),
        ("severity", {"dx": ["K80.302", "J18.900"]}, "moderate"),
        ("severity", {"dx": ["A41.900"]}, "mild"),
        ("tumour", {"dx": ["K80.302"], "proc": ["99.2503"]}, None),
        ("tumour", {"dx": ["C34.900"], "proc": ["99.2503"]}, "chemotherapy"),
        ("tumour", {"dx": ["C34.900"]}, "other"),
        ("age", {"dx": ["K80.302"]}, None),
        ("age", {"dx": ["K80.302"], "age": 0, "age_days": 28}, "0-28 d"),
        ("age", {"dx": ["K80.302"], "age": 0, "age_days": 29}, "29 d-1 y"),
        ("age", {"dx": ["K80.302"], "age": 0}, None),
        ("age", {"dx": ["K80.302"], "age": 1}, "1-6 y"),
        ("age", {"dx": ["K80.302"], "age": 7}, "7-17 y"),
        ("age", {"dx": ["K80.302"], "age": 18}, "18-64 y"),
        ("age", {"dx": ["K80.302"], "age": 65}, ">=65 y"),
        ("icu", {"dx": ["K80.302"]}, None),
        ("icu", {"dx": ["K80.302"], "icu_hours": 0.0}, "0"),
        ("icu", {"dx": ["K80.302"], "icu_hours": 72.5}, "4-7"),
    ],
)
def test_class(dimension: str, case: dict[str, Any], name: str | None) -> None:
    number = int(auxiliary.classify(case_table([case]), PARAMETERS)[dimension][0])
    names = auxiliary.class_names(PARAMETERS, dimension)
    assert (None if number == auxiliary.NO_CLASS else names[number]) == name


def aged(old_cost: int, young: int = 100, old: int = 30) -> list[Split]:
    table = case_table(
        [{"dx": ["K80.302"], "age": 30, "total_cost_fen": 1000_00}] * young
        + [{"dx": ["K80.302"], "age": 80, "total_cost_fen": old_cost}] * old
    )
    return auxiliary.build_auxiliary(table, group(table, CATALOGUE), PARAMETERS)


def test_a_group_that_varies_little_is_not_split() -> None:
    """Costs 1000 x 100 and 2000 x 30: CV 0.34."""
    assert aged(2000_00) == []


def test_a_small_group_is_not_split() -> None:
    assert aged(9000_00, young=80, old=20) == []
    assert aged(9000_00, young=81, old=20) != []


def test_a_dimension_that_explains_nothing_does_not_split() -> None:
    """Both ages have the same two costs: the CV inside the ages is that of the group."""
    table = case_table(
        {"dx": ["K80.302"], "age": age, "total_cost_fen": cost}
        for age in (30, 80)
        for cost in [1000_00] * 80 + [20_000_00] * 20
    )
    assert auxiliary.build_auxiliary(table, group(table, CATALOGUE), PARAMETERS) == []


def test_the_largest_coefficient_counts() -> None:
    def split(dimension: str, name: str, coefficient: str) -> Split:
        return Split("JC-1", dimension, name, 50, 1, Decimal(coefficient), Decimal(1), Decimal(0))

    splits = [split("cci", "1-2", "1.2"), split("age", ">=65 y", "1.5"), split("age", "18-64 y", "0.8")]
    table = case_table(
        [
            {"dx": ["K80.302", "I50.900"], "age": 70},
            {"dx": ["K80.302", "I50.900"], "age": 40},
            {"dx": ["K80.302"], "age": 40},
            {"dx": ["K80.302"]},
            {"dx": ["I10.x00"], "age": 70},
        ]
    )
    parts, why = auxiliary.coefficients(table, group(table, CATALOGUE), splits, PARAMETERS)
    assert parts.tolist() == [15_000, 12_000, 8_000, 10_000, 10_000]
    assert why.to_pylist() == ["age: >=65 y", "cci: 1-2", "age: 18-64 y", None, None]


def test_splits_are_written_and_read(tmp_path: Path) -> None:
    splits = aged(9000_00)
    auxiliary.save_splits(splits, tmp_path)
    assert auxiliary.load_splits(tmp_path) == splits
    auxiliary.save_splits([], tmp_path)
    assert auxiliary.load_splits(tmp_path) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"dip\tdimension\n",
        *(GOOD_SPLIT.replace(b"1.5", coefficient) for coefficient in (b"NaN", b"0", b"-1", b"1e9", b"much")),
        GOOD_SPLIT.replace(b"age", b"size"),
    ],
)
def test_splits_that_cannot_be_read_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "auxiliary.tsv").write_bytes(content)
    with pytest.raises(InputError, match=r"auxiliary\.tsv"):
        auxiliary.load_splits(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    (tmp_path / "auxiliary.tsv").write_bytes(b"\xef\xbb\xbf" + GOOD_SPLIT)
    assert auxiliary.load_splits(tmp_path)[0].coefficient == Decimal("1.5")


CHARLSON = (Path(__file__).with_name("charlson.tsv")).read_text(encoding="utf-8").splitlines()[1:]


@pytest.mark.parametrize("line", CHARLSON, ids=lambda line: line.split("\t")[0])
def test_charlson_codes_are_those_of_quan(line: str) -> None:
    """Every four-character code of ICD-10 counts as in the published table, which has ranges."""
    name, weight, ranges = line.split("\t")
    every = [
        f"{letter}{number:02}.{last}"
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        for number in range(100)
        for last in range(10)
    ]
    expected = {
        code
        for first, _, end in (part.partition("-") for part in ranges.split())
        for code in every
        if first <= code[: len(first)] <= (end or first)
    }
    disease = PARAMETERS.charlson[name]
    assert {code for code in every if code.startswith(tuple(disease.codes))} == expected
    assert disease.weight == int(weight)


def test_charlson_has_no_other_disease() -> None:
    assert set(PARAMETERS.charlson) == {line.split("\t")[0] for line in CHARLSON}
    milder = {name: one.unless for name, one in PARAMETERS.charlson.items() if one.unless}
    assert milder == {
        "mild_liver": "severe_liver",
        "diabetes": "diabetes_complicated",
        "cancer": "metastasis",
    }
