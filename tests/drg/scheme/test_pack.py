"""Loading packs: every problem of a folder at once, each at its place; and which pack applies when."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

from drg.errors import InputError
from drg.messages import LANGUAGES
from drg.scheme.pack import SCHEMES_FOLDER, choose_id, find_pack, load_pack, load_settings, shipped_ids

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


SMALL_PACK = {
    "scheme.toml": (SCHEMES_FOLDER / "chs-drg-1.1" / "scheme.toml").read_text(encoding="utf-8"),
    "mdc.tsv": "code\tname\trule\nMDCA\theart\tZYZD in DI_A\n",
    "adrg.tsv": "code\tname\trule\tmdc\nAR1\tfailure\t\tMDCA\n",
    "drg.tsv": "code\tname\trule\tadrg\nAR19\tfailure\t\tAR1\n",
    "sets.txt": "DI_A\n  I50-\n",
    "cc.txt": "MCC 1\n  J96-\n",
    "exclusions.txt": "1\n  I50-\n",
}


def small_pack(folder: Path, **files: str) -> Path:
    """A sound pack of one group in ``folder``, with other texts in some files (``mdc_tsv``)."""
    for name, text in (SMALL_PACK | {key.replace("_", "."): text for key, text in files.items()}).items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


@pytest.mark.parametrize(
    ("files", "where", "code"),
    [
        ({"mdc_tsv": ""}, "mdc.tsv:1", "scheme.header"),
        ({"drg_tsv": "code\tname\trule\tadrg\n"}, "drg.tsv", "scheme.no_rows"),
        ({"drg_tsv": SMALL_PACK["drg.tsv"] + "\tx\t\tAR1\n"}, "drg.tsv:3", "scheme.code_blank"),
        ({"drg_tsv": SMALL_PACK["drg.tsv"] + "AR2 \tx\t\tAR1\n"}, "drg.tsv:3", "scheme.code_blank"),
        ({"sets_txt": ""}, "mdc.tsv:2", "scheme.set_missing"),
        (
            {"scheme_toml": SMALL_PACK["scheme.toml"] + 'surgical_set = "DI_A"\n'},
            "scheme.toml",
            "scheme.switch_set_of_other_system",
        ),
        (
            {"mdc_tsv": SMALL_PACK["mdc.tsv"].replace("ZYZD", " or ".join(["ZYZD in DI_A"] * 2_000))},
            "mdc.tsv:2:12",
            "scheme.rule_too_long",
        ),
    ],
)
def test_broken_pack(tmp_path: Path, files: dict[str, str], where: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        load_pack(small_pack(tmp_path, **files))
    assert (where, code) in {(problem.where, problem.code) for problem in caught.value.problems}


def test_other_editors_files_are_the_same_pack(tmp_path: Path) -> None:
    """A byte order mark, Windows line ends, signs that end a line elsewhere, and blanks more than needed."""
    files = {name: "\ufeff" + text.replace("\n", "\r\n") for name, text in SMALL_PACK.items()}
    files["mdc.tsv"] = files["mdc.tsv"].replace("heart", "he\u2028art")
    files["cc.txt"] = files["cc.txt"].replace("MCC 1", "mcc   1")
    pack = load_pack(small_pack(tmp_path, **{name.replace(".", "_"): text for name, text in files.items()}))
    assert pack.mdcs[0].name == "he\u2028art"
    assert pack.complications["J96.000"].exclusion_table in pack.exclusions


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
    with pytest.raises(InputError):
        find_pack("a" * 5_000)


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
