"""CHS-DRG: what a case is and which group it falls in.

``group`` takes whole tables, ``explain`` one case. Both load on first use: the compiled kernel is not needed to
search a code or to read a record.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drg.case import CASE_SCHEMA, Case, from_table, to_table
    from drg.grouper.explain import Explanation, explain
    from drg.grouper.table import GROUPING_SCHEMA, group

__all__ = [
    "CASE_SCHEMA",
    "GROUPING_SCHEMA",
    "Case",
    "Explanation",
    "explain",
    "from_table",
    "group",
    "to_table",
]

_HOME = {
    "CASE_SCHEMA": "drg.case",
    "Case": "drg.case",
    "from_table": "drg.case",
    "to_table": "drg.case",
    "Explanation": "drg.grouper.explain",
    "explain": "drg.grouper.explain",
    "GROUPING_SCHEMA": "drg.grouper.table",
    "group": "drg.grouper.table",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'drg' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
