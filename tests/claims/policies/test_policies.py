"""Policies joined to claims as of their day."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from claims import messages
from claims.policies.join import JOINED, with_policies
from claims.policies.tables import Policies, read_policies
from claims.risk.features import claim_features
from claims.risk.table import read_table
from drg.errors import InputError

CASES = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text(encoding="utf-8"))


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("case", CASES, ids=[case["note"] for case in CASES])
def test_what_is_known_on_the_day(case: dict[str, Any], tmp_path: Path) -> None:
    changes = written(tmp_path, "changes", case["changes"]) if "changes" in case else None
    policies = read_policies(written(tmp_path, "policies", case["policies"]), changes)
    assert not len(policies.rejected)
    found = with_policies(read_table(written(tmp_path, "claims", case["claims"])), policies)
    assert {name: found.column(name).to_pylist() for name in case["known"]} == case["known"]


def test_rows_that_do_not_fit_are_rejected(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "policies",
        "policy,issue_date,ends_on,sum_insured_fen\n"
        "L1,2025-01-01,,1\n,2025-01-01,,1\nL2,,,1\nL3,2025-01-01,2024-01-01,1\nL4,2025-01-01,,1.5\nL1,2025-01-01,,2\n",
    )
    changes = written(tmp_path, "changes", "policy,change_date,kind\nL1,2025-01-01,\nL1,never,beneficiary\n")
    found = read_policies(path, changes)
    assert found.states.column("policy").to_pylist() == ["L1"]
    assert sorted(
        (Path(row["source"]).stem, row["row"], row["reason"]) for row in found.rejected.to_pylist()
    ) == [
        ("changes", 1, "policies.missing"),
        ("changes", 2, "intake.value_unreadable"),
        ("policies", 2, "intake.id_missing"),
        ("policies", 3, "policies.missing"),
        ("policies", 4, "policies.before_issue"),
        ("policies", 5, "intake.value_unreadable"),
        ("policies", 6, "policies.twice"),
    ]
    for row in found.rejected.to_pylist():
        assert messages.text(row["reason"], "zh", value=row["value"])


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="issue_date"):
        read_policies(written(tmp_path, "policies", "policy\nL1\n"))


DAYS = st.integers(0, 20).map(lambda day: dt.date(2025, 1, 1) + dt.timedelta(days=day))
STATES = st.lists(
    st.fixed_dictionaries(
        {
            "policy": st.sampled_from("LM"),
            "person": st.sampled_from("PQ"),
            "issue_date": DAYS,
            "valid_from": DAYS,
            "ends_on": st.none() | DAYS,
            "sum_insured_fen": st.integers(1, 9),
        }
    ),
    max_size=8,
    unique_by=lambda row: (row["policy"], row["valid_from"]),
)
CHANGES = st.lists(
    st.fixed_dictionaries(
        {"policy": st.sampled_from("LM"), "change_date": DAYS, "kind": st.just("beneficiary")}
    ),
    min_size=1,
    max_size=6,
)


@given(STATES, CHANGES, st.none() | st.sampled_from("LM"), st.sampled_from("PQ"), DAYS)
@settings(max_examples=15, deadline=None)
def test_what_comes_later_changes_nothing(
    states: list[dict[str, Any]], changes: list[dict[str, Any]], policy: str | None, person: str, day: dt.date
) -> None:
    """Compared with the tables cut off at the day of the claim; and the sum insured by a loop."""
    whole = tables_of(states, changes)
    known = Policies(
        whole.states.filter(pc.less_equal(whole.states.column("valid_from"), pa.scalar(day))),
        whole.changes.filter(pc.less_equal(whole.changes.column("change_date"), pa.scalar(day))),
        whole.rejected,
    )
    claim = pa.table(
        {
            "case_id": ["C"],
            "policy": pa.array([policy], pa.string()),
            "person": [person],
            "claim_date": pa.array([day], pa.date32()),
        }
    )
    found = with_policies(claim, whole).select(JOINED[:-1]).to_pylist()
    assert found == with_policies(claim, known).select(JOINED[:-1]).to_pylist()
    latest: dict[str, dict[str, Any]] = {}
    for row in sorted(states, key=lambda row: row["valid_from"]):
        if row["valid_from"] <= day:
            latest[row["policy"]] = row
    if policy is not None:
        expected = latest[policy]["sum_insured_fen"] if policy in latest else None
        assert found[0]["sum_insured_fen"] == expected


def tables_of(states: list[dict[str, Any]], changes: list[dict[str, Any]]) -> Policies:
    empty = read_only()
    return Policies(
        pa.Table.from_pylist(states, schema=empty.states.schema),
        pa.Table.from_pylist(changes, schema=empty.changes.schema),
        empty.rejected,
    )


def read_only() -> Policies:
    """Tables without a row, for their schemas."""
    from claims.intake import REJECTED_SCHEMA
    from claims.policies.tables import schema

    return Policies(
        schema("policies").empty_table(), schema("changes").empty_table(), REJECTED_SCHEMA.empty_table()
    )


def test_the_features_that_waited_for_policies(tmp_path: Path) -> None:
    policies = read_policies(
        written(
            tmp_path,
            "p",
            "policy,person,issue_date,waiting_until,channel\nL1,P1,2025-01-01,2025-02-01,agent\n",
        ),
        written(tmp_path, "c", "policy,change_date,kind\nL1,2025-01-10,beneficiary\n"),
    )
    claims = pa.table({"case_id": ["A"], "policy": ["L1"], "claim_date": pa.array([dt.date(2025, 1, 20)])})
    (found,) = claim_features(with_policies(claims, policies)).to_pylist()
    wanted = {
        "days_since_issue": 19,
        "within_30_days_of_issue": 1,
        "in_waiting_period": 1,
        "channel": "agent",
        "beneficiary_changes": 1,
    }
    assert wanted.items() <= found.items()
