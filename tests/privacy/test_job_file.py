"""A job file that is written comes back as the same job."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from privacy.job_file import JobFile

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = (
    TEXTS | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
)
VALUES = st.recursive(
    PLAIN | st.lists(PLAIN, max_size=4),
    lambda inner: st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(
    st.dictionaries(TEXTS, VALUES, max_size=4), TEXTS.filter(lambda name: name.strip(" ./\x00") == name != "")
)
def test_a_job_comes_back(parameters: dict[str, object], name: str) -> None:
    out = Path(name.replace("/", "_").replace("\x00", "_") + ".csv")
    job = JobFile(table="理赔", peer_table="visits", purpose="claim-risk", parameters=parameters, out=out)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.toml"
        path.write_bytes(job.as_toml().encode())
        assert JobFile.load(path) == job.model_copy(update={"out": Path(folder) / out})


def test_columns_of_a_statistics_job_are_tables_of_their_own() -> None:
    job = JobFile(
        table="claims",
        peer_table="visits",
        purpose="claim-risk",
        parameters={
            "minimum_group": 10,
            "columns": {"费用": {"most": 5.0, "edges": [1.0, 2.0]}},
            "epsilon": None,
        },
    )
    assert job.as_toml().splitlines() == [
        '"table" = "claims"',
        '"peer_table" = "visits"',
        '"purpose" = "claim-risk"',
        '["parameters"]',
        '"minimum_group" = 10',
        '["parameters"."columns"]',
        '["parameters"."columns"."费用"]',
        '"most" = 5.0',
        '"edges" = [1.0, 2.0]',
    ]
