"""Importing a workbook into the folder of an installation: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from drg.errors import InputError
from drg.scheme import library
from drg.scheme.lint import render
from drg.scheme.pack import find_pack, load_pack
from tests.drg.scheme.official_workbook import Book, small_book

SHIPPED = "chs-drg-1.1"


@pytest.fixture(scope="module")
def book() -> Book:
    """The first two MDCs of the shipped scheme as a workbook."""
    return small_book(find_pack(SHIPPED))


def test_a_workbook_becomes_a_scheme_with_its_report_and_lint(book: Book, tmp_path: Path) -> None:
    path = book.write(tmp_path / "book.xlsx")
    own = tmp_path / "schemes"
    installed = library.install_workbook(path, "city-1", own)
    assert installed.report.folder == own / "city-1"
    assert [item.name for item in own.iterdir()] == ["city-1"]
    pack = load_pack(own / "city-1")
    assert [row.code for row in pack.mdcs] == [row[0] for row in book.sheets["MDC"][2:]]
    for lang in ("zh", "en"):
        assert (own / "city-1" / f"lint.{lang}.txt").read_text(encoding="utf-8") == render(
            installed.findings, lang
        )
        report = (own / "city-1" / f"import.{lang}.txt").read_text(encoding="utf-8")
        assert report == installed.report.render(lang) + "\n"
    folders = library.scheme_folders(own)
    assert folders["city-1"] == own / "city-1" and SHIPPED in folders
    assert library.scheme_name(folders["city-1"], "en") == "Unnamed scheme"

    before = sorted(path.read_bytes() for path in (own / "city-1").iterdir())
    with pytest.raises(InputError, match="another id"):
        library.install_workbook(path, "city-1", own)
    assert sorted(path.read_bytes() for path in (own / "city-1").iterdir()) == before


@pytest.mark.parametrize("id", ["", "..", "../other", "A", "a/b", "a\n", "长", "a" * 65, SHIPPED])
def test_ids_that_cannot_be_used_leave_nothing(id: str, tmp_path: Path) -> None:
    book = tmp_path / "book.xlsx"
    book.write_bytes(b"not read")
    with pytest.raises(InputError):
        library.install_workbook(book, id, tmp_path / "schemes")
    assert [item.name for item in tmp_path.iterdir()] == ["book.xlsx"]


def test_a_broken_book_leaves_nothing(book: Book, tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    path.write_bytes(b"PK no workbook")
    own = tmp_path / "schemes"
    with pytest.raises(InputError):
        library.install_workbook(path, "city-1", own)
    assert not list(own.iterdir())
    assert "city-1" not in library.scheme_folders(own)


def test_a_file_over_the_limit_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "MAX_BOOK_BYTES", 10)
    path = tmp_path / "book.xlsx"
    path.write_bytes(b"x" * 2048)
    with pytest.raises(InputError, match="2 KiB"):
        library.install_workbook(path, "city-1", tmp_path / "schemes")


def test_contracts_are_those_with_weights_of_the_scheme() -> None:
    assert "jilin-2022" in library.contracts_of(SHIPPED)
    assert library.contracts_of("city-1") == []
    assert library.prices("template", SHIPPED)
    assert not library.prices("template", "city-1") and not library.prices("nowhere", SHIPPED)


def test_rows_are_found_by_code_and_name() -> None:
    rows = find_pack(SHIPPED).adrgs
    assert [row.code for row in library.find_rows(rows, "fr2")] == ["FR2"]
    assert "FR2" in [row.code for row in library.find_rows(rows, "心力 衰竭")]
    assert library.find_rows(rows, "nothing of this kind") == []
