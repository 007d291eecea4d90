"""The rules on sex over every diagnosis and procedure of the NHSA catalogue, one code a record.

The examples of a rule show its borders; here nothing between the borders is hit by mistake either. What must not be hit
is listed by hand in ``never_sex_specific.tsv``, because public checkers got these codes wrong.
"""

from __future__ import annotations

import csv
import datetime as dt
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest

from drg.codes.catalogue import System, load_catalogue
from drg.quality.code_sets import parse_code_set
from drg.quality.engine import Checker
from drg.quality.registry import SHIPPED
from drg.quality.vocabulary import load_vocabulary

MALE, FEMALE = "1", "2"
FEMALE_DX = ("Q125", "Q126", "Q127", "Q129", "Q130", "Q131", "Q132")
MALE_DX = ("Q133", "Q134", "Q135")
ASTERISKS = {MALE: ("+N74", "+N77"), FEMALE: ("+N51",)}
"""Second halves of combined codes that are specific to the other sex."""
NEVER = Path(__file__).with_name("never_sex_specific.tsv")


@cache
def hit_codes(system: System, sex: str, rules: tuple[str, ...]) -> frozenset[str]:
    """The codes of the catalogue that one of ``rules`` hits in a patient of ``sex``."""
    vocabulary = load_vocabulary()
    column = "diagnoses.code" if system == "icd10" else "procedures.code"
    codes = load_catalogue(system).codes
    records = pa.table({"sex": [sex] * len(codes), column: [[code] for code in codes]})
    checker = Checker([SHIPPED.rule(id, vocabulary) for id in rules], dt.date(2026, 1, 1))
    findings = checker.check(records).findings
    return frozenset(findings.column("value").to_pylist())


def members(set_name: str) -> frozenset[str]:
    """The diagnoses of the catalogue in a named set."""
    codes = sorted(load_catalogue("icd10").codes)
    found = parse_code_set(load_vocabulary().code_sets[set_name], procedures=False).members(codes)
    return frozenset(code for code, is_member in zip(codes, found, strict=True) if is_member)


@pytest.mark.parametrize(
    ("sex", "rules", "set_name"),
    [(MALE, FEMALE_DX, "female_only_dx"), (FEMALE, MALE_DX, "male_only_dx")],
)
def test_the_set_for_an_unknown_sex_holds_what_the_rules_hit(
    sex: str, rules: tuple[str, ...], set_name: str
) -> None:
    hit = hit_codes("icd10", sex, rules)
    by_asterisk = {code for code in hit if any(half in code for half in ASTERISKS[sex])}
    assert len(hit) > 100
    assert hit - by_asterisk <= members(set_name) <= hit


def test_no_code_is_specific_to_both_sexes() -> None:
    assert not hit_codes("icd10", MALE, FEMALE_DX) & hit_codes("icd10", FEMALE, MALE_DX)


@pytest.mark.parametrize(
    ("sex", "rules", "first", "last"),
    [(MALE, ("Q139",), "65", "71"), (MALE, ("Q140",), "72", "75"), (FEMALE, ("Q141",), "60", "64")],
)
def test_operations_of_the_other_sex(sex: str, rules: tuple[str, ...], first: str, last: str) -> None:
    expected = {code for code in load_catalogue("icd9cm3").codes if first <= code[:2] <= last}
    assert hit_codes("icd9cm3", sex, rules) == expected


def test_codes_that_public_checkers_took_for_sex_specific() -> None:
    with NEVER.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    rules = {MALE: FEMALE_DX, FEMALE: (*MALE_DX, "Q136")}
    wrong = [
        (row["prefix"], code)
        for row in rows
        for code in hit_codes("icd10", row["sex"], rules[row["sex"]])
        if code.startswith(row["prefix"]) and code != row["except"]
    ]
    assert len(rows) >= 8
    assert wrong == []


def test_one_hernia_only_is_male() -> None:
    assert hit_codes("icd10", FEMALE, ("Q136",)) == {"K40.907"}


@pytest.mark.parametrize("chapter", ["V", "W", "X", "Y"])
def test_no_external_cause_is_a_principal_diagnosis(chapter: str) -> None:
    expected = {code for code in load_catalogue("icd10").codes if code[0] == chapter}
    assert expected
    assert expected <= hit_codes("icd10", MALE, ("Q179",))


def test_only_external_causes_are_hit_as_such() -> None:
    assert {code[0] for code in hit_codes("icd10", MALE, ("Q179",))} == set("VWXY")
