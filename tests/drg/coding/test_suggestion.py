"""Term to code: what a small model learns, what it keeps, what it refuses."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.codes.catalogue import SYSTEMS, System
from drg.coding import suggest
from drg.coding.suggestion.api import MAX_TEXT, default_folder, fit_table, load_cached
from drg.coding.suggestion.base import clinical_table
from drg.coding.suggestion.features import NameSide, _opposites, initials, structure
from drg.coding.suggestion.files import read_catalogue, read_pairs, read_texts
from drg.coding.suggestion.grams import GramIndex
from drg.coding.suggestion.knowledge import Knowledge, Pair, learn_rewrites
from drg.coding.suggestion.model import Model
from drg.coding.suggestion.normal import MAX_TERM, normalise, parts
from drg.coding.suggestion.practice import practice_pairs
from drg.coding.suggestion.prepared import read_clinical, read_names
from drg.coding.suggestion.store import MANIFEST, RANKER, load, save
from drg.coding.suggestion.table import CodeTable, code_table, nhsa_table, unprepared_table
from drg.coding.suggestion.training import Fitted, fit_pairs
from drg.coding.text.words import Tokenizer
from drg.errors import InputError

SITES = [
    "胃",
    "肺",
    "肝",
    "肾",
    "食管",
    "结肠",
    "直肠",
    "膀胱",
    "胰",
    "胆囊",
    "子宫",
    "卵巢",
    "甲状腺",
    "前列腺",
    "鼻咽",
    "喉",
    "脑",
    "骨",
    "皮肤",
    "乳房",
]
ILLNESSES = [
    "恶性肿瘤",
    "良性肿瘤",
    "囊肿",
    "结石",
    "溃疡",
    "出血",
    "脓肿",
    "结核",
    "狭窄",
    "穿孔",
    "损伤",
    "炎",
]
HOUSE = {"恶性肿瘤": "ca", "良性肿瘤": "腺瘤样物", "溃疡": "ulc", "结核": "tb", "出血": "bld"}
"""Short forms of this house."""
KNOWN_SITES = SITES[:14]


def small_table() -> CodeTable:
    names = [
        (f"{letter}{place:02}", site + illness)
        for place, site in enumerate(SITES)
        for letter, illness in zip("ABCDEFGHIJKL", ILLNESSES, strict=True)
    ]
    return code_table([code for code, _ in names], [name for _, name in names], edition="small")


def house_pairs(table: CodeTable, sites: list[str]) -> list[Pair]:
    found = []
    for row, term in enumerate(table.terms):
        if any(term.startswith(site) for site in sites):
            text = term
            for long, short in HOUSE.items():
                text = text.replace(long, short)
            found.append(Pair(text, (row,)))
    return found


@pytest.fixture(scope="module")
def table() -> CodeTable:
    return small_table()


@pytest.fixture(scope="module")
def taught(table: CodeTable) -> Fitted:
    pairs = house_pairs(table, KNOWN_SITES)
    chance = random.Random(2)
    compound = [
        Pair("、".join((a.text, b.text)), (*a.rows, *b.rows))
        for a, b in (chance.sample(pairs, 2) for _ in range(80))
    ]
    return fit_pairs(NameSide(table), [*pairs, *compound], (), practice_pairs(table, (), 120), (), (60, 40))


@pytest.fixture(scope="module")
def untaught(table: CodeTable) -> Model:
    return fit_pairs(NameSide(table), (), (), practice_pairs(table, (), 200), (), (60, 40)).model


def test_unseen_terms_gain_from_what_was_taught(table: CodeTable, taught: Fitted, untaught: Model) -> None:
    """The sites were never met with these short forms: only what the short forms mean was learned."""
    unseen = [pair for pair in house_pairs(table, SITES[14:]) if pair.text not in table.row_of_name]
    assert len(unseen) >= 20

    def right(model: Model) -> float:
        found = model.suggest_many([pair.text for pair in unseen], 1)
        return float(
            np.mean(
                [
                    of_text[0].code == table.codes[pair.rows[0]]
                    for pair, of_text in zip(unseen, found, strict=True)
                ]
            )
        )

    assert right(taught.model) >= 0.9
    assert right(taught.model) > right(untaught) + 0.3


def test_what_was_taught_is_remembered_and_says_so(table: CodeTable, taught: Fitted) -> None:
    first = taught.model.suggest("胃ca")[0]
    assert (table.terms[table.row_of_code[first.code]], first.score, first.given) == ("胃恶性肿瘤", 1.0, True)
    assert first.why == ("suggest.why_remembered",)


def test_a_compound_text_gets_several_codes(taught: Fitted) -> None:
    given = [found.name for found in taught.model.suggest("脑ulc、皮肤结石") if found.given]
    assert sorted(given) == ["皮肤结石", "脑溃疡"]


def test_scores_are_probabilities_and_codes_are_not_repeated(taught: Fitted) -> None:
    found = taught.model.suggest("肺炎伴肝脓肿", 20)
    assert all(0 <= one.score <= 1 for one in found)
    assert len({one.code for one in found}) == len(found)
    assert found[0].given


def test_one_text_and_many_texts_give_the_same(taught: Fitted) -> None:
    texts = ["胃ca", "脑ulc、皮肤结石", "肺炎", "", "喉 狭 窄"]
    many = list(taught.model.suggest_many(texts))
    assert many == [taught.model.suggest(text) for text in texts]
    assert many[3] == []


def test_training_is_reproducible(table: CodeTable) -> None:
    pairs = house_pairs(table, KNOWN_SITES[:6])
    once, again = (fit_pairs(NameSide(table), pairs, rounds=(10, 10)).model for _ in range(2))
    assert once.ranker.model_to_string() == again.ranker.model_to_string()
    assert once.judge.model_to_string() == again.judge.model_to_string()


def test_a_stored_model_is_the_same_model(table: CodeTable, taught: Fitted, tmp_path: Path) -> None:
    pairs = [
        Pair(text, rows) for text, of_text in taught.model.knowledge.remembered.items() for rows in of_text
    ]
    save(tmp_path / "model", taught.model, pairs, None, {})
    stored = load(tmp_path / "model")
    assert stored.threshold == taught.model.threshold
    assert stored.knowledge.memory == taught.model.knowledge.memory
    assert [one.code for one in stored.suggest("胃ca")][:1] == [
        one.code for one in taught.model.suggest("胃ca")
    ][:1]
    save(tmp_path / "model", taught.model, pairs, None, {})
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / MANIFEST).unlink(), "no model in this folder"),
        (lambda folder: (folder / MANIFEST).write_text("{"), "damaged"),
        (lambda folder: (folder / MANIFEST).write_text("[" * 50_000), "damaged"),
        (lambda folder: (folder / MANIFEST).write_text("[]"), "damaged"),
        (lambda folder: (folder / RANKER).write_bytes(b"x"), "damaged"),
        (lambda folder: (folder / RANKER).unlink(), "damaged"),
        (lambda folder: edit(folder, "format", 99), "another version"),
        (lambda folder: edit(folder, "features", "0"), "another version"),
        (lambda folder: edit(folder, "system", "../x"), "damaged"),
        (lambda folder: edit(folder, "threshold", "high"), "damaged"),
        (
            lambda folder: edit(folder, "files", {"../../etc/passwd": {"sha256": "", "unpacked": 1}}),
            "damaged",
        ),
    ],
)
def test_a_damaged_model_is_refused(change: object, message: str, taught: Fitted, tmp_path: Path) -> None:
    save(tmp_path / "model", taught.model, [], None, {})
    assert callable(change)
    change(tmp_path / "model")
    with pytest.raises(InputError, match=message):
        load(tmp_path / "model")


def edit(folder: Path, key: str, value: object) -> None:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    (folder / MANIFEST).write_text(json.dumps({**manifest, key: value}), encoding="utf-8")


def test_something_else_is_not_replaced_by_a_model(taught: Fitted, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="something else"):
        save(tmp_path, taught.model, [], None, {})
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(InputError, match="something else"):
        save(tmp_path, taught.model, [], None, {})
    assert (tmp_path / "thesis.txt").read_text() == "mine"


# The model that ships.


@pytest.mark.parametrize(
    ("text", "kind", "codes"),
    [
        ("急性阑尾炎", "diagnosis", {"K35.800"}),
        ("慢阻肺急性加重", "diagnosis", {"J44.100"}),
        ("高血压3级、骨质疏松", "diagnosis", {"I10.x05", "M81.900"}),
        ("高血压Ⅲ级；骨质疏松", "diagnosis", {"I10.x05", "M81.900"}),
        ("腹腔镜胆囊切除术", "procedure", {"51.2300"}),
    ],
)
def test_the_model_that_ships(text: str, kind: str, codes: set[str]) -> None:
    assert kind in ("diagnosis", "procedure")
    given = [found.code for found in suggest(text, kind) if found.given]  # type: ignore[arg-type]
    known = nhsa_table("icd10" if kind == "diagnosis" else "icd9cm3").row_of_code
    assert {code[:5] for code in given} == {code[:5] for code in codes}
    assert set(given) <= known.keys()


@pytest.mark.parametrize("kind", ["diagnosis", "procedure"])
def test_the_model_that_ships_is_small(kind: str) -> None:
    size = sum(path.stat().st_size for path in default_folder(kind).iterdir())
    assert size < 5_000_000


def test_one_term_takes_milliseconds() -> None:
    model = load_cached(default_folder("diagnosis"))
    model.suggest("肺炎")
    start = time.process_time()
    for _ in range(20):
        model.suggest("2型糖尿病伴肾病、高血压3级")
    assert (time.process_time() - start) / 20 < 0.02


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=200))
def test_any_text_gets_an_answer(text: str) -> None:
    assert len(suggest(text, "diagnosis", 5)) <= 5


@pytest.mark.parametrize(
    "text", ["", " ", "\0", "\ud800", "、" * 5_000, "肺" * MAX_TEXT, "gxb", "()()((", "😀" * 50]
)
def test_strange_texts(text: str) -> None:
    assert all(0 <= found.score <= 1 for found in suggest(text, "diagnosis"))


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="diagnosis or procedure"):
        suggest("肺炎", "drug")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="more than"):
        suggest("肺" * (MAX_TEXT + 1), "diagnosis")
    with pytest.raises(InputError, match="no model"):
        suggest("肺炎", "diagnosis", model=Path("/nonexistent"))
    with pytest.raises(InputError, match="neither a code nor a name"):
        suggest.fit([("肺炎", ["nothing like it"])])


# The parts.


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Ⅱ型 糖尿病", "2型糖尿病"),
        ("II型呼吸衰竭", "2型呼吸衰竭"),
        ("高血压病三级", "高血压病3级"),
        ("二尖瓣狭窄", "二尖瓣狭窄"),
        ("1.肺炎 2、贫血", "肺炎;贫血"),
        ("肺癌［左］", "肺癌(左)"),
        ("ＣＯＰＤ", "copd"),
    ],
)
def test_normalise(text: str, normal: str) -> None:
    assert normalise(text) == normal


@given(st.text(max_size=400))
def test_normalise_is_short_and_idempotent_in_length(text: str) -> None:
    once = normalise(text)
    assert len(once) <= MAX_TERM
    assert len(normalise(once)) <= len(once)


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("2型糖尿病伴肾病", ["2型糖尿病", "肾病"]),
        ("冠心病不稳定心绞痛", ["冠心病不稳定心绞痛", "冠心病", "不稳定心绞痛"][1:]),
        ("肺炎", []),
        ("糖尿病不伴并发症", ["糖尿病"]),
    ],
)
def test_parts(term: str, found: list[str]) -> None:
    assert [part for part in parts(term) if part in found] == found
    assert term not in parts(term)


def test_rewrites_are_learned_from_what_differs() -> None:
    pairs = [("胃ca", "胃恶性肿瘤"), ("肺ca", "肺恶性肿瘤"), ("肝ca", "肝恶性肿瘤"), ("头x", "头y")]
    assert learn_rewrites(pairs) == {"ca": "恶性肿瘤"}


def test_words_that_stand_for_others_are_learned(table: CodeTable) -> None:
    knowledge = Knowledge(table, house_pairs(table, KNOWN_SITES))
    known, words = knowledge.translations, knowledge.vocabulary
    word = words.numbers["tb"]
    best = known.words[known.starts[word]]
    assert words.words[best] in "结核"


def test_nearest_agrees_with_plain_arithmetic() -> None:
    terms = ["肺炎", "肺结核", "支气管肺炎", "胃溃疡", "胃穿孔", "十二指肠溃疡"] * 3
    index = GramIndex(terms)
    vectors = index.vectors(terms)
    dense = np.zeros((len(terms), len(index.keys)))
    for row in range(len(terms)):
        span = slice(vectors.starts[row], vectors.starts[row + 1])
        dense[row, vectors.grams[span]] = vectors.weights[span]
    found, cosines = index.nearest(terms, 5)
    expected = -np.sort(-(dense @ dense.T), axis=1)[:, :5]
    assert np.allclose(np.sort(cosines)[:, ::-1], expected, atol=1e-5)
    assert (np.diff(cosines) <= 1e-6).all()
    assert (found >= -1).all()


def test_structure_tells_opposites_apart() -> None:
    left, right, none = structure(["左侧肾结石", "右肾结石", "肾结石"])
    assert left[0] != right[0]
    assert none[0] == 0


def test_initials() -> None:
    assert initials("高血压3级") == "gxy3j"


# Files.


def test_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "codes.tsv").write_text("编码\t名称\nA1\t肺炎\nA2\t贫血\n", encoding="gb18030")
    table = read_catalogue(tmp_path / "codes.tsv")
    assert (table.codes, table.names) == (("A1", "A2"), ("肺炎", "贫血"))
    (tmp_path / "pairs.tsv").write_text(
        "肺部炎症\tA1##贫血\n肺炎\tB9\n\n贫血貌\tA2##C3\n", encoding="utf-8-sig"
    )
    read = read_pairs(tmp_path / "pairs.tsv", table)
    assert read.pairs == [Pair("肺部炎症", (0, 1)), Pair("贫血貌", (1,))]
    assert [problem.where.rpartition(":")[2] for problem in read.unused] == ["2", "4"]
    (tmp_path / "texts.txt").write_text("肺炎\tx\n\n贫血", encoding="utf-8")
    assert read_texts(tmp_path / "texts.txt") == ["肺炎", "", "贫血"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it must have 1 to"),
        (b"A1 no tab\n", "codes.tsv:1"),
        (b"A1\t\n", "codes.tsv:1"),
        (b"\xff\xfe\x00\x00A", "not text"),
        (b"A1\t" + b"x" * 20_000, "codes.tsv:1"),
    ],
)
def test_a_bad_catalogue_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "codes.tsv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_catalogue(tmp_path / "codes.tsv")


def test_bad_pairs_are_refused(table: CodeTable, tmp_path: Path) -> None:
    many = "##".join(table.codes[:50])
    (tmp_path / "pairs.tsv").write_text(f"肺炎\t{many}\n肺炎\tA00\n", encoding="utf-8")
    assert len(read_pairs(tmp_path / "pairs.tsv", table).unused) == 1
    (tmp_path / "pairs.tsv").write_text("肺炎\tnothing\n" * 30, encoding="utf-8")
    with pytest.raises(InputError, match="only 0 of 30"):
        read_pairs(tmp_path / "pairs.tsv", table)
    with pytest.raises(InputError, match="no such file"):
        read_pairs(tmp_path / "none.tsv", table)


def test_a_catalogue_of_ones_own_is_taught_whole(
    table: CodeTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drg.coding.suggestion.api.ENOUGH_PAIRS", 90)
    fitted = fit_table(table, house_pairs(table, KNOWN_SITES[:6]), None, tmp_path / "model")
    assert fitted.f1 > 0.5
    assert load(tmp_path / "model").suggest("脑tb")[0].name == "脑结核"


def test_several_names_of_a_code_are_one_code() -> None:
    table = code_table(["A1", "A2", "A2", "A3"], ["肺炎", "肺炎", "肺部感染", "贫血"])
    pairs = [Pair("肺部炎症", (0,)), Pair("肺感染", (2,)), Pair("贫血貌", (3,)), Pair("感染性肺炎", (1,))]
    fitted = fit_pairs(NameSide(table), pairs, (), practice_pairs(table, (), 20), rounds=(5, 5))
    assert 0 <= fitted.found <= 1
    found = [one.code for one in fitted.model.suggest("肺炎感染")]
    assert len(set(found)) == len(found)


def test_what_has_nothing_in_common_cannot_be_learned() -> None:
    table = code_table(["A1"], ["癌"])
    with pytest.raises(InputError, match="anything in common"):
        fit_pairs(NameSide(table), [Pair("xyz", (0,))], rounds=(5, 5))


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_stored_names_are_what_the_build_tool_makes(system: System) -> None:
    table = unprepared_table(system)
    stored = read_names(system)
    assert stored.terms == table.terms
    assert stored.words == table.words
    clinical, rows = read_clinical(system)
    made = clinical_table(system, table)
    assert [clinical.terms, rows, clinical.words] == [column.to_pylist() for column in made.columns]


def test_words_of_a_beginning_are_known_when_a_text_has_it() -> None:
    words = ["急性", "急性阑尾炎", "阑尾", "炎", "急性"]
    cutter = Tokenizer(pa.array(words), pa.array([1, 900, 5, 5, 9]), 1000)
    assert list(cutter.cut("急性阑尾炎")) == ["急性阑尾炎"]
    assert list(cutter.cut("阑尾急性炎")) == ["阑尾", "急性", "炎"]
    assert list(cutter.cut("骨折")) == ["骨", "折"]


@given(st.lists(st.text(st.sampled_from("左右侧双急慢性1i2 a"), max_size=12), max_size=8))
def test_structure_has_a_bit_a_spelling_that_a_term_contains(terms: list[str]) -> None:
    names, groups = _opposites()
    found = structure(terms)
    for row, term in enumerate(terms):
        for column in range(len(names)):
            if names[column] != "with":
                bits = sum(
                    1 << bit
                    for bit, spellings in enumerate(groups[column])
                    if any(spelling in term for spelling in spellings)
                )
                assert found[row, column] == bits
        assert found[row, -1] == sum(1 << digit for digit in range(10) if str(digit) in term)
