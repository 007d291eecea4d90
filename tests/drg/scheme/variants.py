"""Changed copies of a pack, for tests."""

from __future__ import annotations

from dataclasses import replace

from drg.scheme.language import parse
from drg.scheme.pack import Pack, Row


def row(code: str, rule: str, parent: str = "", name: str | None = None) -> Row:
    """A row as the loader makes it, from the text of its rule."""
    file = "mdc.tsv" if not parent else ("adrg.tsv" if parent.startswith("MDC") else "drg.tsv")
    return Row(code, f"name of {code}" if name is None else name, parse(rule), rule, parent, file)


def changed_row(pack: Pack, code: str, **changes: str) -> Pack:
    """The pack with one ADRG or DRG row changed (``name``, ``rule``, ``code``)."""
    if "rule" in changes:
        changes["text"] = changes["rule"]
    new = {key: parse(value) if key == "rule" else value for key, value in changes.items()}
    change = lambda rows: tuple(replace(row, **new) if row.code == code else row for row in rows)  # noqa: E731
    return replace(pack, adrgs=change(pack.adrgs), drgs=change(pack.drgs))
