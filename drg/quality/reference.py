"""The reference of the condition language, made from the functions themselves."""

from __future__ import annotations

from drg.quality.functions import GROUP_FUNCTIONS, ROW_FUNCTIONS, Function


def function_tables() -> str:
    """The functions as two Markdown tables."""
    parts = []
    for title, functions in (("of values", ROW_FUNCTIONS), ("over a group's rows", GROUP_FUNCTIONS)):
        lines = [f"| {title} | yields | |", "|---|---|---|"]
        parts.append("\n".join([*lines, *map(_line, functions.values())]))
    return "\n\n".join(parts)


def _line(function: Function) -> str:
    return f"| `{function.signature}` | {function.result} | {function.summary} |"
