"""Descriptions of groups and sets read well: rule in words, few code ranges with names, parents and children."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given

from drg.errors import InputError
from drg.messages import LANGUAGES
from drg.scheme import language
from drg.scheme.language import parse
from drg.scheme.pack import Pack, find_pack
from drg.scheme.show import GroupDescription, SetDescription, describe
from drg.scheme.words import rule_in_words
from tests.drg.grouper import schemes

WORDS = yaml.safe_load(Path(__file__).with_name("rules_in_words.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pack() -> Pack:
    return find_pack("chs-drg-1.1")


@pytest.mark.parametrize("example", WORDS, ids=lambda example: example["rule"])
def test_rule_in_words(example: dict[str, str]) -> None:
    rule = parse(example["rule"])
    assert {lang: rule_in_words(rule, lang, {"DI_A": 12}) for lang in LANGUAGES} == {
        lang: example[lang] for lang in LANGUAGES
    }


@given(schemes.rules)
def test_every_rule_has_words(rule: language.Rule) -> None:
    for lang in LANGUAGES:
        words = rule_in_words(rule, lang, {})
        assert words
        assert all(name in words for name in language.set_names(rule))


def test_heart_failure_reads_well_in_english(pack: Pack) -> None:
    assert describe(pack, "fr2").lines("en") == [
        "FR2 心力衰竭、休克 (MDCF 循环系统疾病及功能障碍, medical)",
        "  principal diagnosis in DI_FP1 (42 codes)",
        "  rule: ZYZD in DI_FP1",
        "  DI_FP1 (42 codes)",
        "    I11.001 高血压性心力衰竭",
        "    I11.002 高血压心脏病伴心力衰竭",
        "    I13.000x001 高血压性心脏病和肾脏病伴心力衰竭",
        "    I13.200x001 高血压性心脏病和肾脏病伴心力衰竭和肾衰竭",
        "    I50- 心力衰竭 (27 codes)",
        "      without I50.906 心肌损害",
        "    R57- 休克 (11 codes)",
        "      without R57.800 休克，其他的",
        "  2 DRGs, in the order in which they are tried:",
        "    FR21 心力衰竭、休克，伴严重并发症或合并症: other diagnosis in MCC",
        "    FR25 心力衰竭、休克，不伴并发症或合并症: no condition",
    ]


def test_heart_failure_reads_well_in_chinese(pack: Pack) -> None:
    lines = describe(pack, "FR2").lines("zh")
    assert lines[0] == "FR2 心力衰竭、休克 (MDCF 循环系统疾病及功能障碍, 内科组)"
    assert lines[1] == "  主要诊断属于 DI_FP1 (42 个编码)"


def test_drg_and_mdc_know_their_place(pack: Pack) -> None:
    group = describe(pack, "FR21")
    assert isinstance(group, GroupDescription)
    assert [row.code for row in group.parents] == ["MDCF", "FR2"]
    assert (group.level, group.kind, group.children) == ("drg", "medical", ())
    category = describe(pack, "MDCF")
    assert isinstance(category, GroupDescription)
    assert (category.level, category.kind) == ("mdc", None)
    assert len(category.children) == sum(row.parent == "MDCF" for row in pack.adrgs)


def test_counts_of_the_items_add_up(pack: Pack) -> None:
    for name in ("DI_FP1", "DI_MDCZ", "OP_FF1", "OP_ALL"):
        found = describe(pack, name)
        assert isinstance(found, SetDescription)
        assert found.count == len(pack.sets[name])
        assert sum(item.count for item in found.items if not item.taken_away) == found.count


def test_unknown_code_is_an_error_in_both_languages(pack: Pack) -> None:
    with pytest.raises(InputError) as caught:
        describe(pack, "ZZZ9" * 1000)
    for lang in LANGUAGES:
        assert len(caught.value.render(lang)) < 300
