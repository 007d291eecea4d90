"""The codes of complete records: those of a drawn case, made consistent by the lists of ``full_record.yaml``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from data_samples.codebook import CodeBook, Entry
from data_samples.rows import Row
from data_samples.templates import FOLDER, load_settings
from drg.codes.catalogue import System, load_catalogue

OPERATION, INTERVENTION = "手术", "介入治疗"
INTENSIVE_CARE = "28"
"""RC023 code of the department of intensive care."""
UNSPECIFIED = "9"
"""Fourth character of the diagnosis codes that name no more than their category."""


@cache
def choices() -> dict[str, Any]:
    """``full_record.yaml``."""
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / "full_record.yaml").read_text(encoding="utf-8"))
    return loaded


@dataclass
class Codes:
    """A drawn case and its codes, the principal diagnosis and the main procedure first."""

    row: Row
    dx: list[Entry]
    proc: list[Entry]

    def has_dx(self, prefixes: Sequence[str] | str) -> bool:
        """Whether a clinical diagnosis code begins with one of ``prefixes``."""
        return any(_begins(entry, prefixes) for entry in self.dx)

    def has_proc(self, prefixes: Sequence[str] | str) -> bool:
        """Whether a clinical procedure code begins with one of ``prefixes``."""
        return any(_begins(entry, prefixes) for entry in self.proc)

    @property
    def is_operated(self) -> bool:
        """Whether one of the procedures is an operation or an intervention."""
        return any(operation_class(one) in (OPERATION, INTERVENTION) for one in self.proc)

    @property
    def is_delivery(self) -> bool:
        """Whether there is an outcome of delivery."""
        return self.has_dx(choices()["delivery"]["outcome_dx"])

    @property
    def is_newborn(self) -> bool:
        """Whether the patient is in the first 28 days of life."""
        row = self.row
        return row.age == 0 and row.age_days is not None and row.age_days <= choices()["newborn_days"]


def clean_codes(row: Row) -> Codes | None:
    """The codes of a case with everything that belongs to them; None where they cannot be made clean."""
    codes = Codes(row, _diagnoses(row), _procedures(row))
    if not codes.dx or _is_unclean(codes):
        return None
    codes.dx = _without_conflicts(_without_kin_of_unspecified(codes.dx), choices()["one_of_two_dx"])
    codes.proc = _without_conflicts(codes.proc, choices()["one_of_two_proc"])
    _complete_delivery(codes)
    _complete_tumour(codes)
    _complete_procedures(codes)
    _complete_diagnoses(codes)
    _complete_low_weight(codes)
    return codes


def operation_class(entry: Entry) -> str | None:
    """手术, 介入治疗, 治疗性操作 or 诊断性操作."""
    return load_catalogue("icd9cm3").operation_type(entry.nhsa_code)


@cache
def code_entry(system: System, code: str) -> Entry:
    """An NHSA code with its name and how the clinical edition writes it."""
    return CodeBook(system, [code]).entries[1]


def _begins(entry: Entry, prefixes: Sequence[str] | str) -> bool:
    return entry.clinical_code.startswith(prefixes if isinstance(prefixes, str) else tuple(prefixes))


def _diagnoses(row: Row) -> list[Entry]:
    """The diagnoses that both editions have, each code once; none without the principal one."""
    seen: dict[str, Entry] = {}
    for entry in row.dx:
        if entry.clinical_code and entry.nhsa_code:
            seen.setdefault(entry.clinical_code, entry)
    return list(seen.values()) if row.dx[0].clinical_code else []


def _procedures(row: Row) -> list[Entry]:
    """The procedures, specific ones for unspecified ones; the code of ventilation is the one of its hours."""
    codes = load_settings()["ventilation_codes"]
    wanted = choices()["ventilation"]
    long = (row.vent_hours or 0) >= 96
    ventilation = code_entry("icd9cm3", wanted["from_96_hours" if long else "under_96_hours"])
    seen: dict[str, Entry] = {}
    for entry in map(_specific, row.proc):
        if not entry.clinical_code:
            continue
        chosen = ventilation if entry.nhsa_code in codes else entry
        if chosen is not ventilation or row.vent_hours:
            seen.setdefault(chosen.clinical_code, chosen)
    return list(seen.values())


def _specific(procedure: Entry) -> Entry:
    for prefix, code in choices()["specific_proc"].items():
        if _begins(procedure, prefix):
            return code_entry("icd9cm3", code)
    return procedure


def _is_unclean(codes: Codes) -> bool:
    """Whether the principal diagnosis, the age or the department cannot be right."""
    row, principal = codes.row, codes.dx[0]
    grown = _begins(principal, choices()["perinatal_dx"]) and not codes.is_newborn
    elsewhere = row.template.department == INTENSIVE_CARE and row.icu is None
    old_age = choices()["old_age"]
    early = _begins(principal, old_age["dx"]) and row.age < old_age["from_age"]
    return grown or elsewhere or early or _begins(principal, choices()["unclean_principal_dx"])


def _without_conflicts(entries: list[Entry], pairs: list[dict[str, list[str]]]) -> list[Entry]:
    """What stands first stays; what cannot stand beside it goes."""
    for pair in pairs:
        sides = pair["one"], pair["other"]
        first = next((side for entry in entries for side in sides if _begins(entry, side)), None)
        if first is not None:
            refused = sides[1] if first is sides[0] else sides[0]
            entries = [entry for entry in entries if not _begins(entry, refused)]
    return entries


def _without_kin_of_unspecified(dx: list[Entry]) -> list[Entry]:
    """No specific code of the same category beside an unspecified principal diagnosis (Q085)."""
    category, _, rest = dx[0].clinical_code.partition(".")
    if not rest.startswith(UNSPECIFIED):
        return dx
    kin = [one for one in dx[1:] if one.clinical_code.startswith(category)]
    return [one for one in dx if one not in kin or one.clinical_code.startswith(f"{category}.{UNSPECIFIED}")]


def _complete_delivery(codes: Codes) -> None:
    """A delivery has one outcome and one mode of delivery."""
    rules = choices()["delivery"]
    delivered = codes.has_proc(rules["procedures"]) or codes.has_dx([rules["outcome_dx"], *rules["mode_dx"]])
    if not delivered or codes.row.sex != 2:
        return
    if not codes.is_delivery:
        codes.dx.append(code_entry("icd10", rules["default_outcome"]))
    mode = next(
        one["dx"] for one in rules["modes"] if not one["procedure"] or codes.has_proc(one["procedure"])
    )
    modes = rules["mode_dx"]
    if _begins(codes.dx[0], modes) and not _begins(codes.dx[0], mode[:3]):
        codes.dx[0] = code_entry("icd10", mode)
    codes.dx[1:] = [one for one in codes.dx[1:] if not _begins(one, modes)]
    if not _begins(codes.dx[0], modes):
        codes.dx.append(code_entry("icd10", mode))


def _complete_tumour(codes: Codes) -> None:
    """A stay for chemo- or radiotherapy has it as principal diagnosis, a metastasis one primary tumour beside it."""
    rules = choices()["tumour"]
    for one in rules["therapies"]:
        given = codes.has_proc(one["proc"]) and not codes.is_operated
        if given and _begins(codes.dx[0], rules["malignant_dx"]):
            codes.dx.insert(0, code_entry("icd10", one["dx"]))
    primaries = [one for one in codes.dx if _begins(one, rules["primary_dx"])]
    codes.dx = [one for one in codes.dx if one not in primaries[1:]]
    principal = codes.dx[0]
    treated = _begins(principal, rules["therapy_dx"])
    needs = treated and not (primaries or codes.has_dx(rules["blood_dx"]))
    if needs or (_begins(principal, rules["secondary_dx"]) and not primaries):
        codes.dx.insert(1, code_entry("icd10", rules["default_primary_dx"]))
    elif not primaries:
        codes.dx = [one for one in codes.dx if not _begins(one, rules["secondary_dx"])]
    if _begins(principal, rules["radiotherapy_dx"]) and not codes.has_proc(rules["radiotherapy_proc"]):
        codes.proc.insert(0, code_entry("icd9cm3", rules["default_radiotherapy_proc"]))


def _complete_procedures(codes: Codes) -> None:
    """The codes that go with a procedure, and the transfusion of what was paid for."""
    for one in choices()["companion_proc"]:
        if codes.has_proc(one["with"]) and not codes.has_proc(one["needs"]):
            codes.proc.append(code_entry("icd9cm3", one["proc"]))
    transfusion = choices()["transfusion"]
    if codes.row.blood_units and not codes.has_proc(transfusion["needs"]):
        codes.proc.append(code_entry("icd9cm3", transfusion["proc"]))


def _complete_diagnoses(codes: Codes) -> None:
    """The codes that a procedure tells more of, or that go with a diagnosis; none that the age rules out."""
    old_age = choices()["old_age"]
    if codes.row.age < old_age["from_age"]:
        codes.dx = [one for one in codes.dx if not _begins(one, old_age["dx"])]
    for one in choices()["told_by_proc"]:
        if codes.has_proc(one["proc"]):
            told = code_entry("icd10", one["by"])
            codes.dx = [told if _begins(entry, one["dx"]) else entry for entry in codes.dx]
    for one in choices()["companion_dx"]:
        if codes.has_dx(one["with"]) and not codes.has_dx(one["needs"]):
            codes.dx.append(code_entry("icd10", one["dx"]))


def low_weight(codes: Codes) -> dict[str, Any] | None:
    """The class of ``full_record.yaml`` of a newborn born too early and too light."""
    weight = codes.row.birth_weight
    if weight is None or not codes.is_newborn or not codes.has_dx(choices()["premature_dx"]):
        return None
    return next((one for one in choices()["low_weights"] if weight <= one["to"]), None)


def _complete_low_weight(codes: Codes) -> None:
    """A newborn under 2500 g has the code of its weight, and no other one of weight."""
    found = low_weight(codes)
    if found is None:
        return
    of_weight = choices()["low_weight_dx"]
    codes.dx = [one for one in codes.dx if not _begins(one, of_weight)]
    codes.dx.append(code_entry("icd10", found["dx"]))
