"""Orders, test results and fee items as nodes of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache

from drg.coding.graph.facts import load_facts
from drg.coding.text import read
from drg.coding.text.annotated import Measurement
from drg.coding.text.lexicon import load_lexicon

MAX_NAME = 200


@lru_cache(maxsize=20_000)
def drug_classes(name: str) -> frozenset[str]:
    """The classes of the drugs that an order names; see ``drg.coding.text``."""
    return frozenset(one.drug_class for one in read(name[:MAX_NAME]).mentions if one.drug_class)


@lru_cache(maxsize=20_000)
def measured(name: str, value: str, unit: str) -> Measurement | None:
    """A line of test results as a measurement; ``None`` where the item is not known or the result no number."""
    head = f"{name[:MAX_NAME]}:"
    found = [
        one
        for one in read(f"{head}{value[:20]}{unit[:20]}").measurements
        if one.start >= len(head) and is_comparable(one)
    ]
    return found[0] if len(found) == 1 else None


def is_comparable(measurement: Measurement) -> bool:
    """Whether a value can be compared with a limit: its item is known, and it is in the item's unit or in none."""
    return bool(measurement.item) and measurement.unit in ("", _units().get(measurement.item))


@cache
def _units() -> Mapping[str, str]:
    return {item.name: item.unit for item in load_lexicon().items.values()}


def drug_nodes(name: str) -> list[str]:
    """The nodes of an order: classes of drugs, and drugs that a fact names."""
    own = (
        fact.node for fact in load_facts() if fact.evidence == "order" and any(w in name for w in fact.words)
    )
    return list(dict.fromkeys([*(f"drug:{one}" for one in sorted(drug_classes(name))), *own]))


def lab_nodes(
    name: str | None,
    value: str | None,
    unit: str | None = None,
    low: str | None = None,
    high: str | None = None,
) -> list[str]:
    """The node of an abnormal result by the limits of the report, else by the usual ones; none for a normal one."""
    found = measured(name or "", value or "", unit or "")
    if found is None:
        return []
    below, above = outside(value or "", low, high)
    direction = "low" if below or (below is None and found.below) else ""
    direction = "high" if above or (above is None and found.above) else direction
    return [f"lab:{found.item}:{direction}"] if direction else []


def outside(value: str, low: str | None, high: str | None) -> tuple[bool | None, bool | None]:
    """Whether a result is below and above the limits of its report; ``None`` where there is no limit or number."""
    number, lower, upper = _number(value), _number(low), _number(high)
    return (
        None if number is None or lower is None else number < lower,
        None if number is None or upper is None else number > upper,
    )


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
