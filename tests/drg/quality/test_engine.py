"""Rules over tables: counts, findings with their evidence, appeals, dates; and that a whole table is its records."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.errors import InputError
from drg.quality import engine
from drg.quality.appeals import Appeal, Appeals
from drg.quality.condition import parse_condition
from drg.quality.engine import Checker, check_chunks, shared_nodes
from drg.quality.examples import record_table, record_values
from drg.quality.finding import FINDING_SCHEMA, MAX_ROWS_SHOWN, evidence_text, render, texts_of
from drg.quality.frame import Evaluation, Frame
from drg.quality.rule import Example
from drg.quality.vocabulary import load_vocabulary
from tests.drg.quality.small_rules import RUN_DATE, check, records, rule, with_ids
from tests.drg.quality.test_condition import ANSWERED

FEMALE = rule("Q901", check('sex == "1" and dx("C51-C58")', message="sex {sex}: {codes}"))
DATED = rule("Q902", check("any(procedures, filled(code) and empty(date))", "procedures.date"))


def counts(checked: engine.Checked) -> dict[str, tuple[int, ...]]:
    return {line.pop("rule"): tuple(line.values()) for line in checked.counts.to_pylist()}


def test_counts_and_findings() -> None:
    table = records(
        {"sex": "1", "dx": ["I10.x00", "C53.900"]}, {"sex": "2", "dx": ["C53.900"]}, {"dx": ["C53.900"]}
    )
    checked = engine.check(table, [FEMALE], RUN_DATE)
    assert counts(checked) == {"Q901": (1, 1, 1, 0)}
    assert checked.findings.schema == FINDING_SCHEMA
    (finding,) = checked.findings.to_pylist()
    assert (finding["case_id"], finding["row"], finding["position"], finding["value"]) == (
        "C0",
        2,
        2,
        "C53.900",
    )
    assert finding["evidence"] == [
        {"field": "sex", "position": None, "value": "1"},
        {"field": "diagnoses.code", "position": 2, "value": "C53.900"},
    ]
    assert render(finding, FEMALE).message == "sex 1: C53.900"
    (words,) = texts_of(checked.findings, {"Q901": FEMALE}, "zh").to_pylist()
    assert words["place"] == "诊断编码 第2行（C06x01C）"
    assert words["evidence"] == "性别（A12C）=1；诊断编码 第2行（C06x01C）=C53.900"
    assert words["basis"] == render(finding, FEMALE, "zh").basis == "测试"
    words = texts_of(checked.findings, {"Q901": FEMALE}, "en").to_pylist()[0]
    assert words["message"] == render(finding, FEMALE).message
    assert words["evidence"] == evidence_text(finding["evidence"])
    assert checked.records.select(["block", "warn", "hint"]).to_pylist()[0] == {
        "block": 1,
        "warn": 0,
        "hint": 0,
    }


def test_codes_are_listed_as_the_language_does() -> None:
    both = records({"sex": "1", "dx": ["C53.900", "C56.x00"]})
    (finding,) = engine.check(both, [FEMALE], RUN_DATE).findings.to_pylist()
    assert render(finding, FEMALE, "en").message == "sex 1: C53.900, C56.x00"
    assert render(finding, FEMALE, "zh").message.endswith("C53.900、C56.x00")
    assert texts_of(engine.check(both, [FEMALE], RUN_DATE).findings, {"Q901": FEMALE}, "zh").column(
        "message"
    ).to_pylist() == [render(finding, FEMALE, "zh").message]


def test_the_finding_points_to_the_first_row_to_blame() -> None:
    rows = [{"code": "51.2300", "date": "2024-01-01"}, {"code": "54.1100"}, {"code": "54.2100"}]
    (finding,) = engine.check(records({"procedures": rows}), [DATED], RUN_DATE).findings.to_pylist()
    assert (finding["position"], finding["value"]) == (2, None)
    assert [item["position"] for item in finding["evidence"]] == [2, 3, 2, 3]


def test_evidence_of_many_rows_is_capped() -> None:
    (finding,) = engine.check(records({"proc": ["51.2300"] * 60}), [DATED], RUN_DATE).findings.to_pylist()
    assert len(finding["evidence"]) == 2 * MAX_ROWS_SHOWN


def test_a_rule_of_several_checks_is_hit_by_one_and_passes_by_one() -> None:
    several = rule("Q903", check('sex == "9"', "sex"), check('rh == "9"', "rh"))
    table = records({"sex": "9", "rh": "9"}, {"sex": "1"}, {}, {"rh": "9"})
    checked = engine.check(table, [several], RUN_DATE)
    assert counts(checked) == {"Q903": (2, 1, 1, 0)}
    assert checked.findings.select(["case_id", "field", "check"]).to_pylist() == [
        {"case_id": "C0", "field": "sex", "check": 0},
        {"case_id": "C0", "field": "rh", "check": 1},
        {"case_id": "C3", "field": "rh", "check": 1},
    ]


def test_exceptions_spare_and_leave_open() -> None:
    spared = rule("Q904", check('sex == "1"', "sex", exceptions="age > 60"))
    table = records({"sex": "1", "age": "70"}, {"sex": "1", "age": "5"}, {"sex": "1"}, {"sex": "2"})
    assert counts(engine.check(table, [spared], RUN_DATE)) == {"Q904": (1, 2, 1, 0)}


def test_an_accepted_appeal_silences_the_rule_for_its_case_only() -> None:
    table = records(*[{"sex": "1", "dx": ["C53.900"]}] * 3)
    appeals = Appeals(
        tuple(
            Appeal(rule="Q901", case_id=case, reason="r", person="p", date=RUN_DATE, state=state)
            for case, state in (("C0", "accepted"), ("C1", "rejected"))
        )
    )
    checked = engine.check(table, [FEMALE], RUN_DATE, appeals=appeals)
    assert counts(checked) == {"Q901": (2, 0, 0, 1)}
    assert checked.findings.column("status").to_pylist() == ["silenced", "open", "open"]
    assert checked.records.column("block").to_pylist() == [0, 1, 1]
    assert checked.records.column("silenced").to_pylist() == [1, 0, 0]
    assert checked.records.column("score").to_pylist() == [100.0, 96.0, 96.0]
    (outcome,) = Checker([FEMALE], RUN_DATE, appeals=appeals).check_one(table.slice(0, 1))
    assert outcome.status == "silenced" and len(outcome.findings) == 1


def test_a_rule_counts_for_discharges_while_it_is_in_force() -> None:
    dated = rule(
        "Q905",
        check('sex == "9"', "sex"),
        effective_from=dt.date(2020, 1, 1),
        effective_to=dt.date(2020, 12, 31),
    )
    days = ["2019-12-31 23:59:59", "2020-01-01 00:00:00", "2020-12-31 23:00:00", "2021-01-01 00:00:00"]
    table = records(*({"sex": "9", "discharge_time": day} for day in days), {"sex": "9"})
    checked = engine.check(table, [dated], RUN_DATE)
    assert checked.findings.column("case_id").to_pylist() == ["C1", "C2"]
    assert counts(checked) == {"Q905": (2, 0, 3, 0)}


def test_a_rule_of_another_dictionary_does_not_apply() -> None:
    clinical = rule("Q906", check('sex == "9"', "sex"), dictionary="clinical-2.0")
    table = records({"sex": "9"})
    assert counts(engine.check(table, [clinical], RUN_DATE)) == {"Q906": (0, 0, 1, 0)}
    assert counts(engine.check(table, [clinical], RUN_DATE, "clinical-2.0")) == {"Q906": (1, 0, 0, 0)}


def test_what_the_source_does_not_carry_is_not_empty() -> None:
    missing = rule("Q907", check("empty(occupation)", "occupation"))
    table = records({"sex": "1"})
    assert counts(engine.check(table, [missing], RUN_DATE)) == {"Q907": (1, 0, 0, 0)}
    without = table.drop_columns(["occupation"])
    assert counts(engine.check(without, [missing], RUN_DATE)) == {"Q907": (0, 0, 1, 0)}
    (outcome,) = Checker([missing], RUN_DATE).check_one(without)
    assert (outcome.status, outcome.missing) == ("not_applicable", ("occupation",))
    groupless = table.drop_columns([name for name in table.column_names if name.startswith("procedures.")])
    assert counts(engine.check(groupless, [DATED], RUN_DATE)) == {"Q902": (0, 0, 1, 0)}


def test_one_record_says_what_was_missing() -> None:
    (outcome,) = Checker([FEMALE], RUN_DATE).check_one(records({"dx": ["C53.900"]}))
    assert (outcome.status, outcome.missing) == ("not_applicable", ("sex",))


@pytest.mark.parametrize("names", [[["x"], ["x"]], [["x"], ["x", "y", "z"]]])
def test_uneven_columns_of_a_group_are_refused(names: list[list[str]]) -> None:
    table = records({"dx": ["A00.000", "B00.000"]}, {"dx": ["A00.000", "B00.000"]})
    place = table.schema.get_field_index("diagnoses.name")
    broken = table.set_column(place, "diagnoses.name", pa.array(names, pa.list_(pa.string())))
    named = rule("Q908", check('any(diagnoses, name == "x" and code in "A")'))
    with pytest.raises(InputError):
        engine.check(broken, [named], RUN_DATE)


def test_no_records_and_no_rules() -> None:
    assert len(engine.check(records(), [FEMALE], RUN_DATE).findings) == 0
    assert counts(engine.check(records({"sex": "1"}), [], RUN_DATE)) == {}


def test_chunks_give_the_same_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"sex": str(1 + n % 2), "dx": [["C53.900"], ["I10.x00", "C58.x00"], []][n % 3]} for n in range(50)
    ]
    table = records(*rows)
    whole = engine.check(table, [FEMALE, DATED], RUN_DATE)
    monkeypatch.setattr(engine, "CHUNK_ROWS", 7)
    parts = list(check_chunks([table.slice(0, 20), table.slice(20)], Checker([FEMALE, DATED], RUN_DATE)))
    assert len(parts) == 8
    assert pa.concat_tables([part.findings for part in parts]).sort_by(
        [("rule", "ascending"), ("row", "ascending")]
    ) == (whole.findings.sort_by([("rule", "ascending"), ("row", "ascending")]))
    assert engine.added([part.counts for part in parts]).to_pylist() == whole.counts.to_pylist()
    assert pa.concat_tables([part.records for part in parts]) == whole.records


CONDITIONS = [parse_condition(case["ask"], load_vocabulary()) for case in ANSWERED]
RECORDS = [
    {
        name: str(value) if not isinstance(value, list) else value
        for name, value in case["record"].items()
        if name != "dictionary"
    }
    for case in ANSWERED
]


@settings(deadline=None, max_examples=10)
@given(st.lists(st.tuples(st.sampled_from(RECORDS), st.sampled_from(RECORDS)), min_size=1, max_size=6))
def test_a_table_is_answered_as_its_records_are(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    vocabulary = load_vocabulary()
    values = [record_values(Example.model_validate({**one, **other}), vocabulary) for one, other in pairs]
    table = with_ids(record_table(values, vocabulary))
    whole = Evaluation(Frame(table, RUN_DATE), shared_nodes(CONDITIONS))
    taken = Evaluation(Frame(table, RUN_DATE).take(np.arange(len(table))[::-1]))
    single = [Evaluation(Frame(table.slice(place, 1), RUN_DATE)) for place in range(len(table))]
    for condition in CONDITIONS:
        found = whole.truth(condition)
        alone = [one.truth(condition) for one in single]
        assert found.yes.tolist() == [bool(one.yes[0]) for one in alone]
        assert found.no.tolist() == [bool(one.no[0]) for one in alone]
        backwards = taken.truth(condition)
        assert backwards.yes.tolist()[::-1] == found.yes.tolist()
        assert backwards.no.tolist()[::-1] == found.no.tolist()
