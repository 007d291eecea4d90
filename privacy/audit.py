"""The signed, append-only log of a party: what ran, by which policy, which messages crossed; never rows.

A log is a folder. ``log.jsonl`` has one line an entry: the entry and the tree head (size, Merkle root of
RFC 6962, time, Ed25519 signature) that includes it. ``head.json`` repeats the newest head, so that a log cut at
its end is seen. Heads are given to the peer, who keeps them in its own log: from then on neither party can
change, drop or reorder what was logged without the other seeing it. See ``docs/policy.md``.
"""

from __future__ import annotations

import fcntl
import math
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from privacy import merkle
from privacy.canonical import canonical_json
from privacy.errors import Refused
from privacy.files import owner_folder, replace

LOG = "log.jsonl"
HEAD = "head.json"
LOCK = "lock"
MOST_NAMES = 1000
MOST_PROBLEMS = 100
HEAD_CONTEXT = b"drgbridge tree head 1\n"

_NAME = re.compile(r"[\w.:-]{1,80}")
_ID_LIKE = re.compile(r"\d{11}|\d{15}|\d{17}[\dXx]")
_HASH = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")


@dataclass(frozen=True)
class Problem:
    """Something wrong in a log. ``code`` such as ``audit.changed`` is a text of ``ui/texts/audit.toml``."""

    code: str
    params: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.code, *(f"{name}={value}" for name, value in self.params.items())])


class TreeHead(BaseModel):
    """What a party says its log is: number of entries, Merkle root (hex), time (UTC), signature (hex)."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    size: Annotated[int, Field(ge=0, le=2**48)]
    root: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    time: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]

    @classmethod
    def signed(cls, size: int, root: bytes, time: str, key: Ed25519PrivateKey) -> TreeHead:
        """The head with its signature."""
        signature = key.sign(_signed_bytes(size, root.hex(), time)).hex()
        return cls(size=size, root=root.hex(), time=time, signature=signature)

    def is_signed_by(self, key: Ed25519PublicKey) -> bool:
        """Whether the signature is that of ``key``."""
        try:
            key.verify(bytes.fromhex(self.signature), _signed_bytes(self.size, self.root, self.time))
        except InvalidSignature:
            return False
        return True


def _signed_bytes(size: int, root: str, time: str) -> bytes:
    return HEAD_CONTEXT + canonical_json({"root": root, "size": size, "time": time})


@dataclass(frozen=True)
class _Line:
    entry: Mapping[str, Any]
    head: TreeHead

    @property
    def leaf(self) -> bytes:
        return merkle.leaf_hash(canonical_json(self.entry))


class AuditLog:
    """The log of one party in ``folder`` (made, owner-only, where absent).

    Several processes may append at the same time. ``peer_key`` is needed to accept heads of the peer. Raises
    ``Refused`` (``audit.damaged``, ``audit.cut``) where the log does not match its newest signed head.
    """

    def __init__(
        self, folder: Path, signing_key: Ed25519PrivateKey, peer_key: Ed25519PublicKey | None = None
    ):
        self.folder = owner_folder(folder)
        self._key = signing_key
        self._peer_key = peer_key
        self._tree = merkle.GrowingTree()
        self._leaves: list[bytes] = []
        self._head: TreeHead | None = None
        self._peer_head: TreeHead | None = None
        self._read_bytes = 0
        with self._locked():
            pass

    def append(self, event: Mapping[str, object]) -> int:
        """Log an event; its index. On return it is on the disk.

        Raises ``Refused`` for a field or value that ``audit_fields.toml`` does not allow.
        """
        checked = _checked(event)
        with self._locked():
            return self._append(checked)

    def tree_head(self) -> TreeHead:
        """The newest signed head."""
        with self._locked():
            return self._head or TreeHead.signed(0, merkle.EMPTY_ROOT, _now(), self._key)

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """The audit path of an entry in the tree of the first ``size`` entries."""
        with self._locked():
            self._require_size(size)
            if not 0 <= index < size:
                raise Refused("audit.no_such_entry", index=index, size=size)
            return merkle.inclusion_proof(self._leaves[:size], index)

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """Proof that the first ``old`` entries are the beginning of the first ``new`` entries."""
        with self._locked():
            self._require_size(new)
            if not 0 <= old <= new:
                raise Refused("audit.no_such_entry", index=old, size=new)
            return merkle.consistency_proof(self._leaves[:new], old)

    def peer_head(self) -> TreeHead | None:
        """The newest head of the peer that was accepted."""
        with self._locked():
            return self._peer_head

    def accept_peer_head(self, head: TreeHead, proof: Sequence[bytes] = ()) -> None:
        """Keep a signed head of the peer in this log.

        ``proof`` is the peer's consistency proof from ``peer_head().size`` to ``head.size`` (not needed for the
        first head). Raises ``Refused``: ``audit.peer_signature``, ``audit.peer_fork`` (same size, other root),
        ``audit.peer_older`` or ``audit.peer_inconsistent``. A signed head that is refused stays in the log as
        evidence.
        """
        if self._peer_key is None or not head.is_signed_by(self._peer_key):
            raise Refused("audit.peer_signature", size=head.size)
        with self._locked():
            known = self._peer_head
            if known is not None and (head.size, head.root) == (known.size, known.root):
                return
            code = _contradiction(known, head, proof) if known else None
            event = {
                "event": "peer_head" if code is None else "peer_head_refused",
                "peer_size": head.size,
                "peer_root": head.root,
                "peer_time": head.time,
                "peer_signature": head.signature,
            }
            self._append(_checked(event))
        if code is not None:
            raise Refused(code, size=head.size, known_size=known.size if known else 0)

    def _append(self, event: dict[str, object]) -> int:
        index = self._tree.size
        entry = {**event, "index": index, "time": _now()}
        leaf = merkle.leaf_hash(canonical_json(entry))
        self._tree.add(leaf)
        head = TreeHead.signed(self._tree.size, self._tree.root(), _now(), self._key)
        line = canonical_json({"entry": entry, "head": head.model_dump()}) + b"\n"
        try:
            _append_bytes(self.folder / LOG, line, self._read_bytes)
            replace(self.folder / HEAD, canonical_json(head.model_dump()))
        except BaseException:
            # What is on the disk is not known: read it again at the next call.
            self._forget()
            raise
        self._take(_Line(entry, head), leaf, len(line))
        return index

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the log alone, knowing all of it."""
        with (self.folder / LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._catch_up()
            yield

    def _catch_up(self) -> None:
        """Read what other processes (or an earlier one) appended; a torn last line is cut off at the next append."""
        path = self.folder / LOG
        size = path.stat().st_size if path.exists() else 0
        if size < self._read_bytes:
            raise Refused("audit.cut", folder=str(self.folder), size=self._tree.size)
        if size > self._read_bytes:
            with path.open("rb") as file:
                file.seek(self._read_bytes)
                for raw in file:
                    if raw.endswith(b"\n"):
                        self._catch_up_line(raw)
            self._check_newest()
        promised = _read_head(self.folder)
        if promised is not None and promised.size > self._tree.size:
            raise Refused("audit.cut", folder=str(self.folder), size=promised.size)

    def _catch_up_line(self, raw: bytes) -> None:
        line = _parsed(raw)
        if line is None:
            raise Refused("audit.damaged", folder=str(self.folder), index=self._tree.size)
        self._tree.add(line.leaf)
        self._take(line, line.leaf, len(raw))

    def _check_newest(self) -> None:
        head = self._head
        if head is None:
            return
        agrees = (head.size, head.root) == (self._tree.size, self._tree.root().hex())
        if not agrees or not head.is_signed_by(self._key.public_key()):
            raise Refused("audit.damaged", folder=str(self.folder), index=self._tree.size - 1)

    def _take(self, line: _Line, leaf: bytes, line_bytes: int) -> None:
        """Remember a line that is on the disk and in the tree."""
        self._leaves.append(leaf)
        self._head = line.head
        self._read_bytes += line_bytes
        if line.entry.get("event") == "peer_head":
            self._peer_head = _peer_head_of(line.entry)

    def _forget(self) -> None:
        self._tree, self._leaves, self._read_bytes = merkle.GrowingTree(), [], 0
        self._head = self._peer_head = None

    def _require_size(self, size: int) -> None:
        if not 0 <= size <= len(self._leaves):
            raise Refused("audit.no_such_entry", index=size, size=len(self._leaves))


def _contradiction(known: TreeHead, head: TreeHead, proof: Sequence[bytes]) -> str | None:
    """The code by which a new head of the peer contradicts the known one, or None."""
    if head.size == known.size:
        return "audit.peer_fork"
    if head.size < known.size:
        return "audit.peer_older"
    old_root, new_root = bytes.fromhex(known.root), bytes.fromhex(head.root)
    agrees = merkle.is_consistent(proof, known.size, old_root, head.size, new_root)
    return None if agrees else "audit.peer_inconsistent"


def entries(folder: Path) -> Iterator[Mapping[str, Any]]:
    """The entries as they stand in the file, unverified; lines that cannot be read are left out."""
    for line in _lines(folder / LOG):
        if line is not None:
            yield line.entry


def verify(folder: Path, public_key: Ed25519PublicKey) -> list[Problem]:
    """What is wrong with the log in ``folder``: nothing, or the changed, missing, reordered and cut entries."""
    with _between_writes(folder):
        lines, promised = list(_lines(folder / LOG)), _read_head(folder)
    problems = _order_problems(lines) or _content_problems(lines)
    for place, line in enumerate(lines):
        if line is not None and not line.head.is_signed_by(public_key):
            problems.append(Problem("audit.signature", {"line": place + 1}))
    if promised is None and lines:
        problems.append(Problem("audit.no_head", {"file": HEAD}))
    elif promised is not None and promised.size > len(lines):
        problems.append(Problem("audit.missing_end", {"size": promised.size, "found": len(lines)}))
    elif promised is not None and not promised.is_signed_by(public_key):
        problems.append(Problem("audit.head_signature", {"file": HEAD}))
    return problems[:MOST_PROBLEMS]


@dataclass(frozen=True)
class PeerHeads:
    """What our log holds of the peer's: how many heads were accepted, the newest, and what is wrong with them."""

    accepted: int
    newest: TreeHead | None
    problems: list[Problem]


def peer_heads(folder: Path, peer_key: Ed25519PublicKey) -> PeerHeads:
    """The peer's signed tree heads in our log: each must be signed by its key and be no smaller than the one before.

    A head that was refused when it came is a problem for good: it is the evidence that the peer changed its log.
    """
    accepted: list[TreeHead] = []
    problems: list[Problem] = []
    for entry in entries(folder):
        event, head = entry.get("event"), _peer_head_of(entry)
        if event not in ("peer_head", "peer_head_refused"):
            continue
        index = entry.get("index", -1)
        if head is None or not head.is_signed_by(peer_key):
            problems.append(Problem("audit.peer_head_signature", {"index": index}))
        elif event == "peer_head_refused":
            problems.append(Problem("audit.peer_head_refused", {"index": index, "size": head.size}))
        elif accepted and head.size < accepted[-1].size:
            problems.append(Problem("audit.peer_head_older", {"index": index, "size": head.size}))
        else:
            accepted.append(head)
    return PeerHeads(len(accepted), accepted[-1] if accepted else None, problems[:MOST_PROBLEMS])


@contextmanager
def _between_writes(folder: Path) -> Iterator[None]:
    """Keep a live node from writing meanwhile. A copy of a log has no lock, and nobody who writes."""
    try:
        lock = (folder / LOCK).open("rb")
    except OSError:
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def _order_problems(lines: Sequence[_Line | None]) -> list[Problem]:
    indexes = [line.entry.get("index") if line is not None else place for place, line in enumerate(lines)]
    problems = [Problem("audit.unreadable", {"line": n + 1}) for n, line in enumerate(lines) if line is None]
    if indexes == list(range(len(lines))):
        return problems
    numbers = {index for index in indexes if isinstance(index, int)}
    # A forged index may be as large as it likes, so the numbers to look for are bounded by the lines there are.
    end = min(max(numbers, default=-1) + 1, len(lines) + MOST_PROBLEMS)
    for missing in sorted(set(range(end)) - numbers)[:MOST_PROBLEMS]:
        problems.append(Problem("audit.missing", {"index": missing}))
    seen: set[object] = set()
    before = -1
    for place, index in enumerate(indexes):
        if index in seen or not isinstance(index, int):
            problems.append(Problem("audit.duplicate", {"line": place + 1, "index": index}))
        elif index < before:
            problems.append(Problem("audit.reordered", {"line": place + 1, "index": index}))
        else:
            before = index
        seen.add(index)
    return problems


def _content_problems(lines: Sequence[_Line | None]) -> list[Problem]:
    """The first entry whose head does not fit: all later heads cover it too and say nothing new."""
    tree = merkle.GrowingTree()
    for index, line in enumerate(lines):
        assert line is not None  # noqa: S101 (unreadable lines are order problems)
        tree.add(line.leaf)
        if (line.head.size, line.head.root) != (tree.size, tree.root().hex()):
            return [Problem("audit.changed", {"index": index})]
    return []


def compare(
    own_folder: Path, own_key: Ed25519PublicKey, peer_folder: Path, peer_key: Ed25519PublicKey
) -> list[Problem]:
    """Where two parties' logs disagree; ``peer_folder`` holds a copy of the peer's log.

    Both logs are verified; each must still have the roots of the heads that the other accepted from it; for every
    job each message that one sent the other received, byte for byte; and both logged the same protocol,
    parameters, policies and set sizes (the ``both`` fields of ``audit_fields.toml``).
    """
    sides = {"own": (own_folder, own_key), "peer": (peer_folder, peer_key)}
    problems = [
        Problem("audit.log_invalid", {"side": side, "detail": str(found)})
        for side, (folder, key) in sides.items()
        for found in verify(folder, key)
    ]
    own, peer = list(entries(own_folder)), list(entries(peer_folder))
    problems += _forgotten_heads("own", own, own_key, peer)
    problems += _forgotten_heads("peer", peer, peer_key, own)
    for job in sorted(_jobs(own) | _jobs(peer)):
        ours, theirs = ([e for e in side if e.get("job") == job] for side in (own, peer))
        problems += _job_problems(job, ours, theirs)
    return problems[:MOST_PROBLEMS]


def _forgotten_heads(
    side: str, log: Sequence[Mapping[str, Any]], key: Ed25519PublicKey, other: Sequence[Mapping[str, Any]]
) -> list[Problem]:
    """Heads of ``side``'s log that the other party holds and that the log does not have any more."""
    tree = merkle.GrowingTree()
    roots = [tree.root().hex()]
    for entry in log:
        tree.add(merkle.leaf_hash(canonical_json(entry)))
        roots.append(tree.root().hex())
    held = [_peer_head_of(e) for e in other if str(e.get("event", "")).startswith("peer_head")]
    return [
        Problem("audit.head_forgotten", {"side": side, "size": head.size, "time": head.time})
        for head in held
        if head is not None
        and head.is_signed_by(key)
        and (head.size >= len(roots) or roots[head.size] != head.root)
    ]


def _jobs(log: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str(entry["job"]) for entry in log if "job" in entry}


def _job_problems(
    job: str, ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]
) -> list[Problem]:
    if not ours or not theirs:
        if all(entry.get("event") == "message_sent" for entry in (*ours, *theirs)):
            # A request that never arrived: only its sender can know of it.
            return []
        return [Problem("audit.job_one_sided", {"job": job, "side": "own" if ours else "peer"})]
    problems = [
        Problem("audit.job_differs", {"job": job, "field": name})
        for name in _shared_fields()
        if _values(ours, name) and _values(theirs, name) and _values(ours, name) != _values(theirs, name)
    ]
    for side, sent, received in (("own", ours, theirs), ("peer", theirs, ours)):
        out, came = _messages(sent, "message_sent"), _messages(received, "message_received")
        for kind, sequence, _ in sorted(out ^ came):
            params = {"job": job, "side": side, "kind": kind, "sequence": sequence}
            problems.append(Problem("audit.message_differs", params))
    return list({str(problem): problem for problem in problems}.values())


def _values(log: Sequence[Mapping[str, Any]], name: str) -> set[bytes]:
    return {canonical_json(entry[name]) for entry in log if name in entry}


def _messages(log: Sequence[Mapping[str, Any]], event: str) -> set[tuple[str, str, str]]:
    """Kind, sequence and hash of a job's messages; one that was sent again counts once."""
    return {
        (str(e.get("message_kind")), str(e.get("sequence")), str(e.get("message_sha256")))
        for e in log
        if e.get("event") == event
    }


@cache
def _fields() -> Mapping[str, Mapping[str, Any]]:
    text = Path(__file__).with_name("audit_fields.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _shared_fields() -> list[str]:
    return [name for name, settings in _fields().items() if settings.get("both")]


def _checked(event: Mapping[str, object]) -> dict[str, object]:
    """The event with plain values, or ``Refused``."""
    if "event" not in event:
        raise Refused("audit.field_value", field="event", kind="name")
    return {name: _checked_value(name, value) for name, value in event.items()}


def _checked_value(name: str, value: object) -> object:
    settings = _fields().get(name)
    if settings is None:
        raise Refused("audit.field_unknown", field=name)
    kind = settings["kind"]
    if not _is_of_kind(value, kind):
        raise Refused("audit.field_value", field=name, kind=kind)
    return list(value) if kind == "names" and isinstance(value, Sequence) else value


def _is_of_kind(value: object, kind: str) -> bool:
    if kind == "count":
        return type(value) is int and 0 <= value < 2**53
    if kind == "number":
        return type(value) in (int, float) and math.isfinite(float(str(value)))
    if kind == "names":
        short = isinstance(value, Sequence) and not isinstance(value, str) and len(value) <= MOST_NAMES
        return short and all(_is_of_kind(name, "name") for name in value)  # type: ignore[attr-defined]
    if not isinstance(value, str):
        return False
    if kind == "name":
        return is_name(value)
    return bool((_HASH if kind == "hash" else _SIGNATURE).fullmatch(value))


def is_name(text: str) -> bool:
    """Whether the log takes a text as a name; a person's number is never the name of anything."""
    return bool(_NAME.fullmatch(text)) and not _ID_LIKE.fullmatch(text)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _lines(path: Path) -> Iterator[_Line | None]:
    """The whole lines of a log, None for one that cannot be read. A torn last line was never acknowledged."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for raw in file:
            if raw.endswith(b"\n"):
                yield _parsed(raw)


def _parsed(raw: bytes) -> _Line | None:
    try:
        document = orjson.loads(raw)
        if canonical_json(document) + b"\n" != raw or set(document) != {"entry", "head"}:
            return None
        if not isinstance(document["entry"], dict):
            return None
        return _Line(document["entry"], TreeHead.model_validate(document["head"]))
    except (ValueError, TypeError):
        return None


def _peer_head_of(entry: Mapping[str, Any]) -> TreeHead | None:
    try:
        return TreeHead(
            size=entry["peer_size"],
            root=entry["peer_root"],
            time=entry["peer_time"],
            signature=entry["peer_signature"],
        )
    except (KeyError, ValidationError):
        return None


def _read_head(folder: Path) -> TreeHead | None:
    try:
        return TreeHead.model_validate_json((folder / HEAD).read_bytes())
    except (OSError, ValidationError):
        return None


def _append_bytes(path: Path, line: bytes, place: int) -> None:
    """Write ``line`` at byte ``place``, cutting off what a killed process left there."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.ftruncate(handle, place)
        os.lseek(handle, place, os.SEEK_SET)
        written = 0
        while written < len(line):
            written += os.write(handle, line[written:])
        os.fsync(handle)
    finally:
        os.close(handle)
