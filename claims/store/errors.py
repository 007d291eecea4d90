"""What the store refuses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from claims.errors import ClaimProblem
from drg.errors import InputError


class StoreError(InputError):
    """The store, or what was asked of it, cannot be used; ``code`` is the message id."""

    def __init__(self, code: str, where: str = "", **params: Any):
        self.code = code
        super().__init__([ClaimProblem(code, where, params)])


class StaleEdit(StoreError):  # noqa: N818 - the name says what happened
    """Somebody changed the object since it was read, and nothing was written.

    ``person`` did ``action`` at ``at``. Read the object again, look at what changed, and repeat the edit if it
    still holds.
    """

    def __init__(self, object_kind: str, object_id: str, person: str, action: str, at: datetime):
        self.person = person
        self.action = action
        self.at = at
        shown = at.strftime("%Y-%m-%d %H:%M:%S")
        super().__init__(
            "store.stale_edit", f"{object_kind} {object_id}", person=person, action=action, at=shown
        )
