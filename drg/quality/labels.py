"""What the ids of rules and findings are called in words: categories, dictionaries, fields and places in a record."""

from __future__ import annotations

from drg.messages import TEXTS
from drg.quality.columns import positions
from drg.quality.layout import Field
from drg.quality.vocabulary import Vocabulary, load_vocabulary


def category_label(category: str, lang: str) -> str:
    """The name of a category of rules."""
    return _known("category", category, lang)


def dictionary_label(dictionary: str, lang: str) -> str:
    """The name of the code dictionary that a rule is for."""
    return _known("dictionary", dictionary, lang)


def jurisdiction_label(jurisdiction: str, lang: str) -> str:
    """Where a rule holds; the code of a region stands for itself."""
    return _known("jurisdiction", jurisdiction, lang)


def field_label(path: str, lang: str, vocabulary: Vocabulary | None = None) -> str:
    """The name of a field or a group; the path itself where the vocabulary (that of ``layout.csv``) has neither."""
    field = (vocabulary or load_vocabulary()).at(path)
    return _known("name", path, lang) if field is None else field.label(lang)


def named_field(path: str, lang: str, vocabulary: Vocabulary | None = None) -> str:
    """The path of a field for a reader of rules, in Chinese behind its name: ``诊断编码 diagnoses.code``."""
    label = field_label(path, lang, vocabulary)
    return path if lang == "en" or label == path else f"{label} {path}"


def place(path: str, position: int | None, lang: str, vocabulary: Vocabulary | None = None) -> str:
    """A field, its row in the group from 1, its front-page column where it has one: ``诊断编码 第2行（C06x01C）``."""
    names = vocabulary or load_vocabulary()
    words = field_label(path, lang, names)
    if position is not None:
        words = TEXTS.text("quality.place_row", lang, field=words, row=position)
    column = _front_page_column(names.at(path), position)
    return TEXTS.text("quality.place_column", lang, place=words, column=column) if column else words


def _front_page_column(field: Field | None, position: int | None) -> str:
    """The first column that holds the field in this row; empty where the front page has none."""
    if field is None or (position is None) == bool(field.group):
        return ""
    columns = positions(field.columns("front_page"))
    index = 0 if position is None else position - 1
    return columns[index][0].columns[0] if index < len(columns) else ""


def _known(kind: str, id: str, lang: str) -> str:
    """The text ``<kind>_<id>``; the id itself where there is none, as for the categories of another library."""
    texts = TEXTS.catalogue.get(f"quality.{kind}_{id}")
    return id if texts is None else texts[lang]
