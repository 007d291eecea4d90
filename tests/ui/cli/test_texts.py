"""The texts of the command line: none is missing, none is left over."""

from __future__ import annotations

import re
import string
from pathlib import Path

from ui.text import TEXTS

SOURCES = sorted((Path(__file__).parents[3] / "ui" / "cli").glob("*.py"))
OWN = {id.removeprefix("cli."): texts for id, texts in TEXTS.catalogue.items() if id.startswith("cli.")}


def test_both_languages_have_the_same_placeholders() -> None:
    for key, texts in OWN.items():
        names = [
            {name for _, name, _, _ in string.Formatter().parse(texts[lang]) if name} for lang in ("en", "zh")
        ]
        assert names[0] == names[1], key


def test_every_text_that_is_said_is_there_and_every_text_is_said() -> None:
    sources = [path.read_text(encoding="utf-8") for path in SOURCES]
    # Commands with a text file of their own have a ``say`` of their own.
    source = "\n".join(
        found for found in sources if re.search(r"language import .*\bsay\b|def say\(key", found)
    )
    said = set(re.findall(r'say\(\s*"([a-z_]+)"', source)) | set(re.findall(r'"([a-z]+_line)"', source))
    assert said <= OWN.keys()
    said |= {"foreign_drg", "counted", "excluded"}
    starts = tuple(re.findall(r'say\(\s*f"([a-z_]+_)\{', source))
    assert {key for key in OWN if key not in said and not key.startswith(starts)} == set()
