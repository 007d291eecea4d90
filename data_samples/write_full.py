"""Complete records as front page CSV (811 columns) and as settlement list 4101."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from data_samples.full_record import FullRecord, moment, staff_code, yuan
from data_samples.templates import load_settings
from data_samples.write_front_page import NO_VALUE, front_page_columns
from drg.quality.columns import Cell, positions
from drg.quality.layout import fields, value_sets

LIST_DATE = "%Y-%m-%d"


def write_full_front_page(path: Path, records: Iterable[FullRecord]) -> None:
    """Writes the front page: UTF-8, ``-`` where there is no value."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(front_page_columns())
        for record in records:
            cells = front_page_cells(record.scalars, record.groups)
            writer.writerow([cells.get(column) or NO_VALUE for column in front_page_columns()])


def front_page_cells(scalars: Mapping[str, str], rows: Mapping[str, list[dict[str, str]]]) -> dict[str, str]:
    """Column -> text of a record: the layout backwards."""
    cells: dict[str, str] = {}
    for path, found in _columns().items():
        field = fields()[path]
        texts = (
            [row.get(field.name, "") for row in rows.get(field.group, [])]
            if field.group
            else [scalars.get(path, "")]
        )
        for cell, text in zip(found, texts, strict=False):
            parts = text.split(cell.glue) if cell.glue and text else [text] * len(cell.columns)
            cells.update(zip(cell.columns, parts, strict=True))
    return cells


@cache
def _columns() -> Mapping[str, list[Cell]]:
    known = set(front_page_columns())
    found = {}
    for path, field in fields().items():
        cells = [
            next((cell for cell in position if set(cell.columns) <= known), None)
            for position in positions(field.front_page)
        ]
        if cells and cells[0] is not None:
            found[path] = [cell for cell in cells if cell is not None]
    return found


def write_settlement(path: Path, records: Iterable[FullRecord]) -> None:
    """Writes 4101 messages as a JSON array, one a line, in the NHSA code editions."""
    lines = [orjson.dumps(settlement_message(record)) for record in records]
    path.write_bytes(b"[\n" + b",\n".join(lines) + b"\n]\n")


def settlement_message(record: FullRecord) -> dict[str, Any]:
    """The settlement list of a record, all nodes of 4101."""
    items = _items(record)
    return {
        "setlinfo": _setlinfo(record, items),
        "payinfo": [{"fund_pay_type": "310100", "fund_payamt": yuan(_total(record) - _personal(record))}],
        "opspdiseinfo": [],
        "diseinfo": [
            {
                "diag_type": "1",
                "diag_code": one.nhsa_code,
                "diag_name": one.nhsa_name,
                "adm_cond_type": "1",
                "maindiag_flag": "0" if place else "1",
            }
            for place, one in enumerate(record.dx)
        ],
        "iteminfo": items,
        "oprninfo": [_operation(record, place) for place in range(len(record.proc))],
        "icuinfo": [_intensive_care(row) for row in record.groups["icu_stays"]],
        "bldinfo": _blood(record),
    }


def _setlinfo(record: FullRecord, items: list[dict[str, str]]) -> dict[str, Any]:
    settings, row, scalars = load_settings(), record.row, record.scalars
    own = _personal(record)
    not_covered = own * settings["not_covered_share"] // 1000
    weights = record.groups["birth_weights"]
    newborn = bool(scalars["admission_weight_g"])
    carried = {
        field.settlement.split("|")[0]: scalars[path]
        for path, field in fields().items()
        if not field.group
        and field.settlement
        and path in scalars
        and not any(mark in field.settlement.split("|")[0] for mark in "/+@")
    }
    computed = {
        "mdtrt_id": row.case_id,
        "setl_id": row.case_id,
        "psn_no": f"99{row.number:010d}",
        "fixmedins_code": settings["hospital_id"],
        "hi_setl_lv": settings["hospital_level"],
        "hi_no": f"99{row.number:010d}",
        "dcla_time": moment(dt.datetime.fromisoformat(scalars["discharge_time"]) + dt.timedelta(days=3)),
        "ntly": "CHN",
        "naty": "01",
        "patn_cert_type": "01",
        "patn_rlts": _relation(scalars["contact_relation"]),
        "emp_addr": scalars["employer"],
        "hi_type": row.insurance["nhsa"],
        "insuplc": settings["region"],
        "sp_psn_type": "",
        "nwb_adm_type": "" if not newborn else ("2" if _premature(record) else "3"),
        "nwb_bir_wt": weights[0]["weight_g"] if weights else "",
        "ipt_med_type": "2" if row.template.day_surgery else "1",
        "trt_type": "10",
        "otp_wm_dise": record.dx[0].nhsa_name,
        "wm_dise_code": record.dx[0].nhsa_code,
        "diag_code_cnt": str(len(record.dx)),
        "oprn_oprt_code_cnt": str(len(record.proc)),
        "vent_used_dura": _duration(scalars["ventilator_hours"]),
        "acp_optins_code": "H99999900002" if scalars["receiving_hospital"] else "",
        "bill_code": f"99{row.number:08d}",
        "bill_no": f"{row.number:010d}",
        "biz_sn": f"LS{row.number:010d}",
        "chfpdr_name": scalars["attending_physician"],
        "chfpdr_code": scalars["attending_physician_code"],
        "setl_begn_date": scalars["admission_time"][:10],
        "setl_end_date": scalars["discharge_time"][:10],
        "psn_selfpay": yuan(own - not_covered),
        "psn_ownpay": yuan(not_covered),
        "acct_pay": yuan(own // 4),
        "psn_cashpay": yuan(own - own // 4),
        "hi_paymtd": "4",
        "hsorg": "合成医保中心",
        "hsorg_opter": scalars["coder"],
        "medins_fill_dept": "合成病案科",
        "medins_fill_psn": scalars["coder"],
    }
    return {name: value or None for name, value in {**carried, **computed}.items()}


def _premature(record: FullRecord) -> bool:
    return any(one.nhsa_code.startswith("P07") for one in record.dx)


def _relation(code: str) -> str:
    """RC033 as the settlement list writes it (fields.md 1.5)."""
    value = "1" if code == "0" else f"{code}0"
    return value if value in value_sets()["patn_rlts"].values else "80"


def _duration(hours: str) -> str:
    return f"{int(hours) // 24}/{int(hours) % 24}/0" if hours else ""


def _operation(record: FullRecord, place: int) -> dict[str, Any]:
    entry, row = record.proc[place], record.groups["procedures"][place]
    begun = dt.datetime.fromisoformat(row["date"])
    ended = begun + dt.timedelta(hours=float(row["hours"]))
    message = {
        "oprn_oprt_type": "2" if place else "1",
        "oprn_oprt_name": entry.nhsa_name,
        "oprn_oprt_code": entry.nhsa_code,
        "oprn_oprt_date": f"{begun:{LIST_DATE}}",
        "oprn_oprt_begntime": moment(begun),
        "oprn_oprt_endtime": moment(ended),
        "oper_dr_name": row["surgeon"],
        "oper_dr_code": staff_code(200 + record.row.number % 5),
    }
    if row.get("anaesthesia"):
        message |= {
            "anst_way": row["anaesthesia"],
            "anst_dr_name": row["anaesthetist"],
            "anst_dr_code": staff_code(507),
            "anst_begntime": moment(begun - dt.timedelta(minutes=20)),
            "anst_endtime": moment(ended + dt.timedelta(minutes=20)),
        }
    return message


def _intensive_care(row: Mapping[str, str]) -> dict[str, str]:
    entered, left = (dt.datetime.fromisoformat(row[name]) for name in ("entered", "left"))
    minutes = int((left - entered).total_seconds()) // 60
    return {
        "scs_cutd_ward_type": load_settings()["list_icu_ward"].get(row["ward"], "9"),
        "scs_cutd_inpool_time": row["entered"],
        "scs_cutd_exit_time": row["left"],
        "scs_cutd_sum_dura": f"{minutes // 1440}/{minutes % 1440 // 60}/{minutes % 60}",
    }


def _blood(record: FullRecord) -> list[dict[str, str]]:
    units = record.row.blood_units
    return [{"bld_cat": "1", "bld_amt": str(units), "bld_unt": "1"}] if units else []


def _items(record: FullRecord) -> list[dict[str, str]]:
    """The front page's fees under the headings of the settlement list, three quarters of each class A."""
    amounts: dict[str, int] = {}
    for item, heading in load_settings()["charge_items"].items():
        amounts[heading] = amounts.get(heading, 0) + record.fees.get(item, 0)
    return [_item(heading, fen) for heading, fen in sorted(amounts.items()) if fen]


def _item(heading: str, fen: int) -> dict[str, str]:
    class_a, class_b = fen * 3 // 4, fen // 10
    own = fen // 20
    return {
        "med_chrgitm": heading,
        "amt": yuan(fen),
        "claa_sumfee": yuan(class_a),
        "clab_amt": yuan(class_b),
        "fulamt_ownpay_amt": yuan(own),
        "oth_amt": yuan(fen - class_a - class_b - own),
    }


def _total(record: FullRecord) -> int:
    return sum(record.fees.get(item, 0) for item in load_settings()["charge_items"])


def _personal(record: FullRecord) -> int:
    return record.fees["D09"]
