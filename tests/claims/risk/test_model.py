"""The model folder, reasons, drift, ranking, features of claims."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from claims.messages import TEXTS
from claims.risk import store
from claims.risk.api import drift_of, explain
from claims.risk.catalogue import catalogue
from claims.risk.drift import psi
from claims.risk.features import claim_features, computable
from claims.risk.frame import frame
from claims.risk.model import Model
from claims.risk.ranking import rank
from claims.risk.reasons import reasons, sensitivities
from claims.risk.scoring import score
from claims.risk.store import Stored
from claims.risk.training import Result
from drg.case import CASE_SCHEMA
from drg.errors import InputError

RANDOM = np.random.default_rng(17)


def test_a_loaded_model_scores_as_the_trained_one(stored: Stored, result: Result, table: pa.Table) -> None:
    assert score(table, stored.model).equals(score(table, result.model))


def copy_of(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.mark.parametrize("name", ["trees-00.txt", "cases.parquet", "split.parquet", "card.en.md"])
def test_a_changed_file_is_noticed(name: str, folder: Path, tmp_path: Path) -> None:
    copy = copy_of(folder, tmp_path)
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(InputError, match="hash differs"):
        store.load(copy)


@pytest.mark.parametrize(
    "change",
    [
        {"features": []},
        {"calibration": {"method": "none"}},
        {"linear": []},
        {"bands": [["high", 0.1], ["medium", 0.5]]},
        {"files": {"../outside": {"sha256": "", "bytes": 0}}},
        {"reference": {"features": []}},
        {"schema": None},
    ],
)
def test_a_manifest_that_is_none_is_refused(change: dict[str, object], folder: Path, tmp_path: Path) -> None:
    copy = copy_of(folder, tmp_path)
    told = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    (copy / "manifest.json").write_text(json.dumps({**told, **change}), encoding="utf-8")
    with pytest.raises(InputError, match="damaged"):
        store.load(copy)


def test_trees_that_are_none_are_refused_even_with_the_right_hash(folder: Path, tmp_path: Path) -> None:
    copy = copy_of(folder, tmp_path)
    told = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    data = b"tree\nnothing\n"
    (copy / "trees-00.txt").write_bytes(data)
    told["files"]["trees-00.txt"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (copy / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(InputError, match="damaged"):
        store.load(copy)


def test_other_formats_and_other_folders(folder: Path, tmp_path: Path) -> None:
    copy = copy_of(folder, tmp_path)
    told = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    (copy / "manifest.json").write_text(json.dumps({**told, "format": 99}), encoding="utf-8")
    with pytest.raises(InputError, match="format 99"):
        store.load(copy)
    with pytest.raises(InputError, match="no risk model"):
        store.load(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "diary.txt").write_text("mine")
    with pytest.raises(InputError, match="not replaced"):
        store.check_place(tmp_path / "other")


def test_a_missing_column_is_named(stored: Stored, table: pa.Table) -> None:
    with pytest.raises(InputError, match="lacks the column drug_share"):
        score(table.drop_columns(["drug_share"]), stored.model)


def test_contributions_add_up_to_the_score(stored: Stored, table: pa.Table) -> None:
    values = frame(table, stored.model.schema).values[:50]
    assert stored.model.contributions(values).sum(axis=1) == pytest.approx(stored.model.scores(values))


def test_bands_flags_and_ranks(stored: Stored, table: pa.Table) -> None:
    scored = score(table, stored.model, "total_cost", 25).to_pydict()
    assert sorted(scored["rank"]) == list(range(1, len(table) + 1))
    assert [place <= 25 for place in scored["rank"]] == scored["flagged"]
    assert [told is not None for told in scored["reasons"]] == scored["flagged"]
    probability = dict.fromkeys(stored.model.band_names, 0.0) | {
        band: min(s for s, b in zip(scored["score"], scored["band"], strict=True) if b == band)
        for band in set(scored["band"])
    }
    assert probability["high"] > probability["medium"] > probability["low"]


def test_a_table_without_flagged_rows_and_one_without_rows(stored: Stored, table: pa.Table) -> None:
    scored = score(table, stored.model)
    low = table.filter(pa.compute.equal(scored.column("band"), "low"))
    assert score(low, stored.model).column("reasons").null_count == len(low)
    assert len(score(table.slice(0, 0), stored.model)) == 0


def test_reasons_name_value_and_what_is_usual_in_both_languages(stored: Stored, table: pa.Table) -> None:
    values = frame(table, stored.model.schema).values
    (found,) = reasons(stored.model, values[[int(np.argmax(stored.model.scores(values)))]])
    sizes = [abs(one.contribution) for one in found]
    assert sizes == sorted(sizes, reverse=True)
    assert found[0].contribution > 0
    english, chinese = found[0].sentence("en"), found[0].sentence("zh")
    assert "raises the risk" in english
    assert "风险升高" in chinese
    assert str(found[0].value) in english
    assert str(found[0].value) in chinese


def test_a_training_case_is_most_like_itself(stored: Stored, table: pa.Table) -> None:
    known = set(stored.cases.column("case").to_pylist())
    unit = next(name for name in table.column("claim_id").to_pylist() if name in known)
    assert explain(stored, table, unit).similar[0][0] == unit
    with pytest.raises(InputError, match="has no nobody"):
        explain(stored, table, "nobody")


def test_sensitivities_really_change_the_band(stored: Stored, table: pa.Table) -> None:
    model: Model = stored.model
    values = frame(table, model.schema).values
    row = values[int(np.argmax(model.scores(values)))]
    medium = values[np.flatnonzero(model.band_of(model.probabilities(model.scores(values))) == 1)[0]]
    found = [*sensitivities(model, medium, ("age",)), *sensitivities(model, row, ("age",))]
    assert found
    assert all(one.feature.column != "age" for one in found)
    assert {one.band for one in found} <= {"medium", "low"}


def test_psi_is_zero_for_the_same_and_grows(stored: Stored, table: pa.Table, result: Result) -> None:
    shares = np.array([0.2, 0.3, 0.5])
    assert psi(shares, shares) == 0
    expected = (0.3 - 0.2) * np.log(0.3 / 0.2) + (0.2 - 0.3) * np.log(0.2 / 0.3)
    assert psi(np.array([0.2, 0.3, 0.5]), np.array([0.3, 0.2, 0.5])) == pytest.approx(expected, rel=1e-2)
    same = {one.name: one for one in drift_of(stored, table)}
    assert same["score"].state == "stable"
    costs = [str(float(value) * 3) for value in table.column("total_cost").to_pylist()]
    place = table.column_names.index("total_cost")
    shifted = table.set_column(place, "total_cost", pa.array(costs))
    found = drift_of(stored, shifted)
    assert found[0].name == "score"
    assert (found[1].name, found[1].state) == ("total_cost", "shifted")
    empty = table.set_column(place, "total_cost", pa.nulls(len(table), pa.string()))
    (gone,) = [one for one in drift_of(stored, empty) if one.name == "total_cost"]
    assert (gone.missing_now, gone.state) == (1.0, "shifted")


def test_ranking_finds_outliers_among_their_peers() -> None:
    cheap, dear = RANDOM.normal(100, 10, 200), RANDOM.normal(1000, 50, 200)
    figures = np.concatenate([cheap, dear])
    figures[5] = 400  # far among cheap, ordinary for nobody
    table = pa.table(
        {
            "drg": ["A"] * 200 + ["B"] * 200,
            "cost": figures,
            "hit": [0] * 399 + [2],
            "id": [f"C{number}" for number in range(400)],
        }
    )
    ranked = rank(table, ["drg"], ["cost"], ["hit"], "id").to_pylist()
    first = sorted(ranked, key=lambda row: row["rank"])[:2]
    assert {row["id"] for row in first} == {"C5", "C399"}
    assert "above" in ranked[5]["reasons"][0]
    assert ranked[399]["reasons"] == ["rule hit: 2"]
    assert rank(table, ["drg"], ["cost"], lang="zh").column("reasons")[5].as_py()[0].endswith("个离差")


def test_ranking_of_equal_or_missing_figures_gives_no_points() -> None:
    table = pa.table({"cost": [5.0] * 30 + [None] * 5, "drg": ["A"] * 35})
    assert set(rank(table, ["drg"], ["cost"]).column("points").to_pylist()) == {0.0}
    with pytest.raises(InputError, match="nothing to rank"):
        rank(table, ["drg"], [])


def test_what_is_true_of_many_stands_out_in_none() -> None:
    """Every fifth has three visits, one has twelve; a rule hits every fifth, another one hits once."""
    visits = [*([0, 0, 0, 1, 3] * 200)[:-1], 12]
    table = pa.table(
        {"visits": visits, "often": [n % 5 == 0 for n in range(1000)], "once": [n == 7 for n in range(1000)]}
    )
    ranked = rank(table, [], ["visits"], ["often", "once"])
    points = ranked.column("points").to_pylist()
    assert [ranked.column("rank").to_pylist().index(place) for place in (1, 2)] == [999, 7]
    assert points[999] == pytest.approx(10.0) and points[7] == pytest.approx(5.0)
    assert max(one for place, one in enumerate(points) if place not in (7, 999)) == pytest.approx(0.5)


def claims(rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(
        [{"case_id": f"C{number}", "dx": ["I10.x05"], **row} for number, row in enumerate(rows)],
        schema=pa.schema([*CASE_SCHEMA, ("drg", pa.string()), ("issue_date", pa.date32())]),
    )


def many_claims(count: int) -> list[dict[str, object]]:
    return [
        {
            "person": f"P{RANDOM.integers(0, count // 6)}",
            "hospital": f"H{RANDOM.integers(0, 3)}",
            "doctor": f"D{RANDOM.integers(0, 5)}",
            "drg": f"G{RANDOM.integers(0, 2)}",
            "discharge_date": dt.date(2025, 1, 1) + dt.timedelta(days=int(RANDOM.integers(0, 500))),
            "issue_date": dt.date(2025, 3, 1),
            "dx": [str(code) for code in RANDOM.choice(["K80.200", "I10.x05", "E11.900", "N18.500"], 2)],
            "los_days": int(RANDOM.integers(0, 20)),
            "total_cost_fen": int(RANDOM.integers(1, 10**7)),
        }
        for _ in range(count)
    ]


def test_a_later_claim_never_changes_the_features_of_an_earlier_one() -> None:
    rows = many_claims(300)
    before = claim_features(claims(rows))
    later = max(row["discharge_date"] for row in rows)  # type: ignore[type-var]
    same_day = [{**row, "discharge_date": later, "total_cost_fen": 999} for row in rows[:100]]
    after = claim_features(claims(rows + same_day))
    assert after.slice(0, 300).equals(before)
    assert set(before.column("new_chronic").to_pylist()) == {0, 1}
    # An earlier claim does change later ones.
    early = {**rows[0], "discharge_date": dt.date(2024, 12, 31)}
    assert not claim_features(claims([*rows, early])).slice(0, 300).equals(before)


def test_features_by_hand() -> None:
    day = dt.date(2025, 6, 1)
    rows: list[dict[str, object]] = [
        {"person": "P", "hospital": "H1", "discharge_date": day, "total_cost_fen": 20_000, "los_days": 0},
        {"person": "P", "hospital": "H2", "discharge_date": day + dt.timedelta(days=10), "total_cost_fen": 5},
        {"person": "P", "hospital": "H2", "discharge_date": day + dt.timedelta(days=10), "total_cost_fen": 7},
        {"hospital": "H2", "discharge_date": day + dt.timedelta(days=20), "issue_date": day},
    ]
    found = claim_features(claims(rows)).to_pylist()
    assert [row["claims_12m"] for row in found] == [0, 1, 1, None]
    assert [row["days_since_last_claim"] for row in found] == [None, 10, 10, None]
    assert [row["cost_12m_fen"] for row in found] == [0, 20_000, 20_000, None]
    assert [row["hospital_claims_90d"] for row in found] == [0, 0, 0, 2]
    assert [row["round_total"] for row in found] == [1, 0, 0, None]
    assert found[0]["cost_per_day_fen"] == 20_000
    assert (found[3]["days_since_issue"], found[3]["within_30_days_of_issue"]) == (20, 1)
    assert [row["cost_to_peers"] for row in found] == [None] * 4


def test_diseases_by_hand() -> None:
    issued = dt.date(2025, 5, 22)
    rows: list[dict[str, object]] = [
        {"person": "P", "dx": ["K80.200", "E11.900", "I10.x00"], "day": 10},
        # A severer form of a known disease, and on the same day one that another claim names as well.
        {"person": "P", "dx": ["E11.200"], "day": 15},
        {"person": "P", "dx": ["I50.900", "C34.900"], "day": 20},
        {"person": "P", "dx": ["C34.900"], "day": 20},
        {"person": "P", "dx": ["N18.500"], "day": 91},
        {"person": "P", "dx": ["E11.900"], "day": -30},
        {"person": "Q", "dx": [], "day": 10},
        {"dx": ["E11.900"], "day": 10},
        {"person": "R", "dx": ["E11.900"], "day": 10, "issue_date": None},
    ]
    for row in rows:
        row["discharge_date"] = issued + dt.timedelta(days=row.pop("day"))  # type: ignore[arg-type]
        row.setdefault("issue_date", issued)
    table = claims(rows)
    causes = ["W01.x00", " ", "-", None, *[None] * 5]
    found = claim_features(table.append_column("external_cause", pa.array(causes, pa.string())))
    assert found.column("charlson").to_pylist() == [1, 0, 2, 0, 0, 0, None, 0, 0]
    assert found.column("new_chronic").to_pylist() == [1, 0, 1, 1, 0, 0, None, None, None]
    assert found.column("accident_cause").to_pylist() == ["W01", *[None] * 8]


def test_a_claim_without_a_day_is_refused() -> None:
    with pytest.raises(InputError, match="1 rows have no readable day"):
        claim_features(claims([{"person": "P"}]))


def test_the_catalogue_is_whole() -> None:
    entries = catalogue()
    assert {entry.family for entry in entries.values()} == {
        "policy", "person", "event", "money", "history", "provider", "network", "quality", "rules",
    }  # fmt: skip
    for entry in entries.values():
        assert entry.as_of in ("claim", "before"), entry.key
        assert all((entry.name_en, entry.name_zh, entry.meaning_en, entry.meaning_zh)), entry.key
        assert bool(entry.needs) != bool(entry.waits_for), entry.key
    everything = sorted({name for entry in entries.values() for name in entry.needs})
    assert len(computable(everything)) == sum(not entry.waits_for for entry in entries.values())


def test_every_text_has_both_languages() -> None:
    for name, texts in TEXTS.catalogue.items():
        assert set(texts) == {"en", "zh"}, name
