"""What is told of the rows of a file: each message with how often, the remedy, and the first rows it is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from ui.cli.language import LANG, say

LINES = {"reason": "reason_line", "note": "note_line"}


def lines(
    counts: Mapping[str, int], examples: Sequence[Mapping[str, Any]], column: Literal["reason", "note"]
) -> Iterator[str]:
    """Lines for the messages ``counts`` (id -> how often); ``examples`` are rows of rejections or notes (the
    schemas of ``drg.records.findings``), told under the message that their ``column`` names."""
    from drg import messages

    for message, count in counts.items():
        text = messages.text(message, LANG, value="…")
        yield say(LINES[column], count=f"{count:,}", text=text)
        if column == "reason":
            yield "  " + messages.text(f"{message}_remedy", LANG)
        for example in (one for one in examples if one[column] == message):
            yield say(
                "example_line",
                row=example["row"],
                case=example["case_id"] or "-",
                field=example["field"] or "-",
                value=example["value"] or "-",
            )
