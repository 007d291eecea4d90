"""What a nightly run would do, and what it lacked, in words: for the command and the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ui.text import text

if TYPE_CHECKING:
    from claims.nightly.plan import Plan

MEGABYTE = 1e6
LACKS = {"across.no_cases": "lacks_cases", "network.no_visits": "lacks_visits"}
"""What a step over the whole set may lack without anything being wrong; other codes are shown as they are."""


def plan_lines(found: Plan, workers: int, lang: str) -> Iterator[str]:
    """The plan of a run with so many workers, line by line."""

    def word(key: str, **params: object) -> str:
        return text(f"nightly.{key}", lang, **params)

    states = [one.state for one in found.sources]
    yield word("plan_sources", **{name: f"{states.count(name):,}" for name in ("new", "known", "refused")})
    if found.same:
        yield word("same_files", count=len(found.same))
    if found.changed:
        yield word("plan_changed", names=text("page.separator", lang).join(found.changed))
    if found.retired:
        yield word("plan_retired", count=found.retired)
    yield word(
        "plan_work",
        rows=f"{found.rows:,}",
        parts=f"{found.parts:,}",
        seconds=f"{found.seconds:,.0f}",
        workers=workers,
        megabytes=f"{found.result_bytes / MEGABYTE:,.0f}",
    )
    if found.rows:
        yield word("plan_by_last" if found.measured else "plan_by_default")


def lack_lines(refused: Mapping[str, Sequence[str]], lang: str) -> Iterator[str]:
    """Steps that did not run for want of data, and what they lack. ``refused``: codes by step, of ``_run.json``."""
    for step, codes in refused.items():
        told = [text(f"nightly.{LACKS[code]}", lang) if code in LACKS else code for code in codes]
        yield text("nightly.refused", lang, step=step, codes=text("page.separator", lang).join(told))
