"""Why a check is not applicable to a record: which of the values that it needs is missing or unreadable."""

from __future__ import annotations

from drg.quality.condition import Field, Node, Over, children
from drg.quality.frame import Evaluation
from drg.quality.rule import Check
from drg.quality.values import Truth


def missing_fields(evaluation: Evaluation, check: Check) -> list[str]:
    """The fields and groups that leave a check open; the frame holds one record."""
    found: dict[str, None] = {}
    for node in check.nodes:
        for name in _missing(evaluation, node):
            found[name] = None
    return list(found)


def _missing(evaluation: Evaluation, node: Node) -> list[str]:
    value = evaluation.value(node)
    unknown = value.unknown if isinstance(value, Truth) else ~value.known
    if not unknown.any():
        return []
    if isinstance(node, Over) and not evaluation.frame.rows(node.group).carried.all():
        return [node.group]
    if isinstance(node, Field):
        return [node.path]
    return [name for child in children(node) for name in _missing(evaluation, child)]
