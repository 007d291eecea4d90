"""Minimal records written as data: the examples of a rule, which are its tests.

``field = "text"`` gives a scalar; ``dx = ["C53.900"]`` and ``proc = ["68.4100"]`` the codes of diagnoses and
procedures; ``group = [{...}]`` the rows of a group with their fields; ``group = ["text"]`` its first field. What is not
given is empty. ``run_date``, ``dialect`` and ``dictionary`` say how the record is looked at.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from drg.errors import input_error
from drg.quality.condition import fields_of, groups_of
from drg.quality.dictionary import NHSA, Edition
from drg.quality.frame import Frame
from drg.quality.rule import Example, Rule
from drg.quality.vocabulary import Vocabulary, load_vocabulary

RUN_DATE = dt.date(2026, 12, 31)
CODE_LISTS = {"dx": "diagnoses", "proc": "procedures"}
CIRCUMSTANCES = ("run_date", "dialect", "dictionary")

RecordValues = dict[str, str | list[str | None] | None]


def record_values(example: Example, vocabulary: Vocabulary, where: str = "") -> RecordValues:
    """The columns of the record table that an example gives. Raises ``InputError`` for what it misspells."""
    columns: RecordValues = {}
    for name, value in example.values.items():
        group = CODE_LISTS.get(name, name)
        if group in vocabulary.groups:
            if not isinstance(value, list):
                raise input_error("quality.rule_example_value", where, name=name)
            columns.update(_group_columns(group, value, vocabulary, where))
        elif name in vocabulary.scalars:
            columns[name] = _text(value, name, where)
        elif name not in CIRCUMSTANCES:
            raise input_error("quality.rule_example_key", where, name=name)
    return columns


def _group_columns(group: str, rows: list[Any], vocabulary: Vocabulary, where: str) -> RecordValues:
    names = list(vocabulary.groups[group])
    filled = [row if isinstance(row, dict) else {names[0]: row} for row in rows]
    for row in filled:
        if unknown := row.keys() - set(names):
            raise input_error("quality.rule_example_key", where, name=f"{group}.{min(unknown)}")
    return {f"{group}.{name}": [_text(row.get(name), name, where) for row in filled] for name in names}


def _text(value: Any, name: str, where: str) -> str | None:
    if isinstance(value, (list, dict, bool)):
        raise input_error("quality.rule_example_value", where, name=name)
    return None if value is None or value == "" else str(value)


def record_table(
    records: Iterable[RecordValues], vocabulary: Vocabulary, read: Collection[str] | None = None
) -> pa.Table:
    """Records as a record table in which every field and group is carried; what a record does not give is empty.

    With ``read`` only these fields and groups (by name or path) are made.
    """
    rows = list(records)
    columns: dict[str, pa.Array] = {}
    for name in vocabulary.scalars:
        if read is None or name in read:
            columns[name] = pa.array([row.get(name) for row in rows], pa.string())
    groups = None if read is None else {path.partition(".")[0] for path in read}
    for group, names in vocabulary.groups.items():
        if groups is None or group in groups:
            for name in names:
                path = f"{group}.{name}"
                columns[path] = pa.array([row.get(path) or [] for row in rows], pa.list_(pa.string()))
    return pa.table(columns)


@dataclass(frozen=True)
class Circumstances:
    """How an example is looked at."""

    run_date: dt.date
    edition: Edition
    dialect: str


def circumstances(example: Example, rule: Rule) -> Circumstances:
    """How an example of a rule is looked at: by the rule's dictionary, unless the example names another."""
    run_date = example.values.get("run_date", RUN_DATE)
    if isinstance(run_date, str):
        run_date = dt.date.fromisoformat(run_date)
    named = example.values.get("dictionary", rule.dictionary)
    return Circumstances(
        run_date, NHSA if named == "any" else named, example.values.get("dialect", "front_page")
    )


def example_frame(
    example: Example, rule: Rule, where: str = "", vocabulary: Vocabulary | None = None
) -> Frame:
    """The frame of an example, with what the rule reads."""
    vocabulary = vocabulary or load_vocabulary()
    nodes = [node for check in rule.checks for node in check.nodes]
    read = {name for node in nodes for name in (*fields_of(node), *groups_of(node))}
    table = record_table([record_values(example, vocabulary, where)], vocabulary, read)
    seen = circumstances(example, rule)
    return Frame(table, seen.run_date, seen.edition, seen.dialect, vocabulary)
