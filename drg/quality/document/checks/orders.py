"""Orders, and what must stand beside them: antibiotics, blood, critical values, reports."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable

from drg.quality.document.anchors import anchor_data, orders
from drg.quality.document.checks.registry import check
from drg.quality.document.codes import members
from drg.quality.document.found import Found, Outcome, Value, cell, scalar
from drg.quality.document.labs import told
from drg.quality.document.record import Document, Row, WholeRecord, number
from drg.quality.document.rule import Settings
from drg.quality.document.words import any_of

STANDING, ONCE = "1", "0"
"""Values of ``is_long_term`` (RC039)."""


def _order(row: Row, *names: str) -> Found:
    return Found(tuple(cell(row, "orders", name) for name in ("name", *names)), position=row.position)


@check
def stopped_after_discharge(record: WholeRecord, settings: Settings) -> Outcome:
    """An order that ends more than ``minutes`` after the discharge; but for those with one of ``allowed``."""
    rows = record.rows("orders")
    if record.discharge is None or not rows:
        return None
    last = record.discharge + dt.timedelta(minutes=settings.number("minutes"))
    allowed = any_of(settings.words("allowed"))
    return tuple(
        Found((*_order(row, "stop").values, scalar(record, "discharge_time")), position=row.position)
        for row in rows
        if (stop := row.time("stop")) is not None and stop > last and not allowed.search(row.text("name"))
    )


@check
def incomplete_order(record: WholeRecord, settings: Settings) -> Outcome:
    """Orders of ``is_long_term`` (``*``: any), of a kind with one of ``kinds``, without one of ``fields``."""
    standing, kinds = settings.text("is_long_term"), any_of(settings.words("kinds"))
    rows = [
        row
        for row in record.rows("orders")
        if kinds.search(row.text("kind")) and standing in ("*", row.text("is_long_term"))
    ]
    if not rows:
        return None
    names = settings.words("fields")
    return tuple(
        Found(
            (*_order(row).values, Value("missing", "、".join(name for name in names if not row.text(name)))),
            position=row.position,
        )
        for row in rows
        if not all(row.text(name) for name in names)
    )


@check
def disease_untreated(record: WholeRecord, settings: Settings) -> Outcome:
    """A diagnosis in ``codes`` without any order of ``drugs``."""
    if not record.carries("orders", "diagnoses"):
        return None
    treated = members(record.codes, settings.text("codes"))
    if not treated:
        return None
    drugs = any_of(settings.words("drugs"))
    if any(drugs.search(row.text("name")) for row in record.rows("orders")):
        return ()
    return tuple(
        Found((cell(row, "diagnoses", "code"), cell(row, "diagnoses", "name")), position=row.position)
        for row in record.rows("diagnoses")
        if row.text("code").strip().upper() in treated
    )


def _says(notes: Iterable[Document], pattern: re.Pattern[str]) -> bool:
    return any(pattern.search(note.body) for note in notes)


@check
def order_without_note(record: WholeRecord, settings: Settings) -> Outcome:
    """An order with one of ``orders``, but neither a document of ``kinds`` nor one of ``words`` in any note."""
    named = any_of(settings.words("orders"))
    rows = [row for row in record.rows("orders") if named.search(row.text("name"))]
    if not rows or not record.carries("documents"):
        return None
    kinds, words = settings.words("kinds"), any_of(settings.words("words"))
    if record.of_kind(*kinds) or _says(record.documents, words):
        return ()
    return tuple(_order(row, "start") for row in rows)


@check
def transfusion_without_approval(record: WholeRecord, settings: Settings) -> Outcome:
    """Blood was given (order, blood rows or a fee in ``fees``), but no note has one of ``words``."""
    rows = list(orders(record, "transfusion_order"))
    paid = [name for name in settings.words("fees") if (number(record.scalars.get(name)) or 0) > 0]
    if not record.documents or not (rows or paid or record.rows("blood")):
        return None
    if _says(record.documents, any_of(settings.words("words"))):
        return ()
    return (
        Found((*(cell(row, "orders", "name") for row in rows), *(scalar(record, name) for name in paid))),
    )


@check
def critical_value_unanswered(record: WholeRecord, settings: Settings) -> Outcome:
    """A critical value after whose report no note within ``hours`` names the test or one of ``words``."""
    if not record.carries("labs", "documents"):
        return None
    found, looked = [], False
    for limit in anchor_data().critical_values:
        answers = any_of((*limit.names, *limit.answers, *settings.words("words")))
        for lab in record.rows("labs"):
            reported = lab.time("time")
            if reported is None or not limit.beyond(lab):
                continue
            looked = True
            last = reported + dt.timedelta(hours=settings.number("hours"))
            notes = [note for note in record.documents if note.written and reported <= note.written <= last]
            if not _says(notes, answers):
                values = tuple(cell(lab, "labs", name) for name in ("name", "value", "time"))
                found.append(Found((told(lab), *values), position=lab.position))
    return tuple(found) if looked else None


@check
def report_missing(record: WholeRecord, settings: Settings) -> Outcome:
    """An examination that was ordered (``orders``) without its report (``reports`` with one of ``words``), or without
    a note of ``notes`` that speaks of it."""
    named = any_of(settings.words("orders"))
    rows = [row for row in record.rows("orders") if named.search(row.text("name"))]
    if not rows or not record.carries("documents"):
        return None
    words = any_of(settings.words("words"))
    missing = [
        name for name in ("reports", "notes") if not _says(record.of_kind(*settings.words(name)), words)
    ]
    if not missing:
        return ()
    return tuple(
        Found((*_order(row, "start").values, Value("missing", "、".join(missing))), position=row.position)
        for row in rows
    )
