"""Rows that are no result: where they stand, why, and what to do, in words of both languages."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from claims import messages
from drg import messages as drg_messages
from drg.errors import InputError
from drg.messages import LANGUAGES
from drg.records.findings import REJECTION_SCHEMA

MAX_TEXT = 500
REJECTED_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        *REJECTION_SCHEMA,
        *((f"{name}_{lang}", pa.string()) for lang in LANGUAGES for name in ("text", "remedy")),
    ]
)
"""``source``: file name; ``row``: in it, null where the whole file cannot be used; ``reason``: a message id; what is
wrong and what to do about it, in words."""


def rejected(found: pa.Table, source: str) -> pa.Table:
    """Rejections (``drg.records`` form) of a source in ``REJECTED_SCHEMA``."""
    keys = list(zip(found.column("reason").to_pylist(), found.column("value").to_pylist(), strict=True))
    words = {key: _words(*key) for key in dict.fromkeys(keys)}
    columns = {name: found.column(name) for name in REJECTION_SCHEMA.names}
    columns["source"] = pa.repeat(pa.scalar(source), len(found))
    for name in REJECTED_SCHEMA.names[len(REJECTION_SCHEMA) + 1 :]:
        columns[name] = pa.array([words[key][name] for key in keys], pa.string())
    return pa.table(columns).select(REJECTED_SCHEMA.names).cast(REJECTED_SCHEMA)


def refused_file(error: InputError, source: str) -> pa.Table:
    """A file that cannot be used at all: one line, with the first thing that is wrong with it."""
    problem = error.problems[0]
    told: dict[str, str] = {"source": source, "field": "", "reason": problem.code}
    for lang in LANGUAGES:
        told[f"text_{lang}"] = problem.render(lang)[:MAX_TEXT]
        told[f"remedy_{lang}"] = messages.text("nightly.refused_remedy", lang)
    return pa.Table.from_pylist([told], REJECTED_SCHEMA)


def joined(tables: Iterable[pa.Table]) -> pa.Table:
    """Rejections one after the other, in the order of source and row."""
    whole = pa.concat_tables([REJECTED_SCHEMA.empty_table(), *tables])
    order = [(name, "ascending") for name in ("source", "row", "field", "reason")]
    return whole.sort_by(order) if len(whole) else whole


def _words(reason: str, value: str | None) -> dict[str, str]:
    texts = messages.TEXTS if reason in messages.TEXTS.catalogue else drg_messages.TEXTS
    return {
        f"{name}_{lang}": texts.text(f"{reason}{suffix}", lang, value=value or "")
        for lang in LANGUAGES
        for name, suffix in (("text", ""), ("remedy", "_remedy"))
    }
