"""Every rule that a finding or an appeal may name: those of tables and those of documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from drg.quality.rule import Rule


def known_rules() -> Mapping[str, Rule]:
    """The rules by id. What of a rule is shown to people (title, message, remedy, basis) both kinds have."""
    from drg.quality.document.engine import document_rules
    from drg.quality.registry import load_rules

    return {**load_rules(), **cast("Mapping[str, Rule]", document_rules())}
