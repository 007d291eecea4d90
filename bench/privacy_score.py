"""``python -m bench.privacy_score``: scores over encrypted features, and whole jobs between two processes over TLS.

The limits that are printed are for 10,000 rows x 32 columns.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.limits import judged
from bench.measure import best_of
from bench.privacy_he import report_encryption, share_key
from privacy.he import ckks, fixed_point
from privacy.he.worker import Worker
from privacy.policy import sign_policy
from privacy.protocols.score.linear import integer_scores, weight_integers
from privacy.protocols.score.messages import Precision, ScoreParameters
from privacy.protocols.score.model import LinearModel, new_model, save_model
from privacy.session import run
from tests.privacy.pairs import PURPOSE, Pair, make_pair

PRECISION = Precision()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=32)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}")
    random = np.random.default_rng(1)
    columns = random.normal(size=(options.columns, options.rows))
    weights = random.normal(size=options.columns)
    plain_seconds, plain = best_of(lambda: weights @ columns)
    print(f"plain NumPy: {plain_seconds * 1000:.2f} ms")
    measure_bfv(columns, weights, plain_seconds)
    measure_ckks(columns, weights, plain, plain_seconds)
    measure_jobs(columns, weights)


def measure_bfv(columns: fixed_point.Floats, weights: fixed_point.Floats, plain_seconds: float) -> None:
    features = fixed_point.encode(columns, PRECISION.feature_scale_bits)
    factors = weight_integers(weights.tolist(), PRECISION)
    blocks = fixed_point.to_blocks(features)

    def score() -> fixed_point.Integers:
        masks = fixed_point.uniform_masks(blocks.shape[1], fixed_point.SLOTS)
        results = [
            peer.combine(ciphertexts[number :: blocks.shape[1]], factors[None], masks[number : number + 1])[0]
            for number in range(blocks.shape[1])
        ]
        unmasked = fixed_point.subtract(owner.decrypt(results), masks)
        return fixed_point.centred(unmasked).reshape(-1)[: columns.shape[1]]

    with Worker() as owner, Worker() as peer:
        share_key(owner, peer)
        seconds, ciphertexts = best_of(lambda: owner.encrypt(blocks.reshape(-1, fixed_point.SLOTS)))
        report_encryption("BFV", seconds, ciphertexts, columns)
        seconds, scores = best_of(score)
    size = size_of(columns)
    print(f"BFV scores, unmasked: {judged('score_seconds', seconds, size)}")
    print(f"  ratio to plain {seconds / plain_seconds:,.0f}")
    wrong = int((scores != integer_scores(features, factors, 0)).sum())
    print(f"  {judged('bfv_error', wrong, size)}")
    if wrong:
        sys.exit("the scores are not exact: no figure means anything")


def measure_ckks(
    columns: fixed_point.Floats,
    weights: fixed_point.Floats,
    plain: fixed_point.Floats,
    plain_seconds: float,
) -> None:
    count, rows = columns.shape
    blocks = -(-rows // ckks.SLOTS)
    padded = np.zeros((count, blocks * ckks.SLOTS))
    padded[:, :rows] = columns

    def score() -> fixed_point.Floats:
        results = [peer.combine(ciphertexts[number::blocks], weights[None])[0] for number in range(blocks)]
        return owner.decrypt(results).reshape(-1)[:rows]

    with Worker("ckks") as owner, Worker("ckks") as peer:
        share_key(owner, peer)
        seconds, ciphertexts = best_of(lambda: owner.encrypt(padded.reshape(-1, ckks.SLOTS)))
        report_encryption("CKKS", seconds, ciphertexts, columns)
        seconds, scores = best_of(score)
    size = size_of(columns)
    print(f"CKKS scores: {judged('score_seconds', seconds, size)}")
    print(f"  ratio to plain {seconds / plain_seconds:,.0f}")
    print(f"  {judged('ckks_error', float(np.abs(scores - plain).max()), size)}")


def size_of(columns: fixed_point.Floats) -> str:
    """As the limits name it."""
    return f"{columns.shape[1]:,} x {len(columns)}"


def measure_jobs(columns: fixed_point.Floats, weights: fixed_point.Floats) -> None:
    """From the start of the job to the table, alignment and all."""
    names = [f"c{number}" for number in range(len(columns))]
    model = new_model(dict(zip(names, weights.tolist(), strict=True)))
    ids: list[object] = [f"p{row}" for row in range(columns.shape[1])]
    asked = [job_of(mode, model, len(ids)) for mode in ("model_score", "model_for_responder")]
    with tempfile.TemporaryDirectory() as folder:
        pair = make_pair(Path(folder))
        try:
            pair.initiator.add_table("mine", {"id": ids})
            pair.responder.add_table(
                "theirs",
                {"id": ids, **{name: list(column) for name, column in zip(names, columns, strict=True)}},
            )
            save_model(pair.initiator.config.state, model)
            approve(pair, *asked)
            pair.responder.serve()
            for each in asked:
                job(pair, each)
        finally:
            pair.close()


def approve(pair: Pair, *asked: dict[str, Any]) -> None:
    policy = pair.responder.folder / "theirs.policy.toml"
    approved = [ScoreParameters.model_validate(each).approved_sha256 for each in asked]
    policy.write_text(
        f"approved_models = {approved}\n" + policy.read_text(encoding="utf-8"), encoding="utf-8"
    )
    sign_policy(policy, pair.responder.config.key)


def job_of(mode: str, model: LinearModel, rows: int) -> dict[str, Any]:
    return {
        "mode": mode,
        "model_sha256": model.sha256,
        "columns": list(model.weights),
        "rows": rows,
        # CKKS holds scores up to 2^18; features here are below 16.
        "precision": {"feature_bits": 14},
        "may_show_weights": mode == "model_for_responder",
    }


def job(pair: Pair, asked: dict[str, Any]) -> None:
    start = time.perf_counter()
    run(pair.initiator.config, "score", asked, table="mine", peer_table="theirs", purpose=PURPOSE)
    seconds = time.perf_counter() - start
    done = json.loads(pair.initiator.log_text().splitlines()[-1])
    crossed = (done["sent"] + done["received"]) / 1e6
    print(f"job {asked['mode']} over TLS, with alignment: {seconds:.1f} s, {crossed:.1f} MB")


if __name__ == "__main__":
    main()
