"""Texts that look like a defect and are none (``traps.yaml``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from drg.quality.document import DocumentChecker
from drg.quality.document.examples import example_record

TRAPS: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("traps.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("trap", TRAPS, ids=[f"{trap['check']}: {trap['why']}" for trap in TRAPS])
def test_what_only_looks_like_a_defect_is_none(trap: dict[str, Any]) -> None:
    documents = [{"written": "2025-03-01 10:00", **one} for one in trap["record"].get("documents", [])]
    record = example_record({**trap["record"], **({"documents": documents} if documents else {})})
    assert DocumentChecker(only=frozenset({trap["check"]})).check(record).hits == ()
