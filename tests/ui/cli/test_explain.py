"""``drgbridge explain``: the answer for one case, and what a change would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ui.cli.conftest import Run


def test_it_begins_with_the_patient_the_group_and_the_reason(run: Run, cases: Path) -> None:
    ended = run("explain", cases, "--case", "1001")
    lines = ended.out.splitlines()
    assert ended.code == 0
    assert lines[0].startswith("Case 1001 (row 2) · male · 65 years · 7 days in hospital")
    assert lines[1] == "grouped: FR19 急性心肌梗死 (scheme chs-drg-1.1)"
    assert lines[2].startswith("I21.001 急性前壁心肌梗死 opens MDCF")
    assert all(line == line.rstrip() for line in lines)
    assert "\x1b" not in ended.out


def test_it_shows_codes_path_and_what_came_near(run: Run, cases: Path) -> None:
    text = run("explain", cases, "--case", "1002").out
    assert "Z99.999 is not in the NHSA catalogue" in text
    assert "✓ principal procedure in OP_GD2: 47.0100" in text
    near = text[text.index("Tried and not met") :]
    assert "GD1" in near
    assert "GB1" in near
    assert "✗ principal procedure in OP_GB1" not in near
    assert "✗ principal procedure in OP_GB1" in run("explain", cases, "--case", "1002", "--all").out


def test_json_is_the_whole_explanation(run: Run, cases: Path) -> None:
    found = run("explain", cases, "--case", "1001", "--json").json
    assert found["grouping"]["drg"] == "FR19"
    assert found["row"] == 2
    assert found["sentence"]
    assert [code["role"] for code in found["codes"]] == ["principal_dx", "other_dx", "other_dx"]
    assert found["complications"][0]["counted"] is True
    assert found["steps"][-1]["code"] == "FR19"
    assert "what_if" not in found


WHAT_IF = [
    (["--without-dx", "J96.000"], {"cc_level": "none", "drg": "FR19"}),
    (["--principal", "E11.900"], {"mdc": "MDCK"}),
    (["--principal", "e11.900"], {"mdc": "MDCK"}),
    (["--without-dx", "I21.001", "--without-dx", "E11.900"], {"mdc": "MDCE"}),
    (["--with-proc", "36.0600x007"], {"adrg": "FR1"}),
]


@pytest.mark.parametrize(("options", "expected"), WHAT_IF, ids=[" ".join(options) for options, _ in WHAT_IF])
def test_what_if(options: list[str], expected: dict[str, str], run: Run, cases: Path) -> None:
    after = run("explain", cases, "--case", "1001", "--json", *options).json["what_if"]
    assert {name: after["grouping"][name] for name in expected} == expected
    assert run("explain", cases, "--case", "1001", *options).out.count("What if") == 1


def test_what_if_without_effect_says_so(run: Run, cases: Path) -> None:
    ended = run("explain", cases, "--case", "1001", "--with-dx", "Q00.NOT")
    assert "Q00.NOT is not in the NHSA catalogue" in ended.out
    assert "The group does not change." in ended.out


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        (["--without-dx", "A00.000"], "it has I21.001, J96.000, E11.900"),
        (["--principal", "A00.000"], "--principal"),
        (["--without-proc", "47.0100"], "it has -"),
        (["--with-dx", ""], "1 to 40"),
        (["--with-dx", "A" * 41], "1 to 40"),
        (["--without-dx", "I21.001", "--without-dx", "J96.000", "--without-dx", "E11.900"], "at least one"),
    ],
)
def test_a_change_that_cannot_be_made_is_wrong_use(
    options: list[str], phrase: str, run: Run, cases: Path
) -> None:
    ended = run("explain", cases, "--case", "1001", *options)
    assert ended.code == 2
    assert phrase in ended.err
    assert not ended.out


def test_a_case_that_is_not_there_is_wrong_use(run: Run, cases: Path) -> None:
    ended = run("explain", cases, "--case", "77")
    assert (ended.code, ended.out) == (2, "")
    assert "no case 77" in ended.err


def test_a_rejected_case_says_why(run: Run, cases: Path) -> None:
    ended = run("explain", cases, "--case", "1003")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("Rejected (1): The age is negative: …\n  Check the dates")
    assert ended.err.endswith("  row 4, case 1003, age: -4\n")


def test_a_case_without_a_scheme_is_invalid_until_one_is_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "undated.csv"
    path.write_text("case_id,dx\n1,I21.001\n", encoding="utf-8")
    ended = run("explain", path, "--case", "1")
    assert ended.code == 4
    assert "name a scheme" in ended.err
    assert run("explain", path, "--case", "1", "--scheme", "chs-drg-1.1").code == 0


def test_clinical_codes_show_what_they_became(run: Run, tmp_path: Path) -> None:
    from drg.codes.catalogue import load_catalogue
    from drg.codes.crosswalk import convert

    codes = load_catalogue("icd10").column("code")
    code = codes[convert(codes, "icd10").outcomes.to_pylist().index("meaning_differs")].as_py()
    path = tmp_path / "clinical.csv"
    path.write_text(f"case_id,discharge_date,dx\n1,2024-05-01,{code}\n", encoding="utf-8")
    text = run("explain", path, "--case", "1", "--edition", "clinical").out
    assert "Converted from the clinical edition" in text
    assert f"  {code} " in text
