"""The coder's desk: one case of a nightly run, its codes edited, looked at again at every edit, and signed.

    desk = OpenCase(Engine(pack, contract), load_case(results, case_id))
    desk.outcome(version).explanation.grouping.drg
    sign(store, desk, version, Signing(item, last_number, reason), person)

Nothing here knows of pages: ``ui/pages/queue.py`` and ``ui/pages/workbench.py`` show what these functions say.
"""

from claims.coding_desk.case_file import (
    CaseFile,
    document_texts,
    first_to_read,
    load_case,
    record_after,
    row_after,
)
from claims.coding_desk.changes import CodeChange, changes, shown
from claims.coding_desk.elsewhere import Elsewhere, Target, look, target_name, targets
from claims.coding_desk.engine import Engine, OpenCase, Outcome
from claims.coding_desk.findings import Finding, Spot, silenced_rules
from claims.coding_desk.front_page import FrontPage, front_page, labels_of
from claims.coding_desk.proposals import Applying, apply_proposal
from claims.coding_desk.queue import (
    UNOWNED,
    QueuePage,
    QueueRow,
    find_item,
    queue_page,
    reason_text,
    take,
    take_next,
)
from claims.coding_desk.signing import Signing, SignVerdict, sign, verdict
from claims.coding_desk.version import Version, fillable, version_of

__all__ = [
    "UNOWNED",
    "Applying",
    "CaseFile",
    "CodeChange",
    "Elsewhere",
    "Engine",
    "Finding",
    "FrontPage",
    "OpenCase",
    "Outcome",
    "QueuePage",
    "QueueRow",
    "SignVerdict",
    "Signing",
    "Spot",
    "Target",
    "Version",
    "apply_proposal",
    "changes",
    "document_texts",
    "fillable",
    "find_item",
    "first_to_read",
    "front_page",
    "labels_of",
    "load_case",
    "look",
    "queue_page",
    "reason_text",
    "record_after",
    "row_after",
    "shown",
    "sign",
    "silenced_rules",
    "take",
    "take_next",
    "target_name",
    "targets",
    "verdict",
    "version_of",
]
