"""Loading packs: every problem of a folder at once, each at its place; and which pack applies when."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

from drg.errors import InputError
from drg.messages import LANGUAGES
from drg.scheme.pack import choose_id, find_pack, load_pack, load_settings, shipped_ids

HERE = Path(__file__).parent
BROKEN = {
    ("mdc.tsv:3", "scheme.set_missing"),
    ("mdc.tsv:4", "scheme.code_twice"),
    ("adrg.tsv:2:13", "scheme.expected_text"),
    ("adrg.tsv:3", "scheme.parent_missing"),
    ("adrg.tsv:4", "scheme.cell_count"),
    ("drg.tsv:1", "scheme.header"),
    ("sets.txt:2:11", "scheme.item_empty"),
    ("cc.txt", "scheme.cc_level"),
    ("cc.txt", "scheme.cc_twice"),
    ("exclusions.txt:1:1", "scheme.item_before_block"),
    ("scheme.toml", "scheme.switch_set_missing"),
}


def test_every_problem_of_a_pack_is_reported_at_once() -> None:
    with pytest.raises(InputError) as caught:
        load_pack(HERE / "broken-pack")
    assert {(problem.where, problem.code) for problem in caught.value.problems} == BROKEN
    for lang in LANGUAGES:
        assert caught.value.render(lang).count("\n") >= len(BROKEN)


def test_missing_files_are_named(tmp_path: Path) -> None:
    shutil.copy(HERE / "broken-pack" / "scheme.toml", tmp_path)
    with pytest.raises(InputError) as caught:
        load_pack(tmp_path)
    missing = {p.params["name"] for p in caught.value.problems if p.code == "scheme.file_missing"}
    assert missing == {"mdc.tsv", "adrg.tsv", "drg.tsv", "sets.txt", "cc.txt", "exclusions.txt"}


@pytest.mark.parametrize(
    ("text", "code", "detail"),
    [
        (b"id = ", "scheme.toml_unreadable", None),
        (b"\xff\xfe", "scheme.toml_unreadable", None),
        (b'id = "Not An Id"', "scheme.setting_invalid", "id"),
        (b'colour = "red"', "scheme.setting_invalid", "colour"),
    ],
)
def test_unusable_settings_are_named(tmp_path: Path, text: bytes, code: str, detail: str | None) -> None:
    (tmp_path / "scheme.toml").write_bytes(text)
    with pytest.raises(InputError) as caught:
        load_settings(tmp_path / "scheme.toml")
    assert {problem.code for problem in caught.value.problems} == {code}
    assert detail is None or detail in {problem.params["key"] for problem in caught.value.problems}


def test_shipped_national_scheme_is_complete() -> None:
    pack = find_pack("chs-drg-1.1")
    assert (len(pack.mdcs), len(pack.adrgs), len(pack.drgs)) == (26, 376, 628)
    assert len(pack.sets) == 431
    levels = [complication.level for complication in pack.complications.values()]
    assert (levels.count("MCC"), levels.count("CC"), len(pack.exclusions)) == (4_678, 16_568, 223)


def test_unknown_scheme_is_an_error_that_names_the_known() -> None:
    with pytest.raises(InputError, match=r"chs-drg-1\.1"):
        find_pack("no-such-scheme")
    with pytest.raises(InputError):
        find_pack("../../etc")


@pytest.mark.parametrize(
    ("day", "chosen"),
    [
        (dt.date(2025, 6, 30), "chs-drg-1.1"),
        (dt.date(2019, 1, 1), None),
        (dt.date(2027, 1, 1), None),
        (None, None),
    ],
)
def test_scheme_is_chosen_by_discharge_date(day: dt.date | None, chosen: str | None) -> None:
    assert choose_id(None, day) == chosen
    assert chosen is None or chosen in shipped_ids()
