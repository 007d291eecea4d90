"""What BFV and CKKS share: SEAL objects as bytes, with the id of their key, checked before and after they are loaded.

TenSEAL carries SEAL's own classes (``tenseal.sealapi``); they are used instead of TenSEAL's tensors because there a
public key can be loaded on its own. So no context ever crosses: a peer sends its public key (about 0.5 MB), the
context is always built here from the pinned parameters, and SEAL checks the key and every ciphertext against it.

A key or ciphertext travels as ``DHE1``, key id (32 bytes), SHA-256 of the rest (32 bytes), SEAL's serialisation. The
key id is the SHA-256 of the scheme, its parameters and the public key. The digest finds damage; that no one else made
the bytes is what the envelope's signature shows. SEAL's loading is native code on the peer's bytes (SEAL 4.3; 4.4 has
security fixes): import this module only in the worker process.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Sequence
from typing import Any, Literal

import tenseal.sealapi as sealapi  # type: ignore[import-untyped]

from privacy.errors import Refused

MAGIC = b"DHE1"
DIGEST_BYTES = 32
WRAP_BYTES = len(MAGIC) + 2 * DIGEST_BYTES
# SEAL's header: magic, header size, version, compression, reserved, size of all.
SEAL_HEADER = struct.Struct("<HBBBBHQ")
SEAL_MAGIC = 0xA15E
SEAL_VERSION = (4, 3)
COMPRESSION_NONE, COMPRESSION_ZSTD = 0, 2
# More than SEAL's own fields around the polynomials, and than zstd adds to bytes it cannot compress.
SPARE_BYTES = 8192

Level = Literal["fresh", "result"]


def wrap(key_id: bytes, payload: bytes) -> bytes:
    """The bytes that travel."""
    return b"".join([MAGIC, key_id, hashlib.sha256(payload).digest(), payload])


def unwrap(data: bytes, key_id: bytes) -> bytes:
    """SEAL's serialisation. Raises ``Refused``: ``he.other_key`` or ``he.ciphertext``."""
    if len(data) < WRAP_BYTES or not data.startswith(MAGIC):
        raise Refused("he.ciphertext", reason="format")
    if data[len(MAGIC) : len(MAGIC) + DIGEST_BYTES] != key_id:
        raise Refused("he.other_key")
    payload = data[WRAP_BYTES:]
    if hashlib.sha256(payload).digest() != data[WRAP_BYTES - DIGEST_BYTES : WRAP_BYTES]:
        raise Refused("he.ciphertext", reason="digest")
    return payload


class SealScheme:
    """A pinned context with the keys given to it: the secret key of the owner, the public key of a peer, or both."""

    def __init__(self, name: str, parameters: Any, prime_count: int):
        self._name = name
        self._degree: int = parameters.poly_modulus_degree()
        self._prime_count = prime_count
        self.context = sealapi.SEALContext(parameters, True, sealapi.SEC_LEVEL_TYPE.TC128)
        if not self.context.parameters_set():
            raise ValueError(f"pinned parameters of {name}: {self.context.parameters_error_message()}")
        self.evaluator = sealapi.Evaluator(self.context)
        self._parameters_digest = _parameters_digest(name, parameters)
        # SEAL saves and loads files only; this one is memory, so that no key is ever on a disk.
        self._file = os.memfd_create("seal")
        self._path = f"/proc/self/fd/{self._file}"
        self._own: tuple[bytes, Any, Any] | None = None
        self._peer: tuple[bytes, Any] | None = None

    def make_key(self) -> tuple[bytes, bytes]:
        """A new key pair: (public key, secret key) as bytes. The public one may be sent."""
        generator = sealapi.KeyGenerator(self.context)
        public = sealapi.PublicKey()
        generator.create_public_key(public)
        public_bytes = self.dump(public)
        return public_bytes, wrap(self.key_id(public_bytes), self.dump(generator.secret_key()))

    def key_id(self, public_key: bytes) -> bytes:
        """SHA-256 of the pinned parameters and the public key's bytes."""
        return hashlib.sha256(self._parameters_digest + hashlib.sha256(public_key).digest()).digest()

    def use_secret_key(self, data: bytes) -> None:
        """Encrypt and decrypt with this key from now on; it is our own, from ``make_key``."""
        key_id = data[len(MAGIC) : len(MAGIC) + DIGEST_BYTES]
        secret = self._load(sealapi.SecretKey(), unwrap(data, key_id), self._prime_count + 1, "he.secret_key")
        encryptor = sealapi.Encryptor(self.context, secret)
        self._own = key_id, encryptor, sealapi.Decryptor(self.context, secret)

    def use_public_key(self, data: bytes) -> bytes:
        """Compute on ciphertexts of this key from now on; returns its key id.

        The bytes are the peer's: anything but a public key of the pinned parameters is ``Refused`` (``he.public_key``),
        so also a context, with or without a secret key.
        """
        public = self._load(sealapi.PublicKey(), data, 2 * (self._prime_count + 1), "he.public_key")
        if public.data().is_transparent():
            raise Refused("he.public_key", reason="transparent")
        key_id = self.key_id(data)
        self._peer = key_id, sealapi.Encryptor(self.context, public)
        return key_id

    @property
    def own(self) -> tuple[bytes, Any, Any]:
        """Key id, encryptor, decryptor."""
        if self._own is None:
            raise Refused("he.no_key", key="secret")
        return self._own

    @property
    def peer(self) -> tuple[bytes, Any]:
        """Key id, encryptor of the peer's public key."""
        if self._peer is None:
            raise Refused("he.no_key", key="public")
        return self._peer

    def encrypt_plaintext(self, plaintext: Any) -> bytes:
        """A ciphertext under the own key. The uniform half is sent as its seed: half the bytes."""
        key_id, encryptor, _ = self.own
        return wrap(key_id, self.dump(encryptor.encrypt_symmetric(plaintext)))

    def load_ciphertexts(self, ciphertexts: Sequence[bytes], key_id: bytes, level: Level) -> list[Any]:
        """Ciphertexts of this key and level; else ``Refused``."""
        return [self._load_ciphertext(unwrap(each, key_id), level) for each in ciphertexts]

    def encryption_of_zero(self) -> Any:
        """A fresh ciphertext of zero under the peer's public key: it hides how a result was combined."""
        _, encryptor = self.peer
        zero = sealapi.Ciphertext()
        encryptor.encrypt_zero(zero)
        return zero

    def dump_result(self, ciphertext: Any) -> bytes:
        """Switched down to one prime, a third of the bytes, and wrapped under the peer's key id."""
        key_id, _ = self.peer
        self.evaluator.mod_switch_to_inplace(ciphertext, self.context.last_parms_id())
        return wrap(key_id, self.dump(ciphertext))

    def dump(self, thing: Any) -> bytes:
        """SEAL's serialisation."""
        thing.save(self._path)
        return os.pread(self._file, os.fstat(self._file).st_size, 0)

    def load_own(self, thing: Any, data: bytes) -> Any:
        """Load bytes that were made here."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, data, 0)
        thing.load(self.context, self._path)
        return thing

    def _load_ciphertext(self, payload: bytes, level: Level) -> Any:
        primes = self._prime_count if level == "fresh" else 1
        found = self._load(sealapi.Ciphertext(), payload, 2 * primes, "he.ciphertext")
        first, last = self.context.first_parms_id(), self.context.last_parms_id()
        if (
            found.size() != 2
            or found.parms_id() != (first if level == "fresh" else last)
            or found.is_ntt_form() != (self._name == "ckks")
            or found.is_transparent()
        ):
            raise Refused("he.ciphertext", reason="level")
        return found

    def _load(self, empty: Any, payload: bytes, polynomials: int, code: str) -> Any:
        """``polynomials`` modulo one prime each, in 8 bytes a coefficient, is the largest that is read."""
        if not SEAL_HEADER.size < len(payload) <= 8 * self._degree * polynomials + SPARE_BYTES:
            raise Refused(code, reason="size")
        magic, header_bytes, major, minor, compression, _, total = SEAL_HEADER.unpack_from(payload)
        if (
            (magic, header_bytes) != (SEAL_MAGIC, SEAL_HEADER.size)
            or (major, minor) != SEAL_VERSION
            or compression not in (COMPRESSION_NONE, COMPRESSION_ZSTD)
            or total != len(payload)
        ):
            raise Refused(code, reason="header")
        try:
            return self.load_own(empty, payload)
        except (ValueError, RuntimeError, IndexError, OverflowError) as error:
            raise Refused(code, reason="content") from error


def _parameters_digest(name: str, parameters: Any) -> bytes:
    told = [
        name,
        parameters.poly_modulus_degree(),
        parameters.plain_modulus().value(),
        *(prime.value() for prime in parameters.coeff_modulus()),
    ]
    return hashlib.sha256(repr(told).encode()).digest()
