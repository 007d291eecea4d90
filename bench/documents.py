"""``python -m bench.documents [--records N]``: document checks over synthetic records: time, recall, precision."""

from __future__ import annotations

import argparse
import copy
import datetime as dt
import itertools
import re
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from data_samples import whole_records as samples
from data_samples.generate_full import full_records
from drg.quality.document import DocumentChecker, WholeRecord
from drg.quality.document.engine import document_rules
from drg.quality.document.indicators import IndicatorCounter
from drg.quality.document.record import Row

SEED = 20261123
DRAWN = 1_500
SOURCE_RECORDS = 200
PLANTED_OF_EACH = 6
HOUR = dt.timedelta(hours=1)
LIMIT_SECONDS = 60
"""Of processor time, for 1,000 records."""

Plain = dict[str, Any]
"""A record as plain data: scalars by name, groups as lists of rows."""
Planter = Callable[[Plain], bool]
"""Breaks a record and says whether it could."""

PLANTERS: dict[str, tuple[frozenset[str], Planter]] = {}
"""Name of a defect -> the checks that find it (the first is the one it is planted for), and how it is planted."""


def plants(*checks: str) -> Callable[[Planter], Planter]:
    """Register a planter for the checks that must find what it does."""

    def register(planter: Planter) -> Planter:
        PLANTERS[planter.__name__] = frozenset(checks), planter
        return planter

    return register


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000)
    options = parser.parse_args()
    clean = list(clean_records())
    measure_time(clean, options.records)
    measure_planted(clean)


def clean_records() -> Iterator[Plain]:
    """Whole records of the generator without a defect: it writes no stage summaries and no papers of a transfusion."""
    cases = samples.texts()["cases"]
    fitting = (
        (record, cases[record.row.template.title])
        for record in full_records(DRAWN, SEED)
        if record.row.template.title in cases
        and record.row.los <= 31
        and float(record.scalars.get("fee_blood") or 0) == 0
    )
    chosen = (
        (record, content)
        for record, content in fitting
        if bool(record.proc) == ("operation" in content)
        and record.row.los >= 4
        and record.row.discharge_way == 1
    )
    for record, content in itertools.islice(chosen, SOURCE_RECORDS):
        yield _plain(samples.whole_record(record, content))


def _plain(whole: samples.WholeRecord) -> Plain:
    documents = [
        {
            "kind": note.kind,
            "title": note.title,
            "author": note.author,
            "written": note.written.isoformat(" "),
            "signed": note.written.isoformat(" "),
            "text": note.text,
        }
        for note in sorted(whole.documents, key=lambda note: note.written)
    ]
    return {
        **whole.record.scalars,
        "case_id": whole.record.row.case_id,
        **copy.deepcopy(whole.record.groups),
        "documents": documents,
        "orders": whole.orders,
        "labs": whole.labs,
    }


def as_record(plain: Plain, case_id: str) -> WholeRecord:
    """The record as the checks see it."""
    scalars = {name: value for name, value in plain.items() if not isinstance(value, list)}
    lists = {
        name: tuple(Row(place, row) for place, row in enumerate(rows, start=1))
        for name, rows in plain.items()
        if isinstance(rows, list)
    }
    return WholeRecord(case_id, None, scalars, lists)


def measure_time(clean: list[Plain], count: int) -> None:
    """Checks, grade and indicators of ``count`` records, the clean ones over and over."""
    checker, counter = DocumentChecker(), IndicatorCounter()
    checker.check(as_record(clean[0], "warm"))
    notes = signs = 0
    start, cpu = time.perf_counter(), time.process_time()
    for number, plain in enumerate(itertools.islice(itertools.cycle(clean), count)):
        record = as_record(plain, f"case-{number}")
        counter.add(checker.check(record))
        notes += len(record.documents)
        signs += sum(len(note.body) for note in record.documents)
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    limit = LIMIT_SECONDS * count / 1_000
    print(
        f"documents, {count:,} records with {notes:,} notes ({signs:,} characters) by {len(checker.rules)} checks, "
        f"grade and indicators: {took:.1f} s ({cpu:.1f} s of processor), {peak:,.0f} MB at the peak "
        f"(limit {limit:.0f} s of processor: {'kept' if cpu <= limit else 'BROKEN'})"
    )


def measure_planted(clean: list[Plain]) -> None:
    """Each defect planted into clean records: recall and precision by check; misses and false findings are listed."""
    severities = {id: rule.severity for id, rule in document_rules().items()}
    found, missed, false = Counter[str](), Counter[str](), Counter[str]()
    where: dict[str, Counter[str]] = {}
    before = _hits(clean)
    noisy = Counter(id for hits in before for id in hits)
    for name, (expected, planter) in PLANTERS.items():
        planted = 0
        for plain, own in zip(clean, before, strict=True):
            broken = copy.deepcopy(plain)
            if planted == PLANTED_OF_EACH or not planter(broken):
                continue
            planted += 1
            (hits,) = _hits([broken])
            found.update(hits & expected)
            missed.update(expected - hits)
            for id in hits - expected - own:
                false[id] += 1
                where.setdefault(id, Counter())[name] += 1
        if planted < PLANTED_OF_EACH:
            print(f"  {name}: planted only {planted} times")
    print(
        f"{'check':6} {'severity':8} {'planted':>8} {'recall':>7} {'precision':>9}  on {len(clean)} clean records"
    )
    for id in sorted({*found, *missed, *false, *noisy}):
        planted = found[id] + missed[id]
        wrong = false[id] + noisy[id]
        recall = f"{found[id] / planted:.3f}" if planted else "-"
        precision = f"{found[id] / (found[id] + wrong):.3f}" if found[id] + wrong else "-"
        line = f"{id:6} {severities[id]:8} {planted:8} {recall:>7} {precision:>9}  {noisy[id]}"
        print(line + (f"  beside: {dict(where[id])}" if id in where else ""))
    never = sorted(set(severities) - set(found) - set(missed))
    print(f"not planted (their examples are their tests): {', '.join(never)}")


def _hits(records: list[Plain]) -> list[set[str]]:
    """The checks that hit each record; copies between patients are looked for within each record alone."""
    return [
        {one.rule.id for one in DocumentChecker().check(as_record(plain, plain["case_id"])).hits}
        for plain in records
    ]


def _notes(plain: Plain, *kinds: str) -> list[dict[str, str]]:
    return [note for note in plain["documents"] if note["kind"] in kinds]


def _drop(plain: Plain, *kinds: str) -> bool:
    kept = [note for note in plain["documents"] if note["kind"] not in kinds]
    dropped = len(kept) < len(plain["documents"])
    plain["documents"] = kept
    return dropped


def _delay(plain: Plain, kind: str, hours: float) -> bool:
    notes = _notes(plain, kind)
    for note in notes:
        note["written"] = (dt.datetime.fromisoformat(note["written"]) + hours * HOUR).isoformat(" ")
    return bool(notes)


def _replace(plain: Plain, kind: str, pattern: str, new: str) -> bool:
    done = False
    for note in _notes(plain, kind):
        changed = re.sub(pattern, new, note["text"], flags=re.MULTILINE)
        done = done or changed != note["text"]
        note["text"] = changed
    return done


def _drug(plain: Plain, name: str, **more: str) -> dict[str, str]:
    like = next((order for order in plain["orders"] if order["is_long_term"] == "1"), plain["orders"][0])
    order = {**like, "name": name, **more}
    plain["orders"].append(order)
    return order


def _code(plain: Plain, code: str, name: str) -> None:
    plain["diagnoses"].append({**plain["diagnoses"][0], "code": code, "name": name})


@plants("R01")
def late_admission_note(plain: Plain) -> bool:
    return _delay(plain, "admission_note", 31)


@plants("R01")
def no_admission_note(plain: Plain) -> bool:
    return _drop(plain, "admission_note")


@plants("R02")
def late_first_course_note(plain: Plain) -> bool:
    return _delay(plain, "first_course_note", 12)


@plants("R05")
def late_first_round(plain: Plain) -> bool:
    return _drop(plain, "ward_round")


@plants("R09")
def five_days_without_a_note(plain: Plain) -> bool:
    if int(plain["los_days"]) < 8:
        return False
    first = dt.datetime.fromisoformat(plain["admission_time"]).date()
    gap = {(first + dt.timedelta(days=day)).isoformat() for day in range(2, 7)}
    plain["documents"] = [note for note in plain["documents"] if note["written"][:10] not in gap]
    operated = {row["date"][:10] for row in plain["procedures"] if row.get("date")}
    return not operated & gap and not plain["procedures"]


@plants("R11")
def late_operation_note(plain: Plain) -> bool:
    return _delay(plain, "operation_note", 30)


@plants("E07", "R11")
def no_operation_note(plain: Plain) -> bool:
    return _drop(plain, "operation_note")


@plants("R12")
def late_postoperative_note(plain: Plain) -> bool:
    return _delay(plain, "postoperative_note", 5)


@plants("R13")
def no_preoperative_summary(plain: Plain) -> bool:
    return _drop(plain, "preoperative_summary")


@plants("R14")
def late_anaesthesia_visit(plain: Plain) -> bool:
    return _delay(plain, "anaesthesia_visit", 4)


@plants("R14a")
def no_anaesthesia_record(plain: Plain) -> bool:
    return _drop(plain, "anaesthesia_record")


@plants("R14b")
def no_safety_check(plain: Plain) -> bool:
    return _drop(plain, "safety_check")


@plants("R24")
def late_discharge_note(plain: Plain) -> bool:
    return _delay(plain, "discharge_note", 30)


@plants("R30")
def critical_without_notice(plain: Plain) -> bool:
    start = dt.datetime.fromisoformat(plain["admission_time"]) + HOUR
    _drug(plain, "病重", kind="嘱托", start=start.isoformat(" "), stop=(start + 20 * HOUR).isoformat(" "))
    return True


@plants("E01")
def no_complaint(plain: Plain) -> bool:
    return _replace(plain, "admission_note", r"^主诉：.*\n", "")


@plants("E01b")
def complaint_without_duration(plain: Plain) -> bool:
    return _replace(plain, "admission_note", r"^主诉：.*$", "主诉：咳嗽、咳痰。")


@plants("E01c")
def complaint_is_a_disease(plain: Plain) -> bool:
    return _replace(plain, "admission_note", r"^主诉：.*$", "主诉：高血压病3年。")


@plants("E02")
def no_present_illness(plain: Plain) -> bool:
    return _replace(plain, "admission_note", r"^现病史：.*\n", "")


@plants("E02a", "E02b")
def short_present_illness(plain: Plain) -> bool:
    return _replace(plain, "admission_note", r"^现病史：.*$", "现病史：患者3天前不适。")


@plants("E03")
def no_family_history(plain: Plain) -> bool:
    return _replace(plain, "admission_note", r"^家族史：.*\n", "")


@plants("E03a")
def no_word_of_allergies(plain: Plain) -> bool:
    return _replace(plain, "admission_note", r"，否认药物过敏史", "")


@plants("E04")
def no_breathing_rate(plain: Plain) -> bool:
    return _replace(plain, "admission_note", r"R \d+次/分，", "")


@plants("E06")
def no_admission_diagnosis(plain: Plain) -> bool:
    return _replace(plain, "admission_note", r"^入院诊断：.*\n", "")


@plants("E06a")
def no_discharge_orders(plain: Plain) -> bool:
    return _replace(plain, "discharge_note", r"^出院医嘱：.*\n", "")


@plants("E08")
def unsigned_note(plain: Plain) -> bool:
    note = _notes(plain, "course_note")[0]
    note["signed"] = ""
    note["text"] = re.sub(r"医师签名：.*", "医师签名：", note["text"])
    return True


@plants("E09a")
def another_operation_coded(plain: Plain) -> bool:
    if not _notes(plain, "operation_note"):
        return False
    plain["procedures"] = [{**plain["procedures"][0], "code": "06.3900", "name": "甲状腺病损切除术"}]
    return True


@plants("E10")
def another_signature(plain: Plain) -> bool:
    return _replace(plain, "operation_note", r"术者签名：[^。\s]+", "术者签名：另某某")


@plants("E11")
def another_diagnosis_after_the_operation(plain: Plain) -> bool:
    return _replace(plain, "operation_note", r"术后诊断：[^。]+", "术后诊断：结节性甲状腺肿")


@plants("E12")
def another_admission_day(plain: Plain) -> bool:
    return _replace(plain, "discharge_note", r"入院日期：\S+ \S+，出", "入院日期：2024-01-01，出")


@plants("E12a")
def other_days(plain: Plain) -> bool:
    return _replace(plain, "discharge_note", r"住院\d+天", f"住院{int(plain['los_days']) + 4}天")


@plants("E13")
def note_after_discharge(plain: Plain) -> bool:
    left = dt.datetime.fromisoformat(plain["discharge_time"])
    note = _notes(plain, "course_note")[-1]
    plain["documents"].append(
        {**note, "text": "患者一般情况好。\n医师签名：某", "written": str(left + 20 * HOUR)}
    )
    return True


@plants("E14")
def order_after_discharge(plain: Plain) -> bool:
    stop = dt.datetime.fromisoformat(plain["discharge_time"]) + 24 * HOUR
    _drug(
        plain, "复方氯化钠注射液", stop=stop.isoformat(" "), is_long_term="1", dose="1", frequency="每日1次"
    )
    return True


@plants("E14a")
def order_without_dose(plain: Plain) -> bool:
    _drug(plain, "维生素C片", kind="药品", dose="", is_long_term="1")
    return True


@plants("E15")
def untreated_pneumonia(plain: Plain) -> bool:
    plain["orders"] = [
        row for row in plain["orders"] if not re.search("头孢|沙星|西林|霉素|硝唑", row["name"])
    ]
    return bool(re.match("J1[58]", plain["diagnoses"][0]["code"]))


@plants("E16")
def special_grade_without_consultation(plain: Plain) -> bool:
    _drug(plain, "注射用美罗培南", dose="1.0g", frequency="每8小时1次")
    return True


@plants("E17", "R20", "R20a")
def blood_without_papers(plain: Plain) -> bool:
    start = dt.datetime.fromisoformat(plain["admission_time"]) + 30 * HOUR
    _drug(plain, "悬浮红细胞", kind="治疗", start=start.isoformat(" "), stop="", is_long_term="0")
    plain["documents"] = [
        {**note, "text": note["text"].replace("未输血", "").replace("红细胞", "")}
        for note in plain["documents"]
    ]
    return True


@plants("E18", "E25")
def unanswered_critical_value(plain: Plain) -> bool:
    if any("钾" in note["text"] for note in plain["documents"]):
        return False
    reported = dt.datetime.fromisoformat(plain["admission_time"]) + 4 * HOUR
    plain["labs"].append({"name": "血钾", "value": "2.5", "unit": "mmol/L", "time": reported.isoformat(" ")})
    return not any(row["code"].startswith("E87") for row in plain["diagnoses"])


@plants("E19")
def other_side_operated(plain: Plain) -> bool:
    swap = str.maketrans("左右", "右左")
    done = False
    for note in _notes(plain, "operation_note"):
        done = done or bool(re.search("[左右](?:膝|髋)", note["text"]))
        if "双" in plain["diagnoses"][0]["name"]:
            return False
        note["text"] = note["text"].translate(swap)
    return done


@plants("E19a")
def other_side_coded(plain: Plain) -> bool:
    text = "".join(note["text"] for note in _notes(plain, "admission_note"))
    sides = set(re.findall("([左右])(?:膝|髋)", text))
    if len(sides) != 1 or "双" in text:
        return False
    other = {"左": "右", "右": "左"}[sides.pop()]
    _code(plain, "S72.000", f"{other}侧股骨颈骨折")
    _code(plain, "M17.900", f"{other}侧膝关节病")
    return True


@plants("E20")
def words_of_a_woman(plain: Plain) -> bool:
    return (
        plain["sex"] == "1"
        and int(plain["age"]) > 0
        and _replace(plain, "admission_note", r"^家族史", "月经史：月经规则。\n家族史")
    )


@plants("E20")
def words_of_a_man(plain: Plain) -> bool:
    return (
        plain["sex"] == "2"
        and int(plain["age"]) > 0
        and _replace(plain, "admission_note", r"^既往史：", "既往史：前列腺增生3年；")
    )


@plants("E20a")
def other_sex_stated(plain: Plain) -> bool:
    new = "女" if plain["sex"] == "1" else "男"
    return _replace(plain, "first_course_note", r"病例特点：[男女]，(?=\d+岁)", f"病例特点：{new}，")


@plants("E21")
def other_age_stated(plain: Plain) -> bool:
    return _replace(plain, "first_course_note", r"，\d+岁", f"，{int(plain['age']) + 7}岁")


@plants("E21a")
def other_marriage_stated(plain: Plain) -> bool:
    return plain["marital_status"] == "2" and _replace(
        plain, "admission_note", r"^婚育史：.*$", "婚育史：未婚未育。"
    )


@plants("E22")
def copied_note(plain: Plain) -> bool:
    notes = _notes(plain, "course_note")
    if len(notes) < 2:
        return False
    notes[1]["text"] = re.sub(r"T \d\d\.\d", "T 37.0", notes[0]["text"])
    return True


@plants("E23")
def same_vital_signs(plain: Plain) -> bool:
    notes = _notes(plain, "course_note", "ward_round")
    for note in notes:
        note["text"] = re.sub(
            r"T \d\d\.\d℃，P \d+次/分，BP \d+/\d+", "T 36.6℃，P 80次/分，BP 120/80", note["text"]
        )
    measured = ["BP 120/80" in note["text"] for note in notes]
    return sum(measured) >= 3


@plants("E24")
def code_without_evidence(plain: Plain) -> bool:
    _code(plain, "I80.200", "下肢深静脉血栓形成")
    told = (
        *(note["text"] for note in plain["documents"]),
        *(row["name"] for row in (*plain["orders"], *plain["labs"])),
    )
    return not any(re.search("血栓|肝素|沙班|二聚体", text) for text in told)


@plants("E25")
def haemoglobin_without_anaemia(plain: Plain) -> bool:
    plain["labs"] = [row for row in plain["labs"] if row["name"] != "血红蛋白"]
    plain["labs"].append({"name": "血红蛋白", "value": "55", "unit": "g/L"})
    return not any(re.match(r"D[56]|O99\.0", row["code"]) for row in plain["diagnoses"])


@plants("E27")
def ct_without_report(plain: Plain) -> bool:
    _drug(plain, "胸部CT平扫", kind="检查", is_long_term="0", stop="")
    return True


@plants("E28")
def late_consent(plain: Plain) -> bool:
    return _delay(plain, "consent", 8)


@plants("E28a")
def unsigned_consent(plain: Plain) -> bool:
    return _replace(plain, "consent", r"患者签名：[^。\s]+", "患者签名：")


@plants("E29")
def round_copies_first_note(plain: Plain) -> bool:
    (first,), rounds = _notes(plain, "first_course_note"), _notes(plain, "ward_round")
    rounds[0]["text"] = first["text"].replace(
        "首次病程记录", f"上级医师查房记录\n{rounds[0]['author']}主治医师查房："
    )
    return True


@plants("E30")
def readmission_planned_elsewhere(plain: Plain) -> bool:
    plain["readmission_plan"] = "2"
    return True


if __name__ == "__main__":
    main()
