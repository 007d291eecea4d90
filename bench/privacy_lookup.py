"""``python -m bench.privacy_lookup``: both lookups over an index of 100,000 entries, and jobs over TLS."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from bench.limits import judged
from privacy import ristretto
from privacy.he.bfv import hidden_bits
from privacy.he.worker import Worker
from privacy.ids import keyed
from privacy.protocols.lookup import labelled, oprf
from privacy.protocols.lookup.index import KeywordIndex, month_of, question_slots
from privacy.protocols.lookup.records import Records
from privacy.session import run
from tests.privacy.pairs import PURPOSE, Pair, make_pair

KEY = bytes(range(32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=1_000)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {len(os.sched_getaffinity(0))} cores")
    keys = keyed((str(number) for number in range(options.entries)), KEY, "bench")
    records = Records(keys, [1 + number % 4095 for number in range(options.entries)], options.entries)
    plain = measure_plain(records, options.questions)
    measure_labelled(records, options.questions, plain)
    measure_index(records, plain)
    measure_jobs(options.entries)


def measure_plain(records: Records, questions: int) -> float:
    """Seconds of one question to a dict."""
    table = dict(zip(records.keys, records.months, strict=True))
    start = time.perf_counter()
    for key in records.keys[:questions]:
        table.get(key)
    return (time.perf_counter() - start) / questions


def measure_labelled(records: Records, questions: int, plain: float) -> None:
    key = oprf.derived_key(KEY, b"bench")
    start, processor = time.perf_counter(), time.process_time()
    data = labelled.build(key, records)
    built, used = time.perf_counter() - start, time.process_time() - processor
    print(
        f"labelled table of {(size := f'{len(records.keys):,}')}: built in"
        f" {judged('lookup_build_seconds', built, size)}, {used:.1f} s of processor time, {len(data) / 1e6:.1f} MB"
    )
    held = labelled.HeldTable(data)
    asked = records.keys[:questions]
    start = time.perf_counter()
    scalars = [ristretto.random_scalar() for _ in asked]
    blinded = [
        oprf.multiply(scalar, oprf.hash_to_group(each)) for scalar, each in zip(scalars, asked, strict=True)
    ]
    asked_at = time.perf_counter()
    evaluated = oprf.in_threads(partial(oprf.multiply, key), blinded)
    evaluated_at = time.perf_counter()
    opened = [oprf.unblind(scalar, each) for scalar, each in zip(scalars, evaluated, strict=True)]
    months = [
        held.month_of(oprf.finalize(each, element)) for each, element in zip(asked, opened, strict=True)
    ]
    end = time.perf_counter()
    if months != records.months[:questions]:
        sys.exit("an answer is wrong: no figure means anything")
    print(
        f"  {questions:,} questions: blind {asked_at - start:.3f} s, evaluate {evaluated_at - asked_at:.3f} s,"
        f" open {end - evaluated_at:.3f} s, 64 bytes each;"
        f" ratio to a dict {(end - start) / questions / plain:,.0f}"
    )


def measure_index(records: Records, plain: float) -> None:
    start = time.perf_counter()
    index = KeywordIndex(records)
    built = time.perf_counter() - start
    print(
        f"encrypted index of {len(records.keys):,}: built in {built:.2f} s,"
        f" {index.blocks} blocks, {index.layers} layers"
    )
    with Worker() as owner, Worker() as peer:
        key = owner.make_key()
        owner.use_secret_key(key.secret)
        peer.use_public_key(key.public)
        start = time.perf_counter()
        question = owner.encrypt(question_slots(records.keys[77], index.blocks))
        asked = time.perf_counter()
        answer = peer.combine(question, index.factors(), index.masks())
        answered = time.perf_counter()
        month = month_of(owner.decrypt(answer))
        end = time.perf_counter()
    if month != records.months[77]:
        sys.exit("the answer is wrong: no figure means anything")
    print(
        f"  a question: ask {asked - start:.3f} s, {sum(map(len, question)) / 1e6:.1f} MB;"
        f" answer {answered - asked:.3f} s, {sum(map(len, answer)) / 1e6:.1f} MB; open {end - answered:.3f} s;"
        f" ratio to a dict {(end - start) / plain:,.0f};"
        f" hidden bits of the noise {hidden_bits(2 * index.blocks):.1f}"
    )


def measure_jobs(entries: int) -> None:
    """From the start of the job to the table; the labelled one twice, for its table crosses once."""
    with tempfile.TemporaryDirectory() as folder:
        pair = make_pair(Path(folder))
        try:
            pair.initiator.add_table(
                "claims", {"id": [f"p{7 * row}" for row in range(100)], "asked": ["I21", "E11"] * 50}
            )
            visits: dict[str, list[object]] = {
                "id": [f"p{row // 2}" for row in range(entries)],
                "category": [("I21", "E11")[row % 2] for row in range(entries)],
                "day": ["2021-02-03" for _ in range(entries)],
            }
            pair.responder.add_table("visits", visits)
            pair.responder.serve()
            for mode in ("labelled", "labelled", "index"):
                job(pair, mode)
        finally:
            pair.close()


def job(pair: Pair, mode: str) -> None:
    asked = {
        "mode": mode,
        "group_column": "category",
        "day_column": "day",
        "own_group_column": "asked",
        "groups": ["I21", "E11"],
        "before": "2024-01-01",
        "questions": 100,
    }
    start = time.perf_counter()
    result = run(pair.initiator.config, "lookup", asked, table="claims", peer_table="visits", purpose=PURPOSE)
    seconds = time.perf_counter() - start
    done = json.loads(pair.initiator.log_text().splitlines()[-1])
    crossed = (done["sent"] + done["received"]) / 1e6
    print(f"job {mode}, {result.summary}, over TLS: {seconds:.1f} s, {crossed:.1f} MB")


if __name__ == "__main__":
    main()
