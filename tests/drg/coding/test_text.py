"""What is read from record text: examples in ``text.yaml``, any text at all, speed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.codes import load_catalogue
from drg.coding.text import MAX_CHARACTERS, Annotated, Measurement, Mention, read
from drg.coding.text.lexicon import DATA, TERMS, load_lexicon, rows, tokenizer
from drg.coding.text.normal import plain
from drg.coding.text.terms import term_table
from drg.errors import InputError

EXAMPLES = yaml.safe_load(Path(__file__).with_name("text.yaml").read_text(encoding="utf-8"))
NOTE = (
    "主诉：反复咳嗽3年，加重伴发热2天。\n现病史：患者无明显诱因出现咳嗽、咳痰，体温最高39.2℃，无胸闷、气促。\n"
    "既往史：高血压病史10年，否认糖尿病。\n辅助检查：血红蛋白 85g/L，白细胞12.3×10^9/L，胸部CT提示右肺炎，肺癌待排。\n"
    "【诊断】1.社区获得性肺炎 2.II型呼吸衰竭\n"
)


def told(mention: Mention) -> str:
    flags = [name for name in ("negated", "uncertain", "past", "family") if getattr(mention, name)]
    return " ".join([mention.drug_class or mention.kind, *flags, *filter(None, [mention.side])])


def measured(found: Measurement) -> str:
    value = f"{found.comparator}{found.value:g}" + (f"/{found.second:g}" if found.second is not None else "")
    limit = ["low"] if found.below else ["high"] if found.above else []
    return " ".join([found.item or "other", value, found.unit or "-", *limit])


def test_there_are_enough_examples() -> None:
    assert len(EXAMPLES) >= 150
    assert len({example["text"] for example in EXAMPLES}) == len(EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["text"] for example in EXAMPLES])
def test_example(example: dict[str, Any]) -> None:
    found = read(example["text"])
    assert [{mention.text: told(mention)} for mention in found.mentions] == example.get("terms", [])
    assert [{value.text: measured(value)} for value in found.measurements] == example.get("values", [])


def test_a_note_has_sections_and_what_is_in_them() -> None:
    found = read(NOTE)
    assert [section.name for section in found.sections] == [
        "chief_complaint",
        "present_illness",
        "past_history",
        "tests",
        "diagnosis",
    ]
    assert [mention.text for mention in found.mentions if mention.section == "diagnosis"] == [
        "社区获得性肺炎",
        "II型呼吸衰竭",
    ]
    assert {value.section for value in found.measurements if value.item in ("hb", "wbc")} == {"tests"}
    past = [mention for mention in found.mentions if mention.section == "past_history"]
    assert [(mention.text, mention.past, mention.negated) for mention in past] == [
        ("高血压病", True, False),
        ("糖尿病", True, True),
    ]


def test_present_leaves_out_what_the_patient_does_not_have_now() -> None:
    found = read("肺炎，无发热，考虑肺癌，既往冠心病")
    assert [mention.text for mention in found.present()] == ["肺炎"]


def test_terms_name_codes_of_the_catalogue() -> None:
    codes = {
        mention.text: mention.codes for mention in read("2型糖尿病，腹腔镜下胆囊切除术，慢阻肺").mentions
    }
    assert all(codes.values())
    known = {*load_catalogue("icd10").codes, *load_catalogue("icd9cm3").codes}
    assert {code for term in load_lexicon().terms.values() for code in term.codes} <= known


def test_full_width_and_case_do_not_matter() -> None:
    wide, narrow = read("ＡＥＣＯＰＤ，血钾２.８ｍｍｏｌ／Ｌ"), read("aecopd,血钾2.8mmol/l")
    assert [mention.codes for mention in wide.mentions] == [mention.codes for mention in narrow.mentions]
    assert [value.value for value in wide.measurements] == [value.value for value in narrow.measurements]


@pytest.mark.parametrize("table", ["cues.tsv", "items.tsv", "synonyms.tsv", "drugs.tsv"])
def test_no_row_of_a_table_is_short_or_twice(table: str) -> None:
    found = rows(DATA / table)
    assert all(None not in row.values() and None not in row for row in found)
    assert len({tuple(row.values()) for row in found}) == len(found)


def test_every_named_synonym_has_a_code() -> None:
    terms = load_lexicon().terms
    named = [row["term"] for row in rows(DATA / "synonyms.tsv") if row["name"]]
    assert [term for term in named if not terms[plain(term)].codes] == []


def offsets_are_true(found: Annotated) -> None:
    for part in (*found.mentions, *found.measurements):
        assert 0 <= part.start < part.end <= len(found.text)
        assert found.text[part.start : part.end] == part.text
    assert [mention.start for mention in found.mentions] == sorted(
        mention.start for mention in found.mentions
    )
    for section in found.sections:
        assert 0 <= section.start <= section.end <= len(found.text)


PIECES = st.sampled_from(
    [
        "肺炎",
        "无",
        "否认",
        "？",
        "既往",
        "父亲",
        "左",
        "术后",
        "(-)",
        "（",
        "85g/L",
        "Hb",
        "：",
        "诊断",
        "\n",
        "10年前",
        "，",
        "、",
    ]
)


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=40).map("".join)))
def test_any_text_can_be_read(text: str) -> None:
    offsets_are_true(read(text))


@pytest.mark.parametrize(
    "text", ["", "\ud800肺炎", "\0肺炎\0", "ﬁ肺炎Ⅻ", "无" * 10_000, "9" * 5_000, "(" * 5_000]
)
def test_strange_texts(text: str) -> None:
    offsets_are_true(read(text))


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(InputError, match="one document at a time"):
        read("肺" * (MAX_CHARACTERS + 1))


@pytest.mark.parametrize(
    "piece", ["肺炎无殊", "肺炎、", "否认肺炎", "无", "肺炎史", "血压", "Hb8", "诊断:", "左"]
)
def test_time_grows_with_the_length_only(piece: str) -> None:
    read(piece)
    start = time.process_time()
    read(piece * 20_000)
    assert time.process_time() - start < 3.0


def test_the_dictionary_is_what_the_build_tool_makes() -> None:
    with pq.ParquetFile(TERMS) as parquet:
        assert parquet.read().to_pylist() == term_table().to_pylist()


def test_jieba_leaves_no_cache_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    tokenizer.cache_clear()
    list(tokenizer().cut("急性阑尾炎"))
    assert list(tmp_path.iterdir()) == []


def test_speed() -> None:
    """1 MB in about two seconds; the limit leaves room for a busy machine."""
    text = NOTE * (300_000 // len(NOTE.encode()))
    read(NOTE)
    start = time.process_time()
    read(text)
    assert time.process_time() - start < 2.0
