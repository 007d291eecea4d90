"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
REFERENCE = REPOSITORY.parent / "shared" / "reference"


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of reference tables, which is not part of the product."""
    if not REFERENCE.is_dir():
        pytest.skip(f"the reference tables are not here ({REFERENCE}); this comparison needs them")
    return REFERENCE
