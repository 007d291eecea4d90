"""Workbooks in the official layout: what is read, what is repaired, what is refused."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.errors import InputError
from drg.messages import LANGUAGES
from drg.scheme import sheets
from drg.scheme.import_report import ImportReport
from drg.scheme.pack import SCHEMES_FOLDER, Pack, find_pack, load_pack
from drg.scheme.workbook import import_workbook
from tests.drg.scheme.official_workbook import Book, plain_book

NATIONAL = SCHEMES_FOLDER / "chs-drg-1.1"
SETTINGS = NATIONAL / "scheme.toml"


def smallest() -> bytes:
    """A workbook with one row a sheet."""
    one_row = {
        name: [[aliases[0] for aliases in layout.columns.values()], ["x" for _ in layout.columns]]
        for layout in sheets.load_layout().sheets.values()
        for name in layout.names
    }
    with tempfile.TemporaryDirectory() as folder:
        return Book(one_row).write(Path(folder) / "book.xlsx").read_bytes()


SMALLEST = smallest()


def content(pack: Pack) -> tuple[object, ...]:
    """All that a scheme says, without the place it was read from."""
    tables = [
        [(row.code, row.name, row.rule, row.parent) for row in rows]
        for rows in (pack.mdcs, pack.adrgs, pack.drgs)
    ]
    return *tables, pack.sets, pack.complications, pack.exclusions


@pytest.fixture(scope="module")
def small() -> Pack:
    """Two MDCs of the national scheme with what belongs to them."""
    pack = find_pack("chs-drg-1.1")
    mdcs = tuple(row for row in pack.mdcs if row.code in ("MDCC", "MDCF"))
    adrgs = tuple(row for row in pack.adrgs if row.parent in ("MDCC", "MDCF"))
    codes = {row.code for row in adrgs}
    drgs = tuple(row for row in pack.drgs if row.parent in codes)
    texts = " ".join(row.text for row in (*mdcs, *adrgs))
    sets = {name: members for name, members in pack.sets.items() if f"{name} " in f"{texts} "}
    exclusions = {table: pack.exclusions[table] for table in ("1", "2", "40")}
    complications = {
        code: found for code, found in pack.complications.items() if found.exclusion_table in exclusions
    }
    return replace(
        pack, mdcs=mdcs, adrgs=adrgs, drgs=drgs, sets=sets, exclusions=exclusions, complications=complications
    )


def imported(book: Book, folder: Path) -> tuple[Pack, ImportReport]:
    path = book.write(folder / "book.xlsx")
    report = import_workbook(path, SETTINGS, "a-test", folder / "pack")
    return load_pack(folder / "pack"), report


def kinds(report: ImportReport) -> set[tuple[str, str]]:
    return {(repair.kind, repair.sheet) for repair in report.repairs}


def test_whole_national_scheme_comes_back(tmp_path: Path) -> None:
    national = find_pack("chs-drg-1.1")
    path = plain_book(national).write(tmp_path / "book.xlsx")
    report = import_workbook(path, SETTINGS, "a-test", tmp_path / "pack")
    pack = load_pack(tmp_path / "pack")
    assert content(pack) == content(national)
    assert pack.settings == national.settings.model_copy(update={"id": "a-test"})
    assert report.counts["集合"] == 99_157
    assert report.repairs == ()


def with_oddities(book: Book) -> None:
    """Every fault of form that the published workbook has, and some more."""
    sheets = book.sheets
    # Columns in another order, with an extra and an empty one, other header texts, blanks in the header.
    sheets["ADRG"] = [[row[3], None, row[2], "note", row[1], row[5], row[4]] for row in sheets["ADRG"]]
    sheets["ADRG"][0] = ["ADRG规则", None, " ADRG 名称", "备注", "ＡＤＲＧ编码", "排序\n", "所属MDC编码"]
    sheets["DRG"][0][0] = "DRG编码"
    sheets["CC"][0][:2] = ["ICD编码", "ICD名称"]
    sheets["集合"][0][3] = "类型"
    # Rows in another order (the order column says the right one), numbers as text.
    sheets["DRG"][1:] = [[*row[:5], f"{row[5]}.0"] for row in reversed(sheets["DRG"][1:])]
    # Cells with escapes and blanks that cannot be seen.
    for row in sheets["集合"][1:20]:
        row[1] = f"\u00a0{row[1]}_x000D_"
    sheets["MDC"][2][1] = f"{sheets['MDC'][2][1]}_x000D__x000A_"
    sheets["MDC"][3][2] = f"\u200b{sheets['MDC'][3][2]}\u3000"
    # Full-width and foreign signs in rules.
    for row in sheets["DRG"][1:]:
        row[2] = str(row[2]).replace(" or ", "　ｏｒ　")
    book.change("ADRG", 0, lambda row: row[4] == "FF1", "（ZYSS in｛OP_FF1｝）")
    # Rows that are there twice.
    for name in ("MDC", "ADRG", "DRG", "集合", "CC", "排除表"):
        sheets[name].append(list(sheets[name][5] if name != "MDC" else sheets[name][2]))
    sheets["集合"].append(["", None, "", ""])
    # Codes as numbers: a procedure that lost its zeros, tables of exclusions, small letters, full width.
    for row in sheets["集合"][1:]:
        if str(row[1]).endswith("00") and str(row[1])[:2].isdigit() and "x" not in str(row[1]):
            row[1] = float(str(row[1]))
    book.change("CC", 0, lambda row: str(row[0]).startswith("A"), str(sheets["CC"][1][0]).lower())
    for row in sheets["排除表"][1:]:
        row[0] = f"{row[0]}.0"


def test_every_oddity_of_form_is_repaired_and_reported(small: Pack, tmp_path: Path) -> None:
    book = plain_book(small)
    with_oddities(book)
    pack, report = imported(book, tmp_path)
    assert content(pack) == content(small)
    assert kinds(report) >= {
        ("cleaned", "集合"),
        ("cleaned", "MDC"),
        ("rule_signs", "ADRG"),
        ("sorted", "DRG"),
        ("code_spelling", "集合"),
        ("code_spelling", "CC"),
        *(("duplicate_row", name) for name in ("MDC", "ADRG", "DRG", "集合", "CC", "排除表")),
    }
    for lang in LANGUAGES:
        assert report.render(lang).count("\n") > 10


def test_misplaced_fallback_rows_go_to_the_end_of_their_scope(small: Pack, tmp_path: Path) -> None:
    book = plain_book(small)
    book.sheets["MDC"].insert(2, [0.0, "未入组", "", 0])
    book.sheets["ADRG"].insert(1, ["", "F00", "循环系统其他", "", "MDCF", 0])
    book.sheets["DRG"].insert(1, ["F000", "循环系统其他", "", "F00", "MDCF", 0])
    pack, report = imported(book, tmp_path)
    assert pack.mdcs[-1].code == "0000"
    assert [row.code for row in pack.adrgs if row.parent == "MDCF"][-1] == "F00"
    assert [row.code for row in pack.drgs if row.parent == "F00"] == ["F000"]
    assert [row.code for row in pack.adrgs][:-1] == [row.code for row in small.adrgs]
    moved = [
        (repair.sheet, repair.row, repair.what)
        for repair in report.repairs
        if repair.kind == "fallback_moved"
    ]
    assert moved == [("MDC", 3, "0000"), ("ADRG", 2, "F00")]


def test_ties_of_the_order_column_are_reported(small: Pack, tmp_path: Path) -> None:
    book = plain_book(small)
    number = book.change("ADRG", 5, lambda row: row[1] == "FR2", 0) - 1
    book.sheets["ADRG"][number - 1][5] = 0
    pack, report = imported(book, tmp_path)
    assert [(repair.row, repair.what) for repair in report.repairs if repair.kind == "order_tie"] == [
        (number + 1, f"{book.sheets['ADRG'][number - 1][1]}, FR2")
    ]
    assert [row.code for row in pack.adrgs if row.parent == "MDCF"][1] == "FR2"


def test_row_without_order_goes_to_the_end_of_its_scope(small: Pack, tmp_path: Path) -> None:
    book = plain_book(small)
    number = book.change("ADRG", 5, lambda row: row[1] == "FR2", None)
    pack, report = imported(book, tmp_path)
    assert [row.code for row in pack.adrgs if row.parent == "MDCF"][-1] == "FR2"
    assert ("order_missing", number) in {(repair.kind, repair.row) for repair in report.repairs}


def test_without_order_column_the_rows_stay_as_they_are(small: Pack, tmp_path: Path) -> None:
    book = plain_book(small)
    for row in book.sheets["DRG"]:
        del row[5]
    pack, report = imported(book, tmp_path)
    assert content(pack) == content(small)
    assert [(warning.code, warning.where) for warning in report.warnings] == [
        ("workbook.no_order_column", "DRG")
    ]


def test_amendment_of_a_group_that_is_not_there_is_a_problem(small: Pack, tmp_path: Path) -> None:
    shutil.copy(SETTINGS, tmp_path / "settings.toml")
    wrong = '[[correct_name]]\ntable = "drg"\ncode = "FR2"\nname = "x"\nsource = "y"\n'
    path = plain_book(small).write(tmp_path / "book.xlsx")
    for text, code in (
        (wrong, "workbook.amendment_no_group"),
        (wrong.replace("source", "origin"), "scheme.setting_invalid"),
        ("[[", "scheme.toml_unreadable"),
    ):
        (tmp_path / "amendments.toml").write_text(text, encoding="utf-8")
        with pytest.raises(InputError) as caught:
            import_workbook(path, tmp_path / "settings.toml", "a-test", tmp_path / "pack")
        assert {problem.code for problem in caught.value.problems} == {code}


def test_amendments_are_applied_and_kept(small: Pack, tmp_path: Path) -> None:
    shutil.copy(SETTINGS, tmp_path / "settings.toml")
    amendments = """
[[add_exclusion]]
table = "1"
codes = ["I50.900", "A00.000x001"]
source = "printed scheme, table 1"
[[correct_name]]
table = "adrg"
code = "FR2"
name = "心力衰竭"
source = "printed scheme, MDCF"
"""
    (tmp_path / "amendments.toml").write_text(amendments, encoding="utf-8")
    path = plain_book(small).write(tmp_path / "book.xlsx")
    report = import_workbook(path, tmp_path / "settings.toml", "a-test", tmp_path / "pack")
    pack = load_pack(tmp_path / "pack")
    assert pack.exclusions["1"] == small.exclusions["1"] | {"I50.900"}
    assert pack.names["FR2"] == "心力衰竭"
    assert (tmp_path / "pack" / "amendments.toml").read_text(encoding="utf-8") == amendments
    assert kinds(report) == {("exclusion_added", "排除表"), ("name_corrected", "ADRG")}
    assert [warning.code for warning in report.warnings] == ["workbook.amendment_not_needed"]


def test_without_settings_only_what_the_workbook_has_is_switched_on(small: Pack, tmp_path: Path) -> None:
    book = plain_book(small)
    path = book.write(tmp_path / "book.xlsx")
    import_workbook(path, None, "plain", tmp_path / "plain")
    book.sheets["集合"] += [["OP_ALL", "51.2300", "", 1], ["OP_ARB", "17.4100", "", 1]]
    path = book.write(tmp_path / "book.xlsx")
    import_workbook(path, None, "with-set", tmp_path / "with-set")
    plain, with_set = (load_pack(tmp_path / name).settings.evaluation for name in ("plain", "with-set"))
    assert (plain.weight, plain.surgical_set, plain.non_grouping_kept) == ("admission", None, None)
    assert with_set == plain.model_copy(update={"surgical_set": "OP_ALL", "non_grouping_kept": "OP_ARB"})


def test_unknown_codes_are_a_warning_with_their_place(small: Pack, tmp_path: Path) -> None:
    book = plain_book(small)
    row = book.change("集合", 1, lambda row: row[0] == "DI_FP1", "Q99.999x9")
    pack, report = imported(book, tmp_path)
    assert "Q99.999x9" in pack.sets["DI_FP1"]
    assert f"Q99.999x9 (集合!B{row})" in report.render()


def test_all_faults_of_meaning_are_reported_at_their_cells(small: Pack, tmp_path: Path) -> None:
    book = plain_book(small)
    broken = book.change("ADRG", 3, lambda row: row[1] == "FR2", "ZYZD in DI_FP1 and and NL > 1")
    missing = book.change("ADRG", 3, lambda row: row[1] == "FR3", "ZYZD in DI_NONE")
    orphan = book.change("DRG", 3, lambda row: row[0] == "FR21", "FQ9")
    order = book.change("DRG", 5, lambda row: row[0] == "FR25", "nan")
    book.sheets["MDC"].append(["MDCF", "another name", "", 9])
    book.sheets["CC"].append([book.sheets["CC"][1][0], "", 1, "MCC"])
    book.sheets["集合"] += [["DI FP#", "I50.900", "", 1], ["DI_FP1", "see note", "", 1]]
    path = book.write(tmp_path / "book.xlsx")
    with pytest.raises(InputError) as caught:
        import_workbook(path, SETTINGS, "a-test", tmp_path / "pack")
    last = {name: len(rows) for name, rows in book.sheets.items()}
    assert {(problem.where, problem.code) for problem in caught.value.problems} == {
        (f"ADRG!D{broken}", "scheme.expected_test"),
        (f"ADRG!D{missing}", "scheme.set_missing"),
        (f"DRG!D{orphan}", "scheme.parent_missing"),
        (f"DRG!F{order}", "workbook.order_not_number"),
        (f"MDC!A{last['MDC']}", "workbook.rows_contradict"),
        (f"CC!A{last['CC']}", "workbook.rows_contradict"),
        (f"集合!A{last['集合'] - 1}", "workbook.no_block_name"),
        (f"集合!B{last['集合']}", "workbook.no_code"),
    }
    (shown,) = (problem for problem in caught.value.problems if problem.code == "scheme.expected_test")
    text, caret = shown.excerpt.splitlines()
    assert text[caret.index("^") :] == "and NL > 1"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["book.xlsx"]


def test_missing_sheets_and_columns_are_all_named(small: Pack, tmp_path: Path) -> None:
    book = plain_book(small)
    del book.sheets["排除表"]
    book.sheets["MDC"][1][2] = "something else"
    book.sheets["CC"] = book.sheets["CC"][:1]
    path = book.write(tmp_path / "book.xlsx")
    with pytest.raises(InputError) as caught:
        import_workbook(path, SETTINGS, "a-test", tmp_path / "pack")
    assert [problem.code for problem in caught.value.problems] == [
        "workbook.columns_missing",
        "workbook.sheet_empty",
        "workbook.sheet_missing",
    ]


def archive(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in members.items():
            target.writestr(name, data)


def truncated(path: Path, good: bytes) -> None:
    path.write_bytes(good[: len(good) // 2])


def damaged(path: Path, good: bytes) -> None:
    middle = len(good) // 2
    path.write_bytes(good[:middle] + bytes(64) + good[middle + 64 :])


def a_text(path: Path, good: bytes) -> None:
    path.write_text("MDC编码,MDC名称", encoding="utf-8")


def empty(path: Path, good: bytes) -> None:
    path.write_bytes(b"")


def other_zip(path: Path, good: bytes) -> None:
    archive(path, {"readme.txt": b"not a workbook"})


def far_cells(path: Path, good: bytes) -> None:
    path.write_bytes(good)
    cells = b'<worksheet><sheetData><row r="1"><c r="A1"/></row><row><c r="XFD1048576"/></row></sheetData></worksheet>'
    with zipfile.ZipFile(path, "a") as target:
        target.writestr("xl/worksheets/sheet99.xml", cells)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (truncated, "workbook.not_xlsx"),
        (damaged, "workbook.not_xlsx"),
        (a_text, "workbook.not_xlsx"),
        (empty, "workbook.not_xlsx"),
        (other_zip, "workbook.unreadable"),
        (far_cells, "workbook.too_many_cells"),
    ],
)
def test_unusable_file_is_refused(
    small: Pack, tmp_path: Path, spoil: Callable[[Path, bytes], None], code: str
) -> None:
    good = plain_book(small).write(tmp_path / "good.xlsx").read_bytes()
    spoil(tmp_path / "bad.xlsx", good)
    with pytest.raises(InputError) as caught:
        import_workbook(tmp_path / "bad.xlsx", SETTINGS, "a-test", tmp_path / "pack")
    assert [problem.code for problem in caught.value.problems] == [code]
    assert not (tmp_path / "pack").exists()


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, len(SMALLEST) - 1),
    st.binary(min_size=1, max_size=4),
    st.integers(len(SMALLEST) // 2, len(SMALLEST)),
)
def test_any_damage_is_an_input_error_or_harmless(place: int, junk: bytes, length: int) -> None:
    damaged_bytes = SMALLEST[:place] + junk + SMALLEST[place + len(junk) :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "book.xlsx"
        path.write_bytes(damaged_bytes[:length] if place % 2 else damaged_bytes)
        with contextlib.suppress(InputError):
            assert sheets.read_workbook(path).keys() == sheets.load_layout().sheets.keys()


def test_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_UNPACKED_BYTES", 1 << 20)
    archive(tmp_path / "bomb.xlsx", {"xl/worksheets/sheet1.xml": bytes(2 << 20)})
    with pytest.raises(InputError) as caught:
        import_workbook(tmp_path / "bomb.xlsx", SETTINGS, "a-test", tmp_path / "pack")
    assert [problem.code for problem in caught.value.problems] == ["workbook.too_large"]


def test_temporary_file_of_excel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "~$book.xlsx").write_bytes(b"user")
    with pytest.raises(InputError) as caught:
        import_workbook(tmp_path / "~$book.xlsx", SETTINGS, "a-test", tmp_path / "pack")
    assert [problem.code for problem in caught.value.problems] == ["workbook.temporary"]


def test_only_packs_are_overwritten_and_hand_written_files_stay(small: Pack, tmp_path: Path) -> None:
    path = plain_book(small).write(tmp_path / "book.xlsx")
    out = tmp_path / "pack"
    out.mkdir()
    (out / "thesis.docx").write_text("mine")
    with pytest.raises(InputError):
        import_workbook(path, SETTINGS, "a-test", out)
    assert [entry.name for entry in out.iterdir()] == ["thesis.docx"]
    (out / "thesis.docx").unlink()
    import_workbook(path, SETTINGS, "a-test", out)
    (out / "cases.tsv").write_text("case_id\n")
    import_workbook(path, SETTINGS, "second", out)
    assert load_pack(out).id == "second"
    assert (out / "cases.tsv").read_text() == "case_id\n"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["book.xlsx", "pack"]
