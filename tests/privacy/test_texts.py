"""Every code that the package refuses by has a sentence in both languages."""

from __future__ import annotations

import re
import string

import pytest

from privacy.errors import PeerRefused, Refused
from privacy.job_messages import JobRefused
from tests.conftest import REPOSITORY
from ui.cli.refusal import sentence
from ui.text import TEXTS

RAISED = re.compile(r"(?<!`)Refused\(\s*\"([a-z]+\.[a-z_]+)\"(?:,\s*([^()]*(?:\([^()]*\)[^()]*)*))?\)")


def raised() -> dict[str, list[set[str]]]:
    """The codes in the source, with the names of the parameters at each place (those that can be read simply)."""
    found: dict[str, list[set[str]]] = {}
    for path in (REPOSITORY / "privacy").rglob("*.py"):
        for code, params in RAISED.findall(path.read_text(encoding="utf-8")):
            found.setdefault(code, []).append(set(re.findall(r"(\w+)=", params)))
    return found


def test_every_code_has_a_sentence_whose_parameters_are_given() -> None:
    missing = []
    for code, places in raised().items():
        key = f"joint.{code.replace('.', '_')}"
        if key not in TEXTS.catalogue:
            missing.append(code)
            continue
        template = TEXTS.catalogue[key]["en"]
        wanted = {name for _, name, _, _ in string.Formatter().parse(template) if name}
        missing += [f"{code}: {wanted - given}" for given in places if not wanted <= given]
    assert raised()
    assert missing == []


def test_a_peer_of_another_version_and_its_odd_texts_are_told() -> None:
    assert "other.code" in sentence(PeerRefused("left", "other.code", x=1))
    told = sentence(PeerRefused("left", "job.unknown", job="\x1b[2Jab"))
    assert "left" in told
    assert "\x1b" not in told
    assert "job.unknown" in sentence(Refused("job.unknown"))
    assert "\n" not in sentence(PeerRefused("left", "job.unknown", job="ab\nAll is well."))


@pytest.mark.parametrize("name", ["self", "by", "code", "lang", "message_id"])
def test_a_peer_may_name_a_parameter_as_an_argument_of_ours_is_named(name: str) -> None:
    told = JobRefused(code="job.unknown", params={name: "x", "job": "ab"})
    refused = PeerRefused("left", told.code, **told.params)
    assert refused.params == told.params
    assert "ab" in sentence(refused)
