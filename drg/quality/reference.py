"""The reference of the condition language, made from the functions themselves."""

from __future__ import annotations

from collections.abc import Mapping

from drg.quality.functions import GROUP_FUNCTIONS, ROW_FUNCTIONS, Function


def function_tables(
    of_values: Mapping[str, Function] = ROW_FUNCTIONS, over_groups: Mapping[str, Function] = GROUP_FUNCTIONS
) -> str:
    """Functions as two Markdown tables, by default those of the quality rules."""
    parts = []
    for title, functions in (("of values", of_values), ("over a group's rows", over_groups)):
        lines = [f"| {title} | yields | |", "|---|---|---|"]
        parts.append("\n".join([*lines, *map(_line, functions.values())]))
    return "\n\n".join(parts)


def _line(function: Function) -> str:
    return f"| `{function.signature}` | {function.result} | {function.summary} |"
