"""A whole table de-identified, with a report that has counts and risks but no values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from privacy.deidentify.generalise import generalise, levels_of
from privacy.deidentify.persons import pseudonyms, shift_days, shifted
from privacy.deidentify.policy import Category, DeidentifyPolicy
from privacy.deidentify.risk import Codes, Risk, classes_of, risk
from privacy.deidentify.text import MAX_TEXT_CHARS, scrub
from privacy.errors import Refused
from privacy.files import require_owner_only
from privacy.ids import KEY_BYTES

PERSON = "person"
MAX_INPUT_BYTES = 2_000_000_000
ORDER = "order of rows"


@dataclass(frozen=True)
class Report:
    """What was done. ``removed``: counts of what was taken out of texts, by kind. ``levels``: how far each
    quasi-identifier was generalised (0: not). ``before``, ``after``: risks by the quasi-identifiers."""

    recipient: str
    rows: int
    rows_suppressed: int
    columns_dropped: list[str]
    levels: Mapping[str, int]
    removed: Mapping[str, int]
    texts: int
    before: Risk
    after: Risk


def read(path: Path) -> pa.Table:
    """A CSV (all columns as texts) or Parquet file.

    Raises ``Refused``: ``deidentify.input``, ``deidentify.input_large``.
    """
    from pyarrow import csv, parquet

    try:
        if path.stat().st_size > MAX_INPUT_BYTES:
            raise Refused("deidentify.input_large", path=str(path), most=MAX_INPUT_BYTES)
        if path.suffix.lower() == ".parquet":
            return parquet.read_table(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            import csv as plain_csv

            names = next(plain_csv.reader([file.readline()]), [])
        options = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True)
        return csv.read_csv(path, convert_options=options)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise Refused("deidentify.input", path=str(path)) from error


def read_key(path: Path) -> bytes:
    """The secret of pseudonyms and shifts: a file of 32 bytes or more that only its owner can read."""
    require_owner_only(path)
    key = path.read_bytes()
    if len(key) < KEY_BYTES:
        raise Refused("ids.key", least=KEY_BYTES)
    return key


def deidentify(table: pa.Table, policy: DeidentifyPolicy, key: bytes) -> tuple[pa.Table, Report]:
    """The table as the policy wants it, and the report.

    Raises ``Refused``: ``deidentify.column_missing``, ``deidentify.person_missing``, ``deidentify.date``,
    ``deidentify.number``, ``deidentify.text_long``, ``deidentify.k_not_reached``.
    """
    columns = {name: _array(table, name) for name in [policy.person, *policy.columns]}
    persons_text = columns[policy.person].cast(pa.string())
    if persons_text.null_count:
        raise Refused("deidentify.person_missing", column=policy.person, rows=persons_text.null_count)
    persons = _codes(persons_text)
    sensitive = [_codes(columns[name]) for name in policy.with_treatment("sensitive")]
    quasi = {name: columns[name] for name in policy.generalised()}
    found = generalise(quasi, persons, sensitive, policy)
    kept = pa.array(found.kept)
    texts, removed = _scrubbed(columns, policy, kept)

    out: dict[str, pa.Array] = {}
    days = shift_days(persons_text.filter(kept).to_pylist(), key, policy.recipient, policy.maximum_shift_days)
    for name, rule in policy.columns.items():
        values = columns[name].filter(kept)
        if name in found.columns:
            out[name] = found.columns[name].filter(kept)
        elif rule.treatment == "pseudonym":
            out[name] = pseudonyms(values, key, policy.recipient, PERSON if name == policy.person else name)
        elif rule.treatment == "date":
            out[name] = shifted(values, days, name)
        elif rule.treatment == "text":
            out[name] = texts[name]
        elif rule.treatment in ("keep", "sensitive"):
            out[name] = values
    report = Report(
        recipient=policy.recipient,
        rows=table.num_rows,
        rows_suppressed=int(np.count_nonzero(~found.kept)),
        columns_dropped=[name for name in table.column_names if name not in out],
        levels=found.levels,
        removed=dict(sorted(removed.items())),
        texts=len(texts),
        before=_risk(_unchanged(quasi), persons, sensitive),
        after=_risk(
            [codes[found.kept] for codes in found.codes.values()],
            persons[found.kept],
            [codes[found.kept] for codes in sensitive],
        ),
    )
    # The order of the rows would tell who is who to somebody with the original in order.
    order = pseudonyms(persons_text.filter(kept), key, policy.recipient, ORDER)
    return pa.table(out).take(pc.sort_indices(order)), report


def _array(table: pa.Table, name: str) -> pa.Array:
    if table.column_names.count(name) != 1:
        raise Refused("deidentify.column_missing", column=name)
    column = table.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _codes(values: pa.Array) -> Codes:
    """A number for each distinct value; missing is a value."""
    indices = pc.dictionary_encode(values, null_encoding="encode").indices
    return np.asarray(indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def _unchanged(quasi: Mapping[str, pa.Array]) -> list[Codes]:
    return [
        levels_of(name, values, Category(treatment="category"))[0].codes for name, values in quasi.items()
    ]


def _risk(quasi: list[Codes], persons: Codes, sensitive: list[Codes]) -> Risk:
    return risk(classes_of(quasi, len(persons)), persons, sensitive)


def _scrubbed(
    columns: Mapping[str, pa.Array], policy: DeidentifyPolicy, kept: pa.Array
) -> tuple[dict[str, pa.Array], Counter[str]]:
    """The texts of the kept rows without what identifies, and what was removed by kind."""
    name_columns = [
        columns[name].filter(kept).cast(pa.string()).to_pylist() for name in policy.with_treatment("name")
    ]
    names = [[name for name in row if name] for row in zip(*name_columns, strict=True)]
    out, removed = {}, Counter[str]()
    for column in policy.with_treatment("text"):
        texts: list[str | None] = []
        for row, text in enumerate(columns[column].filter(kept).cast(pa.string()).to_pylist()):
            if text is not None and len(text) > MAX_TEXT_CHARS:
                raise Refused("deidentify.text_long", column=column, most=MAX_TEXT_CHARS)
            cleaned = None if text is None else scrub(text, names[row] if names else ())
            texts.append(None if cleaned is None else cleaned.text)
            removed.update({} if cleaned is None else cleaned.removed)
        out[column] = pa.array(texts, pa.string())
    return out, removed
