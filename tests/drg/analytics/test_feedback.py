"""The payer's settlement against ours: every cause once, statuses, tables as payers write them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.analytics import feedback
from drg.analytics.feedback import Feedback, explain_differences
from drg.analytics.payer_file import PAYER_SCHEMA, load_mapping, read_payer
from drg.analytics.sides import Side, drg_side, side_rows
from drg.case import Case, to_table
from drg.errors import InputError
from drg.scheme.pack import find_pack
from tests.drg.analytics.cases import SCHEME, case, child_pack

SEVERE = case("severe", dx=["I50.900", "J96.000"])
NEWBORN = case("newborn", dx=["P07.300"], age=0, age_days=3, birth_weight_g=1400, admission_weight_g=1400)
OPERATED = case("operated", dx=["K35.800x001"], proc=["47.0100"])
CASES = [case("plain"), SEVERE, OPERATED, NEWBORN]


def ours(cases: list[Case], weight: float = 1.0, payment: int = 1_000_000) -> tuple[pa.Table, Side]:
    table = to_table(cases)
    price = pa.table({"weight": [weight] * len(cases), "payment_fen": [payment] * len(cases)})
    pack = find_pack(SCHEME)
    return table, Side(SCHEME, side_rows(drg_side(table, pack).rows, price), pack)


def settled(
    case_id: str, group: str | None, weight: str = "1", paid: int | None = 900_000, reason: str = ""
) -> dict:  # type: ignore[type-arg]
    return {
        "case_id": case_id,
        "group": group,
        "weight": Decimal(weight),
        "payment_fen": paid,
        "reason": reason or None,
    }


def explained(cases: list[Case], *lines: dict, others: list[Path] | None = None) -> Feedback:  # type: ignore[type-arg]
    table, side = ours(cases)
    numbered = [{"payer_row": number, **line} for number, line in enumerate(lines, start=2)]
    return explain_differences(
        table, side, pa.Table.from_pylist(numbered, schema=PAYER_SCHEMA), others if others is not None else []
    )


def only(found: Feedback) -> dict:  # type: ignore[type-arg]
    assert len(found.differences) == 1
    row: dict = found.differences.to_pylist()[0]  # type: ignore[type-arg]
    return row


def test_lines_that_agree_are_no_differences() -> None:
    found = explained(
        CASES[:2], settled("plain", "FR25", paid=1_000_001), settled("severe", "FR21", paid=1_000_000)
    )
    assert (found.agreed, len(found.differences), found.explained_share) == (2, 0, None)


def test_a_complication_that_the_payer_does_not_count() -> None:
    row = only(explained([SEVERE], settled("severe", "FR25")))
    assert (row["cause"], row["proposal"], row["detail"]) == ("exclusion", "appeal", "J96.000")
    assert row["payment_fen_change"] == -100_000


def test_what_is_not_lower_is_accepted() -> None:
    assert only(explained([SEVERE], settled("severe", "FR25", paid=1_200_000)))["proposal"] == "accept"


def test_a_field_that_the_payer_lacks() -> None:
    plain = ours([case("x", dx=["K35.800x001"])])[1].rows["group"][0].as_py()
    row = only(explained([OPERATED], settled("operated", plain)))
    assert (row["cause"], row["detail"], row["proposal"]) == ("missing_field", "proc", "appeal")


def test_codes_converted_twice() -> None:
    # The NHSA code of the record is spelled like a clinical code with another meaning.
    from drg.codes.crosswalk import load_crosswalk

    walk = load_crosswalk("icd10")
    for code in sorted(walk.nhsa_codes):
        if walk.entry(code)[1] != "meaning_differs":
            continue
        one = case("x", dx=[code])
        converted = ours([case("y", dx=[walk.entry(code)[0]])])[1].rows["group"][0].as_py()
        if converted != ours([one])[1].rows["group"][0].as_py():
            row = only(explained([one], settled("x", converted)))
            assert (row["cause"], row["proposal"]) == ("code_converted", "appeal")
            return
    pytest.fail("no code of the map changes its group")


def test_another_version_of_the_scheme(tmp_path: Path) -> None:
    child = child_pack(tmp_path / "child")
    row = only(explained([CASES[0]], settled("plain", "0000"), others=[child.folder]))
    assert (row["cause"], row["detail"], row["proposal"]) == ("other_scheme_version", "child", "appeal")


def test_a_group_of_no_known_scheme_needs_a_person() -> None:
    row = only(explained([CASES[0]], settled("plain", "ZZ99")))
    assert (row["cause"], row["proposal"]) == ("other_scheme_version", "check")


def test_same_group_other_weight_or_payment() -> None:
    row = only(explained([CASES[0]], settled("plain", "FR25", weight="0.9")))
    assert (row["cause"], row["evidence"]) == ("other_scheme_version", "analytics.evidence_weight")
    row = only(explained([CASES[0]], settled("plain", "FR25")))
    assert (row["cause"], row["proposal"]) == ("rule", "check")


def test_our_price_is_the_evidence_where_only_the_payment_differs() -> None:
    table = to_table([case("plain", total_cost_fen=900_000)])
    side = drg_side(table, SCHEME, "jilin-2022")
    line = {"payer_row": 2, "case_id": "plain", "group": "FR25", "payment_fen": 500_000}
    found = explain_differences(table, side, pa.Table.from_pylist([line], schema=PAYER_SCHEMA), [])
    row = only(found)
    assert (row["cause"], row["evidence"], row["proposal"]) == ("rule", "analytics.evidence_price", "check")
    assert "9080.56" in row["detail"]


def test_the_payer_gives_the_reason() -> None:
    row = only(explained([CASES[0]], settled("plain", "FR25", reason="重复住院，不予支付")))
    assert (row["cause"], row["proposal"], row["detail"]) == ("rule", "accept", "重复住院，不予支付")


def test_a_line_that_says_nothing_does_not_agree() -> None:
    line = {"case_id": "plain", "group": None, "weight": None, "payment_fen": None, "reason": None}
    found = explained([CASES[0]], line)
    row = only(found)
    assert (found.agreed, row["cause"], row["evidence"]) == (0, "unexplained", "analytics.evidence_nothing")
    assert row["proposal"] == "check"


def test_a_group_of_the_payer_where_we_have_none() -> None:
    table = to_table([CASES[0]])
    none = Side("x", side_rows(pa.table({"status": ["blank"], "group": pa.nulls(1, pa.string())})))
    line = {"payer_row": 2, "case_id": "plain", "group": "FR25"}
    found = explain_differences(table, none, pa.Table.from_pylist([line], schema=PAYER_SCHEMA), [])
    assert (only(found)["group_payer"], only(found)["proposal"]) == ("FR25", "check")


def test_only_one_of_the_two_has_the_case() -> None:
    found = explained([CASES[0]], settled("nobody", "FR25"))
    rows = {row["case_id"]: row for row in found.differences.to_pylist()}
    assert (rows["nobody"]["cause"], rows["nobody"]["proposal"]) == ("not_found", "check")
    assert (rows["plain"]["cause"], rows["plain"]["proposal"]) == ("not_found", "appeal")
    assert rows["plain"]["payer_row"] is None


def test_what_nothing_explains_stays_so() -> None:
    row = only(explained([CASES[0]], settled("plain", "GK39")))
    assert (row["cause"], row["proposal"]) == ("unexplained", "check")


def test_shares_and_sums() -> None:
    # Five differences; two need a person (the foreign group, the case that is not ours): 3 / 5.
    found = explained(
        CASES,
        settled("plain", "ZZ99"),
        settled("severe", "FR25", paid=800_000),
        settled("operated", None, weight="0.5"),
        settled("nobody", "FR25"),
    )
    assert (found.agreed, len(found.differences), found.explained_share) == (0, 5, 0.6)
    summary = feedback.summary(found).to_pylist()
    assert sum(row["cases"] for row in summary) == 5
    # -100,000 - 200,000 - 100,000 over the three cases that both have.
    assert sum(row["payment_fen_change"] or 0 for row in summary) == -400_000
    assert sum(row["payment_missing"] for row in summary) == 2


def test_every_difference_is_said_in_both_languages() -> None:
    found = explained(CASES, settled("plain", "ZZ99"), settled("severe", "FR25"), settled("nobody", "FR25"))
    for lang in ("en", "zh"):
        texts = feedback.with_texts(found.differences, lang).column("evidence").to_pylist()
        assert all(texts) and not any(text.startswith("analytics.") for text in texts)


def test_statuses_follow_their_steps_and_are_carried_over() -> None:
    found = explained(CASES[:2], settled("plain", "ZZ99"), settled("severe", "FR25"))
    appealed = feedback.set_status(found.differences, "severe", "appealed")
    again = feedback.carry_over(found.differences, appealed)
    assert again.column("status").to_pylist() == ["open", "appealed"]
    assert feedback.set_status(again, "severe", "refused").column("status").to_pylist() == ["open", "refused"]
    with pytest.raises(InputError, match="cannot become refused"):
        feedback.set_status(again, "plain", "refused")
    with pytest.raises(InputError, match="no status"):
        feedback.set_status(again, "plain", "won")
    with pytest.raises(InputError, match="no difference for the case x"):
        feedback.set_status(again, "x", "appealed")


def test_statuses_are_read_from_what_was_written(tmp_path: Path) -> None:
    found = explained(CASES[:2], settled("plain", "ZZ99"), settled("severe", "FR25"))
    table = feedback.set_status(found.differences, "plain", "accepted")
    pq.write_table(table, tmp_path / "a.parquet")
    read = feedback.read_statuses(tmp_path / "a.parquet")
    assert feedback.carry_over(found.differences, read).equals(table)
    (tmp_path / "b.csv").write_text("case,status\n1,open\n")
    with pytest.raises(InputError, match="cannot be read"):
        feedback.read_statuses(tmp_path / "b.csv")


def test_a_status_stays_with_its_case_when_the_payer_changes_the_order() -> None:
    lines = [settled("plain", "ZZ99"), settled("severe", "FR25")]
    before = feedback.set_status(explained(CASES[:2], *lines).differences, "severe", "appealed")
    after = feedback.carry_over(explained(CASES[:2], *lines[::-1]).differences, before)
    assert dict(zip(after["case_id"].to_pylist(), after["status"].to_pylist(), strict=True)) == {
        "plain": "open",
        "severe": "appealed",
    }
    fewer = explained(CASES[:1], lines[0]).differences
    assert feedback.no_longer(fewer, before)["case_id"].to_pylist() == ["severe"]


def test_a_case_id_like_a_formula_keeps_its_status(tmp_path: Path) -> None:
    (tmp_path / "before.csv").write_text(
        '"case_id","payer_row","status"\n"\'-1",2,"appealed"\n"NA",3,"open"\n'
    )
    assert feedback.read_statuses(tmp_path / "before.csv")["case_id"].to_pylist() == ["-1", "NA"]


def test_any_table_with_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "payer.csv").write_bytes(
        "住院号,次,病组,权重,统筹支付,个人支付\n1,2,FR25,0.8800,1234.50,100\n3,1,FR21,bad,9.999,\n".encode(
            "gb18030"
        )
    )
    (tmp_path / "map.toml").write_text(
        'id = "x"\ntitle = {en = "x", zh = "x"}\nsource = "x"\n[fields]\n'
        'case_id = {join = ["住院号", "次"]}\ngroup = "病组"\nweight = "权重"\n'
        'payment_fen = {sum = ["统筹支付", "个人支付"]}\n',
        encoding="utf-8",
    )
    found = read_payer(tmp_path / "payer.csv", load_mapping(tmp_path / "map.toml"))
    first, second = found.rows.to_pylist()
    assert (first["case_id"], first["group"], first["weight"]) == ("1-2", "FR25", Decimal("0.88"))
    assert first["payment_fen"] == 133_450
    assert (second["weight"], second["payment_fen"]) == (None, None)
    assert {row["field"] for row in found.unreadable.to_pylist()} == {"weight", "payment_fen"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("group\nFR25\n", "case_id"),
        ("case_id,case_id\n1,2\n", "case_id"),
    ],
)
def test_a_table_without_case_ids_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "payer.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        read_payer(tmp_path / "payer.csv")


@pytest.mark.parametrize(
    "text", ["id = 1", "[", 'id="x"\ntitle={en="x",zh="x"}\nsource="x"\n[fields]\ngroup="g"\n']
)
def test_a_bad_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(InputError):
        load_mapping(tmp_path / "map.toml")


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
            st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_cells_are_read_or_told(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("payer") / "payer.csv"
    quoted = ['"' + a.replace('"', '""') + 'x","' + b.replace('"', '""') + '"' for a, b in rows]
    path.write_text("\n".join(["case_id,weight", *quoted]) + "\n", encoding="utf-8")
    found = read_payer(path)
    told = {row["payer_row"] for row in found.unreadable.to_pylist()}
    assert set(found.rows.column("payer_row").to_pylist()) | told == set(range(2, len(rows) + 2))
