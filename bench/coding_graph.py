"""``python -m bench.coding_graph [--cases N]``: the knowledge graph and the coding review."""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench.cases import random_cases
from bench.measure import SCHEME, run_command, seconds, tell, tell_command, timed
from drg.coding.graph import build_graph, load_graph, save_graph
from drg.coding.graph.mining import Miner
from drg.coding.graph.store import graph_of
from drg.coding.review import Reviewer
from drg.coding.review.files import find_pair
from drg.payment.contract import find_contract
from drg.scheme.pack import find_pack

SAMPLES = Path(__file__).parents[1] / "data_samples" / "sample"
BATCH_ROWS = 200_000
REVIEWED = 50_000
QUERY_LIMIT_MS = 50
CODES = ("I50.900", "E87.600", "J18.900", "51.2300", "36.0700", "MDCF")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--large", action="store_true", help="no more than without it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_graph(options.cases, Path(folder))
        measure_review_of_a_case()
        measure_review_of_files(min(options.cases, REVIEWED), Path(folder))


def measure_graph(count: int, folder: Path) -> None:
    pack = find_pack(SCHEME)
    graph, took = timed(lambda: graph_of(pack))
    print(f"graph without own cases: {len(graph):,} nodes, {len(graph.edges):,} edges in {took:.1f} s")
    table = random_cases(count, SCHEME)
    Miner(pack).add(table.slice(0, 1000))
    before = peak_mb()
    miner = Miner(pack)
    started = time.perf_counter()
    for start in range(0, count, BATCH_ROWS):
        miner.add(table.slice(start, BATCH_ROWS))
    took = time.perf_counter() - started
    found, last = timed(miner.finish)
    tell("mine pairs", count, took + last)
    print(f"  {len(found.both):,} pairs kept; peak {peak_mb() - before:,.0f} MB above the cases themselves")
    mined, took = timed(lambda: build_graph(pack, together=found))
    save_graph(folder / "graph", mined)
    size = sum(path.stat().st_size for path in (folder / "graph").iterdir()) / 1e6
    print(f"  made and stored in {took:.1f} s: {len(mined.edges):,} edges, {size:.1f} MB")
    loaded, took = timed(lambda: load_graph(folder / "graph"))
    print(f"load: {took * 1000:.0f} ms; first query {seconds(lambda: loaded.find('I50.900')) * 1000:.0f} ms")
    queries: dict[str, Callable[[str], object]] = {
        "evidence": loaded.evidence,
        "neighbourhood of 40": loaded.neighbourhood,
        "path": lambda code: loaded.path(code, "FR11"),
        "explains": lambda code: loaded.explains(code, CODES[:3]),
        "companions": lambda code: loaded.companions([code], 0.3),
    }
    for name, query in queries.items():
        query(CODES[0])
        slowest = max((seconds(lambda: query(code)), code) for code in CODES)  # noqa: B023
        verdict = "kept" if slowest[0] * 1000 <= QUERY_LIMIT_MS else "NOT KEPT"
        print(
            f"  {name}, warm, slowest of {len(CODES)}: {slowest[0] * 1000:.1f} ms ({slowest[1]}; {verdict})"
        )


def measure_review_of_a_case() -> None:
    reviewer = Reviewer(find_pack(SCHEME), find_contract("template"))
    for name, source, case_id in (
        ("30 documents", SAMPLES / "records", "SYN00000006-1"),
        ("no documents", SAMPLES / "plain.csv", "SYN00000333-1"),
    ):
        found = find_pair(source, case_id)
        if found is None:
            sys.exit(f"{case_id} is not in {source}")
        case, record = found.case, found.record
        reviewer.review([case], [record])
        took = min(seconds(lambda: reviewer.review([case], [record])) for _ in range(3))  # noqa: B023
        print(f"review one case, warm, {name}: {took * 1000:.0f} ms")
    command = run_command("suggest", str(SAMPLES / "records"), "--case", "SYN00000006-1", "--scheme", SCHEME)
    tell_command("drgbridge suggest, cold process, one case with 30 documents", command)


def measure_review_of_files(count: int, folder: Path) -> None:
    """The sample's cases many times under other names: random codes would all be doubtful."""
    from drg.records import read

    sample = pa.concat_tables([batch.cases for batch in read(SAMPLES / "plain.csv").batches()])
    parts = []
    for number in range(-(-count // len(sample))):
        place = sample.schema.get_field_index("case_id")
        ids = pa.compute.binary_join_element_wise(sample.column("case_id"), str(number), "-")
        parts.append(sample.set_column(place, "case_id", ids))
    many = folder / "many.parquet"
    pq.write_table(pa.concat_tables(parts).slice(0, count), many, row_group_size=100_000)
    out = str(folder / "proposals.parquet")
    started = time.perf_counter()
    took, peak = run_command("coding", "review", str(many), "--contract", "template", "--out", out)
    print(
        f"drgbridge coding review, {count:,} front pages: {took:.1f} s ({count / took:,.0f} cases/s), {peak:,.0f} MB"
    )
    records = str(SAMPLES / "records")
    reviewer = Reviewer(find_pack(SCHEME))
    from drg.case import from_table
    from drg.coding.review.paired import paired

    pairs = next(iter(paired(Path(records))))
    cases, rows = from_table(pairs.cases), pairs.records.to_pylist()
    documents = sum(len(row["documents.text"] or ()) for row in rows)
    took = seconds(lambda: reviewer.review(cases, rows, only_doubtful=True))
    print(
        f"review whole records: {len(cases) / took:,.0f} cases/s with {documents / len(cases):.0f} documents each "
        f"({documents / took:,.0f} documents/s)"
    )
    print(f"  all of it took {time.perf_counter() - started:.0f} s")


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
