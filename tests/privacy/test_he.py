"""Encryption in real worker processes: exact, refused where it must be, and ended at its limits."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tenseal  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privacy.errors import Refused
from privacy.he import bfv, ckks
from privacy.he import fixed_point as fp
from privacy.he.bfv import Bfv
from privacy.he.frames import write_frame
from privacy.he.seal import MAGIC, SEAL_HEADER, unwrap, wrap
from privacy.he.worker import KeyPair, Worker, WorkerLimits, bubblewrap_options, end, worker_command
from privacy.party import Limits
from tests.conftest import REPOSITORY

MODULUS = fp.PLAIN_MODULUS


@dataclass(frozen=True)
class Pair:
    """The owner of a key, and the party that computes under it."""

    key: KeyPair
    owner: Worker
    peer: Worker


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Worker() as owner, Worker() as peer:
        key = owner.make_key()
        assert owner.use_secret_key(key.secret) == peer.use_public_key(key.public)
        yield Pair(key, owner, peer)


@pytest.fixture(scope="module")
def ciphertext(pair: Pair) -> bytes:
    return pair.owner.encrypt(block([1, 2, 3]))[0]


def block(values: list[int]) -> fp.Integers:
    """One block that begins with these integers."""
    found: fp.Integers = fp.to_blocks(np.array([values], np.int64))[0]
    return found


def combined(pair: Pair, ciphertexts: list[bytes], plaintexts: fp.Integers) -> fp.Integers:
    """Combine under masks, decrypt, take the masks away: residues (outputs, SLOTS)."""
    masks = fp.uniform_masks(len(plaintexts), fp.SLOTS)
    results = pair.peer.combine(ciphertexts, plaintexts, masks)
    return fp.subtract(pair.owner.decrypt(results), masks)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(-fp.LARGEST, fp.LARGEST), st.integers(-fp.LARGEST, fp.LARGEST)),
        min_size=1,
        max_size=4,
    ),
    st.integers(-fp.LARGEST, fp.LARGEST),
)
def test_products_and_sums_are_those_of_python(pair: Pair, rows: list[tuple[int, int]], factor: int) -> None:
    left, right = (list(side) for side in zip(*rows, strict=True))
    ciphertexts = pair.owner.encrypt(np.concatenate([block(left), block(right)]))
    by_integers = combined(pair, ciphertexts, np.array([[factor, -1], [0, 0]], np.int64))
    assert by_integers[0, : len(rows)].tolist() == [(factor * a - b) % MODULUS for a, b in rows]
    assert not by_integers[1].any()
    vectors = np.stack([np.stack([block(right)[0], block(left)[0]])])
    by_vectors = combined(pair, ciphertexts, vectors)
    assert by_vectors[0, : len(rows)].tolist() == [2 * a * b % MODULUS for a, b in rows]
    assert not by_vectors[0, len(rows) :].any()


def test_a_gradient_over_row_blocks_is_exact(pair: Pair) -> None:
    random = np.random.default_rng(3)
    rows, features = fp.SLOTS + 1000, 3
    columns = random.integers(-(2**18), 2**18, (features, rows))
    residual = random.integers(-(2**16), 2**16, rows)
    fp.require_bound("gradient", rows << (18 + 16))
    ciphertexts = pair.owner.encrypt(fp.to_blocks(residual[None])[0])
    sums = fp.sum_modulo(combined(pair, ciphertexts, fp.to_blocks(columns)))
    assert fp.centred(sums).tolist() == (columns @ residual).tolist()


def test_the_key_owner_sees_uniform_values(pair: Pair, ciphertext: bytes) -> None:
    masks = fp.uniform_masks(1, fp.SLOTS)
    seen = pair.owner.decrypt(pair.peer.combine([ciphertext], np.array([[7]]), masks))
    counts = np.bincount((seen[0] * 16 // MODULUS).astype(int), minlength=16)
    expected = fp.SLOTS / 16
    # 15 degrees of freedom: 63 is passed once in ten million runs.
    assert ((counts - expected) ** 2 / expected).sum() < 63


def test_the_same_combination_never_gives_the_same_ciphertext(pair: Pair, ciphertext: bytes) -> None:
    masks = np.zeros((1, fp.SLOTS), np.int64)
    assert len({pair.peer.combine([ciphertext], np.array([[7]]), masks)[0] for _ in range(3)}) == 3


def test_the_noise_of_a_result_is_the_flooding_and_decryption_still_has_room() -> None:
    scheme = own_scheme()
    random = np.random.default_rng(5)
    fresh = scheme.encrypt(random.integers(0, MODULUS, (4, fp.SLOTS)))
    assert min(scheme.noise_budget(fresh, "fresh")) >= 123
    few = random.integers(0, MODULUS, (1, 4, fp.SLOTS))
    masks = fp.uniform_masks(1, fp.SLOTS)
    # Nothing multiplied, and as much as can be: the same noise, and one bit of room that 18 deviations stand behind.
    budgets = [scheme.noise_budget(scheme.combine(fresh, each, masks))[0] for each in (0 * few, few)]
    assert budgets == [1, 1]


def test_what_is_hidden_is_at_least_forty_bits() -> None:
    # 2 row blocks, 32 columns, and 1000 rounded weights: worst cases, not estimates.
    assert bfv.hidden_bits(terms=2) > 47
    assert bfv.hidden_bits(terms=64) > 42
    assert bfv.hidden_bits(terms=1000, plaintext_magnitude=2**20) > 80


def own_scheme() -> Bfv:
    """A scheme in this process with a key of its own, both halves."""
    scheme = Bfv()
    public, secret = scheme.make_key()
    scheme.use_secret_key(secret)
    scheme.use_public_key(public)
    return scheme


def test_a_ciphertext_of_another_key_is_refused_by_its_key_id(pair: Pair) -> None:
    other = own_scheme().encrypt(block([1]))
    with pytest.raises(Refused, match=r"he\.other_key"):
        combined(pair, other, np.array([[1]]))
    with pytest.raises(Refused, match=r"he\.other_key"):
        pair.owner.decrypt(other)


@pytest.mark.parametrize("place", [0, 10, 50, 70, 90, 1000, -1])
def test_tampered_bytes_are_refused(pair: Pair, ciphertext: bytes, place: int) -> None:
    changed = bytearray(ciphertext)
    changed[place] ^= 1
    with pytest.raises(Refused, match=r"he\.(ciphertext|other_key)"):
        combined(pair, [bytes(changed)], np.array([[1]]))


@pytest.mark.parametrize("length", [0, 4, 67, 68, 100, 5000])
def test_truncated_bytes_are_refused_also_with_a_right_digest(
    pair: Pair, ciphertext: bytes, length: int
) -> None:
    with pytest.raises(Refused, match=r"he\.ciphertext"):
        combined(pair, [ciphertext[:length]], np.array([[1]]))
    cut = wrap(key_id_of(ciphertext), unwrap(ciphertext, key_id_of(ciphertext))[:length])
    with pytest.raises(Refused, match=r"he\.ciphertext"):
        combined(pair, [cut], np.array([[1]]))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_bytes_that_are_no_ciphertext_are_refused(pair: Pair, ciphertext: bytes, content: bytes) -> None:
    header = SEAL_HEADER.pack(0xA15E, 16, 4, 3, 0, 0, 16 + len(content))
    with pytest.raises(Refused, match=r"he\.ciphertext"):
        combined(pair, [wrap(key_id_of(ciphertext), header + content)], np.array([[1]]))


def test_a_compressed_bomb_is_refused(pair: Pair, ciphertext: bytes) -> None:
    shape = struct.pack("<4QBQQQdQ", *[0] * 4, 0, 2, 8192, 3, 1.0, 1)
    endless = pa.compress(shape + bytes(200_000_000), "zstd", asbytes=True)
    header = SEAL_HEADER.pack(0xA15E, 16, 4, 3, 2, 0, 16 + len(endless))
    assert len(endless) < 100_000
    with pytest.raises(Refused, match=r"he\.(ciphertext|worker_failed)"):
        combined(pair, [wrap(key_id_of(ciphertext), header + endless)], np.array([[1]]))


def test_a_result_is_no_input_and_an_input_no_result(pair: Pair, ciphertext: bytes) -> None:
    result = pair.peer.combine([ciphertext], np.array([[1]]), fp.uniform_masks(1, fp.SLOTS))
    with pytest.raises(Refused, match=r"he\.ciphertext"):
        pair.peer.combine(result, np.array([[1]]), fp.uniform_masks(1, fp.SLOTS))
    with pytest.raises(Refused, match=r"he\.ciphertext"):
        pair.owner.decrypt([ciphertext])


def key_id_of(ciphertext: bytes) -> bytes:
    return ciphertext[len(MAGIC) : len(MAGIC) + 32]


def context_bytes(secret: bool) -> bytes:
    context = tenseal.context(tenseal.SCHEME_TYPE.BFV, 8192, plain_modulus=MODULUS)
    return bytes(context.serialize(save_secret_key=secret))


@pytest.mark.parametrize(
    "kind", ["context", "context with secret key", "secret key", "other scheme", "cut", "long"]
)
def test_only_a_public_key_of_the_pinned_parameters_is_taken(pair: Pair, kind: str) -> None:
    key = pair.key
    given: dict[str, Any] = {
        "context": lambda: context_bytes(secret=False),
        "context with secret key": lambda: context_bytes(secret=True),
        "secret key": lambda: unwrap(key.secret, key_id_of(key.secret)),
        "other scheme": lambda: ckks.Ckks().make_key()[0],
        "cut": lambda: key.public[:-1],
        "long": lambda: key.public + bytes(20_000),
    }
    with pytest.raises(Refused, match=r"he\.public_key"):
        pair.peer.use_public_key(given[kind]())


def test_what_is_sent_holds_no_secret_key(pair: Pair) -> None:
    secret = unwrap(pair.key.secret, key_id_of(pair.key.secret))
    assert secret[100:200] not in pair.key.public
    with Worker() as other:
        other.use_public_key(pair.key.public)
        with pytest.raises(Refused, match=r"he\.no_key"):
            other.decrypt([])


@pytest.mark.parametrize(
    "plaintexts",
    [
        np.zeros((1, 2), np.int64),
        np.zeros((2, 1), np.int64),
        np.zeros((1, 1), np.float64),
        np.zeros((1, 1, 5), np.int64),
        np.zeros(1, np.int64),
    ],
)
def test_other_shapes_are_refused(pair: Pair, ciphertext: bytes, plaintexts: Any) -> None:
    with pytest.raises(Refused, match=r"he\.shape"):
        pair.peer.combine([ciphertext], plaintexts, np.zeros((1, fp.SLOTS), np.int64))


def test_plaintexts_beyond_the_modulus_are_refused(pair: Pair, ciphertext: bytes) -> None:
    with pytest.raises(Refused, match=r"he\.overflow"):
        combined(pair, [ciphertext], np.array([[MODULUS]]))
    with pytest.raises(Refused, match=r"he\.overflow"):
        pair.owner.encrypt(block([-MODULUS]))


def test_ckks_scores_are_within_the_stated_error() -> None:
    random = np.random.default_rng(9)
    columns = random.normal(size=(8, ckks.SLOTS))
    weights = random.normal(size=(1, 8))
    with Worker("ckks") as owner, Worker("ckks") as peer:
        key = owner.make_key()
        owner.use_secret_key(key.secret)
        peer.use_public_key(key.public)
        scores = owner.decrypt(peer.combine(owner.encrypt(columns), weights))
        with pytest.raises(Refused, match=r"he\.overflow"):
            owner.encrypt(np.full((1, ckks.SLOTS), 1e6))
    assert np.abs(scores - weights @ columns).max() < 1e-5


def worker_with_key(**limits: Any) -> Worker:
    found = Worker(limits=WorkerLimits(**limits))
    found.use_secret_key(found.make_key().secret)
    return found


def test_a_worker_that_takes_too_long_is_ended() -> None:
    with worker_with_key(cpu_seconds=1) as slow, pytest.raises(Refused, match=r"he\.worker_failed"):
        slow.encrypt(np.zeros((1500, fp.SLOTS), np.int64))
    with worker_with_key(request_seconds=0.5) as slow, pytest.raises(Refused, match=r"he\.worker_failed"):
        slow.encrypt(np.zeros((1500, fp.SLOTS), np.int64))


def test_a_worker_that_takes_too_much_memory_is_ended() -> None:
    with worker_with_key(memory_bytes=400 << 20) as big, pytest.raises(Refused, match=r"he\.worker_failed"):
        big.encrypt(np.zeros((4000, fp.SLOTS), np.int64))


def test_every_worker_of_a_protocol_has_the_limits_of_its_job() -> None:
    asked = Limits(memory_mb=100, seconds=7)
    assert WorkerLimits.of(asked) == WorkerLimits(memory_bytes=100 << 20, cpu_seconds=7, request_seconds=7)
    sources = (REPOSITORY / "privacy" / "protocols").rglob("*.py")
    made = [call for path in sources for call in re.findall(r"\bWorker\((.*)\)", path.read_text("utf-8"))]
    assert len(made) >= 8
    assert [call for call in made if "WorkerLimits.of(" not in call] == []


def test_a_dead_worker_refuses_and_the_node_lives() -> None:
    found = worker_with_key()
    end(found._process)
    for _ in range(2):
        with pytest.raises(Refused, match=r"he\.worker_failed"):
            found.encrypt(block([1]))
    found.close()


def test_frames_beyond_the_cap_are_refused_before_they_are_sent() -> None:
    with Worker(limits=WorkerLimits(max_frame_bytes=1_000_000)) as small:
        with pytest.raises(Refused, match=r"he\.too_large"):
            small.decrypt([bytes(1_000_001)])
        assert small.make_key().public


def test_how_a_worker_is_confined_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []
    with Worker(log=lambda event, **fields: told.append({"event": event, **fields})):
        assert told[0]["sandbox"] in ("bubblewrap", "limits")
    monkeypatch.setattr("privacy.he.worker.shutil.which", lambda name: f"/usr/bin/{name}")
    command, sandbox = worker_command("bfv", WorkerLimits())
    assert (command[0], sandbox) == ("/usr/bin/bwrap", "bubblewrap")
    assert "--unshare-all" in command
    assert "--ro-bind" in bubblewrap_options()
    assert not {"--bind", "/", "/home", "/root", "/work"} & set(bubblewrap_options())


def test_key_ids_are_bound_to_the_parameters() -> None:
    public = b"the same bytes"
    assert Bfv().key_id(public) != ckks.Ckks().key_id(public) != hashlib.sha256(public).digest()


@pytest.mark.parametrize(
    "answer",
    [
        {"refused": "he.shape", "params": 3},
        {"refused": "other.code", "params": {}},
        {"refused": "he.shape", "params": {"a": [1]}},
        {"ready": "with no buffers"},
    ],
)
def test_a_worker_that_was_taken_over_is_not_believed(answer: dict[str, Any], tmp_path: Path) -> None:
    found = worker_with_key()
    liar = tmp_path / "answer"
    with liar.open("wb") as stream:
        write_frame(stream, answer, [])
    found._output.close()
    found._output = liar.open("rb")
    with pytest.raises(Refused, match=r"he\.worker_failed"):
        found.encrypt(block([1]))
