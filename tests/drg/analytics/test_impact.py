"""What another scheme does: numbers by hand, parts against wholes, real packs."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from drg.analytics import html, impact
from drg.analytics.impact import Impact, compare_sides
from drg.analytics.sides import Side, drg_side, side_rows
from drg.analytics.sources import side_of
from drg.case import from_row, to_table
from drg.errors import InputError
from drg.grouper.explain import explain
from tests.drg.analytics.cases import SCHEME, case, cases, child_pack, side


def row(group: str | None, weight: str | None, payment: int | None, **fields: object) -> dict[str, object]:
    status = "grouped" if group else "ungrouped"
    known = None if weight is None else Decimal(weight)
    return {
        "status": status,
        "group": group,
        "weight": known,
        "payment_fen": payment,
        "cc_level": "none",
    } | fields


@pytest.fixture
def by_hand() -> tuple[pa.Table, Impact]:
    table = to_table([case("1"), case("2"), case("3", department="D2"), case("4", department="D2")])
    a = side(
        "a",
        row("G1", "1.2", 1_200_000, cc_level="MCC", cc_code="J96.000"),
        row("G1", "1.2", 1_200_000),
        row("G2", "0.5", 500_000),
        row("G3", "2", None),
    )
    b = side(
        "b",
        row("G1B", "0.9", 882_000),
        row(None, None, 0, reason="grouper.no_mdc"),
        row("G2", "0.6", 588_000),
        row("G3", "2", 1_960_000, unknown_codes=["X1"]),
    )
    return table, compare_sides(table, a, b)


def test_totals_are_what_a_hand_computes(by_hand: tuple[pa.Table, Impact]) -> None:
    # Weight before 1.2 + 1.2 + 0.5 + 2 = 4.9, after 0.9 + 0.6 + 2 = 3.5; change over cases 1, 3, 4: -0.3 + 0.1 + 0.
    # Payment change over cases 1, 2, 3: (882 - 1200) + (0 - 1200) + (588 - 500) thousand = -1,430,000 fen.
    totals = by_hand[1].totals.to_pylist()[0]
    assert (totals["cases"], totals["moved"], totals["newly_left_out"]) == (4, 2, 1)
    assert (totals["weight_a"], totals["weight_b"]) == (4.9, 3.5)
    assert totals["weight_change"] == pytest.approx(-0.2)
    assert totals["weight_missing"] == 1
    assert (totals["payment_fen_change"], totals["payment_missing"]) == (-1_430_000, 1)


@pytest.mark.parametrize("name", ["flow", "by_department", "by_group"])
def test_parts_add_up_to_the_totals(by_hand: tuple[pa.Table, Impact], name: str) -> None:
    found = by_hand[1]
    parts, totals = getattr(found, name), found.totals.to_pylist()[0]
    for column in (
        "cases",
        "moved",
        "newly_left_out",
        "payment_fen_a",
        "payment_fen_b",
        "payment_fen_change",
    ):
        assert pc.sum(parts.column(column)).as_py() == totals[column], column
    for column in ("weight_a", "weight_b", "weight_change"):
        assert pc.sum(parts.column(column)).as_py() == pytest.approx(totals[column]), column


def test_who_loses_most_comes_first(by_hand: tuple[pa.Table, Impact]) -> None:
    losers = by_hand[1].losers.to_pylist()
    assert [(one["case_id"], one["payment_fen_change"]) for one in losers] == [
        ("2", -1_200_000),
        ("1", -318_000),
    ]


def test_codes_that_need_attention(by_hand: tuple[pa.Table, Impact]) -> None:
    found = {(one["problem"], one["code"]): one["cases"] for one in by_hand[1].codes.to_pylist()}
    assert found == {
        ("unknown", "X1"): 1,
        ("left_out_ungrouped", "I50.900"): 1,
        ("complication_lower", "J96.000"): 1,
    }


def test_two_packs_with_traces(tmp_path: Path) -> None:
    table, child = cases(), child_pack(tmp_path / "child")
    found = compare_sides(table, drg_side(table, SCHEME), drg_side(table, child))
    assert [one["case_id"] for one in found.newly_left_out.to_pylist()] == ["plain", "severe"]
    assert found.totals.to_pylist()[0]["payment_fen_change"] is None
    flows = {(one["group_a"], one["group_b"]): one["cases"] for one in found.flow.to_pylist()}
    assert flows[("FR21", "0000")] == flows[("FR25", "0000")] == 1
    assert sum(flows.values()) == len(table)


def test_the_reason_is_trace_against_trace(tmp_path: Path) -> None:
    table, child = cases(), child_pack(tmp_path / "child")
    a, b = drg_side(table, SCHEME), drg_side(table, child)
    price_a = pa.table({"weight": [1.0, 2.0, 1.0, 1.0], "payment_fen": [100, 900, 100, 100]})
    price_b = pa.table({"weight": [1.0, 1.0, 1.0, 1.0], "payment_fen": [90, 100, 100, 100]})
    a, b = (
        Side(one.name, side_rows(one.rows, price), one.pack) for one, price in ((a, price_a), (b, price_b))
    )
    found = compare_sides(table, a, b)
    losses = list(impact.losses(table, found))
    assert [loss.row["case_id"] for loss in losses] == ["severe", "plain"]
    why = losses[0].why("en")
    assert "FR2" in why and "child" in why and "J96.000" in why
    assert losses[0].difference is not None
    assert losses[0].difference.changed[:2] == ("scheme", "status")


def test_prices_are_traced_too() -> None:
    table = cases()
    a, b = (drg_side(table, SCHEME, contract) for contract in ("jilin-2022", "tongchuan-2022"))
    assert compare_sides(table, a, a).losers.num_rows == 0
    one = from_row(table.slice(0, 1).to_pylist()[0])
    loss = impact.Loss({}, explain(one, SCHEME), explain(one, SCHEME), (a.contract, b.contract))
    assert "9080.56" in (loss.price(0, "en") or "")
    assert loss.price(1, "zh")
    assert loss.why("en").startswith("The same path under both")


def test_drg_against_dip() -> None:
    paid = {"hospital_level": "3", "insurance_type": "310", "los_days": 5}
    table = to_table([from_row({**row, **paid}) for row in cases().to_pylist()])
    found = compare_sides(table, side_of(table, SCHEME, "template"), side_of(table, "synthetic", "reference"))
    assert found.totals.to_pylist()[0]["cases"] == len(table)
    assert pc.sum(found.flow.column("cases")).as_py() == len(table)
    losses = list(impact.losses(table, found))
    assert len(losses) == len(found.losers) > 0
    why = losses[0].why("en")
    assert str(found.losers["group_a"][0]) in why and str(found.losers["group_b"][0]) in why
    assert (totals := found.totals.to_pylist()[0])["weight_change"] is None
    assert totals["weight_missing"] == len(table)
    assert "different scales" in html.render(impact.document(table, found, "en", "x"))


def test_sides_of_other_cases_are_refused() -> None:
    table = cases()
    with pytest.raises(InputError, match="4 cases"):
        compare_sides(table, drg_side(table, SCHEME), drg_side(table.slice(1), SCHEME))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_report_has_every_part(by_hand: tuple[pa.Table, Impact], lang: str) -> None:
    table, found = by_hand
    document = impact.document(table, found, lang, "<Hospital>")
    assert len(document.sections) == 7
    page = html.render(document)
    assert "&lt;Hospital&gt;" in page and "<Hospital>" not in page
    assert "-14,300.00" in page


def test_no_case_at_all_is_a_report_too() -> None:
    table = cases().slice(0, 0)
    found = compare_sides(table, drg_side(table, SCHEME), drg_side(table, SCHEME))
    assert "<svg" in html.render(impact.document(table, found, "zh", "x"))
