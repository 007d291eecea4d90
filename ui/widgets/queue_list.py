"""The rows of the coder's queue: walked through by keyboard, opened with Enter, chosen with the space bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui.text import text
from ui.widgets import component

if TYPE_CHECKING:
    from claims.coding_desk import QueueRow

KEY = "queue_list"
COLUMNS = ("case", "group", "reason", "findings", "days", "owner", "state")

_list = component.declared(__file__, '<div class="queue"></div>')


def show(rows: Sequence[QueueRow], open_item: Callable[[int], None], lang: str) -> tuple[int, ...]:
    """The rows; ``open_item`` is told the id of the one to open. Returns the ids that are chosen."""
    shown = _list(
        key=KEY,
        data={
            "columns": [text(f"queue.column_{name}", lang) for name in COLUMNS],
            "rows": [_row(row, lang) for row in rows],
            "labels": {"choose": text("queue.choose", lang), "keys": text("queue.keys", lang)},
        },
        on_opened_change=lambda: open_item(int(st.session_state[KEY]["opened"])),
        on_chosen_change=lambda: None,
    )
    known = {row.item.id for row in rows}
    return tuple(id for id in map(int, shown.chosen or ()) if id in known)


def _row(row: QueueRow, lang: str) -> dict[str, Any]:
    """A row: texts of the columns, and what each column is sorted by."""
    from claims.coding_desk import reason_text

    item = row.item
    reasons = [reason_text(reason, lang) for reason in item.reasons]
    state = text(f"queue.state_{item.state.value}", lang)
    counts = [row.findings.get(severity, 0) for severity in ("block", "warn", "hint")]
    told = [
        (severity, count) for severity, count in zip(("block", "warn", "hint"), counts, strict=True) if count
    ]
    return {
        "id": item.id,
        "case": item.case_id,
        "group": f"{row.drg or '—'} {row.drg_name or ''}".strip(),
        "reason": text("page.separator", lang).join(reasons),
        "findings": [
            {"style": severity, "text": f"{text(f'workbench.severity_{severity}', lang)} {count}"}
            for severity, count in told
        ],
        "days": text("queue.days", lang, days=row.days),
        "owner": item.owner or "—",
        "state": state,
        "order": [item.case_id, row.drg or "", reasons[:1], counts, row.days, item.owner or "", state],
    }
