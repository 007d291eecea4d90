"""``joint.parquet``: one row a claim, with its joint score or the reason why it has none."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from claims.nightly.manifest import Manifest, StepDone, write_manifest, write_table
from claims.nightly.results import ACROSS

TABLE = "joint"
FILE = f"{TABLE}.parquet"
SCORED, NOT_COMMON, WAITING, NOT_ASKED = "scored", "not_common", "waiting", "not_asked"
SCHEMA = pa.schema(
    [
        pa.field("case_id", pa.string(), nullable=False),
        # scored, or why not: a state of claims.joint.choose, not_common, waiting, not_asked.
        pa.field("state", pa.string(), nullable=False),
        # Null in a job of the mode split_bucket, in which the peer alone learns it.
        pa.field("probability", pa.float64()),
        pa.field("band", pa.string()),
        # The day on which the other party was asked; null where it was not.
        pa.field("asked_on", pa.date32()),
        pa.field("job", pa.string()),
        pa.field("model_sha256", pa.string()),
        pa.field("own_policy_sha256", pa.string()),
        pa.field("peer_policy_sha256", pa.string()),
        # Of our own register; null where the rows are about nobody.
        pa.field("consent_sha256", pa.string()),
    ]
)


def read_scores(folder: Path) -> pa.Table:
    """The joint scores of a folder; none where there is no table of this schema."""
    path = folder / FILE
    if not path.is_file():
        return SCHEMA.empty_table()
    try:
        found = pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError):
        # Damaged: the claims are asked again, as far as the other party's quotas let them.
        return SCHEMA.empty_table()
    return found if found.schema.remove_metadata() == SCHEMA else SCHEMA.empty_table()


def still_known(scores: pa.Table, model_sha256: str, since: date) -> pa.Table:
    """The rows that need not be asked: scored by this model, or not common when it was asked on ``since`` or later."""
    is_scored = pc.equal(scores.column("state"), SCORED)
    is_recent = pc.greater_equal(scores.column("asked_on"), pa.scalar(since, pa.date32()))
    is_other = pc.and_kleene(pc.equal(scores.column("state"), NOT_COMMON), is_recent)
    is_model = pc.equal(scores.column("model_sha256"), model_sha256)
    return scores.filter(pc.fill_null(pc.and_kleene(is_model, pc.or_kleene(is_scored, is_other)), False))


def assemble(case_ids: list[str], states: list[str], known: pa.Table) -> pa.Table:
    """One row a claim in order: its row of ``known``, where there is one, else its state."""
    ids = pa.array(case_ids, pa.string())
    places = pc.index_in(ids, value_set=known.column("case_id"))
    found = known.take(places)
    state = pc.coalesce(found.column("state"), pa.array(states, pa.string()))
    return found.set_column(0, SCHEMA.field(0), ids).set_column(1, SCHEMA.field(1), state).cast(SCHEMA)


def write_scores(results_folder: Path, folder: Path, scores: pa.Table) -> None:
    """Write the table into ``folder``, whole or not at all.

    Where that is below ``results_folder``, the manifest is written too, by which ``Results`` finds it as ``joint``.
    """
    written = write_table(scores, folder, FILE, TABLE)
    if folder.absolute().is_relative_to(results_folder.absolute()):
        file = (folder.absolute() / FILE).relative_to(results_folder.absolute()).as_posix()
        done = StepDone(written.sha256, (replace(written, file=file),))
        write_manifest(results_folder / ACROSS / f"{TABLE}.json", Manifest(TABLE, {}, {TABLE: done}))


def counts(scores: pa.Table, column: str) -> dict[str, int]:
    """How often each value of a column is there, by name; nulls are not counted."""
    found = Counter(scores.column(column).drop_null().to_pylist())
    return {name: found[name] for name in sorted(found)}
