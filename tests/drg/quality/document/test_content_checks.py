"""Content checks: their examples are their tests; the files keep the rules of the house."""

from __future__ import annotations

from pathlib import Path

import pytest

from drg.errors import InputError
from drg.quality.document.checks import ACROSS, CHECKS
from drg.quality.document.copying import NoteIndex
from drg.quality.document.coverage import CATALOGUE, document_coverage, index_lines
from drg.quality.document.engine import asked
from drg.quality.document.examples import example_record, failures
from drg.quality.document.found import finding_row, in_words
from drg.quality.document.rule import FOLDER, ContentCheck, load_check, load_checks
from drg.quality.finding import placeholders_in
from drg.quality.layout import fields
from tests.conftest import REPOSITORY

IDS = [check.rule.id for check in load_checks()]


@pytest.mark.parametrize("check", load_checks(), ids=IDS)
def test_bad_examples_are_hit_and_good_ones_pass(check: ContentCheck) -> None:
    assert [failure.render() for failure in failures(check)] == []


@pytest.mark.parametrize("check", load_checks(), ids=IDS)
def test_a_finding_says_what_it_saw_and_quotes_what_stands_there(check: ContentCheck) -> None:
    for example in check.bad:
        record = example_record(example.values)
        ask = asked(check, NoteIndex())
        for earlier in example.values.get("earlier", ()):
            ask(example_record(earlier))
        found = ask(record)
        assert found
        bodies = {note.position: note.body for note in record.documents}
        for one in found:
            row = finding_row(record, check.rule, one, silenced=False)
            known = {value.field for value in one.values if value.position is None} | {"value", "codes"}
            for lang in ("en", "zh"):
                words = in_words(row, check.rule, lang)
                assert set(placeholders_in(check.rule.checks[0].message.text(lang))) <= known
                assert "{" not in words.message
                assert words.remedy and words.payer and words.why
            for span in one.spans:
                if not span.case_id:
                    assert bodies[span.position][span.start : span.end].startswith(span.text)


@pytest.mark.parametrize("check", load_checks(), ids=IDS)
def test_a_check_points_to_a_field_and_only_a_confirmed_one_blocks(check: ContentCheck) -> None:
    assert check.rule.checks[0].field in fields()
    assert check.rule.confirmed or check.rule.severity == "hint"
    assert check.function in CHECKS or check.function in ACROSS


def test_every_function_is_used() -> None:
    assert {check.function for check in load_checks()} == {*CHECKS, *ACROSS}


def test_every_id_of_the_catalogue_is_done_or_explained() -> None:
    found = document_coverage()
    assert found.failing == {}
    assert found.missing == ()
    assert not set(found.done) & set(found.not_scriptable)
    assert len(CATALOGUE) == 60


def test_the_index_of_the_page_is_that_of_the_checks() -> None:
    page = (REPOSITORY / "docs" / "record-quality.md").read_text(encoding="utf-8")
    block = page.split("a test compares -->\n")[1].split("\n<!-- end of index -->")[0]
    assert block.splitlines() == index_lines()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('function = "section_missing"', 'function = "no_such_function"'),
        ('[settings]\ndocuments = ["admission_note"]', "[settings]"),
        ("version = 1", "version = 0"),
        ("version = 1", "version = 1\nfavourite_colour = 7"),
    ],
)
def test_a_mistake_in_a_file_is_refused(old: str, new: str, tmp_path: Path) -> None:
    text = (FOLDER / "E01.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "E01.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError):
        failures(load_check(path))


def test_a_pattern_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    text = (FOLDER / "E01b.toml").read_text(encoding="utf-8")
    path = tmp_path / "E01b.toml"
    path.write_text(text.replace('"次日"', '"次(日"'), encoding="utf-8")
    with pytest.raises(InputError, match="pattern"):
        failures(load_check(path))
