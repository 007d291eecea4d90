"""Tables of visits as people give them: what is read, rejected, refused."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims import messages
from claims.network.settings import settings as limits_of
from claims.network.visits import read_visits
from drg.errors import InputError

KEY = bytes(range(32))


def csv_of(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def test_rows_are_kept_or_rejected_with_a_reason(tmp_path: Path) -> None:
    path = csv_of(
        tmp_path / "v.csv",
        "case_id,person,discharge_date,total_cost_fen,band\n"
        "1,p,2025-01-05,100,high\n"
        ",p,2025-01-05,100,\n"
        "3,,2025-01-05,100,\n"
        "4,p,,100,\n"
        "5,p,2025-13-05,100,\n"
        "6,p,2025-01-05,-1,\n"
        "7,p,2025-01-05,1.5,\n"
        "8,p,2025-01-05,100,red\n"
        f"9,{'x' * 65},2025-01-05,100,\n"
        "1,q,2025-01-05,100,\n"
        "11, p ,2025/1/5,,low\n",
    )
    found = read_visits([path])
    assert found.table.column("case_id").to_pylist() == ["1", "11"]
    assert found.table.column("person").to_pylist() == ["p", "p"]
    assert found.table.column("total_cost_fen").to_pylist() == [100, None]
    assert found.table.column("day").to_pylist() == [dt.date(2025, 1, 5)] * 2
    assert found.missing == ("hospital", "doctor", "phone", "account", "agent")
    told = sorted(
        (row["row"], row["field"], row["reason"], row["value"]) for row in found.rejected.to_pylist()
    )
    assert told == [
        (2, "case_id", "intake.id_missing", None),
        (3, "person", "intake.id_missing", None),
        (4, "claim_date", "network.day_missing", None),
        (5, "discharge_date", "intake.value_unreadable", "2025-13-05"),
        (6, "total_cost_fen", "intake.value_unreadable", "-1"),
        (7, "total_cost_fen", "intake.value_unreadable", "1.5"),
        (8, "band", "network.band_unknown", "red"),
        (9, "person", "intake.id_long", None),
        (10, "case_id", "network.case_twice", None),
    ]
    for _, _, reason, value in told:
        assert all(messages.text(reason, lang, value=value) for lang in ("en", "zh"))


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["2025-01-01", "1", "p", "", "-1", "high"]
)


@given(st.lists(st.tuples(*[CELLS] * 5), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_every_row_of_any_parquet_is_a_visit_or_a_rejection(
    tmp_path_factory: Any, rows: list[tuple[str, ...]]
) -> None:
    names = ("case_id", "person", "claim_date", "total_cost_fen", "band")
    path = tmp_path_factory.mktemp("v") / "v.parquet"
    pq.write_table(pa.table({name: [row[n] for row in rows] for n, name in enumerate(names)}), path)
    found = read_visits([path])
    assert len(found.table) + len(found.rejected) == len(rows)
    assert Counter(found.rejected.column("row").to_pylist()).most_common(1)[:1] in (
        [],
        [(_any(found.rejected), 1)],
    )


def _any(rejected: pa.Table) -> int:
    """The row that comes first where each is told once."""
    row: int = rejected.column("row")[0].as_py() if len(rejected) else 0
    return row


def test_typed_parquet_chinese_headers_and_gb18030(tmp_path: Path) -> None:
    typed = tmp_path / "typed.parquet"
    pq.write_table(
        pa.table(
            {
                "case_id": pa.array([1, 2]),
                "person": pa.array(["甲", "乙"]).dictionary_encode(),
                "admission_date": pa.array([dt.date(2025, 1, 1), None], pa.date32()),
                "claim_date": pa.array([None, dt.datetime(2025, 2, 1, 8)], pa.timestamp("us")),
                "total_cost_fen": pa.array([5, None], pa.int64()),
            }
        ),
        typed,
    )
    chinese = csv_of(tmp_path / "zh.csv", "病例标识,人员,医院,出院日期\n3,丙,一院,2025-03-01\n", "gb18030")
    found = read_visits([typed, chinese])
    assert found.table.column("case_id").to_pylist() == ["1", "2", "3"]
    assert found.table.column("hospital").to_pylist() == [None, None, "一院"]
    assert [day.isoformat() for day in found.table.column("day").to_pylist()] == [
        "2025-01-01",
        "2025-02-01",
        "2025-03-01",
    ]
    assert "hospital" not in found.missing


@pytest.mark.parametrize("phone", ["13800138000", "+86 138 0013 8000", "0755-12345678"])
def test_a_real_phone_number_is_refused_without_a_key(tmp_path: Path, phone: str) -> None:
    path = csv_of(tmp_path / "v.csv", f"case_id,person,claim_date,phone\n1,p,2025-01-01,{phone}\n")
    with pytest.raises(InputError) as refused:
        read_visits([path])
    assert "--key" in refused.value.render("en") and phone not in refused.value.render("en")


def test_with_a_key_phones_become_pseudonyms_that_meet(tmp_path: Path) -> None:
    path = csv_of(
        tmp_path / "v.csv",
        "case_id,person,claim_date,phone,account\n"
        "1,p,2025-01-01,138 0013 8000,6222020200112233445\n"
        "2,q,2025-01-01,13800138000,6222 0202 0011 2233 445\n"
        "3,r,2025-01-01,13800138001,\n",
    )
    found = read_visits([path], KEY).table
    one, same, other = found.column("phone").to_pylist()
    assert one == same != other and len(one) == 32
    assert found.column("account").to_pylist()[0] == found.column("account").to_pylist()[1]
    assert found.column("account").to_pylist()[2] is None
    assert read_visits([path], KEY[::-1]).table.column("phone").to_pylist()[0] != one


def test_identity_numbers_are_refused_with_and_without_a_key(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "v.csv", "case_id,person,claim_date\n1,11010519491231002X,2025-01-01\n")
    for key in (None, KEY):
        with pytest.raises(InputError) as refused:
            read_visits([path], key)
        assert "deidentify" in refused.value.render("en") and "1101" not in refused.value.render("en")


@pytest.mark.parametrize("header", ["case_id,claim_date", "person,claim_date", "case_id,person"])
def test_a_file_without_its_columns_is_refused(tmp_path: Path, header: str) -> None:
    path = csv_of(tmp_path / "v.csv", f"{header}\n" + ",".join("1" for _ in header.split(",")) + "\n")
    with pytest.raises(InputError, match="needs"):
        read_visits([path])


def test_a_placeholder_for_a_person_ties_nobody(tmp_path: Path) -> None:
    most = limits_of()["read"]["most_claims_of_person"]
    rows = "".join(f"{number},unknown,2025-01-01\n" for number in range(most + 1))
    path = csv_of(tmp_path / "v.csv", f"case_id,person,claim_date\n{rows}x,p,2025-01-01\n")
    found = read_visits([path])
    assert found.table.column("person").to_pylist() == ["p"]
    assert set(found.rejected.column("reason").to_pylist()) == {"network.person_placeholder"}


def test_a_results_folder_brings_its_cases_and_their_bands(tmp_path: Path) -> None:
    """The layout is that of ``claims.nightly.results``."""
    cases = pa.table(
        {"case_id": ["1", "2"], "person": ["p", "q"], "discharge_date": [dt.date(2025, 1, 1)] * 2}
    )
    risk = pa.table({"case_id": ["2"], "band": ["high"]})
    outputs = []
    for name, table in (("cases", cases), ("risk", risk)):
        (tmp_path / name).mkdir()
        pq.write_table(table, tmp_path / name / "part-1.parquet")
        outputs.append({"table": name, "file": f"{name}/part-1.parquet"})
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "part-1.json").write_text(json.dumps({"steps": {"all": {"outputs": outputs}}}))
    found = read_visits([tmp_path]).table
    assert found.select(["case_id", "band"]).to_pylist() == [
        {"case_id": "1", "band": None},
        {"case_id": "2", "band": "high"},
    ]
