"""The payer's settlement feedback: any table with a mapping in the style of ``drg.records``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from drg.errors import input_error
from drg.records import values
from drg.records.dialect import Dialect, FieldSource, Headers, Title, read_mapping
from drg.records.record_file import open_source
from drg.records.source import Chunk

PLAIN = Path(__file__).parent / "payer" / "plain.toml"
BATCH_ROWS = 200_000

PAYER_SCHEMA = pa.schema(
    [
        ("payer_row", pa.int64()),
        ("case_id", pa.string()),
        ("group", pa.string()),
        ("weight", pa.decimal128(20, 6)),
        ("payment_fen", pa.int64()),
        ("reason", pa.string()),
    ]
)
"""One row a line of the payer's table that names a case; what the payer does not say is null."""

UNREADABLE_SCHEMA = pa.schema([("payer_row", pa.int64()), ("field", pa.string()), ("value", pa.string())])

_WEIGHT = r"^[0-9]{1,9}(\.[0-9]{1,6}0*)?$"

FieldName = Literal["case_id", "group", "weight", "payment_fen", "reason"]


class PayerMapping(BaseModel):
    """A mapping file: which columns of the payer's table hold what (``payer/plain.toml``)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: Title
    source: str
    null_markers: tuple[str, ...] = ()
    fields: dict[FieldName, FieldSource]


@dataclass(frozen=True)
class PayerFeedback:
    """What was read: ``rows`` in ``PAYER_SCHEMA``; cells that say something unreadable in ``UNREADABLE_SCHEMA``."""

    rows: pa.Table
    unreadable: pa.Table


def load_mapping(path: Path) -> PayerMapping:
    """A mapping file. Raises ``InputError`` with everything that is wrong with it."""
    mapping = read_mapping(path, PayerMapping)
    if "case_id" not in mapping.fields:
        raise input_error("records.mapping_invalid", str(path), key="fields", detail="case_id")
    return mapping


def read_payer(path: Path, mapping: PayerMapping | None = None) -> PayerFeedback:
    """The payer's table: CSV, XLSX or Parquet. Raises ``InputError`` where it cannot be used at all."""
    chosen = mapping or load_mapping(PLAIN)
    source = open_source(path, _dialect(chosen))
    headers = Headers.of(source.columns)
    bound = {
        name: [_first(headers, part, str(path)) for part in field.parts]
        for name, field in chosen.fields.items()
    }
    fen = {name: _first(headers, field.fen, str(path)) for name, field in chosen.fields.items() if field.fen}
    if not all(bound["case_id"]):
        names = " + ".join(" / ".join(part) for part in chosen.fields["case_id"].parts)
        raise input_error("records.column_missing", str(path), field="case_id", column=names)
    wanted = [header for parts in (*bound.values(), list(fen.values())) for header in parts if header]
    reader = _Reader(chosen, bound, fen)
    if source.row_count != 0:
        for chunk in source.chunks(list(dict.fromkeys(wanted)), BATCH_ROWS):
            reader.read(chunk)
    return reader.result()


def _dialect(mapping: PayerMapping) -> Dialect:
    """The mapping as the sources of ``drg.records`` want it: they look for the case id only."""
    case_id = mapping.fields["case_id"]
    return Dialect.model_validate(
        {
            "id": mapping.id,
            "title": mapping.title.model_dump(),
            "source": mapping.source,
            "edition": "nhsa",
            "detect": case_id.parts,
            "fields": {"case_id": {"join": case_id.parts}},
            "lists": {"dx": {"column": case_id.parts[0]}},
        }
    )


def _first(headers: Headers, alternatives: Sequence[str], where: str) -> str | None:
    for name in alternatives:
        places = headers.places(name)
        if len(places) > 1:
            shown = ", ".join(headers.names[place] for place in places)
            raise input_error("records.column_twice", where, column=name, found=shown)
        if places:
            return headers.names[places[0]]
    return None


class _Reader:
    def __init__(
        self,
        mapping: PayerMapping,
        bound: dict[FieldName, list[str | None]],
        fen: dict[FieldName, str | None],
    ):
        self.mapping = mapping
        self.bound = bound
        self.fen = fen
        own = pa.array(mapping.null_markers, pa.string())
        self.markers = pa.concat_arrays([values.null_markers(), own])
        self.rows: list[pa.Table] = []
        self.unreadable: list[pa.Table] = []

    def read(self, chunk: Chunk) -> None:
        columns = {
            "payer_row": chunk.rows,
            "case_id": self._text("case_id", chunk),
            "group": self._text("group", chunk),
            "weight": self._weight(chunk),
            "payment_fen": self._money(chunk),
            "reason": self._text("reason", chunk),
        }
        table = pa.table(columns, schema=PAYER_SCHEMA)
        named = pc.is_valid(table.column("case_id"))
        self._tell(chunk.rows, "case_id", pc.invert(named), pa.nulls(len(table), pa.string()))
        self.rows.append(table.filter(named))
        if chunk.rejections.num_rows:
            rejected = chunk.rejections
            cells = [
                rejected.column("row"),
                pa.repeat(pa.scalar("*"), len(rejected)),
                rejected.column("value"),
            ]
            self.unreadable.append(pa.table(cells, schema=UNREADABLE_SCHEMA))

    def result(self) -> PayerFeedback:
        rows = pa.concat_tables([PAYER_SCHEMA.empty_table(), *self.rows])
        return PayerFeedback(rows, pa.concat_tables([UNREADABLE_SCHEMA.empty_table(), *self.unreadable]))

    def _cells(self, name: FieldName, chunk: Chunk) -> list[pa.Array]:
        parts = self.bound.get(name, [])
        texts = [values.as_text(chunk.columns[header]) for header in parts if header is not None]
        return [values.without_markers(text, self.markers) for text in texts]

    def _text(self, name: FieldName, chunk: Chunk) -> pa.Array:
        cells = self._cells(name, chunk)
        if not cells:
            return pa.nulls(len(chunk.rows), pa.string())
        return (
            cells[0]
            if len(cells) == 1
            else pc.binary_join_element_wise(*cells, self.mapping.fields[name].glue)
        )

    def _weight(self, chunk: Chunk) -> pa.Array:
        kind = PAYER_SCHEMA.field("weight").type
        cells = self._cells("weight", chunk)
        if not cells:
            return pa.nulls(len(chunk.rows), kind)
        text = pc.utf8_trim_whitespace(cells[0])
        good = pc.match_substring_regex(text, _WEIGHT)
        self._tell(chunk.rows, "weight", pc.fill_null(pc.invert(good), False), text)
        digits = pc.replace_substring_regex(text, r"(\.[0-9]{6})0+$", r"\1")
        return pc.if_else(good, digits, pa.scalar(None, pa.string())).cast(kind)

    def _money(self, chunk: Chunk) -> pa.Array:
        """The payment in fen, read as any amount of a record: exactly, or told as unreadable."""
        parts = self._cells("payment_fen", chunk)
        read = [values.read_scalar("total_cost_fen", part, {}, self.markers) for part in parts]
        if len(read) > 1:
            read = [values.total("total_cost_fen", read)]
        if (header := self.fen.get("payment_fen")) is not None:
            read.append(values.read_fen("total_cost_fen", chunk.columns[header], self.markers))
        if not read:
            return pa.nulls(len(chunk.rows), pa.int64())
        column = values.first_given(read)
        for problem in column.problems:
            bad = np.zeros(len(chunk.rows), np.bool_)
            bad[problem.positions] = True
            shown = values.as_text(parts[0]) if parts else pa.nulls(len(chunk.rows), pa.string())
            self._tell(chunk.rows, "payment_fen", pa.array(bad), shown)
        return column.values.cast(pa.int64())

    def _tell(
        self, rows: pa.Array, name: FieldName, bad: pa.Array | pa.ChunkedArray, cells: pa.Array
    ) -> None:
        mask = bad.combine_chunks() if isinstance(bad, pa.ChunkedArray) else bad
        if pc.any(mask).as_py():
            told = rows.filter(mask)
            names = pa.repeat(pa.scalar(name), len(told))
            self.unreadable.append(pa.table([told, names, cells.filter(mask)], schema=UNREADABLE_SCHEMA))
