"""The claim record table: what follows from other fields where a source has not got them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from claims.lines import ClaimSource, read_claims

CASES = "case_id,sex,age,dx{column}\n1,1,40,J18.900{value}\n"


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [("", "", "inpatient"), (",visit_kind", ",outpatient", "outpatient"), (",visit_kind", ",", None)],
    ids=["a plain table holds discharges", "its own column counts", "also where it is empty"],
)
def test_the_kind_of_visit_of_a_plain_table(
    column: str, value: str, expected: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "claims.csv"
    path.write_text(CASES.format(column=column, value=value), encoding="utf-8")
    records = pa.concat_tables([batch.records for batch in read_claims(ClaimSource(path))])
    kinds = records.column("visit_kind").to_pylist() if "visit_kind" in records.column_names else [None]
    assert kinds == [expected]
