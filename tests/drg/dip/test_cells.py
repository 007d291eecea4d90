"""The grammar of the cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drg.dip.cells import band_text, cell_text, code_ranges, parse_band, parse_cell

codes = st.sampled_from(
    ["K80.302", "K80.3", "K80", "A18.808+I32.0*", "51.2300", "01.6x00x003", "A00.100x001"]
)
alternatives = st.lists(codes, min_size=1, max_size=4).map(tuple)


@given(st.lists(alternatives, max_size=5, unique=True).map(tuple))
def test_writing_and_reading_give_the_same(cell: tuple[tuple[str, ...], ...]) -> None:
    assert parse_cell(cell_text(cell)) == cell


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        cell = parse_cell(text)
    except ValueError:
        return
    assert parse_cell(cell_text(cell)) == cell


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("", ()),
        (" | ", ()),
        ("K80.302|\nK80.301", (("K80.302",), ("K80.301",))),
        ("ｋ80.302｜K80.302", (("K80.302",),)),
        ("51.2300 + 51.8800", (("51.2300", "51.8800"),)),
        ("A18.808+I32.0*+B20.x00", (("A18.808+I32.0*", "B20.x00"),)),
    ],
)
def test_cell(text: str, cell: object) -> None:
    assert parse_cell(text) == cell


@pytest.mark.parametrize(
    ("text", "band"),
    [
        ("..28", (None, 28)),
        ("＜29天", (None, 28)),
        ("≤28天", (None, 28)),
        ("小于29天", (None, 28)),
        ("1000g≤出生体重<1500g", (1000, 1499)),
        ("1000-1499g", (1000, 1499)),
        ("1000g～1499g", (1000, 1499)),
        ("1500克以下", (None, 1500)),
        ("≥2500g", (2500, None)),
        ("999<体重", (1000, None)),
    ],
)
def test_band(text: str, band: tuple[int | None, int | None]) -> None:
    assert parse_band(text) == band
    assert parse_band(band_text(band)) == band


def test_text_without_a_bound_is_no_band() -> None:
    with pytest.raises(ValueError, match="新生儿"):
        parse_band("新生儿")


def test_ranges_of_a_note() -> None:
    assert list(code_ranges("A00-A09|C15\nK20～K93作为主要诊断")) == [
        ("A00", "A09"),
        ("C15", "C15"),
        ("K20", "K93"),
    ]
