"""An insurer's installation over synthetic claims: results folder, trained model, store with work items and accounts.

Nobody in it exists. Cases are those of the synthetic sample, moved to nine hospitals and to persons with several
visits; fee lines split their cost, and a few claims are given what a rule looks for. Rules, features, model and reasons
are real.
"""

from __future__ import annotations

import atexit
import csv
import datetime as dt
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

import drg
from claims.lines import ClaimSource, claim_fields, read_claims
from claims.network.store import build_network
from claims.nightly.inputs import content_hash
from claims.nightly.manifest import write_table
from claims.nightly.results import Results, open_results
from claims.risk import features, reasons, scoring
from claims.risk import store as models
from claims.risk.card import cards
from claims.risk.frame import frame
from claims.risk.model import Model
from claims.risk.training import Task, train
from claims.rules.check import Request, check_claims
from claims.rules.library import load_claim_rules
from claims.store import (
    Kind,
    NewAccount,
    NewItem,
    Reason,
    Store,
    add_account,
    add_items,
    init_store,
    open_store,
    parse_address,
    schema,
    sign_in_by_subject,
    start_run,
)
from claims.store.database import write_connection
from claims.store.passwords import hash_password
from drg import records
from drg.payment.contract import find_contract
from drg.payment.price import price
from drg.quality.engine import Checked

SAMPLE = Path(__file__).parents[2] / "data_samples" / "sample" / "plain.csv"
SCHEME, CONTRACT = "chs-drg-1.1", "template"
HOSPITALS = 9
PERSON_EVERY = 4
"""So many cases in a row are visits of one person, where the first of them is one of ``PERSON_BLOCK``."""
PERSON_BLOCK = 20
RUN = "2026-12-31-1"
RUN_DATE = dt.date(2026, 12, 31)
MOST_CASES = 720
MOST_ITEMS = 90
TRAINED_ON = (
    "case_id",
    "age",
    "los_days",
    "total_cost_fen",
    "drug_share",
    "consumable_share",
    "patient_paid_share",
    "cost_to_standard",
    "claims_12m",
    "same_dx_12m",
    "hospital_claims_90d",
    "rule_hits",
    "weight",
)
PASSWORD = "synthetic-password-1"  # noqa: S105 - of a store that lives as long as its test
ROLES = {"li": "analyst", "wang": "analyst", "coder": "coder", "operator": "operator", "manager": "manager"}
"""Accounts, known to an identity provider by the same name, which costs no hash of a password."""
FEES = ("case_id", "item_code", "item_name", "kind", "quantity", "unit", "unit_price", "amount", "date")


@dataclass(frozen=True)
class Desk:
    """An installation in a folder; ``config`` is what ``DRGBRIDGE_UI_CONFIG`` names."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "ui.toml"

    @property
    def results(self) -> Results:
        return open_results(self.folder / "results")

    @property
    def model(self) -> models.Stored:
        return models.load(self.folder / "model")

    def open_store(self) -> Store:
        return open_store(parse_address(str(self.folder / "store.sqlite")))

    def token(self, name: str) -> str:
        """The token of a session of an account, which is signed in by it."""
        with self.open_store() as store:
            return sign_in_by_subject(store, name, dt.timedelta(hours=1)).token

    def give_passwords(self) -> None:
        """``PASSWORD`` to every account; past the store, so its audit trail does not verify."""
        hashed = hash_password(PASSWORD)
        with self.open_store() as store, write_connection(store) as connection:
            connection.execute(sa.update(schema.credential).values(password_hash=hashed))


@cache
def _built() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="drgbridge-desk-"))
    atexit.register(shutil.rmtree, folder, True)
    build(folder)
    return folder


def desk_in(folder: Path) -> Desk:
    """An installation of its own in a folder that is not there yet; building it is done once a process."""
    shutil.copytree(_built(), folder)
    return Desk(folder)


class _Kept:
    """The findings of a run of the rules."""

    def __init__(self) -> None:
        self.findings: list[pa.Table] = []

    def write(self, checked: Checked) -> None:
        self.findings.append(checked.findings)

    def reject(self, rejections: pa.Table) -> None:
        raise AssertionError(rejections.to_pylist())


def build(folder: Path) -> None:
    """Make the installation in an empty folder."""
    source, fees = folder / "claims.csv", folder / "fees.csv"
    _write_claims(source)
    cases = pa.concat_tables(batch.cases for batch in records.read(source).batches())
    _write_fees(fees, cases)
    groups = drg.group(cases, SCHEME)
    prices = price(_with(cases, groups, ("status", "drg", "adrg")), find_contract(CONTRACT))
    hits = _hits(source, fees)
    table = _features(cases, groups, prices, hits)
    model = folder / "model"
    _train(table, model)
    sha256 = content_hash(model)
    stored = models.load(model)
    results = folder / "results"
    risk = scoring.score(table, stored.model, "total_cost_fen")
    risk = risk.drop_columns(["id"]).add_column(0, "case_id", cases.column("case_id"))
    tables = {
        "cases": cases,
        "groups": groups,
        "prices": prices,
        "hits": hits,
        "features": table,
        "risk": risk,
    }
    _write_results(results, {**tables, **_lines_and_records(source, fees)}, sha256)
    _write_network(folder, cases, risk)
    store = init_store(parse_address(str(folder / "store.sqlite")))
    _fill(store, cases, risk, hits, table, stored.model, sha256)
    store.close()
    (folder / "ui.toml").write_text(
        f'name = "合成保险公司"\nname_en = "Synthetic Insurer"\nparty = "both"\nstore = "store.sqlite"\n'
        f'results = "results"\nmodel = "model"\nschemes = ["{SCHEME}"]\ncontract = "{CONTRACT}"\n',
        encoding="utf-8",
    )


def _write_claims(target: Path) -> None:
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kept = _readable(rows)
    person = 0
    for place, row in enumerate(kept):
        if not (place % PERSON_BLOCK < PERSON_EVERY and place % PERSON_BLOCK):
            person += 1
        row["person"] = f"SYN-P{person:05}"
        row["hospital"] = f"SYN-H{place * 7 % HOSPITALS + 1:02}"
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(kept[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)


def _readable(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows of the sample without planted defects."""
    known = {
        case for batch in records.read(SAMPLE).batches() for case in batch.cases.column("case_id").to_pylist()
    }
    found = {row["case_id"]: row for row in rows if row["case_id"] in known}
    return list(found.values())[:MOST_CASES]


def _write_fees(target: Path, cases: pa.Table) -> None:
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FEES)
        for place, case in enumerate(cases.to_pylist()):
            writer.writerows(_lines_of(place, case))


def _lines_of(place: int, case: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """The fee lines of a case: they add up to its cost, but for what is planted."""
    total, drugs, goods = (
        case[name] or 0 for name in ("total_cost_fen", "drug_cost_fen", "consumable_cost_fen")
    )
    day, stay = case["admission_date"], max(case["los_days"] or 1, 1)
    is_empty_bed = place % 23 == 5 and stay >= 4
    days = [day + dt.timedelta(days=number) for number in range(min(stay, 6))]

    def line(code: str, name: str, kind: str, fen: int, on: dt.date, count: int = 1) -> tuple[Any, ...]:
        yuan = f"{fen / 100:.2f}"
        return (
            case["case_id"],
            code,
            name,
            kind,
            count,
            "次",
            f"{fen / 100 / count:.2f}",
            yuan,
            on.isoformat(),
        )

    for number, on in enumerate(days):
        yield line("SYN-BED", "床位费", "service", 4_000, on)
        if not (is_empty_bed and number in (2, 3)):
            yield line("SYN-INF", "静脉输液", "service", 1_200, on)
    yield line("SYN-DRUG", "注射用药（合成）", "drug", drugs * 6 // 10, day)
    yield line("SYN-DRUG2", "口服用药（合成）", "drug", drugs - drugs * 6 // 10, day)
    yield line("SYN-MAT", "一次性医用材料（合成）", "consumable", goods, day)
    rest = max(total - drugs - goods - 5_200 * len(days), 0)
    yield line("SYN-LAB", "实验室检查（合成）", "service", rest * 45 // 100, day)
    yield line("SYN-TRT", "治疗操作（合成）", "service", rest - rest * 45 // 100, day)
    if place % 29 == 3:
        yield line("SYN-S014", "样例综合项目", "service", 18_000, day)
        yield line("SYN-S015", "样例内含项目", "service", 6_000, day)
    if place % 31 == 4:
        yield line("SYN-D005", "样例限门诊药", "drug", 24_000, day)


def _hits(source: Path, fees: Path) -> pa.Table:
    kept = _Kept()
    check_claims(Request(ClaimSource(source, fees), list(load_claim_rules().values()), RUN_DATE), kept)
    return pa.concat_tables(kept.findings)


def _with(cases: pa.Table, other: pa.Table, names: tuple[str, ...]) -> pa.Table:
    for name in names:
        cases = cases.append_column(name, other.column(name).cast(pa.string()))
    return cases


def _features(cases: pa.Table, groups: pa.Table, prices: pa.Table, hits: pa.Table) -> pa.Table:
    table = _with(cases, groups, ("drg",))
    for name in ("weight", "standard_fen"):
        table = table.append_column(name, prices.column(name))
    counted = hits.group_by("case_id").aggregate([("rule", "count")])
    number = dict(
        zip(counted.column("case_id").to_pylist(), counted.column("rule_count").to_pylist(), strict=True)
    )
    table = table.append_column(
        "rule_hits",
        pa.array([number.get(case, 0) for case in cases.column("case_id").to_pylist()], pa.int64()),
    )
    return features.claim_features(table)


def _train(table: pa.Table, folder: Path) -> None:
    """A model of a label that is drawn from a formula over the features."""
    random = np.random.default_rng(20270101)
    figures = {
        name: _figures(table, name) for name in ("cost_to_standard", "drug_share", "claims_12m", "rule_hits")
    }
    score = 1.4 * figures["cost_to_standard"] + 3 * figures["drug_share"] + 0.7 * figures["claims_12m"]
    score += 1.1 * figures["rule_hits"]
    score -= np.quantile(score, 0.93)
    label = random.random(len(table)) < 1 / (1 + np.exp(-2.5 * score))
    labelled = table.select(TRAINED_ON).append_column("suspicious", pa.array(label.astype(np.int8)))
    task = Task(label="suspicious", id_column="case_id", amount="total_cost_fen")
    result = train(labelled, task, "0" * 64)
    models.save(
        folder, result.model, result.split, result.cases, cards(result.model, result.test, result.baseline)
    )


def _figures(table: pa.Table, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    figures: np.ndarray[Any, np.dtype[np.float64]] = np.nan_to_num(
        table.column(name).cast(pa.float64()).to_numpy()
    )
    return figures


def _lines_and_records(source: Path, fees: Path) -> dict[str, pa.Table]:
    batches = [batch.records for batch in read_claims(ClaimSource(source, fees)) if len(batch.records)]
    whole = pa.concat_tables(batches)
    names = [name for name in whole.column_names if name.startswith("fee_lines.")]
    first = whole.column(names[0]).combine_chunks()
    owner = whole.column("case_id").combine_chunks().take(pc.list_parent_indices(first))
    columns = {name: whole.column(name).combine_chunks().flatten() for name in names}
    assert set(names) <= set(claim_fields())
    return {"lines": pa.table({"case_id": owner, **columns}), "records": whole.drop_columns(names)}


def _write_results(folder: Path, tables: dict[str, pa.Table], model: str) -> None:
    outputs = [write_table(table, folder, f"{name}/p0.parquet", name) for name, table in tables.items()]
    told = [{"table": one.table, "file": one.file} for one in outputs]
    for name in ("parts", "runs"):
        (folder / name).mkdir()
    (folder / "parts" / "p0.json").write_bytes(orjson.dumps({"steps": {"all": {"outputs": told}}}))
    run = {"run_id": RUN, "hashes": _hashes(model)}
    for path in (folder / "_run.json", folder / "runs" / f"{RUN}.json"):
        path.write_bytes(orjson.dumps(run))
    (folder / "_SUCCESS").touch()


def _write_network(folder: Path, cases: pa.Table, risk: pa.Table) -> None:
    """The network of the visits; three persons in a row share a phone."""
    phones = [f"SYN-T{int(person[5:]) // 3:04}" for person in cases.column("person").to_pylist()]
    visits = cases.append_column("phone", pa.array(phones)).append_column("band", risk.column("band"))
    pq.write_table(visits, folder / "visits.parquet")
    build_network([folder / "visits.parquet"], folder / "results" / "across" / "network")


def _hashes(model: str) -> dict[str, str]:
    return {
        "code": "c" * 64,
        "scheme": "5" * 64,
        "contract": "7" * 64,
        "claim_rules": "a" * 64,
        "model": model,
    }


def _fill(
    store: Store, cases: pa.Table, risk: pa.Table, hits: pa.Table, table: pa.Table, model: Model, sha256: str
) -> None:
    for name, role in ROLES.items():
        add_account(store, NewAccount(name, f"合成{name}", frozenset({role}), name), None, "fixture")
    start_run(store, RUN, RUN_DATE, _hashes(sha256), "nightly")
    add_items(store, RUN, _items(cases, risk, hits, table, model, sha256), "nightly")


def _items(
    cases: pa.Table, risk: pa.Table, hits: pa.Table, table: pa.Table, model: Model, sha256: str
) -> Iterator[NewItem]:
    """The claims that come first by expected amount, and all with a suspicion."""
    rules: dict[str, list[str]] = {}
    suspected = set()
    for hit in hits.select(["case_id", "rule", "severity"]).to_pylist():
        rules.setdefault(hit["case_id"], []).append(hit["rule"])
        if hit["severity"] == "suspicion":
            suspected.add(hit["case_id"])
    rows = risk.to_pylist()
    chosen = [
        place for place, row in enumerate(rows) if row["rank"] <= MOST_ITEMS or row["case_id"] in suspected
    ]
    told = reasons.reasons(model, frame(table, model.schema).values[chosen])
    for place, of_model in zip(chosen, told, strict=True):
        row, case = rows[place], cases.slice(place, 1).to_pylist()[0]
        of_rules = [Reason(rule, {}) for rule in dict.fromkeys(rules.get(row["case_id"], []))]
        yield NewItem(
            Kind.CLAIM,
            row["case_id"],
            case["hospital"],
            round(row["expected_amount"]),
            case["total_cost_fen"],
            (*of_rules, *(_reason(one) for one in of_model)),
            row["score"],
            row["band"],
            sha256,
        )


def _reason(one: reasons.Reason) -> Reason:
    return Reason(one.feature.column, {"value": one.value, "middle": one.middle}, one.contribution)
