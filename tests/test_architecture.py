"""The house rules that a program can check."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from drg.messages import LANGUAGES, Texts
from tests.conftest import REPOSITORY

MAY_IMPORT = {
    "drg": {"drg"},
    "privacy": {"privacy"},
    "claims": {"claims", "drg", "privacy"},
    "ui": {"ui", "claims", "drg", "privacy"},
}
TEXT_FOLDERS = {
    "drg": REPOSITORY / "drg" / "texts",
    "claims": REPOSITORY / "claims" / "texts",
    "ui": REPOSITORY / "ui" / "texts",
}


def python_files(package: str) -> list[Path]:
    return sorted((REPOSITORY / package).rglob("*.py"))


def imported_packages(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_packages_import_in_one_direction_only(package: str) -> None:
    files = python_files(package)
    assert files
    for path in files:
        ours = imported_packages(path) & {*MAY_IMPORT, "tests", "bench", "data_samples"}
        assert ours <= MAY_IMPORT[package], path


@pytest.mark.parametrize("package", TEXT_FOLDERS)
def test_every_text_exists_in_both_languages_with_the_same_placeholders(package: str) -> None:
    texts = Texts(TEXT_FOLDERS[package]).catalogue
    assert texts
    for message, by_language in texts.items():
        assert by_language.keys() - {"said"} == set(LANGUAGES), message
        fields = [
            {name for _, name, _, _ in string.Formatter().parse(by_language[language]) if name}
            for language in LANGUAGES
        ]
        assert fields[0] == fields[1], message
        assert all(text.strip() for text in by_language.values()), message


@pytest.mark.parametrize("package", TEXT_FOLDERS)
def test_every_text_that_the_code_names_exists(package: str) -> None:
    texts = Texts(TEXT_FOLDERS[package]).catalogue
    # A package also names texts of those that it imports.
    known = set().union(*(Texts(folder).catalogue for folder in TEXT_FOLDERS.values()))
    sections = {name.split(".")[0] for name in texts}
    pattern = re.compile(rf"[\"']((?:{'|'.join(sections)})\.[a-z][a-z0-9_]*)[\"']")
    named = {
        (path.name, found)
        for path in python_files(package)
        for found in pattern.findall(path.read_text(encoding="utf-8"))
        if not found.endswith((".toml", ".tsv", ".txt", ".py", ".css", ".csv", ".svg", ".yaml", ".json"))
    }
    assert named
    assert [(file, found) for file, found in sorted(named) if found not in known] == []
