"""Findings: one row for every check that a record hits, with what it saw; texts are made when they are shown."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from drg.errors import input_error
from drg.messages import TEXTS, listed
from drg.quality.condition import Field, Over, walk
from drg.quality.frame import Column, Evaluation, Frame
from drg.quality.functions import witnesses
from drg.quality.labels import place
from drg.quality.rule import Check, Rule, placeholders
from drg.quality.values import Mask
from drg.quality.vocabulary import Vocabulary

OPEN, SILENCED = "open", "silenced"
CODES = "codes"
"""The placeholder for the codes of the rows to blame."""

EVIDENCE_TYPE = pa.list_(
    pa.struct([("field", pa.string()), ("position", pa.int32()), ("value", pa.string())])
)
FINDING_SCHEMA = pa.schema(
    [
        ("rule", pa.string()),
        ("version", pa.int32()),
        ("severity", pa.string()),
        ("case_id", pa.string()),
        ("row", pa.int64()),
        ("check", pa.int32()),
        ("field", pa.string()),
        ("position", pa.int32()),
        ("value", pa.string()),
        ("evidence", EVIDENCE_TYPE),
        ("status", pa.string()),
    ]
)
"""One row a finding. ``row``: of the source; ``check``: which check of the rule, from 0; ``field``: where the finding
points, ``position`` its row in the group from 1 (null for a scalar, or where no row is to blame), ``value`` as written.
``evidence``: the values that the check saw. ``status``: open, or silenced by an accepted appeal.
"""

MAX_ROWS_SHOWN = 12
"""Rows of a group that a finding shows as evidence; a record may have thousands."""


@dataclass(frozen=True)
class _Shown:
    """Values of one field in the evidence: for each the finding (place among the hits), the row and the text."""

    field: str
    finding: npt.NDArray[np.int64]
    position: npt.NDArray[np.int64]
    texts: pa.Array


def findings_of(
    frame: Frame, rule: Rule, number: int, hit: Mask, case_ids: pa.Array, rows: pa.Array, silenced: Mask
) -> pa.Table:
    """The findings of check ``number`` of a rule, one a record in ``hit``, in ``FINDING_SCHEMA``.

    ``case_ids``, ``rows`` and ``silenced`` have an element a record of the frame.
    """
    check = rule.checks[number]
    places = np.flatnonzero(hit)
    chosen = pa.array(places)
    count = len(places)
    part = frame.take(places)
    blamed, shown = _seen(part, check)
    position, value = _pointed_at(part, check.field, blamed)
    status = pc.if_else(pa.array(silenced[places]), SILENCED, OPEN)
    columns = [
        _repeated(rule.id, count),
        pa.repeat(pa.scalar(rule.version, pa.int32()), count),
        _repeated(rule.severity, count),
        case_ids.take(chosen),
        rows.take(chosen),
        pa.repeat(pa.scalar(number, pa.int32()), count),
        _repeated(check.field, count),
        position,
        value,
        _evidence(shown, count),
        status,
    ]
    return pa.table(columns, schema=FINDING_SCHEMA)


def _seen(part: Frame, check: Check) -> tuple[dict[str, Mask], list[_Shown]]:
    """The rows to blame by group, and the values that the check saw."""
    evaluation = Evaluation(part)
    blamed: dict[str, Mask] = {}
    read: dict[str, None] = {}
    for node in walk(check.condition):
        if isinstance(node, Over):
            rows = part.rows(node.group)
            function = part.vocabulary.group_functions[node.name]
            mask = witnesses(function, rows, evaluation.arguments_in_rows(node))
            blamed[node.group] = blamed[node.group] | mask if node.group in blamed else mask
        elif isinstance(node, Field):
            read[node.path] = None
    for wording in (check.message, check.remedy):
        named = sorted(placeholders(wording))
        read.update(dict.fromkeys(name for name in named if name in part.vocabulary.scalars))
        if CODES in named:
            read.update(
                dict.fromkeys(f"{group}.code" for group in blamed if part.vocabulary.field(group, "code"))
            )
    return blamed, [_shown(part, path, blamed) for path in read]


def _shown(part: Frame, path: str, blamed: Mapping[str, Mask]) -> _Shown:
    group, dot, name = path.rpartition(".")
    if not dot:
        everyone = np.arange(part.count)
        return _Shown(path, everyone, np.full(part.count, -1), part.column(None, name).raw(everyone))
    rows = part.rows(group)
    places = np.flatnonzero(blamed[group])
    owner = rows.record_of[places]
    rank = np.arange(len(places)) - np.searchsorted(owner, owner)
    places = places[rank < MAX_ROWS_SHOWN]
    position = rows.position[places].astype(np.int64)
    return _Shown(path, rows.record_of[places], position, part.column(group, name).raw(places))


def _pointed_at(part: Frame, path: str, blamed: Mapping[str, Mask]) -> tuple[pa.Array, pa.Array]:
    """Position and value of the field that findings point to: the first row to blame."""
    group, dot, name = path.rpartition(".")
    if not dot and path not in part.vocabulary.groups:
        nowhere = pa.nulls(part.count, pa.int32())
        return nowhere, part.column(None, name).raw(np.arange(part.count))
    group = group or path
    mask = blamed.get(group)
    first = np.full(part.count, -1, np.int64)
    if mask is not None:
        places = np.flatnonzero(mask)[::-1]
        first[part.rows(group).record_of[places]] = places
    column: Column | None = part.column(group, name) if dot else None
    value = pa.nulls(part.count, pa.string()) if column is None else column.raw(first)
    return _positions(part, group, first), value


def _positions(part: Frame, group: str, first: npt.NDArray[np.int64]) -> pa.Array:
    position = np.append(part.rows(group).position, 0)[first]
    return pa.array(position.astype(np.int32), mask=first < 0)


def _evidence(shown: Sequence[_Shown], count: int) -> pa.Array:
    """What was seen, a list a finding, in the order of ``shown``."""
    if not shown:
        return pa.nulls(count, EVIDENCE_TYPE)
    finding = np.concatenate([one.finding for one in shown])
    position = np.concatenate([one.position for one in shown])
    names = pa.concat_arrays([_repeated(one.field, len(one.finding)) for one in shown])
    texts = pa.concat_arrays([one.texts for one in shown])
    order = np.argsort(finding, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(finding, minlength=count))]).astype(np.int32)
    ordered = pa.array(order)
    items = pa.StructArray.from_arrays(
        [
            names.take(ordered),
            pa.array(position[order].astype(np.int32), mask=position[order] < 0),
            texts.take(ordered),
        ],
        fields=list(EVIDENCE_TYPE.value_type),
    )
    return pa.ListArray.from_arrays(pa.array(offsets), items)


def _repeated(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), count)


@dataclass(frozen=True)
class FindingText:
    """A finding in words."""

    message: str
    remedy: str
    payer: str
    why: str
    basis: str


def render(finding: Mapping[str, Any], rule: Rule, lang: str = "en") -> FindingText:
    """A row of a finding table (``to_pylist``) in words. Raises ``InputError`` where the rule has no such check."""
    if not 0 <= finding["check"] < len(rule.checks):
        raise input_error("quality.finding_check", rule=rule.id, number=finding["check"])
    check = rule.checks[finding["check"]]
    named = _named_values(finding, lang)
    return FindingText(
        message=_filled(check.message.text(lang), named),
        remedy=_filled(check.remedy.text(lang), named),
        payer=rule.payer.text(lang),
        why=rule.why.text(lang),
        basis=rule.basis.text(lang),
    )


def _named_values(finding: Mapping[str, Any], lang: str) -> dict[str, str]:
    seen = finding["evidence"] or []
    codes = [item["value"] for item in seen if item["field"].endswith(".code") and item["value"]]
    values = {item["field"]: item["value"] or "-" for item in seen if item["position"] is None}
    return {**values, CODES: listed(dict.fromkeys(codes), lang) or "-", "value": finding["value"] or "-"}


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Placeholders filled; the template was checked when the rule was read."""
    for name in placeholders_in(template):
        template = template.replace(f"{{{name}}}", values.get(name, "-"))
    return template


def placeholders_in(template: str) -> list[str]:
    """The names in braces of one template."""
    return [name for _, name, _, _ in string.Formatter().parse(template) if name]


def texts_of(
    findings: pa.Table, rules: Mapping[str, Rule], lang: str, vocabulary: Vocabulary | None = None
) -> pa.Table:
    """The findings with columns in words: title, message, remedy, payer, basis, place; the evidence as one text.

    ``vocabulary`` (that of ``layout.csv``) names the fields.
    """
    kinds = findings.select(["rule", "check"]).combine_chunks()
    keys = pc.binary_join_element_wise(kinds.column("rule"), kinds.column("check").cast(pa.string()), "\x1f")
    coded = keys.combine_chunks().dictionary_encode()
    pairs = [key.split("\x1f") for key in coded.dictionary.to_pylist()]
    checks = [(rules[id], rules[id].checks[int(number)]) for id, number in pairs]
    words = {
        "title": [rule.title.text(lang) for rule, _ in checks],
        "message": [check.message.text(lang) for _, check in checks],
        "remedy": [check.remedy.text(lang) for _, check in checks],
        "payer": [rule.payer.text(lang) for rule, _ in checks],
        "basis": [rule.basis.text(lang) for rule, _ in checks],
    }
    table = findings.drop_columns(["evidence", "check"])
    for name, templates in words.items():
        table = table.append_column(name, _rendered(templates, coded.indices, findings, lang))
    field, position = (findings.column(name).combine_chunks() for name in ("field", "position"))
    table = table.append_column("place", _places(field, position, lang, vocabulary))
    return table.append_column("evidence", _evidence_texts(findings.column("evidence"), lang, vocabulary))


def _rendered(templates: Sequence[str], which: pa.Array, findings: pa.Table, lang: str) -> pa.Array:
    """The template of each finding with its placeholders filled; most have none and are only repeated."""
    texts = pa.array(templates, pa.string()).take(which)
    open_ones = np.array([bool(placeholders_in(template)) for template in templates], np.bool_)
    places = np.flatnonzero(open_ones[which.to_numpy()]) if len(templates) else np.zeros(0, np.int64)
    if not len(places):
        return texts
    lines = findings.select(["value", "evidence"]).take(pa.array(places)).to_pylist()
    chosen = texts.take(pa.array(places)).to_pylist()
    filled = [
        _filled(template, _named_values(line, lang)) for template, line in zip(chosen, lines, strict=True)
    ]
    mask = np.zeros(len(texts), np.bool_)
    mask[places] = True
    return pc.replace_with_mask(texts, pa.array(mask), pa.array(filled, pa.string()))


def _places(fields: pa.Array, positions: pa.Array, lang: str, vocabulary: Vocabulary | None) -> pa.Array:
    """:func:`drg.quality.labels.place` over columns."""
    numbers = positions.cast(pa.string()).fill_null("")
    coded = pc.binary_join_element_wise(fields, numbers, "\x1f").dictionary_encode()
    pairs = [key.split("\x1f") for key in coded.dictionary.to_pylist()]
    words = [place(path, int(number) if number else None, lang, vocabulary) for path, number in pairs]
    return pa.array(words, pa.string()).take(coded.indices)


def _evidence_texts(evidence: pa.ChunkedArray, lang: str, vocabulary: Vocabulary | None) -> pa.ChunkedArray:
    """:func:`evidence_text` over a column."""
    texts = [_evidence_texts_of(chunk, lang, vocabulary) for chunk in evidence.chunks]
    return pa.chunked_array(texts, pa.string())


def _evidence_texts_of(evidence: pa.ListArray, lang: str, vocabulary: Vocabulary | None) -> pa.Array:
    items = evidence.flatten()
    names = _places(items.field("field"), items.field("position"), lang, vocabulary)
    texts = pc.binary_join_element_wise(names, items.field("value").fill_null(""), "=")
    lengths = pc.list_value_length(evidence).fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), texts)
    return pc.binary_join(lists, TEXTS.text("quality.evidence_separator", lang))


def evidence_text(
    evidence: Sequence[Mapping[str, Any]] | None, lang: str = "en", vocabulary: Vocabulary | None = None
) -> str:
    """What was seen as one line: ``sex (A12C)=1; diagnosis code, row 2 (C06x01C)=C53.900``."""
    return TEXTS.text("quality.evidence_separator", lang).join(
        f"{place(item['field'], item['position'], lang, vocabulary)}={item['value'] or ''}"
        for item in evidence or ()
    )
