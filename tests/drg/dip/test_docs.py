"""docs/dip.md says what the program computes, from the document's own tables."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from drg.dip import auxiliary
from drg.dip.build import Identity, build, load_parameters
from drg.dip.matcher import group
from drg.dip.payment import case_points, find_contract, price
from drg.dip.settlement import Tally
from drg.payment.settlement import ALL
from tests.drg.dip.examples import case_table, catalogue, row

TEXT = (Path(__file__).parents[3] / "docs" / "dip.md").read_text(encoding="utf-8")


def doc_table(name: str) -> list[dict[str, str]]:
    """The table of the document after the comment ``name``."""
    match = re.search(rf"<!-- {name} -->\n(.*?)\n\n", TEXT, re.S)
    assert match is not None
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in match[1].splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


def fen(yuan: str) -> int | None:
    return int(Decimal(yuan) * 100) if yuan else None


def yuan(amount: int | None) -> str:
    return "" if amount is None else f"{Decimal(amount) / 100:.2f}"


def short(number: float | None) -> str:
    return "" if number is None else f"{number:.10g}"


def test_build() -> None:
    cases = case_table(
        {
            "dx": [line["dx"]],
            "proc": [line["proc"]] if line["proc"] else [],
            "total_cost_fen": fen(line["cost (yuan)"]),
            "los_days": int(line["stay"]),
            "discharge_date": dt.date(int(line["year"]), 6, 1),
        }
        for line in doc_table("cases")
    )
    parameters = load_parameters().model_copy(update={"core_cases": 2})
    built, report = build(cases, Identity("doc", "", "", ""), parameters)
    assert [
        {
            "group": one.id,
            "cases": str(one.cases),
            "mean (yuan)": yuan(one.mean_cost_fen),
            "CV": str(one.cv),
            "RW": str(one.rw),
            "score": str(one.score),
        }
        for one in built.rows
    ] == doc_table("groups")
    assert (report.used, str(report.coverage), built.settings.reference_cost_fen) == (14, "0.8571", 9429_17)
    assert report.dropped == {"dip.dropped_cost_not_positive": 1, "dip.dropped_long_stay": 1}


PRICED = catalogue(
    [row(id="JC-1", layer="JC", dx="K80", mean_cost_fen=12_000_00, score=Decimal(1200))],
    settings={"reference_cost_fen": 10_000_00},
)


def test_prices_and_settlement() -> None:
    lines = doc_table("prices")
    hospitals = ["甲", "乙", "丙", "丁", "戊"]
    cases = case_table(
        {
            "case_id": line["case"],
            "dx": ["K80.302" if line["group"] else "I10.x00"],
            "hospital_level": "二级",
            "hospital": hospital,
            "total_cost_fen": fen(line["cost (yuan)"]),
            "patient_paid_fen": fen(line["patient (yuan)"]),
        }
        for line, hospital in zip(lines, hospitals, strict=True)
    )
    groups = group(cases, PRICED)
    prices = price(cases, groups, PRICED, find_contract("reference"))
    assert [
        {
            "case": line["case_id"],
            "group": found or "",
            "cost (yuan)": yuan(cost),
            "patient (yuan)": yuan(line["patient_paid_fen"]),
            "ratio": short(line["ratio"]),
            "deviation": line["deviation"],
            "points": short(line["points"]),
            "payment (yuan)": yuan(line["payment_fen"]),
            "fund (yuan)": yuan(line["fund_fen"]),
            "profit (yuan)": yuan(line["profit_fen"]),
        }
        for line, found, cost in zip(
            prices.to_pylist(),
            groups.column("dip").to_pylist(),
            cases.column("total_cost_fen").to_pylist(),
            strict=True,
        )
    ] == lines
    three = cases.slice(0, 3)
    tally = Tally(by_type=False)
    tally.add(three, *case_points(three, groups.slice(0, 3), PRICED, find_contract("reference")))
    settled = tally.settle({ALL: 7500_00}, Fraction("0.75"))
    found = {line["hospital"]: line for line in settled.hospitals.to_pylist()}
    assert [
        {
            "hospital": hospital,
            "points": short(found[hospital]["points"]),
            "payment (yuan)": yuan(found[hospital]["payment_fen"]),
            "patient (yuan)": yuan(found[hospital]["patient_paid_fen"]),
            "fund (yuan)": yuan(found[hospital]["fund_fen"]),
        }
        for hospital in hospitals[:3]
    ] == doc_table("settlement")


def test_auxiliary() -> None:
    cases = case_table(
        [{"dx": ["K80.302"], "age": 40, "total_cost_fen": 2000_00}] * 90
        + [{"dx": ["K80.302"], "age": 70, "total_cost_fen": 10_000_00}] * 30
    )
    splits = auxiliary.build_auxiliary(cases, group(cases, PRICED), auxiliary.load_parameters())
    assert [
        {
            "dimension": one.dimension,
            "class": one.name,
            "cases": str(one.cases),
            "mean (yuan)": yuan(one.mean_cost_fen),
            "coefficient": str(one.coefficient),
            "CV before": str(one.cv_before),
            "CV after": str(one.cv_after),
        }
        for one in splits
    ] == doc_table("splits")
