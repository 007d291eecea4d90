"""The two levels above a terminal code: subcategory and category, as the beginnings of codes."""

from __future__ import annotations

from typing import Literal

CodeKind = Literal["dx", "proc"]
CATEGORY_LENGTH: dict[CodeKind, int] = {"dx": 3, "proc": 4}
SUBCATEGORY_LENGTH = 5


def category_of(kind: CodeKind, code: str) -> str:
    """ICD-10: three signs; ICD-9-CM-3: four with the dot."""
    return code[: CATEGORY_LENGTH[kind]]


def subcategory_of(kind: CodeKind, code: str) -> str:
    """Five signs with the dot."""
    return code[:SUBCATEGORY_LENGTH]
