"""The rule files of claims: their examples, the catalogue, and what they say."""

from __future__ import annotations

import pytest

from claims.rules.catalogue import all_rules
from claims.rules.library import LIBRARY, RULES, SEVERITIES, load_claim_rules, planned, sample_vocabulary
from drg.quality.coverage import catalogue_ids, not_scriptable
from drg.quality.example_tests import failures


@pytest.mark.parametrize("id", LIBRARY.ids())
def test_examples_of(id: str) -> None:
    rule = LIBRARY.rule(id, sample_vocabulary())
    assert [failure.render() for failure in failures(rule, sample_vocabulary())] == []


def test_every_id_of_the_catalogue_is_done_planned_or_not_scriptable_and_only_one_of_them() -> None:
    told = [*all_rules(), *planned(), *not_scriptable(RULES)]
    # An id with a letter is a further rule of the catalogue's id: C012a counts over months what C012 counts in a claim.
    assert len(told) == len(set(told)) and {id[:4] for id in told} == set(catalogue_ids(RULES))
    assert sorted(id for id in told if len(id) == 4) == catalogue_ids(RULES)


def test_at_least_forty_five_rules_work_on_one_claim_and_seventy_in_all() -> None:
    assert len(load_claim_rules()) >= 45
    assert len(all_rules()) >= 70


def test_a_suspicion_rests_on_a_confirmed_source() -> None:
    for rule in load_claim_rules().values():
        assert rule.severity in SEVERITIES
        assert rule.confirmed or rule.severity == "clue", rule.id
        assert rule.needs, rule.id


def test_no_rule_speaks_of_a_verdict() -> None:
    for rule in load_claim_rules().values():
        for text in (rule.title.zh, *(check.message.zh for check in rule.checks)):
            assert "违规" not in text and "欺诈" not in text and "骗保" not in text, rule.id
