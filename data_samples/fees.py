"""Splits the cost of each case over the fee columns of the front page, in whole fen that add up."""

from __future__ import annotations

import numpy as np

from data_samples.draw import Discharges, Ints
from data_samples.templates import load_settings


def split_fees(cases: Discharges, seed: int) -> None:
    """Fills ``cases.fees``, fen by column: D01 total, D09 self-paid, the items (they sum to D01), "of which" columns.

    The random numbers are a stream of their own, so a case costs the same whether or not its fees are split.
    """
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, cases.first_number, 1])))
    settings = load_settings()
    stay_kind = np.array([template.stay_as for template in cases.templates])[cases.template]
    day_kind = np.array([template.day_as for template in cases.templates])[cases.template]
    everywhere = np.ones(len(cases), np.bool_)
    fees: dict[str, Ints] = {}
    for kind, shares in settings["fee_shares"].items():
        for amount, where in (
            (cases.stay_fen, stay_kind == kind),
            (cases.day_fen, day_kind == kind),
            (cases.icu_fen, everywhere & (kind == "icu")),
            (cases.blood_fen, everywhere & (kind == "blood")),
        ):
            rows = np.flatnonzero(where)
            _add(fees, rows, amount[rows], shares, generator, len(cases))
    for part, (whole, per_mille) in settings["fee_parts"].items():
        fees[part] = fees[whole] * per_mille // 1000
    fees["D01"] = cases.total_fen
    fees["D09"] = cases.total_fen * settings["self_paid_share"] // 1000
    cases.fees = fees


def _add(
    fees: dict[str, Ints],
    rows: Ints,
    amount: Ints,
    shares: dict[str, int],
    generator: np.random.Generator,
    count: int,
) -> None:
    """Adds ``amount`` to the items in jittered ``shares``; the last item takes what rounding leaves."""
    weights = {item: share * generator.integers(70, 131, len(rows)) for item, share in shares.items()}
    total = sum(weights.values())
    rest = amount.copy()
    *first, last = shares
    for item in first:
        part = amount * weights[item] // total
        rest -= part
        fees.setdefault(item, np.zeros(count, np.int64))[rows] += part
    fees.setdefault(last, np.zeros(count, np.int64))[rows] += rest
