"""Grouping of whole case tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.case import CASE_SCHEMA
from drg.codes.index import CodeIndex
from drg.errors import InputError, Problem
from drg.grouper.kernel import EXCLUDED, walk
from drg.scheme.compiler import CC_BIT, Compiled, compile_pack
from drg.scheme.language import SCALARS
from drg.scheme.pack import Pack, choose_id, find_pack
from drg.scheme.plan import Outcome

GROUPING_SCHEMA = pa.schema(
    [
        ("case_id", pa.string()),
        ("status", pa.dictionary(pa.int32(), pa.string())),
        ("mdc", pa.dictionary(pa.int32(), pa.string())),
        ("adrg", pa.dictionary(pa.int32(), pa.string())),
        ("drg", pa.dictionary(pa.int32(), pa.string())),
        ("drg_name", pa.dictionary(pa.int32(), pa.string())),
        ("cc_level", pa.dictionary(pa.int32(), pa.string())),
        ("cc_code", pa.string()),
        ("excluded_cc", pa.list_(pa.string())),
        ("unknown_codes", pa.list_(pa.string())),
        ("reason", pa.dictionary(pa.int32(), pa.string())),
        ("scheme", pa.dictionary(pa.int32(), pa.string())),
    ]
)
"""Columns of a grouping, one row a case in the order of the input.

``status``: grouped, ambiguous, ungrouped or rejected. ``cc_level``: MCC, CC or none, with ``cc_code`` the first
diagnosis that gives it; ``excluded_cc``: complications that do not count beside this principal diagnosis, each once.
``unknown_codes``: codes that neither the catalogue nor the scheme knows, as written. ``reason``: a message id.
"""

CHUNK_ROWS = 1 << 17
"""Rows grouped at a time: bounds memory, and keeps the working arrays in the processor's cache."""

SCALAR_COLUMNS = {
    "NL": "age",
    "XB": "sex",
    "XSRTL": "age_days",
    "ZYTS": "los_days",
    "LYFS": "discharge_way",
    "ICUXS": "icu_hours",
    "CYKB": "department",
}
"""Which case column each scalar of the rule language reads; XSRTZ reads the weight that the scheme names."""

READ_COLUMNS = (
    *("case_id", "dx", "proc", "region", "discharge_date", "birth_weight_g", "admission_weight_g"),
    *SCALAR_COLUMNS.values(),
)
"""The columns of a case table that grouping looks at."""

PRINCIPAL_UNKNOWN = Outcome("ungrouped", "grouper.principal_dx_unknown")
PRINCIPAL_MISSING = Outcome("rejected", "grouper.principal_dx_missing")
NO_SCHEME = Outcome("rejected", "grouper.no_scheme")


def group(table: pa.Table | pa.RecordBatch, scheme: str | Path | Pack | None = None) -> pa.Table:
    """Group a case table (``CASE_SCHEMA``; absent columns count as missing values).

    Columns may be of other types that hold the same (dictionaries, large strings, wider numbers, times for days).
    ``scheme`` is a pack, its id or its folder; without one, each case's is chosen by region and discharge date.
    Returns a table in ``GROUPING_SCHEMA``, a row a case in the input's order. Raises ``InputError`` for columns
    that cannot be read and for a scheme that does not exist or does not load.
    """
    table = readable(table)
    if scheme is not None:
        return _group_by_pack(table, scheme if isinstance(scheme, Pack) else find_pack(scheme))
    ids, places = _chosen_schemes(table)
    parts = [
        _group_by_pack(part, find_pack(id)) if id is not None else _without_scheme(part)
        for id, part in ((id, table.filter(pa.array(places == place))) for place, id in enumerate(ids))
    ]
    if not parts:
        return GROUPING_SCHEMA.empty_table()
    order = np.argsort(np.argsort(places, kind="stable"), kind="stable")
    return pa.concat_tables(parts).unify_dictionaries().take(pa.array(order))


def readable(table: pa.Table | pa.RecordBatch) -> pa.Table:
    """The table with its case columns in types that grouping reads: those of ``CASE_SCHEMA`` and their like.

    Raises ``InputError`` with every column that cannot be read so.
    """
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    problems: list[Problem] = []
    for name in READ_COLUMNS:
        field = CASE_SCHEMA.field(name)
        places = table.schema.get_all_field_indices(name)
        if len(places) > 1:
            problems.append(Problem("grouper.column_twice", "", {"column": name}))
        elif places:
            column = _readable_column(table.column(places[0]), field.type)
            if column is None:
                found = str(table.schema.types[places[0]])
                params = {"column": name, "found": found, "expected": str(field.type)}
                problems.append(Problem("grouper.column_type", "", params))
            elif column.type != table.schema.types[places[0]]:
                table = table.set_column(places[0], name, column)
    if problems:
        raise InputError(problems)
    return table


def _readable_column(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray | None:
    """The column in a type like ``wanted`` (a number of any width, a list of texts of any kind), or ``None``."""
    found = column.type
    if found == wanted or (_is_number(wanted) and _is_number(found)):
        return column
    if _is_list(found):
        return column if _is_list(wanted) and _is_text(found.value_type) else None
    try:
        return column.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_list(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in _LIST_KINDS)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return any(is_kind(kind) for is_kind in _TEXT_KINDS)


_LIST_KINDS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
_TEXT_KINDS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)


def _group_by_pack(table: pa.Table, pack: Pack) -> pa.Table:
    compiled = compile_pack(pack)
    chunks = [
        _group_chunk(table.slice(start, CHUNK_ROWS), compiled) for start in range(0, len(table), CHUNK_ROWS)
    ]
    return pa.Table.from_batches(chunks, GROUPING_SCHEMA)


def _group_chunk(table: pa.Table, compiled: Compiled) -> pa.RecordBatch:
    dx_index, proc_index = compiled.dx_index, compiled.proc_index
    dx_starts, dx_written = flat_codes(table, "dx")
    proc_starts, proc_written = flat_codes(table, "proc")
    dx_rows = dx_index.find(dx_written)
    proc_rows = proc_index.find(proc_written)
    outcome_of = np.empty(len(table), np.int32)
    entered = np.zeros(len(table), np.bool_)
    complication_of = np.zeros(len(dx_rows), np.int8)
    walk(
        compiled.entry,
        compiled.nodes,
        compiled.memberships,
        dx_starts,
        dx_rows,
        proc_starts,
        _membership_rows(proc_rows, proc_starts, compiled),
        _scalars(table, compiled.pack),
        outcome_of,
        entered,
        complication_of,
    )
    outcomes = list(compiled.outcomes)
    _refine_outcomes(outcomes, outcome_of, entered, dx_starts, dx_rows, dx_written, compiled)
    rejected = outcome_of == outcomes.index(PRINCIPAL_MISSING)
    columns = {
        "case_id": text_column(table, "case_id"),
        **_outcome_columns(outcomes, outcome_of),
        **_complication_columns(complication_of, dx_starts, dx_rows, rejected, dx_index),
        "unknown_codes": unknown_codes_of(
            dx_starts, dx_rows, dx_written, proc_starts, proc_rows, proc_written
        ),
        "scheme": _repeated(compiled.pack.id, len(table)),
    }
    return pa.RecordBatch.from_arrays(
        [columns[name] for name in GROUPING_SCHEMA.names], schema=GROUPING_SCHEMA
    )


def flat_codes(table: pa.Table, column: str) -> tuple[npt.NDArray[np.int32], pa.StringArray]:
    """Where each case's codes begin (int32[cases + 1]), and all codes one after the other."""
    if column not in table.column_names:
        return np.zeros(len(table) + 1, np.int32), pa.array([], pa.string())
    lists = table.column(column).combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = pa.concat_arrays(lists.chunks) if lists.num_chunks else pa.array([], lists.type)
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    starts = np.zeros(len(lists) + 1, np.int32)
    np.cumsum(lengths, out=starts[1:])
    # Flattened first: Arrow's own cast of a list view to a list mixes its values up (pyarrow 26).
    codes = lists.flatten()
    return starts, codes if codes.type == pa.string() else codes.cast(pa.string())


def _membership_rows(
    rows: npt.NDArray[np.int32], starts: npt.NDArray[np.int32], compiled: Compiled
) -> npt.NDArray[np.int32]:
    """Procedure rows as the scheme counts them: some procedures do not group."""
    if compiled.pack.settings.evaluation.non_grouping_proc is None:
        return rows
    counted = compiled.other_rows[rows]
    first = starts[:-1][starts[1:] > starts[:-1]]
    counted[first] = compiled.principal_rows[rows[first]]
    return counted


def _scalars(table: pa.Table, pack: Pack) -> npt.NDArray[np.float64]:
    values = np.full((len(SCALARS), len(table)), np.nan)
    columns = {**SCALAR_COLUMNS, "XSRTZ": f"{pack.settings.evaluation.weight}_weight_g"}
    for place, scalar in enumerate(SCALARS):
        if columns[scalar] in table.column_names:
            values[place] = _numbers(table.column(columns[scalar]))
    return values


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Numbers or texts as floats, NaN where they are null; a text counts where it is a whole number."""
    if pa.types.is_string(column.type):
        is_number = pc.match_substring_regex(column, r"^[0-9]{1,15}$")
        column = pc.if_else(is_number, column, pa.scalar(None, pa.string()))
    floats: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy()
    return floats


def _refine_outcomes(
    outcomes: list[Outcome],
    outcome_of: npt.NDArray[np.int32],
    entered: npt.NDArray[np.bool_],
    dx_starts: npt.NDArray[np.int32],
    dx_rows: npt.NDArray[np.int32],
    dx_written: pa.StringArray,
    compiled: Compiled,
) -> None:
    """Say why a case was not grouped, where the graph alone cannot know."""
    no_mdc = next(place for place, outcome in enumerate(outcomes) if outcome.reason == "grouper.no_mdc")
    outcome_of[(outcome_of == no_mdc) & entered] = compiled.no_adrg
    has_dx = dx_starts[1:] > dx_starts[:-1]
    principal = np.zeros(len(outcome_of), np.int32)
    principal[has_dx] = dx_rows[dx_starts[:-1][has_dx]]
    unknown_principal = np.flatnonzero(has_dx & (principal == 0))
    # As in Case, a null or an empty text is no diagnosis.
    lengths = pc.binary_length(dx_written.take(pa.array(dx_starts[unknown_principal]))).fill_null(0)
    has_dx[unknown_principal] = np.from_dlpack(lengths) > 0
    ungrouped = compiled.pack.settings.evaluation.ungrouped
    unknown = Outcome(PRINCIPAL_UNKNOWN.status, PRINCIPAL_UNKNOWN.reason, drg=ungrouped)
    outcomes += [unknown, PRINCIPAL_MISSING]
    left_over = (outcome_of == no_mdc) | (outcome_of == compiled.no_adrg)
    outcome_of[left_over & has_dx & (principal == 0)] = len(outcomes) - 2
    outcome_of[~has_dx] = len(outcomes) - 1


def _outcome_columns(outcomes: list[Outcome], outcome_of: npt.NDArray[np.int32]) -> dict[str, pa.Array]:
    places = pa.array(outcome_of)
    return {
        name: pa.array([getattr(outcome, name) for outcome in outcomes], pa.string())
        .dictionary_encode()
        .take(places)
        for name in ("status", "mdc", "adrg", "drg", "drg_name", "reason")
    }


def _complication_columns(
    complication_of: npt.NDArray[np.int8],
    dx_starts: npt.NDArray[np.int32],
    dx_rows: npt.NDArray[np.int32],
    rejected: npt.NDArray[np.bool_],
    dx_index: CodeIndex,
) -> dict[str, pa.Array]:
    case_of = np.repeat(np.arange(len(rejected), dtype=np.int32), np.diff(dx_starts))
    level = np.zeros(len(rejected), np.int8)
    code_row = np.zeros(len(rejected), np.int32)
    for bit in (CC_BIT["CC"], CC_BIT["MCC"]):
        # Backwards, so that the first diagnosis of a level is the one that stays.
        found = np.flatnonzero(complication_of == bit)[::-1]
        level[case_of[found]] = bit
        code_row[case_of[found]] = dx_rows[found]
    names = pa.array(["none", "CC", "MCC"]).dictionary_encode()
    excluded = _first_of_each(np.flatnonzero(complication_of == EXCLUDED), case_of, dx_rows)
    return {
        "cc_level": names.take(pa.array(level.astype(np.int32), mask=rejected)),
        "cc_code": dx_index.names.take(pa.array(code_row)),
        "excluded_cc": _lists(
            case_of[excluded], dx_index.names.take(pa.array(dx_rows[excluded])), len(level)
        ),
    }


def _first_of_each(
    places: npt.NDArray[np.int64], case_of: npt.NDArray[np.int32], rows: npt.NDArray[np.int32]
) -> npt.NDArray[np.int64]:
    """Of the (ascending) places of codes those where the case has the code for the first time."""
    keys = case_of[places].astype(np.int64) << 32 | rows[places]
    _, first = np.unique(keys, return_index=True)
    return np.take(places, np.sort(first))


def unknown_codes_of(
    dx_starts: npt.NDArray[np.int32],
    dx_rows: npt.NDArray[np.int32],
    dx_written: pa.StringArray,
    proc_starts: npt.NDArray[np.int32],
    proc_rows: npt.NDArray[np.int32],
    proc_written: pa.StringArray,
) -> pa.ListArray:
    cases: list[npt.NDArray[np.int64]] = []
    codes: list[pa.Array] = []
    for starts, rows, written in ((dx_starts, dx_rows, dx_written), (proc_starts, proc_rows, proc_written)):
        unknown = np.flatnonzero(rows == 0)
        cases.append(np.searchsorted(starts, unknown, side="right") - 1)
        codes.append(written.take(pa.array(unknown)))
    case_of = np.concatenate(cases)
    order = np.argsort(case_of, kind="stable")
    return _lists(case_of[order], pa.concat_arrays(codes).take(pa.array(order)), len(dx_starts) - 1)


def _lists(case_of: npt.NDArray[np.integer], values: pa.Array, count: int) -> pa.ListArray:
    """A list a case from values and the (ascending) cases they belong to."""
    offsets = np.zeros(count + 1, np.int32)
    np.cumsum(np.bincount(case_of, minlength=count), out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def text_column(table: pa.Table, name: str) -> pa.Array:
    """A text column as one array; nulls where the table has no such column."""
    if name not in table.column_names:
        return pa.nulls(len(table), pa.string())
    column = table.column(name).combine_chunks()
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column


def _repeated(value: str | None, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([value], pa.string()))


def _chosen_schemes(table: pa.Table) -> tuple[list[str | None], npt.NDArray[np.int64]]:
    """The schemes that apply, and the place among them of each case's."""
    keys = pa.table(
        {
            name: table.column(name) if name in table.column_names else pa.nulls(len(table), kind)
            for name, kind in (("region", pa.string()), ("discharge_date", pa.date32()))
        }
    )
    regions = keys.column("region").combine_chunks().dictionary_encode()
    dates = keys.column("discharge_date").combine_chunks().dictionary_encode()
    region_names = [*regions.dictionary.to_pylist(), None]
    days = [*dates.dictionary.to_pylist(), None]
    region_of = regions.indices.fill_null(len(region_names) - 1).to_numpy(zero_copy_only=False)
    day_of = dates.indices.fill_null(len(days) - 1).to_numpy(zero_copy_only=False)
    pairs, pair_of = np.unique(region_of.astype(np.int64) * len(days) + day_of, return_inverse=True)
    chosen = [choose_id(region_names[pair // len(days)], days[pair % len(days)]) for pair in pairs.tolist()]
    ids = list(dict.fromkeys(chosen))
    places = np.array([ids.index(id) for id in chosen], np.int64)
    return ids, places[pair_of] if len(pairs) else np.zeros(0, np.int64)


def _without_scheme(table: pa.Table) -> pa.Table:
    nulls = {field.name: pa.nulls(len(table), field.type) for field in GROUPING_SCHEMA}
    outcome = _outcome_columns([NO_SCHEME], np.zeros(len(table), np.int32))
    columns = {**nulls, "case_id": text_column(table, "case_id"), **outcome}
    return pa.table(columns, schema=GROUPING_SCHEMA)
