"""Score, grade, what is found most; appeals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drg.errors import InputError
from drg.quality import engine
from drg.quality.appeals import read_appeals
from drg.quality.layout import fields
from drg.quality.score import FULL_SCORE, Scorer, load_score_sheet, named, top_defects
from tests.drg.quality.small_rules import RUN_DATE, check, records, rule

SHEET = load_score_sheet()
SEX = rule("Q901", check('sex == "9"', "sex"))
SEX_AGAIN = rule("Q902", check('sex == "9"', "sex"))
HINT = rule("Q903", check('sex == "9"', "rh"), severity="hint")
CODE = rule("Q904", check('dx("A")'))


def scores(*rules: object) -> list[float]:
    table = records({"sex": "9", "dx": ["A00.000"]}, {"sex": "1", "dx": ["B00.000"]})
    found: list[float] = engine.check(table, list(rules), RUN_DATE).records.column("score").to_pylist()  # type: ignore[arg-type]
    return found


def test_the_blocks_are_those_of_2016() -> None:
    assert {block.id: block.total for block in SHEET.blocks} == {
        "patient": 18,
        "stay": 26,
        "diagnosis": 50,
        "fees": 6,
    }
    assert sum(block.total for block in SHEET.blocks) == FULL_SCORE


def test_every_field_has_an_item() -> None:
    assert all(SHEET.item_of(path)[1] > 0 for path in fields())


def test_an_item_is_lost_once() -> None:
    assert scores(SEX) == [98.0, 100.0]
    assert scores(SEX, SEX_AGAIN) == [98.0, 100.0]
    assert scores(SEX, CODE) == [94.0, 100.0]


def test_a_hint_costs_nothing() -> None:
    assert scores(HINT) == [100.0, 100.0]


def test_a_block_loses_no_more_than_its_total() -> None:
    rules = [rule(f"Q{number}", check("empty(sex)", path)) for number, path in enumerate(fields(), start=100)]
    assert engine.check(records({}), rules, RUN_DATE).records.column("score").to_pylist() == [0.0]


@given(
    st.lists(st.sampled_from(list(fields())), max_size=40), st.lists(st.booleans(), min_size=40, max_size=40)
)
def test_a_score_never_leaves_its_bounds_and_never_rises(paths: list[str], hits: list[bool]) -> None:
    rules = [rule(f"Q{number}", check("empty(sex)", path)) for number, path in enumerate(paths, start=100)]
    scorer = Scorer(SHEET, rules)
    scorer.begin(1)
    last = FULL_SCORE
    for one, hit in zip(rules, hits, strict=False):
        scorer.lose(one, one.checks[0].field, np.array([hit]))
        (now,) = scorer.scores().tolist()
        assert 0 <= now <= last
        last = now


def test_grades_and_bands_begin_at_their_minimum() -> None:
    found = named(np.array([100.0, 90.0, 89.9, 75.0, 74.9, 0.0]), SHEET.grades).to_pylist()
    assert found == ["甲", "甲", "乙", "乙", "丙", "丙"]
    assert named(np.array([97.0, 96.9]), SHEET.bands, "en").to_pylist() == ["excellent", "good"]


def test_top_defects_by_department_doctor_and_month() -> None:
    rows = [
        {
            "sex": "9",
            "department": "03",
            "attending_physician": "甲",
            "discharge_time": "2024-01-05 10:00:00",
        },
        {
            "sex": "9",
            "department": "03",
            "attending_physician": "乙",
            "discharge_time": "2024-02-05 10:00:00",
        },
        {
            "sex": "1",
            "department": "03",
            "attending_physician": "乙",
            "discharge_time": "2024-02-06 10:00:00",
        },
        {"sex": "9", "department": "04"},
    ]
    checked = engine.check(records(*rows), [SEX], RUN_DATE)
    found = top_defects(checked.findings, checked.records, "department").to_pylist()
    assert found[0] == {
        "department": "03",
        "rule": "Q901",
        "severity": "block",
        "count": 2,
        "records": 3,
        "share": 2 / 3,
    }
    assert found[1]["count"] == 1
    months = top_defects(checked.findings, checked.records, "month").to_pylist()
    assert {line["month"]: line["count"] for line in months} == {"2024-01": 1, "2024-02": 1, None: 1}
    assert len(top_defects(checked.findings, checked.records, "doctor")) == 3
    with pytest.raises(InputError, match="department"):
        top_defects(checked.findings, checked.records, "colour")


APPEALS = "rule,case_id,reason,person,date,state\n"
RULES = {"Q901": SEX, "Q905": rule("Q905", check('sex == "9"', "sex"), appealable=False)}


def appeals(folder: Path, lines: str) -> Path:
    path = folder / "appeals.csv"
    path.write_text(APPEALS + lines, encoding="utf-8-sig")
    return path


def test_accepted_appeals_are_read(tmp_path: Path) -> None:
    path = appeals(tmp_path, "Q901,C1,intersex,王一,2024-01-02,accepted\nQ905,C1,r,p,2024-01-02,open\n")
    found = read_appeals(path, RULES)
    assert found.silenced == {"Q901": {"C1"}}
    assert found.all[0].reason == "intersex"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Q999,C1,r,p,2024-01-02,accepted", "quality.rule_unknown"),
        ("Q905,C1,r,p,2024-01-02,accepted", "quality.appeal_not_allowed"),
        ("Q901,C1,,p,2024-01-02,accepted", "quality.appeal_invalid"),
        ("Q901,C1,r,,2024-01-02,accepted", "quality.appeal_invalid"),
        ("Q901,C1,r,p,2024-13-02,accepted", "quality.appeal_invalid"),
        ("Q901,C1,r,p,2024-01-02,maybe", "quality.appeal_invalid"),
        ("Q901", "quality.appeal_invalid"),
    ],
)
def test_a_wrong_appeal_is_refused_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_appeals(appeals(tmp_path, line + "\n"), RULES)
    assert {problem.code for problem in refused.value.problems} == {message}
    assert refused.value.problems[0].where == "appeals.csv:2"


def test_an_appeal_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "appeals.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError):
        read_appeals(path, RULES)
    path.write_text("rule,case_id\n", encoding="utf-8")
    with pytest.raises(InputError, match="reason"):
        read_appeals(path, RULES)
