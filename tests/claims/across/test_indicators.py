"""The supervision indicators: figures by hand, small numbers, peers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from claims.across.hits import Settings
from claims.across.indicators import definitions, figures
from claims.across.visits import contract
from tests.claims.across.conftest import write

MARCH = dt.date(2026, 3, 1)


def stay(case: str, hospital: str = "H1", day: int = 1, nights: int = 4, **more: Any) -> dict[str, Any]:
    return {
        "case_id": case,
        "person": case,
        "hospital": hospital,
        "hospital_level": "3",
        "region": "999900",
        "admission_date": dt.date(2026, 3, day),
        "discharge_date": dt.date(2026, 3, day) + dt.timedelta(nights),
        **more,
    }


def of(folder: Path, rows: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The figures of March by indicator and hospital."""
    table = figures(write(folder, rows), Settings(folder=folder)).table
    return {(row["indicator"], row["hospital"]): row for row in table.to_pylist() if row["month"] == MARCH}


COLUMNS = [
    "nights",
    "status",
    "weight",
    "cc_level",
    "outlier",
    "discharge_way",
    "total_cost_fen",
    "patient_paid_fen",
    "uncovered_fen",
    "low_risk",
    "list_passed",
    "basic_disease",
    "dip_layer",
]
VALUES = (
    (4, "grouped", 1.0, "CC", "none", 1, 1000, 300, 50, True, True, True, "core"),
    (8, "grouped", 2.0, "MCC", "high", 2, 3000, 900, None, False, True, False, "mixed"),
    (4, "ungrouped", None, None, None, 5, 2000, None, 150, True, False, False, "mixed"),
    (6, "rejected", None, "none", "low", 1, None, 100, 100, True, True, None, "core"),
)
ROWS = [stay(str(n), **dict(zip(COLUMNS, values, strict=True))) for n, values in enumerate(VALUES)]
BY_HAND = {
    "grouped_share": 2 / 3,
    "cmi": (1 + 2) / 2,
    "low_risk_deaths": 1 / 3,
    "mean_stay": (4 + 8 + 4 + 6) / 4,
    "high_share": 1 / 3,
    "low_share": 1 / 3,
    "cc_share": 1 / 3,
    "mcc_share": 1 / 3,
    "transfer_share": 1 / 4,
    "mean_cost": 6000 / 3,
    "patient_share": 1200 / 4000,
    "uncovered_share": 200 / 3000,
    "list_pass_share": 3 / 4,
    "basic_share": 1 / 3,
    "mixed_share": 2 / 4,
}


def test_the_figures_are_those_made_by_hand(folder: Path) -> None:
    found = of(folder, ROWS)
    for id, value in BY_HAND.items():
        assert found[(id, "H1")]["value"] == pytest.approx(value, abs=1e-8), id


def test_the_indexes_compare_with_the_same_groups(folder: Path) -> None:
    """Five stays of a group: 4 x 400 and 1 x 900 fen, mean 500; H2 has the dear one and one of the others."""
    rows = [stay(str(n), "H1", nights=3, drg="G", total_cost_fen=400) for n in range(3)]
    rows += [
        stay("8", "H2", nights=3, drg="G", total_cost_fen=400),
        stay("9", "H2", nights=8, drg="G", total_cost_fen=900),
    ]
    found = of(folder, rows)
    assert found[("cost_index", "H2")]["value"] == pytest.approx(1300 / 1000)
    assert found[("cost_index", "H1")]["value"] == pytest.approx(1200 / 1500)
    assert found[("time_index", "H2")]["value"] == pytest.approx(11 / 8)


def test_readmission_counts_only_what_could_be_followed(folder: Path) -> None:
    rows = [
        stay("1", person="a", discharge_way=1),
        stay("2", person="a", day=15, discharge_way=1),
        stay("3", person="b", discharge_way=1),
        stay("4", person="c", discharge_way=5),
        stay("5", "H2", day=9, person="b", discharge_way=1),
        stay("6", "H9", day=28, person="z", nights=1, discharge_way=1),
    ]
    found = of(folder, rows)
    assert found[("readmission_14", "H1")]["value"] == pytest.approx(1 / 2)
    assert found[("readmission_14", "H1")]["cases"] == 2
    assert ("readmission_31", "H1") not in found


def test_small_numbers_are_not_shown(folder: Path) -> None:
    found = of(folder, [stay("1", "H1"), stay("2", "H2"), stay("3", "H2")])
    assert found[("mean_stay", "H1")] == {
        **dict.fromkeys(("cases", "value", "peers", "peer_middle", "percentile", "robust_z")),
        "indicator": "mean_stay",
        "hospital": "H1",
        "region": "999900",
        "hospital_level": "3",
        "month": MARCH,
        "suppressed": True,
    }
    assert found[("mean_stay", "H2")]["cases"] == 2


def test_a_hospital_stands_among_its_peers_and_without_enough_of_them_alone(folder: Path) -> None:
    rows = [
        stay(f"{hospital}{n}", hospital, nights=nights, hospital_level=level)
        for hospital, nights, level in (("A", 4, "3"), ("B", 5, "3"), ("C", 9, "3"), ("D", 7, "2"))
        for n in range(2)
    ]
    found = of(folder, rows)
    c = found[("mean_stay", "C")]
    assert (c["peers"], c["peer_middle"], c["percentile"]) == (3, 5, 1)
    assert c["robust_z"] == pytest.approx((9 - 5) / 1.4826, abs=0.01)
    assert found[("mean_stay", "D")]["peers"] is None and found[("mean_stay", "D")]["value"] == 7


def test_an_indicator_without_its_columns_is_not_applicable(folder: Path) -> None:
    found = figures(write(folder, [stay("1"), stay("2")]), Settings(folder=folder))
    assert found.missing["cmi"] == ("weight",) and "mean_stay" not in found.missing
    assert set(found.table.column("indicator").to_pylist()) == {"mean_stay"}


def test_every_indicator_says_what_it_is_in_columns_that_are_there() -> None:
    assert len(definitions()) >= 18
    for one in definitions():
        assert set(one.columns) <= contract()["visits"].keys()
        assert one.name.zh and one.meaning.zh
