"""Whole records with notes, orders, laboratory results and fee lines, and defects planted into some of them.

A folder a case (``drg.quality.record_folder`` reads it) and ``record_defects.csv`` beside them. The texts are templates
of ``whole_records.yaml``; they agree with the codes except where a defect is planted.
"""

from __future__ import annotations

import csv
import datetime as dt
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import yaml

from data_samples.clean_codes import code_entry
from data_samples.codebook import Entry
from data_samples.full_record import FullRecord, drop_idle_antibiotics, fee_columns, moment, money, yuan
from data_samples.templates import FOLDER
from drg.quality.layout import fields, value_sets

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
FEVER_FREE = 36.5
LATE_BY = dt.timedelta(hours=31)
LUNG_INFECTION = "J98.414"
"""Diagnosis that the defect without evidence adds."""


@cache
def texts() -> dict[str, Any]:
    """``whole_records.yaml``."""
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / "whole_records.yaml").read_text(encoding="utf-8"))
    return loaded


@dataclass
class Document:
    """A note: kind (value set ``document_kind``), author, when it was written, and its text."""

    kind: str
    author: str
    written: dt.datetime
    text: str
    title: str = ""


@dataclass
class WholeRecord:
    """A complete record with what the ward wrote; ``content`` the texts of its kind of case."""

    record: FullRecord
    content: Mapping[str, Any]
    documents: list[Document] = field(default_factory=list)
    orders: list[dict[str, str]] = field(default_factory=list)
    labs: list[dict[str, str]] = field(default_factory=list)

    @property
    def admitted(self) -> dt.datetime:
        return dt.datetime.fromisoformat(self.record.scalars["admission_time"])

    @property
    def left(self) -> dt.datetime:
        return dt.datetime.fromisoformat(self.record.scalars["discharge_time"])

    @property
    def operation(self) -> dict[str, str] | None:
        """The main procedure, where the kind of case has an operation."""
        return self.record.groups["procedures"][0] if "operation" in self.content else None


def write_whole_records(folder: Path, records: Iterable[FullRecord]) -> None:
    """Writes one whole record of each kind of case that ``records`` has, and the list of planted defects."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    planted = []
    for title, record in sorted(_chosen(records).items()):
        whole = whole_record(record, texts()["cases"][title])
        defect = texts()["defects"].get(title)
        if defect is not None:
            DEFECTS[defect["defect"]](whole)
            planted.append({"case_id": record.row.case_id, **defect})
        _write(folder / record.row.case_id, whole)
    with (folder / "record_defects.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["case_id", "defect", "rules", "what"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(planted, key=lambda one: one["case_id"]))


def _chosen(records: Iterable[FullRecord]) -> dict[str, FullRecord]:
    """The first record of each kind of case that is fit to be told: long enough, alive, of the sex of the text."""
    chosen: dict[str, FullRecord] = {}
    for record in records:
        title = record.row.template.title
        content = texts()["cases"].get(title)
        if content is None or title in chosen or not _fits(record, content):
            continue
        chosen[title] = record
    return chosen


def _fits(record: FullRecord, content: Mapping[str, Any]) -> bool:
    row = record.row
    operated = bool(record.proc) == ("operation" in content)
    male_only = texts()["defects"].get(row.template.title, {}).get("defect") == "sex_conflict"
    return operated and row.los >= 4 and row.discharge_way == 1 and not (male_only and row.sex != 1)


def whole_record(record: FullRecord, content: Mapping[str, Any]) -> WholeRecord:
    """The record with its notes; other diagnoses stay only where the notes give evidence for them."""
    principal, *others = range(len(record.dx))
    kept = [principal, *(place for place in others if _evidence(record.dx[place]))][:6]
    record.dx = [record.dx[place] for place in kept]
    record.groups["diagnoses"] = [record.groups["diagnoses"][place] for place in kept]
    drop_idle_antibiotics(record)
    record.scalars |= money(record)
    whole = WholeRecord(record, content)
    _add_tests_and_orders(whole)
    _add_notes(whole)
    if whole.operation is not None:
        _add_operation_notes(whole, whole.operation)
    return whole


def _evidence(entry: Entry) -> Mapping[str, Any] | None:
    known: Mapping[str, Mapping[str, Any]] = texts()["evidence"]
    return next((one for prefix, one in known.items() if entry.clinical_code.startswith(prefix)), None)


def _others(whole: WholeRecord) -> list[Mapping[str, Any]]:
    """The evidence of the other diagnoses."""
    return [evidence for entry in whole.record.dx[1:] if (evidence := _evidence(entry)) is not None]


def _add_tests_and_orders(whole: WholeRecord) -> None:
    start, stop = whole.admitted + HOUR, whole.left - HOUR
    for source in (whole.content, *_others(whole)):
        for name, value, unit, low, high in source.get("labs", []):
            reported = moment(whole.admitted + 4 * HOUR)
            lab = {"name": name, "value": value, "unit": unit, "low": low, "high": high, "time": reported}
            if all(one["name"] != name for one in whole.labs):
                whole.labs.append(lab)
        for name, dose, frequency, route in source.get("orders", []):
            if any(one["name"] == name for one in whole.orders):
                continue
            once = "1次" in frequency and "每" not in frequency
            begun = (
                dt.datetime.fromisoformat(whole.operation["date"]) - HOUR / 2
                if once and whole.operation
                else start
            )
            whole.orders.append(
                {
                    "name": name,
                    "kind": "药品",
                    "start": moment(begun),
                    "stop": "" if once else moment(stop),
                    "dose": dose,
                    "frequency": frequency,
                    "route": route,
                    "is_long_term": "0" if once else "1",
                }
            )
    whole.orders.append(
        {
            "name": "出院",
            "kind": "嘱托",
            "start": moment(stop),
            "stop": "",
            "dose": "",
            "frequency": "",
            "route": "",
            "is_long_term": "0",
        }
    )


def _add_notes(whole: WholeRecord) -> None:
    scalars, admitted = whole.record.scalars, whole.admitted
    resident, attending, chief = (
        scalars[name] for name in ("resident", "attending_physician", "chief_physician")
    )
    _add(whole, "first_course_note", resident, admitted + HOUR * 2 / 3)
    _add(whole, "admission_note", resident, admitted + HOUR * 5 / 6)
    _add(whole, "ward_round_attending", attending, admitted + 23 * HOUR)
    _add(whole, "ward_round_chief", chief, admitted + 2 * DAY + HOUR / 2)
    first = (
        admitted + DAY
        if whole.operation is None
        else dt.datetime.fromisoformat(whole.operation["date"]) + DAY
    )
    notes = [one["note"] for one in _others(whole)]
    days = max((whole.left - first).days, 1)
    for number in range(days):
        told = whole.content["course"]
        place = min(number, len(told) - 1)
        text = told[place] if number < len(told) else f"入院第{number + 2}天，{STABLE[number % len(STABLE)]}"
        _add(
            whole,
            "course_note",
            resident,
            first + number * DAY,
            text=text,
            note=notes[number % len(notes)] if notes else "继续观察",
        )
    _add(whole, "discharge_note", resident, whole.left - HOUR, treated=whole.content["course"][-1] + "。")


STABLE = (
    "患者精神可，进食正常，未诉特殊不适，查体无新发阳性体征，维持原治疗",
    "患者夜间睡眠好，今晨查房诉症状继续减轻，向其交代注意事项",
    "复查化验结果回报无特殊，生命体征平稳，家属陪护，继续巩固治疗",
    "患者可自由活动，饮食二便如常，主要症状缓解，评估出院条件",
)


def _add_operation_notes(whole: WholeRecord, operation: Mapping[str, str]) -> None:
    scalars = whole.record.scalars
    begun = dt.datetime.fromisoformat(operation["date"])
    ended = begun + HOUR * float(operation["hours"])
    surgeon, anaesthetist = operation["surgeon"], operation.get("anaesthetist", "")
    for kind, author, written in (
        ("preoperative_summary", scalars["attending_physician"], begun - HOUR * 0.75),
        ("consent", scalars["attending_physician"], begun - HOUR * 0.6),
        ("anaesthesia_visit", anaesthetist, begun - HOUR / 2),
        ("safety_check", surgeon, begun - HOUR / 12),
        ("anaesthesia_record", anaesthetist, ended + HOUR / 3),
        ("postoperative_note", scalars["resident"], ended + HOUR / 2),
        ("operation_note", surgeon, ended + 2 * HOUR),
    ):
        _add(whole, kind, author, written)


def _add(whole: WholeRecord, template: str, author: str, written: dt.datetime, **more: str) -> None:
    values = {**_values(whole, len(whole.documents)), "author": author, **more}
    text = texts()["documents"][template].format(**values)
    kind = texts()["titles"].get(template, template)
    title = value_sets()["document_kind"].labels[kind]
    body = f"{texts()['label']}\n{title}\n{written:%Y-%m-%d %H:%M}\n{text}\n医师签名：{author}\n"
    whole.documents.append(Document(kind, author, written, body, title))


def _values(whole: WholeRecord, number: int) -> dict[str, Any]:
    """What the placeholders of the texts stand for; vital signs differ from note to note."""
    record, content, scalars = whole.record, whole.content, whole.record.scalars
    age = int(scalars["age"])
    operation = whole.operation or {}
    others = _others(whole)
    drugs = "、".join(one["name"] for one in whole.orders[:3])
    return {
        **{name: content.get(name, "") for name in ("complaint", "history", "exam", "imaging", "side")},
        "age": f"{age}岁" if age else f"{scalars['age_days']}天",
        "sex": "男" if scalars["sex"] == "1" else "女",
        "patient": scalars["patient_name"],
        "dx": record.dx[0].clinical_name,
        "all_dx": "；".join(f"{place}.{one.clinical_name}" for place, one in enumerate(record.dx, start=1)),
        "past": "；".join(one["history"] for one in others) or "平素体健",
        "notes": "；".join(one["note"] for one in others) or "无其他特殊情况",
        "allergy": f"{scalars['allergy_drugs']}过敏" if scalars["allergy_drugs"] else "否认药物过敏史",
        "marriage": "未婚未育" if scalars["marital_status"] == "1" else "适龄结婚，配偶体健",
        "plan": f"予{drugs}等治疗",
        "temperature": f"{FEVER_FREE + number % 5 / 10:.1f}",
        "pulse": 72 + number * 7 % 17,
        "breath": 18 + number % 3,
        "pressure": f"{118 + number * 5 % 19}/{70 + number * 3 % 13}",
        "pain": number % 3,
        "admitted": scalars["admission_time"],
        "left": scalars["discharge_time"],
        "days": scalars["los_days"],
        "operation": operation.get("name", ""),
        "date": operation.get("date", ""),
        "surgeon": operation.get("surgeon", ""),
        "anaesthetist": operation.get("anaesthetist", ""),
        "anaesthesia": texts()["anaesthesia"].get(operation.get("anaesthesia", ""), "局部麻醉"),
        "operation_text": content.get("operation", {}).get("text", ""),
        "blood_loss": content.get("operation", {}).get("blood_loss", ""),
        "side_text": f"（{content['side']}侧）" if "side" in content else "",
    }


def _fee_lines(whole: WholeRecord) -> list[dict[str, str]]:
    """One line a fee item of the front page, the ward's by bed day, an implant of its own; they add up to the total."""
    record = whole.record
    implant = whole.content.get("operation", {}).get("implant")
    day = record.scalars["discharge_time"][:10]
    lines = []
    for name, column in fee_columns().items():
        fen = record.fees.get(column, 0)
        if not fen or len(column) > 3 or name in ("total_cost", "own_payment"):
            continue
        if implant is not None and implant["column"] == column:
            part = fen * implant["per_mille"] // 1000
            fen -= part
            lines.append(
                {
                    "code": column,
                    "name": implant["name"],
                    "quantity": "1",
                    "unit": "个",
                    "amount": yuan(part),
                    "date": day,
                }
            )
        lines.append(
            {
                "code": column,
                "name": fields()[name].label_zh,
                "quantity": record.scalars["los_days"] if name == "fee_general_medical" else "1",
                "unit": "日" if name == "fee_general_medical" else "次",
                "amount": yuan(fen),
                "date": day,
            }
        )
    return lines


def _write(folder: Path, whole: WholeRecord) -> None:
    folder.mkdir()
    record = whole.record
    content = {
        "case_id": record.row.case_id,
        **{name: text or None for name, text in record.scalars.items()},
        **record.groups,
    }
    (folder / "record.json").write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    _table(folder / "orders.csv", whole.orders)
    _table(folder / "labs.csv", whole.labs)
    _table(folder / "fee_lines.csv", _fee_lines(whole))
    listed: list[dict[str, str]] = []
    for document in sorted(whole.documents, key=lambda one: one.written):
        name = f"{len(listed) + 1:02d}_{document.title}_{document.written:%Y%m%d%H%M}.txt"
        (folder / name).write_text(document.text, encoding="utf-8")
        written = moment(document.written)
        listed.append(
            {
                "file": name,
                "kind": document.kind,
                "author": document.author,
                "written": written,
                "signed": written,
            }
        )
    _table(folder / "documents.csv", listed)


def _table(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _of_kind(whole: WholeRecord, kind: str) -> list[Document]:
    return [document for document in whole.documents if document.kind == kind]


def _copy_course_note(whole: WholeRecord) -> None:
    first, second = _of_kind(whole, "course_note")[:2]
    second.text = first.text.replace(f"{first.written:%Y-%m-%d}", f"{second.written:%Y-%m-%d}")


def _say_other_side(whole: WholeRecord) -> None:
    side = whole.content["side"]
    other = {"左": "右", "右": "左"}[side]
    for note in _of_kind(whole, "operation_note"):
        note.text = note.text.replace(f"{side}膝", f"{other}膝").replace(f"{side}大腿", f"{other}大腿")


def _delay_admission_note(whole: WholeRecord) -> None:
    for note in _of_kind(whole, "admission_note"):
        before, note.written = note.written, whole.admitted + LATE_BY
        note.text = note.text.replace(f"{before:%Y-%m-%d %H:%M}", f"{note.written:%Y-%m-%d %H:%M}")


def _drop_operation_note(whole: WholeRecord) -> None:
    whole.documents = [document for document in whole.documents if document.kind != "operation_note"]


def _code_without_evidence(whole: WholeRecord) -> None:
    added = code_entry("icd10", LUNG_INFECTION)
    whole.record.dx.append(added)
    like = whole.record.groups["diagnoses"][0]
    whole.record.groups["diagnoses"].append(
        {**like, "code": added.clinical_code, "name": added.clinical_name}
    )


def _low_potassium_without_code(whole: WholeRecord) -> None:
    evidence = texts()["evidence"]["E87.6"]
    kept = [place for place, one in enumerate(whole.record.dx) if not one.clinical_code.startswith("E87.6")]
    whole.record.dx = [whole.record.dx[place] for place in kept]
    whole.record.groups["diagnoses"] = [whole.record.groups["diagnoses"][place] for place in kept]
    name, _, unit, low, high = evidence["labs"][0]
    whole.labs = [one for one in whole.labs if one["name"] != name]
    reported = moment(whole.admitted + 4 * HOUR)
    whole.labs.append(
        {"name": name, "value": "2.7", "unit": unit, "low": low, "high": high, "time": reported}
    )
    drug, dose, frequency, route = evidence["orders"][0]
    whole.orders = [one for one in whole.orders if one["name"] != drug]
    like = next(one for one in whole.orders if one["is_long_term"] == "1")
    whole.orders.append({**like, "name": drug, "dose": dose, "frequency": frequency, "route": route})
    note = _of_kind(whole, "course_note")[0]
    note.text = note.text.replace("医师签名", "复查血钾2.7mmol/L，予氯化钾口服补钾。\n医师签名")


def _delay_consent(whole: WholeRecord) -> None:
    for note in _of_kind(whole, "consent"):
        before, note.written = note.written, note.written + 6 * HOUR
        note.text = note.text.replace(f"{before:%Y-%m-%d %H:%M}", f"{note.written:%Y-%m-%d %H:%M}")


def _tell_of_other_sex(whole: WholeRecord) -> None:
    for note in _of_kind(whole, "admission_note"):
        note.text = note.text.replace("\n家族史", "\n月经史：月经规则，子宫附件无特殊。\n家族史")


DEFECTS: Mapping[str, Callable[[WholeRecord], None]] = {
    "copied_course_note": _copy_course_note,
    "side_conflict": _say_other_side,
    "late_admission_note": _delay_admission_note,
    "missing_operation_note": _drop_operation_note,
    "diagnosis_without_evidence": _code_without_evidence,
    "evidence_without_diagnosis": _low_potassium_without_code,
    "late_consent": _delay_consent,
    "sex_conflict": _tell_of_other_sex,
}
