"""The kernel and the explainer are two implementations of the same plan: they must give the same answer."""

from __future__ import annotations

import csv
import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import drg
from drg.case import Case, to_table
from drg.scheme.pack import Pack, find_pack
from tests.drg.grouper import schemes


def explained(cases: list[Case], pack: Pack) -> list[dict[str, Any]]:
    """The explainer's results in the shape of the kernel's."""
    rows = [dataclasses.asdict(drg.explain(case, pack).grouping) for case in cases]
    for row in rows:
        row.update(excluded_cc=list(row["excluded_cc"]), unknown_codes=list(row["unknown_codes"]))
    return rows


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schemes.packs(), st.lists(schemes.cases, min_size=1, max_size=8))
def test_the_kernel_agrees_with_the_explainer_on_any_scheme(pack: Pack, cases: list[Case]) -> None:
    table = drg.group(to_table(cases), pack)
    assert [{**row} for row in table.to_pylist()] == explained(cases, pack)


def vector_case(row: dict[str, str]) -> Case:
    """A row of the reference vectors. There, 0 stands for an unknown weight, and age in days is given at any age."""
    return Case(
        case_id=row["id"],
        sex=int(row["gender"]),
        age=int(row["age"]),
        age_days=int(row["ageDay"]) if row["age"] == "0" else None,
        birth_weight_g=int(row["weight"]) or None,
        los_days=int(row["inHospitalTime"]),
        discharge_way=int(row["leavingType"]),
        icu_hours=float(row["icuHours"]),
        department=row["dept"] or None,
        dx=row["dx"].split("|"),
        proc=row["proc"].split("|") if row["proc"] else [],
    )


def test_every_reference_vector_falls_in_the_group_of_an_independent_grouper(reference: Path) -> None:
    with (reference / "vectors" / "chs-drg-1.1-cases.csv").open(encoding="utf-8", newline="") as lines:
        expected = list(csv.DictReader(lines))
    cases = [vector_case(row) for row in expected]
    pack = find_pack("chs-drg-1.1")
    groups = drg.group(to_table(cases), pack)
    differing = [
        (row["id"], row["drg"], found)
        for row, found in zip(expected, groups.column("drg").to_pylist(), strict=True)
        if row["drg"] != found
    ]
    assert len(cases) == 3000
    assert differing == []
    assert groups.to_pylist() == explained(cases, pack)


def test_results_keep_the_order_and_number_of_a_table_in_many_chunks(reference: Path) -> None:
    path = reference / "vectors" / "chs-drg-1.1-cases.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        cases = [vector_case(row) for row in csv.DictReader(lines)]
    table = to_table(cases)
    whole = drg.group(table, "chs-drg-1.1")
    # A sliced table with several chunks: its buffers have offsets, and its rows are not where they were.
    pieces = pa.concat_tables([table.slice(1000, 1500), table.slice(0, 1000), table.slice(2500)])
    again = drg.group(pieces, "chs-drg-1.1")
    assert again.column("case_id").to_pylist() == pieces.column("case_id").to_pylist()
    assert sorted(again.to_pylist(), key=lambda row: int(row["case_id"])) == whole.to_pylist()


def test_one_case_is_ambiguous_or_ungrouped_somewhere_in_generated_schemes() -> None:
    """Guards the generator: all statuses and levels must occur, or the property above proves little."""
    seen: Counter[str] = Counter()

    @settings(max_examples=300, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(schemes.packs(), st.lists(schemes.cases, min_size=4, max_size=8))
    def collect(pack: Pack, cases: list[Case]) -> None:
        rows = drg.group(to_table(cases), pack)
        seen.update(rows.column("status").to_pylist() + rows.column("reason").to_pylist())
        seen.update(rows.column("cc_level").to_pylist())

    collect()
    reasons = ("grouped", "ambiguous", "fallback", "no_mdc", "no_adrg", "principal_dx_barred")
    for expected in ("grouped", "ambiguous", "ungrouped", "MCC", "CC", "none"):
        assert seen[expected] > 0, expected
    for reason in (*reasons, "principal_dx_unknown"):
        assert seen[f"grouper.{reason}"] > 0, reason
