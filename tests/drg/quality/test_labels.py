"""Ids in words: every category, dictionary and group has a name, and a place is told as a coder looks for it."""

from __future__ import annotations

import re

import pytest

from drg.quality import layout
from drg.quality.dictionary import EDITIONS
from drg.quality.labels import (
    category_label,
    dictionary_label,
    field_label,
    jurisdiction_label,
    named_field,
    place,
)
from drg.quality.registry import load_rules
from drg.quality.rule import CATEGORIES

CHINESE = re.compile(r"[一-鿿]")


def test_everything_has_a_chinese_name() -> None:
    labels = [
        *(category_label(category, "zh") for category in CATEGORIES),
        *(dictionary_label(dictionary, "zh") for dictionary in ("any", *EDITIONS)),
        *(field_label(group, "zh") for group in layout.groups()),
        jurisdiction_label("CN", "zh"),
    ]
    assert [label for label in labels if not CHINESE.search(label)] == []


def test_an_id_without_a_name_stands_for_itself() -> None:
    assert jurisdiction_label("330100", "zh") == "330100"
    assert field_label("nothing.code", "zh") == named_field("nothing.code", "zh") == "nothing.code"


@pytest.mark.parametrize(
    ("path", "position", "en", "zh"),
    [
        ("sex", None, "sex (A12C)", "性别（A12C）"),
        ("diagnoses.code", 1, "diagnosis code, row 1 (C03C)", "诊断编码 第1行（C03C）"),
        ("diagnoses.code", 2, "diagnosis code, row 2 (C06x01C)", "诊断编码 第2行（C06x01C）"),
        ("diagnoses.code", None, "diagnosis code", "诊断编码"),
        ("diagnoses.code", 5000, "diagnosis code, row 5000", "诊断编码 第5000行"),
        (
            "birth_weights.weight_g",
            1,
            "birth weight in grams, row 1 (A18x01)",
            "新生儿出生体重（克） 第1行（A18x01）",
        ),
        ("documents.text", 3, "text, row 3", "正文 第3行"),
        ("diagnoses", None, "diagnoses", "诊断"),
    ],
)
def test_a_place_is_field_row_and_front_page_column(
    path: str, position: int | None, en: str, zh: str
) -> None:
    assert place(path, position, "en") == en
    assert place(path, position, "zh") == zh


def test_the_path_follows_the_chinese_name() -> None:
    assert named_field("diagnoses.code", "zh") == "诊断编码 diagnoses.code"
    assert named_field("diagnoses.code", "en") == "diagnoses.code"


def test_every_rule_says_in_chinese_what_it_rests_on() -> None:
    bases = {id: rule.basis for id, rule in load_rules().items()}
    assert [
        id for id, basis in bases.items() if not CHINESE.search(basis.zh) or CHINESE.match(basis.en)
    ] == []
