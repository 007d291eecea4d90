"""The audit log: what it takes, what it survives, and every way of changing it that must be found."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from privacy import merkle
from privacy.audit import HEAD, LOG, AuditLog, TreeHead, compare, entries, verify
from privacy.errors import Refused
from ui.cli.audit import sentence

KEY = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
PEER = Ed25519PrivateKey.from_private_bytes(b"b" * 32)
DOCS = Path(__file__).parents[2] / "docs" / "policy.md"
JOB = "0123456789abcdef" * 2


def _filled(folder: Path, count: int = 8) -> AuditLog:
    log = AuditLog(folder, KEY, PEER.public_key())
    for number in range(count):
        log.append({"event": "note", "job": JOB, "sequence": number})
    return log


def _lines(folder: Path) -> list[bytes]:
    return (folder / LOG).read_bytes().splitlines(keepends=True)


def _codes(folder: Path) -> list[str]:
    problems = verify(folder, KEY.public_key())
    for problem in problems:
        assert sentence(problem, "en") and sentence(problem, "zh")
    return [problem.code for problem in problems]


def test_entries_are_kept_signed_and_provable(tmp_path: Path):
    log = _filled(tmp_path / "log")
    head = log.tree_head()
    assert (head.size, head.is_signed_by(KEY.public_key())) == (8, True)
    assert not head.is_signed_by(PEER.public_key())
    leaves = [
        merkle.leaf_hash(orjson.dumps(e, option=orjson.OPT_SORT_KEYS)) for e in entries(tmp_path / "log")
    ]
    root = bytes.fromhex(head.root)
    assert merkle.includes(log.inclusion_proof(3, 8), leaves[3], 3, 8, root)
    assert merkle.is_consistent(log.consistency_proof(5, 8), 5, merkle.root(leaves[:5]), 8, root)
    assert verify(tmp_path / "log", KEY.public_key()) == []
    assert _filled(tmp_path / "log", 1).tree_head().size == 9
    with pytest.raises(Refused, match=r"audit\.no_such_entry"):
        log.inclusion_proof(9, 9)


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"event": "note", "patient": "x"}, "audit.field_unknown"),
        ({"job": JOB}, "audit.field_value"),
        ({"event": "note", "reason": "患者 张三"}, "audit.field_value"),
        ({"event": "note", "column": "11010519491231002X"}, "audit.field_value"),
        ({"event": "note", "columns": ["age", "13812345678"]}, "audit.field_value"),
        ({"event": "note", "rows": -1}, "audit.field_value"),
        ({"event": "note", "rows": True}, "audit.field_value"),
        ({"event": "note", "seconds": float("nan")}, "audit.field_value"),
        ({"event": "note", "message_sha256": "AA"}, "audit.field_value"),
    ],
)
def test_only_declared_fields_and_no_personal_values(tmp_path: Path, event: dict[str, object], code: str):
    log = AuditLog(tmp_path / "log", KEY)
    with pytest.raises(Refused) as refused:
        log.append(event)
    assert refused.value.code == code
    assert log.tree_head().size == 0


def test_a_changed_entry_is_found_where_it_is(tmp_path: Path):
    _filled(tmp_path)
    lines = _lines(tmp_path)
    lines[3] = lines[3].replace(b'"sequence":3', b'"sequence":4')
    (tmp_path / LOG).write_bytes(b"".join(lines))
    problems = verify(tmp_path, KEY.public_key())
    assert [(p.code, p.params) for p in problems] == [("audit.changed", {"index": 3})]


def test_a_changed_last_entry_stops_the_node(tmp_path: Path):
    _filled(tmp_path)
    content = (tmp_path / LOG).read_bytes().replace(b'"sequence":7', b'"sequence":9')
    (tmp_path / LOG).write_bytes(content)
    with pytest.raises(Refused, match=r"audit\.damaged"):
        AuditLog(tmp_path, KEY)


def test_a_changed_entry_with_its_tree_made_again_needs_the_key(tmp_path: Path):
    _filled(tmp_path)
    forger = Ed25519PrivateKey.from_private_bytes(b"f" * 32)
    tree = merkle.GrowingTree()
    forged = []
    for entry in entries(tmp_path):
        changed = {**entry, "sequence": 99} if entry["index"] == 2 else dict(entry)
        tree.add(merkle.leaf_hash(orjson.dumps(changed, option=orjson.OPT_SORT_KEYS)))
        head = TreeHead.signed(tree.size, tree.root(), str(entry["time"]), forger)
        document = {"entry": changed, "head": head.model_dump()}
        forged.append(orjson.dumps(document, option=orjson.OPT_SORT_KEYS) + b"\n")
    (tmp_path / LOG).write_bytes(b"".join(forged))
    assert _codes(tmp_path).count("audit.signature") == 8


def test_missing_reordered_repeated_unreadable_and_cut_entries_are_found(tmp_path: Path):
    _filled(tmp_path / "good")
    lines = _lines(tmp_path / "good")
    edits = {
        "audit.missing": [*lines[:2], *lines[3:]],
        "audit.reordered": [lines[0], lines[2], lines[1], *lines[3:]],
        "audit.duplicate": [*lines[:4], lines[3], *lines[4:]],
        "audit.unreadable": [*lines[:4], b"{}\n", *lines[5:]],
        "audit.missing_end": lines[:5],
    }
    for code, edited in edits.items():
        folder = tmp_path / code
        shutil.copytree(tmp_path / "good", folder)
        (folder / LOG).write_bytes(b"".join(edited))
        assert code in _codes(folder), code
        if code != "audit.unreadable":
            continue
        with pytest.raises(Refused, match=r"audit\.damaged"):
            AuditLog(folder, KEY)
    with pytest.raises(Refused, match=r"audit\.cut"):
        AuditLog(tmp_path / "audit.missing_end", KEY)
    (tmp_path / "good" / HEAD).unlink()
    assert _codes(tmp_path / "good") == ["audit.no_head"]


def test_forged_numbers_in_a_log_are_problems_and_nothing_more(tmp_path: Path):
    _filled(tmp_path / "own")
    _filled(tmp_path / "peer")
    content = (tmp_path / "peer" / LOG).read_bytes()
    content = content.replace(b'"index":3', b'"index":900000000000').replace(
        b'"sequence":5', b'"sequence":"x"'
    )
    (tmp_path / "peer" / LOG).write_bytes(content.replace(b'"event":"note"', b'"event":"message_sent"'))
    codes = _codes(tmp_path / "peer")
    assert "audit.missing" in codes
    assert compare(tmp_path / "own", KEY.public_key(), tmp_path / "peer", KEY.public_key())


def test_a_log_cut_while_it_is_open_is_found(tmp_path: Path):
    log = _filled(tmp_path)
    (tmp_path / LOG).write_bytes(b"".join(_lines(tmp_path)[:5]))
    with pytest.raises(Refused, match=r"audit\.cut"):
        log.append({"event": "note"})


def test_a_torn_last_line_is_written_over(tmp_path: Path):
    _filled(tmp_path)
    with (tmp_path / LOG).open("ab") as file:
        file.write(b'{"entry":{"event":"no')
    assert _codes(tmp_path) == []
    log = AuditLog(tmp_path, KEY)
    assert log.append({"event": "note"}) == 8
    assert _codes(tmp_path) == []


def test_the_documented_line_is_a_log(tmp_path: Path):
    text = DOCS.read_text(encoding="utf-8")
    line = re.search(r"```json line\n(.*?\n)```", text, re.S)
    key = re.search(r"public half `([0-9a-f]{64})`", text)
    assert line and key
    (tmp_path / LOG).write_text(line[1], encoding="utf-8")
    (tmp_path / HEAD).write_bytes(orjson.dumps(orjson.loads(line[1])["head"]))
    assert verify(tmp_path, Ed25519PublicKey.from_public_bytes(bytes.fromhex(key[1]))) == []


def test_survives_kill_9_while_appending(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path\n"
        "from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey\n"
        "from privacy.audit import AuditLog\n"
        "log = AuditLog(Path(sys.argv[1]), Ed25519PrivateKey.from_private_bytes(b'a' * 32))\n"
        "while True: print(log.append({'event': 'note'}), flush=True)\n"
    )
    folder = tmp_path / "log"
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        acknowledged = [int(line) for line in [first, *process.stdout.read().splitlines()] if line.strip()]
        process.wait()
        assert AuditLog(folder, KEY).tree_head().size > max(acknowledged)
        assert _codes(folder) == []


def _append_many(folder: Path) -> None:
    _filled(folder, 30)


def test_processes_append_side_by_side(tmp_path: Path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append_many, args=(tmp_path / "log",)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert AuditLog(tmp_path / "log", KEY).tree_head().size == 90
    assert _codes(tmp_path / "log") == []


def test_threads_of_one_process_append_side_by_side(tmp_path: Path):
    log = AuditLog(tmp_path, KEY)
    with ThreadPoolExecutor(4) as pool:
        indexes = list(pool.map(lambda _: log.append({"event": "note"}), range(60)))
    assert sorted(indexes) == list(range(60))
    assert _codes(tmp_path) == []


def test_a_log_that_is_being_written_verifies(tmp_path: Path):
    folder = tmp_path / "log"
    _filled(folder)
    with ThreadPoolExecutor(1) as writer:
        writing = writer.submit(_append_many, folder)
        found = [_codes(folder) for _ in range(20)]
        writing.result()
    assert found == [[]] * 20


def _peer_log(folder: Path, events: int = 0) -> AuditLog:
    log = AuditLog(folder, PEER, KEY.public_key())
    for number in range(events):
        log.append({"event": "note", "sequence": number})
    return log


def test_heads_of_a_growing_peer_are_accepted_and_remembered(tmp_path: Path):
    own, peer = AuditLog(tmp_path / "own", KEY, PEER.public_key()), _peer_log(tmp_path / "peer", 3)
    own.accept_peer_head(peer.tree_head())
    own.accept_peer_head(peer.tree_head())
    assert own.tree_head().size == 1
    peer.append({"event": "note"})
    own.accept_peer_head(peer.tree_head(), peer.consistency_proof(3, 4))
    reopened = AuditLog(tmp_path / "own", KEY, PEER.public_key())
    assert reopened.peer_head() == peer.tree_head()


def test_heads_that_contradict_the_earlier_one_are_refused_and_kept(tmp_path: Path):
    own, peer = AuditLog(tmp_path / "own", KEY, PEER.public_key()), _peer_log(tmp_path / "peer", 3)
    other = _peer_log(tmp_path / "other", 5)
    own.accept_peer_head(peer.tree_head())
    fork = TreeHead.signed(3, b"x" * 32, peer.tree_head().time, PEER)
    older = TreeHead.signed(2, b"y" * 32, peer.tree_head().time, PEER)
    for head, proof, code in (
        (fork, [], "audit.peer_fork"),
        (older, [], "audit.peer_older"),
        (other.tree_head(), other.consistency_proof(3, 5), "audit.peer_inconsistent"),
        (TreeHead.signed(9, b"z" * 32, peer.tree_head().time, KEY), [], "audit.peer_signature"),
    ):
        with pytest.raises(Refused) as refused:
            own.accept_peer_head(head, proof)
        assert refused.value.code == code
    assert own.peer_head() == peer.tree_head()
    kept = [e for e in entries(tmp_path / "own") if e["event"] == "peer_head_refused"]
    assert [e["peer_size"] for e in kept] == [3, 2, 5]


HASHES = {n: f"{n:064x}" for n in range(10)}


def _message(log: AuditLog, event: str, kind: str, sequence: int, sha256: str) -> None:
    fields = {"job": JOB, "message_kind": kind, "sequence": sequence, "message_sha256": sha256}
    log.append({"event": event, **fields})


def _job(own: AuditLog, peer: AuditLog) -> None:
    for log in (own, peer):
        log.append({"event": "job_started", "job": JOB, "protocol": "psi", "parameters_sha256": HASHES[0]})
    for sequence in range(2):
        for kind, sender, receiver in (("request", own, peer), ("reply", peer, own)):
            sha256 = HASHES[2 * sequence + (kind == "reply")]
            _message(sender, "message_sent", kind, sequence, sha256)
            _message(receiver, "message_received", kind, sequence, sha256)
    own.accept_peer_head(peer.tree_head())
    peer.accept_peer_head(own.tree_head())


@pytest.fixture
def pair(tmp_path: Path) -> tuple[AuditLog, AuditLog]:
    return AuditLog(tmp_path / "own", KEY, PEER.public_key()), _peer_log(tmp_path / "peer")


def _disagreements(own: AuditLog, peer: AuditLog) -> set[str]:
    problems = compare(own.folder, KEY.public_key(), peer.folder, PEER.public_key())
    assert all(sentence(problem, lang) for problem in problems for lang in ("en", "zh"))
    return {problem.code for problem in problems}


def test_logs_of_an_honest_job_agree(pair: tuple[AuditLog, AuditLog]):
    _job(*pair)
    own, _ = pair
    _message(own, "message_received", "reply", 1, HASHES[3])  # sent again after a dropped connection
    assert _disagreements(*pair) == set()


def test_a_request_that_never_arrived_is_no_disagreement(pair: tuple[AuditLog, AuditLog]):
    _job(*pair)
    own, _ = pair
    job = "e" * 32
    own.append({"event": "message_sent", "job": job, "message_kind": "request", "message_sha256": HASHES[8]})
    assert _disagreements(*pair) == set()
    own.append(
        {"event": "message_received", "job": job, "message_kind": "reply", "message_sha256": HASHES[9]}
    )
    assert _disagreements(*pair) == {"audit.job_one_sided"}


def test_another_message_other_parameters_and_another_job_are_found(pair: tuple[AuditLog, AuditLog]):
    _job(*pair)
    own, peer = pair
    _message(own, "message_sent", "request", 2, HASHES[8])
    _message(peer, "message_received", "request", 2, HASHES[9])
    assert _disagreements(*pair) == {"audit.message_differs"}
    peer.append({"event": "job_started", "job": JOB, "protocol": "stats"})
    own.append({"event": "job_started", "job": "f" * 32, "protocol": "psi"})
    assert _disagreements(*pair) == {"audit.message_differs", "audit.job_differs", "audit.job_one_sided"}


def test_a_log_written_anew_by_its_owner_is_found_by_the_head_that_the_peer_holds(
    pair: tuple[AuditLog, AuditLog], tmp_path: Path
):
    _job(*pair)
    own, peer = pair
    rewritten = AuditLog(tmp_path / "rewritten", KEY, PEER.public_key())
    for entry in entries(own.folder):
        kept = {name: value for name, value in entry.items() if name not in ("index", "time")}
        rewritten.append(kept)
    assert verify(rewritten.folder, KEY.public_key()) == []
    assert _disagreements(rewritten, peer) == {"audit.head_forgotten"}


def test_command_line(pair: tuple[AuditLog, AuditLog]):
    _job(*pair)
    own, peer = pair
    keys = {
        "own": KEY.public_key().public_bytes_raw().hex(),
        "peer": PEER.public_key().public_bytes_raw().hex(),
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-c",
            "from ui.cli import main; main()",
            "--lang",
            "en",
            "audit",
            *arguments,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    verified = run("verify", str(own.folder), "--key", keys["own"])
    assert (verified.returncode, verified.stdout[:17]) == (0, "The log is whole:")
    assert "message_received" in run("show", str(own.folder), "--job", JOB).stdout
    (own.folder / LOG).write_bytes((own.folder / LOG).read_bytes().replace(b'"sequence":1', b'"sequence":7'))
    compared = run(
        "compare", str(own.folder), str(peer.folder), "--key", keys["own"], "--peer-key", keys["peer"]
    )
    assert compared.returncode == 4
    assert "audit verify" in compared.stdout
    assert run("verify", str(own.folder), "--key", "zz").returncode == 2
