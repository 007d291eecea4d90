"""Whole records written short, as in ``limits.yaml``."""

from __future__ import annotations

from typing import Any

from drg.quality.document.examples import example_record
from drg.quality.document.record import WholeRecord

OPERATION = {"code": "51.2300", "name": "腹腔镜下胆囊切除术", "level": "3", "hours": "2", "surgeon": "王甲"}
LUMBAR_PUNCTURE = {"code": "03.3100", "name": "腰椎穿刺"}


def short_record(written: dict[str, Any]) -> WholeRecord:
    """A record of the form that ``limits.yaml`` tells."""
    values: dict[str, Any] = {"documents": [_document(one) for one in written["documents"]]}
    if "stay" in written:
        values["admission_time"], values["discharge_time"] = written["stay"].split("/")
    if "way" in written:
        values["discharge_way"] = written["way"]
    if "orders" in written:
        values["orders"] = [_order(one) for one in written["orders"]]
    if "operation" in written:
        values["procedures"] = [{**OPERATION, "date": written["operation"], "anaesthetist": "李乙"}]
    if "procedure" in written:
        values["procedures"] = [{**LUMBAR_PUNCTURE, "date": written["procedure"]}]
    if "lab" in written:
        values["labs"] = [{"name": "血钾", "value": "2.5", "unit": "mmol/L", "time": written["lab"]}]
    return example_record(values)


def _document(written: str) -> dict[str, str]:
    head, _, text = written.partition(": ")
    kind, _, time = head.partition("@")
    return {"kind": kind, "written": time, "text": text or "文书"}


def _order(written: str) -> dict[str, str]:
    name, _, times = written.partition("@")
    start, _, stop = times.partition("/")
    return {"name": name, "start": start, "stop": stop}
