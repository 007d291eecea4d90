"""Which row takes a case: examples by hand, and the whole-table matcher against the trace of one case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.case import from_row
from drg.dip.catalogue import Catalogue, ExcludedProc, Row
from drg.dip.matcher import group
from drg.dip.trace import trace
from drg.errors import InputError
from tests.drg.dip.examples import case_table, catalogue, row

EXAMPLES = yaml.safe_load(Path(__file__).with_name("matching.yaml").read_text(encoding="utf-8"))

OFFICIAL = catalogue(
    [
        row(id="XQ-1", layer="XQ", proc="33.51", proc_place="anywhere"),
        row(
            id="XQ-16",
            layer="XQ",
            dx="P07",
            proc_place="anywhere",
            age_days="<29天",
            weight_g="1000g≤体重<1500g",
        ),
        row(id="BX-1029", layer="BX", dx="K80.302", proc="51.2300|51.2200"),
        row(id="BX-1030", layer="BX", dx="K80.302", proc="51.2300", related="51.8800|51.4100"),
        row(id="FZ-1", layer="FZ", dx="A15", resistant=True),
        row(id="FZ-2", layer="FZ", dx="A15", resistant=False),
        row(id="FZ-3", layer="FZ", dx="T20.300", other_dx="T31.1|T31.2"),
        row(id="JC-1", layer="JC", dx="K80.302"),
        row(id="JC-2", layer="JC", dx="K80.1", proc="51.2300"),
        row(id="JC-3", layer="JC", dx="K80.3", proc="51.8800"),
        row(id="JC-4", layer="JC", dx="K80.3", proc="45.1300"),
        row(id="JC-5", layer="JC", dx="I20.000", proc="36.0601"),
        row(id="JC-6", layer="JC", dx="I20.000", proc="00.6600+36.0601"),
        row(id="JC-7", layer="JC", dx="K81.000"),
        row(id="K81-surgery", layer="comprehensive", dx="K81", proc_place="ignored", treatment="surgery"),
    ],
    excluded_dx={"R65.300": ""},
    excluded_proc=[
        ExcludedProc("89.5200", "", "conservative"),
        ExcludedProc("99.1500", "", "not_principal"),
        ExcludedProc("45.1300", "", "only_with", (("K20", "K93"),)),
    ],
    resistance={"U82.1": ""},
)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["say"] for example in EXAMPLES])
def test_example(example: dict[str, Any]) -> None:
    fields = {name: value for name, value in example.items() if name not in ("say", "row", "status")}
    table = case_table([fields])
    found = group(table, OFFICIAL).to_pylist()[0]
    expected = example.get("status") or ("grouped" if example["row"] else "blank")
    assert (found["dip"], found["status"]) == (example["row"], expected)
    traced = trace(from_row(table.to_pylist()[0]), OFFICIAL)
    assert (traced.row and traced.row.id, traced.status) == (example["row"], expected)
    assert traced.lines("zh") and traced.lines("en")


def test_a_case_without_a_principal_diagnosis_is_rejected() -> None:
    found = group(case_table([{"dx": []}, {"dx": [""]}, {"dx": None}]), OFFICIAL)
    assert found.column("status").to_pylist() == ["rejected"] * 3
    assert found.column("reason").to_pylist() == ["dip.reason_dx_missing"] * 3


def test_the_trace_says_which_criterion_decided() -> None:
    table = case_table([{"dx": ["I20.000"], "proc": ["36.0601", "00.6600"]}])
    steps = trace(from_row(table.to_pylist()[0]), OFFICIAL).layers
    assert (steps[-1].layer, steps[-1].decided_by) == ("JC", "most_procedures")


def test_the_strategy_is_data() -> None:
    """Two rows hold; the city that takes the nearest mean gets another row than the one that goes by the order."""
    rows = [
        row(id="JC-1", layer="JC", dx="K80", proc="51.2300", mean_cost_fen=5_000_00),
        row(id="JC-2", layer="JC", dx="K80", proc="51.2300", mean_cost_fen=12_000_00),
    ]
    table = case_table([{"dx": ["K80.302"], "proc": ["51.2300"], "total_cost_fen": 11_000_00}])
    by_order = catalogue(rows, matching={"strategy": {"default": []}})
    by_cost = catalogue(rows, matching={"strategy": {"default": ["nearest_mean"]}})
    assert group(table, by_order).column("dip").to_pylist() == ["JC-1"]
    assert group(table, by_cost).column("dip").to_pylist() == ["JC-2"]


def test_only_the_first_procedure_where_the_catalogue_says_so() -> None:
    table = case_table([{"dx": ["K80.302"], "proc": ["99.1500", "51.2300"]}])
    parts = {"excluded_proc": OFFICIAL.excluded_proc, "matching": {"principal_procedure": "first"}}
    assert group(table, catalogue(OFFICIAL.rows, **parts)).column("dip").to_pylist() == ["JC-1"]


def test_unknown_codes_are_named() -> None:
    found = group(case_table([{"dx": ["K80.302", "nonsense"], "proc": ["99999"]}]), OFFICIAL).to_pylist()[0]
    assert found["unknown_codes"] == ["nonsense", "99999"]


def test_costs_that_are_no_whole_fen_are_refused() -> None:
    table = case_table([{"dx": ["K80.302"]}]).drop_columns(["total_cost_fen"])
    with pytest.raises(InputError, match="total_cost_fen"):
        group(table.append_column("total_cost_fen", pa.array([12.5])), OFFICIAL)


DX = ["K80.302", "K80.301", "K80.101", "A15.000", "U82.100x001", "P07.101", "R65.300", "A18.808+I32.0*", "x"]
DX_KEYS = ["K80.302", "K80.3", "K80", "A15", "P07", "A18.8", "A18.808+I32.0*"]
PROC = ["51.2300", "51.2200", "51.8800", "45.1300", "89.5200", "99.1500", "x"]
PROC_KEYS = ["51.2300", "51.23", "51.2", "51.8800", "45.1300"]


def cells(keys: list[str]) -> st.SearchStrategy[tuple[tuple[str, ...], ...]]:
    alternative = st.lists(st.sampled_from(keys), min_size=1, max_size=2, unique=True).map(tuple)
    return st.lists(alternative, max_size=2, unique=True).map(tuple)


def bands() -> st.SearchStrategy[tuple[int | None, int | None]]:
    return st.sampled_from([(None, None), (None, 28), (5, None), (1000, 1499)])


rows_of_any_kind = st.builds(
    Row,
    id=st.sampled_from("ABCD"),
    layer=st.sampled_from(["XQ", "BX", "JC", "comprehensive"]),
    name=st.just(""),
    dx=cells(DX_KEYS),
    proc=cells(PROC_KEYS),
    proc_place=st.sampled_from(["principal", "anywhere", "ignored"]),
    related=st.one_of(st.just(()), cells(PROC_KEYS)),
    other_dx=st.one_of(st.just(()), cells(DX_KEYS)),
    treatment=st.sampled_from(["", "", "", "surgery", "therapy", "diagnostic", "conservative"]),
    age_days=bands(),
    weight_g=bands(),
    resistant=st.sampled_from([None, None, True, False]),
    mean_cost_fen=st.sampled_from([None, 100, 200]),
)
criteria = st.permutations(
    ["dx_level", "related", "principal_proc", "most_procedures", "proc_level", "nearest_mean", "type_ladder"]
).flatmap(lambda order: st.integers(0, 7).map(lambda count: order[:count]))
catalogues = st.builds(
    lambda rows, strategy, first, counted: catalogue(
        rows,
        matching={
            "strategy": {"default": strategy},
            "principal_procedure": first,
            "counted_treatments": counted,
        },
        excluded_dx=OFFICIAL.excluded_dx,
        excluded_proc=OFFICIAL.excluded_proc,
        resistance=OFFICIAL.resistance,
    ),
    st.lists(rows_of_any_kind, min_size=1, max_size=8),
    criteria,
    st.sampled_from(["first", "first_allowed"]),
    st.sampled_from([["surgery", "therapy"], ["surgery", "therapy", "diagnostic", "conservative"]]),
)
cases = st.fixed_dictionaries(
    {
        "dx": st.lists(st.sampled_from(DX), min_size=1, max_size=3),
        "proc": st.lists(st.sampled_from(PROC), max_size=3),
        "age": st.just(0),
        "age_days": st.sampled_from([None, 4, 28, 29]),
        "birth_weight_g": st.sampled_from([None, 1000, 1500]),
        "total_cost_fen": st.sampled_from([None, 120, 190]),
    }
)


@settings(max_examples=150, deadline=None)
@given(catalogues, st.lists(cases, min_size=1, max_size=20))
def test_table_and_trace_agree(found: Catalogue, some_cases: list[dict[str, Any]]) -> None:
    table = case_table(some_cases)
    for line, case in zip(group(table, found).to_pylist(), table.to_pylist(), strict=True):
        traced = trace(from_row(case), found)
        assert (line["status"], line["reason"]) == (traced.status, traced.reason)
        assert (line["principal_proc"], line["treatment"]) == (traced.principal_proc, traced.treatment)
        expected = found.rows.index(traced.row) if traced.row is not None else None
        assert line["dip"] == (None if expected is None else found.rows[expected].id)
        held = sum(not tried.missing for tried in traced.layers[-1].tried) if traced.row else 0
        assert line["candidates"] == held
        if traced.row is not None:
            assert line["layer"] == traced.row.layer
            assert line["mean_cost_fen"] == traced.row.mean_cost_fen
