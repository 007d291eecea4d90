"""The settlement list as 4101A messages (JSON array), in the NHSA code editions.

A hospital's 4101A upload leaves person, money and fund to the NHSA centre. So that a message is a whole case, these
carry the person fields of 4101 too (``psn_name, gend, brdy, age, nwb_age, insuplc, hi_type`` and the hospital), its
amounts (``psn_selfpay, psn_ownpay, acct_pay, psn_cashpay``) and its items (``iteminfo``).
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import orjson

from data_samples.codebook import Entry
from data_samples.draw import Discharges
from data_samples.person import person_name
from data_samples.rows import Row, person, rows
from data_samples.templates import load_settings


class SettlementJson:
    """Writes ``settlement_4101a.json``: an array with one message a line."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "settlement_4101a.json").open("wb")
        self._separator = b"[\n"

    def write(self, cases: Discharges) -> None:
        for row in rows(cases):
            of_case = {item: int(amounts[row.position]) for item, amounts in cases.fees.items()}
            self._file.write(self._separator + orjson.dumps(_message(row, of_case)))
            self._separator = b",\n"

    def close(self) -> None:
        self._file.write(b"\n]\n" if self._separator == b",\n" else b"[]\n")
        self._file.close()


def _message(row: Row, fees: dict[str, int]) -> dict[str, Any]:
    return {
        "setlinfo": {**_settlement(row), **_amounts(fees["D09"])},
        "opspdiseinfo": [],
        "diseinfo": [_diagnosis(row, n, entry) for n, entry in enumerate(row.dx) if entry.nhsa_code],
        "oprninfo": [_procedure(row, n, entry) for n, entry in enumerate(row.proc)],
        "icuinfo": _intensive_care(row),
        "bldinfo": _blood(row),
        "iteminfo": _items(fees),
    }


def _settlement(row: Row) -> dict[str, Any]:
    settings = load_settings()
    return {
        "psn_no": f"99{row.number:010d}",
        "mdtrt_id": row.case_id,
        "setl_id": row.case_id,
        "medcasno": person(row.number),
        "fixmedins_code": settings["hospital_id"],
        "fixmedins_name": settings["hospital_name"],
        "psn_name": person_name(row.number),
        "gend": str(row.sex),
        "brdy": f"{row.born:%Y-%m-%d}",
        "age": row.age,
        "nwb_age": row.age_days,
        "ntly": "CHN",
        "insuplc": settings["region"],
        "hi_paymtd": "4",
        "hi_type": row.insurance["nhsa"],
        "hi_setl_lv": settings["hospital_level"],
        "nwb_adm_type": None if row.birth_weight is None else "3",
        "nwb_bir_wt": row.birth_weight,
        "nwb_adm_wt": row.admission_weight,
        "ipt_med_type": "2" if row.template.day_surgery else "1",
        "adm_way": "1" if row.icu_hours else "2",
        "trt_type": "10",
        "adm_time": _moment(row.admitted),
        "adm_caty": row.template.department,
        "dscg_time": _moment(row.discharged),
        "dscg_caty": row.template.department,
        "act_ipt_days": row.los,
        "otp_wm_dise": row.dx[0].nhsa_name or None,
        "wm_dise_code": row.dx[0].nhsa_code or None,
        "vent_used_dura": None if row.vent_hours is None else _duration(row.vent_hours),
        "pwcry_bfadm_coma_dura": None,
        "pwcry_afadm_coma_dura": None,
        "scd_nurscare_days": row.los,
        "dscg_way": str(row.discharge_way),
        "acp_medins_name": "合成接收机构" if row.discharge_way in (2, 3) else None,
        "days_rinp_flag_31": "1",
        "chfpdr_code": row.doctor,
        "resp_nurs_code": settings["staff_id"],
        "setl_begn_date": f"{row.admitted:%Y-%m-%d}",
        "setl_end_date": f"{row.discharged:%Y-%m-%d}",
        "medins_fill_dept": "合成病案科",
        "medins_fill_psn": settings["staff_name"],
    }


def _diagnosis(row: Row, n: int, entry: Entry) -> dict[str, Any]:
    return {
        "diag_type": "1",
        "maindiag_flag": "1" if n == 0 else "0",
        "diag_code": entry.nhsa_code,
        "diag_name": entry.nhsa_name,
        "adm_cond_type": "1",
    }


def _procedure(row: Row, n: int, entry: Entry) -> dict[str, Any]:
    return {
        "oprn_oprt_type": "1" if n == 0 else "2",
        "oprn_oprt_code": entry.nhsa_code,
        "oprn_oprt_name": entry.nhsa_name,
        "oprn_oprt_begntime": _moment(row.operated),
        "oper_dr_code": load_settings()["staff_id"],
    }


def _intensive_care(row: Row) -> list[dict[str, Any]]:
    if row.icu is None or row.icu_hours is None:
        return []
    begin, end = row.icu
    return [
        {
            "scs_cutd_ward_type": row.icu_ward.lstrip("0"),
            "scs_cutd_inpool_time": _moment(begin),
            "scs_cutd_exit_time": _moment(end),
            "scs_cutd_sum_dura": _duration(row.icu_hours),
        }
    ]


def _amounts(paid: int) -> dict[str, str]:
    """What the person bears of the cost, all in cash."""
    not_covered = paid * load_settings()["not_covered_share"] // 1000
    return {
        "psn_selfpay": _yuan(paid - not_covered),
        "psn_ownpay": _yuan(not_covered),
        "acct_pay": _yuan(0),
        "psn_cashpay": _yuan(paid),
    }


def _items(fees: dict[str, int]) -> list[dict[str, Any]]:
    """The front page's items under the headings of the settlement list."""
    amounts: dict[str, int] = {}
    for item, heading in load_settings()["charge_items"].items():
        amounts[heading] = amounts.get(heading, 0) + fees.get(item, 0)
    return [{"med_chrgitm": heading, "amt": _yuan(fen)} for heading, fen in sorted(amounts.items()) if fen]


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def _blood(row: Row) -> list[dict[str, Any]]:
    if row.blood_units is None:
        return []
    return [{"bld_cat": "1", "bld_amt": row.blood_units, "bld_unt": "U"}]


def _duration(hours: int) -> str:
    """Days, hours and minutes as ``1/13/0``."""
    return f"{hours // 24}/{hours % 24}/0"


def _moment(when: dt.datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S}"
