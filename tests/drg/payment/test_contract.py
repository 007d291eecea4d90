"""Contracts: those that ship, how one is found, and everything that can be wrong with one."""

from __future__ import annotations

import csv
import datetime as dt
import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from drg.errors import InputError
from drg.payment.contract import (
    CONTRACTS_FOLDER,
    TEMPLATE,
    Terms,
    choose_contract,
    find_contract,
    load_contract,
    shipped_contracts,
    shipped_terms,
)
from tests.drg.payment.worked_example import CONTRACT_TEXT, WEIGHTS, contract, contract_file


@pytest.mark.parametrize("id", [*shipped_contracts(), TEMPLATE])
def test_shipped_contracts_load(id: str) -> None:
    found = find_contract(id)
    assert found.id == id
    assert len(found.weights) > 500


@pytest.mark.parametrize("id", shipped_contracts())
def test_shipped_contracts_say_that_they_are_a_reference(id: str) -> None:
    terms = shipped_terms(id)
    assert terms.kind == "reference"
    assert "reference" in terms.title.en and "参考" in terms.title.zh
    assert "reference" in (CONTRACTS_FOLDER / f"{id}.toml").read_text(encoding="utf-8").splitlines()[0]


def test_rates_that_are_known() -> None:
    assert [row.yuan for row in shipped_terms("jilin-2022").rates] == [Decimal("9080.56")]
    low = shipped_terms("jilin-2022").low
    assert low is not None and low.limit == Decimal("0.35")
    assert [row.yuan for row in shipped_terms("tongchuan-2022").rates] == [
        Decimal("7126.63"),
        Decimal("6956.38"),
    ]


def test_choice_by_region_and_day() -> None:
    assert choose_contract("320900", dt.date(2022, 12, 31)) == "yancheng-2022"
    assert choose_contract("320900", dt.date(2023, 1, 1)) == "yancheng-2023"
    assert choose_contract("320900", dt.date(2024, 1, 1)) is None
    assert choose_contract("100000", dt.date(2022, 6, 1)) is None
    assert choose_contract("320900", None) is None


def test_a_contract_that_names_the_region_goes_first_and_two_alike_are_refused() -> None:
    one = shipped_terms("fuzhou-2022")
    everywhere = one.model_copy(update={"id": "all", "regions": ("*",)})
    day = dt.date(2022, 5, 1)
    assert choose_contract("350100", day, contracts=[everywhere, one]) == "fuzhou-2022"
    assert choose_contract("999999", day, contracts=[everywhere, one]) == "all"
    with pytest.raises(InputError, match="Several contracts"):
        choose_contract("350100", day, contracts=[one, one.model_copy(update={"id": "copy"})])


def test_choice_by_insurance_type_and_level() -> None:
    both = shipped_terms("tongchuan-2022")
    employees, residents = (
        both.model_copy(update={"id": id, "rates": (row,)})
        for id, row in zip(("employees", "residents"), both.rates, strict=True)
    )
    third = employees.rates[0].model_copy(update={"levels": ("三级",)})
    large = employees.model_copy(update={"id": "large", "rates": (third,)})
    day = dt.date(2022, 5, 1)
    assert choose_contract("610200", day, "390", contracts=[employees, residents]) == "residents"
    assert choose_contract("610200", day, "310", "二级", contracts=[large, residents]) is None
    assert choose_contract("610200", day, "310", "三级", contracts=[large, residents]) == "large"
    with pytest.raises(InputError, match="employees, residents"):
        choose_contract("610200", day, contracts=[employees, residents])


@pytest.mark.parametrize(
    ("insurance_type", "level", "found"),
    [
        ("310", "三级", 1_100_000),
        ("310", None, "payment.level_missing"),
        ("310", "一级", "payment.level_unknown"),
        (None, "三级", "payment.insurance_missing"),
        ("340", "三级", "payment.insurance_unknown"),
    ],
)
def test_tariff(tmp_path: Path, insurance_type: str | None, level: str | None, found: int | str) -> None:
    tariff = contract(tmp_path).tariff("OR19", insurance_type, level, dt.date(2026, 3, 1))
    assert (tariff if isinstance(tariff, str) else tariff.fen_per_weight) == found


def test_base_groups_have_a_rate_of_their_own_at_every_level() -> None:
    template = find_contract(TEMPLATE)
    for level in ("2", "3"):
        tariff = template.tariff("GD25", "310", level, dt.date(2026, 3, 1))
        assert not isinstance(tariff, str) and tariff.fen_per_weight == 890_300


def test_rates_change_within_a_year() -> None:
    template = find_contract(TEMPLATE)
    rates = [template.tariff("OR19", "390", "3", dt.date(2026, month, 1)) for month in (6, 7)]
    assert [None if isinstance(one, str) else str(one.row.yuan) for one in rates] == ["9200.50", "9300"]


RESIDENTS = 'yuan = "9000.55"\ninsurance_types = ["390"]\n'


@pytest.mark.parametrize(
    ("old", "new", "messages"),
    [
        (RESIDENTS, RESIDENTS + "from = 2026-03-01\n", ["No rate for 390 from 2026-01-01 to 2026-02-28"]),
        (RESIDENTS, RESIDENTS + "to = 2026-11-30\n", ["No rate for 390 from 2026-12-01 to 2026-12-31"]),
        (
            RESIDENTS,
            RESIDENTS
            + 'to = 2026-06-30\n[[rates]]\nyuan = 1\ninsurance_types = ["390"]\nfrom = 2026-06-01\n',
            ["Two rates for 390 from 2026-06-01 to 2026-06-30"],
        ),
        (RESIDENTS, 'yuan = "9000.55"\n', ["Two rates for 310 from 2026-01-01 to 2026-12-31"]),
        ("to = 2026-12-31", "to = 2025-12-31", ["last day 2025-12-31 is before"]),
        ('coefficient = "0.95"', 'coefficient = "-0.95"', ["levels.1.coefficient"]),
        ('limit = "0.4"', 'limit = "-0.4"', ["low.limit"]),
        ('yuan = "10000"', 'yuan = "0"', ["rates.0.yuan"]),
        ('names = ["二级"]', 'names = ["三级"]', ["三级 stands twice"]),
        ("[low]", '[hospitals]\nH1 = "四级"\n[low]', ["Hospital H1 has the level 四级"]),
        ('departments = ["15"]', 'groups = ["XX99"]', ["XX99 is no group of the scheme"]),
        ('pay = "per_day"', 'pay = "actual"', ["yuan_per_day belongs to"]),
        ('{ ratio = "2" }', '{ weight_up_to = "1.5", ratio = "2" }', ["the last has none"]),
        ('rule = "add"', 'rule = "add"\nbears = "1"', ["bears belongs to rule deduct"]),
        ('weights = "example.tsv"', 'weights = "../example.tsv"', ["weights"]),
        ('method = "rate"', 'method = "barter"', ["method"]),
        ('scheme = "chs-drg-1.1"', 'scheme = "chs-drg-9"', ["chs-drg-9"]),
        ("[low]", "[low", ["not valid TOML"]),
        ("weights_complete = false", "weights_complete = true", ["AA19 of the scheme has no weight"]),
    ],
)
def test_what_is_wrong_with_terms(tmp_path: Path, old: str, new: str, messages: list[str]) -> None:
    assert old in CONTRACT_TEXT
    path = contract_file(tmp_path, CONTRACT_TEXT.replace(old, new))
    with pytest.raises(InputError) as refused:
        load_contract(path)
    for message in messages:
        assert message in refused.value.render("en")
    assert refused.value.render("zh")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = CONTRACT_TEXT.replace(RESIDENTS, RESIDENTS + "to = 2026-11-30\n")
    weights = {**WEIGHTS, "XX99": "1", "GD25": "-1", "GD23": "much", "IU13": "1e400", "ES33": ""}
    with pytest.raises(InputError) as refused:
        load_contract(contract_file(tmp_path, text, weights))
    codes = sorted(problem.code for problem in refused.value.problems)
    assert codes == ["payment.dates_gap", "payment.group_unknown", *["payment.weight_invalid"] * 3]


def test_weights_file_problems(tmp_path: Path) -> None:
    path = contract_file(tmp_path)
    for content, code in (
        ("group,weight\nOR19,1\n", "payment.weights_header"),
        ("drg\tweight\nOR19\t1\nOR19\t2\n", "payment.weight_twice"),
        ("", "payment.weights_header"),
    ):
        (tmp_path / "example.tsv").write_text(content, encoding="utf-8")
        with pytest.raises(InputError) as refused:
            load_contract(path)
        assert [problem.code for problem in refused.value.problems] == [code]
    (tmp_path / "example.tsv").unlink()
    with pytest.raises(InputError, match="cannot be opened"):
        load_contract(path)


def test_unknown_contract() -> None:
    with pytest.raises(InputError, match="jilin-2022"):
        find_contract("atlantis")
    with pytest.raises(InputError, match="cannot be opened"):
        find_contract("no/such/file.toml")


REFERENCE = Path(__file__).parents[4] / "shared" / "reference"
needs_reference = pytest.mark.skipif(not REFERENCE.exists(), reason="../shared/reference is not here")
PLACES = {
    "bingtuan-2022": "新疆兵团",
    "fuzhou-2022": "福州",
    "jilin-2022": "吉林",
    "linyi-2022": "临沂",
    "tongchuan-2022": "铜川",
    "yancheng-2022": "盐城",
    "yancheng-2023": "盐城",
    "yantai-2023": "烟台",
}


@needs_reference
@pytest.mark.parametrize("id", shipped_contracts())
def test_weights_are_those_of_the_reference(id: str) -> None:
    with (REFERENCE / "payment" / "city_weights.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["city"] == PLACES[id] and row["year"] == id[-4:]]
    expected = {row["drg"]: Fraction(row["rw"]) for row in rows if re.fullmatch(r"[\d.]+", row["rw"])}
    # The one code that the scheme does not have: the contract's source names it.
    expected.pop("000P", None)
    assert dict(find_contract(id).weights) == expected


@needs_reference
@pytest.mark.parametrize("id", shipped_contracts())
def test_every_number_is_in_the_reference_or_an_assumption(id: str) -> None:
    text = (REFERENCE / "payment.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith(f"| {PLACES[id]} {id[-4:]}")]
    in_reference = {Decimal(number.replace(",", "")) for number in re.findall(r"\d[\d,.]*", " ".join(rows))}
    document = tomllib.loads((CONTRACTS_FOLDER / f"{id}.toml").read_text(encoding="utf-8"))
    assumed = {one["term"] for one in document.pop("assumptions")}
    for term, value in terms_of(document):
        if term.rpartition(".")[2] in ("yuan", "limit", "ratio", "factor", "share", "coefficient"):
            assert term in assumed or Decimal(str(value)) in in_reference, term
    assert {"regions", "from", "to"} <= assumed
    assert ("scheme" in assumed) == (id != "tongchuan-2022")


def terms_of(value: object, place: str = "") -> Iterator[tuple[str, object]]:
    """Every single value of a document with its place."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from terms_of(part, f"{place}.{name}" if place else str(name))
    if not isinstance(value, dict | list):
        yield place, value


def test_an_assumption_is_about_a_term_of_the_contract(tmp_path: Path) -> None:
    wrong = '\n[[assumptions]]\nterm = "rates.9.yuan"\nnote = { en = "x", zh = "x" }\n'
    with pytest.raises(InputError, match=r"rates\.9\.yuan"):
        load_contract(contract_file(tmp_path, CONTRACT_TEXT + wrong))
    load_contract(contract_file(tmp_path, CONTRACT_TEXT + wrong.replace("9", "1")))


def test_a_toml_number_is_taken_as_it_is_written() -> None:
    terms = shipped_terms("jilin-2022").model_dump(by_alias=True)
    terms["rates"] = [{"yuan": 9080.56}]
    assert Terms.model_validate(terms).rates[0].yuan == Decimal("9080.56")
