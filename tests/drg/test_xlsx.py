"""The extent of a sheet is found before it is parsed, however the file hides it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drg.xlsx import Extent, blocks, column_letters, column_number, unpacked_bytes


@pytest.mark.parametrize(
    "cell",
    [
        b'<c r="XFD1048576"><v>1</v></c>',
        b"<x:c s='1' r = 'XFD1048576' t='n'/>",
        b"<c " + b'note="' + b"n" * 5_000 + b'" r="XFD1048576"/>',
    ],
)
@pytest.mark.parametrize("before", [0, (4 << 20) - 20, (4 << 20) - 5_010])
def test_a_far_cell_is_seen_wherever_blocks_end(tmp_path: Path, cell: bytes, before: int) -> None:
    path = tmp_path / "book.zip"
    content = b" " * before + cell + b'<row r="7"/><c r="A2"/>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sheet1.xml", content)
    extent = Extent()
    with zipfile.ZipFile(path) as archive:
        assert unpacked_bytes(archive) == len(content)
        for block in blocks(archive, "sheet1.xml"):
            extent.add(block)
    assert (extent.row, extent.column, extent.cells) == (1_048_576, 16_384, 1_048_576 * 16_384)


@given(st.integers(1, 16_384))
def test_column_letters_are_a_number(number: int) -> None:
    assert column_number(column_letters(number)) == number


def test_column_letters_follow_each_other() -> None:
    assert [column_letters(number) for number in (1, 26, 27, 702, 703, 16_384)] == [
        "A",
        "Z",
        "AA",
        "ZZ",
        "AAA",
        "XFD",
    ]
