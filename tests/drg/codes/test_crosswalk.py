from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drg.case import CASE_SCHEMA, Case, from_table, to_table
from drg.codes import SYSTEMS, System, load_catalogue
from drg.codes.crosswalk import REPORT_SCHEMA, convert, convert_cases, load_crosswalk

CONVERTED = [
    ("icd10", "A00.000", "A00.000", "identity"),
    ("icd10", " a00.000", " a00.000", "identity"),
    ("icd10", "A18.808", "A18.808", "identity"),
    ("icd10", "A21.200", "A21.201+J17.0*", "meaning_differs"),
    ("icd10", "b44.804", "B44.800x001", "meaning_differs"),
    ("icd10", "C81.001M96590/3", "C81.000", "mapped"),
    ("icd10", "P78.300x004", "K30.x00x002", "meaning_differs"),
    ("icd10", "nonsense", "nonsense", "unmapped"),
    ("icd10", None, None, None),
    ("icd9cm3", "51.23", "51.23", "identity"),
    ("icd9cm3", "27.1X02", "27.0x11", "meaning_differs"),
    ("icd9cm3", "A00.000", "A00.000", "unmapped"),
]


@pytest.mark.parametrize(("system", "text", "code", "outcome"), CONVERTED)
def test_convert(system: System, text: str | None, code: str | None, outcome: str | None) -> None:
    conversion = convert(pa.array([text], pa.string()), system)
    assert (conversion.codes.to_pylist(), conversion.outcomes.to_pylist()) == ([code], [outcome])


@pytest.mark.parametrize(
    ("system", "outcomes"),
    [
        ("icd10", {"identity": 31_199, "mapped": 4_139, "meaning_differs": 249}),
        ("icd9cm3", {"identity": 13_094, "mapped": 555, "meaning_differs": 4}),
    ],
)
def test_outcomes_of_the_whole_clinical_edition(system: System, outcomes: dict[str, int]) -> None:
    crosswalk = load_crosswalk(system)
    conversion = convert(pa.array(list(crosswalk.nhsa_codes)), system)
    assert Counter(conversion.outcomes.to_pylist()) == outcomes
    assert conversion.codes.to_pylist() == list(crosswalk.nhsa_codes.values())


def test_one_target_is_not_in_the_catalogue() -> None:
    outside = {
        clinical: nhsa
        for system in SYSTEMS
        for clinical, nhsa in load_crosswalk(system).nhsa_codes.items()
        if nhsa not in load_catalogue(system)
    }
    assert outside == {"P78.300x004": "K30.x00x002"}


def test_a_text_that_stays_means_the_same_in_the_nhsa_edition() -> None:
    """Else a dagger half that stays as written would be completed to another code later."""
    crosswalk = load_crosswalk("icd10")
    for half, whole in crosswalk.aliases.items():
        text, outcome, _ = crosswalk.entry(half)
        if outcome == "identity":
            assert load_catalogue("icd10").resolve(text).code == whole


@given(
    st.lists(st.none() | st.sampled_from(["A21.200", "A00.000", " zz", "", "b44.804"]), max_size=20),
    st.data(),
)
def test_chunks_and_slices_convert_alike(texts: list[str | None], data: st.DataObject) -> None:
    whole = pa.array(texts, pa.string())
    cut = data.draw(st.integers(0, len(texts)))
    chunked = pa.chunked_array([whole.slice(0, cut), whole.slice(cut)], pa.string())
    assert convert(chunked, "icd10") == convert(whole, "icd10")


def cases() -> pa.Table:
    return to_table(
        [
            Case(case_id="1", dx=["A21.200", "zz", " a00.000", "A21.200"], proc=["27.1x02"]),
            Case(case_id="2", dx=["C81.001M96590/3"]),
            Case(case_id="3", dx=["A00.000", "zz", "a21.200"], proc=["51.2300", "none"]),
        ]
    )


def test_cases_keep_all_but_the_codes() -> None:
    converted, _ = convert_cases(cases())
    assert converted.schema.equals(CASE_SCHEMA)
    assert [(case.dx, case.proc) for case in from_table(converted)] == [
        (["A21.201+J17.0*", "zz", " a00.000", "A21.201+J17.0*"], ["27.0x11"]),
        (["C81.000"], []),
        (["A00.000", "zz", "A21.201+J17.0*"], ["51.2300", "none"]),
    ]
    others = [name for name in CASE_SCHEMA.names if name not in ("dx", "proc")]
    assert converted.select(others).equals(cases().select(others))


def test_report_names_every_change() -> None:
    _, report = convert_cases(cases())
    assert report.schema.equals(REPORT_SCHEMA)
    assert [tuple(row.values()) for row in report.to_pylist()] == [
        ("icd10", None, None, None, None, "identity", 2),
        ("icd10", "C81.001M96590/3", "结节性淋巴细胞为主型霍奇金病", "C81.000", NAME_C81, "mapped", 1),
        ("icd10", "A21.200", "肺土拉菌病", "A21.201+J17.0*", "肺型土拉菌病", "meaning_differs", 3),
        ("icd10", "zz", None, None, None, "unmapped", 2),
        ("icd9cm3", None, None, None, None, "identity", 1),
        (
            "icd9cm3",
            "27.1x02",
            "翼腭窝切开异物取出术",
            "27.0x11",
            "翼腭窝切开异物取出术",
            "meaning_differs",
            1,
        ),
        ("icd9cm3", "none", None, None, None, "unmapped", 1),
    ]


NAME_C81 = load_catalogue("icd10").name("C81.000")


@given(
    st.lists(st.lists(st.sampled_from(["A21.200", "A00.000", "zz"]), min_size=1, max_size=4), max_size=6),
    st.data(),
)
def test_any_slice_of_cases_converts_as_the_cases_do(lists: list[list[str]], data: st.DataObject) -> None:
    table = to_table([Case(case_id=str(number), dx=dx) for number, dx in enumerate(lists)])
    cut = data.draw(st.integers(0, len(lists)))
    parts = pa.concat_tables([table.slice(cut), table.slice(0, cut)])
    expected = convert_cases(table)[0]
    assert convert_cases(parts)[0].equals(pa.concat_tables([expected.slice(cut), expected.slice(0, cut)]))


def test_null_lists_stay_null() -> None:
    table = cases().set_column(
        CASE_SCHEMA.get_field_index("proc"),
        CASE_SCHEMA.field("proc"),
        pa.array([None, ["27.1x02"], None], pa.list_(pa.string())),
    )
    assert convert_cases(table)[0]["proc"].to_pylist() == [None, ["27.0x11"], None]
