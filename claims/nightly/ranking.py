"""``risk`` without a model: claims whose figures stand out among those of their group, and those that rules hit."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from claims.messages import text
from claims.nightly.manifest import Manifest, Output, read_output, write_table
from claims.nightly.risk import NAME, REASONS_TYPE
from claims.risk.catalogue import texts_of
from claims.risk.frame import Feature
from claims.risk.ranking import Ranking, Standout, ranking
from claims.risk.values import Ints, Mask
from drg.messages import LANGUAGES

PARTS = ("peers", "values", "rules")


@cache
def choices() -> Mapping[str, Any]:
    """What is compared, and the bands: ``ranking.toml``."""
    return tomllib.loads(Path(__file__).with_name("ranking.toml").read_text(encoding="utf-8"))


def write_ranking(
    out: Path, parts: Sequence[Manifest], features: Sequence[Output], capacity: int | None
) -> list[Output]:
    """``risk``: points, band, rank and (of flagged claims) reasons; score and expected amount are null.

    Flagged are the first ``capacity`` claims of which anything stands out, without one those of the worst band.
    """
    if not sum(one.rows for one in features):
        return []
    groups = {part.name: part.output("groups") for part in parts}
    table = _compared(out, features, groups)
    chosen = {name: [one for one in choices()[name] if one in table.column_names] for name in PARTS}
    found = ranking(table, chosen["peers"], chosen["values"], chosen["rules"])
    band = _bands(found)
    flagged = band == 0 if capacity is None else (found.rank <= capacity) & (found.points > 0)
    outputs, start = [], 0
    for one in features:
        rows = slice(start, start + one.rows)
        ids = table.column("case_id").slice(start, one.rows)
        made = _table(ids, found, band, flagged, rows)
        outputs.append(write_table(made, out, f"{NAME}/{Path(one.file).stem}.parquet", NAME))
        start += one.rows
    return outputs


def _compared(out: Path, features: Sequence[Output], groups: Mapping[str, Output | None]) -> pa.Table:
    """The columns of all claims that are compared; one that no claim has is not there."""
    wanted = ["case_id", *(name for part in PARTS for name in choices()[part])]
    tables = []
    for one in features:
        table = read_output(out, one)
        table = table.select([name for name in wanted if name in table.column_names])
        grouped = groups[Path(one.file).stem]
        if grouped is not None:
            table = table.append_column("drg", read_output(out, grouped, ["drg"]).column("drg"))
        tables.append(table)
    return pa.concat_tables(tables, promote_options="permissive").combine_chunks()


def _bands(found: Ranking) -> Ints:
    """(claims,) the place of the band of each claim, 0 the worst."""
    edges = np.array(list(choices()["bands"].values()))
    bands: Ints = np.argmax(found.points[:, None] >= edges[None, :], axis=1)
    return bands


def _table(ids: pa.ChunkedArray, found: Ranking, band: Ints, flagged: Mask, rows: slice) -> pa.Table:
    names = pa.array(list(choices()["bands"]), pa.string())
    told = [
        [_told(one) for one in of_claim] if is_flagged else None
        for of_claim, is_flagged in zip(found.standouts[rows], flagged[rows], strict=True)
    ]
    return pa.table(
        {
            "case_id": ids,
            "score": pa.nulls(len(ids), pa.float64()),
            "band": names.take(pa.array(band[rows])),
            "rank": found.rank[rows],
            "flagged": flagged[rows],
            "expected_fen": pa.nulls(len(ids), pa.int64()),
            "reasons": pa.array(told, REASONS_TYPE),
            "points": found.points[rows],
        }
    )


def _told(one: Standout) -> dict[str, object]:
    return {
        "feature": one.name,
        "value": f"{one.value:.12g}",
        "middle": None if one.middle is None else f"{one.middle:.12g}",
        "contribution": one.points,
        **{f"text_{lang}": _sentence(one, lang) for lang in LANGUAGES},
    }


def _sentence(one: Standout, lang: str) -> str:
    """As the analyst says it: the name of the feature, money in yuan, shares in percent."""
    from claims.claim_desk.words import in_unit

    feature = Feature(one.name, "value")
    name, _ = texts_of(feature, lang)
    value, unit = in_unit(feature, f"{one.value:.12g}", lang)
    if one.times is None or one.middle is None:
        return text("nightly.ranked_hits", lang, name=name, value=value)
    middle, _ = in_unit(feature, f"{one.middle:.12g}", lang)
    key = "above" if one.times > 0 else "below"
    times = f"{abs(one.times):.1f}"
    return text(f"nightly.ranked_{key}", lang, name=name, value=value, unit=unit, middle=middle, times=times)
