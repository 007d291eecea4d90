"""Catalogue folders: written and read again; what is wrong is named with its place."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from drg.dip.catalogue import ExcludedProc, PrimaryCare, find_catalogue, load_catalogue, save_catalogue
from drg.errors import InputError
from tests.drg.dip.examples import catalogue, row

FULL = catalogue(
    [
        row(id="BX-1", layer="BX", dx="K80.302|A18.808+I32.0*", proc="51.2300+51.8800", related="51.4100"),
        row(id="XQ-1", layer="XQ", dx="P07", proc_place="anywhere", age_days="..28", weight_g="1000..1499"),
        row(id="c", layer="comprehensive", dx="K80", proc_place="ignored", treatment="surgery"),
        row(
            id="s", layer="core", dx="I10", cases=9, mean_cost_fen=1, cv=Decimal("0.5"), score=Decimal("9.10")
        ),
        row(id="t", layer="FZ", dx="A15", other_dx="U82", resistant=False),
    ],
    excluded_dx={"R65.300": "SIRS"},
    excluded_proc=[ExcludedProc("45.1300", "胃镜", "only_with", (("A00", "A09"),))],
    resistance={"U82.1": ""},
    primary_care=[PrimaryCare("1", (("K80.302",),), ())],
)


def test_round_trip(tmp_path: Path) -> None:
    save_catalogue(FULL, tmp_path)
    assert load_catalogue(tmp_path) == FULL


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("id", "", "dip.value_missing"),
        ("layer", "ZZ", "dip.value_unknown"),
        ("dx", "胆石", "dip.no_code"),
        ("proc_place", "somewhere", "dip.value_unknown"),
        ("treatment", "prayer", "dip.value_unknown"),
        ("age_days", "young", "dip.no_band"),
        ("cases", "-1", "dip.no_number"),
        ("cases", "9" * 5000, "dip.no_number"),
        ("weight_g", "1..99999999999", "dip.no_band"),
        ("score", "NaN", "dip.no_number"),
        ("rw", "-0.1", "dip.no_number"),
        ("score", "1e999999", "dip.no_number"),
    ],
)
def test_a_wrong_cell_is_named_with_its_place(column: str, value: str, code: str, tmp_path: Path) -> None:
    save_catalogue(FULL, tmp_path)
    lines = (tmp_path / "groups.tsv").read_text(encoding="utf-8").splitlines()
    place = lines[0].split("\t").index(column)
    cells = lines[1].split("\t")
    cells[place] = value
    (tmp_path / "groups.tsv").write_text("\n".join([lines[0], "\t".join(cells)]), encoding="utf-8")
    with pytest.raises(InputError) as raised:
        load_catalogue(tmp_path)
    (problem,) = raised.value.problems
    assert (problem.code, problem.where) == (code, f"groups.tsv:2:{place + 1}")
    assert raised.value.render("zh")


@pytest.mark.parametrize(
    ("file", "content", "code"),
    [
        ("groups.tsv", b"id\tname\n", "dip.header"),
        ("groups.tsv", b"\xff\xfe", "dip.not_utf8"),
        ("groups.tsv", b"id\n" + b"x" * 200_000, "dip.table_unreadable"),
        ("catalogue.toml", b"id = ", "dip.toml_unreadable"),
        ("catalogue.toml", b"#" * (2 << 20) + b"\n", "dip.file_too_large"),
        ("catalogue.toml", b'id = "x"\nmine = 1\n', "dip.setting_invalid"),
    ],
)
def test_a_file_that_is_none(file: str, content: bytes, code: str, tmp_path: Path) -> None:
    save_catalogue(FULL, tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError) as raised:
        load_catalogue(tmp_path)
    assert raised.value.problems[0].code == code


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    save_catalogue(FULL, tmp_path)
    for name in ("catalogue.toml", "groups.tsv"):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + (tmp_path / name).read_bytes())
    assert load_catalogue(tmp_path) == FULL


def test_a_catalogue_that_does_not_exist() -> None:
    with pytest.raises(InputError, match="synthetic"):
        find_catalogue("nowhere")
