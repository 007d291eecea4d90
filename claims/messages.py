"""Texts of the package, in English and Chinese, kept as data in ``texts/*.toml``; see :mod:`drg.messages`."""

from __future__ import annotations

from pathlib import Path

from drg.messages import Texts

TEXTS = Texts(Path(__file__).with_name("texts"))
text = TEXTS.text
