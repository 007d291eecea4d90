"""Joint statistics: figures of the responder's columns over the common rows, by the initiator's groups."""

from __future__ import annotations

from privacy.protocols import JointProtocol
from privacy.protocols.stats.initiator import run
from privacy.protocols.stats.parameters import StatsParameters
from privacy.protocols.stats.responder import StatsResponder

PROTOCOL = JointProtocol("stats", StatsParameters, StatsResponder, run)
