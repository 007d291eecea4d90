"""The peer's policies as far as it gave them to us: copies with its signature, for planning a job.

They only foretell. What counts is what the peer's node says when the job is opened.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

from privacy import policy
from privacy.errors import PeerRefused, Refused
from privacy.files import owner_folder, replace
from privacy.party import PartyConfig
from privacy.protocols import TableUse

FOLDER = "peer-policies"
MOST_POLICIES = 100


@dataclass(frozen=True)
class Copy:
    """A policy of the peer, and when we took it up (seconds since 1970)."""

    policy: policy.Policy
    taken: float


def take(config: PartyConfig, content: bytes, signature: bytes) -> policy.Policy:
    """Keep a policy of the peer with its signature. Raises ``Refused`` where it is not the peer's or not readable."""
    if len(content) > policy.MAX_POLICY_BYTES:
        raise Refused("policy.unreadable", path="", detail=f"> {policy.MAX_POLICY_BYTES} bytes")
    folder = owner_folder(config.state / FOLDER)
    if len(list(folder.glob("*.toml"))) >= MOST_POLICIES:
        raise Refused("policy.many_copies", folder=str(folder), most=MOST_POLICIES)
    path = folder / f"{hashlib.sha256(content).hexdigest()}.toml"
    draft = path.with_suffix(".draft")
    replace(draft, content)
    replace(policy.signature_path(draft), signature)
    try:
        found = policy.Policy.load(draft, config.peer.signing_key)
        if found.document.owner != config.peer.name:
            raise Refused("policy.owner", owner=found.document.owner, peer=config.peer.name)
        policy.signature_path(draft).replace(policy.signature_path(path))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
        policy.signature_path(draft).unlink(missing_ok=True)
    return found


def known(config: PartyConfig) -> list[Copy]:
    """The policies of the peer that are known, the newest first; a damaged copy is left out."""
    found = []
    for path in (config.state / FOLDER).glob("*.toml"):
        try:
            found.append(Copy(policy.Policy.load(path, config.peer.signing_key), path.stat().st_mtime))
        except (Refused, OSError):
            continue
    return sorted(found, key=lambda copy: copy.taken, reverse=True)


def foretell(
    config: PartyConfig, protocol: str, purpose: str, table: str, use: TableUse, today: date
) -> PeerRefused | None:
    """What the peer will refuse by the newest policy that we know of this table; None: nothing, or none is known."""
    rules = next((copy.policy for copy in known(config) if _names(copy.policy, config.party, table)), None)
    if rules is None:
        return None
    request = policy.JobRequest(
        peer=config.party,
        protocol=protocol,
        purpose=purpose,
        table=table,
        columns=dict.fromkeys(use.columns, use.value_use),
        day=today,
        queries=use.queries,
        minimum_group=use.minimum_group,
        model_sha256=use.model_sha256,
    )
    try:
        rules.check(request)
    except Refused as refused:
        return PeerRefused(config.peer.name, refused.code, **refused.params)
    return None


def _names(rules: policy.Policy, party: str, table: str) -> bool:
    return table in rules.document.columns.get(party, {})
