"""Synthetic claims with a label, for the risk model: ``python -m data_samples.risk_claims --out FILE.csv``.

Nobody in them exists. The label is drawn from a formula over the columns and a hidden habit of each hospital; how well
a model finds it says nothing about real claims. ``recovered`` is known only after the decision, as in many real tables:
a model must not use it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

SHARE_SUSPICIOUS = 0.06
CLAIMS_A_HOSPITAL = 40
REGIONS = ("R1", "R2", "R3")
GROUPS = ("肺炎", "脑梗死", "腰椎间盘突出", "糖尿病", "骨折", "胆囊炎")
GROUP_COST = (6_000, 12_000, 7_000, 5_000, 22_000, 14_000)
FIRST_DAY = "2025-01-01"
DAYS = 365


def make(claims: int, seed: int) -> pd.DataFrame:
    """One row a claim; amounts in yuan."""
    random = np.random.default_rng(seed)
    hospitals = max(20, claims // CLAIMS_A_HOSPITAL)
    hospital = random.integers(0, hospitals, claims)
    habit = random.normal(0, 0.6, hospitals)[hospital]
    group = random.integers(0, len(GROUPS), claims)
    excess = random.normal(0, 0.45, claims)
    stay = np.maximum(1, np.round(random.gamma(4, 2, claims) * (1 + 0.2 * excess)))
    cost = np.round(np.array(GROUP_COST)[group] * np.exp(excess), 2)
    drugs = 1 / (1 + np.exp(0.9 - 0.6 * random.normal(size=claims)))
    earlier = random.poisson(0.8, claims)
    since_issue = random.integers(5, 1500, claims)
    hits = random.poisson(0.3 + 0.4 * (excess > 0.6))
    score = 1.5 * excess + 1.6 * (drugs - 0.3) + 0.5 * earlier + 0.6 * hits + habit
    score += 1.2 * ((since_issue < 90) & (stay < 5)) - 0.06 * stay
    score -= np.quantile(score, 1 - SHARE_SUSPICIOUS) + 0.6
    label = random.random(claims) < 1 / (1 + np.exp(-1.6 * score))
    day = np.datetime64(FIRST_DAY) + random.integers(0, DAYS, claims)
    level = (hospital % 3 + 1).astype(str)
    return pd.DataFrame(
        {
            "claim_id": [f"SYN-CLAIM-{number:07}" for number in range(1, claims + 1)],
            "hospital": [f"SYN-H{number:04}" for number in hospital],
            "hospital_level": level,
            "region": np.array(REGIONS)[hospital % len(REGIONS)],
            "drg": np.array(GROUPS)[group],
            "claim_date": day.astype(str),
            "issue_date": (day - since_issue).astype(str),
            "age": random.integers(18, 90, claims),
            "sex": np.array(["男", "女"])[random.integers(0, 2, claims)],
            "los_days": stay.astype(int),
            "total_cost": cost,
            "drug_share": drugs.round(4),
            "claims_12m": earlier,
            "rule_hits": hits,
            "recovered": np.where(label, (cost * random.uniform(0.2, 0.9, claims)).round(2), 0.0),
            "suspicious": label.astype(int),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--claims", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=20260124)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    make(options.claims, options.seed).to_csv(options.out, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
