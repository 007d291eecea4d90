"""Texts: lists and the reasons of the operating system and of parsers are in the language of the text."""

from __future__ import annotations

import datetime as dt
import errno
import os
import re
import tomllib
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from drg.errors import InputError
from drg.messages import TEXTS, listed, text
from drg.records.source import file_type_of


def test_a_list_is_written_as_its_language_does() -> None:
    assert listed(["A", 1], "en") == "A, 1"
    assert listed(["A", 1], "zh") == "A、1"
    assert text("quality.set_unknown", "zh", name="x", known=("a", "b")).endswith("a、b")


def test_the_usual_reasons_of_the_system_are_in_the_language_of_the_message(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        file_type_of(tmp_path / "none.csv")
    assert "No such file or directory" in refused.value.render("en")
    assert "文件或文件夹不存在" in refused.value.render("zh")
    assert "No such file" not in refused.value.render("zh")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EISDIR, errno.ENOSPC])
def test_other_usual_reasons(number: int) -> None:
    said = os.strerror(number)
    assert said not in text("records.not_readable", "zh", detail=said)
    assert said in text("records.not_readable", "en", detail=said)


def test_a_reason_without_a_text_stays_as_it_is() -> None:
    assert os.strerror(errno.EXDEV) in text("records.not_readable", "zh", detail=os.strerror(errno.EXDEV))


class Settings(BaseModel, extra="forbid"):
    number: int = Field(ge=1, le=5)
    name: str = Field(min_length=2, max_length=3)
    unit: Literal["row", "group"]
    from_: dt.date
    parts: list[int] = Field(min_length=1)


BROKEN = [
    {},
    {"number": "x", "name": 1, "unit": "z", "from_": "x", "parts": 3, "more": 1},
    {"number": 0, "name": "a", "unit": "row", "from_": dt.date(2026, 1, 1), "parts": []},
    {"number": 9, "name": "aaaa", "unit": "row", "from_": dt.date(2026, 1, 1), "parts": [1]},
]


@pytest.mark.parametrize("document", BROKEN)
def test_what_pydantic_says_is_in_the_language_of_the_message(document: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(document)
    for found in refused.value.errors():
        told = text("records.mapping_invalid", "zh", key="k", detail=found["msg"])
        assert found["msg"] not in told
        assert found["msg"] not in text("records.mapping_invalid", "en", key="k", detail=found["msg"])


def test_a_choice_is_listed_as_its_language_does() -> None:
    said = "Input should be 'row', 'group' or 'time'"
    assert TEXTS.retold(said, "zh") == "只能是 row、group、time 之一"
    assert TEXTS.retold(said, "en") == "it must be one of row, group, time"


@pytest.mark.parametrize("broken", ["a = [1,\n[x\n", "a b", "a = 1\na = 2\n"])
def test_a_parser_says_where_in_both_languages(broken: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as refused:
        tomllib.loads(broken)
    line, column = re.findall(r"\d+", str(refused.value))[-2:]
    assert f"第 {line} 行第 {column} 列" in text("records.mapping_not_toml", "zh", detail=str(refused.value))
    assert f"line {line}, column {column}" in text(
        "records.mapping_not_toml", "en", detail=str(refused.value)
    )


def test_what_no_pattern_knows_stays_as_it_is() -> None:
    assert TEXTS.retold("a sentence of ours", "zh") == "a sentence of ours"
