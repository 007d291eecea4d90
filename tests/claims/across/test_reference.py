"""The SQL of the rules against plain Python on generated visits, and what holds for all rules at once."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claims.across.hits import Settings
from claims.across.rule import load_across_rules
from tests.claims.across import plain
from tests.claims.across.conftest import found, write

FIRST = dt.date(2026, 3, 1)
DX = ("J18.900", "J18.000", "E10.900", "E11.900", "Z51.102")
KINDS = ("inpatient", "inpatient", "inpatient", "outpatient", "chronic", "emergency")
SCHEMA = pa.schema(
    [
        *(
            (name, pa.string())
            for name in ("case_id", "person", "hospital", "visit_kind", "department", "drg")
        ),
        ("admission_date", pa.date32()),
        ("discharge_date", pa.date32()),
        ("dx", pa.list_(pa.string())),
        ("planned_readmission", pa.bool_()),
        ("invoice", pa.string()),
        ("reversed", pa.bool_()),
        ("total_cost_fen", pa.int64()),
        ("standard_fen", pa.int64()),
        ("phone", pa.string()),
        ("doctor", pa.string()),
        *((name, pa.string()) for name in ("region", "hospital_region", "hospital_group", "hospital_level")),
    ]
)
"""Every column that the history rules but C082 need."""


@st.composite
def many_visits(draw: st.DrawFn) -> list[dict[str, Any]]:
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from("abcd"),
                st.sampled_from(("H1", "H2")),
                st.sampled_from(KINDS),
                st.integers(0, 30),
                st.sampled_from((0, 1, 2, 2, 5, 9)),
                st.sampled_from(DX),
                st.sampled_from((True, False, False, None)),
                st.sampled_from((None, None, "V1", "V2", "V3")),
                st.sampled_from((True, False, None)),
                st.sampled_from((95, 97, 120)),
            ),
            min_size=1,
            max_size=40,
        )
    )
    return [_visit(number, *values) for number, values in enumerate(drawn)]


def _visit(
    number: int, person: str, hospital: str, kind: str, day: int, nights: int, *rest: Any
) -> dict[str, Any]:
    dx, planned, invoice, reversed_, cost = rest
    admitted = FIRST + dt.timedelta(day)
    return {
        "case_id": f"V{number:03}",
        "person": person,
        "hospital": hospital,
        "visit_kind": kind,
        "department": f"D{cost % 2}",
        "drg": f"G{nights % 2}",
        "admission_date": admitted,
        "discharge_date": admitted + dt.timedelta(nights if kind == "inpatient" else 0),
        "dx": [dx],
        "planned_readmission": planned,
        "invoice": invoice,
        "reversed": reversed_,
        "total_cost_fen": cost,
        "standard_fen": 100,
        "phone": person,
        "doctor": hospital,
        "region": "999900",
        "hospital_region": "999900" if cost > 100 else "110000",
        "hospital_group": "G",
        "hospital_level": "3",
    }


def _lines(visits: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every visit has a plain drug, one with a limit a month (2) and one with a limit a course (14 days)."""
    return [
        {
            "case_id": one["case_id"],
            "code": code,
            "kind": "drug",
            "amount_fen": 300_000,
            "quantity": 1,
            "days_supplied": 6,
        }
        for one in visits
        for code in ("D1", "SYN-S016", "SYN-D013")
    ]


def _history(
    visits: list[dict[str, Any]], until: dt.date | None = None, threads: int = 2
) -> list[dict[str, Any]]:
    rules = [one for one in load_across_rules().values() if one.category == "history" and not one.network]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = write(folder, pa.Table.from_pylist(visits, schema=SCHEMA), _lines(visits))
        return found(folder, sources, Settings(rules=rules, until=until, threads=threads, folder=folder))[0]


SLOW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(many_visits())
def test_the_rules_say_what_plain_python_says(visits: list[dict[str, Any]]) -> None:
    # The sample region changes the window of C061 on a day; here all regions are without parameters of their own.
    hits = _history([{**one, "region": "110000"} for one in visits])
    for id, rule in plain.RULES.items():
        told = {
            (hit["case_id"], hit["as_of"], tuple(hit["other_cases"])) for hit in hits if hit["rule"] == id
        }
        assert told == rule(visits), id
    for id, days in plain.DAY_RULES.items():
        chosen = [hit for hit in hits if hit["rule"] == id and plain.ITEMS[id] in hit["evidence"]]
        assert {(hit["person"], hit["as_of"]) for hit in chosen} == days(visits), id


@SLOW
@given(many_visits(), st.integers(0, 39))
def test_a_hit_is_found_on_the_day_that_it_bears_and_never_before(
    visits: list[dict[str, Any]], day: int
) -> None:
    """What a run up to a day finds is what a later run dates up to that day: no hit of a claim knows its future."""
    until = FIRST + dt.timedelta(day)
    # Of a year and of a month, C077 and C081 date what is still open by the last day.
    open_ended = ("C077", "C081")
    early = [hit for hit in _history(visits, until) if hit["rule"] not in open_ended]
    late = [hit for hit in _history(visits) if hit["rule"] not in open_ended and hit["as_of"] <= until]
    assert early == late


def test_the_history_rules_find_something_in_visits_like_these() -> None:
    """The tests above say nothing about a rule that never hits."""
    visits = [
        _visit(number, person, "H1", "inpatient", 10 * turn, 2, "J18.900", False, "V1", False, 95)
        for turn in range(3)
        for number, person in enumerate("abcd", start=4 * turn)
    ]
    visits.append(_visit(90, "a", "H2", "inpatient", 11, 3, "E10.900", False, None, False, 120))
    visits.append(_visit(91, "a", "H1", "outpatient", 12, 0, "E11.900", False, None, False, 120))
    rules = {hit["rule"] for hit in _history(visits)}
    assert rules >= plain.RULES.keys()


def test_the_same_bytes_for_any_number_of_threads(tmp_path: Path) -> None:
    from bench.across import synthetic_lines, synthetic_visits
    from claims.across.hits import check

    visits = synthetic_visits(6_000, 7, 6_000)
    sources = write(tmp_path, visits, synthetic_lines(visits, 7).to_pylist())
    outputs = []
    for threads in (1, 2, 5):
        out = tmp_path / f"{threads}.parquet"
        summary = check(sources, out, Settings(threads=threads, folder=tmp_path))
        outputs.append(out.read_bytes())
    assert summary.hits > 100
    assert outputs[0] == outputs[1] == outputs[2]
