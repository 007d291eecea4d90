"""Joint statistics between two real nodes over TLS: exact, guarded by the responder's policy, counted in its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from privacy import protocols
from privacy.errors import PeerRefused, Refused
from privacy.policy import sign_policy
from privacy.protocols import JobResult
from privacy.session import run
from tests.privacy.pairs import PURPOSE, Pair, Party, make_pair
from tests.privacy.stats_cases import COST, assert_like_pandas

ROWS = 400


def frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables: 300 persons are in both; costs with fen, some missing; groups of very different sizes."""
    generator = np.random.default_rng(11)
    plans = pd.DataFrame(
        {
            "person": [f"p{row}" for row in range(ROWS)],
            "group": generator.choice(["city", "rural", "tiny"], ROWS, p=[0.6, 0.39, 0.01]),
            "flagged": generator.integers(0, 2, ROWS).astype(float),
        }
    )
    bills = pd.DataFrame(
        {
            "patient": [f"p{row}" for row in range(100, 100 + ROWS)],
            "cost": np.round(generator.gamma(1.0, 4000.0, ROWS), 2),
        }
    )
    bills.loc[generator.random(ROWS) < 0.1, "cost"] = np.nan
    bills["age"] = generator.integers(0, 100, ROWS).astype(float)
    return plans, bills


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = make_pair(tmp_path_factory.mktemp("stats"))
    plans, bills = frames()
    made.initiator.add_table("plans", {str(name): list(plans[name]) for name in plans})
    costs = [None if np.isnan(cost) else cost for cost in bills["cost"]]
    columns: dict[str, list[object]] = {
        "patient": list(bills["patient"]),
        "cost": costs,
        "age": list(bills["age"]),
    }
    made.responder.add_table("bills", columns, minimum_group=5)
    make_stricter(made.responder, "cost", "AFTER_AGGREGATE")
    made.responder.serve("tests.privacy.serve_product")
    with pytest.MonkeyPatch.context() as patch:
        # Other tests put the protocol for tests under this name.
        patch.setitem(protocols._modules, "stats", "privacy.protocols.stats")
        yield made
    made.close()


def make_stricter(party: Party, column: str, constraint: str) -> None:
    """Change the constraint of a column of the bills, and sign the policy again."""
    policy = party.folder / "bills.policy.toml"
    text = policy.read_text(encoding="utf-8")
    old = f'"{column}" = {{ constraint = "AFTER_JOIN" }}'
    assert old in text
    policy.write_text(text.replace(old, old.replace("AFTER_JOIN", constraint)), encoding="utf-8")
    sign_policy(policy, party.config.key)


def job(pair: Pair, **changes: Any) -> JobResult:
    parameters: dict[str, Any] = {"group_column": "group", "columns": {"cost": COST}, "minimum_group": 10}
    config = pair.initiator.config
    return run(config, "stats", parameters | changes, table="plans", peer_table="bills", purpose=PURPOSE)


def test_figures_equal_pandas_on_the_joined_plaintext(pair: Pair) -> None:
    plans, bills = frames()
    joined = plans.merge(bills, left_on="person", right_on="patient")
    result = job(pair)
    assert result.summary["rows"] == len(joined) == 300
    assert_like_pandas(result, joined, "cost", 10)
    assert result.table is not None
    told = {row["group"]: row["count"] for row in result.table.to_pylist() if row["bin"] is None}
    assert told["tiny"] is None
    assert told[None] is None
    for party in (pair.initiator, pair.responder):
        for secret in ("tiny", "rural", "p100", str(bills["cost"][3])):
            assert secret not in party.log_text()


def test_columns_keep_their_names_in_whatever_order_they_are_asked_for(pair: Pair) -> None:
    plans, bills = frames()
    joined = plans.merge(bills, left_on="person", right_on="patient")
    result = job(pair, columns={"cost": COST, "age": {"decimals": 0, "most": 150.0}})
    for column in ("cost", "age"):
        assert_like_pandas(result, joined, column, 10)


def test_all_rows_together(pair: Pair) -> None:
    plans, bills = frames()
    joined = plans.merge(bills, left_on="person", right_on="patient").assign(group="all")
    result = job(pair, group_column=None)
    assert result.table is not None
    row = result.table.to_pylist()[0]
    assert row["count"] == joined["cost"].count()
    assert float(row["sum"]) == round(joined["cost"].sum(), 2)


def test_weights_of_evidence_equal_pandas(pair: Pair) -> None:
    plans, bills = frames()
    joined = plans.merge(bills, left_on="person", right_on="patient").dropna(subset=["cost"])
    bins = pd.cut(joined["cost"], [-np.inf, 2000.0, 5000.0, np.inf], right=False)
    counts = pd.crosstab(bins, joined["flagged"]) + 0.5
    shares = counts / counts.sum()
    weights = np.log(shares[1.0] / shares[0.0])
    column = {**COST, "edges": [2000.0, 5000.0]}
    result = job(pair, group_column=None, label_column="flagged", columns={"cost": column})
    assert result.table is not None
    told = [row["woe"] for row in result.table.to_pylist() if row["bin"] is not None and row["group"] == "1"]
    assert told == pytest.approx(list(weights), rel=1e-12)
    value = float(((shares[1.0] - shares[0.0]) * weights).sum())
    assert result.summary["information_values"]["cost"]["iv"] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"minimum_group": 4}, "policy.group_small"),
        ({"columns": {"other": COST}}, "policy.column_never"),
        ({"columns": {"cost": {"decimals": 2, "most": 10.0}}}, "stats.value_outside"),
    ],
)
def test_the_responder_refuses(pair: Pair, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(PeerRefused) as refused:
        job(pair, **changes)
    assert refused.value.code == code


def test_too_few_common_rows(pair: Pair) -> None:
    with pytest.raises(Refused) as refused:
        job(pair, minimum_group=301)
    assert refused.value.code == "stats.few_rows"


def test_the_privacy_budget_is_spent_once(pair: Pair) -> None:
    plans, bills = frames()
    joined = plans.merge(bills, left_on="person", right_on="patient")
    result = job(pair, epsilon=0.9)
    assert result.table is not None
    told = {row["group"]: row for row in result.table.to_pylist() if row["bin"] is None}
    wanted = joined.groupby("group")["cost"].agg(["count", "sum"])
    assert abs(told["city"]["count"] - wanted["count"]["city"]) < 200
    assert told["city"]["variance"] is None
    assert float(told["city"]["sum"]) != round(wanted["sum"]["city"], 2)
    with pytest.raises(PeerRefused) as refused:
        job(pair, epsilon=0.2)
    assert refused.value.code == "stats.budget_spent"
    assert refused.value.params["left"] == pytest.approx(0.1)


def test_a_job_that_fails_spends_no_budget(pair: Pair) -> None:
    limits = pair.responder.config.state / "stats_budget.toml"
    limits.write_text("exact = false\nepsilon = 2.0\n", encoding="utf-8")
    try:
        with pytest.raises(PeerRefused) as refused:
            job(pair)
        assert refused.value.code == "stats.noise_required"
        with pytest.raises(Refused):
            job(pair, epsilon=1.05, minimum_group=301)
        assert job(pair, epsilon=1.1).summary["epsilon"] == 1.1
    finally:
        limits.unlink()
