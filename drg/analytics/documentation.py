"""``docs/indicators.md``, made from ``indicators.toml`` and the example: ``python -m drg.analytics.documentation``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from drg.analytics.indicators import DIVISIONS, Indicator, definitions
from drg.analytics.reference import REFERENCE_SCHEMA, read_reference

EXAMPLE = Path(__file__).with_name("example")
TEXT = Path(__file__).with_name("indicators.md")
DOCUMENT = Path(__file__).parents[2] / "docs" / "indicators.md"


def example_cases() -> pa.Table:
    """The cases of the worked examples, with their group and price."""
    from pyarrow import csv

    texts = dict.fromkeys(("outlier", "cc_level"), pa.string())
    return csv.read_csv(
        EXAMPLE / "cases.tsv",
        parse_options=csv.ParseOptions(delimiter="\t"),
        convert_options=csv.ConvertOptions(
            column_types={**texts, "weight": pa.decimal128(20, 6)}, strings_can_be_null=True
        ),
    )


def example_reference() -> pa.Table:
    """The reference table of the worked examples."""
    return read_reference(EXAMPLE / "reference.tsv")


def document() -> str:
    """The whole text."""
    text = TEXT.read_text(encoding="utf-8")
    parts = {
        "DIVISIONS": ", ".join(f"`{name}`" for name in DIVISIONS),
        "COLUMNS": ", ".join(f"`{name}`" for name in REFERENCE_SCHEMA.names),
        "CASES": "\n".join(_table(EXAMPLE / "cases.tsv")),
        "REFERENCE": "\n".join(_table(EXAMPLE / "reference.tsv")),
        "INDICATORS": "\n".join(line for one in definitions() for line in _entry(one)),
    }
    for name, content in parts.items():
        text = text.replace(f"<{name}>", content)
    return text


def _table(path: Path) -> Iterator[str]:
    head, *rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _entry(one: Indicator) -> Iterator[str]:
    yield f"### {one.name.en} · {one.name.zh}: `{one.id}`\n"
    yield f"{one.formula.en}. {one.formula.zh}。\n"
    yield f"Unit: {one.unit}. Parts add up: {'yes' if one.additive else 'no'}. Source: {one.source}.\n"
    result = f"{one.result:,.6f}".rstrip("0").rstrip(".")
    yield f"Example: {one.worked} = {result}; cases counted: {one.result_base}; left out: {one.result_missing}.\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
