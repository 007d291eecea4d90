"""Texts: lists and the reasons of the operating system are in the language of the text."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from drg.errors import InputError
from drg.messages import listed, text
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
