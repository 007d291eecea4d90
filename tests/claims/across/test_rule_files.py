"""The rule files: their examples, and what they say."""

from __future__ import annotations

import pytest

from claims.across.examples import failures
from claims.across.rule import PEER_PARAMETERS, load_across_rules, rule_files
from claims.across.visits import contract
from claims.parameters.settings import load_parameters
from drg.errors import InputError

RULES = load_across_rules()


@pytest.mark.parametrize("id", RULES)
def test_examples_of(id: str) -> None:
    assert [failure.render() for failure in failures(RULES[id])] == []


def test_a_failing_example_is_told() -> None:
    rule = RULES["C056"]
    turned = rule.model_copy(update={"bad": (rule.good[0].model_copy(update={"hits": ("A",)}),)})
    assert [failure.code for failure in failures(turned)] == ["across.example_lost"]
    without = rule.good[0].model_copy(update={"visits": "case_id person\nA p1"})
    told = [failure.render("zh") for failure in failures(rule.model_copy(update={"good": (without,)}))]
    assert len(told) == 1 and "visits.hospital" in told[0]


def test_a_suspicion_rests_on_a_confirmed_source() -> None:
    for rule in RULES.values():
        assert rule.confirmed or rule.severity == "clue", rule.id


def test_no_rule_speaks_of_a_verdict() -> None:
    for rule in RULES.values():
        for wording in (rule.title, rule.message):
            assert not any(word in wording.zh for word in ("违规", "欺诈", "骗保")), rule.id
            assert "fraud" not in wording.en.lower(), rule.id


def test_peer_rules_name_group_size_figure_and_threshold() -> None:
    peers = [rule for rule in RULES.values() if rule.peers is not None]
    assert len(peers) >= 8
    for rule in peers:
        for text in (rule.message.en, rule.message.zh):
            assert all(name in text for name in ("{peer_group}", "{peers}", "{figure}", "{threshold}")), (
                rule.id
            )


def test_every_parameter_of_a_rule_has_a_value_for_all() -> None:
    parameters = load_parameters()
    names = {name for rule in RULES.values() for name in rule.wanted_parameters} | set(PEER_PARAMETERS)
    assert [name for name in sorted(names) if not parameters.spans(name, "CN")] == []


def test_every_rule_lies_in_its_category_with_its_sql() -> None:
    assert [path.stem for path in rule_files()] == list(RULES)
    assert all(rule.sql for rule in RULES.values())


def test_the_columns_of_the_contract_are_all_read_by_some_rule_or_indicator() -> None:
    from claims.across.indicators import definitions

    read = {"case_id", "los_days"} | {name for rule in RULES.values() for name in (*rule.columns, *rule.uses)}
    read |= {name for one in definitions() for name in one.columns}
    assert sorted(contract()["visits"].keys() - read) == []


def test_a_wrong_rule_file_is_refused_with_everything_that_is_wrong(tmp_path: object) -> None:
    from pathlib import Path

    from claims.across.rule import load_across_rule

    source = next(path for path in rule_files() if path.stem == "C056")
    path = Path(str(tmp_path)) / "C056.toml"
    path.write_text(source.read_text(encoding="utf-8").replace('"person", ', '"persona", '), encoding="utf-8")
    with pytest.raises(InputError, match="persona"):
        load_across_rule(path)
