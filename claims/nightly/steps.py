"""The steps of a partition: tables in, tables out. They know nothing of files, runs or workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from claims.nightly import work
from claims.nightly.documents import NOTES, check_documents
from claims.nightly.reading import with_fee_lines
from claims.nightly.work import Work
from drg.case import CASE_SCHEMA
from drg.quality.dictionary import CLINICAL, NHSA

Tables = Mapping[str, pa.Table]


@dataclass(frozen=True)
class PartStep:
    """A step over one partition.

    ``reads``: the tables that it looks at, where they are there; ``works_with``: the hashes (``hashes.hashes_of``) on
    which it depends beside them. ``function`` takes these tables, what there is to work with, and whether the codes
    of the records are clinical ones.
    """

    name: str
    reads: tuple[str, ...]
    works_with: tuple[str, ...]
    function: Callable[[Tables, Work, bool], dict[str, pa.Table]]


def group_cases(tables: Tables, settings: Work, clinical: bool) -> dict[str, pa.Table]:
    """``groups``: by the scheme of the configuration, of the contract, or by region and day."""
    from drg.grouper.table import group
    from drg.payment.choice import Contracts, price_by_choice

    cases, pack = tables["cases"].select(CASE_SCHEMA.names), work.own_pack(settings)
    if pack is None and settings.contract is not None:
        contracts = work.contracts_of(settings.contract)
        assert isinstance(contracts, Contracts)  # noqa: S101 - one contract has a pack
        return {"groups": price_by_choice(cases, contracts).grouping}
    return {"groups": group(cases, pack)}


def price_cases(tables: Tables, settings: Work, clinical: bool) -> dict[str, pa.Table]:
    """``prices``: what each case is paid under its contract."""
    from drg.payment.choice import Contracts, price_by_choice
    from drg.payment.price import price, with_groups

    assert settings.contract is not None  # noqa: S101 - the step does not run without one
    cases = tables["cases"].select(CASE_SCHEMA.names)
    contracts = work.contracts_of(settings.contract)
    if isinstance(contracts, Contracts):
        return {"prices": price_by_choice(cases, contracts).payments}
    return {"prices": price(with_groups(cases, tables["groups"]), contracts)}


def check_records(tables: Tables, settings: Work, clinical: bool) -> dict[str, pa.Table]:
    """``findings`` of the quality rules and of the checks of whole records, and ``scores``: one row a record."""
    from drg.quality.engine import check_chunks

    edition = CLINICAL if clinical else NHSA
    checker = work.quality_checker(settings.rule_set, settings.day, edition, settings.appeals)
    checked = list(check_chunks([_with_groups(tables, settings)], checker, workers=1))
    findings = [one.findings for one in checked]
    scores = pa.concat_tables([one.records for one in checked])
    if NOTES in tables["records"].column_names:
        documents = check_documents(tables["records"], edition, settings.appeals)
        findings.append(documents.findings)
        scores = documents.beside(scores)
    return {"findings": pa.concat_tables(findings, promote_options="default"), "scores": scores}


def check_claims(tables: Tables, settings: Work, clinical: bool) -> dict[str, pa.Table]:
    """``hits`` of the claim rules: suspicions and clues."""
    from drg.quality.engine import check_chunks

    edition = CLINICAL if clinical else NHSA
    checker = work.claim_checker(
        settings.region, settings.knowledge, settings.parameters, settings.day, edition
    )
    records = _with_groups(tables, settings)
    if "lines" in tables:
        records = with_fee_lines(records, tables["lines"])
    checked = list(check_chunks([records], checker, workers=1))
    return {"hits": pa.concat_tables([one.findings for one in checked])}


def _with_groups(tables: Tables, settings: Work) -> pa.Table:
    """The records with the columns that rules about grouping look at."""
    from drg.quality.grouping import columns_of, with_groups

    if "groups" not in tables:
        return tables["records"]
    pack, groups = work.own_pack(settings), tables["groups"]
    if pack is None:
        # Without the scheme of each case nobody can say whether a diagnosis decides its group.
        place = groups.column_names.index("cc_code")
        groups = groups.set_column(place, "cc_code", pa.nulls(len(groups), pa.string()))
    cases = tables["cases"].select(CASE_SCHEMA.names)
    return with_groups(tables["records"], columns_of(cases, groups, tables.get("prices"), pack))


GROUPED = ("cases", "groups", "prices")

PART_STEPS = (
    PartStep("group", ("cases",), ("scheme",), group_cases),
    PartStep("price", ("cases", "groups"), ("contract",), price_cases),
    PartStep("check", ("records", *GROUPED), ("quality_rules", "scheme", "appeals"), check_records),
    PartStep("rules", ("records", "lines", *GROUPED), ("claim_rules", "scheme"), check_claims),
)
"""In the order in which they run."""
