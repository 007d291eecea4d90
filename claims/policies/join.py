"""What was known of the policy of each claim on the day of the claim."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from claims.policies.tables import Policies, columns
from drg.analytics.database import query, with_columns

CLAIM_COLUMNS = {
    "policy": pa.string(),
    "person": pa.string(),
    "claim_date": pa.date32(),
    "discharge_date": pa.date32(),
}
JOINED = (
    "policies",
    "issue_date",
    "waiting_until",
    "sum_insured_fen",
    "premium_fen",
    "channel",
    "occupation",
    "beneficiary_changes",
)


def with_policies(claims: pa.Table, policies: Policies) -> pa.Table:
    """The claims with the columns ``JOINED``, in place of such that they had; see ``claims/risk/features.csv``.

    ``claims``: ``claim_date`` or ``discharge_date``, with ``policy`` or ``person`` or both. States and changes
    after the day of a claim are not seen. Without any change known, ``beneficiary_changes`` is missing.
    """
    claim = with_columns(claims, CLAIM_COLUMNS)
    asked = pa.table(
        {
            "row": np.arange(len(claims)),
            "policy": claim.column("policy"),
            "person": claim.column("person"),
            "day": pc.coalesce(claim.column("claim_date"), claim.column("discharge_date")),
        }
    )
    of_beneficiary = pc.is_in(policies.changes.column("kind"), pa.array(columns()["kinds"]["beneficiary"]))
    sql = Path(__file__).with_name("join.sql").read_text(encoding="utf-8")
    found = query(sql, claim=asked, state=policies.states, change=policies.changes.filter(of_beneficiary))
    kept = claims.drop_columns([name for name in JOINED if name in claims.column_names])
    for name in JOINED:
        column = found.column(name)
        if name == "beneficiary_changes" and not len(policies.changes):
            column = pa.nulls(len(claims), column.type)
        kept = kept.append_column(name, column)
    return kept
