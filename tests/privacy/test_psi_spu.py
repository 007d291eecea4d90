"""The SPU worker: its way between the nodes, its refusals and its installation; with SPU itself where that is there.

``DRGBRIDGE_SPU_VENV`` names an environment made by ``drgbridge node install-spu --venv``.
"""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyarrow import parquet

from privacy.errors import PeerRefused, Refused
from privacy.protocols import JobResult
from privacy.protocols.psi import spu_install, spu_relay
from privacy.protocols.psi.messages import PsiParameters
from privacy.protocols.psi.spu_messages import PsiSpuBytes, SpuSegment
from privacy.protocols.psi.spu_relay import OWN_SOCKET, PEER_SOCKET, Relay
from privacy.session import run
from tests.conftest import REPOSITORY
from tests.privacy.pairs import PURPOSE, Pair, Party, make_pair
from ui.cli.app import run as run_command

FAKE = REPOSITORY / "tests" / "privacy" / "fake_spu_worker.py"
OWN = [f"p{number}" for number in range(2000)]
PEER = [f"p{number}" for number in range(1300, 3300)]
COMMON = set(OWN) & set(PEER)
PATH = os.environ["PATH"]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = make_pair(tmp_path)
    made.initiator.add_table("mine", {"id": list(OWN)})
    made.responder.add_table("theirs", {"id": list(PEER)})
    made.responder.add_table("others", {"id": ["q1", "q2"]})
    made.responder.add_table("nobody", {"id": list[object]()})
    yield made
    made.close()


@pytest.fixture(autouse=True)
def without_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in is a file of the tests, which the sandbox would rightly not show. Nodes inherit the path."""
    folders = PATH.split(os.pathsep)
    kept = [folder for folder in folders if not (Path(folder) / "bwrap").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join(kept))


def give_fake(party: Party, mode: str = "") -> None:
    """An environment whose Python runs the stand-in, whatever script it is asked for."""
    folder = party.config.state / spu_install.FOLDER
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    (folder / spu_install.MARKER).write_bytes(spu_install.CONSTRAINTS.read_bytes())
    (folder / "mode").write_text(mode, encoding="ascii")
    python = folder / "bin" / "python"
    called = shlex.join([sys.executable, str(FAKE), str(folder / "mode")])
    python.write_text(f'#!/bin/sh\nexec {called} "$@"\n', encoding="utf-8")
    python.chmod(0o700)


def give_real(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    venv = os.environ.get("DRGBRIDGE_SPU_VENV")
    if venv is None or not spu_install.is_installed(Path(venv)):
        pytest.skip("no SPU here: set DRGBRIDGE_SPU_VENV to what `drgbridge node install-spu --venv` made")
    monkeypatch.setenv("PATH", PATH)
    for party in (pair.initiator, pair.responder):
        spu_install.use(party.config.state, Path(venv))


def run_job(pair: Pair, reveal: str = "both", engine: str = "spu", peer_table: str = "theirs") -> JobResult:
    parameters = {"reveal": reveal, "engine": engine}
    return run(pair.initiator.config, "psi", parameters, table="mine", peer_table=peer_table, purpose=PURPOSE)


def ids_of(result: JobResult) -> list[str]:
    assert result.table is not None
    found: list[str] = result.table.column("id").to_pylist()
    return found


def left_behind(party: Party) -> list[Path]:
    work = party.config.state / "work"
    return [path for path in work.rglob("*") if path.name != ".lock"] if work.exists() else []


def check_same_result(pair: Pair) -> None:
    pair.responder.serve()
    ecdh, spu = run_job(pair, engine="ecdh"), run_job(pair)
    assert ecdh.summary == spu.summary
    assert set(ids_of(ecdh)) == set(ids_of(spu)) == COMMON
    results = (pair.responder.config.state / "results").iterdir()
    newest = max(results, key=lambda path: path.stat().st_mtime_ns)
    assert parquet.read_table(newest).column("id").to_pylist() == ids_of(spu)
    assert set(ids_of(run_job(pair, "initiator"))) == COMMON
    assert run_job(pair, "initiator", peer_table="others").summary["common"] == 0
    assert run_job(pair, peer_table="nobody").summary == {"own_size": 2000, "peer_size": 0, "common": 0}
    for party in (pair.initiator, pair.responder):
        assert left_behind(party) == []
        assert '"psi.spu_started"' in party.log_text()
        assert not any(id in party.log_text() for id in COMMON)


def test_spu_finds_the_same_as_ecdh(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    give_real(pair, monkeypatch)
    check_same_result(pair)


def test_the_way_between_two_workers_over_two_nodes(pair: Pair) -> None:
    give_fake(pair.initiator)
    give_fake(pair.responder)
    check_same_result(pair)


def test_a_party_without_the_worker_refuses(pair: Pair) -> None:
    pair.responder.serve()
    with pytest.raises(PeerRefused, match=r"psi\.spu_missing"):
        give_fake(pair.initiator)
        run_job(pair)
    give_fake(pair.responder)
    (pair.initiator.config.state / spu_install.FOLDER / spu_install.MARKER).write_text("an older version")
    with pytest.raises(Refused, match=r"psi\.spu_missing \(party=insurer"):
        run_job(pair)


@pytest.mark.parametrize(
    ("own", "peer", "code"),
    [
        ("fail", "", r"psi\.spu_failed \(party=insurer, exit=7"),
        ("", "fail", r"hospital: psi\.spu_failed \(exit=7"),
        ("foreign", "", r"psi\.spu_result"),
        ("", "foreign", r"hospital: psi\.spu_result"),
    ],
)
def test_a_worker_that_fails_ends_the_job_and_leaves_nothing(
    pair: Pair, own: str, peer: str, code: str
) -> None:
    give_fake(pair.initiator, own)
    give_fake(pair.responder, peer)
    pair.responder.serve()
    with pytest.raises(Refused, match=code):
        run_job(pair)
    assert left_behind(pair.initiator) == []
    assert left_behind(pair.responder) == []


def test_a_worker_ends_with_its_node(pair: Pair) -> None:
    give_fake(pair.initiator)
    give_fake(pair.responder, "hang")
    pair.responder.serve()
    state = str(pair.responder.config.state)
    with ThreadPoolExecutor() as threads:
        job = threads.submit(run_job, pair)
        wait_for(lambda: bool(running(state)))
        pair.responder.kill()
        wait_for(lambda: not running(state))
        with pytest.raises(Refused, match=r"channel\."):
            job.result()
    assert not running(str(pair.initiator.config.state))


def wait_for(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def running(state: str) -> list[str]:
    """The processes with this folder in their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if state in command and FAKE.name in command:
            found.append(command)
    return found


def test_counting_only_is_refused_by_name() -> None:
    with pytest.raises(Refused, match=r"psi\.spu_cardinality"):
        PsiParameters(reveal="cardinality", engine="spu")
    assert PsiParameters().engine == "ecdh"


@pytest.fixture
def relays(tmp_path: Path) -> Iterator[tuple[Relay, Relay, Path, Path]]:
    left, right = tmp_path / "left", tmp_path / "right"
    left.mkdir()
    right.mkdir()
    first, second = Relay(left, 0), Relay(right, 1)
    yield first, second, left, right
    first.close()
    second.close()


def listen(folder: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.relpath(folder / OWN_SOCKET))
    listener.listen()
    listener.settimeout(5)
    return listener


def connect(folder: Path) -> socket.socket:
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(os.path.relpath(folder / PEER_SOCKET))
    stream.settimeout(5)
    return stream


def carry(source: Relay, target: Relay) -> bool:
    segments, data = source.take(0.2)
    target.give(segments, data)
    return bool(segments)


def test_bytes_cross_in_order_in_both_directions(relays: tuple[Relay, Relay, Path, Path]) -> None:
    first, second, left, right = relays
    with listen(right) as listener, connect(left) as near:
        assert carry(first, second)
        far, _ = listener.accept()
        sent = os.urandom(3 * spu_relay.PIECE_BYTES)
        near.settimeout(None)
        near.sendall(sent[:100_000])
        near.sendall(sent[100_000:200_000])
        far.settimeout(5)
        received = b""
        while len(received) < 200_000:
            carry(first, second)
            received += far.recv(1 << 20)
        assert received == sent[:200_000]
        far.sendall(b"back")
        assert carry(second, first)
        assert near.recv(100) == b"back"
        far.close()


def test_the_end_of_a_connection_crosses(relays: tuple[Relay, Relay, Path, Path]) -> None:
    first, second, left, right = relays
    with listen(right) as listener:
        near = connect(left)
        near.sendall(b"last words")
        near.close()
        while carry(first, second):
            pass
        far, _ = listener.accept()
        far.settimeout(5)
        assert far.recv(100) == b"last words"
        assert far.recv(100) == b""
        far.close()


def test_a_message_takes_no_more_than_its_cap(
    relays: tuple[Relay, Relay, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _, left, _ = relays
    monkeypatch.setattr(spu_relay, "RELAY_BYTES", 1000)
    monkeypatch.setattr(spu_relay, "PIECE_BYTES", 400)
    with connect(left) as near:
        near.sendall(bytes(5000))
        near.shutdown(socket.SHUT_WR)
        taken = b""
        while True:
            segments, data = first.take(1)
            assert len(data) <= 1000
            taken += data
            if segments[-1].is_last:
                break
    assert taken == bytes(5000)


@pytest.mark.parametrize("stream", [0, 3, 65_535])
def test_a_stream_that_cannot_be_is_refused(relays: tuple[Relay, Relay, Path, Path], stream: int) -> None:
    first = relays[0]
    with pytest.raises(Refused, match=r"psi\.spu_stream"):
        first.give([SpuSegment(stream=stream, size=0, is_last=False)], b"")


def test_a_blob_that_does_not_fit_its_segments_is_refused() -> None:
    segment = SpuSegment(stream=0, size=5, is_last=False)
    message = PsiSpuBytes(segments=(segment,), is_done=False, wait_ms=0, blobs=(b"four",))
    with pytest.raises(ValueError, match="does not fit"):
        message.check_blobs()
    with pytest.raises(ValueError, match="less than or equal"):
        PsiSpuBytes(segments=(), is_done=False, wait_ms=10**6, blobs=(b"",))


def test_the_plan_installs_exact_versions_and_names_no_address(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "environment"
    config = str(pair.initiator.config_file)
    command = ["node", "install-spu", "--config", config, "--venv", str(folder), "--dry-run"]
    assert run_command(command) == 0
    assert not folder.exists()
    venv, pip, check = [shlex.split(line) for line in capsys.readouterr().out.splitlines()]
    assert venv[-1] == str(folder)
    assert {"--no-deps", "--only-binary", str(spu_install.CONSTRAINTS)} <= set(pip)
    assert check[-1] == "check"
    text = spu_install.CONSTRAINTS.read_text(encoding="utf-8")
    assert "://" not in text
    pins = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(line.count("==") == 1 for line in pins)
    assert {"spu==0.9.5", "jax==0.4.34", "numpy==1.26.4"} <= set(pins)


def test_spu_is_never_imported_here() -> None:
    import privacy.protocols.psi  # noqa: F401

    assert not {"spu", "jax", "jaxlib"} & set(sys.modules)


def test_another_python_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(spu_install, "PYTHON", (3, 99))
    with pytest.raises(Refused, match=r"psi\.spu_python"):
        spu_install.plan(tmp_path)


def test_what_is_in_a_folder_already_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept", encoding="utf-8")
    with pytest.raises(Refused, match=r"psi\.spu_folder"):
        spu_install.install(tmp_path / "state", tmp_path, lambda command: None)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_registry_out_of_reach_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    folder = tmp_path / "environment"
    with pytest.raises(Refused, match=r"psi\.spu_registry"):
        spu_install.install(tmp_path, folder, lambda command: None)
    assert not spu_install.is_installed(folder)
