"""What fee lines say of a claim as a whole: the cost of examinations, and the bills."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pyarrow as pa

from drg.analytics.database import query, with_columns

LINE_COLUMNS = {
    "case_id": pa.string(),
    "charge": pa.string(),
    "code": pa.string(),
    "amount_fen": pa.int64(),
    "invoice": pa.string(),
}
"""``charge``: kind of charge; ``invoice``: code and number of the bill. A column that is not there is not known."""


def with_lines(claims: pa.Table, lines: pa.Table) -> pa.Table:
    """The claims with ``exam_cost_fen`` and ``invoices``, in place of such that they had.

    ``lines``: ``LINE_COLUMNS``. The cost is missing where a claim has no lines, or one without an amount or without
    anything that tells what it is; see ``exam.toml``.
    """
    found = tomllib.loads(Path(__file__).with_name("exam.toml").read_text(encoding="utf-8"))
    claim = pa.table({"row": np.arange(len(claims)), "case_id": claims.column("case_id").cast(pa.string())})
    joined = query(
        Path(__file__).with_name("lines.sql").read_text(encoding="utf-8"),
        claim=claim,
        line=with_columns(lines, LINE_COLUMNS),
        exam=pa.table({"charges": [found["charges"]], "code": [found["code"]]}),
    )
    kept = claims.drop_columns([name for name in joined.column_names if name in claims.column_names])
    for name in joined.column_names:
        kept = kept.append_column(name, joined.column(name))
    return kept
