"""The builder: cleaning, folding, trimming, weights; the same cases give the same bytes. The hand-computed example is
in test_docs.py."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.dip.build import Identity, build, load_parameters
from drg.dip.catalogue import save_catalogue
from drg.dip.matcher import group
from drg.errors import InputError
from tests.drg.dip.examples import case_table

NAME = Identity("built", "", "", "")


def case(dx: str = "I10.x00", *proc: str, cost: int | None = 100_00, **fields: Any) -> dict[str, Any]:
    day = fields.pop("day", dt.date(2026, 6, 1))
    stay = fields.pop("los_days", 5)
    return {
        "dx": [dx] if dx else [],
        "proc": list(proc),
        "total_cost_fen": cost,
        "los_days": stay,
        "discharge_date": day,
        **fields,
    }


def test_every_case_left_out_is_counted_once_with_its_reason() -> None:
    left_out = {
        "dip.dropped_dx_unknown": case("nonsense"),
        "dip.dropped_dx_missing": case(""),
        "dip.dropped_dx_excluded": case("R65.300"),
        "dip.dropped_no_cost": case(cost=None),
        "dip.dropped_cost_not_positive": case(cost=0, los_days=99),
        "dip.dropped_long_stay": case(los_days=61),
        "dip.dropped_no_date": case(day=None),
        "dip.dropped_too_old": case(day=dt.date(2023, 12, 31)),
    }
    table = case_table([*left_out.values(), *[case(los_days=None), case(los_days=60)] * 10])
    parameters = load_parameters().model_copy(update={"excluded_dx": ["R65"]})
    _, report = build(table, NAME, parameters)
    assert report.dropped == dict.fromkeys(left_out, 1)
    assert (report.read, report.used) == (28, 20)


def test_a_date_in_the_future_does_not_make_the_rest_too_old() -> None:
    table = case_table([case(day=dt.date(2099, 1, 1)), *[case()] * 15])
    _, report = build(table, NAME, load_parameters().model_copy(update={"last_year": 2026}))
    assert (report.dropped, report.used) == ({"dip.dropped_too_new": 1}, 15)


def test_diagnostic_procedures_make_no_key_but_a_treatment() -> None:
    table = case_table([case("K29.500", "45.1300")] * 15 + [case("K29.600", "45.1300")] * 3)
    built, _ = build(table, NAME, load_parameters())
    assert [(one.id, one.cases) for one in built.rows] == [("K29.5-0", 15), ("K29-diagnostic", 3)]


def test_core_needs_so_many_cases() -> None:
    for count, core in ((15, 1), (14, 0)):
        _, report = build(case_table([case()] * count), NAME, load_parameters())
        assert report.core_groups == core


def test_trim_leaves_out_both_ends() -> None:
    """40 cases: one (2.5 %) at each end. Costs 1 and 1,000,000 yuan go, the mean of the rest is 100 yuan."""
    table = case_table([case(cost=1_00), case(cost=1_000_000_00), *[case()] * 38])
    built, report = build(table, NAME, load_parameters())
    assert (report.trimmed, built.rows[0].mean_cost_fen, built.rows[0].cases) == (2, 100_00, 40)


def test_missing_columns_and_no_cases_are_errors() -> None:
    table = case_table([case()])
    with pytest.raises(InputError, match="los_days"):
        build(table.drop_columns(["los_days"]), NAME, load_parameters())
    with pytest.raises(InputError, match="none of 1 cases"):
        build(case_table([case(cost=0)]), NAME, load_parameters())


procs = st.lists(
    st.sampled_from(["51.2300", "51.8800", "45.1300", "89.5200", "unknown"]), max_size=3, unique=True
)
some_cases = st.lists(
    st.builds(
        lambda dx, proc, cost, year: case(dx, *proc, cost=cost, day=dt.date(year, 5, 5)),
        st.sampled_from(["K80.302", "K80.301", "K80.101", "I10.x00", "A18.808+I32.0*"]),
        procs,
        st.integers(1, 10**9),
        st.integers(2023, 2026),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=25, deadline=None)
@given(some_cases)
def test_matching_again_finds_the_groups_as_they_were_built(cases: list[dict[str, Any]]) -> None:
    table = case_table(cases)
    parameters = load_parameters().model_copy(update={"core_cases": 3})
    built, report = build(table, NAME, parameters)
    newest = max(one["discharge_date"].year for one in cases)
    used = table.filter(pa.array([one["discharge_date"].year > newest - 3 for one in cases]))
    found = group(used, built)
    counts = found.column("dip").to_pylist()
    assert {one.id: one.cases for one in built.rows} == {
        id: counts.count(id) for id in set(counts) if id is not None
    }
    assert counts.count(None) == report.blank
    assert all(one.rw is not None and one.score is not None for one in built.rows)


def test_the_same_cases_give_the_same_bytes(tmp_path: Path) -> None:
    table = case_table([case("K80.302", "51.2300", cost=100_00 + n) for n in range(50)])
    for name in ("one", "two"):
        save_catalogue(build(table, NAME, load_parameters())[0], tmp_path / name)
    for file in ("groups.tsv", "catalogue.toml"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    # The order of the cases does not matter either.
    turned = table.take(pa.array(range(49, -1, -1)))
    save_catalogue(build(turned, NAME, load_parameters())[0], tmp_path / "three")
    assert (tmp_path / "three" / "groups.tsv").read_bytes() == (tmp_path / "one" / "groups.tsv").read_bytes()


def test_too_few_cases_for_any_group() -> None:
    parameters = load_parameters().model_copy(update={"comprehensive_cases": 9})
    with pytest.raises(InputError, match="too few"):
        build(case_table([case()] * 8), NAME, parameters)


def test_parameters_that_are_wrong_are_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("core_cases = 0\n", encoding="utf-8")
    with pytest.raises(InputError) as raised:
        load_parameters(path)
    assert "core_cases" in {problem.params["key"] for problem in raised.value.problems}
