"""Which columns of a file hold a field of the record table: the notation of ``layout.csv`` bound to headers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from drg.errors import InputError, Problem
from drg.quality.layout import Field
from drg.records.dialect import Headers

MAX_COUNTED = 99
_COUNTER = re.compile(r"\{n(?::(\d+))?\}")
_GLUES = ("/", "+", "@")


@dataclass(frozen=True)
class Cell:
    """One alternative for a value: the columns it is made of and how.

    ``glue``: empty for one column, ``/`` ``+`` ``@`` for parts; ``,`` for a list separated by commas and ``[]`` for a
    column with all rows of a group.
    """

    columns: tuple[str, ...]
    glue: str = ""


Position = tuple[Cell, ...]


@cache
def positions(notation: str) -> tuple[Position, ...]:
    """The positions of a field (rows of a group; one for a scalar), counters written out up to 99."""
    return tuple(
        tuple(_cell(one) for one in text.split("|"))
        for piece in notation.split(";")
        if piece
        for text in _counted(piece)
    )


def _counted(piece: str) -> Iterator[str]:
    if not _COUNTER.search(piece):
        yield piece
        return
    for number in range(1, MAX_COUNTED + 1):
        yield _COUNTER.sub(lambda found, number=number: str(number).zfill(int(found[1] or 0)), piece)  # type: ignore[misc]


def _cell(text: str) -> Cell:
    for ending in ("[]", ","):
        if text.endswith(ending):
            return Cell((text.removesuffix(ending),), ending)
    glue = next((one for one in _GLUES if one in text), "")
    return Cell(tuple(text.split(glue)) if glue else (text,), glue)


def bind(
    fields: Sequence[Field], dialect: str, headers: Sequence[str], where: str
) -> Mapping[str, list[Position]]:
    """Path of each field that the headers carry -> its positions, with the headers as the file writes them.

    A position without a column is an empty tuple, so that the rows of a group stay beside each other. Raises
    ``InputError`` where several headers stand for one column.
    """
    known = Headers.of(headers)
    bound = {}
    for field in fields:
        found = [_position(one, known) for one in positions(field.columns(dialect))]
        while found and not found[-1]:
            found.pop()
        if found:
            bound[field.path] = found
    wanted = dict.fromkeys(
        name
        for field in fields
        for position in positions(field.columns(dialect))
        for cell in position
        for name in cell.columns
    )
    problems = [
        Problem(
            "records.column_twice",
            where,
            {"column": name, "found": ", ".join(known.names[one] for one in places)},
        )
        for name in wanted
        if len(places := known.places(name)) > 1
    ]
    if problems:
        raise InputError(problems)
    return bound


def _position(position: Position, headers: Headers) -> Position:
    cells = []
    for cell in position:
        places = [headers.places(name)[:1] for name in cell.columns]
        if places[0] or (cell.glue in ("/", "+") and any(places)):
            cells.append(Cell(tuple(headers.names[found[0]] if found else "" for found in places), cell.glue))
    return tuple(cells)


def used_headers(bound: Mapping[str, list[Position]]) -> list[str]:
    """Every header of a binding, each once."""
    names = [
        name for found in bound.values() for position in found for cell in position for name in cell.columns
    ]
    return [name for name in dict.fromkeys(names) if name]
