"""The knowledge graph: what is in it, how pairs are counted, files, pictures."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from pathlib import Path

import networkx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.case import Case, to_table
from drg.codes.catalogue import load_catalogue
from drg.coding.graph import Graph, build_graph, load_graph, save_graph
from drg.coding.graph.facts import load_facts
from drg.coding.graph.graph import EDGE_SCHEMA, NODE_SCHEMA
from drg.coding.graph.mining import LEAST_CASES, MOST_ITEMS, Miner, Together
from drg.coding.graph.names import drug_nodes, lab_nodes
from drg.coding.graph.picture import to_dot, to_echarts
from drg.coding.graph.sources import Parts, add_together
from drg.coding.graph.store import EDGES, graph_of
from drg.errors import InputError
from drg.scheme.pack import find_pack

SCHEME = "chs-drg-1.1"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_of(find_pack(SCHEME))


def cases(*lists: tuple[list[str], list[str]]) -> pa.Table:
    return to_table([Case(case_id=str(n), dx=dx, proc=proc) for n, (dx, proc) in enumerate(lists)])


def pairs(found: Together) -> list[tuple[str, str, int, float, float]]:
    """Source, target, cases, confidence and lift of every pair in both directions, as the graph has them."""
    parts = Parts()
    add_together(parts, found)
    ids = list(parts.places)
    return [
        (ids[source], ids[target], cases_, confidence, lift)
        for block in parts.blocks
        for source, target, cases_, confidence, lift in zip(
            *(
                getattr(block, name).tolist()
                for name in ("sources", "targets", "cases", "confidence", "lift")
            ),
            strict=True,
        )
    ]


# What is in it


def test_every_code_is_a_node_and_its_levels_stand_above_it(graph: Graph) -> None:
    node = graph.find("e11.900")
    assert node is not None
    assert node.id == "dx:E11.900"
    assert [one.id for one in graph.family(node)] == ["dx:E11.900", "dx:E11.9", "dx:E11"]
    assert all(graph.node(f"proc:{code}") for code in load_catalogue("icd9cm3").codes[::500])


def test_facts_speak_for_codes_and_name_codes_that_may_be_reported(graph: Graph) -> None:
    told = {(edge.source.id, edge.origin) for edge in graph.evidence("E87.600")}
    assert ("lab:potassium:low", "indications:2") in told
    assert ("drug:氯化钾", "indications:3") in told
    for fact in load_facts():
        catalogue = load_catalogue("icd10" if fact.kind == "dx" else "icd9cm3")
        for beginning in fact.codes:
            assert any(code.startswith(beginning) for code in catalogue.codes), fact
        if fact.proposes:
            assert fact.proposes in catalogue, fact
            assert not catalogue.is_gray(fact.proposes), fact
            assert fact.concerns(fact.kind, fact.proposes), fact
        assert fact.source, fact
        assert not fact.confirmed, "a line is confirmed by a hospital, not by us"


def test_rules_that_are_data_become_edges(graph: Graph) -> None:
    stones = graph.node("dx:K80.2")
    caesarean = graph.node("proc:74.1")
    assert stones is not None
    assert caesarean is not None
    assert ("dx:K81.0", "Q211") in {(e.target.id, e.origin) for e in graph.edges_from(stones, "combines")}
    required = {(e.target.id, e.origin) for e in graph.edges_from(caesarean, "requires")}
    assert ("dx:O82", "Q173") in required


@pytest.mark.parametrize(
    ("code", "group", "way"),
    [
        ("51.2300", "HC29", [("proc:51.2300", "adrg:HC2"), ("drg:HC29", "adrg:HC2")]),
        ("K80.200x003", "MDCH", [("dx:K80.200x003", "mdc:MDCH")]),
        ("K80.200x003", "FR11", None),
        ("no such code", "FR11", None),
    ],
)
def test_the_way_from_a_code_to_a_group(
    graph: Graph, code: str, group: str, way: list[tuple[str, str]] | None
) -> None:
    path = graph.path(code, group)
    assert (None if path is None else [(edge.source.id, edge.target.id) for edge in path]) == way


@pytest.mark.parametrize(
    ("procedure", "diagnoses", "explained"),
    [
        ("51.2300", ["K80.200x003"], True),
        ("51.2300", ["J18.900", "I10.x00x002"], False),
        ("81.5400", ["M17.900x004", "I10.x00x002"], True),
        ("81.5400", ["J18.900"], False),
    ],
)
def test_a_procedure_is_explained_by_a_diagnosis_of_its_mdc(
    graph: Graph, procedure: str, diagnoses: list[str], explained: bool
) -> None:
    assert (graph.explains(procedure, diagnoses) is not None) == explained


def test_queries_take_less_than_50_ms(graph: Graph) -> None:
    graph.evidence("I50.900")
    graph.find("I50.900")
    for query in (
        lambda: graph.evidence("I50.900"),
        lambda: graph.neighbourhood("MDCF", 100),
        lambda: graph.explains("36.0700", ["I21.401", "E78.500"]),
        lambda: graph.path("51.2300", "HC29"),
    ):
        query()
        start = time.perf_counter()
        query()
        assert time.perf_counter() - start < 0.05


# What is mined


def test_pairs_are_counted_by_case_and_small_counts_are_suppressed() -> None:
    together = [(["E11.900", "E11.901", "I10.x00"], [])] * 6
    alone = [(["J18.900"], [])] * 30
    rare = [(["C50.900", "K80.200"], [])] * (LEAST_CASES - 1)
    miner = Miner(minimum=LEAST_CASES)
    miner.add(cases(*together, *alone, *rare))
    found = pairs(miner.finish())
    assert {(source, target): number for source, target, number, _, _ in found} == {
        ("dx:E11", "dx:I10"): 6,
        ("dx:I10", "dx:E11"): 6,
    }
    (_, _, _, confidence, lift) = found[0]
    assert confidence == 1.0
    assert lift == pytest.approx(40 / 6)


def test_a_minimum_that_shows_single_patients_is_refused() -> None:
    with pytest.raises(InputError, match="at least 5"):
        Miner(minimum=LEAST_CASES - 1)


CODES = st.sampled_from(["E11.900", "I10.x00", "J18.900", "K80.200x003", "N18.900", "Q", "I50.900"])
PROCS = st.sampled_from(["51.2300", "36.0700", "39.9500", "?"])


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(CODES, min_size=1, max_size=7), st.lists(PROCS, max_size=3)),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 5),
)
def test_counts_are_those_of_plain_python(lists: list[tuple[list[str], list[str]]], parts: int) -> None:
    miner = Miner(minimum=LEAST_CASES)
    for part in np.array_split(np.arange(len(lists)), parts):
        miner.add(cases(*(lists[place] for place in part)))
    items = [
        sorted(
            {f"dx:{code[:3]}" for code in dx if len(code) > 2}
            | {f"proc:{code[:4]}" for code in proc if len(code) > 2}
        )
        for dx, proc in lists
    ]
    single = Counter(item for one in items for item in one)
    double = Counter(pair for one in items for pair in itertools.combinations(one, 2))
    wanted = {
        frozenset(pair): number
        for pair, number in double.items()
        if number >= LEAST_CASES and number * len(lists) >= 1.2 * single[pair[0]] * single[pair[1]]
    }
    found = {frozenset((source, target)): number for source, target, number, _, _ in pairs(miner.finish())}
    assert found == wanted


def test_a_case_with_very_many_codes_is_left_out_and_told() -> None:
    many = list(dict.fromkeys(code[:3] for code in load_catalogue("icd10").codes))[: MOST_ITEMS + 5]
    codes = [next(code for code in load_catalogue("icd10").codes if code.startswith(start)) for start in many]
    miner = Miner(minimum=LEAST_CASES)
    miner.add(cases(*[(codes, [])] * 6))
    found = miner.finish()
    assert found.left_out == 6
    assert pairs(found) == []


def test_orders_results_and_fee_items_of_whole_records_are_counted() -> None:
    table = cases(*[(["E87.600"], [])] * 6, *[(["J18.900"], [])] * 6)
    records = pa.table(
        {
            "orders.name": [["氯化钾缓释片"]] * 6 + [["注射用头孢曲松钠"]] * 6,
            "labs.name": [["血钾"]] * 12,
            "labs.value": [["2.7"]] * 6 + [["4.1"]] * 6,
            "labs.unit": [["mmol/L"]] * 12,
            "fee_lines.name": [["护理费"]] * 6 + [None] * 6,
        }
    )
    miner = Miner(minimum=LEAST_CASES)
    miner.add(table, records)
    targets = {target for source, target, *_ in pairs(miner.finish()) if source == "dx:E87"}
    assert targets == {"drug:氯化钾", "lab:potassium:low", "fee:护理费"}


def test_names_of_orders_and_results() -> None:
    assert drug_nodes("阿托伐他汀钙片") == ["drug:statin"]
    assert drug_nodes("出院") == []
    assert lab_nodes("血钾", "2.7", "mmol/L") == ["lab:potassium:low"]
    assert lab_nodes("血钾", "4.0", "mmol/L") == []
    assert lab_nodes("血钾", "3.6", "mmol/L", "3.8", "5.3") == ["lab:potassium:low"]
    assert lab_nodes("尿蛋白", "阴性", None) == []
    assert lab_nodes("血肌酐", "2.5", "mg/dL") == ["lab:creatinine:high"]
    assert lab_nodes("血钾", "2.7", "mg/L") == [], "a unit that is not the item's is compared with nothing"
    assert lab_nodes("糖类抗原CA125", "2.1", "U/mL") == []


# Files


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graph")
    miner = Miner(find_pack(SCHEME), LEAST_CASES)
    miner.add(cases(*[(["I50.900", "J96.900x001"], [])] * 8, *[(["K80.200x003"], ["51.2300"])] * 20))
    save_graph(folder, build_graph(find_pack(SCHEME), together=miner.finish()))
    return folder


def test_a_stored_graph_is_the_same_and_needs_no_pickle(mined: Path) -> None:
    assert sorted(path.name for path in mined.iterdir()) == ["edges.parquet", "graph.json", "nodes.parquet"]
    graph = load_graph(mined)
    assert graph.information["cases"] == 28
    edge = next(edge for edge in graph.evidence("I50.900") if edge.relation == "together")
    assert edge.cases == 8
    assert edge.lift == pytest.approx(28 / 8)


def test_companions_are_diagnoses_that_are_not_there(mined: Path) -> None:
    graph = load_graph(mined)
    assert [edge.target.id for edge in graph.companions(["I50.100"], 0.3)] == ["dx:J96"]
    assert graph.companions(["I50.100", "J96.000"], 0.3) == []


def test_a_damaged_graph_is_refused(mined: Path, tmp_path: Path) -> None:
    for path in mined.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    edges = pq.read_table(tmp_path / EDGES)
    place = edges.schema.get_field_index("target")
    outside = pa.array(np.full(len(edges), 1_000_000, np.int32))
    pq.write_table(edges.set_column(place, "target", outside), tmp_path / EDGES)
    with pytest.raises(InputError, match="no graph"):
        load_graph(tmp_path)
    (tmp_path / "edges.parquet").write_bytes(b"PAR1 and nothing")
    with pytest.raises(InputError, match="no graph"):
        load_graph(tmp_path)
    with pytest.raises(InputError, match="no graph"):
        load_graph(tmp_path / "nowhere")


# Pictures


@pytest.mark.parametrize("code", ["E87.600", "MDCF", "51.2300", "level:MCC", "lab:potassium:low"])
@pytest.mark.parametrize("most", [2, 25])
def test_a_neighbourhood_is_a_networkx_graph_of_at_most_so_many_nodes(
    graph: Graph, code: str, most: int
) -> None:
    around = graph.neighbourhood(code, most)
    assert isinstance(around, networkx.MultiDiGraph)
    assert 2 <= len(around) <= most
    assert sum(data["middle"] for _, data in around.nodes(data=True)) == 1


def test_there_is_no_neighbourhood_of_nothing(graph: Graph) -> None:
    assert len(graph.neighbourhood("no such code")) == 0


HOSTILE = 'a"]; evil [label="\\" <script>alert(1)</script>\nnext\x00'


@pytest.fixture
def hostile() -> Graph:
    nodes = pa.Table.from_pylist(
        [
            {"node": f"fee:{HOSTILE}", "kind": "fee", "code": HOSTILE, "name": HOSTILE},
            {"node": "dx:I10", "kind": "dx", "code": "I10", "name": "x"},
        ],
        schema=NODE_SCHEMA,
    )
    edge = {"source": 0, "target": 1, "relation": "together", "origin": "own-cases"}
    row = {**edge, "cases": 9, "confidence": 0.5, "lift": 2.0}
    return Graph(nodes, pa.Table.from_pylist([row], schema=EDGE_SCHEMA))


def test_labels_cannot_break_out_of_dot(hostile: Graph) -> None:
    text = to_dot(hostile.neighbourhood("I10"), "en")
    assert "\x00" not in text
    for line in text.splitlines()[1:-1]:
        # Outside of quoted strings there is nothing of the label.
        bare = "".join(_unquoted(line))
        assert "evil" not in bare
        assert "script" not in bare


def _unquoted(line: str) -> list[str]:
    found, inside, escaped = [], False, False
    for sign in line:
        if inside and not escaped and sign == "\\":
            escaped = True
            continue
        if sign == '"' and not escaped:
            inside = not inside
        elif not inside:
            found.append(sign)
        escaped = False
    assert not inside
    return found


def test_echarts_options_are_json_and_draw_no_html(hostile: Graph) -> None:
    options = to_echarts(hostile.neighbourhood("I10"), "en")
    assert options["tooltip"]["renderMode"] == "richText"
    again = json.loads(json.dumps(options))
    assert {node["id"] for node in again["series"][0]["data"]} == {f"fee:{HOSTILE}", "dx:I10"}
    assert again["series"][0]["links"][0]["value"] == "seen together ×2.0"
