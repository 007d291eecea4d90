"""Tasks for runners, in a module that a worker imports quickly."""

from __future__ import annotations

import os
import signal


def die(task: int) -> int:
    """Takes its process with it where the task is 2."""
    if task == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return task
