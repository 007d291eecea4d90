import time
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drg import messages
from drg.codes import SYSTEMS, System, load_catalogue
from drg.codes.catalogue import Catalogue, How
from drg.codes.crosswalk import Outcome
from drg.codes.search import Kind

icd10 = load_catalogue("icd10")
icd9cm3 = load_catalogue("icd9cm3")

RESOLVED = [
    ("icd10", "A00.000", "A00.000", "exact"),
    ("icd10", " a00.000 X001", "A00.000x001", "normalised"),
    ("icd10", "A18.808", "A18.808+I32.0*", "dagger"),
    ("icd10", "a18.808+", "A18.808+I32.0*", "dagger"),
    ("icd10", "A18.808†I32.0＊", "A18.808+I32.0*", "normalised"),
    ("icd10", "3.09", None, "unknown"),
    ("icd10", "", None, "unknown"),
    ("icd10", "K30.x00x002", None, "unknown"),
    ("icd9cm3", "51.2300", "51.2300", "exact"),
    ("icd9cm3", "51.23", "51.2300", "excel_number"),
    ("icd9cm3", "0.55", "00.5500", "excel_number"),
    ("icd9cm3", "1.6", None, "unknown"),
    ("icd9cm3", "51.2", None, "unknown"),
    ("icd9cm3", "3", None, "unknown"),
    ("icd9cm3", "٣.٠٩", None, "unknown"),
]


@pytest.mark.parametrize(("system", "text", "code", "how"), RESOLVED)
def test_resolve(system: System, text: str, code: str | None, how: How) -> None:
    resolution = load_catalogue(system).resolve(text)
    assert (resolution.code, resolution.how) == (code, how)


@pytest.mark.parametrize(("catalogue", "size"), [(icd10, 33_307), (icd9cm3, 13_686)])
def test_codes_are_sorted_and_complete(catalogue: Catalogue, size: int) -> None:
    assert len(catalogue) == size
    assert all(one < next_one for one, next_one in pairwise(catalogue.codes))
    assert catalogue.edition == "nhsa-2.0"


def test_what_an_entry_says() -> None:
    assert icd10.name("A00.000x001") == "古典生物型霍乱"
    assert (icd10.is_gray("A00.000"), icd10.is_gray("A00.000x001")) == (True, False)
    assert icd9cm3.name("51.2300") == "腹腔镜下胆囊切除术"
    assert icd9cm3.operation_type("51.2300") == "手术"
    assert icd10.operation_type("A00.000") is None
    assert (icd10.name("none"), icd9cm3.operation_type("none"), icd10.is_gray("none")) == (None, None, False)
    assert "A00.000" in icd10
    assert "A00.000" not in icd9cm3
    assert None not in icd10


def test_kinds_of_procedures() -> None:
    kinds = {icd9cm3.operation_type(code) for code in icd9cm3.codes}
    assert kinds == {"手术", "治疗性操作", "诊断性操作", "介入治疗", None}


def test_aliases_complete_bare_dagger_halves() -> None:
    assert len(icd10.aliases) == 1_178
    assert all(code.startswith(f"{half}+") and code in icd10 for half, code in icd10.aliases.items())
    assert not any(half in icd10 for half in icd10.aliases)
    assert not icd9cm3.aliases


@given(st.text(max_size=60), st.sampled_from(SYSTEMS))
def test_resolve_takes_any_text(text: str, system: System) -> None:
    resolution = load_catalogue(system).resolve(text)
    assert (resolution.code is None) == (resolution.how == "unknown")
    assert resolution.code is None or resolution.code in load_catalogue(system)


def test_loading_is_quick() -> None:
    def seconds() -> float:
        start = time.perf_counter()
        assert "A00.000" in Catalogue("icd10")
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.1  # about 0.015 on a quiet machine


def test_every_answer_has_a_text() -> None:
    groups = {"how": How, "outcome": Outcome, "kind": Kind}
    wanted = {f"codes.{group}_{value}" for group, answers in groups.items() for value in get_args(answers)}
    assert wanted == {message for message in messages.TEXTS.catalogue if message.startswith("codes.")}
