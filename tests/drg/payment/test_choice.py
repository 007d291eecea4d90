"""The contract of each case of a table: the same as case by case, and never a silent zero."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.case import CASE_SCHEMA
from drg.errors import InputError
from drg.grouper.table import group
from drg.payment.choice import NONE, Contracts, all_shipped, choose, in_folder, price_by_choice
from drg.payment.contract import Contract, Terms, find_contract, fitting_contracts, load_contract
from drg.payment.files import in_region
from drg.payment.price import PAYMENT_SCHEMA, REASONS, price, with_groups
from tests.drg.payment.worked_example import CONTRACT_TEXT, contract_file
from tests.ui.cli.conftest import own_scheme

HEART = {"dx": ["I50.900"], "age": 65, "sex": 1, "los_days": 5, "total_cost_fen": 900_000}
IN_JILIN = {**HEART, "region": "220200", "discharge_date": dt.date(2022, 5, 1)}


def table(rows: list[dict[str, Any]]) -> pa.Table:
    full = [{"case_id": str(place), "proc": [], **row} for place, row in enumerate(rows)]
    return pa.Table.from_pylist(
        [{name: row.get(name) for name in CASE_SCHEMA.names} for row in full], schema=CASE_SCHEMA
    )


def priced(rows: list[dict[str, Any]], contracts: Contracts) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = price_by_choice(table(rows), contracts).payments.to_pylist()
    return found


def test_every_case_is_priced_by_its_own_contract() -> None:
    in_tongchuan = {**IN_JILIN, "region": "610200", "insurance_type": "390"}
    in_yancheng = {**IN_JILIN, "region": "320900", "discharge_date": dt.date(2023, 5, 1)}
    rows = [in_tongchuan, IN_JILIN, in_yancheng, in_tongchuan]
    found = priced(rows, all_shipped())
    # FR25: 0.7637 x 6956.38 and 0.8789 x 9080.56; Yancheng has no rate.
    assert [(row["contract"], row["payment_fen"], row["reason"]) for row in found] == [
        ("tongchuan-2022", 531_259, "payment.standard"),
        ("jilin-2022", 798_090, "payment.standard"),
        ("yancheng-2023", None, "payment.no_rate"),
        ("tongchuan-2022", 531_259, "payment.standard"),
    ]
    assert [row["case_id"] for row in found] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"discharge_date": dt.date(2021, 12, 31)}, "contract_gap"),
        ({"discharge_date": dt.date(2023, 1, 1)}, "contract_gap"),
        ({"region": "999999"}, "contract_gap"),
        ({"region": "610200", "insurance_type": "999"}, "contract_gap"),
        ({"discharge_date": None}, "date_missing"),
        ({"region": None}, "region_missing"),
    ],
)
def test_a_case_without_a_contract_has_a_reason_and_no_amount(changes: dict[str, Any], reason: str) -> None:
    row = priced([{**IN_JILIN, **changes}], all_shipped())[0]
    assert (row["reason"], row["contract"], row["outlier"]) == (f"payment.{reason}", None, "not_priced")
    assert all(value is None for name, value in row.items() if name.endswith("_fen"))


def test_two_contracts_that_apply_alike_are_an_overlap(tmp_path: Path) -> None:
    contract_file(tmp_path)
    text = CONTRACT_TEXT.replace('id = "example"', 'id = "second"').replace(
        "to = 2026-12-31", "to = 2026-06-30", 1
    )
    (tmp_path / "second.toml").write_text(text, encoding="utf-8")
    case = {**HEART, "region": "100000", "insurance_type": "310", "hospital_level": "三级"}
    rows = [{**case, "discharge_date": dt.date(2026, month, 1)} for month in (6, 7)]
    found = price_by_choice(table(rows), in_folder(tmp_path))
    assert found.payments.column("reason").to_pylist() == [
        "payment.contract_overlap",
        "payment.case_weight_missing",
    ]
    assert found.overlaps == {("example", "second"): 1}
    assert found.payments.column("contract").to_pylist() == [None, "example"]


def test_the_region_is_that_of_cases_without_one() -> None:
    rows = [{**IN_JILIN, "region": None}, {**IN_JILIN, "region": "999999"}]
    assert in_region(table(rows), "220200").column("region").to_pylist() == ["220200", "999999"]
    without = table(rows).drop_columns(["region"])
    assert in_region(without, "220200").column("region").to_pylist() == ["220200", "220200"]


def test_each_case_is_grouped_by_the_scheme_of_its_contract(tmp_path: Path) -> None:
    folder = own_scheme(tmp_path / "own")
    contract_file(tmp_path)
    own = CONTRACT_TEXT.replace('id = "example"', 'id = "own"').replace("100000", "200000")
    own = own.replace('scheme = "chs-drg-1.1"', f"scheme = '{folder}'").replace("example.tsv", "own.tsv")
    (tmp_path / "own.toml").write_text(own, encoding="utf-8")
    (tmp_path / "own.tsv").write_text("drg\tweight\nDRG1\t1\n", encoding="utf-8")
    case = {
        "dx": ["I21.001"],
        "los_days": 5,
        "insurance_type": "310",
        "hospital_level": "三级",
        "discharge_date": dt.date(2026, 5, 1),
        "total_cost_fen": 1_000_000,
    }
    rows = [{**case, "region": region} for region in ("200000", "100000", "200000")]
    found = price_by_choice(table(rows), in_folder(tmp_path))
    # 1 x 10000 x 1.1 in the scheme of one group; in the national one the group has no weight.
    assert found.payments.column("payment_fen").to_pylist() == [1_100_000, None, 1_100_000]
    assert found.grouping.column("drg").to_pylist()[0::2] == ["DRG1", "DRG1"]
    assert found.grouping.column("scheme").to_pylist() == ["own", "chs-drg-1.1", "own"]


def test_one_contract_for_all_gives_what_it_gives_alone() -> None:
    cases = table([IN_JILIN, {**IN_JILIN, "dx": ["Z99.900"]}, {**IN_JILIN, "total_cost_fen": None}])
    alone = price(with_groups(cases, group(cases, "chs-drg-1.1")), find_contract("jilin-2022"))
    assert price_by_choice(cases, all_shipped()).payments.to_pylist() == alone.to_pylist()


def test_a_table_without_cases() -> None:
    found = price_by_choice(CASE_SCHEMA.empty_table(), all_shipped())
    assert (len(found.payments), found.payments.schema) == (0, PAYMENT_SCHEMA)


def test_what_is_wrong_with_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds 0 contracts"):
        in_folder(tmp_path)
    path = contract_file(tmp_path)
    (tmp_path / "twice.toml").write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "wrong.toml").write_text('id = "wrong"\n', encoding="utf-8")
    with pytest.raises(InputError) as refused:
        in_folder(tmp_path)
    codes = {problem.code for problem in refused.value.problems}
    assert codes == {"payment.contract_twice", "payment.term_invalid"}


DAYS = st.dates(dt.date(2025, 12, 1), dt.date(2027, 2, 1))


@st.composite
def terms(draw: st.DrawFn, number: int) -> Terms:
    first, last = sorted([draw(DAYS), draw(DAYS)])
    rates = draw(
        st.sampled_from(
            [
                [],
                [{"yuan": "1"}],
                [{"yuan": "1", "insurance_types": ["310"]}],
                [{"yuan": "1", "insurance_types": ["390"], "levels": ["3"]}, {"yuan": "1", "levels": ["2"]}],
            ]
        )
    )
    return Terms.model_validate(
        {
            "id": f"c{number}",
            "title": {"en": "x", "zh": "x"},
            "kind": "synthetic",
            "source": "test",
            "regions": draw(st.sampled_from([["1"], ["2"], ["1", "2"], ["*"]])),
            "from": first,
            "to": draw(st.sampled_from([last, None])),
            "scheme": "none",
            "method": "rate",
            "weights": "none.tsv",
            "rates": rates,
            "hospitals": draw(st.sampled_from([{}, {"H1": "2"}])),
        }
    )


CASES = st.fixed_dictionaries(
    {
        "region": st.sampled_from([None, "1", "2", "3"]),
        "discharge_date": st.one_of(st.none(), DAYS),
        "insurance_type": st.sampled_from([None, "310", "390", "340"]),
        "hospital_level": st.sampled_from([None, "2", "3", "4"]),
        "hospital": st.sampled_from([None, "H1", "H2"]),
    }
)


@settings(max_examples=200, deadline=None)
@given(st.data(), st.integers(1, 5), st.lists(CASES, min_size=1, max_size=20))
def test_the_whole_table_is_as_case_by_case(
    data: st.DataObject, count: int, rows: list[dict[str, Any]]
) -> None:
    among = [data.draw(terms(number)) for number in range(count)]
    choice = choose(table([{"dx": ["I10"], **row} for row in rows]), among)
    for row, place, reason in zip(rows, choice.place.tolist(), choice.reason.tolist(), strict=True):
        day = row["discharge_date"]
        fitting = [] if day is None else fitting_contracts(among, day=day, **_without_day(row))
        if len(fitting) == 1:
            assert among[place] is fitting[0]
        else:
            told = list(REASONS)[reason]
            assert place == NONE
            assert (told == "payment.contract_overlap") == (len(fitting) > 1)
            assert (told == "payment.date_missing") == (day is None)
    assert sum(choice.overlaps.values()) == sum(
        list(REASONS)[reason] == "payment.contract_overlap" and place == NONE
        for place, reason in zip(choice.place.tolist(), choice.reason.tolist(), strict=True)
    )


def _without_day(row: dict[str, Any]) -> dict[str, Any]:
    names = {"hospital_level": "level"}
    return {names.get(name, name): value for name, value in row.items() if name != "discharge_date"}


def test_a_contract_of_a_folder_is_the_loaded_one(tmp_path: Path) -> None:
    found: Contract = in_folder(contract_file(tmp_path).parent).load("example")
    assert found.weights == load_contract(tmp_path / "example.toml").weights
