"""Rule files and rows of fields.csv: what is refused, and how plain checks become conditions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drg.errors import InputError
from drg.quality.example_tests import failures
from drg.quality.plain_checks import COLUMNS, load_plain_rules
from drg.quality.registry import Library, load_rule_sets, load_rules, select
from drg.quality.rule import CATEGORIES
from drg.quality.vocabulary import load_vocabulary

DOCUMENT = (Path(__file__).parents[3] / "docs" / "quality.md").read_text(encoding="utf-8")
EXAMPLE = re.search(r"```toml rule\n(.*?)```", DOCUMENT, re.S)
assert EXAMPLE is not None
TEXT = EXAMPLE[1]
HEADER = ",".join(COLUMNS)


def library(folder: Path, text: str = TEXT, name: str = "combination/Q900.toml", plain: str = "") -> Library:
    path = folder / "rules" / name
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    (folder / "fields.csv").write_text(f"{HEADER}\n{plain}", encoding="utf-8")
    return Library(folder / "rules", folder / "fields.csv")


def test_the_example_of_the_document_works(tmp_path: Path) -> None:
    found = library(tmp_path).rules(load_vocabulary())
    assert list(found) == ["Q900"]
    assert failures(found["Q900"]) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "Q900"', 'id = "Q901"', "quality.rule_name"),
        ('category = "combination"', 'category = "sex"', "quality.rule_name"),
        ('category = "combination"', 'category = "nothing"', "scheme.setting_invalid"),
        ('severity = "hint"', 'severity = "block"', "quality.rule_unconfirmed_severity"),
        ('field = "diagnoses.code"', 'field = "diagnoses.nothing"', "quality.rule_field"),
        ("{codes} stand", "{nothing} stand", "quality.rule_placeholder"),
        ("{codes} stand", "{codes stand", "quality.rule_placeholder"),
        ("{codes} stand", "{codes.__class__} stand", "quality.rule_placeholder"),
        ('dx("K80.2")', 'dx("K80,2")', "quality.condition_bad_prefix"),
        ('proc("51.0")', 'proc("K80")', "quality.condition_bad_prefix"),
        ("version = 1", "version = 1\nunknown = 2", "scheme.setting_invalid"),
        ('en = "Example of this page"', "en = ", "scheme.toml_unreadable"),
        ('zh = "本页示例"\n', "", "scheme.setting_invalid"),
        ('[basis]\nen = "Example of this page"\nzh = "本页示例"', 'basis = "x"', "scheme.setting_invalid"),
        ("[[good]]", "[[better]]", "scheme.setting_invalid"),
    ],
)
def test_a_wrong_rule_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(InputError) as refused:
        library(tmp_path, TEXT.replace(old, new)).rules(load_vocabulary())
    assert message in [problem.code for problem in refused.value.problems]
    assert refused.value.render("zh")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('dx = ["K80.200"]', 'dx = ["K80.200", "K81.000"]', "hit, but should be passed"),
        ('dx = ["K80.200", "K81.000"]', 'dx = ["K80.200"]', "passed, but should be hit"),
        ('dx = ["K80.200"]', "diagnoses = [{name = 'x'}]", "diagnoses.code"),
        ('dx = ["K80.200"]', 'nothing = "1"', "no field nothing"),
        ('dx = ["K80.200"]', 'diagnoses = [{nothing = "1"}]', "diagnoses.nothing"),
        ('dx = ["K80.200"]', 'dx = "K80.200"', "must be a text"),
    ],
)
def test_an_example_that_does_not_do_what_it_should_is_told(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    rule = library(tmp_path, TEXT.replace(old, new)).rule("Q900", load_vocabulary())
    texts = [failure.render() for failure in failures(rule)]
    assert len(texts) == 1
    assert told in texts[0]


def test_a_rule_must_not_be_there_twice(tmp_path: Path) -> None:
    found = library(tmp_path, plain="Q900,sex,required,,,block,true,m,m,r,r,,1\n")
    for read in (lambda: found.rules(load_vocabulary()), lambda: found.rule("Q900", load_vocabulary())):
        with pytest.raises(InputError) as refused:
            read()
        assert refused.value.problems[-1].code == "quality.rule_twice"


@pytest.mark.parametrize(
    "row",
    [
        "sex,required,,,block,true,m,m,r,r,,1",
        "sex,choice,,,block,true,m,m,r,r,7,2",
        "sex,choice,1 2,,block,true,m,m,r,r,9,2",
        "sex,forbidden,0 9,,block,true,m,m,r,r,9,2",
        'readmission_purpose,absent,,"readmission_plan == ""1""",block,true,m,m,r,r,'
        "readmission_plan=1; readmission_purpose=x,readmission_plan=1",
        "current_postcode,pattern,^[0-9]{6}$,,block,true,m,m,r,r,12345,310000",
        "patient_name,length,2-40,,block,true,m,m,r,r,王,王一",
        "patient_name,length,2-,,block,true,m,m,r,r,王,王一",
        "admission_weight_g,range,100-9999,,block,true,m,m,r,r,99,100",
        "admission_weight_g,range,100..9999,,block,true,m,m,r,r,abc||10000,9999",
        "admission_number,whole_number,,,block,true,m,m,r,r,1.5||-1,3",
        "birth_date,date,,,block,true,m,m,r,r,2023-02-29,2024-02-29",
        "age,condition,age > 120,,hint,false,m,m,r,r,121,120",
        "procedures.level,required,,filled(code),block,true,m,m,r,r,"
        "procedures.code=51.2300|51.2200; procedures.level=3|,procedures.code=51.2300; procedures.level=3",
        "diagnoses.present_on_admission,choice,,,block,true,m,m,r,r,diagnoses.present_on_admission=1|7,4",
    ],
)
def test_a_plain_check_hits_its_bad_and_passes_its_good_examples(tmp_path: Path, row: str) -> None:
    path = tmp_path / "fields.csv"
    path.write_text(f"{HEADER}\nQ900,{row}\n", encoding="utf-8")
    (rule,) = load_plain_rules(path, load_vocabulary())
    assert [failure.render() for failure in failures(rule)] == []
    assert rule.why.zh and rule.payer.en


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("sex,nothing,,,block,true,m,m,r,r,,1", "quality.fields_check"),
        ("sex,required,,,strong,true,m,m,r,r,,1", "quality.fields_severity"),
        ("sex,required,,,block,false,m,m,r,r,,1", "quality.rule_unconfirmed_severity"),
        ("nothing,required,,,block,true,m,m,r,r,,1", "quality.rule_field"),
        ("patient_name,length,two,,block,true,m,m,r,r,,1", "quality.fields_argument"),
        ("patient_name,choice,,,block,true,m,m,r,r,,1", "quality.condition_no_value_set"),
        ("patient_name,pattern,(,,block,true,m,m,r,r,,1", "quality.condition_bad_pattern"),
        ("patient_name,required,,seks == 1,block,true,m,m,r,r,,1", "quality.condition_unknown_field"),
    ],
)
def test_a_wrong_plain_check_is_refused_with_its_line(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "fields.csv"
    path.write_text(f"{HEADER}\nQ900,sex,required,,,block,true,m,m,r,r,,1\nQ901,{row}\n", encoding="utf-8")
    with pytest.raises(InputError) as refused:
        load_plain_rules(path, load_vocabulary())
    (problem,) = refused.value.problems
    assert problem.code == message
    assert problem.where.startswith("fields.csv:3")


def test_rows_of_one_rule_are_of_one_severity(tmp_path: Path) -> None:
    path = tmp_path / "fields.csv"
    rows = [f"Q900,sex,required,,,{severity},true,m,m,r,r,,1\n" for severity in ("block", "hint")]
    path.write_text("".join([f"{HEADER}\n", *rows]), encoding="utf-8")
    with pytest.raises(InputError, match="Q900"):
        load_plain_rules(path, load_vocabulary())


def test_a_missing_column_is_told(tmp_path: Path) -> None:
    path = tmp_path / "fields.csv"
    path.write_text("rule,field\nQ900,sex\n", encoding="utf-8")
    with pytest.raises(InputError, match="check, argument"):
        load_plain_rules(path, load_vocabulary())


def test_rules_run_in_the_order_of_precedence() -> None:
    categories = [CATEGORIES.index(rule.category) for rule in load_rules().values()]
    assert categories == sorted(categories)


def test_sets_take_what_they_say() -> None:
    rules = list(load_rules().values())
    assert select(rules, "all") == rules
    assert all(rule.confirmed for rule in select(rules, "confirmed"))
    assert not {"settlement", "grouping"} & {rule.category for rule in select(rules, "front-page")}
    ids = {rule.id for rule in rules}
    assert all(set(entry.rules) | set(entry.without) <= ids for entry in load_rule_sets().values())
    with pytest.raises(InputError, match="front-page"):
        select(rules, "nothing")


def test_rules_are_chosen_by_day_and_jurisdiction() -> None:
    import datetime as dt

    rules = list(load_rules().values())
    assert select(rules, "all", dt.date(1990, 1, 1)) == []
    assert len(select(rules, "all", dt.date(2026, 1, 1), "330100")) > 100
