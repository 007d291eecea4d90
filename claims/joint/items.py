"""The joint band on work items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from claims.joint.scores import SCORED
from claims.store.items import NewItem, Reason

REASON = "joint.band"


def with_joint_bands(items: Iterable[NewItem], scores: pa.Table) -> Iterator[NewItem]:
    """The items; one whose claim has a joint score gets its band, model and policy, and a reason that says so.

    ``scores``: ``joint.parquet``. The policy is the other party's: it says what the score may be used for.
    """
    asked = list(items)
    is_asked = pc.is_in(
        scores.column("case_id"), value_set=pa.array([item.case_id for item in asked], pa.string())
    )
    rows = scores.filter(pc.and_(is_asked, pc.equal(scores.column("state"), SCORED))).to_pylist()
    found = {row["case_id"]: row for row in rows}
    for item in asked:
        row = found.get(item.case_id)
        yield item if row is None else _with(item, row)


def _with(item: NewItem, row: dict[str, object]) -> NewItem:
    reason = Reason(REASON, {"band": str(row["band"])})
    return replace(
        item,
        risk_band=str(row["band"]),
        model_hash=str(row["model_sha256"]),
        policy_hash=str(row["peer_policy_sha256"]),
        reasons=(*item.reasons, reason),
    )
