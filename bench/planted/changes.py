"""What is done to a clean record so that it has one defect: changes written as data (``README.md``)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from bench.planted.codes import Code, Dice, draw, is_in
from bench.planted.records import EDITIONS, Record, Rows, known
from data_samples.full_record import identity_number
from drg.codes.catalogue import System

_PATH = re.compile(r"(\w+)\[(\d+|\*|last)\]\.(\w+)")
_FORMULA = re.compile(r"@([\w.\[\]]+)(?:\s*([-+*])\s*([\d.]+)(d|h|min|y)?)?(?:\s+as\s+(\w+))?")
_FORMATS = {"date": "%Y-%m-%d", "datetime": "%Y-%m-%d %H:%M:%S"}
_UNITS = {"d": dt.timedelta(days=1), "h": dt.timedelta(hours=1), "min": dt.timedelta(minutes=1)}
DAYS_OF_YEAR = 365.25
HALF_YEAR = 180
OPERATION_KINDS = ("手术", "介入治疗")
ADULT = 23
EMPLOYER = "合成单位（合成省合成市合成区合成路17号）"


def apply(record: Record, change: Mapping[str, Any], dice: Dice) -> None:
    """Makes one change (operation: argument, in order). Raises ``KeyError`` or ``LookupError`` for a wrong one."""
    for name, argument in change.items():
        OPERATIONS[name](record, argument, dice)


def _set(record: Record, values: Mapping[str, Any], dice: Dice) -> None:
    """``{path: value}``; a list is drawn from, ``@field + 2d`` computed from another field."""
    for path, value in values.items():
        text = _value(record, value, dice)
        group = _PATH.fullmatch(path)
        if group is None:
            if not known(path) or path in record.groups:
                raise KeyError(path)
            record.scalars[path] = text
            continue
        for row in _rows_at(record, group[1], group[2]):
            if not known(f"{group[1]}.{group[3]}"):
                raise KeyError(path)
            row[group[3]] = text


def _rows_at(record: Record, group: str, place: str) -> Rows:
    rows = record.groups[group]
    if place == "*":
        return rows
    return [rows[-1 if place == "last" else int(place) - 1]]


def _read(record: Record, path: str) -> str:
    group = _PATH.fullmatch(path)
    text = record.scalars[path] if group is None else _rows_at(record, group[1], group[2])[0][group[3]]
    if text is None:
        raise LookupError(f"{path} is empty")
    return text


def _value(record: Record, value: Any, dice: Dice) -> str | None:
    if isinstance(value, list):
        value = dice.choice(value)
    if value is None:
        return None
    if isinstance(value, Mapping):
        return _code(record, "icd9cm3" if "proc" in value else "icd10", dict(value), dice).code
    formula = _FORMULA.fullmatch(str(value))
    return str(value) if formula is None else _computed(_read(record, formula[1]), *formula.groups()[1:])


def _computed(text: str, sign: str | None, amount: str | None, unit: str | None, form: str | None) -> str:
    """``text`` moved by an amount: a time by a unit, else a number; written as ``form`` or as it was."""
    if re.match(r"\d{4}-", text):
        when = dt.datetime.fromisoformat(text)
        step = dt.timedelta()
        if amount is not None:
            days = dt.timedelta(days=float(amount) * DAYS_OF_YEAR)
            step = days if unit == "y" else float(amount) * _UNITS[unit or "d"]
        when = when - step if sign == "-" else when + step
        return when.strftime(_FORMATS[form or ("datetime" if ":" in text else "date")])
    if amount is None:
        return text
    number, by = Decimal(text), Decimal(amount)
    number = number * by if sign == "*" else (number - by if sign == "-" else number + by)
    return str(round(number, 2) if "." in text else round(number))


def _clear(record: Record, paths: str, dice: Dice) -> None:
    """Paths separated by blanks: fields become empty, groups lose their rows."""
    for path in paths.split():
        if path in record.groups:
            record.groups[path] = []
        else:
            _set(record, {path: None}, dice)


def _code(record: Record, system: System, wanted: Any, dice: Dice) -> Code:
    """``codes`` or ``{codes: "C51-C58", named: "word|word", class: 手术}``; a code that is not drawn again is given as
    ``{code: .., name: ..}``."""
    given = {"codes": wanted} if isinstance(wanted, str) else dict(wanted)
    if "code" in given:
        return Code(given["code"], given.get("name", ""), given.get("class"))
    spec = given.get("codes") or given.get("dx") or given["proc"]
    return draw(EDITIONS[record.kind], system, spec, dice, given.get("named", ""), given.get("class", ""))


def _diagnosis(record: Record, wanted: Any, dice: Dice) -> dict[str, str | None]:
    """A complete row: present on admission, and with the outcome and kind that the first one has."""
    code = _code(record, "icd10", wanted, dice)
    like = dict(record.groups["diagnoses"][0]) if record.groups["diagnoses"] else {}
    more = {} if isinstance(wanted, str) else wanted.get("with", {})
    if like.get("principal"):
        like["principal"] = "0"
    return {**like, "code": code.code, "name": code.name, "present_on_admission": "1", **more}


def _add_dx(record: Record, wanted: Any, dice: Dice) -> None:
    """Another diagnosis at the end, one for each item of a list."""
    for one in wanted if isinstance(wanted, list) else [wanted]:
        record.groups["diagnoses"].append(_diagnosis(record, one, dice))
    _count_again(record)


def _principal(record: Record, wanted: Any, dice: Dice) -> None:
    """Another principal diagnosis, which is also that of the outpatient department and of the admission."""
    row = _diagnosis(record, wanted, dice)
    rows = record.groups["diagnoses"]
    if rows and rows[0].get("principal"):
        row["principal"] = "1"
    rows[:1] = [row]
    for place in ("outpatient", "admission"):
        if record.scalars.get(f"{place}_dx_code"):
            record.scalars |= {f"{place}_dx_code": row["code"], f"{place}_dx_name": row["name"]}


def _diagnoses(record: Record, wanted: list[Any], dice: Dice) -> None:
    """These diagnoses and no others; the first is the principal one."""
    record.groups["diagnoses"] = record.groups["diagnoses"][:1]
    _principal(record, wanted[0], dice)
    _add_dx(record, wanted[1:], dice)


def _drop(record: Record, group: str, spec: str) -> None:
    record.groups[group] = [row for row in record.groups[group] if not is_in(row["code"], spec)]
    _count_again(record)


def _drop_dx(record: Record, spec: str, dice: Dice) -> None:
    _drop(record, "diagnoses", spec)


def _drop_proc(record: Record, spec: str, dice: Dice) -> None:
    _drop(record, "procedures", spec)


def _procedure(record: Record, wanted: Any, dice: Dice) -> dict[str, str | None]:
    """A complete row on the day of the other procedures, or of the admission."""
    code = _code(record, "icd9cm3", wanted, dice)
    rows = record.groups["procedures"]
    begun = rows[0]["date"] if rows else f"{_read(record, 'admission_time')[:10]} 11:00:00"
    row: dict[str, str | None] = {
        "code": code.code,
        "name": code.name,
        "date": begun,
        "surgeon": "合医海佳",
        "assistant1": "合医明宁",
    }
    if record.kind == "settlement":
        row |= {"surgeon_code": "999990000000711", "main": "2", "assistant1": None}
        row |= {"begin": begun, "end": begun} if begun and ":" in begun else {}
    else:
        row["hours"] = "1.5"
    if code.kind in OPERATION_KINDS:
        operation = code.kind == OPERATION_KINDS[0]
        row |= {"level": "1", "incision_healing": "4" if operation else "0", "asa": "2"}
        row |= {"anaesthesia": "0103" if operation else "0301", "anaesthetist": "合医涛文"}
        row |= {"anaesthetist_code": "999990000000712"} if record.kind == "settlement" else {}
    return {**row, **({} if isinstance(wanted, str) else wanted.get("with", {}))}


def _add_proc(record: Record, wanted: Any, dice: Dice) -> None:
    """Another procedure at the end, one for each item of a list."""
    for one in wanted if isinstance(wanted, list) else [wanted]:
        record.groups["procedures"].append(_procedure(record, one, dice))
    _count_again(record)


def _main_proc(record: Record, wanted: Any, dice: Dice) -> None:
    record.groups["procedures"][:1] = [_procedure(record, wanted, dice)]


def _procedures(record: Record, wanted: list[Any], dice: Dice) -> None:
    """These procedures and no others."""
    rows = [_procedure(record, one, dice) for one in wanted]
    record.groups["procedures"] = rows
    _count_again(record)


def _count_again(record: Record) -> None:
    for field, group in (("dx_count", "diagnoses"), ("procedure_count", "procedures")):
        if record.scalars.get(field):
            record.scalars[field] = str(len(record.groups[group]))


def _add_row(record: Record, wanted: Mapping[str, Mapping[str, Any]], dice: Dice) -> None:
    """``{group: {field: value}}``: a row at the end of a group."""
    for group, values in wanted.items():
        record.groups[group].append({name: _value(record, value, dice) for name, value in values.items()})


def _repeat(record: Record, place: str, dice: Dice) -> None:
    """``diagnoses[1]``: a copy of this row at the end."""
    group, _, number = place.rstrip("]").partition("[")
    record.groups[group].append(dict(record.groups[group][int(number) - 1]))
    _count_again(record)


def _insert_blank(record: Record, place: str, dice: Dice) -> None:
    """``diagnoses[2]``: an empty row there."""
    group, _, number = place.rstrip("]").partition("[")
    rows = record.groups[group]
    rows.insert(int(number) - 1, dict.fromkeys(rows[0], None))


def _cause(record: Record, spec: str, dice: Dice) -> None:
    """External cause of the injury."""
    code = _code(record, "icd10", spec, dice)
    record.scalars |= {"external_cause_code": code.code, "external_cause_name": code.name}


def _person(record: Record, wanted: Mapping[str, Any], dice: Dice) -> None:
    """Another ``age`` in years (``[low, high]``: drawn), or ``days``, or ``sex``: with all that follows from it."""
    scalars = record.scalars
    sex = str(wanted.get("sex", scalars["sex"]))
    admitted = dt.date.fromisoformat(_read(record, "admission_time")[:10])
    born = dt.date.fromisoformat(_read(record, "birth_date"))
    if "age" in wanted:
        age = dice.randint(*wanted["age"]) if isinstance(wanted["age"], list) else wanted["age"]
        born = admitted.replace(year=admitted.year - age, day=min(admitted.day, 28))
        born -= dt.timedelta(days=dice.randint(0, HALF_YEAR))
        scalars["age"], scalars["age_days"] = str(age), None if age else str((admitted - born).days)
        scalars["occupation"] = "90" if age < 7 else ("31" if age < ADULT else ("17" if age < 60 else "80"))
        if scalars["occupation"] == "17":
            scalars |= {"employer": EMPLOYER, "employer_phone": "10000123457", "employer_postcode": "990017"}
        scalars["marital_status"] = "1" if age < ADULT + 3 else "2"
        scalars["contact_relation"] = "5" if age < ADULT else "7"
        if record.kind == "settlement":
            scalars["contact_relation"] = f"{scalars['contact_relation']}0"
    if "days" in wanted:
        days = dice.randint(*wanted["days"]) if isinstance(wanted["days"], list) else wanted["days"]
        born = admitted - dt.timedelta(days=days)
        scalars |= {"age": "0", "age_days": str(days), "occupation": "90", "marital_status": "1"}
        scalars["contact_relation"] = "50" if record.kind == "settlement" else "5"
    scalars["sex"], scalars["birth_date"] = sex, f"{born:%Y-%m-%d}"
    if scalars.get("id_number") and sex in ("1", "2"):
        scalars["id_number"] = identity_number(dice.randint(0, 498), born, int(sex))


OPERATIONS: Mapping[str, Callable[[Record, Any, Dice], None]] = {
    "set": _set,
    "clear": _clear,
    "add_dx": _add_dx,
    "principal": _principal,
    "diagnoses": _diagnoses,
    "drop_dx": _drop_dx,
    "add_proc": _add_proc,
    "main_proc": _main_proc,
    "procedures": _procedures,
    "drop_proc": _drop_proc,
    "add_row": _add_row,
    "repeat": _repeat,
    "insert_blank": _insert_blank,
    "cause": _cause,
    "person": _person,
}
