"""What was wrong with a row (rejections) and what was repaired in it (notes), as Arrow tables.

A finding is a message id of ``drg/texts/records.toml`` with its row, field and value. The texts are added
only when a person reads them (:func:`render_rejections`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg import messages

MAX_VALUE_LENGTH = 80

REJECTION_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("case_id", pa.string()),
        ("field", pa.string()),
        ("value", pa.string()),
        ("reason", pa.string()),
    ]
)
NOTE_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("case_id", pa.string()),
        ("field", pa.string()),
        ("value", pa.string()),
        ("became", pa.string()),
        ("note", pa.string()),
    ]
)

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Finding:
    """One message about several rows of a chunk.

    ``positions`` are places in the chunk (from 0); ``values`` and ``became`` are strings, one a position.
    """

    message: str
    field: str
    positions: Positions
    values: pa.Array
    became: pa.Array | None = None

    def only(self, kept: npt.NDArray[np.bool_]) -> Finding:
        """The finding about those of its positions that are ``kept`` (a mask over the positions)."""
        chosen = pa.array(kept)
        became = None if self.became is None else self.became.filter(chosen)
        return Finding(self.message, self.field, self.positions[kept], self.values.filter(chosen), became)


def capped(text: str) -> str:
    """``text``, cut to 80 characters with its full length said."""
    if len(text) <= MAX_VALUE_LENGTH:
        return text
    return f"{text[:MAX_VALUE_LENGTH]}… (length {len(text)})"


def capped_array(values: pa.Array) -> pa.Array:
    """:func:`capped` over an array of strings."""
    lengths = pc.utf8_length(values)
    if not pc.any(pc.greater(lengths, MAX_VALUE_LENGTH)).as_py():
        return values
    return pa.array([None if value is None else capped(value) for value in values.to_pylist()], pa.string())


def rejection_table(findings: Iterable[Finding], rows: pa.Array, case_ids: pa.Array) -> pa.Table:
    """Findings that reject rows, in ``REJECTION_SCHEMA``; ``rows`` and ``case_ids`` describe the chunk."""
    parts = [
        pa.table(
            [
                rows.take(pa.array(finding.positions)),
                capped_array(case_ids.take(pa.array(finding.positions))),
                _constant(finding.field, len(finding.positions)),
                capped_array(finding.values),
                _constant(finding.message, len(finding.positions)),
            ],
            schema=REJECTION_SCHEMA,
        )
        for finding in findings
    ]
    return pa.concat_tables([REJECTION_SCHEMA.empty_table(), *parts])


def note_table(findings: Iterable[Finding], rows: pa.Array, case_ids: pa.Array) -> pa.Table:
    """Findings that only tell of a repair, in ``NOTE_SCHEMA``."""
    parts = [
        pa.table(
            [
                rows.take(pa.array(finding.positions)),
                capped_array(case_ids.take(pa.array(finding.positions))),
                _constant(finding.field, len(finding.positions)),
                capped_array(finding.values),
                finding.became,
                _constant(finding.message, len(finding.positions)),
            ],
            schema=NOTE_SCHEMA,
        )
        for finding in findings
    ]
    return pa.concat_tables([NOTE_SCHEMA.empty_table(), *parts])


def _constant(text: str, length: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), length)


def render_rejections(table: pa.Table, lang: str = "en") -> pa.Table:
    """``table`` of rejections with two columns more: ``reason_text`` and ``remedy``, in ``lang``."""
    reasons = table.column("reason").to_pylist()
    values = table.column("value").to_pylist()
    return table.append_column(
        "reason_text",
        pa.array(
            [_text(reason, lang, value) for reason, value in zip(reasons, values, strict=True)], pa.string()
        ),
    ).append_column(
        "remedy",
        pa.array([_text(f"{reason}_remedy", lang, "") for reason in reasons], pa.string()),
    )


def _text(message: str, lang: str, value: str | None) -> str:
    return messages.text(message, lang, value=value or "")
