"""Joint training: vertical logistic regression with two keys and no arbiter; see PROTOCOL.md."""

from privacy.protocols import JointProtocol
from privacy.protocols.train.initiator import run
from privacy.protocols.train.messages import TrainParameters
from privacy.protocols.train.responder import TrainResponder

__all__ = ["PROTOCOL", "TrainParameters", "TrainResponder", "run"]

PROTOCOL = JointProtocol("train", TrainParameters, TrainResponder, run)
