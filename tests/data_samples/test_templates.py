"""The templates hold what they say: valid codes under their names, plausible persons, ordered quartiles."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

import drg
from data_samples.codebook import CodeBook
from data_samples.defects import load_defect_settings
from data_samples.draw import draw_chunks
from data_samples.fees import split_fees
from data_samples.templates import FOLDER, Template, load_settings, load_templates
from data_samples.write_plain import case_table
from drg.codes.catalogue import System, load_catalogue
from drg.codes.crosswalk import load_crosswalk

CODE_LINE = re.compile(r'^ +"?([A-Z]\d[^":]*|\d\d\.[^":]*)"?: [\d.]+  # (.+)$')
SCHEME = "chs-drg-1.1"
MALE_MDC, FEMALE_MDCS = "MDCM", {"MDCN", "MDCO"}

TEMPLATES = load_templates()
one_template = pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.id)


def dx_codes(template: Template) -> set[str]:
    return {*template.dx, *(other.code for other in template.other_dx), *template.external_cause}


def proc_codes(template: Template) -> set[str]:
    return {*template.proc, *template.other_proc} - {""}


def test_there_are_many_templates_with_ids_of_their_own() -> None:
    assert len(TEMPLATES) >= 60
    assert len({template.id for template in TEMPLATES}) == len(TEMPLATES)


@one_template
def test_every_code_is_in_the_catalogue_and_not_gray(template: Template) -> None:
    icd10, icd9cm3 = load_catalogue("icd10"), load_catalogue("icd9cm3")
    assert [code for code in dx_codes(template) if code not in icd10 or icd10.is_gray(code)] == []
    assert [code for code in proc_codes(template) if code not in icd9cm3 or icd9cm3.is_gray(code)] == []


@pytest.mark.parametrize(
    "path",
    [*sorted((FOLDER / "templates").glob("*.yaml")), FOLDER / "comorbidities.yaml"],
    ids=lambda path: path.stem,
)
def test_comments_name_the_codes(path: Path) -> None:
    icd10, icd9cm3 = load_catalogue("icd10"), load_catalogue("icd9cm3")
    found = [
        match.groups() for line in path.read_text("utf-8").splitlines() if (match := CODE_LINE.match(line))
    ]
    assert found
    assert [(code, name) for code, name in found if name not in (icd10.name(code), icd9cm3.name(code))] == []


def test_the_clinical_code_of_every_code_leads_back_to_it() -> None:
    used: dict[System, set[str]] = {
        "icd10": {code for template in TEMPLATES for code in dx_codes(template)},
        "icd9cm3": {code for template in TEMPLATES for code in proc_codes(template)},
    }
    for system, codes in used.items():
        to_nhsa = load_crosswalk(system).nhsa_codes
        entries = CodeBook(system, codes).entries[1:]
        assert [entry for entry in entries if to_nhsa[entry.clinical_code] != entry.nhsa_code] == []


@one_template
def test_quartiles_are_in_order(template: Template) -> None:
    quantities = (
        template.age,
        template.age_days,
        template.birth_weight,
        template.los,
        template.icu_hours,
        template.vent_hours,
        template.stay_cost,
        template.day_cost,
    )
    for numbers in quantities:
        assert numbers is None or list(numbers) == sorted(numbers)


@one_template
def test_numbers_are_plausible(template: Template) -> None:
    assert 0 <= template.male <= 1
    assert template.age[4] <= 105
    assert template.los[0] >= 1
    assert template.weight > 0
    assert all(0 <= other.probability <= 1 for other in template.other_dx)
    assert all(0 <= probability <= 1 for probability in template.other_proc.values())
    assert (template.icu_share > 0) == (template.icu_hours is not None)
    if template.birth_weight is not None:
        assert template.age_days is not None
        assert template.age_days[4] <= 28
    ventilated = set(load_settings()["ventilation_codes"]) & proc_codes(template)
    assert bool(ventilated) == (template.vent_hours is not None)


@one_template
def test_fee_lists_exist(template: Template) -> None:
    assert {template.stay_as, template.day_as} <= set(load_settings()["fee_shares"])


def test_fee_shares_are_per_mille() -> None:
    assert {sum(shares.values()) for shares in load_settings()["fee_shares"].values()} == {1000}


def test_planted_unknown_codes_are_unknown() -> None:
    settings = load_defect_settings()
    assert settings["unknown_dx"] not in load_catalogue("icd10")
    assert settings["unknown_proc"] not in load_catalogue("icd9cm3")
    assert settings["ungroupable_dx"] in load_catalogue("icd10")


@pytest.fixture(scope="module")
def grouped() -> pa.Table:
    drawn = next(draw_chunks(20_000, seed=1))
    split_fees(drawn, seed=1)
    cases = case_table(drawn)
    results = drg.group(cases, SCHEME)
    return pa.table({name: results[name] for name in ("status", "mdc", "drg")}).append_column(
        "sex", cases["sex"]
    )


def test_clean_cases_reach_every_mdc_and_all_group(grouped: pa.Table) -> None:
    assert set(grouped["mdc"].to_pylist()) == {f"MDC{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    assert set(grouped["status"].to_pylist()) == {"grouped"}
    assert len(set(grouped["drg"].to_pylist())) > 200


def test_sex_fits_the_mdc(grouped: pa.Table) -> None:
    for sex, mdc in zip(grouped["sex"].to_pylist(), grouped["mdc"].to_pylist(), strict=True):
        assert (sex, mdc) != (2, MALE_MDC)
        assert sex == 2 or mdc not in FEMALE_MDCS
