"""The code dictionary of a record: NHSA edition or clinical edition, with the ICD-10 chapters (``chapters.csv``)."""

from __future__ import annotations

import csv
from bisect import bisect_left
from functools import cache, cached_property
from pathlib import Path
from typing import Literal, get_args

import pyarrow as pa

from drg.codes.catalogue import System, load_catalogue, read_columns, resolve_code
from drg.codes.normalise import normalise_code

Edition = Literal["nhsa-2.0", "clinical-2.0"]
EDITIONS: tuple[Edition, ...] = get_args(Edition)
NHSA, CLINICAL = EDITIONS


class Listing:
    """What a code dictionary tells of codes. Every method takes distinct codes and answers one value a code."""

    def __init__(self, edition: Edition, system: System):
        self.edition = edition
        self._system = system

    @cached_property
    def _names(self) -> dict[str, str]:
        """Code -> name."""
        if self.edition == NHSA:
            catalogue = load_catalogue(self._system)
            return dict(zip(catalogue.codes, catalogue.column("name").to_pylist(), strict=True))
        table = read_columns(f"{self._system}_clinical.parquet", ["clinical_code", "clinical_name"])
        return dict(zip(*(column.to_pylist() for column in table.columns), strict=True))

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self._names)

    @cached_property
    def _halves(self) -> tuple[frozenset[str], tuple[str, ...]]:
        """Dagger halves that stand in combined codes only, and the asterisk halves without their mark."""
        combined = [code.partition("+") for code in self._names if "+" in code]
        daggers = frozenset(first for first, _, _ in combined if first not in self._names)
        return daggers, tuple({second.rstrip("*") for _, _, second in combined})

    def _found(self, text: str) -> str | None:
        """The dictionary's spelling of a code."""
        if self.edition == NHSA:
            return load_catalogue(self._system).resolve(text).code
        return resolve_code(text, self._system, self._names, {}).code

    def listed(self, codes: pa.Array) -> pa.Array:
        return pa.array([self._found(code) is not None for code in codes.to_pylist()], pa.bool_())

    def names(self, codes: pa.Array) -> pa.Array:
        found = [self._found(code) for code in codes.to_pylist()]
        return pa.array([None if code is None else self._names[code] for code in found], pa.string())

    @cached_property
    def _by_name(self) -> dict[str, str]:
        """Name -> code."""
        return {name: code for code, name in self._names.items()}

    def codes_of(self, names: pa.Array) -> pa.Array:
        return pa.array([self._by_name.get(name) for name in names.to_pylist()], pa.string())

    def mapped(self, codes: pa.Array) -> pa.Array:
        """Whether the map from the clinical to the NHSA edition leads to a code that the latter has."""
        return pa.array([self._is_mapped(code) for code in codes.to_pylist()], pa.bool_())

    def _is_mapped(self, text: str) -> bool | None:
        from drg.codes.crosswalk import load_crosswalk

        if self.edition == NHSA or self._found(text) is None:
            return None
        return load_crosswalk(self._system).entry(text)[0] in load_catalogue(self._system)

    def has_children(self, codes: pa.Array) -> pa.Array:
        return pa.array([self._is_category(normalise_code(code)) for code in codes.to_pylist()], pa.bool_())

    def _is_category(self, code: str) -> bool:
        if self._found(code) is not None:
            return False
        place = bisect_left(self._sorted, code)
        return place < len(self._sorted) and self._sorted[place].startswith(code)

    def gray(self, codes: pa.Array) -> pa.Array:
        if self.edition != NHSA:
            return pa.nulls(len(codes), pa.bool_())
        catalogue = load_catalogue(self._system)
        found = [self._found(code) for code in codes.to_pylist()]
        return pa.array([None if code is None else catalogue.is_gray(code) for code in found], pa.bool_())

    def operation_classes(self, codes: pa.Array) -> pa.Array:
        return pa.array([self._operation_class(code) for code in codes.to_pylist()], pa.string())

    def _operation_class(self, text: str) -> str | None:
        code = self._found(text)
        if code is None:
            return None
        if self.edition != NHSA:
            from drg.codes.crosswalk import load_crosswalk

            code = load_crosswalk(self._system).entry(code)[0]
        return load_catalogue(self._system).operation_type(code)

    def asterisk(self, codes: pa.Array) -> pa.Array:
        return pa.array([self._is_asterisk(normalise_code(code)) for code in codes.to_pylist()], pa.bool_())

    def _is_asterisk(self, code: str) -> bool:
        if "+" in code:
            return False
        return code.endswith("*") or (code not in self._names and code.startswith(self._halves[1]))

    def dagger(self, codes: pa.Array) -> pa.Array:
        halves = self._halves[0]
        texts = [normalise_code(code) for code in codes.to_pylist()]
        return pa.array([code.endswith("+") or code in halves for code in texts], pa.bool_())


@cache
def listing(edition: Edition, system: System) -> Listing:
    """The dictionary of an edition and a code system, read once a process."""
    return Listing(edition, system)


@cache
def _chapters() -> list[tuple[str, str, str]]:
    path = Path(__file__).with_name("chapters.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["first"], row["last"], row["chapter"]) for row in csv.DictReader(file)]


def chapter(code: str) -> str | None:
    """The number of the ICD-10 chapter of a code."""
    category = code[:3]
    return next((number for first, last, number in _chapters() if first <= category <= last), None)
