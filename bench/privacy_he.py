"""``python -m bench.privacy_he``: encryption in real worker processes, with the ratio to plain NumPy."""

from __future__ import annotations

import argparse
import platform
import resource
import sys

import numpy as np

from bench.limits import judged
from bench.measure import best_of
from privacy.he import bfv, ckks
from privacy.he import fixed_point as fp
from privacy.he.worker import Worker

FEATURE_BITS, WEIGHT_BITS, RESIDUAL_BITS = 16, 16, 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=32)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, one worker a party")
    random = np.random.default_rng(1)
    columns = random.normal(size=(options.columns, options.rows))
    weights = random.normal(size=options.columns)
    for scheme in (measure_bfv, measure_ckks):
        scheme(columns, weights)
    measure_gradient(columns)
    measure_hiding(options.columns, fp.block_count(options.rows))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest worker: {peak:,.0f} MB")


def megabytes(ciphertexts: list[bytes]) -> float:
    return sum(map(len, ciphertexts)) / 1e6


def measure_bfv(columns: fp.Floats, weights: fp.Floats) -> None:
    features, factors = fp.encode(columns, FEATURE_BITS), fp.encode(weights, WEIGHT_BITS)
    rows = columns.shape[1]
    blocks = fp.to_blocks(features)
    plain_seconds, plain = best_of(lambda: factors @ features)
    # Output b takes block b of every column.
    plaintexts = np.kron(factors, np.eye(blocks.shape[1], dtype=np.int64)).astype(np.int64)
    masks = fp.uniform_masks(blocks.shape[1], fp.SLOTS)
    with Worker() as owner, Worker() as peer:
        share_key(owner, peer)
        seconds, ciphertexts = best_of(lambda: owner.encrypt(blocks.reshape(-1, fp.SLOTS)))
        report_encryption("BFV", seconds, ciphertexts, columns)
        seconds, results = best_of(lambda: peer.combine(ciphertexts, plaintexts, masks))
        report(f"BFV, scores of {rows:,} rows, masked and flooded", seconds, results)
        print(f"  plain NumPy: {plain_seconds * 1000:.2f} ms; ratio {seconds / plain_seconds:,.0f}")
        seconds, masked = best_of(lambda: owner.decrypt(results))
        report("BFV, decrypt them", seconds, [])
    scores = fp.centred(fp.subtract(masked, masks)).reshape(-1)[:rows]
    if not np.array_equal(scores, plain):
        sys.exit("the scores are not exact: no figure means anything")
    print("  exact, every row")


def measure_ckks(columns: fp.Floats, weights: fp.Floats) -> None:
    count, rows = columns.shape
    blocks = -(-rows // ckks.SLOTS)
    padded = np.zeros((count, blocks * ckks.SLOTS))
    padded[:, :rows] = columns
    plaintexts = np.kron(weights, np.eye(blocks))
    plain_seconds, plain = best_of(lambda: weights @ columns)
    with Worker("ckks") as owner, Worker("ckks") as peer:
        share_key(owner, peer)
        seconds, ciphertexts = best_of(lambda: owner.encrypt(padded.reshape(-1, ckks.SLOTS)))
        report_encryption("CKKS", seconds, ciphertexts, columns)
        seconds, results = best_of(lambda: peer.combine(ciphertexts, plaintexts))
        report(f"CKKS, scores of {rows:,} rows", seconds, results)
        print(f"  plain NumPy: {plain_seconds * 1000:.2f} ms; ratio {seconds / plain_seconds:,.0f}")
        scores = owner.decrypt(results).reshape(-1)[:rows]
    print(f"  largest error {np.abs(scores - plain).max():.1e}")


def measure_gradient(columns: fp.Floats) -> None:
    """What one side does in one iteration of joint training: residuals of all rows times its columns."""
    features = fp.encode(columns, FEATURE_BITS)
    rows = columns.shape[1]
    residual = np.random.default_rng(2).integers(-(1 << RESIDUAL_BITS), 1 << RESIDUAL_BITS, (1, rows))
    fp.require_bound("gradient", rows * fp.largest_magnitude(features) << RESIDUAL_BITS)
    plaintexts = fp.to_blocks(features)
    masks = fp.uniform_masks(len(features), fp.SLOTS)
    with Worker() as owner, Worker() as peer:
        share_key(owner, peer)
        seconds, ciphertexts = best_of(lambda: owner.encrypt(fp.to_blocks(residual)[0]))
        report(f"BFV, encrypt the residuals of {rows:,} rows", seconds, ciphertexts)
        seconds, results = best_of(lambda: peer.combine(ciphertexts, plaintexts, masks))
        report(f"BFV, gradient of {len(features)} columns, masked and flooded", seconds, results)
        seconds, masked = best_of(lambda: owner.decrypt(results))
        report("BFV, decrypt it", seconds, [])
    gradient = fp.centred(fp.sum_modulo(fp.subtract(masked, masks)))
    if not np.array_equal(gradient, features @ residual[0]):
        sys.exit("the gradient is not exact: no figure means anything")
    print("  exact, every column")


def measure_hiding(columns: int, blocks: int) -> None:
    scheme = bfv.Bfv()
    public, secret = scheme.make_key()
    scheme.use_secret_key(secret)
    scheme.use_public_key(public)
    random = np.random.default_rng(3)
    fresh = scheme.encrypt(random.integers(0, fp.PLAIN_MODULUS, (4, fp.SLOTS)))
    vectors = random.integers(0, fp.PLAIN_MODULUS, (1, 4, fp.SLOTS))
    result = scheme.combine(fresh, vectors, fp.uniform_masks(1, fp.SLOTS))
    print(
        f"noise budget: fresh {min(scheme.noise_budget(fresh, 'fresh'))} bits, result {scheme.noise_budget(result)}"
    )
    print(f"bits hidden a ciphertext, worst case: gradient {bfv.hidden_bits(blocks):.1f}, ", end="")
    print(f"scores with weights below 2^20 {bfv.hidden_bits(columns, 1 << 20):.1f}")


def share_key(owner: Worker, peer: Worker) -> None:
    key = owner.make_key()
    owner.use_secret_key(key.secret)
    peer.use_public_key(key.public)


def report_encryption(scheme: str, seconds: float, ciphertexts: list[bytes], columns: fp.Floats) -> None:
    size = f"{columns.shape[1]:,} x {len(columns)}"
    print(f"{scheme}, encrypt {size}: {judged('encrypt_seconds', seconds, size)}")
    print(f"  {judged('encrypt_megabytes', megabytes(ciphertexts), size)}")


def report(what: str, seconds: float, ciphertexts: list[bytes]) -> None:
    size = f", {megabytes(ciphertexts):.1f} MB" if ciphertexts else ""
    print(f"{what}: {seconds:.3f} s{size}")


if __name__ == "__main__":
    main()
