"""What each party learned in a job, in plain words: kept beside the scores for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from claims.messages import TEXTS, text
from privacy.history import PastJob
from privacy.party import PartyConfig
from privacy.protocols import JobResult


@dataclass(frozen=True)
class Learned:
    """``party`` learned in ``job`` what the text ``joint.learned_<key>`` says of ``params``."""

    party: str
    protocol: str
    job: str
    key: str
    params: Mapping[str, str | int]

    def sentence(self, lang: str) -> str:
        common = self.params.get("common", text("joint.not_logged", lang))
        return text(f"joint.learned_{self.key}", lang, **{**self.params, "common": common})

    def as_json(self) -> dict[str, Any]:
        return {
            **vars(self),
            "params": dict(self.params),
            "en": self.sentence("en"),
            "zh": self.sentence("zh"),
        }


def learned(config: PartyConfig, protocol: str, result: JobResult, variant: str = "") -> list[Learned]:
    """What both parties learned. ``variant``: what a PSI reveals to whom, the mode of a scoring."""
    facts = result.facts
    own, peer = config.party, config.peer.name
    params: dict[str, str | int] = {
        "own": own,
        "peer": peer,
        "own_rows": _count(facts["initiator_set_size"]),
        "peer_rows": _count(facts["responder_set_size"]),
        "common": _count(result.summary.get("common", result.summary.get("rows", 0))),
    }
    key = f"{protocol}_{variant}" if variant else protocol
    return [
        Learned(party, protocol, str(facts["job"]), f"{key}_{role}", params)
        for party, role in ((own, "initiator"), (peer, "responder"))
    ]


def learned_before(past: PastJob, variant: str = "", common: int | None = None) -> list[Learned]:
    """What both parties learned in a job of the audit log; nothing where it was not done.

    ``variant`` as in ``learned``, "" where it is not known: the log has the parameters as a hash only. ``common``: how
    many rows both have, where that is known.
    """
    if past.outcome != "done":
        return []
    names = {role: str(past.facts[role]) for role in ("initiator", "responder")}
    params: dict[str, str | int] = {
        "own": names["initiator"],
        "peer": names["responder"],
        "own_rows": _count(past.rows("initiator")),
        "peer_rows": _count(past.rows("responder")),
        **({} if common is None else {"common": common}),
    }
    key = f"{past.protocol}_{variant}"
    if f"joint.learned_{key}_initiator" not in TEXTS.catalogue:
        key = past.protocol
    return [
        Learned(party, past.protocol, past.id, f"{key}_{role}", params)
        for role, party in names.items()
        if f"joint.learned_{key}_{role}" in TEXTS.catalogue
    ]


def _count(value: object) -> int:
    assert isinstance(value, int)  # noqa: S101 - facts of a job that ran
    return value
