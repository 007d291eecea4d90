"""Private lookup: did a person have a code group before a day, without the responder learning about whom."""

from __future__ import annotations

from privacy.protocols import JointProtocol
from privacy.protocols.lookup.initiator import run
from privacy.protocols.lookup.messages import LookupParameters
from privacy.protocols.lookup.responder import LookupResponder

__all__ = ["PROTOCOL"]

PROTOCOL = JointProtocol("lookup", LookupParameters, LookupResponder, run)
