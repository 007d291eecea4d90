"""Small schemes and cases for property tests: every construct of the rule language occurs in them."""

from __future__ import annotations

import itertools
from pathlib import Path

from hypothesis import strategies as st

from drg.case import Case
from drg.scheme import language
from drg.scheme.language import And, CodeTest, HitsTest, LengthTest, Not, Or, ScalarTest
from drg.scheme.pack import Complication, Evaluation, Pack, Row, Settings, Validity

DX = ["I50.900", "J96.000", "K80.101", "A18.808+I32.0*", "Z99.999"]
"""The last one is in no catalogue: only the scheme knows it."""
PROC = ["51.2300", "37.6101", "17.4100", "00.0100"]
UNKNOWN = ["Q00.0X", "nonsense", "99.99"]
DX_SETS = ["DI_A", "DI_B", "DI_C"]
PROC_SETS = ["OP_A", "OP_B"]

numbers = st.sampled_from([0.0, 1.0, 2.0, 28.0, 1500.0, 96.5])
operators = st.sampled_from(language.OPERATORS)


def _fields(names: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sampled_from([names[:1], names[1:], names])


def _sets(names: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True).map(tuple)


_sides = [(language.DX_FIELDS, DX_SETS), (language.PROC_FIELDS, PROC_SETS)]
_complication_sets = _sets([*DX_SETS, *language.CC_LEVELS])
tests = st.one_of(
    *(st.builds(CodeTest, _fields(fields), _sets(sets)) for fields, sets in _sides),
    st.builds(CodeTest, st.just(("QTZD",)), _complication_sets),
    st.builds(ScalarTest, st.sampled_from(language.SCALARS), operators, numbers),
    *(
        st.builds(LengthTest, st.sampled_from(sets), _fields(fields), operators, numbers)
        for fields, sets in _sides
    ),
    *(st.builds(HitsTest, _fields(fields), _sets(sets), operators, numbers) for fields, sets in _sides),
)


def _nested(children: st.SearchStrategy[language.Rule]) -> st.SearchStrategy[language.Rule]:
    several = st.lists(children, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, children), st.builds(And, several), st.builds(Or, several))


rules = st.one_of(st.builds(language.Always, st.booleans()), st.recursive(tests, _nested, max_leaves=5))


@st.composite
def packs(draw: st.DrawFn) -> Pack:
    """A scheme of a few MDCs, ADRGs and DRGs with any rules, sets, switches and exclusion tables."""
    mdcs, adrgs, drgs = [], [], []
    for letter in draw(st.lists(st.sampled_from("ABC"), min_size=1, unique=True)):
        mdcs.append(_row(draw, f"MDC{letter}", ""))
        for suffix in draw(st.lists(st.sampled_from(["R1", "A1", "QY", "00"]), max_size=3, unique=True)):
            adrgs.append(_row(draw, letter + suffix, mdcs[-1].code))
            for digit in draw(st.lists(st.sampled_from("1359"), max_size=2, unique=True)):
                drgs.append(_row(draw, adrgs[-1].code + digit, adrgs[-1].code))
    members = {name: draw(_some(DX)) for name in DX_SETS} | {name: draw(_some(PROC)) for name in PROC_SETS}
    levels = draw(st.dictionaries(st.sampled_from(DX), st.sampled_from(language.CC_LEVELS)))
    return Pack(
        Path("generated"),
        Settings(
            id="generated",
            name="",
            name_en="",
            issued="",
            source="",
            validity=Validity.model_validate({"regions": ["*"], "from": "2020-01-01"}),
            evaluation=draw(_evaluations),
        ),
        tuple(mdcs),
        tuple(adrgs),
        tuple(drgs),
        members,
        {code: Complication(level, draw(st.sampled_from(["1", "2", "9"]))) for code, level in levels.items()},
        {table: draw(_some(DX)) for table in ("1", "2")},
    )


def _some(codes: list[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(codes))


def _row(draw: st.DrawFn, code: str, parent: str) -> Row:
    rule = draw(rules)
    return Row(code, f"name of {code}", rule, language.to_text(rule), parent, "generated")


_evaluations = st.builds(
    Evaluation,
    weight=st.sampled_from(["birth", "admission"]),
    surgical_set=st.sampled_from([None, "OP_A"]),
    not_principal_dx=st.sampled_from([None, "DI_C"]),
    non_grouping_proc=st.sampled_from([None, "OP_B"]),
    non_grouping_kept=st.sampled_from([None, "OP_A"]),
)

_identifiers = itertools.count()
_ages = st.sampled_from(
    [(None, None), (0, None), (0, 0), (0, 28), (0, 300), (1, None), (2, None), (70, None)]
)
"""Age in years with age in days."""
cases = st.builds(
    lambda ages, **fields: Case(age=ages[0], age_days=ages[1], **fields),
    _ages,
    case_id=st.builds(lambda: str(next(_identifiers))),
    sex=st.sampled_from([None, 1, 2]),
    birth_weight_g=st.sampled_from([None, 1000, 1500]),
    admission_weight_g=st.sampled_from([None, 1000, 1500]),
    los_days=st.sampled_from([None, 0, 1, 28]),
    discharge_way=st.sampled_from([None, 1, 5]),
    icu_hours=st.sampled_from([None, 0.0, 96.0, 96.5]),
    department=st.sampled_from([None, "0302", "28", "ICU"]),
    dx=st.lists(st.sampled_from([*DX, *UNKNOWN, "i50.900", "A18.808"]), min_size=1, max_size=5),
    proc=st.lists(st.sampled_from([*PROC, *UNKNOWN, "51.23"]), max_size=4),
)
