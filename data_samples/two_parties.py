"""Synthetic tables of a hospital and an insurer that share persons, for joint computing.

``python -m data_samples.two_parties --out DIR [--persons N] [--seed S]`` writes ``hospital.csv``, ``insurer.csv`` and
``visits.csv`` (the hospital's index for private lookups). Nobody in them exists: ids pass their check digit, but
their division 999999 is not assigned. The label is drawn from a formula over both parties' features, so that a joint
model must do better than either party alone; how much better says nothing about real claims. With ``--curved`` some
of the features count by how far they are from their middle, which no linear model finds.
"""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

SHARE_AT_BOTH = 0.6
"""Of all persons; the rest are at one party only, half and half."""
SHARE_SUSPICIOUS = 0.2
UNASSIGNED_DIVISION = "999999"
CHECK_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_SIGNS = "10X98765432"
HOSPITAL_EFFECTS = {
    "stay_ratio": 0.9,
    "drug_share": 0.7,
    "consumable_share": 0.0,
    "admissions_12m": 0.8,
    "repeat_tests": 0.5,
    "record_defects": 0.4,
}
INSURER_EFFECTS = {
    "days_since_issue": -0.9,
    "claims_12m": 0.8,
    "sum_insured": 0.5,
    "policies": 0.3,
    "premium": 0.0,
}
CURVED_EFFECTS = {"stay_ratio": 1.2, "drug_share": 0.9, "sum_insured": 1.0}
"""In place of the effects above: of the distance from the middle, so that both ends are suspicious."""
MIDDLE_DISTANCE = (2 / np.pi) ** 0.5
"""The mean distance of a standard normal number from 0."""
RETURNED_LEVEL = -1.0
MEAN_LOG_AMOUNT, AMOUNT_SPREAD = 13.5, 0.7
CODE_GROUPS = 40
LAST_DAY = dt.date(2026, 9, 30)


def resident_id(number: int) -> str:
    """A resident id of nobody: unassigned division, a birthday, a serial number, the right check digit."""
    day = dt.date(1940, 1, 1) + dt.timedelta(days=number % 25_000)
    body = f"{UNASSIGNED_DIVISION}{day:%Y%m%d}{number // 25_000:03d}"
    total = sum(weight * int(digit) for weight, digit in zip(CHECK_WEIGHTS, body, strict=True))
    return body + CHECK_SIGNS[total % 11]


def make(persons: int, seed: int, curved: bool = False) -> dict[str, pd.DataFrame]:
    """The tables by file name.

    ``suspicious``: the label, of the insurer; ``amount_fen``: what its claim is about. ``returned``: of the hospital,
    whether the person came back early, which goes with the hospital's part of the label.
    """
    random = np.random.default_rng(seed)
    ids = np.array([resident_id(number) for number in random.permutation(persons).tolist()])
    hospital = pd.DataFrame({name: random.normal(size=persons) for name in HOSPITAL_EFFECTS})
    insurer = pd.DataFrame({name: random.normal(size=persons) for name in INSURER_EFFECTS})
    of_hospital = _effect(hospital, HOSPITAL_EFFECTS, curved)
    score = of_hospital + _effect(insurer, INSURER_EFFECTS, curved)
    score -= np.quantile(score, 1 - SHARE_SUSPICIOUS)
    label = (random.random(persons) < 1 / (1 + np.exp(-score))).astype(int)
    # A stream of its own: what was drawn before these two columns stays as it was.
    later = np.random.default_rng([seed, 2])
    returned = (later.random(persons) < 1 / (1 + np.exp(-of_hospital - RETURNED_LEVEL))).astype(int)
    amount = np.round(np.exp(later.normal(MEAN_LOG_AMOUNT, AMOUNT_SPREAD, persons))).astype(int)
    at_hospital, at_insurer = _membership(persons)
    at_both = _in_units(hospital).assign(returned=returned), _in_units(insurer).assign(amount_fen=amount)
    return {
        "hospital.csv": at_both[0][at_hospital].assign(id=ids[at_hospital]),
        "insurer.csv": at_both[1].assign(suspicious=label)[at_insurer].assign(id=ids[at_insurer]),
        "visits.csv": _visits(ids[at_hospital], random),
    }


def _effect(features: pd.DataFrame, effects: dict[str, float], curved: bool) -> Floats:
    total = np.zeros(len(features))
    for name, effect in effects.items():
        values = features[name].to_numpy()
        if curved and name in CURVED_EFFECTS:
            values, effect = np.abs(values) - MIDDLE_DISTANCE, CURVED_EFFECTS[name]
        total += values * effect
    return total


def _membership(persons: int) -> tuple[slice, slice]:
    alone = int(persons * (1 - SHARE_AT_BOTH) / 2)
    return slice(0, persons - alone), slice(alone, persons)


def _in_units(features: pd.DataFrame) -> pd.DataFrame:
    """Standard normal draws as the figures that such a column holds."""
    units = {
        "stay_ratio": lambda z: np.exp(0.3 * z).round(3),
        "drug_share": lambda z: (1 / (1 + np.exp(0.8 - 0.6 * z))).round(4),
        "consumable_share": lambda z: (1 / (1 + np.exp(1.2 - 0.6 * z))).round(4),
        "admissions_12m": lambda z: np.clip(np.round(1.5 + 1.2 * z), 0, None),
        "repeat_tests": lambda z: np.clip(np.round(3 + 2 * z), 0, None),
        "record_defects": lambda z: np.clip(np.round(4 + 2 * z), 0, None),
        "days_since_issue": lambda z: np.clip(np.round(400 + 180 * z), 1, None),
        "claims_12m": lambda z: np.clip(np.round(1 + z), 0, None),
        "sum_insured": lambda z: np.round(np.exp(12 + 0.5 * z), -3),
        "policies": lambda z: np.clip(np.round(2 + z), 1, None),
        "premium": lambda z: np.round(np.exp(8 + 0.4 * z), 2),
    }
    return pd.DataFrame({name: units[name](features[name]) for name in features.columns})


def _visits(ids: npt.NDArray[np.str_], random: np.random.Generator) -> pd.DataFrame:
    """A row a person and code group, with the month in which it was first seen."""
    count = random.integers(0, 4, len(ids))
    person = np.repeat(ids, count)
    groups = random.integers(1, CODE_GROUPS + 1, len(person))
    days = random.integers(0, 5 * 365, len(person))
    months = [f"{LAST_DAY - dt.timedelta(days=int(day)):%Y-%m}" for day in days]
    visits = pd.DataFrame(
        {"id": person, "code_group": [f"G{group:02d}" for group in groups], "month": months}
    )
    return visits.sort_values(["id", "code_group", "month"]).drop_duplicates(["id", "code_group"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--persons", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=20260124)
    parser.add_argument("--curved", action="store_true", help="a label that is not linear in the features")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, table in make(options.persons, options.seed, options.curved).items():
        first = [column for column in table.columns if column == "id"]
        ordered = table[first + [column for column in table.columns if column != "id"]]
        ordered.to_csv(options.out / name, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
