"""Messages between the two parties and the signed envelope that carries one.

Envelope: ``DRGB1``, header length (uint32, big-endian), header (canonical JSON), blobs, Ed25519 signature (64 bytes).
The signature is over ``SIGNED_AS`` and the SHA-256 of all before it; this digest also names the envelope.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from privacy.errors import Refused

MAGIC = b"DRGB1"
LENGTH = struct.Struct(">I")
SIGNATURE_BYTES = 64
SIGNED_AS = b"DRGB1 envelope\x00"
MAX_HEADER_BYTES = 1 << 20
MAX_BLOBS_OF_ANY = 4096

Kind = Literal["request", "reply"]
PartyName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
JobId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MessageType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,63}$")]


class Message(BaseModel):
    """What may cross between the parties; a subclass declares a type, its fields and how many bytes it may bring.

    Fields are JSON (integers of 64 bits, floats finite, bytes as base64). Large values go into ``blobs``:
    ``LEAST_BLOBS`` to ``MAX_BLOBS`` of at most ``MAX_BLOB_BYTES`` each.
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )
    TYPE: ClassVar[str]
    LEAST_BLOBS: ClassVar[int] = 0
    MAX_BLOBS: ClassVar[int] = 0
    MAX_BLOB_BYTES: ClassVar[int] = 0

    blobs: tuple[bytes, ...] = Field(default=(), exclude=True, repr=False)

    def check_blobs(self) -> None:
        """For a subclass whose blobs must fit its fields; raises ``ValueError`` where they do not."""


class Header(BaseModel):
    """The header of an envelope."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    version: Literal[1] = 1
    job: JobId
    sequence: int = Field(ge=0, lt=1 << 31)
    kind: Kind
    type: MessageType
    sender: PartyName
    recipient: PartyName
    request_sha256: Sha256 | Literal[""] = ""
    fields: dict[str, Any]
    blob_sizes: tuple[Annotated[int, Field(ge=0)], ...] = Field(max_length=MAX_BLOBS_OF_ANY)


@dataclass(frozen=True)
class Sealed:
    """An envelope to send: its header, its bytes and their name."""

    header: Header
    data: bytes
    sha256: str


@dataclass(frozen=True)
class Envelope:
    """An envelope whose signature, sender and recipient were checked; its message is not read yet."""

    header: Header
    sha256: str
    blob_bytes: memoryview
    bytes: int


M = TypeVar("M", bound=Message)


def encode(
    message: Message,
    key: Ed25519PrivateKey,
    *,
    job: str,
    sequence: int,
    kind: Kind,
    sender: str,
    recipient: str,
    request_sha256: str = "",
) -> Sealed:
    """The signed envelope of a message. Raises ``Refused`` where the message breaks its own caps."""
    _check_caps(type(message), [len(blob) for blob in message.blobs])
    header = Header(
        job=job,
        sequence=sequence,
        kind=kind,
        type=message.TYPE,
        sender=sender,
        recipient=recipient,
        request_sha256=request_sha256,
        fields=orjson.loads(message.model_dump_json()),
        blob_sizes=tuple(len(blob) for blob in message.blobs),
    )
    head = _canonical(header.model_dump())
    if len(head) > MAX_HEADER_BYTES:
        raise Refused("message.header_too_large", bytes=len(head), most=MAX_HEADER_BYTES)
    parts = [MAGIC, LENGTH.pack(len(head)), head, *message.blobs]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    signature = key.sign(SIGNED_AS + digest.digest())
    return Sealed(header, b"".join([*parts, signature]), digest.hexdigest())


def decode(
    data: bytes, signer: Ed25519PublicKey, *, sender: str, recipient: str, kind: Kind, max_bytes: int
) -> Envelope:
    """Open an envelope: size, magic, lengths, signature, header, sender, recipient, kind; else ``Refused``.

    Nothing is parsed before the signature is verified, nothing is allocated on the word of a declared size.
    """
    if len(data) > max_bytes:
        raise Refused("message.too_large", bytes=len(data), most=max_bytes)
    start = len(MAGIC) + LENGTH.size
    if len(data) < start + SIGNATURE_BYTES or not data.startswith(MAGIC):
        raise Refused("message.not_ours")
    view = memoryview(data)
    (head_bytes,) = LENGTH.unpack(view[len(MAGIC) : start])
    end = len(data) - SIGNATURE_BYTES
    if head_bytes > min(MAX_HEADER_BYTES, end - start):
        raise Refused("message.truncated")
    digest = hashlib.sha256(view[:end])
    try:
        signer.verify(bytes(view[end:]), SIGNED_AS + digest.digest())
    except InvalidSignature as error:
        raise Refused("message.signature") from error
    header = _header(bytes(view[start : start + head_bytes]))
    blob_bytes = view[start + head_bytes : end]
    if sum(header.blob_sizes) != len(blob_bytes):
        raise Refused("message.truncated")
    if header.sender != sender:
        raise Refused("message.sender", got=header.sender, expected=sender)
    if header.recipient != recipient:
        raise Refused("message.recipient", got=header.recipient, expected=recipient)
    if header.kind != kind:
        raise Refused("message.kind", got=header.kind, expected=kind)
    return Envelope(header, digest.hexdigest(), blob_bytes, len(data))


def read(envelope: Envelope, allowed: Iterable[type[M]]) -> M:
    """The message of an envelope, of one of the ``allowed`` types; else ``Refused``."""
    header = envelope.header
    found = next((candidate for candidate in allowed if header.type == candidate.TYPE), None)
    if found is None:
        raise Refused("message.type", got=header.type)
    _check_caps(found, header.blob_sizes)
    if "blobs" in header.fields:
        raise Refused("message.fields", type=header.type)
    try:
        bare = found.model_validate_json(orjson.dumps(header.fields))
        message = bare.model_copy(update={"blobs": _blobs(envelope)})
        message.check_blobs()
    except (ValueError, TypeError) as error:
        # The sentence of pydantic quotes the value, which may be personal; the names of the fields may be told.
        raise Refused("message.fields", type=header.type, fields=_places(error)) from error
    return message


def digest_of(data: bytes) -> str:
    """The name of the bytes of an envelope, also of one that cannot be read."""
    return hashlib.sha256(memoryview(data)[: max(0, len(data) - SIGNATURE_BYTES)]).hexdigest()


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _header(head: bytes) -> Header:
    try:
        # One value has one form, so that what is signed cannot be read in two ways (a key that comes twice).
        if _canonical(orjson.loads(head)) != head:
            raise Refused("message.header")
        return Header.model_validate_json(head)
    except (ValueError, TypeError) as error:
        raise Refused("message.header") from error


def _check_caps(message_type: type[Message], sizes: Iterable[int]) -> None:
    sizes = tuple(sizes)
    if len(sizes) < message_type.LEAST_BLOBS:
        raise Refused(
            "message.too_few_blobs", type=message_type.TYPE, blobs=len(sizes), least=message_type.LEAST_BLOBS
        )
    if len(sizes) > message_type.MAX_BLOBS:
        raise Refused(
            "message.too_many_blobs", type=message_type.TYPE, blobs=len(sizes), most=message_type.MAX_BLOBS
        )
    largest = max(sizes, default=0)
    if largest > message_type.MAX_BLOB_BYTES:
        raise Refused(
            "message.blob_too_large", type=message_type.TYPE, bytes=largest, most=message_type.MAX_BLOB_BYTES
        )


def _blobs(envelope: Envelope) -> tuple[bytes, ...]:
    blobs = []
    start = 0
    for size in envelope.header.blob_sizes:
        blobs.append(bytes(envelope.blob_bytes[start : start + size]))
        start += size
    return tuple(blobs)


def _places(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return ""
    names = {str(part) for problem in error.errors(include_input=False) for part in problem["loc"][:1]}
    return ", ".join(sorted(names))[:200]
