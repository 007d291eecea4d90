"""The audit trail: filter, pages, verification and export."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from io import BytesIO

import pyarrow as pa
import streamlit as st

from claims.store import AuditEntry, AuditFilter, Store, Verified, audit_page, record, verify
from ui import access, home
from ui.access import Person
from ui.text import text
from ui.widgets import markup
from ui.widgets.markup import tag

ON_A_PAGE = 100
MOST_EXPORTED = 100_000
BEFORE, VERIFIED = "audit_before", "audit_verified"
NAMES = ("person", "action", "object_kind", "object_id")
SHOWN = ("number", "at", *NAMES)


def show(person: Person, lang: str) -> None:
    """The trail, newest first."""
    access.require(person, "read_audit")
    which = _show_filter(lang)
    entries = audit_page(home.store(), which, st.session_state.get(BEFORE), ON_A_PAGE)
    if entries:
        names = {column: text(f"administration.{column}", lang) for column in SHOWN}
        st.dataframe(
            [{names[column]: _shown(entry, column) for column in SHOWN} for entry in entries],
            hide_index=True,
            height=470,
            key="audit_entries",
        )
    else:
        home.show_empty("administration.no_entry")
    _show_buttons(person, which, entries, lang)
    _show_verified(lang)


def _show_filter(lang: str) -> AuditFilter:
    columns = st.columns(len(NAMES) + 2)
    given = {
        name: column.text_input(
            text(f"administration.{name}", lang), max_chars=160, key=f"audit_{name}", on_change=_to_newest
        ).strip()
        or None
        for name, column in zip(NAMES, columns, strict=False)
    }
    since, until = (
        column.date_input(
            text(f"administration.{name}", lang),
            value=None,
            format="YYYY-MM-DD",
            key=f"audit_{name}",
            on_change=_to_newest,
        )
        for name, column in zip(("since", "until"), columns[len(NAMES) :], strict=True)
    )
    day = timedelta(days=1)
    return AuditFilter(**given, since=_midnight(since), until=_midnight(until + day if until else None))


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day is not None else None


def _shown(entry: AuditEntry, column: str) -> str | int:
    value: str | int | datetime = getattr(entry, column)
    return value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value


def _show_buttons(person: Person, which: AuditFilter, entries: list[AuditEntry], lang: str) -> None:
    with st.container(horizontal=True):
        older = text("administration.older", lang)
        last = entries[-1].number if entries else 0
        is_last = len(entries) < ON_A_PAGE
        st.button(older, key="audit_older", on_click=_to, args=(last,), disabled=is_last)
        newest = text("administration.newest", lang)
        st.button(newest, key="audit_newest", on_click=_to_newest, disabled=BEFORE not in st.session_state)
        if access.may(person, "verify_audit") and st.button(
            text("administration.verify", lang), key="audit_verify"
        ):
            with st.spinner(text("administration.verifying", lang)):
                st.session_state[VERIFIED] = verify(home.store())
            home.audit(person, "verify", "audit", "trail")
        if access.may(person, "export_audit"):
            st.download_button(
                text("administration.export", lang),
                data=access.at_download(
                    person, "export_audit", partial(_export, home.store(), person.name, which)
                ),
                file_name="audit-trail.csv",
                mime="text/csv",
                on_click="ignore",
                key="audit_export",
                disabled=not entries,
            )
    markup.show(
        tag("div", text("administration.export_note", lang, most=f"{MOST_EXPORTED:,}"), style="d-small")
    )


def _show_verified(lang: str) -> None:
    found: Verified | None = st.session_state.get(VERIFIED)
    if found is None:
        return
    if not found.problems:
        told = text("administration.verified", lang, entries=f"{found.entries:,}")
        markup.show(tag("div", told, tag("p", found.head_hash, style="d-mono"), style="d-told"))
        return
    told = text("administration.not_verified", lang, count=len(found.problems))
    sentences = (tag("p", problem.render(lang)) for problem in found.problems)
    markup.show(tag("div", tag("b", told), *sentences, style="d-problem"))


def _to(number: int) -> None:
    st.session_state[BEFORE] = number


def _to_newest() -> None:
    st.session_state.pop(BEFORE, None)


def _export(store: Store, person: str, which: AuditFilter) -> bytes:
    """The CSV, made and recorded when it is asked for."""
    from ui.cli.output import CsvWriter

    record(store, person, "export", "audit", "trail")
    entries = audit_page(store, which, size=MOST_EXPORTED)
    fields = AuditEntry.__dataclass_fields__
    columns = {name: [_text(getattr(entry, name)) for entry in entries] for name in fields}
    file = BytesIO()
    writer = CsvWriter(file, bom=True)
    writer.write(pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}))
    writer.close()
    return file.getvalue()


def _text(value: object) -> str | None:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if value is not None else None
