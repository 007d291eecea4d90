"""The limits that the benches print beside their figures."""

from __future__ import annotations

from bench.limits import judged, limits
from tests.conftest import REPOSITORY


def test_a_verdict_is_given_for_the_size_of_the_promise_only() -> None:
    assert judged("encrypt_seconds", 0.21, "10,000 x 32") == "0.21 s (limit: at most 0.5: kept)"
    assert judged("encrypt_seconds", 0.6, "10,000 x 32") == "0.6 s (limit: at most 0.5: NOT KEPT)"
    assert judged("encrypt_seconds", 0.6, "1 x 1") == "0.6 s (limit: at most 0.5 at 10,000 x 32)"
    assert judged("sample_margin", 0.02, "data_samples").endswith("(limit: at least 0.03: NOT KEPT)")


def test_every_limit_is_printed_by_a_bench() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "bench").glob("*.py"))
    missing = [name for name in limits() if f'"{name}"' not in source and f"'{name}'" not in source]
    assert missing == []
