"""What occurs together in a hospital's own cases, counted column by column.

Counted are cases, not mentions: each category of a diagnosis or procedure, each ADRG and, from whole records, each drug
class, abnormal test and fee item once a case. Memory is bounded by the number of different items, not of cases.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.codes.catalogue import load_catalogue
from drg.codes.index import code_index
from drg.coding.graph.kernel import count_pairs
from drg.coding.graph.levels import CodeKind, category_of
from drg.errors import input_error
from drg.grouper.table import flat_codes, group
from drg.scheme.pack import Pack

Ints = npt.NDArray[np.int64]

LEAST_CASES = 5
"""No count below this is ever written: it could be one recognisable patient."""
DEFAULT_CASES = 10
LEAST_LIFT = 1.2
MOST_ITEMS = 60
"""Items of a case that are paired; a case with more (0.01 % of discharges) is left out and counted."""
MOST_FEE_ITEMS = 2_000
_SPARE_ITEMS = 200
_BASE = 1 << 20


@dataclass(frozen=True)
class Together:
    """Pairs that are seen together more often than by chance.

    ``names``: node id -> name of every item; ``counts``: cases of each; pairs by place in ``names``. ``cases``: how
    many were counted, ``left_out`` how many had too many items, ``dropped_items`` fee items beyond the limit.
    """

    names: dict[str, str]
    counts: Ints
    first: Ints
    second: Ints
    both: Ints
    cases: int
    left_out: int
    dropped_items: int
    minimum: int
    origin: str = "own-cases"

    @property
    def lift(self) -> npt.NDArray[np.float64]:
        """How much more often than by chance, pair by pair."""
        return self.both * self.cases / (self.counts[self.first] * self.counts[self.second])


@dataclass
class _Vocabulary:
    """Item numbers of node ids, in the order in which they were first seen."""

    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, id: str) -> int:
        return self.numbers.setdefault(id, len(self.numbers))


class Miner:
    """Counts batch by batch. ``pack`` adds the groups of the cases."""

    def __init__(self, pack: Pack | None = None, minimum: int = DEFAULT_CASES):
        if minimum < LEAST_CASES:
            raise input_error("coding.minimum_too_small", given=minimum, least=LEAST_CASES)
        self._pack = pack
        self._minimum = minimum
        self._vocabulary = _Vocabulary()
        self._of_code = {kind: self._numbers_of_codes(kind) for kind in ("dx", "proc")}
        self._cases = self._left_out = self._dropped = self._fee_items = 0
        self._items = np.zeros(0, np.int64)
        self._pairs = np.zeros((0, 0), np.int32)

    def _numbers_of_codes(self, kind: CodeKind) -> npt.NDArray[np.int32]:
        """The item of each row of the code index; -1 for what is no code."""
        index = code_index("icd10" if kind == "dx" else "icd9cm3")
        numbers = [self._vocabulary.number(f"{kind}:{category_of(kind, code)}") for code in index.codes]
        return np.array([-1, *numbers], np.int32)

    def add(self, cases: pa.Table, records: pa.Table | None = None) -> None:
        """Count a batch: a case table with NHSA codes and, row by row, its records with orders, labs and fee lines."""
        parts = [self._codes(cases, "dx"), self._codes(cases, "proc")]
        if self._pack is not None:
            parts.append(self._groups(cases, self._pack))
        if records is not None:
            parts += self._of_records(records)
        keys = np.concatenate([place * _BASE + item for place, item in parts])
        keys = np.unique(keys)
        self._cases += len(cases)
        self._count(keys // _BASE, keys % _BASE)

    def _codes(self, cases: pa.Table, kind: CodeKind) -> tuple[Ints, Ints]:
        starts, written = flat_codes(cases, kind)
        rows = code_index("icd10" if kind == "dx" else "icd9cm3").find(written)
        items = self._of_code[kind][rows].astype(np.int64)
        return _known(np.repeat(np.arange(len(starts) - 1), np.diff(starts)), items)

    def _groups(self, cases: pa.Table, pack: Pack) -> tuple[Ints, Ints]:
        column = group(cases, pack).column("adrg").combine_chunks()
        column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        encoded = pc.dictionary_encode(column)
        numbers = [self._vocabulary.number(f"adrg:{code}") for code in encoded.dictionary.to_pylist()]
        items = np.array([*numbers, -1], np.int64)[encoded.indices.fill_null(len(numbers)).to_numpy()]
        return _known(np.arange(len(cases)), items)

    def _of_records(self, records: pa.Table) -> list[tuple[Ints, Ints]]:
        from drg.coding.graph.names import drug_nodes, lab_nodes

        found = []
        for column, nodes_of in (("orders.name", drug_nodes), ("fee_lines.name", self._fee_nodes)):
            if column in records.column_names:
                lists = records.column(column).combine_chunks()
                encoded = lists.flatten().dictionary_encode()
                numbers = [self._numbers(nodes_of(text or "")) for text in encoded.dictionary.to_pylist()]
                found += _spread(pc.list_parent_indices(lists), encoded.indices, numbers)
        if {"labs.name", "labs.value"} <= set(records.column_names):
            names = [f"labs.{name}" for name in ("name", "value", "unit", "low", "high")]
            lists = [records.column(name).combine_chunks() for name in names if name in records.column_names]
            rows = zip(*(one.flatten().to_pylist() for one in lists), strict=True)
            numbers = [self._numbers(lab_nodes(*row)) for row in rows]
            found += _spread(pc.list_parent_indices(lists[0]), pa.array(range(len(numbers))), numbers)
        return found

    def _numbers(self, ids: list[str]) -> list[int]:
        return [self._vocabulary.number(id) for id in ids]

    def _fee_nodes(self, name: str) -> list[str]:
        """A fee item is a node by its name; the vocabulary of a hospital is bounded."""
        id = f"fee:{name.strip()[:60]}"
        if not name.strip():
            return []
        if id not in self._vocabulary.numbers:
            if self._fee_items >= MOST_FEE_ITEMS:
                self._dropped += 1
                return []
            self._fee_items += 1
        return [id]

    def _count(self, cases: Ints, items: Ints) -> None:
        """Count distinct items of cases, ordered by case, and their pairs."""
        self._items = _added(self._items, np.bincount(items, minlength=len(self._vocabulary.numbers)))
        starts = np.append(np.flatnonzero(np.diff(cases, prepend=-1)), len(cases))
        self._make_room()
        self._left_out += count_pairs(starts, items, MOST_ITEMS, self._pairs)

    def _make_room(self) -> None:
        """The vocabulary grows with what is seen, and the matrix with it."""
        needed, has = len(self._vocabulary.numbers), len(self._pairs)
        if needed > has:
            larger = np.zeros((needed + _SPARE_ITEMS, needed + _SPARE_ITEMS), np.int32)
            larger[:has, :has] = self._pairs
            self._pairs = larger

    def finish(self) -> Together:
        """The pairs of at least ``minimum`` cases that are seen together more often than by chance."""
        counts = _added(self._items, np.zeros(len(self._vocabulary.numbers), np.int64))
        first, second = np.nonzero(self._pairs >= self._minimum)
        both = self._pairs[first, second].astype(np.int64)
        kept = both * self._cases >= LEAST_LIFT * counts[first] * counts[second]
        used = np.unique(np.concatenate([first[kept], second[kept]]))
        place = np.full(len(counts), -1, np.int64)
        place[used] = np.arange(len(used))
        ids = list(self._vocabulary.numbers)
        return Together(
            names={ids[number]: _shown_name(ids[number]) for number in used.tolist()},
            counts=counts[used],
            first=place[first[kept]],
            second=place[second[kept]],
            both=both[kept],
            cases=self._cases,
            left_out=self._left_out,
            dropped_items=self._dropped,
            minimum=self._minimum,
        )


def _known(places: Ints, items: Ints) -> tuple[Ints, Ints]:
    known = items >= 0
    return places[known], items[known]


def _spread(parents: pa.Array, indices: pa.Array, numbers: list[list[int]]) -> list[tuple[Ints, Ints]]:
    """The items of each row, where a distinct text may mean several or none."""
    lengths = np.array([len(one) for one in numbers], np.int64)
    flat = np.array([number for one in numbers for number in one], np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    valid = np.asarray(indices.is_valid().to_numpy(zero_copy_only=False))
    which = np.asarray(indices.fill_null(0).to_numpy())[valid].astype(np.int64)
    rows = np.asarray(parents.to_numpy())[valid].astype(np.int64)
    repeats = lengths[which] if len(lengths) else np.zeros(0, np.int64)
    total = int(repeats.sum())
    if not total:
        return []
    inside = np.arange(total) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    return [(np.repeat(rows, repeats), flat[np.repeat(starts[which], repeats) + inside])]


def _added(first: Ints, second: Ints) -> Ints:
    length = max(len(first), len(second))
    total = np.zeros(length, np.int64)
    total[: len(first)] += first
    total[: len(second)] += second
    return total


def _shown_name(id: str) -> str:
    kind, _, code = id.partition(":")
    if kind in ("dx", "proc"):
        return load_catalogue("icd10" if kind == "dx" else "icd9cm3").name(code) or ""
    return code if kind == "fee" else ""
