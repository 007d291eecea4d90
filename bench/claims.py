"""``python -m bench.claims [--cases N]``: how long the claim rules take over claims with ten fee lines each."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from typing import Any

import numpy as np
import pyarrow as pa

from bench.rules import measure_rules
from claims.knowledge.points import load_knowledge
from claims.rules.check import ClaimChecker
from claims.rules.library import load_claim_rules
from drg.quality.engine import CHUNK_ROWS

RUN_DATE = dt.date(2026, 12, 31)
LINES = 10
MADE_CHUNKS = 3
PLAIN_CLAIMS = 20_000
POINT_SHARE = 0.1
"""Part of the lines whose item has a knowledge point."""
NAMES = (
    "床位费",
    "二级护理",
    "静脉输液",
    "血常规",
    "胸部CT平扫",
    "血气分析",
    "血液透析",
    "运动疗法",
    "阿莫西林胶囊",
    "缬沙坦片",
)
DX = (
    "J18.900",
    "I10.x00",
    "E11.900",
    "C34.100",
    "I63.900",
    "N18.500",
    "K80.200",
    "S72.000",
    "J96.900",
    "O80.000",
)
PROC = ("51.2300", "39.9500", "96.7200", "88.5600")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--large", action="store_true", help="the same; memory does not grow with the claims")
    options = parser.parse_args()
    rules = list(load_claim_rules().values())
    checker = ClaimChecker(rules, RUN_DATE)
    ratio_to_plain_python()
    made = [synthetic_claims(CHUNK_ROWS, seed) for seed in range(MADE_CHUNKS)]
    measure_rules(
        f"claims check, {options.cases:,} claims with {options.cases * LINES:,} fee lines",
        made,
        options.cases,
        checker,
        len(rules),
    )


def synthetic_claims(count: int, seed: int) -> pa.Table:
    """A claim record table of ``count`` claims with ten fee lines each, a part of them with knowledge points."""
    random = np.random.default_rng(seed)
    points = load_knowledge()
    listed = sorted({code for limits in points.limits.values() for code in limits.codes.to_pylist()})
    plain = [f"ITEM{number:05}" for number in range(3_000)]
    lines = count * LINES
    code = np.where(
        random.random(lines) < POINT_SHARE, random.choice(listed, lines), random.choice(plain, lines)
    )
    day = random.integers(0, 8, lines)
    prices = random.integers(1, 500, lines)
    quantity = random.integers(1, 4, lines)
    offsets = pa.array(np.arange(0, lines + 1, LINES, dtype=np.int32))

    def listing(values: Any) -> pa.Array:
        return pa.ListArray.from_arrays(offsets, pa.array(values).cast(pa.string()))

    def several(choices: tuple[str, ...], most: int) -> pa.Array:
        sizes = random.integers(1, most + 1, count)
        ends = pa.array(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32))
        return pa.ListArray.from_arrays(ends, pa.array(random.choice(choices, int(sizes.sum()))))

    dates = np.datetime64("2026-03-01") + day
    ids = pa.array(np.arange(count) + seed * count).cast(pa.string())
    return pa.table(
        {
            "row": pa.array(np.arange(count)),
            "case_id": ids,
            "dialect": pa.repeat(pa.scalar("settlement"), count),
            "sex": pa.array(random.choice(["1", "2"], count)),
            "age": pa.array(random.integers(0, 95, count)).cast(pa.string()),
            "admission_time": pa.repeat(pa.scalar("2026-03-01 08:00:00"), count),
            "discharge_time": pa.repeat(pa.scalar("2026-03-08 10:00:00"), count),
            "los_days": pa.array(random.integers(1, 15, count)).cast(pa.string()),
            "visit_kind": pa.array(random.choice(["inpatient", "outpatient"], count, p=[0.9, 0.1])),
            "fund": pa.repeat(pa.scalar("basic"), count),
            "hospital_grade": pa.array(random.choice(["1", "2", "3"], count)),
            "region": pa.array(random.choice(["440300", "999900", "110100"], count)),
            "discharge_way": pa.repeat(pa.scalar("1"), count),
            "total_cost": pa.array(random.integers(500, 50_000, count)).cast(pa.string()),
            "fee_laboratory": pa.array(random.integers(0, 3_000, count)).cast(pa.string()),
            "fee_imaging": pa.array(random.integers(0, 3_000, count)).cast(pa.string()),
            "payment_ratio": pa.array(np.round(random.gamma(4, 0.25, count), 3)).cast(pa.string()),
            "diagnoses.code": several(DX, 6),
            "procedures.code": several(PROC, 2),
            "fee_lines.code": listing(code),
            "fee_lines.name": listing(random.choice(NAMES, lines)),
            "fee_lines.kind": listing(random.choice(["drug", "service", "consumable"], lines)),
            "fee_lines.quantity": listing(quantity),
            "fee_lines.unit": listing(random.choice(["次", "日", "小时", "盒"], lines)),
            "fee_lines.unit_price": listing(prices),
            "fee_lines.amount": listing(prices * quantity),
            "fee_lines.self_paid": listing(np.zeros(lines, np.int64)),
            "fee_lines.date": listing(dates.astype(str)),
            "fee_lines.time": listing(np.char.add(dates.astype(str), " 08:00:00")),
            "fee_lines.order_number": listing(random.integers(0, 10**6, lines)),
            "fee_lines.days_supplied": listing(random.integers(1, 20, lines)),
            "fee_lines.discharge_drug": listing(random.choice(["0", "1"], lines, p=[0.95, 0.05])),
        }
    )


def ratio_to_plain_python() -> None:
    """Two rules by the engine and by a loop over claims; the run ends where they disagree."""
    table = synthetic_claims(PLAIN_CLAIMS, 7)
    rules = [rule for id, rule in load_claim_rules().items() if id in ("C001", "C012")]
    checker = ClaimChecker(rules, RUN_DATE)
    start = time.perf_counter()
    counts = {line["rule"]: line["hit"] for line in checker.check(table).counts.to_pylist()}
    engine = time.perf_counter() - start
    names = ("sex", *(f"fee_lines.{name}" for name in ("code", "kind", "quantity", "date")))
    start = time.perf_counter()
    rows = table.select(names).to_pylist()
    plain = {"C001": 0, "C012": 0}
    limits = {kind: _by_code(kind) for kind in ("sex", "per_day", "per_stay")}
    for row in rows:
        plain["C001"] += _other_sex(row, limits["sex"])
        plain["C012"] += _too_often(row, limits["per_day"], limits["per_stay"])
    loop = time.perf_counter() - start
    if counts != plain:
        sys.exit(f"the engine and plain Python disagree: {counts} {plain}")
    print(
        f"2 claim rules, {PLAIN_CLAIMS:,} claims: engine {engine:.2f} s, plain Python {loop:.2f} s; "
        f"ratio {loop / engine:.1f}"
    )


def _by_code(kind: str) -> dict[str, str]:
    limits = load_knowledge().limits[kind]
    return dict(zip(limits.codes.to_pylist(), limits.values.to_pylist(), strict=True))


def _other_sex(row: dict[str, Any], sexes: dict[str, str]) -> bool:
    lines = zip(row["fee_lines.code"], row["fee_lines.kind"], strict=True)
    return any(kind == "drug" and sexes.get(code, row["sex"]) != row["sex"] for code, kind in lines)


def _too_often(row: dict[str, Any], per_day: dict[str, str], per_stay: dict[str, str]) -> bool:
    days: dict[tuple[str, str], float] = {}
    stays: dict[str, float] = {}
    for code, quantity, date in zip(
        row["fee_lines.code"], row["fee_lines.quantity"], row["fee_lines.date"], strict=True
    ):
        if code in per_day:
            days[code, date] = days.get((code, date), 0.0) + float(quantity)
        if code in per_stay:
            stays[code] = stays.get(code, 0.0) + float(quantity)
    return any(total > float(per_day[code]) for (code, _), total in days.items()) or any(
        total > float(per_stay[code]) for code, total in stays.items()
    )


if __name__ == "__main__":
    main()
