"""What an import of a workbook read, what it repaired, and what a person should look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drg import messages
from drg.errors import Problem

EXAMPLES = 5
"""How many cases of the same kind are shown."""
MAX_SHOWN = 120


@dataclass(frozen=True)
class Repair:
    """One thing that was put right: kind, sheet, row (0: whole sheet), what stood there, what it became."""

    kind: str
    sheet: str
    row: int
    what: str
    became: str = ""


@dataclass(frozen=True)
class ImportReport:
    """What was read (rows by sheet), what was repaired, and what a person should look at."""

    scheme_id: str
    folder: Path
    counts: Mapping[str, int]
    repairs: Sequence[Repair]
    warnings: Sequence[Problem]

    def render(self, lang: str = "en") -> str:
        """The report as text: counts, then each kind of repair with its first examples, then warnings."""
        lines = [messages.text("workbook.imported", lang, id=self.scheme_id, folder=self.folder)]
        for sheet, rows in self.counts.items():
            lines.append("  " + messages.text("workbook.rows_read", lang, sheet=sheet, rows=rows))
        for (kind, sheet), repairs in _grouped(self.repairs).items():
            text = messages.text(f"workbook.repair_{kind}", lang)
            lines.append(
                "  " + messages.text("workbook.repaired", lang, sheet=sheet, count=len(repairs), text=text)
            )
            lines += [f"    {_example(repair, lang)}" for repair in repairs[:EXAMPLES]]
        lines += [f"  {warning.render(lang)}" for warning in self.warnings]
        return "\n".join(lines)


def _grouped(repairs: Iterable[Repair]) -> dict[tuple[str, str], list[Repair]]:
    grouped: dict[tuple[str, str], list[Repair]] = {}
    for repair in repairs:
        grouped.setdefault((repair.kind, repair.sheet), []).append(repair)
    return grouped


def _example(repair: Repair, lang: str) -> str:
    row = messages.text("workbook.row", lang, row=repair.row) + ": " if repair.row else ""
    became = f" -> {shortened(repair.became)!r}" if repair.became else ""
    return f"{row}{shortened(repair.what)!r}{became}"


def shortened(value: Any) -> Any:
    """A text as it can be shown: a cell may hold a book."""
    return f"{value[:MAX_SHOWN]}..." if isinstance(value, str) and len(value) > MAX_SHOWN else value
