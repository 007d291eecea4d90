"""Plants defects in drawn cases, the same in every format, and lists them in ``defects.csv``.

A defect changes one field of one case; no case has two. What each kind is: ``defects.yaml`` and README.md.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from data_samples.codebook import CodeBook, Entry
from data_samples.draw import FIRST_ADMISSION, MISSING, Discharges, Ints
from data_samples.templates import FOLDER

SHOWN_EARLY = 200
"""Every kind of defect occurs among the first cases, so that a short file shows it too."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Defect:
    """A line of ``defects.csv``. ``row`` counts the cases of a file from 1; texts are as written in the files."""

    row: int
    case_id: str
    defect: str
    field: str
    harmless: bool
    clean_value: str
    as_written: str
    as_written_front_page: str


@cache
def load_defect_settings() -> dict[str, Any]:
    """``defects.yaml``."""
    content: dict[str, Any] = yaml.safe_load((FOLDER / "defects.yaml").read_text(encoding="utf-8"))
    return content


def plant(cases: Discharges, seed: int) -> list[Defect]:
    """Changes ``cases`` in place; the defects that were planted, by row."""
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, cases.first_number, 2])))
    settings = load_defect_settings()
    count = max(1, round(len(cases) * settings["share"]))
    free = np.ones(len(cases), np.bool_)
    found = []
    for name, kind in settings["kinds"].items():
        eligible = np.flatnonzero(_ELIGIBLE[name](cases) & free)
        for row in _picked(generator.permutation(eligible), count, cases.first_number):
            if not free[row]:
                continue
            free[_touched(name, row)] = False
            clean, written, written_front_page = _PLANTERS[name](cases, row)
            found.append(
                Defect(
                    row=cases.first_number + row,
                    case_id=cases.case_ids[row],
                    defect=name,
                    field=kind["field"],
                    harmless=kind["harmless"],
                    clean_value=clean,
                    as_written=written,
                    as_written_front_page=written_front_page,
                )
            )
    return sorted(found, key=lambda defect: defect.row)


class DefectsCsv:
    """Writes ``defects.csv``."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "defects.csv").open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(column.name for column in fields(Defect))

    def write(self, defects: list[Defect]) -> None:
        self._writer.writerows(astuple(defect) for defect in defects)

    def close(self) -> None:
        self._file.close()


def _picked(rows: Ints, count: int, first_number: int) -> list[int]:
    early = rows[rows < SHOWN_EARLY - first_number + 1][:1]
    others = rows[~np.isin(rows, early)]
    return [int(row) for row in np.concatenate([early, others])[:count]]


def _touched(name: str, row: int) -> list[int]:
    """Rows that take no other defect: a doubled id involves two cases."""
    return [row - 1, row] if name == "duplicate_case_id" else [row]


Written = tuple[str, str, str]
"""Clean value, as written in the plain table and 4101A, as written in the front page."""


def _replace_dx(change: Callable[[Entry], Entry]) -> Callable[[Discharges, int], Written]:
    return lambda cases, row: _replace(cases.dx, cases.dx_book, row, change)


def _replace_proc(change: Callable[[Entry], Entry]) -> Callable[[Discharges, int], Written]:
    return lambda cases, row: _replace(cases.proc, cases.proc_book, row, change)


def _replace(codes: Ints, book: CodeBook, row: int, change: Callable[[Entry], Entry]) -> Written:
    clean = book.entries[codes[row, 0]]
    written = change(clean)
    codes[row, 0] = book.add(written)
    return clean.nhsa_code, written.nhsa_code, written.clinical_code


def _respelt(change: Callable[[str], str]) -> Callable[[Entry], Entry]:
    return lambda entry: Entry(
        change(entry.nhsa_code), entry.nhsa_name, change(entry.clinical_code), entry.clinical_name
    )


def _always(code: str, name: str) -> Callable[[Entry], Entry]:
    return lambda _: Entry(code, name, code, name)


def _full_width(code: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) for sign in code)


def _as_excel_shows(code: str) -> str:
    return str(float(code))


def _without_procedures(cases: Discharges, row: int) -> Written:
    codes = [cases.proc_book.entries[number].nhsa_code for number in cases.proc[row] if number != MISSING]
    cases.proc[row] = MISSING
    return "|".join(codes), "", ""


def _mangled_id(cases: Discharges, row: int) -> Written:
    clean = cases.case_ids[row]
    written = f"{(2_000_000 + (cases.first_number + row) % 1_000_000) * 1e5:.6E}"
    cases.case_ids[row] = written
    return clean, written, written


def _doubled_id(cases: Discharges, row: int) -> Written:
    clean = cases.case_ids[row]
    cases.case_ids[row] = cases.case_ids[row - 1]
    return clean, cases.case_ids[row], cases.case_ids[row].removesuffix(FIRST_ADMISSION)


def _other_sex(cases: Discharges, row: int) -> Written:
    return _set(cases.sex, row, 3 - int(cases.sex[row]))


def _set(values: Ints, row: int, value: int) -> Written:
    clean = "" if values[row] == MISSING else str(values[row])
    values[row] = value
    return clean, str(value), str(value)


def _everyone(cases: Discharges) -> Mask:
    return np.ones(len(cases), np.bool_)


def _with_procedure(cases: Discharges) -> Mask:
    mask: Mask = cases.proc[:, 0] != MISSING
    return mask


def _surgical(cases: Discharges) -> Mask:
    return _of_templates(cases, [template.always_has_procedure for template in cases.templates])


def _one_sex(cases: Discharges) -> Mask:
    return _of_templates(cases, [template.has_one_sex for template in cases.templates])


def _of_templates(cases: Discharges, flags: list[bool]) -> Mask:
    chosen: Mask = np.array(flags)[cases.template]
    return chosen


def _older(cases: Discharges) -> Mask:
    return cases.age >= 1


def _after_first(cases: Discharges) -> Mask:
    return np.arange(len(cases)) > 0


def _numeric_proc(cases: Discharges) -> Mask:
    """Procedures whose code a spreadsheet changes into a number, in both editions."""
    numeric = [
        _loses_zeros(entry.nhsa_code) and _loses_zeros(entry.clinical_code)
        for entry in cases.proc_book.entries
    ]
    mask: Mask = np.array([*numeric, False])[cases.proc[:, 0]]
    return mask


def _loses_zeros(code: str) -> bool:
    return code.replace(".", "", 1).isdecimal() and _as_excel_shows(code) != code


_settings = load_defect_settings()
_unknown_name = _settings["unknown_name"]

_PLANTERS: dict[str, Callable[[Discharges, int], Written]] = {
    "missing_principal_dx": _replace_dx(_always("", "")),
    "unknown_dx": _replace_dx(_always(_settings["unknown_dx"], _unknown_name)),
    "unknown_proc": _replace_proc(_always(_settings["unknown_proc"], _unknown_name)),
    "ungroupable_principal_dx": _replace_dx(_always(_settings["ungroupable_dx"], "全身炎症反应综合征")),
    "missing_procedure": _without_procedures,
    "lower_case_code": _replace_dx(_respelt(str.lower)),
    "full_width_code": _replace_dx(_respelt(_full_width)),
    "blank_after_code": _replace_dx(_respelt(lambda code: code + " ")),
    "excel_mangled_proc": _replace_proc(_respelt(_as_excel_shows)),
    "excel_mangled_id": _mangled_id,
    "duplicate_case_id": _doubled_id,
    "sex_conflict": _other_sex,
    "age_days_without_age_zero": lambda cases, row: _set(
        cases.age_days, row, _settings["age_days_beside_years"]
    ),
    "negative_age": lambda cases, row: _set(cases.age, row, _settings["negative_age"]),
}

_ELIGIBLE: dict[str, Callable[[Discharges], Mask]] = {
    "missing_principal_dx": _everyone,
    "unknown_dx": _everyone,
    "unknown_proc": _with_procedure,
    "ungroupable_principal_dx": lambda cases: ~_with_procedure(cases),
    "missing_procedure": _surgical,
    "lower_case_code": _everyone,
    "full_width_code": _everyone,
    "blank_after_code": _everyone,
    "excel_mangled_proc": _numeric_proc,
    "excel_mangled_id": _everyone,
    "duplicate_case_id": _after_first,
    "sex_conflict": _one_sex,
    "age_days_without_age_zero": _older,
    "negative_age": _older,
}
