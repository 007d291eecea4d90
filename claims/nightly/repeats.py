"""Case ids that stand in more than one file: the first file in the order of the configuration has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from claims.nightly.manifest import Manifest, read_output

CASE_TABLES = ("records", "cases")


def repeated_cases(out: Path, sources: Sequence[Manifest], memory_gb: float) -> dict[str, pa.Table]:
    """Partition -> case ids that an earlier source has (``case_id``, ``source``: the name of the earlier file).

    ``sources``: manifests of what was read, in order. Partitions without such ids are not among them.
    """
    from claims.across.database import opened

    parts = [(name, str(source.about["source"])) for source in sources for name in source.steps]
    with opened(memory=f"{memory_gb:g}GB", threads=1) as connection:
        connection.execute("CREATE TABLE held (case_id VARCHAR, part INTEGER)")
        number = 0
        for source in sources:
            for name in source.steps:
                ids = _ids(out, source, name)
                connection.register("ids", ids)
                connection.execute("INSERT INTO held SELECT case_id, ? FROM ids", [number])
                connection.unregister("ids")
                number += 1
        found = connection.sql(
            "WITH twice AS (SELECT case_id, min(part) AS first FROM held GROUP BY case_id HAVING count(*) > 1) "
            "SELECT held.case_id, part, first FROM held JOIN twice USING (case_id) WHERE part > first "
            "ORDER BY part, case_id"
        ).to_arrow_table()
    names = pa.array([source for _, source in parts], pa.string())
    earlier = names.take(found.column("first").combine_chunks().cast(pa.int64()))
    whole = pa.table({"part": found.column("part"), "case_id": found.column("case_id"), "source": earlier})
    return {
        parts[place][0]: whole.filter(pc.equal(whole.column("part"), place)).drop_columns("part")
        for place in pc.unique(whole.column("part")).to_pylist()
    }


def _ids(out: Path, source: Manifest, part: str) -> pa.Table:
    """The distinct case ids of a partition."""
    tables = [
        read_output(out, one, ["case_id"]) for one in source.steps[part].outputs if one.table in CASE_TABLES
    ]
    whole = pa.concat_tables([pa.schema([("case_id", pa.string())]).empty_table(), *tables])
    return whole.group_by("case_id").aggregate([])
