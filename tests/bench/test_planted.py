"""The planted-defect bench, small: each rule finds its violations and nothing else (``bench/planted/README.md``)."""

from __future__ import annotations

import pytest
import yaml

from bench.planted import codes, filters
from bench.planted.measure import HOME, Bench, Line, accepted_on_clean, measure
from bench.planted.plants import family, load_injections, rules_between
from bench.planted.records import pools
from drg.quality.registry import load_rules

CASES, EACH, SEED = 700, 3, 5
MIN_RULES = 350

INJECTIONS = load_injections()
EXCEPTIONS: dict[str, str] = yaml.safe_load((HOME / "exceptions.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def lines() -> dict[str, Line]:
    bench = Bench(pools(CASES, SEED), list(load_rules().values()))
    return {line.rule: line for line in measure(bench, INJECTIONS, EACH, SEED)}


def test_rules_find_what_is_planted_and_nothing_else(lines: dict[str, Line]) -> None:
    short = {
        rule: (line.found, line.planted, dict(line.wrong), line.missed[:2])
        for rule, line in lines.items()
        if rule not in EXCEPTIONS and (line.recall not in (1.0, None) or line.wrong)
    }
    assert not short


def test_nearly_every_rule_is_planted(lines: dict[str, Line]) -> None:
    assert sum(line.planted > 0 for line in lines.values()) >= MIN_RULES


def test_exceptions_are_still_needed(lines: dict[str, Line]) -> None:
    assert {rule for rule in EXCEPTIONS if lines[rule].recall == 1.0 and not lines[rule].wrong} == set()


def test_data_name_rules_that_exist() -> None:
    carried = {family(id) for id in load_rules()}
    named = {id for one in INJECTIONS.values() for plant in one.plants for id in (*one.also, *plant.also)}
    assert set(INJECTIONS) | named | set(EXCEPTIONS) | set(accepted_on_clean()) <= carried


def test_a_rule_that_never_hits_is_seen() -> None:
    """The bench itself can fail: without its rules nothing is found."""
    bench = Bench(pools(100, SEED), [])
    (line,) = measure(bench, {"Q003": INJECTIONS["Q003"]}, EACH, SEED)
    assert (line.planted, line.found, line.recall) == (EACH, 0, 0.0)


@pytest.mark.parametrize(
    ("code", "spec", "inside"),
    [
        ("C58.x00", "C51-C58", True),
        ("C59.x00", "C51-C58", False),
        ("D07.300", "D06 D07.0-D07.3", True),
        ("00.4000", "0.40", False),
        ("K40.907", "K40 !K40.9", False),
    ],
)
def test_code_specifications(code: str, spec: str, inside: bool) -> None:
    assert codes.is_in(code, spec) is inside


def test_filters_do_not_take_an_unknown_field() -> None:
    record = pools(20, SEED)["front"].records[0]
    with pytest.raises(KeyError):
        filters.fits(record, {"no_such_field": "1"})


def test_ranges_of_rules() -> None:
    assert rules_between(["Q001", "Q085", "Q086", "Q125"], "Q001-Q085 Q125") == ["Q001", "Q085", "Q125"]
