"""De-identification: texts (data/scrub.yaml), measures against pycanon (data/pycanon.json), whole tables."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.deidentify.persons import pseudonyms, shift_days, shifted
from privacy.deidentify.policy import DeidentifyPolicy, load_policy
from privacy.deidentify.risk import classes_of, risk
from privacy.deidentify.table import deidentify, read_key
from privacy.deidentify.text import scrub
from privacy.errors import Refused

DATA = Path(__file__).with_name("data")
DOCS = Path(__file__).parents[2] / "docs" / "deidentify.md"
KEY = b"k" * 32
TEXTS = yaml.safe_load((DATA / "scrub.yaml").read_text(encoding="utf-8"))
CANON = json.loads((DATA / "pycanon.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("example", TEXTS, ids=[example["text"][:20] for example in TEXTS])
def test_texts(example: dict[str, object]):
    text = str(example["text"])
    found = scrub(text)
    if "keep" in example:
        assert (found.text, dict(found.removed)) == (text, {})
    if "clean" in example:
        assert found.text == example["clean"]
    for word in example.get("absent", []):  # type: ignore[attr-defined]
        assert word not in found.text
    for word in example.get("present", []):  # type: ignore[attr-defined]
        assert word in found.text


def test_known_names_go_wherever_they_stand_and_the_report_has_no_values():
    found = scrub("张伟到院探视，张伟自述。其父张大伟", ["张 伟", "张大伟 ", "张"])
    assert found.text == "[姓名]到院探视，[姓名]自述。其父[姓名]"
    assert found.removed == {"name": 3}


@settings(max_examples=200, deadline=2000)
@given(
    st.text(st.sampled_from("患者张三李某市区路号院医主任：，· 0123456789Xx-年月日省县姓名"), max_size=120)
)
def test_no_phone_or_id_remains_in_any_text_and_the_time_is_bounded(text: str):
    found = scrub(text)
    assert not re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", found.text)
    assert not re.search(r"(?<![0-9A-Za-z])[1-9]\d{16}[\dXx](?![0-9A-Za-z])", found.text)
    assert sum(found.removed.values()) == len(re.findall(r"\[[^\]]+\]", found.text))


@pytest.mark.parametrize("sign", ["市", "医", "1", "张", "患者", "路1", "某", "年1月"])
def test_long_texts_of_one_sign_do_not_take_for_ever(sign: str):
    assert scrub(sign * 5_000).text


@pytest.mark.parametrize("label", ["住院号", "微信号", "姓名", "姓名："])
def test_blanks_after_a_label_take_time_in_proportion(label: str):
    began = time.process_time()
    assert scrub(label + " " * 1500).removed == {}
    assert time.process_time() - began < 2


@pytest.mark.parametrize("case", CANON["cases"])
def test_k_and_l_are_those_of_pycanon(case: dict[str, object]):
    def codes(name: str) -> np.ndarray:
        return np.unique(CANON["columns"][name][: case["rows"]], return_inverse=True)[1].astype(np.int64)

    rows = int(case["rows"])  # type: ignore[call-overload]
    classes = classes_of([codes(name) for name in case["quasi"]], rows)  # type: ignore[attr-defined]
    found = risk(classes, np.arange(rows), [codes(name) for name in case["sensitive"]])  # type: ignore[attr-defined]
    assert (found.k, found.l) == (case["k"], case["l"])


def test_risk_counts_persons_and_not_rows():
    classes = np.array([0, 0, 0, 1, 1])
    found = risk(classes, np.array([0, 0, 0, 1, 2]), [])
    assert (found.k, found.classes, found.highest) == (1, 2, 1.0)
    assert found.uniques == pytest.approx(3 / 5)
    assert found.mean == pytest.approx((3 * 1 + 2 * 0.5) / 5)


def test_pseudonyms_differ_by_recipient_column_and_key():
    values = pa.array(["a", "b", "a", None])
    found = pseudonyms(values, KEY, "x", "person").to_pylist()
    assert found[0] == found[2] != found[1] and found[3] is None
    assert re.fullmatch("[A-Z2-7]{24}", found[0])
    others = [("y", "person", KEY), ("x", "visit", KEY), ("x", "person", b"l" * 32)]
    assert all(pseudonyms(values, key, to, domain)[0].as_py() != found[0] for to, domain, key in others)


@given(st.lists(st.text(max_size=5), min_size=1), st.integers(1, 400))
def test_shifts_are_bounded_never_zero_and_the_person_s_own(persons: list[str], maximum: int):
    days = shift_days(persons, KEY, "x", maximum)
    assert ((np.abs(days) <= maximum) & (days != 0)).all()
    assert (days == shift_days(persons, KEY, "x", maximum)).all()


def test_dates_move_with_their_time_and_missing_ones_stay_missing():
    days = np.array([1, -2, 5])
    texts = shifted(pa.array(["2024-02-28", "2024-03-01", None]), days, "d")
    assert texts.to_pylist() == [date(2024, 2, 29), date(2024, 2, 28), None]
    times = shifted(pa.array(["2024-02-28 10:30:00", None, None]), days, "d")
    assert str(times[0].as_py()) == "2024-02-29 10:30:00"
    for wrong in (pa.array(["soon", None, None]), pa.array([1, 2, 3])):
        with pytest.raises(Refused, match=r"deidentify\.date"):
            shifted(wrong, days, "d")


def _policy(folder: Path, **change: str) -> DeidentifyPolicy:
    found = re.search(r"```toml deidentify\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    assert found
    text = found[1]
    for before, after in change.items():
        text = re.sub(rf"^{before} = \S+", f"{before} = {after}", text, flags=re.M)
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return load_policy(path)


def _table(rows: int = 400) -> pa.Table:
    random = np.random.default_rng(3)
    number = np.arange(rows)
    return pa.table(
        {
            "patient_id": [f"P{n}" for n in number],
            "patient_name": [f"阿{chr(0x4E00 + n)}" for n in number],
            "admitted": [f"2024-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in number],
            "age": random.integers(0, 90, rows).astype(str),
            "postcode": random.choice(["100010", "100020", "100030", "610041"], rows),
            "sex": random.choice(["1", "2"], rows),
            "diagnosis": random.choice(["a", "b", "c"], rows),
            "note": [f"阿{chr(0x4E00 + n)}自述头痛，电话13800000{n:03d}" for n in number],
            "cost": random.integers(1, 9999, rows),
            "secret": ["x"] * rows,
        }
    )


def test_a_whole_table_as_documented(tmp_path: Path):
    table, policy = _table(), _policy(tmp_path)
    out, report = deidentify(table, policy, KEY)
    assert out.column_names == [
        "patient_id", "admitted", "age", "postcode", "sex", "diagnosis", "note", "cost"
    ]  # fmt: skip
    assert report.columns_dropped == ["patient_name", "secret"]
    assert report.after.k >= 5 and report.after.l >= 2 and report.before.k == 1
    assert report.rows_suppressed <= 40 and report.rows_suppressed == 400 - out.num_rows
    assert report.after.highest <= 0.2 < report.before.highest
    assert set(out["note"].to_pylist()) == {"[姓名]自述头痛，电话[电话]"}
    assert report.removed == {"name": out.num_rows, "phone": out.num_rows}
    crossed = "\n".join(str(row) for row in out.to_pylist())
    assert not re.search(r"'P\d+'|13800000|阿", crossed)
    # The rows are the same people's: what is kept still fits together.
    kept = dict(zip(table["cost"].to_pylist(), table["diagnosis"].to_pylist(), strict=True))
    assert sum(kept[row["cost"]] == row["diagnosis"] for row in out.to_pylist()) > 0.9 * out.num_rows
    again, _ = deidentify(table, policy, KEY)
    assert again.equals(out)


def test_the_classes_of_the_output_hold_when_counted_anew(tmp_path: Path):
    out, report = deidentify(_table(), _policy(tmp_path, maximum_suppressed="0.0"), KEY)
    groups = out.group_by(["age", "postcode", "sex"]).aggregate(
        [("patient_id", "count"), ("diagnosis", "count_distinct")]
    )
    assert min(groups["patient_id_count"].to_pylist()) == report.after.k >= 5
    assert min(groups["diagnosis_count_distinct"].to_pylist()) == report.after.l >= 2
    assert report.rows_suppressed == 0


@pytest.mark.parametrize(
    ("column", "values", "code"),
    [
        ("age", "old", "deidentify.number"),
        ("admitted", "soon", "deidentify.date"),
        ("patient_id", None, "deidentify.person_missing"),
        ("note", "x" * 1_000_001, "deidentify.text_long"),
        ("sex", "MISSING COLUMN", "deidentify.column_missing"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path: Path, column: str, values: str | None, code: str):
    table = _table(60)
    place = table.column_names.index(column)
    if values == "MISSING COLUMN":
        table = table.remove_column(place)
    else:
        table = table.set_column(place, column, pa.array([values] * 60, pa.string()))
    with pytest.raises(Refused) as refused:
        deidentify(table, _policy(tmp_path, minimum_l="1"), KEY)
    assert refused.value.code == code


def test_too_few_persons_are_refused(tmp_path: Path):
    with pytest.raises(Refused, match=r"deidentify\.k_not_reached"):
        deidentify(_table(4), _policy(tmp_path), KEY)
    many_rows_of_one = _table(100).set_column(0, "patient_id", pa.array(["P"] * 100))
    with pytest.raises(Refused, match=r"deidentify\.k_not_reached"):
        deidentify(many_rows_of_one, _policy(tmp_path), KEY)


def test_wrong_policies_and_keys_are_refused(tmp_path: Path):
    for change in (
        {"minimum_k": "1"},
        {"maximum_suppressed": "2.0"},
        {"treatment": '"burn"'},
        {"version": "2"},
    ):
        with pytest.raises(Refused, match=r"deidentify\.policy"):
            _policy(tmp_path, **change)
    key = tmp_path / "key"
    key.write_bytes(b"k" * 31)
    key.chmod(0o600)
    with pytest.raises(Refused, match=r"ids\.key"):
        read_key(key)
    key.chmod(0o644)
    with pytest.raises(Refused, match=r"party\.file_open_to_others"):
        read_key(key)


def test_command_line(tmp_path: Path):
    _policy(tmp_path)
    (tmp_path / "pseudonyms.key").write_bytes(KEY)
    (tmp_path / "pseudonyms.key").chmod(0o600)
    pyarrow.csv.write_csv(_table(), tmp_path / "in.csv")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-c",
            "from ui.cli import main; main()",
            "--lang",
            "en",
            "deidentify",
            *arguments,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    done = run("in.csv", "--policy", "policy.toml", "--out", "out.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Rows: 400 in" in done.stdout and "P1" not in done.stdout
    written = (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
    assert "13800000" not in written and "[姓名]" in written
    reported = run("in.csv", "--policy", "policy.toml", "--out", "out.parquet", "--json")
    assert json.loads(reported.stdout)["after"]["k"] >= 5
    policy = (
        (tmp_path / "policy.toml").read_text(encoding="utf-8").replace("minimum_k = 5", "minimum_k = 900")
    )
    (tmp_path / "policy.toml").write_text(policy, encoding="utf-8")
    refused = run("in.csv", "--policy", "policy.toml", "--out", "none.csv")
    assert refused.returncode == 4 and "k = 900" in refused.stderr
    assert not (tmp_path / "none.csv").exists() and not list(tmp_path.glob(".none*"))
