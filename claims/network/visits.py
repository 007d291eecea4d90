"""Tables of visits or claims, CSV or Parquet, as one table: who was where, when, with which phone and account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from claims.errors import input_error
from claims.intake import REJECTED_SCHEMA, Mask, Rejections, amounts, as_mask, bound, dates, ids
from claims.network.settings import Column, columns, node_kinds, settings
from claims.nightly.results import PARTS, Results
from claims.pseudonyms import pseudonyms
from claims.risk.table import read_table

DATES = ("admission_date", "discharge_date", "claim_date")
NEEDED = (("case_id",), ("person",), DATES)
VISIT_SCHEMA = pa.schema(
    [
        ("case_id", pa.string()),
        *((kind, pa.string()) for kind in node_kinds()),
        ("department", pa.string()),
        *((name, pa.date32()) for name in DATES),
        ("total_cost_fen", pa.int64()),
        ("band", pa.string()),
        ("day", pa.date32()),
    ]
)
"""``day``: when the claim was known: of claim, else discharge, else admission."""


@dataclass(frozen=True)
class Visits:
    """``table``: ``VISIT_SCHEMA``, in the order of the files. ``missing``: node kinds that no file has a column for."""

    table: pa.Table
    rejected: pa.Table
    missing: tuple[str, ...]


def read_visits(paths: Sequence[Path], key: bytes | None = None) -> Visits:
    """The visits of files, folders of Parquet and results folders; every row is kept or rejected.

    ``key``: the secret under which phones and accounts become pseudonyms; without one they must be pseudonyms already.
    Raises ``InputError`` where a file cannot be used, has no column of cases, persons or days, or tells raw ids.
    """
    names = {column.name: column.names for column in columns().values()}
    tables, rejected = [], [REJECTED_SCHEMA.empty_table()]
    found: set[str] = set()
    for path, table in (part for given in paths for part in _tables(given)):
        held = bound(path, names, table.column_names, NEEDED)
        found.update(held)
        visits, wrong = _visits(path, table, held, key)
        tables.append(visits)
        rejected.append(wrong)
    visits = pa.concat_tables(tables)
    del tables
    once, twice = _separated(visits, _is_first(visits), "case_id", "network.case_twice")
    kept, crowd = _separated(once, _is_person(once), "person", "network.person_placeholder")
    missing = tuple(kind for kind in node_kinds() if kind not in found)
    return Visits(kept.select(VISIT_SCHEMA.names), pa.concat_tables([*rejected, twice, crowd]), missing)


def _tables(path: Path) -> Iterator[tuple[Path, pa.Table]]:
    """The tables of a file, a folder of Parquet parts, or a results folder (its cases, with their bands)."""
    if (path / PARTS).is_dir():
        yield from _results(Results(path))
        return
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise input_error("network.empty_folder", str(path))
    for file in files:
        yield file, read_table(file)


def _results(results: Results) -> Iterator[tuple[Path, pa.Table]]:
    risk = {file.stem: file for file in results.files("risk")} if results.has("risk") else {}
    for file in results.files("cases"):
        cases = pq.read_table(file, partitioning=None)
        if file.stem in risk:
            bands = pq.read_table(risk[file.stem], columns=["case_id", "band"], partitioning=None)
            ids = bands.column("case_id").combine_chunks().cast(pa.string())
            places = pc.index_in(cases.column("case_id").cast(pa.string()), value_set=ids)
            cases = cases.append_column("band", bands.column("band").cast(pa.string()).take(places))
        yield file, cases


def _visits(
    path: Path, table: pa.Table, held: dict[str, str], key: bytes | None
) -> tuple[pa.Table, pa.Table]:
    """The rows of one file that are visits, with ``source`` and ``row``, and those that are none."""
    rejections = Rejections(path, len(table))
    found: dict[str, pa.Array] = {}
    for column in columns().values():
        if column.name not in held:
            found[column.name] = pa.nulls(len(table), VISIT_SCHEMA.field(column.name).type)
            continue
        given = table.column(held[column.name])
        if column.name in DATES:
            found[column.name] = dates(given, column.name, rejections)
        elif column.name == "total_cost_fen":
            found[column.name] = amounts(given, column.name, rejections)
        else:
            found[column.name] = _ids(path, given, column, key, rejections)
    for name in ("case_id", "person"):
        rejections.add(as_mask(pc.is_null(found[name])), name, "intake.id_missing")
    found["day"] = pc.coalesce(found["claim_date"], found["discharge_date"], found["admission_date"])
    rejections.add(as_mask(pc.is_null(found["day"])), "claim_date", "network.day_missing")
    known = pa.array(settings()["risk"]["bands"])
    other = pc.and_(pc.is_valid(found["band"]), pc.invert(pc.is_in(found["band"], known)))
    rejections.add(as_mask(other), "band", "network.band_unknown", pa.chunked_array([found["band"]]))
    visits = pa.table(found).select(VISIT_SCHEMA.names)
    source = pa.DictionaryArray.from_arrays(np.zeros(len(visits), np.int32), pa.array([str(path)]))
    visits = visits.append_column("source", source)
    visits = visits.append_column("row", pa.array(np.arange(1, len(visits) + 1)))
    return visits.filter(pa.array(~rejections.is_wrong)), rejections.table()


def _ids(
    path: Path, given: pa.ChunkedArray, column: Column, key: bytes | None, rejections: Rejections
) -> pa.Array:
    """The ids of a column, as pseudonyms where they must be."""
    texts = ids(given, column.name, rejections)
    if column.keyed and key is not None:
        return pseudonyms(texts, column.name, key)
    if column.raw:
        looks_raw = pc.match_substring_regex(texts, column.raw)
        if count := int(pc.sum(looks_raw).as_py() or 0):
            message = "network.raw_keyed" if column.keyed else "network.raw_person"
            raise input_error(message, str(path), column=column.name, count=f"{count:,}")
    return texts


def _is_first(visits: pa.Table) -> Mask:
    """The first row of each case."""
    found = np.zeros(len(visits), np.bool_)
    found[np.unique(_codes(visits, "case_id"), return_index=True)[1]] = True
    return found


def _is_person(visits: pa.Table) -> Mask:
    """The rows of persons who have no more claims than a person can have."""
    codes = _codes(visits, "person")
    found: Mask = (
        np.bincount(codes)[codes] <= settings()["read"]["most_claims_of_person"] if len(codes) else codes > 0
    )
    return found


def _codes(visits: pa.Table, name: str) -> npt.NDArray[np.int32]:
    found: npt.NDArray[np.int32] = visits.column(name).combine_chunks().dictionary_encode().indices.to_numpy()
    return found


def _separated(visits: pa.Table, is_kept: Mask, field: str, reason: str) -> tuple[pa.Table, pa.Table]:
    """The rows that are kept, and the others as rejections."""
    others = visits.filter(pa.array(~is_kept)).select(["source", "row"])
    others = others.set_column(0, "source", others.column("source").cast(pa.string()))
    count = len(others)
    told = [pa.repeat(field, count), pa.nulls(count, pa.string()), pa.repeat(reason, count)]
    return visits.filter(pa.array(is_kept)), pa.table([*others.columns, *told], schema=REJECTED_SCHEMA)
