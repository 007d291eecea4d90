"""Other runners give the same bytes: a real Dask cluster, and Spark where it is installed."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest

from claims.nightly.runners import Stop, make_runner
from drg.errors import InputError
from tests.claims.nightly.conftest import Installation, make_installation


def test_a_dask_cluster_gives_the_same_bytes(installation: Installation, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    other = make_installation(tmp_path / "other")
    other.night()
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        night = installation.night(dask=cluster.scheduler_address)
    assert night.parts["done"] == 3
    assert installation.hashes() == other.hashes()


def test_a_scheduler_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    from claims.nightly.runners import dask

    monkeypatch.setattr(dask, "CONNECT_S", 0.5)
    with pytest.raises(InputError) as told:
        make_runner(1, Stop(), "tcp://127.0.0.1:9")
    assert told.value.problems[0].code == "nightly.dask_unreachable"


@pytest.mark.parametrize("text", ["ca = 'x'", "ca = 'a'\ncert = 'b'\nkey = 'c'\n", "no toml"])
def test_a_tls_file_is_checked(text: str, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    path = tmp_path / "tls.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as told:
        make_runner(1, Stop(), "tls://127.0.0.1:9", path)
    assert told.value.problems[0].code == "nightly.dask_tls"


def test_spark_does_the_same_to_a_partition(whole_night: Installation) -> None:
    if shutil.which("java") is None:
        warnings.warn("not tested: Spark needs Java, which is not there", stacklevel=1)
        pytest.skip("no Java: the Spark adapter was NOT tested")
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        warnings.warn("not tested: pyspark is not installed", stacklevel=1)
        pytest.skip("no pyspark: the Spark adapter was NOT tested")
    from claims.nightly.spark import GROUPED, grouped

    path = next((whole_night.out / "cases").glob("*.parquet"))
    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        frame = session.read.parquet(str(path)).mapInPandas(grouped("chs-drg-1.1"), GROUPED)
        found = {row.case_id: row.drg for row in frame.collect()}
    finally:
        session.stop()
    groups = whole_night.results.table("groups", ["case_id", "drg"], list(found)).to_pylist()
    assert found == {row["case_id"]: row["drg"] for row in groups}
