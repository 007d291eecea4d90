"""The catalogue that terms are coded by: any table of codes and names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from drg.codes.catalogue import System, load_catalogue
from drg.coding.suggestion.normal import normalise
from drg.coding.suggestion.prepared import Names, read_names
from drg.coding.suggestion.words import tokens

CATEGORY_LENGTH = 3
_VAGUE = re.compile(r"未特指|其他|nos|不可归类")


@dataclass(frozen=True)
class CodeTable:
    """Codes with their names, in the order given; ``gray`` codes are known but not to be reported.

    A code may stand in several rows (further names): rows, not codes, are what terms are compared with.
    ``prepared``: the names as compared, where they are stored.
    """

    codes: tuple[str, ...]
    names: tuple[str, ...]
    gray: npt.NDArray[np.bool_]
    edition: str
    prepared: Names | None = None

    @cached_property
    def terms(self) -> list[str]:
        """The names as compared."""
        return self.prepared.terms if self.prepared else [normalise(name) for name in self.names]

    @cached_property
    def words(self) -> list[list[str]]:
        """The words of every name."""
        return self.prepared.words if self.prepared else [tokens(term) for term in self.terms]

    @cached_property
    def row_of_code(self) -> dict[str, int]:
        """The first row of each code."""
        return {code: row for row, code in reversed(list(enumerate(self.codes)))}

    @cached_property
    def code_numbers(self) -> npt.NDArray[np.int64]:
        """A number for the code of each row."""
        return np.unique(np.array(self.codes), return_inverse=True)[1].astype(np.int64)

    @cached_property
    def row_of_name(self) -> dict[str, int]:
        """The row of each name as compared, one that is not gray where there are several."""
        order = sorted(range(len(self.codes)), key=lambda row: (not self.gray[row], -row))
        return {self.terms[row]: row for row in order}

    @cached_property
    def categories(self) -> npt.NDArray[np.int32]:
        """A number for the first characters of each code."""
        heads = [code[:CATEGORY_LENGTH] for code in self.codes]
        number = {head: place for place, head in enumerate(sorted(set(heads)))}
        return np.array([number[head] for head in heads], np.int32)

    @cached_property
    def features(self) -> npt.NDArray[np.float32]:
        """Per row: gray, vague name, length of the code, rows of the category, length of the name."""
        sizes = np.bincount(self.categories)
        columns = [
            self.gray,
            [bool(_VAGUE.search(term)) for term in self.terms],
            [len(code) for code in self.codes],
            sizes[self.categories],
            [len(term) for term in self.terms],
        ]
        return np.column_stack([np.asarray(column, np.float32) for column in columns])

    def row(self, written: str) -> int | None:
        """The row of a code or of a name, ``None`` where the table has neither."""
        row = self.row_of_code.get(written)
        return self.row_of_name.get(normalise(written)) if row is None else row


def code_table(
    codes: Sequence[str],
    names: Sequence[str],
    gray: Any = None,
    edition: str = "",
    prepared: Names | None = None,
) -> CodeTable:
    """A table of codes and names of equal number."""
    flags = np.zeros(len(codes), np.bool_) if gray is None else np.asarray(gray, np.bool_)
    return CodeTable(tuple(codes), tuple(names), flags, edition, prepared)


def nhsa_table(system: System) -> CodeTable:
    """The catalogue of the NHSA edition."""
    return replace(unprepared_table(system), prepared=read_names(system))


def unprepared_table(system: System) -> CodeTable:
    """The same without the stored names, which are made from it."""
    catalogue = load_catalogue(system)
    names = catalogue.column("name").to_pylist()
    return code_table(catalogue.codes, names, catalogue.column("gray").to_pylist(), catalogue.edition)
