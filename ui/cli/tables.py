"""Tables for people: drawn by Rich on a terminal, tab-separated text when piped."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> None:
    """The rows on stdout, or the sentence ``nothing`` on stderr where there are none."""
    if not rows:
        print(nothing, file=sys.stderr)
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*header, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        Console().print(table)
    else:
        for row in (header, *rows):
            print("\t".join(row))
