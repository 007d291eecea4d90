"""What speaks for a diagnosis or procedure: the lines of ``data/indications.tsv``.

``kind``: dx or proc; ``codes``: beginnings of codes (subcategories and categories); ``evidence``: lab, drug (a class
of ``drg.coding.text``), order or fee (words of a name, ``|`` between them), symptom; ``item``, ``direction`` (low,
high), ``limit`` in the item's unit: a value beyond it counts; ``proposes``: the code to propose where the evidence
stands alone; ``source``; ``confirmed``: 0 until a physician of the house has confirmed the line.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

from drg.coding.graph.levels import CodeKind

FACTS = Path(__file__).with_name("data") / "indications.tsv"
FactKind = Literal["lab", "drug", "order", "symptom", "fee"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One line; ``line`` is its number in the file."""

    line: int
    kind: CodeKind
    codes: tuple[str, ...]
    evidence: FactKind
    item: str
    direction: Literal["", "low", "high"]
    limit: float | None
    proposes: str
    source: str
    confirmed: bool

    @property
    def words(self) -> tuple[str, ...]:
        """The words that stand for the item in names of orders, fee items and symptoms."""
        return tuple(self.item.split("|"))

    @property
    def node(self) -> str:
        """The node of the graph that stands for the evidence."""
        if self.evidence == "lab":
            return f"lab:{self.item}:{self.direction}"
        return f"{'drug' if self.evidence == 'order' else self.evidence}:{self.words[0]}"

    def concerns(self, kind: CodeKind, code: str) -> bool:
        """Whether the fact speaks for a code."""
        return kind == self.kind and code.startswith(self.codes)

    def reached(self, value: float) -> bool:
        """Whether a measured value is beyond the limit."""
        if self.limit is None:
            return False
        return value < self.limit if self.direction == "low" else value > self.limit


@cache
def load_facts(path: Path = FACTS) -> tuple[Fact, ...]:
    """The facts of a file, in its order."""
    with path.open(encoding="utf-8", newline="") as lines:
        return tuple(
            _fact(number, row) for number, row in enumerate(csv.DictReader(lines, delimiter="\t"), start=2)
        )


def _fact(number: int, row: Mapping[str, str]) -> Fact:
    return Fact(
        number,
        cast(CodeKind, row["kind"]),
        tuple(row["codes"].split()),
        cast(FactKind, row["evidence"]),
        row["item"],
        cast(Literal["", "low", "high"], row["direction"]),
        float(row["limit"]) if row["limit"] else None,
        row["proposes"],
        row["source"],
        row["confirmed"] == "1",
    )
