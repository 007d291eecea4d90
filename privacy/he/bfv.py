"""Exact integers modulo t under encryption (BFV, n = 8192, t a 50-bit batching prime).

Runs in the worker process. A column of integers is cut into blocks of ``SLOTS`` rows, one ciphertext a block.

What a result hides from the key owner, and what it does not need to trust:

* its value is masked by the caller, uniform modulo t: perfect;
* its noise would show the plaintexts it was multiplied by (SEAL has no circuit privacy), so a uniform integer of
  [-2^127, 2^127) is added to every coefficient. ``hidden_bits`` is -log2 of the statistical distance that remains,
  from a worst-case bound of the noise of honestly made ciphertexts, computed from public parameters alone;
* its second polynomial is a known combination of the owner's own: an encryption of zero under the public key is added,
  so that it looks uniform (ring-LWE with a secret the owner does not have);
* switching the modulus down happens after that and is a function of what may be seen anyway.

The flooding noise becomes about +-128 after the switch, the rounding of the switch has standard deviation 21, and
decryption is right while their sum stays below 512 (q / 2t): 18 standard deviations are left.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import tenseal.sealapi as sealapi  # type: ignore[import-untyped]

from privacy.errors import Refused
from privacy.he.fixed_point import PLAIN_MODULUS, SLOTS, Integers, largest_magnitude, reduce
from privacy.he.flood import uniform_noise
from privacy.he.parameters import bfv_parameters
from privacy.he.seal import COMPRESSION_NONE, SEAL_HEADER, SEAL_MAGIC, SEAL_VERSION, SealScheme

# SEAL's encryption noise is centred binomial with 42 coins: at most 21; scaling the plaintext rounds by at most 1/2.
FRESH_NOISE = 22


def hidden_bits(terms: int, plaintext_magnitude: int | None = None) -> float:
    """-log2 of the statistical distance between a result's noise and noise that depends on no plaintext.

    ``terms`` products were added, each of an honest fresh ciphertext and a plaintext: one integer of at most
    ``plaintext_magnitude``, or any vector (None). Worst case over the noise and the plaintexts.
    """
    degree = bfv_parameters().degree
    product = FRESH_NOISE * (
        degree * PLAIN_MODULUS // 2 if plaintext_magnitude is None else plaintext_magnitude
    )
    return bfv_parameters().flood_bits - math.log2(degree) - math.log2(terms * product + 1)


class Bfv(SealScheme):
    """Keys and operations of one worker."""

    def __init__(self) -> None:
        pinned = bfv_parameters()
        parameters = sealapi.EncryptionParameters(sealapi.SCHEME_TYPE.BFV)
        parameters.set_poly_modulus_degree(pinned.degree)
        parameters.set_coeff_modulus([sealapi.Modulus(prime) for prime in pinned.coefficient_primes])
        parameters.set_plain_modulus(pinned.plain_modulus)
        super().__init__("bfv", parameters, len(pinned.data_primes))
        self._encoder = sealapi.BatchEncoder(self.context)

    def encrypt(self, blocks: Integers) -> list[bytes]:
        """Integers (count, SLOTS) under the own key: one ciphertext each, of about 0.2 MB."""
        _check_integers(blocks, 2)
        return [self.encrypt_plaintext(self._encode(block)) for block in reduce(blocks)]

    def decrypt(self, ciphertexts: Sequence[bytes]) -> Integers:
        """Results under the own key -> residues in [0, t), (count, SLOTS)."""
        key_id, _, decryptor = self.own
        found = np.empty((len(ciphertexts), SLOTS), np.int64)
        plaintext = sealapi.Plaintext()
        for row, ciphertext in zip(found, self.load_ciphertexts(ciphertexts, key_id, "result"), strict=True):
            decryptor.decrypt(ciphertext, plaintext)
            row[:] = self._encoder.decode_uint64(plaintext)
        return found

    def noise_budget(self, ciphertexts: Sequence[bytes], level: Any = "result") -> list[int]:
        """Bits of noise each ciphertext under the own key still bears: SEAL's own measure, for tests and the bench."""
        key_id, _, decryptor = self.own
        loaded = self.load_ciphertexts(ciphertexts, key_id, level)
        return [decryptor.invariant_noise_budget(each) for each in loaded]

    def combine(self, ciphertexts: Sequence[bytes], plaintexts: Integers, masks: Integers) -> list[bytes]:
        """For each output: the sum over the inputs of plaintext times ciphertext, plus the mask, flooded.

        ``ciphertexts`` are fresh ones of the peer; ``plaintexts`` (outputs, inputs) one integer for all slots, or
        (outputs, inputs, SLOTS) slot by slot; ``masks`` (outputs, SLOTS). All modulo t, magnitudes below t. A result
        takes about 0.13 MB. A plaintext that is all zero is skipped.
        """
        _check_integers(plaintexts, 2, 3)
        _check_integers(masks, 2)
        outputs, inputs = plaintexts.shape[:2]
        if inputs != len(ciphertexts) or outputs != len(masks) or plaintexts.shape[2:] not in ((), (SLOTS,)):
            raise Refused("he.shape")
        if inputs > bfv_parameters().max_terms:
            raise Refused("he.terms", terms=inputs, most=bfv_parameters().max_terms)
        key_id, _ = self.peer
        loaded = self.load_ciphertexts(ciphertexts, key_id, "fresh")
        if plaintexts.ndim == 3:
            for each in loaded:
                self.evaluator.transform_to_ntt_inplace(each)
        weigh = self._sum_by_integers if plaintexts.ndim == 2 else self._sum_by_vectors
        return [
            self._leave(weigh(loaded, row), mask)
            for row, mask in zip(reduce(plaintexts), reduce(masks), strict=True)
        ]

    def _sum_by_integers(self, loaded: list[Any], factors: Integers) -> Any | None:
        total = None
        for ciphertext, factor in zip(loaded, factors.tolist(), strict=True):
            if factor:
                total = self._plus(total, ciphertext, sealapi.Plaintext(f"{factor:X}"))
        return total

    def _sum_by_vectors(self, loaded: list[Any], vectors: Integers) -> Any | None:
        total = None
        for ciphertext, vector in zip(loaded, vectors, strict=True):
            if vector.any():
                plaintext = self._encode(vector)
                self.evaluator.transform_to_ntt_inplace(plaintext, self.context.first_parms_id())
                total = self._plus(total, ciphertext, plaintext)
        if total is not None:
            self.evaluator.transform_from_ntt_inplace(total)
        return total

    def _plus(self, total: Any | None, ciphertext: Any, plaintext: Any) -> Any:
        product = sealapi.Ciphertext()
        self.evaluator.multiply_plain(ciphertext, plaintext, product)
        if total is not None:
            self.evaluator.add_inplace(product, total)
        return product

    def _leave(self, total: Any | None, mask: Integers) -> bytes:
        result = self.encryption_of_zero()
        if total is not None:
            self.evaluator.add_inplace(result, total)
        self.evaluator.add_plain_inplace(result, self._encode(mask))
        self.evaluator.add_inplace(result, self._flooding_noise())
        return self.dump_result(result)

    def _flooding_noise(self) -> Any:
        """A ciphertext of zero whose first polynomial is the noise itself and whose second is zero.

        SEAL has no call for it, so it is written in SEAL's format, which is checked when it is loaded.
        """
        pinned = bfv_parameters()
        noise = uniform_noise(pinned.degree, pinned.data_primes)
        words = noise.tobytes() + bytes(noise.nbytes)
        inner = _seal_object(struct.pack("<Q", len(words) // 8) + words)
        ntt_form, size, scale, correction = 0, 2, 1.0, 1
        shape = struct.pack("<BQQQdQ", ntt_form, size, pinned.degree, len(noise), scale, correction)
        body = struct.pack("<4Q", *self.context.first_parms_id()) + shape + inner
        return self.load_own(sealapi.Ciphertext(), _seal_object(body))

    def _encode(self, residues: Integers) -> Any:
        plaintext = sealapi.Plaintext()
        self._encoder.encode(residues.tolist(), plaintext)
        return plaintext


def _seal_object(body: bytes) -> bytes:
    total = SEAL_HEADER.size + len(body)
    return SEAL_HEADER.pack(SEAL_MAGIC, SEAL_HEADER.size, *SEAL_VERSION, COMPRESSION_NONE, 0, total) + body


def _check_integers(integers: Integers, *dimensions: int) -> None:
    if integers.dtype != np.int64 or integers.ndim not in dimensions:
        raise Refused("he.shape")
    if largest_magnitude(integers) >= PLAIN_MODULUS:
        raise Refused("he.overflow", what="plaintext", bits=64, most_bits=PLAIN_MODULUS.bit_length())
