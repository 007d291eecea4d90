"""The stored network and the surroundings of a node."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from claims.network.as_of import network_features
from claims.network.ego import ego
from claims.network.store import MANIFEST, TABLES, build_network, manifest, read
from drg.errors import InputError
from tests.claims.network.tables import row_of, table_of

CROWD = 400
HOSTILE = [
    "'; DROP TABLE visit; --",
    '"quoted"',
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "=1+1",
    "line\nbreak",
    "\u202eturned",
    "person:person:1",
    "hospital:H1",
    "😀" * 20,
    "{0}{name}",
]


def built(folder: Path, visits: pa.Table) -> Path:
    source = folder / "visits.parquet"
    pq.write_table(visits, source)
    build_network([source], folder / "network")
    return folder / "network"


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hospital of 400 persons; ten share a phone, one of these is high, and a stranger has the largest amount."""
    rows = [
        row_of(f"p{number:03} H1 2025-01-{number % 28 + 1:02} doctor=d{number % 7}")
        for number in range(CROWD)
    ]
    for number, row in enumerate(rows):
        row["total_cost_fen"] = 1000 + number
        row["phone"] = "shared" if number < 10 else f"own{number}"
        row["band"] = "high" if number == 5 else "low"
    return built(tmp_path_factory.mktemp("crowd"), table_of(rows))


def test_one_hop_around_a_hospital_shows_the_worst_and_largest_and_tells_the_rest(crowd: Path) -> None:
    found = ego(crowd, "hospital:H1")
    assert len(found.nodes) == 150
    assert [node.key for node in found.nodes[:3]] == ["hospital:H1", "person:p005", "person:p399"]
    assert found.left_out == {"person": CROWD - 149}
    assert {edge.target for edge in found.edges} == {"hospital:H1"}
    assert found.nodes[0].amount_fen == sum(1000 + number for number in range(CROWD))
    assert found == ego(crowd, "hospital:H1")


def test_ties_come_before_the_hospital_and_a_hospital_is_not_followed(crowd: Path) -> None:
    found = ego(crowd, "p000", hops=2)
    assert [node.kind for node in found.nodes[:2]] == ["person", "phone"]
    second = [node.key for node in found.nodes if node.hop == 2]
    assert second[0] == "person:p005"
    assert {f"person:p{number:03}" for number in range(1, 10)} <= set(second)
    shown = {node.key for node in found.nodes}
    assert all({edge.source, edge.target} <= shown for edge in found.edges)
    assert len({(edge.source, edge.target, edge.kind) for edge in found.edges}) == len(found.edges)


def test_a_node_with_too_many_neighbours_is_shown_but_not_followed(tmp_path: Path) -> None:
    rows = [row_of(f"p{number} H1 2025-01-01 doctor=d{number % 200}") for number in range(600)]
    found = ego(built(tmp_path, table_of(rows)), "person:p0", hops=2)
    assert found.not_expanded == ("hospital:H1",)
    assert {node.key for node in found.nodes} == {
        "person:p0",
        "hospital:H1",
        "doctor:d0",
        "person:p200",
        "person:p400",
    }


@pytest.mark.parametrize("most", [1, 2, 7, 150])
def test_never_more_than_asked_and_nothing_is_lost(crowd: Path, most: int) -> None:
    found = ego(crowd, "hospital:H1", most=most)
    assert len(found.nodes) == most
    assert sum(found.left_out.values()) + len(found.nodes) == CROWD + 1
    assert len(json.dumps(found.as_json())) > 0


@pytest.mark.parametrize(("hops", "most"), [(0, 10), (3, 10), (1, 0), (1, 151)])
def test_other_sizes_are_refused(crowd: Path, hops: int, most: int) -> None:
    with pytest.raises(InputError):
        ego(crowd, "p000", hops=hops, most=most)


def test_hostile_ids_are_only_ids(tmp_path: Path) -> None:
    rows = [
        row_of("p H1 2025-01-01") | {"person": id, "hospital": HOSTILE[0], "phone": HOSTILE[-1], "doctor": id}
        for id in HOSTILE
    ]
    folder = built(tmp_path, table_of(rows))
    for id in HOSTILE:
        found = ego(folder, f"person:{id}", hops=2)
        assert found.nodes[0].id == id
        assert len(found.nodes) == len(HOSTILE) + 3
        assert json.loads(json.dumps(found.as_json()))["nodes"][0]["key"] == f"person:{id}"
    assert {path.name for path in folder.iterdir()} == {MANIFEST, *(f"{name}.parquet" for name in TABLES)}
    with pytest.raises(InputError, match="no node"):
        ego(folder, "x' OR '1'='1")


def test_a_network_takes_the_place_of_an_earlier_one_only(tmp_path: Path) -> None:
    visits = table_of([row_of("p H1 2025-01-01 phone=1")])
    folder = built(tmp_path, visits)
    first = manifest(folder)
    assert manifest(built(tmp_path, visits)) == first
    (folder / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match="something else"):
        built(tmp_path, visits)
    assert (folder / "letter.txt").read_text() == "mine"


def test_the_same_visits_in_another_order_give_the_same_network(tmp_path: Path) -> None:
    rows = table_of([row_of(f"p{n % 9} H{n % 2} 2025-01-{n % 3 + 1:02} phone={n % 5}") for n in range(40)])
    hashes = []
    for name, table in (("one", rows), ("other", rows.take(list(range(39, -1, -1))))):
        (tmp_path / name).mkdir()
        files = manifest(built(tmp_path / name, table))["files"]
        hashes.append({table: files[table] for table in ("nodes", "edges", "components", "measures")})
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}', '{"format": "<b>"}'])
def test_a_damaged_network_is_refused(tmp_path: Path, text: str) -> None:
    folder = built(tmp_path, table_of([row_of("p H1 2025-01-01")]))
    (folder / MANIFEST).write_text(text)
    with pytest.raises(InputError):
        ego(folder, "p")


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    folder = built(tmp_path, table_of([row_of("p H1 2025-01-01")]))
    (folder / "edges.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="damaged"):
        ego(folder, "p")


def test_a_table_without_a_visit_makes_no_network(tmp_path: Path) -> None:
    source = tmp_path / "v.csv"
    source.write_text("case_id,person,claim_date\n1,,2025-01-01\n")
    with pytest.raises(InputError, match="1 rejected"):
        build_network([source], tmp_path / "network")
    assert not (tmp_path / "network").exists()


def test_features_of_each_claim_are_stored(crowd: Path) -> None:
    """Of the ten with one phone the last one, by day, sees the nine others."""
    stored = {row["case_id"]: row for row in read(crowd, "as_of").to_pylist()}
    assert (stored["C9"]["network_size"], stored["C9"]["phone_persons"]) == (10, 9)
    assert (stored["C0"]["network_size"], stored["C0"]["phone_persons"]) == (1, 0)
    assert stored["C0"]["account_persons"] is None
    assert network_features([crowd.parent / "visits.parquet"]).equals(read(crowd, "as_of"))
