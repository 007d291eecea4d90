"""Synthetic claims of which some are abused by acts on the record and the bill: ``bench/ranking.toml`` says which."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data_samples.generate import generate
from drg.case import CASE_SCHEMA

HONEST = ""
DAY, MOMENT = "%Y-%m-%d", "%Y-%m-%d %H:%M:%S"
MONEY = ("total_cost_fen", "drug_cost_fen", "consumable_cost_fen", "patient_paid_fen")
BED_FEN, NURSING_FEN = 5_000, 3_000
"""A day."""
LAB_SHARE, EXAM_SHARE = (0.15, 0.35), (0.1, 0.3)
"""Of the services of a stay."""
ITEMS = {
    "bed": ("床位费", "01"),
    "nursing": ("二级护理", "07"),
    "lab": ("生化全套", "04"),
    "exam": ("胸部CT平扫", "03"),
    "treatment": ("治疗费", "05"),
    "drugs": ("西药费", "09"),
    "consumables": ("材料费", "08"),
}


@cache
def plan() -> Mapping[str, Any]:
    """The acts and who does them: ``ranking.toml``."""
    return tomllib.loads(Path(__file__).with_name("ranking.toml").read_text(encoding="utf-8"))


def make(folder: Path, count: int, seed: int) -> pd.DataFrame:
    """Write ``cases.parquet`` and ``fees.parquet``; the truth: ``case_id``,
    ``hospital``, ``day``, ``act`` ("" for none).

    Who is abused is drawn by hospital alone, whatever the figures of the claim.
    """
    generate(folder / "drawn", ["plain-parquet"], count, seed, defects=False)
    random = np.random.default_rng(seed)
    cases = pq.read_table(folder / "drawn" / "plain.parquet").to_pandas(date_as_object=False)
    cases = cases.astype(dict.fromkeys((*MONEY, "los_days"), np.int64))
    _give_persons(cases, random)
    _spread(cases, random)
    cases["lab_fen"], cases["exam_fen"] = (
        (_services(cases) * random.uniform(*share, len(cases))).astype(int)
        for share in (LAB_SHARE, EXAM_SHARE)
    )
    cases["again"] = np.where(random.random(len(cases)) < plan()["mistakes"], "same_day", "")
    cases = _abused(cases, random)
    # For every claim alike, and last: an act must not be told by how a figure was rounded.
    cases["patient_paid_fen"] = cases["total_cost_fen"] * plan()["patient_percent"] // 100
    schema = pa.schema(list(CASE_SCHEMA))
    pq.write_table(
        pa.Table.from_pandas(cases[schema.names], schema, preserve_index=False), folder / "cases.parquet"
    )
    pq.write_table(fee_lines(cases), folder / "fees.parquet")
    return cases[["case_id", "hospital", "discharge_date", "act"]].rename(columns={"discharge_date": "day"})


def _services(cases: pd.DataFrame) -> pd.Series:
    """Fen that are neither drugs nor consumables."""
    return cases["total_cost_fen"] - cases["drug_cost_fen"] - cases["consumable_cost_fen"]


def _give_persons(cases: pd.DataFrame, random: np.random.Generator) -> None:
    count = len(cases)
    persons = int(count / plan()["claims_a_person"])
    cases["person"] = [f"P{number:08}" for number in (random.beta(0.6, 1.4, count) * persons).astype(int)]
    hospital = random.integers(1, plan()["hospitals"] + 1, count)
    cases["hospital"] = [f"H{number:011}" for number in hospital]
    cases["doctor"] = cases["hospital"] + "-" + cases["doctor"]


def _spread(cases: pd.DataFrame, random: np.random.Generator) -> None:
    """Drugs and services of a hospital and of a claim differ more than the generator makes them, without any abuse."""
    number = cases["hospital"].str[1:].astype(int).to_numpy()
    services = _services(cases)
    for name, base in (("drugs", cases["drug_cost_fen"]), ("services", services)):
        of_hospital, of_claim = plan()["spread"][name]
        times = random.normal(0, of_hospital, plan()["hospitals"] + 1)[number]
        times = np.exp(times + random.normal(0, of_claim, len(cases)))
        more = (base * (times - 1)).astype(int)
        cases["total_cost_fen"] += more
        if name == "drugs":
            cases["drug_cost_fen"] += more


def _abused(cases: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    acts = plan()["acts"]
    habit = np.exp(random.normal(0, plan()["habit"], plan()["hospitals"] + 1))
    number = cases["hospital"].str[1:].astype(int).to_numpy()
    is_abused = random.random(len(cases)) < plan()["share"] * habit[number] / habit.mean()
    weights = np.array([act["weight"] for act in acts.values()])
    drawn = random.choice(list(acts), len(cases), p=weights / weights.sum())
    cases["act"] = np.where(is_abused, drawn, HONEST)
    _bill_more(cases, "padded", "services", random)
    _bill_more(cases, "needless_drugs", "drugs", random)
    _keep_in_bed(cases, random)
    _add_complication(cases, random)
    _charge_twice(cases, random)
    return _split(cases, random)


def _rows(cases: pd.DataFrame, act: str) -> pd.Series:
    return cases["act"] == act


def _bill_more(cases: pd.DataFrame, act: str, what: str, random: np.random.Generator) -> None:
    rows = _rows(cases, act)
    base = _services(cases) if what == "services" else cases["drug_cost_fen"]
    low, high = plan()["acts"][act][what]
    part = random.uniform(low, high, int(rows.sum()))
    more = (base[rows] * part).astype(int)
    if what == "drugs":
        cases.loc[rows, "drug_cost_fen"] += more
    cases.loc[rows, "total_cost_fen"] += more


def _keep_in_bed(cases: pd.DataFrame, random: np.random.Generator) -> None:
    rows = _rows(cases, "kept_in_bed")
    low, high = plan()["acts"]["kept_in_bed"]["days"]
    days = random.integers(low, high + 1, int(rows.sum()))
    cases.loc[rows, "los_days"] += days
    cases.loc[rows, "admission_date"] -= pd.to_timedelta(days, unit="D")
    cases.loc[rows, "total_cost_fen"] += days * (BED_FEN + NURSING_FEN)


def _add_complication(cases: pd.DataFrame, random: np.random.Generator) -> None:
    rows = np.flatnonzero(_rows(cases, "false_complication"))
    codes = random.choice(plan()["acts"]["false_complication"]["codes"], len(rows))
    coded = cases["dx"].tolist()
    for row, code in zip(rows.tolist(), codes.tolist(), strict=True):
        if code not in coded[row]:
            coded[row] = [*coded[row], code]
    cases["dx"] = coded


def _charge_twice(cases: pd.DataFrame, random: np.random.Generator) -> None:
    rows = _rows(cases, "charged_twice")
    is_same_day = random.random(len(cases)) < plan()["acts"]["charged_twice"]["same_day"]
    cases.loc[rows, "again"] = np.where(is_same_day, "same_day", "next_day")[rows]
    billed = cases["again"] != ""
    cases.loc[billed, "total_cost_fen"] += cases.loc[billed, "lab_fen"]


def _split(cases: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Stays of four days and more become two; shorter ones stay as they were, and honest."""
    act = plan()["acts"]["split_stay"]
    chosen = _rows(cases, "split_stay")
    cases.loc[chosen & (cases["los_days"] < 4), "act"] = HONEST
    rows = _rows(cases, "split_stay")
    later, earlier = cases[rows].copy(), cases[rows].copy()
    earlier["los_days"] = cases.loc[rows, "los_days"] // 2
    later["los_days"] -= earlier["los_days"]
    later["admission_date"] = later["discharge_date"] - pd.to_timedelta(later["los_days"], unit="D")
    gap = random.integers(act["gap"][0], act["gap"][1] + 1, len(later))
    earlier["discharge_date"] = later["admission_date"] - pd.to_timedelta(gap, unit="D")
    earlier["admission_date"] = earlier["discharge_date"] - pd.to_timedelta(earlier["los_days"], unit="D")
    earlier["case_id"] += "-S"
    for part in (earlier, later):
        share = part["los_days"] / cases.loc[rows, "los_days"] * (1 + act["repeated"])
        for name in (*MONEY, "lab_fen", "exam_fen"):
            part[name] = (part[name] * share).astype(int)
    return pd.concat([cases[~rows], later, earlier], ignore_index=True)


def fee_lines(cases: pd.DataFrame) -> pa.Table:
    """One line a case and kind of charge, and the laboratory line again where it was billed twice; they add up."""
    days = cases["los_days"].clip(lower=1)
    again = cases["again"] != ""
    lab_again = cases["lab_fen"].where(again, 0)
    services = _services(cases) - lab_again
    hotel = services - cases["lab_fen"] - cases["exam_fen"]
    bed = np.minimum(days * BED_FEN, hotel // 3)
    nursing = np.minimum(days * NURSING_FEN, hotel // 3)
    amounts = {
        "bed": bed,
        "nursing": nursing,
        "lab": cases["lab_fen"],
        "exam": cases["exam_fen"],
        "treatment": hotel - bed - nursing,
        "drugs": cases["drug_cost_fen"],
        "consumables": cases["consumable_cost_fen"],
    }
    parts = [_lines(cases, kind, pd.Series(fen), days) for kind, fen in amounts.items()]
    extra = _lines(cases, "lab", lab_again, days)[again.to_numpy()]
    late = (cases.loc[again, "again"] == "next_day").to_numpy()
    for name in ("date", "time"):
        extra.loc[late, name] += pd.Timedelta(days=1)
    extra.loc[late, "order_number"] += "-2"
    lines = pd.concat([*parts, extra]).query("fen > 0").drop(columns="fen")
    lines["date"], lines["time"] = lines["date"].dt.strftime(DAY), lines["time"].dt.strftime(MOMENT)
    return pa.Table.from_pandas(lines, preserve_index=False)


def _lines(cases: pd.DataFrame, kind: str, fen: pd.Series, days: pd.Series) -> pd.DataFrame:
    """A line of each case on the day of admission; bed and nursing by the day."""
    name, charge = ITEMS[kind]
    quantity = days if kind in ("bed", "nursing") else pd.Series(1, cases.index)
    return pd.DataFrame(
        {
            "case_id": cases["case_id"],
            "item_code": f"SYN-{kind}",
            "item_name": name,
            "charge": charge,
            "quantity": quantity.astype(str),
            "unit_price": (fen / quantity / 100).map("{:.2f}".format),
            "amount": (fen / 100).map("{:.2f}".format),
            "date": cases["admission_date"],
            "time": cases["admission_date"] + pd.Timedelta(hours=10),
            "order_number": cases["case_id"] + "-" + kind,
            "fen": fen,
        }
    )
