"""Real numbers under encryption (CKKS, n = 8192, 4096 slots), only where the key owner itself may learn the value.

Runs in the worker process. A CKKS result is approximate, and one pair of a ciphertext and its raw decryption can give
the secret key away (Li and Micciancio, eprint 2020/1533): what is decrypted here never goes back to the peer. A mask of
a size CKKS can bear hides only a few bits, so there are none; a value that must stay hidden goes through BFV.
The key owner can solve for the weights from as many results as there are columns: this hides columns, not a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tenseal.sealapi as sealapi  # type: ignore[import-untyped]

from privacy.errors import Refused
from privacy.he.fixed_point import Floats
from privacy.he.parameters import ckks_parameters
from privacy.he.seal import SealScheme

SLOTS = ckks_parameters().degree // 2


class Ckks(SealScheme):
    """Keys and operations of one worker."""

    def __init__(self) -> None:
        pinned = ckks_parameters()
        parameters = sealapi.EncryptionParameters(sealapi.SCHEME_TYPE.CKKS)
        parameters.set_poly_modulus_degree(pinned.degree)
        primes = sealapi.CoeffModulus.Create(pinned.degree, list(pinned.coefficient_bits))
        parameters.set_coeff_modulus(primes)
        super().__init__("ckks", parameters, len(primes) - 1)
        self._encoder = sealapi.CKKSEncoder(self.context)
        self._scale = 2.0**pinned.scale_bits

    def encrypt(self, blocks: Floats) -> list[bytes]:
        """Numbers (count, SLOTS) under the own key: one ciphertext each."""
        _check_numbers(blocks, 2)
        return [
            self.encrypt_plaintext(self._encode(block, self.context.first_parms_id())) for block in blocks
        ]

    def decrypt(self, ciphertexts: Sequence[bytes]) -> Floats:
        """Results under the own key -> numbers (count, SLOTS)."""
        key_id, _, decryptor = self.own
        found = np.empty((len(ciphertexts), SLOTS))
        plaintext = sealapi.Plaintext()
        for row, ciphertext in zip(found, self.load_ciphertexts(ciphertexts, key_id, "result"), strict=True):
            decryptor.decrypt(ciphertext, plaintext)
            row[:] = self._encoder.decode_double(plaintext)
        return found

    def combine(self, ciphertexts: Sequence[bytes], plaintexts: Floats) -> list[bytes]:
        """For each output: the sum over the inputs of plaintext times ciphertext.

        ``plaintexts`` (outputs, inputs) one number for all slots, or (outputs, inputs, SLOTS). Magnitudes, also of the
        sums, at most 2^18: the caller asserts the bound of the sums.
        """
        _check_numbers(plaintexts, 2, 3)
        if plaintexts.shape[1] != len(ciphertexts) or plaintexts.shape[2:] not in ((), (SLOTS,)):
            raise Refused("he.shape")
        key_id, _ = self.peer
        loaded = self.load_ciphertexts(ciphertexts, key_id, "fresh")
        if any(each.scale != self._scale for each in loaded):
            raise Refused("he.ciphertext", reason="scale")
        return [self._combine_one(loaded, row) for row in plaintexts]

    def _combine_one(self, loaded: list[Any], row: Floats) -> bytes:
        total = self.encryption_of_zero()
        # A zero has no scale of its own; it takes that of the products.
        total.scale = self._scale * self._scale
        for ciphertext, factor in zip(loaded, row, strict=True):
            if np.any(factor):
                plaintext = self._encode(factor, ciphertext.parms_id())
                product = sealapi.Ciphertext()
                self.evaluator.multiply_plain(ciphertext, plaintext, product)
                self.evaluator.add_inplace(total, product)
        self.evaluator.rescale_to_next_inplace(total)
        return self.dump_result(total)

    def _encode(self, numbers: Floats, level: list[int]) -> Any:
        plaintext = sealapi.Plaintext()
        self._encoder.encode(numbers.tolist(), level, self._scale, plaintext)
        return plaintext


def _check_numbers(numbers: Floats, *dimensions: int) -> None:
    if numbers.dtype != np.float64 or numbers.ndim not in dimensions:
        raise Refused("he.shape")
    if not np.isfinite(numbers).all():
        raise Refused("he.not_finite")
    most = ckks_parameters().max_magnitude_bits
    if np.abs(numbers).max(initial=0.0) > 2.0**most:
        raise Refused("he.overflow", what="ckks", bits=most + 1, most_bits=most)
