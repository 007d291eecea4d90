"""Which contract each case of a table falls under, and the prices of cases under several contracts.

The contract is chosen once for each combination of region, insurance type, level of the hospital, hospital and period
that occurs, not for each case. A case without a contract, or with two that apply alike, has a reason and no price.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from drg.errors import InputError, Problem, input_error
from drg.grouper.table import GROUPING_SCHEMA, group
from drg.payment.columns import Ints, coded, day_number, numbers, readable, text_of, unlisted
from drg.payment.contract import (
    ANY_REGION,
    LAST_DAY,
    Contract,
    Terms,
    find_contract,
    fitting_contracts,
    load_contract,
    shipped_contracts,
    shipped_terms,
)
from drg.payment.price import price, reason_number, unpriced, with_groups

MAX_CONTRACTS = 1000
NONE = -1


@dataclass(frozen=True)
class Contracts:
    """Contracts to choose among: the terms of each, and how one is loaded by its id."""

    terms: Sequence[Terms]
    load: Callable[[str], Contract]


@dataclass(frozen=True)
class Choice:
    """The contract of each case: its place among the contracts, or ``NONE`` and the reason (a message id) by
    its place in ``REASONS`` of ``price``. ``overlaps``: ids of contracts that apply alike -> cases."""

    place: Ints
    reason: Ints
    overlaps: Counter[tuple[str, ...]]


@dataclass(frozen=True)
class PricedCases:
    """A grouping by each case's contract's scheme (``GROUPING_SCHEMA``; nothing but the case id where there is no
    contract), the payments (``PAYMENT_SCHEMA``), both in the order of the cases, and ``Choice.overlaps``."""

    grouping: pa.Table
    payments: pa.Table
    overlaps: Counter[tuple[str, ...]]


def all_shipped() -> Contracts:
    """The contracts that come with the project; one is loaded when a case needs it."""
    return Contracts([shipped_terms(id) for id in shipped_contracts()], find_contract)


def in_folder(folder: Path) -> Contracts:
    """The contracts of all TOML files of a folder. Raises ``InputError`` with everything that is wrong with them."""
    paths = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    if not paths or len(paths) > MAX_CONTRACTS:
        raise input_error("payment.folder_contracts", str(folder), found=len(paths), most=MAX_CONTRACTS)
    found: dict[str, Contract] = {}
    problems: list[Problem] = []
    for path in paths:
        try:
            contract = load_contract(path)
        except InputError as error:
            problems += error.problems
            continue
        if contract.id in found:
            problems.append(Problem("payment.contract_twice", path.name, {"id": contract.id}))
        found[contract.id] = contract
    if problems:
        raise InputError(problems)
    return Contracts([contract.terms for contract in found.values()], found.__getitem__)


def choose(cases: pa.Table, among: Sequence[Terms]) -> Choice:
    """The contract of every case of a case table. Raises ``InputError`` for columns that cannot be read."""
    table = readable(cases, needed=())
    keys = _Keys(table, among)
    found, of_case = np.unique(keys.of_cases, return_inverse=True)
    counts = np.bincount(of_case, minlength=len(found))
    place, reason = np.full(len(found), NONE, np.int64), np.zeros(len(found), np.int64)
    overlaps: Counter[tuple[str, ...]] = Counter()
    for number, key in enumerate(found.tolist()):
        fitting = keys.fitting(key)
        if isinstance(fitting, str):
            reason[number] = reason_number(fitting)
        elif len(fitting) == 1:
            place[number] = among.index(fitting[0])
        elif fitting:
            reason[number] = reason_number("payment.contract_overlap")
            overlaps[tuple(terms.id for terms in fitting)] += int(counts[number])
        else:
            reason[number] = reason_number("payment.contract_gap")
    return Choice(place[of_case], reason[of_case], overlaps)


class _Keys:
    """What a contract is chosen by, one number a case; texts that no contract names count as one."""

    def __init__(self, table: pa.Table, among: Sequence[Terms]):
        self.among = among
        named = {
            "region": [name for terms in among for name in terms.regions if name != ANY_REGION],
            "insurance_type": [
                name for terms in among for row in terms.rates for name in row.insurance_types
            ],
            "hospital_level": [name for terms in among for row in terms.rates for name in row.levels],
            "hospital": [name for terms in among for name in terms.hospitals],
        }
        self.values = {column: _with_others(names) for column, names in named.items()}
        starts = {terms.first_day for terms in among}
        ends = {terms.last_day for terms in among if terms.last_day not in (None, LAST_DAY)}
        self.boundaries = sorted(starts | {day + dt.timedelta(days=1) for day in ends if day is not None})
        day, has_day = numbers(table, "discharge_date")
        period = np.searchsorted([day_number(one) for one in self.boundaries], day, side="right")
        # Two more than there are boundaries: before the first, and no date.
        self.of_cases = np.where(has_day, period, len(self.boundaries) + 1)
        for column, values in self.values.items():
            names = [name for name in values[:-2] if name is not None]
            self.of_cases = self.of_cases * len(values) + coded(table, column, names)

    def fitting(self, key: int) -> Sequence[Terms] | str:
        """The contracts that apply to the cases of a key, or the message id of what is missing to tell."""
        known: dict[str, str | None] = {}
        for column, values in reversed(self.values.items()):
            key, place = divmod(key, len(values))
            known[column] = values[place]
        if key > len(self.boundaries):
            return "payment.date_missing"
        if known["region"] is None and not any(ANY_REGION in terms.regions for terms in self.among):
            return "payment.region_missing"
        day = self.boundaries[key - 1] if key else dt.date.min
        return fitting_contracts(
            self.among,
            known["region"],
            day,
            known["insurance_type"],
            known["hospital_level"],
            known["hospital"],
        )


def _with_others(names: Sequence[str]) -> list[str | None]:
    """Distinct names, a text that stands for all others, and none: in the order of ``coded``."""
    distinct = tuple(dict.fromkeys(names))
    return [*distinct, unlisted(distinct), None]


def price_by_choice(cases: pa.Table, contracts: Contracts) -> PricedCases:
    """Every case of a case table grouped and priced by its own contract. Raises ``InputError`` for columns that
    cannot be read, and for a contract that does not load."""
    choice = choose(cases, contracts.terms)
    rows: list[Ints] = []
    groupings, payments = [], []
    for chosen, contract_of in _by_scheme(choice, contracts):
        part = _taken(cases, chosen)
        grouping = group(part, contract_of[0][1].terms.scheme)
        grouped = with_groups(part, grouping)
        place = choice.place[chosen]
        for number, contract in contract_of:
            own = np.flatnonzero(place == number)
            rows.append(chosen[own])
            groupings.append(_taken(grouping, own))
            payments.append(price(_taken(grouped, own), contract))
    without = np.flatnonzero(choice.place == NONE)
    if len(without) or not rows:
        left = readable(_taken(cases, without), needed=())
        ids = text_of(left, "case_id")
        rows.append(without)
        groupings.append(_without_group(ids))
        payments.append(unpriced(ids, choice.reason[without]))
    order = np.argsort(np.concatenate(rows), kind="stable")
    return PricedCases(
        _taken(pa.concat_tables(groupings).unify_dictionaries(), order),
        _taken(pa.concat_tables(payments).unify_dictionaries(), order),
        choice.overlaps,
    )


def _by_scheme(choice: Choice, contracts: Contracts) -> Iterator[tuple[Ints, Sequence[tuple[int, Contract]]]]:
    """The rows of each scheme, with the contracts of that scheme that occur and their places."""
    occurring = [number for number in np.unique(choice.place).tolist() if number != NONE]
    loaded = {number: contracts.load(contracts.terms[number].id) for number in occurring}
    for scheme in dict.fromkeys(contract.terms.scheme for contract in loaded.values()):
        own = [(number, one) for number, one in loaded.items() if one.terms.scheme == scheme]
        yield np.flatnonzero(np.isin(choice.place, [number for number, _ in own])), own


def _taken(table: pa.Table, rows: Ints) -> pa.Table:
    """The rows of a table in an order; the table itself where these are all."""
    if len(rows) == len(table) and bool((rows == np.arange(len(rows))).all()):
        return table
    return table.take(pa.array(rows))


def _without_group(case_ids: pa.Array) -> pa.Table:
    columns = {field.name: pa.nulls(len(case_ids), field.type) for field in GROUPING_SCHEMA}
    columns["case_id"] = case_ids
    return pa.table(columns, schema=GROUPING_SCHEMA)
