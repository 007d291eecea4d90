"""Every indicator against numbers computed by hand, and parts against wholes."""

from __future__ import annotations

import ast
import datetime as dt
import operator
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.analytics import documentation
from drg.analytics.indicators import CASE_COLUMNS, DIVISIONS, Indicator, death_risk, definitions, indicators
from drg.analytics.reference import REFERENCE_SCHEMA, make_reference, read_reference
from drg.errors import InputError

OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
BY_ID = {one.id: one for one in definitions()}


def arithmetic(text: str) -> float:
    """The value of a text with numbers, + - * / and brackets."""

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.BinOp):
            return OPERATORS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.UnaryOp):
            return -value(node.operand)
        assert isinstance(node, ast.Constant) and isinstance(node.value, int | float)
        return node.value

    return value(ast.parse(text, mode="eval").body)


@pytest.fixture(scope="module")
def example_row() -> dict[str, float]:
    table = indicators(documentation.example_cases(), (), documentation.example_reference())
    assert len(table) == 1
    row: dict[str, float] = table.to_pylist()[0]
    return row


@pytest.mark.parametrize("one", definitions(), ids=lambda one: one.id)
def test_the_worked_example_is_what_is_computed(one: Indicator, example_row: dict[str, float]) -> None:
    assert float(example_row[one.id]) == pytest.approx(one.result, abs=1e-6)
    assert arithmetic(one.worked) == pytest.approx(one.result, abs=1e-6)
    assert example_row[f"{one.id}_base"] == one.result_base
    assert example_row[f"{one.id}_missing"] == one.result_missing


def test_the_document_is_made_from_the_definitions() -> None:
    assert documentation.DOCUMENT.read_text(encoding="utf-8") == documentation.document()


def test_death_risk_follows_z() -> None:
    # ln 0.001, 0.02, 0.1 = -6.908, -3.912, -2.303; mean -4.374, sd 2.337; Z = -1.08, 0.20, 0.89.
    found = death_risk(documentation.example_reference()).to_pylist()
    assert {row["drg"]: row["death_risk"] for row in found} == {
        "AA11": "low",
        "AB11": "mid_high",
        "AC15": "mid_high",
        "AD15": "low",
    }


@pytest.mark.parametrize("division", DIVISIONS)
def test_parts_add_up_to_the_whole(division: str, example_row: dict[str, float]) -> None:
    parts = indicators(documentation.example_cases(), (division,), documentation.example_reference())
    for one in definitions():
        if one.additive:
            assert pc.sum(parts.column(one.id)).as_py() == example_row[one.id], one.id
    # What is left out of a sum is left out in some part.
    for name in ("total_weight_missing", "profit_fen_missing", "cases_missing"):
        assert pc.sum(parts.column(name)).as_py() == example_row[name]


def test_two_divisions_at_once_keep_their_order() -> None:
    table = indicators(documentation.example_cases(), ("department", "month"))
    keys = [(row["department"], row["month"], row["cases"]) for row in table.to_pylist()]
    assert keys == [("D1", "2026-01", 2), ("D1", "2026-02", 1), ("D2", "2026-01", 2), ("D2", "2026-02", 3)]


def test_nothing_known_is_null_and_counted_never_zero() -> None:
    row = indicators(pa.table({"case_id": ["1", "2"]})).to_pylist()[0]
    assert row["cases"] == 2
    for name in (
        "total_weight",
        "cmi",
        "profit_fen",
        "drug_share",
        "ungrouped_rate",
        "high_outlier_share",
        "groups_reached",
    ):
        assert row[name] is None, name
        assert row[f"{name}_missing"] == 2, name


def test_without_reference_the_indexes_are_not_known() -> None:
    row = indicators(documentation.example_cases()).to_pylist()[0]
    assert (row["cost_index"], row["cost_index_missing"]) == (None, 6)
    assert row["low_risk_deaths_missing"] == 6
    assert row["cc_rate"] == pytest.approx(2 / 6)


def stays(*rows: tuple[str, str | None, str, int | None]) -> dict[str, object]:
    """The indicators over stays given by person, admission, discharge (January 2026) and way of discharge."""
    columns = {
        "person": [row[0] for row in rows],
        "admission_date": pa.array([_january(row[1]) for row in rows], pa.date32()),
        "discharge_date": pa.array([_january(row[2]) for row in rows], pa.date32()),
        "discharge_way": pa.array([row[3] for row in rows], pa.int32()),
    }
    found: dict[str, object] = indicators(pa.table(columns)).to_pylist()[0]
    return found


def _january(day: str | None) -> dt.date | None:
    return None if day is None else dt.date(2026, 1, int(day))


def test_a_readmission_is_only_denied_where_it_would_be_seen() -> None:
    last = ("other", "30", "31", 1)

    def known(row: dict[str, object]) -> tuple[object, object, object]:
        return row["readmission_14"], row["readmission_14_base"], row["readmission_14_missing"]

    assert known(stays(("p", "1", "2", 1), ("p", "9", "10", 1), last)) == (0.5, 2, 1)
    # The way of the first discharge is not known: it may have been a death.
    assert known(stays(("p", "1", "2", None), ("q", "9", "10", 1), last)) == (0, 1, 2)
    # The admission of the second stay is not known: the first may have been followed by it; the second by none.
    assert known(stays(("p", "1", "2", 1), ("p", None, "16", 1), last)) == (0, 1, 2)
    assert known(stays(("p", "1", "2", 5), ("q", "9", "10", 1), last)) == (0, 1, 1)


def test_low_risk_deaths_without_ways_of_discharge_are_not_none() -> None:
    row = indicators(
        pa.table({"status": ["grouped"], "drg": ["AA11"]}), (), documentation.example_reference()
    ).to_pylist()[0]
    assert (row["low_risk_deaths"], row["low_risk_deaths_missing"]) == (None, 1)


def test_no_case_gives_one_row_of_the_whole_and_none_of_parts() -> None:
    empty = documentation.example_cases().slice(0, 0)
    assert indicators(empty).to_pylist()[0]["cases"] == 0
    assert len(indicators(empty, ("department",))) == 0


def test_a_reference_made_of_the_cases_gives_indexes_of_one() -> None:
    cases = documentation.example_cases()
    row = indicators(cases, (), make_reference(cases)).to_pylist()[0]
    assert row["cost_index"] == pytest.approx(1)
    assert row["cc_index"] == pytest.approx(1)


def test_unknown_division_and_wrong_types_are_named() -> None:
    with pytest.raises(InputError, match="colour"):
        indicators(documentation.example_cases(), ("colour",))
    with pytest.raises(InputError, match="cannot be read"):
        indicators(pa.table({"los_days": ["many"]}))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "group,cases\nA,1\n", "needs the column drg"),
        ("a.csv", "drg,mean_cost_fen\nA,many\n", "no number"),
        ("a.csv", "drg\nA\nA\n", "several rows for A"),
        ("a.csv", "drg,mortality\nA,-0.1\n", "mortality -0.1"),
        ("a.csv", "drg,cc_share\nA,1.5\n", "cc_share 1.5"),
        ("a.csv", "drg,mean_los_days\nA,inf\n", "mean_los_days inf"),
        ("a.parquet", "not parquet", "cannot be read"),
    ],
)
def test_a_bad_reference_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read_reference(tmp_path / name)


def test_a_reference_may_have_some_columns_only(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("drg,mean_cost_fen\nAA11,800000\n")
    assert read_reference(tmp_path / "a.csv").schema == REFERENCE_SCHEMA


amounts = st.none() | st.integers(0, 99_999_999_999)
CASE = st.fixed_dictionaries(
    {
        "hospital": st.sampled_from(["H1", "H2", None]),
        "department": st.sampled_from(["D1", "D2", None]),
        "person": st.sampled_from(["p1", "p2", None]),
        "status": st.sampled_from(["grouped", "ungrouped", "ambiguous", "rejected", None]),
        "drg": st.sampled_from(["AA11", "AB11", "ZZ99", None]),
        "cc_level": st.sampled_from(["CC", "MCC", "none", None]),
        "discharge_way": st.sampled_from([1, 5, None]),
        "total_cost_fen": amounts,
        "payment_fen": amounts,
        "admission_date": st.none() | st.dates(),
        "discharge_date": st.none() | st.dates(),
    }
)


@settings(deadline=None, max_examples=40)
@given(st.lists(CASE, max_size=30))
def test_shares_are_shares_and_sums_are_exact(rows: list[dict[str, object]]) -> None:
    names = list(rows[0]) if rows else ["hospital"]
    table = pa.Table.from_pylist(rows, schema=pa.schema([(name, CASE_COLUMNS[name]) for name in names]))
    reference = documentation.example_reference()
    whole = indicators(table, (), reference).to_pylist()[0]
    parts = indicators(table, ("hospital", "department"), reference)
    known = [row["total_cost_fen"] for row in rows if row["total_cost_fen"] is not None]
    assert whole["cost_fen"] == (sum(known) if known else None)  # type: ignore[arg-type]
    for one in definitions():
        if one.kind == "share" and whole[one.id] is not None:
            assert whole[one.id] >= 0
        if one.additive and rows:
            assert pc.sum(parts.column(one.id)).as_py() == whole[one.id], one.id
        assert whole[f"{one.id}_missing"] <= len(rows)
