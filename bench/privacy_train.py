"""``python -m bench.privacy_train [--large]``: joint training between two processes over TLS on this machine.

Prints seconds, bytes, peak memory, AUCs on rows that were not trained on, and the ratio to the same training in plain;
limits beside the figures that have one. The first training is on ``data_samples``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.limits import judged
from data_samples.two_parties import HOSPITAL_EFFECTS, INSURER_EFFECTS, make
from privacy.he.bfv import hidden_bits
from privacy.party import PartyConfig
from privacy.protocols.train import TrainParameters, model
from privacy.protocols.train.packing import Packing
from privacy.session import run
from privacy.table import Table
from tests.privacy.pairs import PURPOSE, Pair, make_pair
from tests.privacy.plain_logistic import auc, fit
from tests.privacy.train_cases import Joined, train_plain

ROUNDS = 20
ALL_ROWS = f"all rows in each of {ROUNDS} rounds"
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
POLL_SECONDS = 0.05
ROOM = {"limits__job_bytes": 20_000_000_000, "limits__seconds": 20_000, "limits__memory_mb": 16_000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="also 100,000 rows x (32 + 32) columns")
    parser.add_argument("--initiator", nargs=2, metavar=("CONFIG", "PARAMETERS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.initiator:
        initiator(*map(Path, options.initiator))
        return
    measure("data_samples", *samples(), {})
    measure(f"10,000 x (16 + 16), {ALL_ROWS}", *drawn(10_000, 16), {})
    in_batches = {"batch_rows": 2_000, "learning_rate": 0.5}
    measure("10,000 x (16 + 16), 2,000 rows in each of 20 rounds", *drawn(10_000, 16), in_batches)
    if options.large:
        measure(f"100,000 x (32 + 32), {ALL_ROWS}", *drawn(100_000, 32), {})
        in_batches = {"batch_rows": 10_000, "learning_rate": 0.5}
        measure("100,000 x (32 + 32), 10,000 rows in each of 20 rounds", *drawn(100_000, 32), in_batches)


def drawn(rows: int, columns: int) -> tuple[Joined, Joined]:
    """Synthetic rows to train on, and as many others to judge by."""
    joined = Joined.draw(2 * rows, columns, seed=7)
    return joined.rows(slice(rows)), joined.rows(slice(rows, None))


def samples() -> tuple[Joined, Joined]:
    """The rows that both parties of ``data_samples`` have: two thirds to train on, one to judge by."""
    tables = make(9_000, 20260124)
    common = tables["insurer.csv"].merge(tables["hospital.csv"], on="id").sample(frac=1, random_state=1)
    own, peer = (
        {name: common[name].to_numpy(np.float64) for name in names}
        for names in (INSURER_EFFECTS, HOSPITAL_EFFECTS)
    )
    joined = Joined(common["id"].tolist(), own, peer, common["suspicious"].to_numpy(np.float64))
    part = 2 * len(common) // 3
    return joined.rows(slice(part)), joined.rows(slice(part, None))


def initiator(config: Path, parameters: Path) -> None:
    """The initiator as a process of its own: prints its summary as JSON."""
    asked = json.loads(parameters.read_text(encoding="utf-8"))
    result = run(PartyConfig.load(config), "train", asked, table="mine", peer_table="theirs", purpose=PURPOSE)
    print(json.dumps(result.summary))


def measure(size: str, known: Joined, unknown: Joined, settings: dict[str, Any]) -> None:
    """Train on ``known``, judge on ``unknown``; ``size`` as the limits name it."""
    asked = known.parameters(max_rounds=ROUNDS, **settings)
    print(f"\n{size}")
    with tempfile.TemporaryDirectory() as folder:
        pair = make_pair(Path(folder))
        for party, table in zip(
            (pair.initiator, pair.responder),
            (known.initiator_columns(), known.responder_columns()),
            strict=True,
        ):
            party.set(**ROOM)
            party.add_table("mine" if party is pair.initiator else "theirs", table)
        used_before = processor_seconds()
        try:
            summary, wall, memory = train(pair, Path(folder) / "parameters.json", asked)
            parts = [read_part(party.config) for party in (pair.initiator, pair.responder)]
        finally:
            pair.close()
    crossed = summary["bytes_sent"] + summary["bytes_received"]
    used = processor_seconds() - used_before
    print(f"  from alignment to model: {judged('train_seconds', summary['seconds'], size)}")
    print(
        f"  {wall:.1f} s with the start of the process; {used:.1f} s of processor time in all of both parties"
    )
    print(f"  crossed: {judged('train_megabytes', crossed / 1e6, size)}")
    batch = settings.get("batch_rows", len(known.ids))
    before = ROUNDS * sum(Packing(columns, 1).round_bytes(batch) for columns in results_of(known))
    print(f"  before the reduction (one column a result, reckoned): {before / 1e6:.0f} MB")
    print(f"  peak memory with workers, initiator: {judged('train_memory', memory[0] / 1e6, size)}")
    print(f"  peak memory with workers, responder: {judged('train_memory', memory[1] / 1e6, size)}")
    print_ratio(known, asked, parts, summary)
    print_aucs(size, known, unknown, parts)
    blocks = max(Packing.cheapest(batch, columns).blocks(batch) for columns in results_of(known))
    print(f"  a result's noise hides its factors to {hidden_bits(blocks):.1f} bits")


def train(pair: Pair, file: Path, asked: dict[str, Any]) -> tuple[dict[str, Any], float, list[int]]:
    """The initiator's summary, seconds, and the peak memory of both parties' processes."""
    file.write_text(json.dumps(asked), encoding="utf-8")
    pair.responder.serve()
    assert pair.responder.node is not None
    begun = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "bench.privacy_train",
        "--initiator",
        str(pair.initiator.config_file),
        str(file),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    peaks = [0, 0]
    while process.poll() is None:
        for party, pid in enumerate((process.pid, pair.responder.node.pid)):
            peaks[party] = max(peaks[party], memory_of(pid))
        time.sleep(POLL_SECONDS)
    assert process.stdout is not None
    assert process.returncode == 0
    return json.loads(process.stdout.read()), time.perf_counter() - begun, peaks


def processor_seconds() -> float:
    """Of the processes that ended: nodes, initiators and their workers."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory_of(pid: int) -> int:
    """Resident bytes of a process and its children."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        threads = Path(f"/proc/{pid}/task").iterdir()
        children = [child for thread in threads for child in (thread / "children").read_text().split()]
    except (OSError, IndexError):
        return 0
    return pages * PAGE_BYTES + sum(memory_of(int(child)) for child in children)


def read_part(config: PartyConfig) -> model.Part:
    (path,) = (config.state / model.FOLDER).glob("*.json")
    return model.read(path).part


def results_of(joined: Joined) -> list[int]:
    """Sums that each party gets a round: its columns, and the intercept or the loss."""
    return [len(columns) + 1 for columns in (joined.initiator, joined.responder)]


def print_ratio(
    known: Joined, asked: dict[str, Any], parts: list[model.Part], summary: dict[str, Any]
) -> None:
    """Only full batches can be compared: the order of the aligned rows is known to the parties alone."""
    tables = known.initiator_table(), in_order(known)
    begun = time.perf_counter()
    plain = train_plain(TrainParameters.model_validate(asked), (parts[0], parts[1]), tables)
    seconds = time.perf_counter() - begun
    print(f"  {summary['seconds'] / seconds:.0f} times the plain training ({seconds:.3f} s)")
    if "batch_rows" not in asked:
        assert [parts[0].intercept, *parts[0].weights] == plain.initiator.tolist()
        assert list(parts[1].weights) == plain.responder.tolist()
        assert summary["losses"] == plain.losses
        print("  weights and losses equal the plain training bit for bit")


def in_order(joined: Joined) -> Table:
    return Table(joined.ids, joined.responder)


def print_aucs(size: str, known: Joined, unknown: Joined, parts: list[model.Part]) -> None:
    own, peer = (np.array(list(each.values())) for each in (known.initiator, known.responder))
    own_new, peer_new = (np.array(list(each.values())) for each in (unknown.initiator, unknown.responder))
    scores = parts[0].scores(unknown.initiator_table()) + parts[1].scores(in_order(unknown))
    plain = {
        "logistic regression on the joined plaintext": (
            np.vstack([own, peer]),
            np.vstack([own_new, peer_new]),
        ),
        "initiator's columns alone": (own, own_new),
        "responder's columns alone": (peer, peer_new),
    }
    joint = auc(scores, unknown.label)
    print(f"  AUC {joint:.4f} joint")
    areas = {
        name: auc(fit(columns, known.label).scores(new), unknown.label)
        for name, (columns, new) in plain.items()
    }
    for name, area in areas.items():
        print(f"  AUC {area:.4f} {name}")
    together, *alone = areas.values()
    print(f"  {judged('train_auc_difference', abs(joint - together), size)}")
    print(f"  {judged('sample_margin', joint - max(alone), size)}")


if __name__ == "__main__":
    main()
