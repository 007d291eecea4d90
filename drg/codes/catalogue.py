"""The two code catalogues of the NHSA, edition 2.0: diagnoses (ICD-10) and procedures (ICD-9-CM-3).

Data: ``data/icd10.parquet`` and ``data/icd9cm3.parquet``, made by :mod:`drg.codes.build`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast

import pyarrow as pa
import pyarrow.parquet as pq

from drg.codes.normalise import normalise_code

System = Literal["icd10", "icd9cm3"]
SYSTEMS: tuple[System, ...] = ("icd10", "icd9cm3")
EDITION = "nhsa-2.0"
DATA = Path(__file__).with_name("data")

How = Literal["exact", "normalised", "dagger", "excel_number", "unknown"]

_NUMBER = re.compile(r"([0-9]{1,2})(?:\.([0-9]{1,4}))?")


def read_columns(file: str, columns: list[str]) -> pa.Table:
    """Columns of a data file. Without ``pq.read_table``, which would import the whole dataset machinery."""
    with pq.ParquetFile(DATA / file) as parquet:
        return parquet.read(columns=columns, use_threads=False)


@dataclass(frozen=True)
class Resolution:
    """What a text means: a catalogue code (``None`` when unknown) and how it was found."""

    code: str | None
    how: How


class Catalogue:
    """The codes of one system in plain string order, with names and flags; see :func:`load_catalogue`."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.edition = EDITION
        self.codes: tuple[str, ...] = tuple(self.column("code").to_pylist())

    def column(self, name: str) -> pa.Array:
        """One column of the data file, a value a code in the order of ``codes``.

        Columns: ``code``, ``name`` (string), ``gray`` (bool), ``operation_type`` (string, null where none),
        ``initials`` (list of strings, one a reading).
        """
        return read_columns(f"{self.system}.parquet", [name]).column(0).combine_chunks()

    @cached_property
    def _position(self) -> dict[str, int]:
        return {code: position for position, code in enumerate(self.codes)}

    @cached_property
    def _names(self) -> list[str]:
        return cast(list[str], self.column("name").to_pylist())

    @cached_property
    def _gray(self) -> frozenset[str]:
        gray = self.column("gray").to_pylist()
        return frozenset(code for code, is_gray in zip(self.codes, gray, strict=True) if is_gray)

    @cached_property
    def _operation_types(self) -> list[str | None]:
        return cast(list[str | None], self.column("operation_type").to_pylist())

    def __len__(self) -> int:
        return len(self.codes)

    def __contains__(self, code: object) -> bool:
        return code in self._position

    def name(self, code: str) -> str | None:
        """The Chinese name of a catalogue code, ``None`` for any other text."""
        position = self._position.get(code)
        return None if position is None else self._names[position]

    def is_gray(self, code: str) -> bool:
        """Whether the NHSA prints the code gray: it stands in the catalogue but is not to be reported."""
        return code in self._gray

    def operation_type(self, code: str) -> str | None:
        """手术, 治疗性操作, 诊断性操作 or 介入治疗; ``None`` where the NHSA gives none."""
        position = self._position.get(code)
        return None if position is None else self._operation_types[position]

    @cached_property
    def aliases(self) -> Mapping[str, str]:
        """Bare dagger half -> combined code (``A18.808`` -> ``A18.808+I32.0*``).

        Only where exactly one code completes the half and the half is not itself a code.
        """
        return dagger_aliases(self.codes, self._position)

    def resolve(self, text: str, extra: Collection[str] = ()) -> Resolution:
        """The catalogue code that ``text`` means, or else the one of ``extra``; see :func:`resolve_code`.

        ``extra`` are codes that a scheme knows beside the catalogue's. As it stands, a text is taken for one of
        them at once; in another spelling only where the catalogue has no such code.
        """
        if text in extra:
            return Resolution(text, "exact")
        found = resolve_code(text, self.system, self._position, self.aliases)
        if found.code is None and extra:
            return resolve_code(text, self.system, extra, {})
        return found


def dagger_aliases(codes: Iterable[str], known: Container[str]) -> Mapping[str, str]:
    """Bare dagger half -> the only one of ``codes`` that completes it, unless the half is ``known``."""
    combined: defaultdict[str, list[str]] = defaultdict(list)
    for code in codes:
        half, plus, _ = code.partition("+")
        if plus:
            combined[half].append(code)
    return MappingProxyType(
        {half: whole[0] for half, whole in combined.items() if len(whole) == 1 and half not in known}
    )


def resolve_code(text: str, system: System, known: Container[str], aliases: Mapping[str, str]) -> Resolution:
    """The known code that ``text`` means: as it stands, normalised, as dagger half, or as Excel number.

    An Excel number is a procedure code that lost its zeros in a spreadsheet (``0.55`` for ``00.5500``).
    """
    if text in known:
        return Resolution(text, "exact")
    code = normalise_code(text)
    if code in known:
        return Resolution(code, "normalised")
    if combined := aliases.get(code.removesuffix("+")):
        return Resolution(combined, "dagger")
    if system == "icd9cm3" and (restored := _with_zeros(code)) and restored in known:
        return Resolution(restored, "excel_number")
    return Resolution(None, "unknown")


def _with_zeros(number: str) -> str | None:
    """``0.55`` -> ``00.5500``: two integer and four decimal digits; ``None`` for any other text."""
    match = _NUMBER.fullmatch(number)
    if match is None:
        return None
    whole, decimals = match.groups(default="")
    return f"{whole:0>2}.{decimals:0<4}"


@cache
def load_catalogue(system: System) -> Catalogue:
    """The catalogue of a system, read once a process."""
    return Catalogue(system)
