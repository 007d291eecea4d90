"""What a nightly run would do, in words: for the command and the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ui.text import text

if TYPE_CHECKING:
    from claims.nightly.plan import Plan

MEGABYTE = 1e6


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
