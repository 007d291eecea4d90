"""What a night brings together: indicators, network, policies, fee lines, pseudonyms, appeals, notes, worklist."""

from __future__ import annotations

import datetime as dt
import shutil
import stat
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from claims.across.hits import HIT_SCHEMA
from claims.across.indicators.figures import FIGURE_SCHEMA
from claims.finding_appeals import appeal_finding, settle
from claims.network.as_of import FEATURES
from claims.nightly.case_columns import case_table, with_amounts
from claims.nightly.config import load_config
from claims.pseudonyms import PERSON, make_key, pseudonyms
from claims.store import AppealState, Filter, Kind, find_address, open_items, open_store
from drg.case import Case, to_table
from drg.errors import InputError
from drg.quality.known_rules import known_rules
from tests.claims.nightly.conftest import KEY, SAMPLE, Installation, ids_of, make_installation, sample_rows


def test_indicators_and_hits_across_are_tables_of_the_whole_set(whole_night: Installation) -> None:
    results = whole_night.results
    indicators = results.table("indicators")
    assert indicators.schema.equals(FIGURE_SCHEMA) and len(indicators)
    assert set(indicators.column("hospital").to_pylist()) <= set(
        results.table("cases").column("hospital").to_pylist()
    )
    assert results.table("hits_across").schema.equals(HIT_SCHEMA)
    assert results.run()["refused"] == {}


def test_features_have_the_network_of_the_day_before(whole_night: Installation) -> None:
    features = whole_night.results.table("features")
    told = whole_night.results.table("network_features")
    places = pc.index_in(features.column("case_id"), value_set=told.column("case_id").combine_chunks())
    for name in FEATURES:
        assert features.column(name).equals(
            told.column(name).take(places).cast(features.schema.field(name).type)
        )


def test_persons_are_pseudonyms_everywhere_but_in_the_records(whole_night: Installation) -> None:
    results = whole_night.results
    records = results.table("records", ["case_id", "medical_record_number"])
    plain = pc.utf8_trim_whitespace(records.column("medical_record_number")).combine_chunks()
    hidden = dict(zip(ids_of(records), pseudonyms(plain, PERSON, KEY).to_pylist(), strict=True))
    cases = results.table("cases")
    assert cases.column("person").to_pylist() == [hidden[one] for one in ids_of(cases)]
    for name in ("cases", "features", "network_nodes", "network_measures", "hits_across"):
        texts = [one for one in results.table(name).to_pydict().values() if one and isinstance(one[0], str)]
        assert not {value for column in texts for value in column} & set(plain.drop_null().to_pylist())


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "k"
    make_key(path)
    key = path.read_bytes()
    make_key(path)
    assert path.read_bytes() == key and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["k"]


def test_a_key_that_others_can_read_is_refused(installation: Installation) -> None:
    (installation.folder / "pseudonyms.key").chmod(0o644)
    with pytest.raises(InputError) as told:
        load_config(installation.config)
    assert [one.code for one in told.value.problems] == ["nightly.key_unusable"]
    assert not installation.out.exists()


def test_another_key_reads_again_and_makes_other_pseudonyms(installation: Installation) -> None:
    installation.night()
    before = installation.results.table("cases").column("person")
    (installation.folder / "pseudonyms.key").write_bytes(bytes(32))
    assert "read" in installation.night().seconds
    after = installation.results.table("cases").column("person")
    assert not set(before.to_pylist()) & set(after.to_pylist())
    assert len(set(before.to_pylist())) == len(set(after.to_pylist()))


def test_what_records_tell_of_a_case() -> None:
    cases = to_table([Case(case_id="a", dx=["I10"]), Case(case_id="b", dx=["I10"])])
    records = pa.table(
        {
            "case_id": ["b", "a"],
            "readmission_plan": ["2", "1"],
            "contact_phone": ["138 0000 0001", ""],
            "account": [None, "6222-0000"],
            "bill_code": ["X", None],
            "bill_number": ["7", "8"],
            "claim_date": ["2025/03/31", "2025-02-30"],
        }
    )
    found = case_table(cases, pa.array([1, 2]), records, KEY)
    assert found.column("planned_readmission").to_pylist() == [False, True]
    assert found.column("invoice").to_pylist() == [None, "X-7"]
    assert found.column("claim_date").to_pylist() == [None, dt.date(2025, 3, 31)]
    (phone,) = pseudonyms(pa.array(["13800000001"]), "phone", KEY).to_pylist()
    assert found.column("phone").to_pylist() == [None, phone]
    assert (
        found.column("account").to_pylist()
        == pseudonyms(pa.array(["62220000", None]), "account", KEY).to_pylist()
    )


def test_amounts_of_fee_lines_are_fen_or_nothing() -> None:
    lines = pa.table({"case_id": ["a"] * 5, "amount": ["10", " 0.29 ", "-3.10", "1.005", None]})
    assert with_amounts(lines).column("amount_fen").to_pylist() == [1000, 29, -310, None, None]


def test_policies_and_bills_become_features_as_of_the_claim(installation: Installation) -> None:
    case = sample_rows(1, 1).splitlines()
    row = dict(zip(case[0].split(","), case[1].split(","), strict=False))
    states = f"policy,person,issue_date,valid_from,sum_insured_fen\nL1,{row['person']},2020-01-01,,100\n"
    states += f"L1,{row['person']},2020-01-01,2099-01-01,900\n,nobody,2020-01-01,,1\n"
    (installation.folder / "policies.csv").write_text(states, encoding="utf-8")
    text = installation.config.read_text(encoding="utf-8")
    installation.config.write_text(f'{text}[policies]\npolicies = "policies.csv"\n', encoding="utf-8")
    lines = ["case_id,item_code,amount,charge,invoice", f"{row['case_id']},X,10.00,04,B1", ""]
    (installation.folder / "fees" / "a.csv").write_text("\n".join(lines), encoding="utf-8")
    installation.night()
    results = installation.results
    (found,) = results.table("features", None, [row["case_id"]]).to_pylist()
    assert found["sum_insured_fen"] == 100 and found["exam_share"] == pytest.approx(
        1000 / found["total_cost_fen"]
    )
    assert found["invoice_reused"] == 0
    assert results.table("policies_rejected").column("source").to_pylist() == ["policies.csv"]
    assert installation.night().seconds.keys() == {"repeats", "summary"}
    (installation.folder / "policies.csv").write_text(states.replace(",100\n", ",200\n"), encoding="utf-8")
    assert "features" in installation.night().seconds
    (found,) = installation.results.table("features", None, [row["case_id"]]).to_pylist()
    assert found["sum_insured_fen"] == 200


def test_an_upheld_appeal_silences_in_its_partition_only(tmp_path: Path) -> None:
    made = make_installation(tmp_path / "night", '["check", "items"]')
    made.configure("workers = 1", 'workers = 1\nstore = "store.sqlite"')
    made.night()
    findings = made.results.table("findings")
    rules = known_rules()
    first = next(row for row in findings.to_pylist() if rules[row["rule"]].appealable)
    with open_store(find_address(str(made.folder / "store.sqlite"))) as store:
        filed = appeal_finding(store, first["case_id"], rules[first["rule"]], "it is so", "li")
        made.night()
        assert made.results.table("findings").equals(findings)
        settle(store, filed, AppealState.UPHELD, "seen", "wang")
    night = made.night()
    assert night.parts["done"] == 1 and "check" in night.seconds
    after = made.results.table("findings")
    silent = after.filter(pc.equal(after.column("status"), "silenced"))
    assert {(row["case_id"], row["rule"]) for row in silent.to_pylist()} == {
        (first["case_id"], first["rule"])
    }
    assert made.night().parts["done"] == 0
    (made.folder / "store.sqlite").rename(made.folder / "away")
    (made.folder / "store.sqlite").write_bytes(b"no database" * 100)
    gone = made.night()
    assert gone.problem is not None and gone.parts["done"] == 0


def test_a_worklist_before_there_is_a_model(whole_night: Installation, tmp_path: Path) -> None:
    shutil.copytree(whole_night.folder, tmp_path / "night")
    copy = Installation(tmp_path / "night")
    copy.configure('"network"]', '"network", "items"]\nstore = "store.sqlite"\n[risk]\ncapacity = 5')
    # A section ends the keys before it: what follows is put in place again.
    text = (
        copy.config.read_text(encoding="utf-8").replace("[risk]\ncapacity = 5", "") + "[risk]\ncapacity = 5\n"
    )
    copy.config.write_text(text, encoding="utf-8")
    copy.night()
    risk = copy.results.table("risk").sort_by("rank")
    assert ids_of(risk.sort_by("case_id")) == sorted(ids_of(copy.results.table("cases")))
    assert risk.column("rank").to_pylist() == list(range(1, len(risk) + 1))
    points = risk.column("points").to_pylist()
    assert points == sorted(points, reverse=True) and risk.column("score").null_count == len(risk)
    flagged = risk.filter(risk.column("flagged"))
    assert flagged.column("rank").to_pylist() == [1, 2, 3, 4, 5]
    assert all(
        row["text_en"] and row["text_zh"] for told in flagged.column("reasons").to_pylist() for row in told
    )
    with open_store(find_address(str(copy.folder / "store.sqlite"))) as store:
        items = open_items(store, Filter(Kind.CLAIM)).items
    assert [item.case_id for item in items] == ids_of(flagged)
    assert all(item.risk_score is None and item.reasons for item in items)


def test_notes_of_whole_records_are_checked(tmp_path: Path) -> None:
    made = make_installation(tmp_path / "night", '["check", "features"]')
    shutil.rmtree(made.folder / "input")
    shutil.copytree(SAMPLE / "records", made.folder / "records")
    made.configure('paths = ["input/*.csv"]\nfees = "fees/{stem}.csv"', 'paths = ["records"]')
    made.night()
    findings, scores = made.results.table("findings"), made.results.table("scores")
    of_notes = findings.filter(findings.column("spans").is_valid())
    assert len(of_notes) and set(of_notes.column("case_id").to_pylist()) <= set(ids_of(scores))
    assert set(scores.column("document_grade").to_pylist()) <= {"A", "B", "C"}
    open_ones = of_notes.filter(pc.equal(of_notes.column("status"), "open")).column("case_id").to_pylist()
    features = made.results.table("features")
    counted = dict(zip(ids_of(features), features.column("document_findings").to_pylist(), strict=True))
    has_notes = dict(zip(ids_of(scores), scores.column("document_grade").is_valid().to_pylist(), strict=True))
    assert counted == {case: open_ones.count(case) if has_notes[case] else None for case in counted}
    assert any(counted.values()) and features.column("accident_cause").null_count < len(features)
