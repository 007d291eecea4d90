"""What a joint step says on the command line and on a work item, in both languages."""

from __future__ import annotations

import pytest

from claims.claim_desk.words import reason_text
from claims.joint.items import REASON
from claims.joint.jobs import Problem
from claims.joint.night import Summary
from claims.joint.settings import states
from claims.store.items import Reason
from privacy.errors import PeerRefused
from ui.cli.joint_risk import summary_lines


@pytest.mark.parametrize(("lang", "word"), [("en", "band high"), ("zh", "分档 high")])
def test_the_reason_on_a_work_item_has_words(lang: str, word: str) -> None:
    assert word in reason_text(Reason(REASON, {"band": "high"}), lang)


def test_a_refusal_is_told_with_who_what_and_what_to_do() -> None:
    problem = Problem.of(PeerRefused("hospital", "policy.model", model="ab" * 32))
    told = Summary("model_not_approved", 3, {"not_asked": 3}, {}, problem, approve="cd" * 32).as_json()
    lines = summary_lines(told)
    assert lines[1].endswith("\t3")
    assert "hospital refuses" in lines[2]
    assert "cd" * 32 in lines[3]
    assert "again later" in lines[4]


@pytest.mark.parametrize(
    "state", [*states(), "done", "prepared", "nothing_new", "waiting", "no_consent", "no_model"]
)
def test_every_state_has_words(state: str) -> None:
    (line,) = summary_lines(Summary(state, 0, {}, {}).as_json())
    assert line
