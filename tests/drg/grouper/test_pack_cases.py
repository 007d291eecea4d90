"""Every pack's own example cases (``cases.tsv``) fall in the group that stands beside them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import drg
from drg.case import Case, to_table
from drg.scheme.pack import SCHEMES_FOLDER, shipped_ids


def whole(text: str) -> int | None:
    return int(text) if text else None


def read_cases(path: Path) -> list[tuple[Case, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return [
            (
                Case(
                    case_id=row["case_id"],
                    sex=whole(row["sex"]),
                    age=whole(row["age"]),
                    age_days=whole(row["age_days"]),
                    birth_weight_g=whole(row["weight_g"]),
                    dx=row["dx"].split("|"),
                    proc=row["proc"].split("|") if row["proc"] else [],
                ),
                row["drg"],
            )
            for row in csv.DictReader(lines, delimiter="\t")
        ]


@pytest.mark.parametrize("scheme", shipped_ids())
def test_example_cases_of_a_pack(scheme: str) -> None:
    examples = read_cases(SCHEMES_FOLDER / scheme / "cases.tsv")
    table = drg.group(to_table(case for case, _ in examples), scheme)
    found = dict(zip(table.column("case_id").to_pylist(), table.column("drg").to_pylist(), strict=True))
    assert found == {case.case_id: expected for case, expected in examples}
    assert len(found) == len(examples) >= 30
    for case, expected in examples:
        assert drg.explain(case, scheme).grouping.drg == expected
