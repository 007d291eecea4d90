"""Joint scoring: split weights, or the initiator's own model over the responder's encrypted features."""

from __future__ import annotations

from privacy.protocols import JointProtocol
from privacy.protocols.score.initiator import run
from privacy.protocols.score.messages import ScoreParameters
from privacy.protocols.score.responder import ScoreResponder

__all__ = ["PROTOCOL"]

PROTOCOL = JointProtocol("score", ScoreParameters, ScoreResponder, run)
