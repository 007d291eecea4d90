"""Every rule against its own examples: a bad one is hit, a good one passes and is not merely not applicable."""

from __future__ import annotations

import pytest

from drg.quality.example_tests import failures
from drg.quality.registry import SHIPPED
from drg.quality.vocabulary import load_vocabulary


@pytest.mark.parametrize("id", SHIPPED.ids())
def test_examples_of(id: str) -> None:
    rule = SHIPPED.rule(id, load_vocabulary())
    assert [failure.render() for failure in failures(rule)] == []
