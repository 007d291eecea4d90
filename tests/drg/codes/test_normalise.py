import pytest
from hypothesis import given
from hypothesis import strategies as st

from drg.codes import SYSTEMS, load_catalogue, normalise_code
from drg.codes.normalise import MAX_TEXT_LENGTH

AS_WRITTEN = [
    ("A00.100x001", "A00.100x001"),
    ("a00.100X001", "A00.100x001"),
    ("01.6X00", "01.6x00"),
    ("17.912a0", "17.912A0"),
    ("x59.900", "X59.900"),
    ("X59.900X001", "X59.900x001"),
    (" A00 .100 ", "A00.100"),
    ("A00.100\u200b", "A00.100"),
    ("\ufeffA00.100\u00a0", "A00.100"),
    ("A00.100\u3000", "A00.100"),
    ("A00.100_x000D_\r\n", "A00.100"),
    ("Ａ００．１００ｘ００１", "A00.100x001"),
    ("A00。100", "A00.100"),
    ("A00.100×001", "A00.100x001"),
    ("A18.808†I32.0*", "A18.808+I32.0*"),
    ("Ａ18.808＋Ｉ32.0＊", "A18.808+I32.0*"),
    ("a18.808+x32.0*", "A18.808+X32.0*"),
    ("A00－1", "A00-1"),
    ("", ""),
]


@pytest.mark.parametrize(("written", "code"), AS_WRITTEN)
def test_code_as_people_write_it(written: str, code: str) -> None:
    assert normalise_code(written) == code


def test_catalogue_codes_stay() -> None:
    for system in SYSTEMS:
        assert [code for code in load_catalogue(system).codes if normalise_code(code) != code] == []


code_like = st.text(
    st.sampled_from("aAxXzZ019.+*。†＋Ａｘ _\u200b\u3000\u0301¨\ufb03×") | st.characters(), max_size=40
)


@given(code_like | st.text("_x00dD0A\u0301 ", max_size=60))
def test_idempotent(text: str) -> None:
    once = normalise_code(text)
    assert normalise_code(once) == once


@given(code_like)
def test_no_blank_is_left(text: str) -> None:
    assert not any(sign.isspace() for sign in normalise_code(text))


def test_a_huge_cell_is_left_alone() -> None:
    text = " a" * MAX_TEXT_LENGTH
    assert normalise_code(text) == text
