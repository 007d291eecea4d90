"""The envelope against hostile bytes: whatever comes, the answer is ``Refused``."""

from __future__ import annotations

import importlib
import math
import pkgutil
import tracemalloc
from typing import Any, ClassVar

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import privacy
from privacy.errors import Refused
from privacy.message import (
    LENGTH,
    MAGIC,
    MAX_BLOBS_OF_ANY,
    SIGNED_AS,
    Envelope,
    Message,
    Sealed,
    decode,
    encode,
    read,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
JOB = "ab" * 16
MAX_BYTES = 100_000


class Rows(Message):
    TYPE: ClassVar[str] = "test.rows"
    MAX_BLOBS: ClassVar[int] = 2
    MAX_BLOB_BYTES: ClassVar[int] = 1000

    count: int
    weights: tuple[float, ...] = ()
    key: bytes = b""

    def check_blobs(self) -> None:
        if self.count != len(self.blobs):
            raise ValueError


class Pair(Message):
    TYPE: ClassVar[str] = "test.pair"
    LEAST_BLOBS: ClassVar[int] = 2
    MAX_BLOBS: ClassVar[int] = 2
    MAX_BLOB_BYTES: ClassVar[int] = 1000


class Other(Message):
    TYPE: ClassVar[str] = "test.other"


def seal(message: Message, key: Ed25519PrivateKey = KEY, **changed: Any) -> Sealed:
    header = {"job": JOB, "sequence": 3, "kind": "request", "sender": "left", "recipient": "right", **changed}
    return encode(message, key, **header)


def opened(data: bytes, max_bytes: int = MAX_BYTES, kind: Any = "request") -> Envelope:
    return decode(data, KEY.public_key(), sender="left", recipient="right", kind=kind, max_bytes=max_bytes)


def refused(data: bytes, allowed: tuple[type[Message], ...] = (Rows,), **options: Any) -> str:
    with pytest.raises(Refused) as error:
        read(opened(data, **options), allowed)
    return error.value.code


def forged(header: Any, blobs: bytes = b"", raw: bytes | None = None) -> bytes:
    """An envelope that the peer itself signs, with any header."""
    import hashlib

    head = raw if raw is not None else orjson.dumps(header, option=orjson.OPT_SORT_KEYS)
    data = MAGIC + LENGTH.pack(len(head)) + head + blobs
    return data + KEY.sign(SIGNED_AS + hashlib.sha256(data).digest())


def header(**changed: Any) -> dict[str, Any]:
    plain = {
        "version": 1,
        "job": JOB,
        "sequence": 3,
        "kind": "request",
        "type": "test.rows",
        "sender": "left",
        "recipient": "right",
        "request_sha256": "",
        "fields": {"count": 0, "weights": [], "key": ""},
        "blob_sizes": [],
    }
    return {**plain, **changed}


GOOD = seal(Rows(count=2, weights=(0.1, 5.0), key=b"\x00\xff", blobs=(b"one", b"two" * 100))).data


@given(
    weights=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5),
    key=st.binary(max_size=50),
    blobs=st.lists(st.binary(max_size=1000), max_size=2),
)
def test_what_is_encoded_is_decoded(weights: list[float], key: bytes, blobs: list[bytes]) -> None:
    message = Rows(count=len(blobs), weights=tuple(weights), key=key, blobs=tuple(blobs))
    sealed = seal(message)
    envelope = opened(sealed.data)
    assert read(envelope, [Other, Rows]) == message
    assert (envelope.sha256, envelope.header.sequence) == (sealed.sha256, 3)


def test_a_message_without_fields_and_a_forged_copy_of_a_real_one_are_read() -> None:
    assert read(opened(seal(Other()).data), [Other]) == Other()
    assert read(opened(forged(header())), [Rows]) == Rows(count=0)


@given(st.binary(max_size=400))
def test_random_bytes_are_refused(data: bytes) -> None:
    assert refused(data).startswith("message.")
    assert refused(MAGIC + data).startswith("message.")
    assert refused(forged(None, raw=data)).startswith("message.")


@given(st.integers(0, len(GOOD) - 1))
def test_truncated_bytes_are_refused(size: int) -> None:
    assert refused(GOOD[:size]) in {"message.not_ours", "message.truncated", "message.signature"}


@given(st.integers(0, 8 * len(GOOD) - 1))
def test_one_flipped_bit_is_refused(place: int) -> None:
    data = bytearray(GOOD)
    data[place // 8] ^= 1 << place % 8
    assert refused(bytes(data)) in {"message.not_ours", "message.truncated", "message.signature"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(name=st.sampled_from(sorted(header())), value=json_values)
@settings(max_examples=300)
def test_a_signed_header_with_any_value_is_refused_or_means_the_same(name: str, value: Any) -> None:
    try:
        head = orjson.dumps(header(**{name: value}), option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return
    try:
        message = read(opened(forged(None, raw=head)), [Rows])
    except Refused:
        return
    assert message == Rows(count=0)


@given(name=st.sampled_from(["count", "weights", "key", "blobs", "more"]), value=json_values)
def test_signed_fields_with_any_value_are_refused_or_fit_the_schema(name: str, value: Any) -> None:
    try:
        data = forged(header(fields={**header()["fields"], name: value}))
    except TypeError:
        return
    try:
        message = read(opened(data), [Rows])
    except Refused as error:
        assert error.code in {"message.fields", "message.header"}
        return
    assert name in ("weights", "key") or value == 0
    assert all(math.isfinite(weight) for weight in message.weights)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (seal(Rows(count=0), sender="right").data, "message.sender"),
        (seal(Rows(count=0), recipient="left").data, "message.recipient"),
        (seal(Rows(count=0), kind="reply").data, "message.kind"),
        (seal(Rows(count=0), OTHER_KEY).data, "message.signature"),
        (seal(Other()).data, "message.type"),
        (forged(header(more=1)), "message.header"),
        (forged(header(version=2)), "message.header"),
        (forged(header(job="../../etc")), "message.header"),
        (forged(header(sequence=-1)), "message.header"),
        (forged(header(sequence=True)), "message.header"),
        (forged(header(fields={"count": 1})), "message.fields"),
        (forged(header(fields={"count": "0"})), "message.fields"),
        (forged(header(fields={"count": 0, "blobs": ["x"]})), "message.fields"),
        (forged(header(fields={"count": 0, "more": 1})), "message.fields"),
        (forged(header(fields={"count": 0, "key": "%%"})), "message.fields"),
        (forged(header(blob_sizes=[0, 0, 0])), "message.too_many_blobs"),
        (forged(header(blob_sizes=[1001]), bytes(1001)), "message.blob_too_large"),
        (forged(header(blob_sizes=[5]), bytes(4)), "message.truncated"),
        (forged(header(blob_sizes=[-4, 8]), bytes(4)), "message.header"),
        (forged(header(blob_sizes=[0] * 5000)), "message.header"),
        (forged(header(), b"left over"), "message.truncated"),
        (forged(None, raw=b'{"version":1,"version":1}'), "message.header"),
        (forged(None, raw=b" " + orjson.dumps(header(), option=orjson.OPT_SORT_KEYS)), "message.header"),
        (forged(None, raw=b"[" * 5000), "message.header"),
        (forged(None, raw=b'{"a":' * 300 + b"1" + b"}" * 300), "message.header"),
    ],
)
def test_each_declaration_is_enforced(data: bytes, code: str) -> None:
    assert refused(data) == code


def test_an_oversized_message_is_refused_by_its_length_alone() -> None:
    assert refused(bytes(MAX_BYTES + 1)) == "message.too_large"
    assert refused(GOOD, max_bytes=len(GOOD) - 1) == "message.too_large"


def test_a_declared_size_allocates_nothing() -> None:
    liars = [
        MAGIC + LENGTH.pack(0xFFFFFFFF) + bytes(100),
        forged(header(blob_sizes=[1 << 40])),
        forged(header(blob_sizes=[(1 << 62)] * 2)),
    ]
    tracemalloc.start()
    for data in liars:
        assert refused(data) in {"message.truncated", "message.header"}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_our_own_messages_keep_their_caps_too() -> None:
    with pytest.raises(Refused, match=r"message\.blob_too_large"):
        seal(Rows(count=1, blobs=(bytes(1001),)))
    with pytest.raises(Refused, match=r"message\.too_many_blobs"):
        seal(Other(blobs=(b"x",)))
    with pytest.raises(Refused, match=r"message\.header_too_large"):
        seal(Rows(count=0, key=bytes(1 << 20)))
    with pytest.raises(ValidationError):
        Rows(count=0, weights=(math.nan,))


@pytest.mark.parametrize("sizes", [[], [3]])
def test_a_message_with_too_few_blobs_is_refused(sizes: list[int]) -> None:
    """When it is read, and before it is sent."""
    head = header(type="test.pair", fields={}, blob_sizes=sizes)
    assert refused(forged(head, bytes(sum(sizes))), allowed=(Pair,)) == "message.too_few_blobs"
    with pytest.raises(Refused, match=r"message\.too_few_blobs"):
        seal(Pair(blobs=tuple(map(bytes, sizes))))


def declared() -> list[type[Message]]:
    """Every message that the product declares."""
    for found in pkgutil.walk_packages(privacy.__path__, "privacy."):
        if found.name.endswith("messages"):
            importlib.import_module(found.name)
    kinds, left = [], [Message]
    while left:
        left += (found := left.pop()).__subclasses__()
        kinds += [found] if found.__module__.startswith("privacy.") and "TYPE" in vars(found) else []
    return kinds


def test_every_declared_message_has_a_type_of_its_own_and_caps_that_fit() -> None:
    kinds = declared()
    assert len({kind.TYPE for kind in kinds}) == len(kinds) > 30
    for kind in kinds:
        assert 0 <= kind.LEAST_BLOBS <= kind.MAX_BLOBS <= MAX_BLOBS_OF_ANY, kind
        assert (kind.MAX_BLOBS == 0) == (kind.MAX_BLOB_BYTES == 0), kind


@given(
    kind=st.sampled_from(declared()),
    fields=st.dictionaries(st.text(max_size=8), json_values, max_size=4),
    known=st.lists(json_values, min_size=8, max_size=8),
    sizes=st.lists(st.integers(0, 40), max_size=3),
)
@settings(max_examples=300, deadline=None)
def test_any_fields_of_any_declared_message_are_refused_or_read(
    kind: type[Message], fields: dict[str, Any], known: list[Any], sizes: list[int]
) -> None:
    names = [name for name in kind.model_fields if name != "blobs"]
    head = header(
        type=kind.TYPE, fields={**fields, **dict(zip(names, known, strict=False))}, blob_sizes=sizes
    )
    try:
        data = forged(head, bytes(sum(sizes)))
    except TypeError:
        return
    try:
        message = read(opened(data), [kind])
    except Refused as error:
        assert error.code.startswith("message.")
        return
    assert type(message) is kind
    assert set(fields) <= set(names)


def test_a_refusal_names_fields_but_no_values() -> None:
    value = "310101199001011234"
    with pytest.raises(Refused) as error:
        read(opened(forged(header(fields={"count": value}))), [Rows])
    assert "count" in str(error.value)
    assert value not in str(error.value)
