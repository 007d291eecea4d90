"""Normalising and keying of ids."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy import ids
from privacy.errors import Refused

births = st.dates(date(1850, 1, 1), date(2020, 12, 31))
regions = st.sampled_from(["110105", "450327", "830000", "999999"])


@st.composite
def resident_ids(draw: st.DrawFn) -> str:
    first = f"{draw(regions)}{draw(births):%Y%m%d}{draw(st.integers(0, 999)):03d}"
    return first + ids.check_character(first)


@pytest.mark.parametrize(
    ("text", "number", "known"),
    [
        # The examples of GB 11643-1999.
        ("11010519491231002X", "11010519491231002X", True),
        ("440524188001010014", "440524188001010014", True),
        (" 110105 19491231 002x ", "11010519491231002X", True),
        ("１１０１０５１９４９１２３１００２Ｘ", "11010519491231002X", True),
        ("110105491231002", "11010519491231002X", True),
        ("999999194912310029", "999999194912310029", False),
    ],
)
def test_resident_ids(text: str, number: str, known: bool):
    if number[:6] == "999999":
        number = text = number[:17] + ids.check_character(number[:17])
    found = ids.resident_id(text)
    assert (found.number, found.region_known, found.birth.year) == (number, known, int(number[6:10]))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("110105194912310021", "ids.check"),
        ("11010519491331002X", "ids.check"),
        ("1101051949123100", "ids.form"),
        ("", "ids.form"),
        ("X1010519491231002X", "ids.form"),
        ("110105491331002", "ids.birth"),
        ("110105" + "29990101" + "001" + ids.check_character("11010529990101001"), "ids.birth"),
    ],
)
def test_wrong_resident_ids(text: str, code: str):
    with pytest.raises(Refused) as refused:
        ids.resident_id(text)
    assert refused.value.code == code
    assert text not in str(refused.value) or not text


@given(resident_ids())
def test_a_valid_id_is_its_own_normal_form(number: str):
    assert ids.resident_id(number).number == number
    assert ids.resident_id(number.lower()).number == number


@given(resident_ids(), st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(number: str, place: int, step: int):
    if number[place] == "X":
        return
    wrong = number[:place] + str((int(number[place]) + step) % 10) + number[place + 1 :]
    with pytest.raises(Refused):
        ids.resident_id(wrong)


@given(st.dates(date(1900, 1, 1), date(1999, 12, 31)), st.integers(0, 999))
def test_old_ids_become_the_new_id_of_the_same_person(birth: date, sequence: int):
    first = f"110105{birth:%Y%m%d}{sequence:03d}"
    assert ids.resident_id(f"110105{birth:%y%m%d}{sequence:03d}").number == first + ids.check_character(first)


@given(st.text(max_size=40))
def test_any_text_is_normalised_once_for_all_or_refused(text: str):
    for kind in ("resident_id", "phone", "name", "text"):
        (once,) = ids.normalised([text], kind)
        if once is not None:
            assert ids.normalised([once], kind) == [once]


@pytest.mark.parametrize(
    "text",
    ["13812345678", "138 1234 5678", "+86 138-1234-5678", "008613812345678", "８６１３８１２３４５６７８"],
)
def test_one_phone_has_one_form(text: str):
    assert ids.phone(text) == "13812345678"


def test_phones_of_places_and_wrong_ones():
    assert ids.phone("(010) 8888-6666") == ids.phone("+86 010 88886666") == "01088886666"
    assert ids.normalised(["12345678901", "", "1381234567"], "phone") == [None, None, None]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("张 三", "张三"),
        ("买买提•艾力", "买买提·艾力"),
        ("买买提．艾力", "买买提·艾力"),
        ("Ｌｉ\u3000Ming", "liming"),
    ],
)
def test_one_name_has_one_form(text: str, name: str):
    assert ids.name(text) == name


def test_keyed_ids_differ_by_key_and_purpose_and_a_short_key_is_refused():
    one, other = b"1" * 32, b"2" * 32
    found = {
        digest
        for key in (one, other)
        for purpose in ("psi", "consent")
        for digest in ids.keyed(["a", "b"], key, purpose)
    }
    assert len(found) == 8
    assert ids.keyed(["a"], one, "psi") == ids.keyed(["a"], one, "psi")
    with pytest.raises(Refused, match=r"ids\.key"):
        ids.keyed(["a"], b"short", "psi")
    with pytest.raises(Refused, match=r"ids\.kind"):
        ids.normalised(["a"], "passport")
