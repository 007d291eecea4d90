"""Examinations and bills from fee lines, and claims of earlier years."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from claims.risk.features import claim_features
from claims.risk.lines import with_lines


def day(number: int) -> dt.date:
    return dt.date(2025, 1, 1) + dt.timedelta(days=number)


CLAIMS = pa.table(
    {
        "case_id": ["A", "B", "C", "D", "E"],
        "discharge_date": pa.array([day(0), day(0), day(5), day(9), day(9)]),
        "total_cost_fen": [1000, 1000, 1000, 0, 500],
    }
)
LINES = pa.table(
    {
        "case_id": ["A", "A", "A", "B", "C", "C", "D", "X"],
        "charge": ["03", "化验费", "09", None, None, None, "03", "03"],
        "code": [None, None, "XA01", "002501010010000", "XB02", None, None, None],
        "amount_fen": [200, 100, 700, 1000, 400, 600, 0, 9],
        "invoice": ["N1", "N1", "N2", "N1", "N1", "N2", None, "N1"],
    }
)


def test_examinations_by_kind_of_charge_or_code() -> None:
    found = with_lines(CLAIMS, LINES)
    # C has a line of which nothing tells what it is; E has no lines.
    assert found.column("exam_cost_fen").to_pylist() == [300, 1000, None, 0, None]
    assert claim_features(found).column("exam_share").to_pylist() == [0.3, 1.0, None, None, None]


def test_a_bill_that_earlier_claims_had() -> None:
    """Claims of the same day do not see each other; of two bills the one used more often counts."""
    found = with_lines(CLAIMS, LINES)
    assert found.column("invoices").to_pylist() == [["N1", "N2"], ["N1"], ["N1", "N2"], None, None]
    assert claim_features(found).column("invoice_reused").to_pylist() == [0, 0, 2, None, None]


def test_lines_without_a_column_tell_less() -> None:
    found = with_lines(CLAIMS, LINES.select(["case_id", "invoice"]))
    assert found.column("exam_cost_fen").to_pylist() == [None] * 5
    assert found.column("invoices").to_pylist()[1] == ["N1"]


def test_claims_of_earlier_years_are_seen_and_have_no_row() -> None:
    claims = pa.table(
        {"case_id": ["A", "B"], "person": ["P", "Q"], "discharge_date": pa.array([day(100), day(100)])}
    )
    history = pa.table(
        {
            "case_id": ["H1", "H2", "H3", "A"],
            "person": ["P", "P", "P", "P"],
            "discharge_date": pa.array([day(1), day(100), day(150), day(2)]),
        }
    )
    assert claim_features(claims).column("claims_12m").to_pylist() == [0, 0]
    found = claim_features(claims, history)
    assert found.column("case_id").to_pylist() == ["A", "B"]
    # H2 is of the same day, H3 of a later one, and A is the claim itself.
    assert found.column("claims_12m").to_pylist() == [1, 0]
