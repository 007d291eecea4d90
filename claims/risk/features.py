"""Features of claims as of the day of each claim: see ``features.csv`` for what they mean, ``features.sql`` for how."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from claims.errors import input_error
from claims.risk.catalogue import Entry, catalogue
from claims.risk.diseases import with_diseases
from drg.analytics.database import query, with_columns
from drg.case import CASE_SCHEMA

MORE_COLUMNS = {
    "claim_date": pa.date32(),
    "drg": pa.string(),
    "weight": pa.float64(),
    "standard_fen": pa.int64(),
    "issue_date": pa.date32(),
    "waiting_until": pa.date32(),
    "sum_insured_fen": pa.int64(),
    "premium_fen": pa.int64(),
    "policies": pa.int64(),
    "channel": pa.string(),
    "occupation": pa.string(),
    "beneficiary_changes": pa.int64(),
    "external_cause": pa.string(),
    "exam_cost_fen": pa.int64(),
    "invoices": pa.list_(pa.string()),
    "finding_count": pa.int64(),
    "blocking_count": pa.int64(),
    "quality_score": pa.float64(),
    "document_findings": pa.int64(),
    "document_score": pa.float64(),
    "rule_hits": pa.int64(),
    "network_size": pa.int64(),
    "phone_persons": pa.int64(),
    "account_persons": pa.int64(),
    "together_persons": pa.int64(),
}
"""What a claim has beside a case: its day (else the day of discharge), group, price, policy (``claims.policies``),
code of the external cause, examinations and bills (``claims.risk.lines``), findings, network (``claims.network``)."""


KINDS = {field.name: field.type for field in CASE_SCHEMA} | MORE_COLUMNS


def as_claims(claims: pa.Table) -> pa.Table:
    """The columns that ``features.sql`` reads, in their types; a column that is not there is all null.

    Raises ``pa.ArrowException`` where a column is of a wrong type.
    """
    return with_diseases(with_columns(claims, KINDS))


def computable(columns: list[str]) -> list[Entry]:
    """The features that these columns give, in the order of the catalogue."""
    return [
        entry for entry in catalogue().values() if not entry.waits_for and set(entry.needs).issubset(columns)
    ]


def claim_features(claims: pa.Table, history: pa.Table | None = None) -> pa.Table:
    """One row a claim, in order: the features of the columns that are there, and ``case_id`` first.

    ``claims``: columns as in ``drg.case.CASE_SCHEMA`` and ``MORE_COLUMNS``. ``history``: claims of other files or
    years, in the same columns, that are seen but have no row; those that are among the claims are left out. A feature
    of history sees claims of days strictly before the day of the claim. Raises ``InputError`` where a claim has no day
    or a column is of a wrong type.
    """
    try:
        claim = as_claims(claims)
        if history is not None:
            others = as_claims(history)
            known = pc.is_in(others.column("case_id"), claim.column("case_id").combine_chunks())
            claim = pa.concat_tables([claim, others.filter(pc.invert(known))])
    except pa.ArrowException as error:
        raise input_error("risk.unreadable", detail=str(error).splitlines()[0][:200]) from None
    without_day = pc.and_(pc.is_null(claim.column("claim_date")), pc.is_null(claim.column("discharge_date")))
    if count := int(pc.sum(without_day).as_py() or 0):
        raise input_error("risk.time_missing", rows=count)
    claim = claim.append_column("row", pa.array(np.arange(len(claim))))
    sql = Path(__file__).with_name("features.sql").read_text(encoding="utf-8")
    found = query(sql, claim=claim)
    wanted = found.select([entry.key for entry in computable(claims.column_names)]).slice(0, len(claims))
    return wanted.add_column(0, "case_id", claim.column("case_id").slice(0, len(claims)))
