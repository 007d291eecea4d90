"""Other runners give the same bytes: a real Dask cluster, and Spark where it is installed."""

from __future__ import annotations

import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from claims.nightly.runners import Interrupted, Stop, make_runner
from drg.errors import InputError
from tests.claims.nightly.certificates import make_certificates
from tests.claims.nightly.conftest import Installation, make_installation
from tests.claims.nightly.tasks import die


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


def test_spark_does_the_same_to_a_partition(
    whole_night: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("java") is None:
        warnings.warn("not tested: Spark needs Java, which is not there", stacklevel=1)
        pytest.skip("no Java: the Spark adapter was NOT tested")
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        warnings.warn("not tested: pyspark is not installed", stacklevel=1)
        pytest.skip("no pyspark: the Spark adapter was NOT tested")
    from claims.nightly.spark import GROUPED, grouped

    # The workers are processes of the Python that is first on the path, unless they are told.
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    path = next((whole_night.out / "cases").glob("*.parquet"))
    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        frame = session.read.parquet(str(path)).mapInPandas(grouped("chs-drg-1.1"), GROUPED)
        found = {row.case_id: row.drg for row in frame.collect()}
    finally:
        session.stop()
    groups = whole_night.results.table("groups", ["case_id", "drg"], list(found)).to_pylist()
    assert found == {row["case_id"]: row["drg"] for row in groups}


@pytest.fixture
def tls_cluster(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A real cluster that talks TLS only: its address and the file that names the certificates."""
    dask = pytest.importorskip("dask")
    distributed = pytest.importorskip("distributed")
    tls = make_certificates(tmp_path)
    files = {name: str(tmp_path / f"{name}.pem") for name in ("ca", "cert", "key")}
    security = distributed.security.Security(
        tls_ca_file=files["ca"],
        require_encryption=True,
        **{f"tls_{role}_cert": files["cert"] for role in ("client", "scheduler", "worker")},
        **{f"tls_{role}_key": files["key"] for role in ("client", "scheduler", "worker")},
    )
    # A task that kills its worker is given up at once instead of taking three more with it.
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1",
            protocol="tls", security=security,
        ) as cluster,
    ):  # fmt: skip
        yield cluster.scheduler_address, tls


def test_dask_over_tls_and_a_task_that_kills_its_worker(tls_cluster: tuple[str, Path]) -> None:
    address, tls = tls_cluster
    assert address.startswith("tls://")
    runner = make_runner(1, Stop(), address, tls)
    found: list[int] = []
    try:
        runner.run([1, 3], die, found.append)
        assert sorted(found) == [1, 3]
        with pytest.raises(Interrupted) as told:
            runner.run([2], die, found.append)
        assert told.value.problems[0].code == "nightly.worker_died"
        runner.run([4], die, found.append)
    finally:
        runner.close()
    assert sorted(found) == [1, 3, 4]


def test_a_tls_cluster_refuses_who_has_no_certificate(
    tls_cluster: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from claims.nightly.runners import dask as dask_runner

    monkeypatch.setattr(dask_runner, "CONNECT_S", 1)
    (tmp_path / "other").mkdir()
    for tls in (None, make_certificates(tmp_path / "other")):
        with pytest.raises(InputError) as told:
            make_runner(1, Stop(), tls_cluster[0], tls)
        assert told.value.problems[0].code == "nightly.dask_unreachable"
