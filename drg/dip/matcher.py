"""The DIP group of every case of a table, by the rows of a catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.codes.catalogue import System, load_catalogue
from drg.codes.index import CodeIndex, code_index
from drg.dip import kernel
from drg.dip.catalogue import Catalogue, Matching, Row, find_catalogue
from drg.dip.cells import Cell
from drg.errors import input_error
from drg.grouper.table import flat_codes, readable, text_column, unknown_codes_of
from drg.scheme.notation import with_prefix

DIP_SCHEMA = pa.schema(
    [
        ("case_id", pa.string()),
        ("status", pa.dictionary(pa.int32(), pa.string())),
        ("layer", pa.dictionary(pa.int32(), pa.string())),
        ("dip", pa.dictionary(pa.int32(), pa.string())),
        ("dip_name", pa.dictionary(pa.int32(), pa.string())),
        ("treatment", pa.dictionary(pa.int32(), pa.string())),
        ("principal_proc", pa.string()),
        ("candidates", pa.int32()),
        ("rw", pa.float64()),
        ("score", pa.float64()),
        ("mean_cost_fen", pa.int64()),
        ("unknown_codes", pa.list_(pa.string())),
        ("reason", pa.dictionary(pa.int32(), pa.string())),
        ("catalogue", pa.dictionary(pa.int32(), pa.string())),
    ]
)
"""Columns of a DIP grouping, one row a case in the order of the input.

``status``: grouped; blank (no row takes the case); ungrouped (its principal diagnosis does not group or is
unknown); rejected (it has none). ``treatment``: the highest of the case's procedures. ``principal_proc``: the
procedure that counted as principal. ``candidates``: how many rows of the layer held. ``reason``: a message id.
"""

CHUNK_ROWS = 1 << 17

STATUSES = (
    ("grouped", None),
    ("blank", "dip.reason_no_row"),
    ("ungrouped", "dip.reason_dx_excluded"),
    ("ungrouped", "dip.reason_dx_unknown"),
    ("rejected", "dip.reason_dx_missing"),
)
"""Status and reason, by number."""

GROUPED, BLANK, DX_EXCLUDED, DX_UNKNOWN, DX_MISSING = range(len(STATUSES))

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Compiled:
    """A catalogue made ready for whole tables."""

    catalogue: Catalogue
    rules: kernel.Rules
    dx_index: CodeIndex
    proc_index: CodeIndex


@dataclass(frozen=True)
class Matches:
    """What the kernel found for the cases of a table, an element a case; ``NOTHING`` (-1) where there is none.

    ``row_of``: place in ``catalogue.rows``; ``status_of``: number in ``STATUSES``; ``principal_of``: row of the
    principal procedure in the index (0: none); ``treatment_of``: rank on the ladder.
    """

    row_of: Ints
    status_of: npt.NDArray[np.int8]
    principal_of: Ints
    treatment_of: Ints
    held_of: Ints
    unknown_codes: pa.ListArray


def group(table: pa.Table | pa.RecordBatch, catalogue: str | Path | Catalogue) -> pa.Table:
    """The DIP group of every case (``CASE_SCHEMA``; absent columns count as missing values).

    Returns a table in ``DIP_SCHEMA``, a row a case in the input's order. Raises ``InputError`` for columns that
    cannot be read and for a catalogue that does not exist or does not load.
    """
    table = readable(table)
    if not isinstance(catalogue, Catalogue):
        catalogue = find_catalogue(catalogue)
    compiled = compile_catalogue(catalogue)
    chunks = [
        _as_batch(table.slice(start, CHUNK_ROWS), compiled) for start in range(0, len(table), CHUNK_ROWS)
    ]
    return pa.Table.from_batches(chunks, DIP_SCHEMA)


def match(table: pa.Table, compiled: Compiled) -> Matches:
    """The rows that take the cases of a (readable) table; memory grows with the table."""
    rules = compiled.rules
    dx_starts, dx_written = flat_codes(table, "dx")
    proc_starts, proc_written = flat_codes(table, "proc")
    dx = compiled.dx_index.find(dx_written)
    proc = compiled.proc_index.find(proc_written)
    count = len(table)
    row_of, principal, treatment_of, held_of = (np.empty(count, np.int32) for _ in range(4))
    kernel.match_cases(
        rules,
        dx_starts,
        dx,
        proc_starts,
        proc,
        whole_numbers(table, "age_days"),
        whole_numbers(table, "birth_weight_g"),
        whole_numbers(table, "total_cost_fen"),
        row_of,
        principal,
        treatment_of,
        held_of,
    )
    has_dx = _has_principal(dx_starts, dx_written)
    first = np.zeros(count, np.int32)
    first[dx_starts[1:] > dx_starts[:-1]] = dx[dx_starts[:-1][dx_starts[1:] > dx_starts[:-1]]]
    status_of = np.select(
        [~has_dx, first == 0, rules.dx_excluded[first], row_of == kernel.NOTHING],
        [DX_MISSING, DX_UNKNOWN, DX_EXCLUDED, BLANK],
        GROUPED,
    ).astype(np.int8)
    found = principal != kernel.NOTHING
    principal_of = np.zeros(count, np.int32)
    principal_of[found] = proc[principal[found]]
    unknown = unknown_codes_of(dx_starts, dx, dx_written, proc_starts, proc, proc_written)
    return Matches(row_of, status_of, principal_of, treatment_of, held_of, unknown)


def whole_numbers(table: pa.Table, column: str) -> npt.NDArray[np.int64]:
    """A column of whole numbers as int64, -1 where a value is missing. Raises ``InputError`` for a column of others."""
    if column not in table.column_names:
        return np.full(len(table), kernel.NOTHING, np.int64)
    found = table.column(column)
    try:
        filled = pc.fill_null(found.cast(pa.int64()), kernel.NOTHING)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise input_error(
            "grouper.column_type", "", column=column, found=str(found.type), expected="int64"
        ) from None
    numbers: npt.NDArray[np.int64] = np.from_dlpack(one_chunk(filled)).astype(np.int64, copy=False)
    return numbers


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array, also where it has no chunk at all."""
    array = column.combine_chunks()
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def _has_principal(starts: Ints, written: pa.StringArray) -> npt.NDArray[np.bool_]:
    """Whether each case has a principal diagnosis; as in ``Case``, a null or an empty text is none."""
    has: npt.NDArray[np.bool_] = starts[1:] > starts[:-1]
    lengths = pc.fill_null(pc.binary_length(written), 0).to_numpy(zero_copy_only=False)
    has[has] = lengths[starts[:-1][has]] > 0
    return has


def _as_batch(table: pa.Table, compiled: Compiled) -> pa.RecordBatch:
    found = match(table, compiled)
    rows = compiled.catalogue.rows
    place = pa.array(found.row_of, mask=found.row_of == kernel.NOTHING)
    treatments = pa.array(list(compiled.catalogue.settings.matching.treatments))
    without = pa.array(found.status_of == DX_MISSING)
    columns = {
        "case_id": text_column(table, "case_id"),
        "status": _by_number([status for status, _ in STATUSES], found.status_of),
        "reason": _by_number([reason for _, reason in STATUSES], found.status_of),
        "layer": _of_rows([row.layer for row in rows], place),
        "dip": _of_rows([row.id for row in rows], place),
        "dip_name": _of_rows([row.name for row in rows], place),
        "treatment": pa.DictionaryArray.from_arrays(
            pa.array(found.treatment_of, mask=without.to_numpy(zero_copy_only=False)), treatments
        ),
        "principal_proc": compiled.proc_index.names.take(pa.array(found.principal_of)),
        "candidates": pa.array(found.held_of),
        "rw": pa.array([_float(row.rw) for row in rows], pa.float64()).take(place),
        "score": pa.array([_float(row.score) for row in rows], pa.float64()).take(place),
        "mean_cost_fen": pa.array([row.mean_cost_fen for row in rows], pa.int64()).take(place),
        "unknown_codes": found.unknown_codes,
        "catalogue": _by_number([compiled.catalogue.id], np.zeros(len(table), np.int8)),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in DIP_SCHEMA.names], schema=DIP_SCHEMA)


def _float(number: Decimal | None) -> float | None:
    return None if number is None else float(number)


def _by_number(texts: Sequence[str | None], numbers: npt.NDArray[Any]) -> pa.DictionaryArray:
    distinct = list(dict.fromkeys(text for text in texts if text is not None))
    place_of = np.array([distinct.index(text) if text is not None else -1 for text in texts])
    places = place_of[numbers]
    return pa.DictionaryArray.from_arrays(
        pa.array(places.astype(np.int32), mask=places < 0), pa.array(distinct, pa.string())
    )


def _of_rows(texts: Sequence[str], place: pa.Array) -> pa.DictionaryArray:
    return pa.array(texts, pa.string()).dictionary_encode().take(place)


_last_compiled: list[Compiled] = []


def compile_catalogue(catalogue: Catalogue) -> Compiled:
    """The catalogue as arrays; the last one is kept, since a run has one catalogue and many batches."""
    for kept in _last_compiled:
        if kept.catalogue is catalogue:
            return kept
    compiled = _Compiler(catalogue).compile()
    _last_compiled[:] = [compiled]
    return compiled


class _Keys:
    """Codes and beginnings of codes, numbered as they are met."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, key: str) -> int:
        return self.numbers.setdefault(key, len(self.numbers))

    def of_codes(self, codes: Sequence[str], lengths: Sequence[int]) -> Ints:
        """For every code (row 0: unknown) and level the number of its key, ``NOTHING`` where no row names it."""
        table = np.full((len(codes) + 1, len(lengths)), kernel.NOTHING, np.int32)
        whole = pa.array(codes, pa.string())
        known = pa.array(list(self.numbers), pa.string())
        for level, length in enumerate(lengths):
            cut = pc.utf8_slice_codeunits(whole, 0, length) if length else whole
            found = pc.fill_null(pc.index_in(cut, known), kernel.NOTHING)
            table[1:, level] = found.to_numpy(zero_copy_only=False)
        return table


class _Compiler:
    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue
        self.matching: Matching = catalogue.settings.matching
        self.rows: Sequence[Row] = catalogue.rows
        self.dx_keys, self.proc_keys = _Keys(), _Keys()
        self.dx_index = code_index("icd10", self._extra("icd10"))
        self.proc_index = code_index("icd9cm3", self._extra("icd9cm3"))

    def _extra(self, system: System) -> tuple[str, ...]:
        """Codes of the catalogue of groups that the code catalogue has neither whole nor as a beginning."""
        known = load_catalogue(system)
        named = {code for row in self.rows for code in _codes(row, system)}
        if system == "icd10":
            named |= {*self.catalogue.excluded_dx, *self.catalogue.resistance}
        else:
            named |= {found.code for found in self.catalogue.excluded_proc}
        return tuple(sorted(code for code in named if not with_prefix(code, known.codes)))

    def compile(self) -> Compiled:
        cells, alternatives, keys = self._cells()
        buckets, bucket_rows = self._buckets()
        dx_table = self.dx_keys.of_codes(self.dx_index.codes, self.matching.dx_lengths)
        proc_table = self.proc_keys.of_codes(self.proc_index.codes, self.matching.proc_lengths)
        ranks = self._proc_ranks()
        proc_rule, dropped, allowed = self._exclusions(ranks)
        treatments = list(self.matching.treatments)
        rules = kernel.Rules(
            dx_keys=dx_table,
            proc_keys=proc_table,
            dx_excluded=self._listed(self.dx_index, self.catalogue.excluded_dx, self.matching.dx_lengths),
            dx_resistant=self._listed(self.dx_index, self.catalogue.resistance, self.matching.dx_lengths),
            proc_rule=proc_rule,
            proc_dropped=dropped,
            proc_rank=ranks,
            allowed_dx=allowed,
            first_only=self.matching.principal_procedure == "first",
            lowest_rank=len(treatments) - 1,
            keys_count=len(self.dx_keys.numbers),
            criteria=self._criteria(),
            buckets=buckets,
            bucket_rows=bucket_rows,
            cells=cells,
            alternatives=alternatives,
            keys=keys,
            row_place=_ints(_PLACES[row.proc_place] for row in self.rows),
            row_treatment=_ints(
                treatments.index(row.treatment) if row.treatment else kernel.NOTHING for row in self.rows
            ),
            row_rank=self._row_ranks(proc_table, ranks),
            row_age=_bands(row.age_days for row in self.rows),
            row_weight=_bands(row.weight_g for row in self.rows),
            row_resistant=_ints(
                kernel.NOTHING if row.resistant is None else int(row.resistant) for row in self.rows
            ),
            row_mean=np.array(
                [kernel.NOTHING if row.mean_cost_fen is None else row.mean_cost_fen for row in self.rows],
                np.int64,
            ),
        )
        return Compiled(self.catalogue, rules, self.dx_index, self.proc_index)

    def _cells(self) -> tuple[Ints, Ints, Ints]:
        """First alternative of each row and cell, first key of each alternative, keys."""
        first = [0]
        alternatives = [0]
        keys: list[int] = []
        for row in self.rows:
            for cell, numbers in (
                (row.dx, self.dx_keys),
                (row.proc, self.proc_keys),
                (row.related, self.proc_keys),
                (row.other_dx, self.dx_keys),
            ):
                for alternative in cell:
                    keys += [numbers.number(code) for code in alternative]
                    alternatives.append(len(keys))
                first.append(len(alternatives) - 1)
        return _ints(first), _ints(alternatives), _ints(keys)

    def _buckets(self) -> tuple[Ints, Ints]:
        """Where the rows of each layer and first diagnosis key begin, and these rows in order."""
        width = len(self.dx_keys.numbers) + 1
        layers = {layer: place for place, layer in enumerate(self.matching.layers)}
        members: dict[int, list[int]] = {}
        for place, row in enumerate(self.rows):
            keys = {self.dx_keys.number(codes[0]) for codes in row.dx} or {width - 1}
            for key in keys:
                members.setdefault(layers[row.layer] * width + key, []).append(place)
        sizes = np.zeros(len(layers) * width + 1, np.int32)
        for bucket, places in members.items():
            sizes[bucket + 1] = len(places)
        ordered = [place for bucket in sorted(members) for place in members[bucket]]
        return np.cumsum(sizes, dtype=np.int32), _ints(ordered)

    def _criteria(self) -> Ints:
        table = np.full((len(self.matching.layers), len(kernel.CRITERIA)), kernel.NOTHING, np.int32)
        for place, layer in enumerate(self.matching.layers):
            numbers = [kernel.CRITERIA.index(name) for name in dict.fromkeys(self.matching.criteria(layer))]
            table[place, : len(numbers)] = numbers
        return table

    def _proc_ranks(self) -> Ints:
        """The rank of each procedure's treatment; a code without an operation type has the lowest."""
        ladder = list(self.matching.treatments.values())
        rank_of = {kind: rank for rank, step in enumerate(ladder) for kind in step.types}
        types = load_catalogue("icd9cm3").column("operation_type").to_pylist()
        lowest = len(ladder) - 1
        ranks = [lowest, *(rank_of.get(kind, lowest) for kind in types)]
        return _ints(ranks + [lowest] * (len(self.proc_index.codes) + 1 - len(ranks)))

    def _exclusions(self, ranks: Ints) -> tuple[Ints, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """By procedure: whether it may be principal (or the number of the diagnoses with which), and whether it
        counts as none; by such number and diagnosis: whether it may."""
        counted = [name in self.matching.counted_treatments for name in self.matching.treatments]
        rule = np.where(np.array(counted)[ranks], kernel.MAY_BE_PRINCIPAL, kernel.NEVER_PRINCIPAL).astype(
            np.int32
        )
        rule[0] = kernel.NEVER_PRINCIPAL
        dropped = np.zeros(len(rule), np.bool_)
        lists: dict[tuple[tuple[str, str], ...], int] = {}
        for found in self.catalogue.excluded_proc:
            hit = self._listed(self.proc_index, (found.code,), self.matching.proc_lengths)
            if found.kind == "only_with":
                rule[hit] = lists.setdefault(found.dx_ranges, len(lists) + 1)
            else:
                rule[hit] = kernel.NEVER_PRINCIPAL
            dropped |= hit & (found.kind == "conservative")
        codes = np.array(["", *self.dx_index.codes])
        allowed = np.zeros((max(len(lists), 1), len(codes)), np.bool_)
        for ranges, number in lists.items():
            for first, last in ranges:
                allowed[number - 1] |= (codes >= first) & (codes < last + "\U0010ffff")
        allowed[:, 0] = False
        return rule, dropped, allowed

    @staticmethod
    def _listed(index: CodeIndex, codes: Iterable[str], lengths: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Which codes of an index a list names, whole or by their beginning."""
        keys = _Keys()
        for code in codes:
            keys.number(code)
        named: npt.NDArray[np.bool_] = (keys.of_codes(index.codes, lengths) != kernel.NOTHING).any(axis=1)
        return named

    def _row_ranks(self, proc_table: Ints, ranks: Ints) -> Ints:
        """The highest treatment that a row names."""
        lowest = len(self.matching.treatments) - 1
        best = np.full(len(self.proc_keys.numbers) + 1, lowest, np.int32)
        for level in range(proc_table.shape[1]):
            # Unknown keys (-1) go to the last element, which nothing reads.
            np.minimum.at(best, proc_table[:, level], ranks)
        treatments = list(self.matching.treatments)
        return _ints(
            treatments.index(row.treatment)
            if row.treatment
            else min((int(best[self.proc_keys.number(code)]) for code in _flat(row.proc)), default=lowest)
            for row in self.rows
        )


_PLACES: Mapping[str, int] = {
    "principal": kernel.PLACE_PRINCIPAL,
    "anywhere": kernel.PLACE_ANYWHERE,
    "ignored": kernel.PLACE_IGNORED,
}


def _codes(row: Row, system: System) -> Iterable[str]:
    cells = (row.dx, row.other_dx) if system == "icd10" else (row.proc, row.related)
    return (code for cell in cells for code in _flat(cell))


def _flat(cell: Cell) -> Iterable[str]:
    return (code for alternative in cell for code in alternative)


def _ints(numbers: Iterable[int]) -> Ints:
    return np.array(list(numbers), np.int32)


def _bands(bands: Iterable[tuple[int | None, int | None]]) -> Ints:
    rows = [[kernel.NOTHING if bound is None else bound for bound in band] for band in bands]
    return np.array(rows, np.int32).reshape(-1, 2)
