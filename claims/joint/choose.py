"""Which claims take part, and the table of ours that goes to the node: every other claim is left out with a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from claims.errors import input_error
from claims.joint.settings import JointSettings
from claims.nightly.results import Results
from privacy import files
from privacy import ids as person_ids
from privacy.errors import Refused
from privacy.gate import consent_register
from privacy.party import PartyConfig, TableSource
from privacy.table import read_table

NEW, KEPT = "new", "kept"
NO_PERSON, INVALID_ID, NEWER_CLAIM, NO_CONSENT = "no_person", "invalid_id", "newer_claim", "no_consent"
CASES = "cases"
RECORD_NUMBER = "records.medical_record_number"
DAYS = ("discharge_date", "admission_date")
MOST_PERSONS = 10_000_000
States = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Chosen:
    """All claims of the results, in their order, and the table of those that take part (``state`` is ``NEW``).

    ``case_ids`` (claims), ``states`` (claims), ``table`` (new claims: id, day where the node wants one, columns);
    ``ids`` are the ids of its rows as the node writes them.
    """

    case_ids: list[str]
    states: States
    table: pa.Table
    ids: list[str]

    @property
    def new_cases(self) -> list[str]:
        """The claims that take part, in the order of the table."""
        found: list[str] = np.array(self.case_ids)[self.states == NEW].tolist()
        return found

    @property
    def counts(self) -> dict[str, int]:
        """How many claims are in each state."""
        return dict(sorted(Counter(self.states.tolist()).items()))


@dataclass(frozen=True)
class Use:
    """What the claims are chosen for, as consent tokens say it: of our columns, these."""

    purpose: str
    protocols: tuple[str, ...]
    columns: tuple[str, ...]
    day: date


def choose(
    results: Results,
    settings: JointSettings,
    config: PartyConfig,
    source: TableSource,
    use: Use | None,
    done: Collection[str] = (),
    only: Collection[str] | None = None,
) -> Chosen:
    """The newest claim of each person with consent, unless it is ``done`` already.

    ``source``: the node's table. ``use``: None where the node checks the consents itself, when the peer asks.
    ``only``: case ids beside which there are no claims. Raises ``InputError`` where columns are missing, ``Refused``
    where the register of consents cannot be used.
    """
    cases = results.table("cases", ["case_id", *DAYS], only)
    case_ids: list[str] = cases.column("case_id").cast(pa.string()).to_pylist()
    days = _days(cases)
    ids, states = _ids(results, case_ids, settings, source)
    states[_older(ids, days, case_ids, states == NEW)] = NEWER_CLAIM
    is_done = (
        np.isin(np.array(case_ids, object).astype(str), sorted(done)) if done else np.zeros(len(ids), bool)
    )
    states[(states == NEW) & is_done] = KEPT
    if use is not None and source.personal:
        states[_without_consent(ids, days, states == NEW, config, source, use)] = NO_CONSENT
    rows = np.flatnonzero(states == NEW)
    chosen = [ids[row] for row in rows]
    table = _table(results, settings, source, [case_ids[row] for row in rows], chosen, days[rows])
    return Chosen(case_ids, states, table, chosen)


def write_table(source: TableSource, table: pa.Table) -> None:
    """Put the table where the node reads it: owner-only, whole or not at all. Raises ``InputError`` for a CSV path."""
    if source.path.suffix.lower() != ".parquet":
        raise input_error("joint.table_kind", str(source.path))
    buffer = BytesIO()
    pq.write_table(table, buffer)
    files.replace(source.path, buffer.getvalue())


def _days(cases: pa.Table) -> npt.NDArray[np.datetime64]:
    """The day of each claim; NaT where it is not known."""
    columns = [cases.column(name).cast(pa.date32()) for name in DAYS if name in cases.column_names]
    if not columns:
        return np.full(len(cases), np.datetime64("NaT"), "datetime64[D]")
    return np.asarray(pc.coalesce(*columns).to_numpy(), "datetime64[D]")


def _ids(
    results: Results, case_ids: Sequence[str], settings: JointSettings, source: TableSource
) -> tuple[list[str], States]:
    """The id of each claim's person as the node writes it ("" where there is none), and the state of each claim."""
    persons = _told(results, settings.person, case_ids)
    if persons is None:
        table, column = _place(settings.person)
        raise input_error("joint.column_missing", table, column=column)
    told = persons
    if settings.ids is not None:
        told = _linked([persons, _told(results, RECORD_NUMBER, case_ids)], settings.ids)
    is_missing = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(told), ""), True).to_numpy(
        zero_copy_only=False
    )
    normal = person_ids.normalised(pc.fill_null(told, "").to_pylist(), source.id_kind)
    states = np.full(len(normal), NEW, "U16")
    states[[id is None for id in normal]] = INVALID_ID
    states[is_missing] = NO_PERSON
    return [id or "" for id in normal], states


def _place(column: str) -> tuple[str, str]:
    """Table of the results and name of a column; one without a table is of the cases."""
    table, _, name = column.rpartition(".")
    return table or CASES, name


def _told(results: Results, column: str, case_ids: Sequence[str]) -> pa.Array | None:
    """What a column says of each claim; None where the results have no such column."""
    table, name = _place(column)
    if not results.has(table):
        return None
    found = results.table(table, ["case_id", name], case_ids)
    if name not in found.column_names:
        return None
    places = pc.index_in(pa.array(case_ids, pa.string()), value_set=found.column("case_id").cast(pa.string()))
    return found.column(name).cast(pa.string()).combine_chunks().take(places)


def _linked(persons: Sequence[pa.Array | None], ids: Path) -> pa.Array:
    """The id by which both parties know each person; null where the table of ids has not got the person.

    ``persons``: what the claims say of theirs. The results have a pseudonym, and the number as written in the record:
    the table of ids may have either.
    """
    linked = read_table(ids, "person", texts=("id",), max_rows=MOST_PERSONS)
    linked.require_unique_ids()
    known = pa.array(linked.ids, pa.string())
    places = [pc.index_in(one, value_set=known) for one in persons if one is not None]
    return pa.array(linked.texts["id"], pa.string()).take(pc.coalesce(*places))


def _older(
    ids: Sequence[str],
    days: npt.NDArray[np.datetime64],
    case_ids: Sequence[str],
    takes_part: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """The claims of which the same person has a newer one: a job has one row a person."""
    rows = np.flatnonzero(takes_part)
    # A claim without a day is taken for the oldest.
    number = np.where(np.isnat(days), np.iinfo(np.int64).min, days.astype(np.int64))[rows]
    id, case_id = np.array(ids)[rows], np.array(case_ids)[rows]
    order = np.lexsort((case_id, number, id))
    is_older = np.append(id[order][:-1] == id[order][1:], np.zeros(min(len(rows), 1), bool))
    return np.asarray(rows[order[is_older]], np.int64)


def _without_consent(
    ids: Sequence[str],
    days: npt.NDArray[np.datetime64],
    is_new: npt.NDArray[np.bool_],
    config: PartyConfig,
    source: TableSource,
    use: Use,
) -> npt.NDArray[np.int64]:
    """The new claims whose person has no valid token of ours for each of the protocols."""
    if config.consent is None:
        raise Refused("job.consent_missing", table=source.path.name, party=config.party)
    register = consent_register(config, config.consent)
    rows = np.flatnonzero(is_new)
    asked: list[str] = np.array(ids)[rows].tolist()
    record_days = days[rows] if source.day_column is not None else None
    permitted = np.ones(len(rows), bool)
    for protocol in use.protocols:
        # A private intersection uses the id alone.
        columns = () if protocol == "psi" else use.columns
        found = register.valid_ids(asked, use.purpose, protocol, use.day, columns, record_days)
        permitted &= found.mask
    return np.asarray(rows[~permitted], np.int64)


def _table(
    results: Results,
    settings: JointSettings,
    source: TableSource,
    case_ids: list[str],
    ids: list[str],
    days: npt.NDArray[np.datetime64],
) -> pa.Table:
    """The rows of the node's table; a value that the results have not got is null."""
    made: dict[str, pa.Array | pa.ChunkedArray] = {source.id_column: pa.array(ids, pa.string())}
    if source.day_column is not None:
        made[source.day_column] = pa.array(days)
    for name, columns in settings.columns.items():
        found = results.table(name, ["case_id", *columns], case_ids)
        for column in columns:
            if column not in found.column_names:
                raise input_error("joint.column_missing", name, column=column)
            if column in made:
                raise input_error("joint.column_taken", name, column=column)
        places = pc.index_in(
            pa.array(case_ids, pa.string()), value_set=found.column("case_id").cast(pa.string())
        )
        made |= {column: found.column(column).take(places) for column in columns}
    return pa.table(made)
