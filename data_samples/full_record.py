"""Complete, clean records: every mandatory field of the front page, plausible and consistent.

A record has the fields of ``drg/quality/layout.csv`` by name and the groups as lists of dicts; values are texts as the
front page writes them (clinical code edition). Nothing in it is drawn from data, and nobody in it exists.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

import numpy as np

from data_samples.clean_codes import (
    INTERVENTION,
    OPERATION,
    Codes,
    choices,
    clean_codes,
    code_entry,
    low_weight,
    operation_class,
)
from data_samples.codebook import Entry
from data_samples.person import check_character
from data_samples.rows import Row
from data_samples.templates import load_settings
from drg.quality.layout import fields

Fees = dict[str, int]
Group = list[dict[str, str]]
EMERGENCY, OUTPATIENT = "1", "2"
DIED = 5
PREPARATION = dt.timedelta(hours=1)
"""From admission to the first procedure, also of a day surgery: anaesthesia begins after the admission."""


Item = TypeVar("Item")


class Dice:
    """The random choices of one record: whole numbers only, so that they are the same on every machine."""

    def __init__(self, seed: int, number: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, number, 2])))

    def whole(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return int(self._generator.integers(low, high + 1))

    def choice(self, items: Sequence[Item]) -> Item:
        """One of ``items``."""
        return items[self.whole(0, len(items) - 1)]


@dataclass
class FullRecord(Codes):
    """A complete record: the case it is made of, its codes as far as they are consistent, the texts of its fields."""

    fees: Fees = field(default_factory=dict)
    scalars: dict[str, str] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)


def full_record(row: Row, fees: Fees, seed: int) -> FullRecord | None:
    """The complete record of a drawn case, ``fees`` in fen by column; None where its codes cannot be made clean."""
    codes = clean_codes(row)
    if codes is None:
        return None
    dice = Dice(seed, row.number)
    record = FullRecord(row, codes.dx, codes.proc, {name: int(fen) for name, fen in fees.items()})
    _balance_fees(record)
    record.scalars |= (
        _hospital(record) | _person(record, dice) | _stay(record, dice) | _clinical(record, dice)
    )
    record.scalars |= _staff(record) | _newborn(record) | money(record)
    record.groups["diagnoses"] = _diagnosis_rows(record)
    record.groups["procedures"] = _procedure_rows(record, dice)
    record.groups["icu_stays"] = _icu_rows(record)
    record.groups["birth_weights"] = _weight_rows(record, dice)
    record.groups["pathology"] = _pathology_rows(record)
    return record


def _balance_fees(record: FullRecord) -> None:
    """Fees in line with operations, anaesthesia, pathology and blood; the total stays the sum of the items."""
    fees = record.fees
    if not record.is_operated:
        fees["D19"] = fees.get("D19", 0) + fees.get("D20", 0)
        fees["D20"] = 0
    elif not fees.get("D20"):
        source = max(
            (name for name in fees if name in load_settings()["charge_items"]), key=lambda name: fees[name]
        )
        fees["D20"] = fees[source] * 3 // 10
        fees[source] -= fees["D20"]
    if not _pathology_rows(record):
        fees["D16"] = fees.get("D16", 0) + fees.get("D15", 0)
        fees["D15"] = 0
    for part, (whole, per_mille) in load_settings()["fee_parts"].items():
        fees[part] = fees.get(whole, 0) * per_mille // 1000
    drop_idle_antibiotics(record)


def drop_idle_antibiotics(record: FullRecord) -> None:
    """Antibacterial drugs only with an operation or an infection; they stay a part of the drugs."""
    rules = choices()["antibiotics"]
    if not record.is_operated and not record.has_dx(rules["infection_dx"]):
        record.fees[rules["fee"]] = 0


def _hospital(record: FullRecord) -> dict[str, str]:
    settings = load_settings()
    return {
        "hospital": settings["organisation_id"],
        "hospital_name": settings["hospital_name"],
        "medical_record_number": record.row.record_number,
        "admission_number": "1",
    }


def name_of(prefix: str, number: int) -> str:
    """A name that nobody has: ``prefix`` and two characters."""
    characters = choices()["name_characters"]
    high, low = divmod(number % len(characters) ** 2, len(characters))
    return f"{prefix}{characters[high]}{characters[low]}"


def identity_number(number: int, born: dt.date, sex: int) -> str:
    """18 characters with a valid check character in a division that is not assigned."""
    body = f"{choices()['unassigned_division']}{born:%Y%m%d}{number % 499 * 2 + sex % 2:03d}"
    return body + check_character(body)


def _person(record: FullRecord, dice: Dice) -> dict[str, str]:
    rules, row = choices(), record.row
    number = row.number
    address = rules["address"].format(number=number)
    postcode = rules["unassigned_postcode"].format(number=number % 9000 + 7)
    occupation = _occupation(row.age, dice)
    employed = occupation not in rules["without_employer"]
    married = row.age >= rules["married_from_age"] or (record.is_delivery and row.age >= 20)
    relation = _relation(row.age, married, dice)
    return {
        "payment_way": row.insurance["front_page"],
        "patient_name": name_of(rules["person"], number),
        "sex": str(row.sex),
        "birth_date": f"{row.born:%Y-%m-%d}",
        "age": str(row.age),
        "age_days": "" if row.age_days is None else str(row.age_days),
        "nationality": "156",
        "marital_status": "2" if married else "1",
        "occupation": occupation,
        "ethnic_group": "1",
        "id_type": "1",
        "id_number": identity_number(number, row.born, row.sex),
        "birth_address": address,
        "native_province": "1",
        "registered_address": address,
        "registered_postcode": postcode,
        "current_address": address,
        "current_phone": _telephone(number),
        "current_postcode": postcode,
        "employer": rules["employer"].format(number=number) if employed else "",
        "employer_phone": _telephone(number + 1) if employed else "",
        "employer_postcode": postcode if employed else "",
        "contact_name": name_of(rules["person"], number + 311),
        "contact_relation": relation,
        "contact_address": address,
        "contact_phone": _telephone(number + 2),
    }


def _telephone(number: int) -> str:
    text: str = choices()["telephone"].format(number=number * 7_919 % 100_000_000)
    return text


def _occupation(age: int, dice: Dice) -> str:
    fitting = [one["codes"] for one in choices()["occupations"] if age >= one["from_age"]]
    return str(dice.choice(fitting[-1]))


def _relation(age: int, married: bool, dice: Dice) -> str:
    if age < 23:
        return "5"
    return dice.choice(("2", "3")) if age >= 70 else ("1" if married else "7")


def is_emergency(record: FullRecord) -> bool:
    return bool(record.row.icu_hours) or record.row.template.department == "20"


def discharged(record: FullRecord) -> dt.datetime:
    """The time of discharge: late enough on the day of a day surgery."""
    return record.row.discharged + dt.timedelta(hours=6)


def _stay(record: FullRecord, dice: Dice) -> dict[str, str]:
    row, rules = record.row, choices()
    department = rules["departments"].get(row.template.department, row.template.department)
    ward = rules["ward"].format(number=dice.whole(1, 9))
    left = discharged(record)
    special = min(-(-(row.icu_hours or 0) // 24), row.los)
    first = min(1 if record.proc else 0, row.los - special)
    return {
        "admission_time": moment(row.admitted),
        "discharge_time": moment(left),
        "day_surgery": "1" if row.template.day_surgery else "0",
        "admission_way": EMERGENCY if is_emergency(record) else OUTPATIENT,
        "admission_department": department,
        "admission_ward": ward,
        "department": department,
        "discharge_ward": ward,
        "los_days": str(row.los),
        "nursing_days_special": str(special),
        "nursing_days_first": str(first),
        "nursing_days_second": str(row.los - special - first),
        "nursing_days_third": "0",
        "readmission_plan": "1",
        "discharge_way": str(row.discharge_way),
        "receiving_hospital": "合成接收医院" if row.discharge_way in (2, 3) else "",
        "autopsy": "2" if row.discharge_way == DIED else "",
        "quality_date": f"{left:%Y-%m-%d}",
        "record_quality": "1",
    }


def _clinical(record: FullRecord, dice: Dice) -> dict[str, str]:
    row, rules = record.row, choices()
    principal = record.dx[0]
    allergic = dice.whole(0, 11) == 0
    cause = _external_cause(record)
    coma = record.has_dx(rules["coma_dx"])
    return {
        "outpatient_dx_code": principal.clinical_code,
        "outpatient_dx_name": principal.clinical_name,
        "admission_condition": "2" if is_emergency(record) else "3",
        "admission_dx_code": principal.clinical_code,
        "admission_dx_name": principal.clinical_name,
        "dx_confirmed_date": f"{row.admitted:%Y-%m-%d}",
        "external_cause_code": cause.clinical_code if cause else "",
        "external_cause_name": cause.clinical_name if cause else "",
        "drug_allergy": "2" if allergic else "1",
        "allergy_drugs": dice.choice(rules["allergy_drugs"]) if allergic else "",
        "hbsag": "1",
        "hcv_antibody": "1",
        "hiv_antibody": "1",
        "blood_group": str(dice.whole(1, 4)),
        "rh": "2",
        "transfusion_reaction": "2" if row.blood_units else "",
        "blood_red_cells": f"{row.blood_units}.0" if row.blood_units else "",
        "coma_before_admission": f"0/0/{dice.whole(5, 29)}" if coma else "",
        "coma_after_admission": "0/0/0" if coma else "",
        "ventilator_hours": str(row.vent_hours) if row.vent_hours and _is_ventilated(record) else "",
    }


def _is_ventilated(record: FullRecord) -> bool:
    return any(one.nhsa_code in load_settings()["ventilation_codes"] for one in record.proc)


def _external_cause(record: FullRecord) -> Entry | None:
    rules, principal = choices(), record.dx[0].clinical_code
    if not principal.startswith(tuple(rules["injury_dx"])):
        return None
    fitting = next((one["cause"] for one in rules["causes"] if principal.startswith(one["dx"])), None)
    drawn = record.row.external_cause
    if fitting is None and drawn is not None and not drawn.clinical_code.startswith(rules["unpaid_cause"]):
        return drawn
    return code_entry("icd10", fitting or rules["default_external_cause"])


def _staff(record: FullRecord) -> dict[str, str]:
    """Five people of the department, each with a licence number, and those of the record department."""
    rules, row = choices(), record.row
    base = sum(ord(one) for one in row.template.department) * 37 % 400
    roles = ("department_head", "chief_physician", "attending_physician", "resident")
    staff: dict[str, str] = {}
    for place, role in enumerate(roles):
        number = base + place * 31 + (row.number % 4 if place else 0)
        staff[role] = name_of(rules["staff"], number)
        staff[f"{role}_code"] = staff_code(number)
    return staff | {
        "nurse": name_of(rules["nurse"], base + row.number % 6),
        "nurse_code": staff_code(900 + base),
        "coder": name_of(rules["staff"], 601),
        "quality_physician": name_of(rules["staff"], 603),
        "quality_nurse": name_of(rules["nurse"], 605),
    }


def staff_code(number: int) -> str:
    """15 digits that no licence has."""
    return f"999990000{number:06d}"


def _newborn(record: FullRecord) -> dict[str, str]:
    weight = _own_birth_weight(record)
    if weight is None or record.row.age_days is None:
        return {"admission_weight_g": ""}
    return {"admission_weight_g": str((weight * 97 // 100 + 22 * record.row.age_days) // 10 * 10)}


def _own_birth_weight(record: FullRecord) -> int | None:
    """The birth weight of a newborn in grams, in line with its diagnoses."""
    rules = choices()
    if not record.is_newborn:
        return None
    drawn = record.row.birth_weight or 3200
    heavy = next((one for one in rules["high_weights"] if record.has_dx(one["dx"])), None)
    span = low_weight(record) or heavy or rules["normal_weight"]
    return int(min(max(drawn, span["low"]), span["high"])) // 10 * 10


def _weight_rows(record: FullRecord, dice: Dice) -> Group:
    weight = _own_birth_weight(record)
    if weight is None and record.is_delivery:
        low, high = choices()["delivery"]["newborn_weight_g"]
        weight = dice.whole(low // 10, high // 10) * 10
    return [] if weight is None else [{"weight_g": str(weight)}]


def _diagnosis_rows(record: FullRecord) -> Group:
    died = record.row.discharge_way == DIED
    return [
        {
            "code": one.clinical_code,
            "name": one.clinical_name,
            "present_on_admission": "1",
            "outcome": "4" if died else "2",
        }
        for one in record.dx
    ]


def _procedure_rows(record: FullRecord, dice: Dice) -> Group:
    """The procedures of one session; none is of a higher level than the main procedure."""
    rules, begun = choices(), _operated(record)
    rows: Group = []
    for entry in record.proc:
        kind = operation_class(entry)
        base = sum(ord(one) for one in record.row.template.department) * 37 % 400
        row = {
            "code": entry.clinical_code,
            "name": entry.clinical_name,
            "date": moment(begun),
            "hours": "1.5",
            "surgeon": name_of(rules["staff"], base + 200 + record.row.number % 5),
            "assistant1": name_of(rules["staff"], base + 210 + record.row.number % 5),
        }
        if kind in (OPERATION, INTERVENTION):
            drawn = dice.choice(rules["levels"][kind])
            row["level"] = min(drawn, rows[0].get("level", drawn)) if rows else drawn
            row["incision_healing"] = dice.choice(rules["healing"][kind])
            row["anaesthesia"] = rules["anaesthesia"]["operation" if kind == OPERATION else "intervention"]
            row["asa"] = "2"
            row["anaesthetist"] = name_of(rules["staff"], 507)
        rows.append(row)
    return rows


def _operated(record: FullRecord) -> dt.datetime:
    """When the procedures began: on the day of admission for short stays and emergencies, else a day later."""
    at_once = record.row.los < 4 or is_emergency(record)
    return record.row.admitted + PREPARATION + dt.timedelta(days=0 if at_once else 1)


def _icu_rows(record: FullRecord) -> Group:
    if record.row.icu is None:
        return []
    begin, end = record.row.icu
    return [{"ward": record.row.icu_ward, "entered": moment(begin), "left": moment(end)}]


def _pathology_rows(record: FullRecord) -> Group:
    code = record.dx[0].clinical_code
    for one in choices()["pathology"]:
        if one["from"] <= code[:3] <= one["to"]:
            return [{"code": one["code"], "name": one["name"], "number": f"BL{record.row.number:08d}"}]
    return []


@cache
def fee_columns() -> dict[str, str]:
    """Amounts of the front page: name in the layout -> column."""
    return {one.name: one.front_page for one in fields().values() if one.kind == "money" and one.front_page}


def money(record: FullRecord) -> dict[str, str]:
    """The amounts of the front page by name, in yuan."""
    return {name: yuan(record.fees.get(column, 0)) for name, column in fee_columns().items()}


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def moment(when: dt.datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S}"
