"""Stays still running: what is likely, what decides, and what is said only where it is known."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from drg.analytics.reference import REFERENCE_SCHEMA
from drg.analytics.running import Stay, document, running, table
from drg.analytics.sources import standards
from drg.case import Case, to_table
from drg.errors import InputError
from drg.payment.contract import find_contract
from tests.drg.analytics.cases import SCHEME, case

TODAY = dt.date(2026, 3, 20)


def reference(**figures: float) -> pa.Table:
    rows = [{"drg": drg, **figures} for drg in ("FR21", "FR25")]
    return pa.Table.from_pylist(rows, schema=REFERENCE_SCHEMA)


def stay(standard: int | None = None, peers: pa.Table | None = None, **fields: object) -> Stay:
    one = case("1", **{"discharge_date": None, "admission_date": dt.date(2026, 3, 10), **fields})
    found = running(to_table([one]), TODAY, SCHEME, peers, lambda *_: standard)
    assert len(found) == 1
    return found[0]


def alerts(found: Stay) -> list[str]:
    return [alert.code.removeprefix("analytics.alert_") for alert in found.alerts]


def test_discharged_cases_are_left_out() -> None:
    both = to_table([case("1"), case("2", discharge_date=None)])
    assert [one.case.case_id for one in running(both, TODAY, SCHEME)] == ["2"]


def test_the_groups_of_the_likely_adrg_and_what_decides() -> None:
    found = stay(dx=["I50.900", "J96.000"])
    assert [(one.drg, one.now) for one in found.candidates] == [("FR21", True), ("FR25", False)]
    assert "MCC" in found.candidates[0].decided_by("en")
    assert found.candidates[1].decided_by("en") == "whatever is left"
    assert [(one.drg, one.now) for one in stay().candidates] == [("FR21", False), ("FR25", True)]


def test_a_procedure_reaches_groups_before_the_likely_one() -> None:
    found = stay(dx=["K35.800x001"])
    reached = {one.adrg for one in found.reachable}
    operated = stay(dx=["K35.800x001"], proc=["47.0100"])
    assert operated.explanation.grouping.adrg in reached
    assert found.explanation.grouping.adrg not in reached


@pytest.mark.parametrize(
    ("cost", "expected"), [(849_999, []), (850_000, ["near"]), (1_000_000, ["near"]), (1_000_001, ["over"])]
)
def test_cost_against_the_standard(cost: int, expected: list[str]) -> None:
    # 85 % of 10,000.00 yuan is 8,500.00 yuan.
    assert alerts(stay(1_000_000, total_cost_fen=cost)) == expected


@pytest.mark.parametrize(("usual", "expected"), [(6.0, ["long"]), (7.0, []), (6.666, ["long"])])
def test_days_against_the_usual(usual: float, expected: list[str]) -> None:
    # 10 days so far; 1.5 x 6.666 = 9.999.
    found = stay(peers=reference(mean_los_days=usual))
    assert (found.days, alerts(found)) == (10, expected)


@pytest.mark.parametrize(("cases", "usual"), [(4, None), (5, 6.0)])
def test_few_peers_are_not_what_is_usual(cases: int, usual: float | None) -> None:
    assert stay(peers=reference(mean_los_days=6.0, cases=cases)).usual_days == usual


def test_fee_structure_against_peers() -> None:
    peers = reference(drug_share=0.2, consumable_share=0.01)
    fees = {"total_cost_fen": 1_000_000, "consumable_cost_fen": 20_000}
    # 31 % > 1.5 x 20 %. Consumables: 2 % is twice 1 %, but less than 5 points above it.
    assert alerts(stay(peers=peers, drug_cost_fen=310_000, **fees)) == ["drugs"]
    assert alerts(stay(peers=peers, drug_cost_fen=300_000, **fees)) == []


def test_billed_but_not_coded() -> None:
    assert alerts(stay(consumable_cost_fen=300_000)) == ["no_procedure"]
    assert alerts(stay(consumable_cost_fen=300_000, proc=["47.0100"])) == []
    assert alerts(stay(icu_hours=24.0)) == ["no_diagnosis"]
    assert alerts(stay(icu_hours=24.0, dx=["I50.900", "J96.000"])) == []
    assert alerts(stay(dx=["Z99.999"])) == ["not_grouped"]


def test_nothing_is_said_of_what_is_not_known() -> None:
    found = stay(admission_date=None)
    assert (found.days, found.ratio, found.drug_share, alerts(found)) == (None, None, None, [])
    row = table([found], "en").to_pylist()[0]
    assert (row["cost_so_far_fen"], row["standard_fen"], row["alerts"]) == (None, None, None)


def test_an_admission_after_today_has_no_days() -> None:
    assert stay(admission_date=TODAY + dt.timedelta(days=1)).days is None
    assert stay(admission_date=TODAY).days == 0


def test_the_standard_follows_the_contract() -> None:
    contract = find_contract("jilin-2022")
    weight = Decimal(contract.weights["FR25"].numerator) / contract.weights["FR25"].denominator
    # Jilin 2022: 9,080.56 yuan a weight, no coefficient.
    expected = int((weight * Decimal("908056")).to_integral_value("ROUND_HALF_UP"))
    one: Case = case("1")
    assert standards("jilin-2022", TODAY)(one, "FR25") == expected
    assert standards("jilin-2022", TODAY)(one, "nonsense") is None


def test_no_scheme_for_the_day_is_an_error_with_every_case() -> None:
    both = to_table([case(name, discharge_date=None) for name in ("1", "2")])
    with pytest.raises(InputError) as raised:
        running(both, dt.date(1999, 1, 1))
    assert len(raised.value.problems) == 2


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_report(lang: str) -> None:
    found = stay(1_000_000, total_cost_fen=2_000_000)
    sections = document([found], TODAY, lang, "x").sections
    assert [len(section.grids[0].rows) for section in sections[:2]] == [1, 2]
    assert [figure.value for figure in sections[0].figures] == [1, 1]
