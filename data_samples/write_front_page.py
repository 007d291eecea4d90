"""The medical record front page (A/B/C/D/F codes, 811 columns) as CSV, in the clinical code editions."""

from __future__ import annotations

import csv
import datetime as dt
from functools import cache
from pathlib import Path

import yaml

from data_samples.draw import Discharges
from data_samples.person import identity_number, person_name
from data_samples.rows import Row, rows
from data_samples.templates import FOLDER, load_settings
from drg.codes.catalogue import load_catalogue

NO_VALUE = "-"
_WITH_ANAESTHESIA = ("手术", "介入治疗")


@cache
def front_page_columns() -> tuple[str, ...]:
    """The header, in order."""
    blocks = yaml.safe_load((FOLDER / "front_page_columns.yaml").read_text(encoding="utf-8"))
    return tuple(
        column.format(n=f"{number:02d}")
        for block in blocks
        for number in range(1, block.get("times", 1) + 1)
        for column in block["columns"].split()
    )


class FrontPageCsv:
    """Writes ``front_page.csv``: UTF-8, ``-`` where there is no value."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "front_page.csv").open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(front_page_columns())
        self._places = {column: place for place, column in enumerate(front_page_columns())}

    def write(self, cases: Discharges) -> None:
        for row in rows(cases):
            cells = [NO_VALUE] * len(self._places)
            for column, text in _fields(row).items():
                cells[self._places[column]] = text or NO_VALUE
            for column, amounts in cases.fees.items():
                yuan, fen = divmod(int(amounts[row.position]), 100)
                cells[self._places[column]] = f"{yuan}.{fen:02d}"
            self._writer.writerow(cells)

    def close(self) -> None:
        self._file.close()


def _fields(row: Row) -> dict[str, str]:
    return {**_person(row), **_stay(row), **_diagnoses(row), **_procedures(row), **_newborn_and_icu(row)}


def _person(row: Row) -> dict[str, str]:
    settings = load_settings()
    address, phone, postcode = settings["address"], settings["phone"], settings["postcode"]
    staff = {f"B{number}": settings["staff_name"] for number in (22, 23, 24, 25, 26, 29, 31, 32)}
    staff_ids = {f"B{number}C": settings["staff_id"] for number in (22, 23, 24, 25, 26)}
    return {
        "A01": settings["organisation_id"],
        "A02": settings["hospital_name"],
        "A48": row.record_number,
        "A49": "1",
        "A46C": row.insurance["front_page"],
        "A11": person_name(row.number),
        "A12C": str(row.sex),
        "A13": f"{row.born:%Y-%m-%d}",
        "A14": str(row.age),
        "A15C": "156",
        "A21C": "2" if row.age >= 25 else "1",
        "A38C": "80" if row.age >= 60 else "90",
        "A19C": "1",
        "A20N": "1",
        "A20": identity_number(row.number, row.born, row.sex),
        "A22": address,
        "A23C": "1",
        "A24": address,
        "A25C": postcode,
        "A26": address,
        "A27": phone,
        "A28C": postcode,
        "A29": address,
        "A30": phone,
        "A31C": postcode,
        "A32": settings["staff_name"],
        "A33C": "9",
        "A34": address,
        "A35": phone,
        **staff,
        **staff_ids,
        "B25C": row.doctor,
    }


def _stay(row: Row) -> dict[str, str]:
    department = row.template.department
    return {
        "B12": _moment(row.admitted),
        "B15": _moment(row.discharged),
        "B38": "1" if row.template.day_surgery else "0",
        "B11C": "1" if row.icu_hours else "2",
        "B13C": department,
        "B14": "合成病房",
        "B16C": department,
        "B17": "合成病房",
        "B20": str(row.los),
        "B30C": "1",
        "B33": f"{row.discharged:%Y-%m-%d}",
        "B36C": "1",
        "B34C": str(row.discharge_way),
        "B35": "合成接收机构" if row.discharge_way in (2, 3) else "",
        "C24C": "1",
        "C34C": "2" if row.discharge_way == 5 else "",
        "C26C": str(row.number % 4 + 1),
        "C27C": "2",
        "F20": str(row.los),
        "F21": "2" if row.blood_units else "",
        "F22": f"{row.blood_units}.0" if row.blood_units else "",
    }


def _diagnoses(row: Row) -> dict[str, str]:
    principal, *others = row.dx
    fields = {
        "C01C": principal.clinical_code,
        "C02N": principal.clinical_name,
        "C03C": principal.clinical_code,
        "C04N": principal.clinical_name,
        "C05C": "1" if principal.clinical_code else "",
        "F05": _outcome(row),
    }
    for n, other in enumerate(others, start=1):
        fields[f"C06x{n:02d}C"] = other.clinical_code
        fields[f"C07x{n:02d}N"] = other.clinical_name
        fields[f"C08x{n:02d}C"] = "1"
        fields[f"F06x{n:02d}"] = _outcome(row)
    if row.external_cause is not None:
        fields["C12C"] = row.external_cause.clinical_code
        fields["C13N"] = row.external_cause.clinical_name
    return fields


def _outcome(row: Row) -> str:
    return "4" if row.discharge_way == 5 else "2"


_PRINCIPAL_PROC = ("C14x01C", "C15x01N", "C16x01", "C17x01", "C18x01", "C21x01C", "C22x01C", "C23x01")
_OTHER_PROC = ("C35x{n}C", "C36x{n}N", "C37x{n}", "C38x{n}", "C39x{n}", "C42x{n}C", "C43x{n}C", "C44x{n}")


def _procedures(row: Row) -> dict[str, str]:
    staff = load_settings()["staff_name"]
    catalogue = load_catalogue("icd9cm3")
    fields: dict[str, str] = {}
    for n, entry in enumerate(row.proc):
        columns = _PRINCIPAL_PROC if n == 0 else tuple(column.format(n=f"{n:02d}") for column in _OTHER_PROC)
        operation = catalogue.operation_type(entry.nhsa_code) in _WITH_ANAESTHESIA
        level, healing, anaesthesia, anaesthetist = ("3", "1", "01", staff) if operation else ("", "", "", "")
        values = (
            entry.clinical_code,
            entry.clinical_name,
            _moment(row.operated),
            level,
            staff,
            healing,
            anaesthesia,
            anaesthetist,
        )
        fields.update(zip(columns, values, strict=True))
    return fields


def _newborn_and_icu(row: Row) -> dict[str, str]:
    fields = {
        "A16": _number(row.age_days),
        "A18x01": _number(row.birth_weight),
        "A17": _number(row.admission_weight),
        "C47": _number(row.vent_hours),
    }
    if row.icu is not None:
        begin, end = row.icu
        fields |= {"C48x01C": row.icu_ward, "C49x01": _moment(begin), "C50x01": _moment(end)}
    return fields


def _moment(when: dt.datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S}"


def _number(value: int | None) -> str:
    return "" if value is None else str(value)
