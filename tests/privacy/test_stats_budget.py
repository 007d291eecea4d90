"""The ledger of the privacy budget, and the noise that it pays for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from privacy.errors import Refused
from privacy.protocols.stats.budget import BudgetLedger
from privacy.protocols.stats.layout import layout
from privacy.protocols.stats.noise import draw_noise, noise_scales
from privacy.protocols.stats.parameters import StatsParameters
from privacy.protocols.stats.quantities import quantity_rows
from tests.privacy.stats_cases import table_of


def spend(ledger: BudgetLedger, job: str, columns: tuple[str, ...] = ("cost",), micro: int = 400_000) -> bool:
    try:
        ledger.spend(job, "insurer", "bills", columns, micro)
    except Refused as error:
        assert error.code == "stats.budget_spent"
        return False
    return True


def test_a_column_is_refused_when_its_budget_is_spent(tmp_path: Path) -> None:
    ledger = BudgetLedger(tmp_path)
    assert [spend(ledger, f"job {number}") for number in range(4)] == [True, True, False, False]
    assert spend(ledger, "another column", ("days",))
    # A ledger that is opened again remembers.
    assert not spend(BudgetLedger(tmp_path), "later")
    ledger.spend("another peer", "regulator", "bills", ("cost",), 1_000_000)


def test_all_columns_are_charged_or_none(tmp_path: Path) -> None:
    ledger = BudgetLedger(tmp_path)
    assert spend(ledger, "first", ("cost",), 900_000)
    assert not spend(ledger, "second", ("days", "cost"), 200_000)
    assert spend(ledger, "third", ("days",), 1_000_000)


def test_jobs_at_the_same_time_cannot_spend_the_same_budget(tmp_path: Path) -> None:
    ledger = BudgetLedger(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda number: spend(ledger, f"job {number}", ("cost",), 100_000), range(30)))
    assert sum(done) == 10


def test_limits_of_the_owner(tmp_path: Path) -> None:
    limits = tmp_path / "stats_budget.toml"
    limits.write_text("exact = false\nepsilon = 0.5\n[columns.bills]\ncost = 0.2\n", encoding="utf-8")
    ledger = BudgetLedger(tmp_path)
    with pytest.raises(Refused, match="noise_required"):
        ledger.require_allowed("insurer", "bills", ("cost",), 0)
    assert not spend(ledger, "cost", ("cost",), 300_000)
    assert spend(ledger, "days", ("days",), 300_000)
    limits.write_text("exact = maybe\n", encoding="utf-8")
    with pytest.raises(Refused, match="budget_unreadable"):
        BudgetLedger(tmp_path)


def test_noise_has_the_scale_of_its_sensitivity() -> None:
    column = {"decimals": 2, "least": -50.0, "most": 100.0, "edges": [10.0]}
    parameters = StatsParameters.model_validate({"columns": {"cost": column}, "epsilon": 0.5})
    plan = layout(parameters, 1000)
    scales = noise_scales(plan, parameters, 1000)
    # The budget is shared by the count, the sum and the bins; there are no squares.
    assert [scales[place] for place in range(len(plan.quantities))] == [6.0, 15_000 * 6.0, 12.0, 12.0]
    drawn = draw_noise(scales, 4000, len(plan.quantities))
    for place, scale in scales.items():
        assert np.std(drawn[:, place]) == pytest.approx(scale * 2**0.5, rel=0.15)
        assert abs(np.mean(drawn[:, place])) < scale / 5


def test_exact_figures_have_no_noise() -> None:
    parameters = StatsParameters.model_validate({"columns": {"cost": {"most": 9.0}}})
    plan = layout(parameters, 1000)
    assert not draw_noise(noise_scales(plan, parameters, 1000), 2, len(plan.quantities)).any()


def test_noise_that_could_overflow_is_refused() -> None:
    columns = {"cost": {"decimals": 2, "most": 10_000_000.0}}
    parameters = StatsParameters.model_validate({"columns": columns, "epsilon": 0.001})
    with pytest.raises(Refused, match="overflow"):
        noise_scales(layout(parameters, 500_000), parameters, 500_000)


def test_values_are_clipped_and_a_missing_one_is_no_value() -> None:
    column = {"least": 5.0, "most": 10.0}
    parameters = StatsParameters.model_validate({"columns": {"cost": column}, "epsilon": 1.0})
    rows = quantity_rows(layout(parameters, 20), parameters, table_of(cost=[1.0, 7.4, 99.0, float("nan")]))
    assert rows.tolist() == [[1, 1, 1, 0], [5, 7, 10, 0]]
