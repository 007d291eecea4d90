"""``search``, ``scheme`` and ``records``."""

from __future__ import annotations

from pathlib import Path

from tests.ui.cli.conftest import Run


def test_search_prints_a_table(run: Run) -> None:
    ended = run("search", "jxlwy", "--limit", "1")
    assert ended.out == "code\tname\tsystem\tfound by\nK35.800x001\t急性阑尾炎\tICD-10\tpinyin initials\n"


def test_search_takes_several_words_and_one_system(run: Run) -> None:
    hits = run("search", "腹腔镜", "阑尾", "--system", "icd9cm3", "--json").json
    assert {hit["system"] for hit in hits} == {"icd9cm3"}
    assert "47.0100" in [hit["code"] for hit in hits]


def test_search_that_finds_nothing_says_so(run: Run) -> None:
    ended = run("search", "qqqqxxzz")
    assert (ended.code, ended.out) == (0, "")
    assert "Nothing was found" in ended.err


def test_wrong_use_is_2(run: Run) -> None:
    for arguments in (
        ["nothing"],
        ["search"],
        ["search", "x", "--limit", "0"],
        ["search", "x", "--system", "icd11"],
        ["scheme", "show"],
        ["group"],
        ["explain", "x"],
        [],
    ):
        ended = run(*arguments)
        assert (ended.code, ended.out) == (2, ""), arguments
        assert "Traceback" not in ended.err


def test_scheme_list_has_the_national_scheme(run: Run) -> None:
    assert "chs-drg-1.1\tChina Healthcare Security DRG 1.1\t2021-01-01" in run("scheme", "list").out
    assert run("scheme", "list", "--json").json[0]["id"] == "chs-drg-1.1"


def test_scheme_show_reads_like_a_description(run: Run) -> None:
    ended = run("scheme", "show", "fr2")
    assert ended.out.startswith("FR2 心力衰竭、休克 (MDCF")
    assert "I50- 心力衰竭" in ended.out
    assert run("scheme", "show", "FR2", "--json").json["level"] == "adrg"
    assert run("scheme", "show", "XX9").code == 4


def test_scheme_lint_counts_its_findings(run: Run) -> None:
    ended = run("scheme", "lint", "chs-drg-1.1")
    assert ended.code == 0
    assert ended.out.splitlines()[-1].startswith("0 errors, ")
    found = run("scheme", "lint", "chs-drg-1.1", "--json").json
    assert len(ended.out.splitlines()) == len(found) + 1


def test_scheme_diff_of_a_scheme_and_itself_is_empty(run: Run) -> None:
    assert (
        run("scheme", "diff", "chs-drg-1.1", "chs-drg-1.1").out == "chs-drg-1.1 -> chs-drg-1.1: 0 changes\n"
    )
    assert run("scheme", "diff", "chs-drg-1.1", "chs-drg-1.1", "--json").json["changes"] == []


def test_scheme_import_of_what_is_no_workbook_is_invalid(run: Run, cases: Path, tmp_path: Path) -> None:
    ended = run("scheme", "import", cases, "--id", "own", "--out", tmp_path / "pack")
    assert (ended.code, ended.out) == (4, "")
    assert "Traceback" not in ended.err
    assert not (tmp_path / "pack").exists()


def test_records_inspect_says_what_is_in_a_file(run: Run, cases: Path) -> None:
    ended = run("records", "inspect", cases)
    assert ended.code == 3
    for phrase in (
        "Plain table",
        "Rows: 4; cases: 3; rejected: 1",
        "Columns read (8)",
        "row 4, case 1003, age: -4",
    ):
        assert phrase in ended.out
    found = run("records", "inspect", cases, "--json").json
    assert (found["rows"], found["cases"], found["rejections"]) == (4, 3, {"records.age_negative": 1})
