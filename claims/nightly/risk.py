"""The risk of all claims: scored partition by partition, ranked over the whole set, reasons for those to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from claims.nightly.manifest import Manifest, Output, read_output, write_table
from claims.risk.frame import frame
from claims.risk.model import Model
from claims.risk.reasons import Reason, reasons
from claims.risk.values import Floats, Ints, Mask, numbers
from drg.messages import LANGUAGES

NAME = "risk"
AMOUNT = "total_cost_fen"
REASONS_TYPE = pa.list_(
    pa.struct(
        [
            ("feature", pa.string()),
            ("value", pa.string()),
            ("middle", pa.string()),
            ("contribution", pa.float64()),
            *((f"text_{lang}", pa.string()) for lang in LANGUAGES),
        ]
    )
)


@dataclass(frozen=True)
class _Scored:
    """(claims,) of the whole set: probability, place of the band, what can be expected in fen."""

    probability: Floats
    band: Ints
    expected: Floats

    def flagged(self, capacity: int | None) -> Mask:
        """The claims to look at: the first ``capacity``, without one those of the highest band."""
        return self.band == 0 if capacity is None else self.rank <= capacity

    @property
    def rank(self) -> Ints:
        """1 is the first to look at; equal worth in the order of the claims."""
        found = np.empty(len(self.expected), np.int64)
        order = np.lexsort((np.arange(len(self.expected)), -self.probability, -self.expected))
        found[order] = np.arange(1, len(found) + 1)
        return found


def write_risk(
    out: Path, parts: Sequence[Manifest], features: Sequence[Output], model: Model, capacity: int | None
) -> list[Output]:
    """``risk``: score, band, rank, expected amount and (of flagged claims) reasons, one row a claim of ``features``.

    ``points`` are null: they are those of a ranking without a model.
    """
    costs = {part.name: part.output("cases") for part in parts}
    values = [(one, _part_of(one), costs[_part_of(one)]) for one in features]
    scored = _joined([_score(out, one, cases, model) for one, _, cases in values])
    rank, flagged = scored.rank, scored.flagged(capacity)
    outputs, start = [], 0
    for one, part, _ in values:
        rows = slice(start, start + one.rows)
        table = _table(out, one, model, scored, rank, flagged, rows)
        outputs.append(write_table(table, out, f"{NAME}/{part}.parquet", NAME))
        start += one.rows
    return outputs


def _part_of(output: Output) -> str:
    return Path(output.file).stem


def _score(out: Path, features: Output, cases: Output | None, model: Model) -> _Scored:
    made = frame(read_output(out, features), model.schema)
    probability = model.probabilities(model.scores(made.values))
    assert cases is not None  # noqa: S101 - features are made of cases
    cost = np.nan_to_num(numbers(read_output(out, cases, [AMOUNT]).column(AMOUNT)))
    return _Scored(probability, model.band_of(probability), probability * cost)


def _joined(scored: Sequence[_Scored]) -> _Scored:
    if not scored:
        return _Scored(np.zeros(0), np.zeros(0, np.int64), np.zeros(0))
    return _Scored(
        np.concatenate([one.probability for one in scored]),
        np.concatenate([one.band for one in scored]),
        np.concatenate([one.expected for one in scored]),
    )


def _table(
    out: Path, features: Output, model: Model, scored: _Scored, rank: Ints, flagged: Mask, rows: slice
) -> pa.Table:
    of_part = read_output(out, features)
    names = pa.array(list(model.band_names), pa.string())
    return pa.table(
        {
            "case_id": of_part.column("case_id"),
            "score": scored.probability[rows],
            "band": names.take(pa.array(scored.band[rows])),
            "rank": rank[rows],
            "flagged": flagged[rows],
            "expected_fen": np.rint(scored.expected[rows]).astype(np.int64),
            "reasons": _reasons(of_part, model, np.flatnonzero(flagged[rows])),
            "points": pa.nulls(len(of_part), pa.float64()),
        }
    )


def _reasons(of_part: pa.Table, model: Model, chosen: Ints) -> pa.Array:
    """(claims,) the reasons of the flagged claims of a partition; null for all others."""
    told: list[list[dict[str, object]] | None] = [None] * len(of_part)
    if len(chosen):
        values = frame(of_part.take(pa.array(chosen)), model.schema).values
        for place, of_claim in zip(chosen.tolist(), reasons(model, values), strict=True):
            told[place] = [_told(one) for one in of_claim]
    return pa.array(told, REASONS_TYPE)


def _told(reason: Reason) -> dict[str, object]:
    from claims.claim_desk.words import model_reason_text

    return {
        "feature": reason.feature.column,
        "value": reason.value,
        "middle": reason.middle,
        "contribution": reason.contribution,
        **{f"text_{lang}": model_reason_text(reason, lang) for lang in LANGUAGES},
    }
