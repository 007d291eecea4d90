"""Joint risk: claims of ours scored with features of the other party, which nobody sees; through `privacy` nodes.

The nightly step is :func:`claims.joint.run`. What each side learns of the other is written beside the scores.
``claims.joint.items`` puts bands on work items; it is apart because it needs the store.
"""

from claims.joint.night import Summary, run
from claims.joint.settings import JointSettings, load_settings, read_settings
from claims.joint.training import Trained, train

__all__ = [
    "JointSettings",
    "Summary",
    "Trained",
    "load_settings",
    "read_settings",
    "run",
    "train",
]
