"""Every label and sentence of the pages and the command line, Chinese and English, from ``texts/*.toml``."""

from __future__ import annotations

from pathlib import Path

from drg.messages import Texts

TEXTS = Texts(Path(__file__).with_name("texts"))
text = TEXTS.text
