"""Joint statistics on aligned rows, both sides in one process: exact, guarded, and nothing but what is declared."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from privacy.errors import Refused
from privacy.he.bfv import hidden_bits
from privacy.he.fixed_point import LARGEST, PLAIN_MODULUS, SLOTS, reduce, uniform_masks
from privacy.he.worker import Worker
from privacy.message import Message
from privacy.protocols import JobResult
from privacy.protocols.stats import PROTOCOL, messages, small_counts
from privacy.protocols.stats.budget import BudgetLedger
from privacy.protocols.stats.figures import figures_table, information_values
from privacy.protocols.stats.groups import groups_of
from privacy.protocols.stats.layout import Layout, layout
from privacy.protocols.stats.parameters import StatsParameters
from privacy.protocols.stats.quantities import quantity_rows
from privacy.protocols.stats.release import guarded, packed, released, unpacked
from privacy.protocols.stats.responder import StatsCore
from privacy.table import Table
from tests.privacy.direct import DirectSession
from tests.privacy.local_jobs import LocalRun
from tests.privacy.stats_cases import COST, assert_like_pandas, compute, job_of, table_of

NAN = float("nan")
FEN = st.integers(0, 100_000_000).map(lambda fen: fen / 100)
ROWS = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), FEN | st.none()), min_size=3, max_size=60)


def parameters_of(**changes: Any) -> StatsParameters:
    given: dict[str, Any] = {"group_column": "group", "columns": {"cost": COST}, "minimum_group": 2}
    return StatsParameters.model_validate(given | changes)


def plain_sums(
    parameters: StatsParameters, own: Table, peer: Table
) -> tuple[Layout, list[list[int | None]], list[int], tuple[str | None, ...]]:
    """What the initiator ends with, from the plaintext: the same functions without encryption."""
    plan = layout(parameters, len(own))
    groups = groups_of(parameters, own)
    rows = quantity_rows(plan, parameters, peer)
    sums = groups.indicators @ rows.T
    passed = sums[:, plan.counts] >= parameters.minimum_group
    free = guarded(released(passed, plan, parameters, rows.sum(axis=1)), plan)
    known = [
        [int(value) if is_free else None for value, is_free in zip(*pair, strict=True)]
        for pair in zip(sums, free, strict=True)
    ]
    return plan, known, groups.sizes, groups.names


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_figures_of_the_plain_sums_equal_pandas(rows: list[tuple[str, float | None]]) -> None:
    own = table_of({"group": [group for group, _ in rows]})
    peer = table_of(cost=[NAN if cost is None else cost for _, cost in rows])
    parameters = parameters_of()
    plan, sums, sizes, names = plain_sums(parameters, own, peer)
    found = figures_table(parameters, plan, names, sizes, sums)
    joined = pd.DataFrame({"group": own.texts["group"], "cost": peer.columns["cost"]})
    assert_like_pandas(JobResult({}, found), joined, "cost", 2)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_encrypted_figures_equal_those_of_the_plaintext(
    tmp_path: Path, rows: list[tuple[str, float | None]]
) -> None:
    own = table_of({"group": [group for group, _ in rows]})
    peer = table_of(cost=[NAN if cost is None else cost for _, cost in rows])
    parameters = parameters_of()
    result, _ = compute(tmp_path, parameters, own, peer)
    plan, sums, sizes, names = plain_sums(parameters, own, peer)
    assert result.table is not None
    assert result.table.equals(figures_table(parameters, plan, names, sizes, sums))


def test_several_blocks_and_columns_equal_pandas(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    count = SLOTS + 500
    cost = np.round(generator.gamma(2.0, 4000.0, count), 2)
    cost[generator.random(count) < 0.1] = NAN
    change = np.round(generator.normal(0.0, 50.0, count), 2)
    group = [["city", "rural", None][place] for place in generator.integers(0, 3, count)]
    columns = {
        "cost": {**COST, "edges": [1000.0, 5000.5]},
        "change": {"decimals": 2, "least": -1000.0, "most": 1000.0},
    }
    result, _ = compute(
        tmp_path,
        parameters_of(columns=columns, minimum_group=20),
        table_of({"group": group}),
        table_of(cost=cost, change=change),
    )
    joined = pd.DataFrame({"group": group, "cost": cost, "change": change})
    for column in columns:
        assert_like_pandas(result, joined, column, 20)
    assert result.summary["rows_without_group"] == group.count(None)
    assert result.summary["suppressed"] == 0
    bins = pd.cut(joined["cost"], [-np.inf, 1000.0, 5000.5, np.inf], right=False).astype(str)
    cross = joined.groupby(["group", bins])["cost"].count()
    told = {(row["group"], row["bin"]): row["count"] for row in rows_of(result) if row["bin"]}
    for group_name in ("city", "rural"):
        assert told[group_name, "< 1000.00"] == cross[group_name, "[-inf, 1000.0)"]
        assert told[group_name, "[1000.00, 5000.50)"] == cross[group_name, "[1000.0, 5000.5)"]
        assert told[group_name, ">= 5000.50"] == cross[group_name, "[5000.5, inf)"]


def test_weights_of_evidence_and_information_value(tmp_path: Path) -> None:
    label = [1.0] * 30 + [0.0] * 70 + [NAN] * 5
    cost = [50.0] * 10 + [200.0] * 20 + [50.0] * 60 + [200.0] * 10 + [1.0] * 5
    columns = {"cost": {"most": 1000.0, "edges": [100.0]}}
    parameters = parameters_of(
        group_column=None, label_column="label", columns=columns, minimum_group=5, smoothing=0.5
    )
    result, _ = compute(tmp_path, parameters, table_of(label=label), table_of(cost=cost))
    low = math.log((10.5 / 31) / (60.5 / 71))
    high = math.log((20.5 / 31) / (10.5 / 71))
    assert {row["bin"]: row["woe"] for row in rows_of(result) if row["bin"]} == {"< 100": low, ">= 100": high}
    value = (10.5 / 31 - 60.5 / 71) * low + (20.5 / 31 - 10.5 / 71) * high
    information = result.summary["information_values"]["cost"]
    assert information["iv"] == pytest.approx(value, rel=1e-12)
    assert information["iv_at_least"] == information["iv"]


def test_a_small_bin_is_null_and_takes_another_with_it(tmp_path: Path) -> None:
    label = [1.0] * 33 + [0.0] * 60
    cost = [50.0] * 20 + [200.0] * 10 + [900.0] * 3 + [50.0] * 20 + [200.0] * 20 + [900.0] * 20
    columns = {"cost": {"most": 1000.0, "edges": [100.0, 500.0]}}
    parameters = parameters_of(group_column=None, label_column="label", columns=columns, minimum_group=5)
    result, _ = compute(tmp_path, parameters, table_of(label=label), table_of(cost=cost))
    told = {(row["group"], row["bin"]): row["count"] for row in rows_of(result) if row["bin"]}
    # 33 - 10 says only that 23 rows are in the two bins together.
    assert [told["1", name] for name in ("< 100", "[100, 500)", ">= 500")] == [None, 10, None]
    assert [told["0", name] for name in ("< 100", "[100, 500)", ">= 500")] == [20, 20, 20]
    information = result.summary["information_values"]["cost"]
    assert information["iv"] is None
    assert information["iv_at_least"] > 0
    assert result.summary["suppressed"] == 2


def test_a_small_group_is_null_and_so_is_all_together(tmp_path: Path) -> None:
    group = ["large"] * 8 + ["small"] * 4
    cost = [10.0] * 8 + [20.0] * 4
    own, peer = table_of({"group": group}), table_of(cost=cost)
    result, _ = compute(tmp_path, parameters_of(minimum_group=5), own, peer)
    told = {row["group"]: row for row in rows_of(result) if row["bin"] is None}
    assert told["large"]["count"] == 8
    for name in ("small", None):
        assert [told[name][figure] for figure in ("count", "missing", "sum", "mean", "variance")] == [
            None
        ] * 5
    assert told["small"]["rows"] == 4


def test_missing_values_are_counted_and_left_out(tmp_path: Path) -> None:
    result, _ = compute(
        tmp_path,
        parameters_of(group_column=None),
        table_of(any=[0.0] * 5),
        table_of(cost=[NAN, 10.0, 20.0, NAN, 60.0]),
    )
    row = rows_of(result)[0]
    assert (row["count"], row["missing"], float(row["sum"]), row["mean"]) == (3, 2, 90.0, 30.0)
    assert row["variance"] == 700.0


def test_large_amounts_are_exact_to_the_fen(tmp_path: Path) -> None:
    """Squares of up to 2^63 go into several sums."""
    cost = [29_999_999.99, 29_999_999.98, 0.01]
    columns = {"cost": {"decimals": 2, "most": 30_000_000.0}}
    parameters = parameters_of(group_column=None, columns=columns)
    assert len(layout(parameters, 10_000).of("cost", "square")) == 2
    result, _ = compute(tmp_path, parameters, table_of(any=[0.0] * 3), table_of(cost=cost))
    row = rows_of(result)[0]
    assert str(row["sum"]) == "59999999.980000"
    units = [2_999_999_999, 2_999_999_998, 1]
    exact = (3 * sum(unit**2 for unit in units) - sum(units) ** 2) / (6 * 10_000)
    assert row["variance"] == exact


@pytest.mark.parametrize("rows", [1000, 100_000])
def test_what_could_overflow_is_refused_before_anything_is_encrypted(rows: int) -> None:
    fits = (LARGEST // rows) // 100
    columns = {"cost": {"decimals": 2, "most": float(min(fits, 29_999_999))}}
    plan = layout(parameters_of(columns=columns), rows)
    assert rows * ((1 << plan.limb_bits) - 1) <= LARGEST
    with pytest.raises(Refused) as refused:
        layout(parameters_of(columns={"cost": {"decimals": 2, "most": float(10**13)}}), rows)
    assert refused.value.code == "he.overflow"
    with pytest.raises(Refused) as refused:
        layout(parameters_of(columns={"cost": {"decimals": 2, "most": 30_000_001.0}}), rows)
    assert refused.value.code == "stats.square"


@pytest.mark.parametrize(
    ("cost", "code"),
    [
        ([1.0, 2_000_000.0], "stats.value_outside"),
        ([-0.01, 1.0], "stats.value_outside"),
        ([1.005, 1.0], "stats.decimals"),
    ],
)
def test_a_value_that_is_not_as_declared_is_refused(tmp_path: Path, cost: list[float], code: str) -> None:
    with pytest.raises(Refused) as refused:
        compute(tmp_path, parameters_of(), table_of({"group": ["a", "a"]}), table_of(cost=cost))
    assert refused.value.code == code
    assert str(cost[0]) not in str(refused.value)


def test_rounding_is_asked_for() -> None:
    parameters = parameters_of(columns={"cost": {**COST, "rounded": True}})
    rows = quantity_rows(layout(parameters, 2), parameters, table_of(cost=[1.006, 1.0]))
    assert rows[1].tolist() == [101, 100]


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": {}},
        {"columns": {"cost": {"most": 0.0}}},
        {"columns": {"cost": {"most": 9.0, "edges": [3.0, 2.0]}}},
        {"columns": {"cost": {"most": 9.0, "edges": [2.5]}}},
        {"columns": {"cost": {"most": float("inf")}}},
        {"minimum_group": 1},
        {"label_column": "label"},
        {"epsilon": 0.0},
        {"smoothing": 0.0},
        {"more": 1},
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parameters_of(**wrong)


def test_a_label_is_0_or_1() -> None:
    parameters = parameters_of(group_column=None, label_column="label")
    with pytest.raises(Refused) as refused:
        groups_of(parameters, table_of(label=[0.0, 2.0]))
    assert refused.value.code == "stats.label"


@given(st.lists(st.integers(0, 40), min_size=1, max_size=20), st.integers(2, 12))
def test_small_counts_and_no_others_are_found(counts: list[int], minimum: int) -> None:
    masks = uniform_masks(len(counts))
    masked = small_counts.repeated(reduce(np.array(counts) + masks), minimum)
    factors, addends = small_counts.tests(masks, minimum)
    products = (masked.astype(object) * factors.astype(object) + addends.astype(object)) % PLAIN_MODULUS
    found = small_counts.passed(products.astype(np.int64), len(counts), minimum)
    assert found.tolist() == [count >= minimum for count in counts]


def test_where_the_zero_is_says_nothing_of_a_small_count() -> None:
    minimum, places = 10, []
    for _ in range(300):
        mask = uniform_masks(1)
        masked = small_counts.repeated(reduce(mask + 3), minimum)
        factors, addends = small_counts.tests(mask, minimum)
        products = (masked.astype(object) * factors.astype(object) + addends.astype(object)) % PLAIN_MODULUS
        places.append(int(np.flatnonzero(products.reshape(-1)[:minimum] == 0)[0]))
    # Each of ten places is expected thirty times.
    assert all(8 <= places.count(place) <= 60 for place in range(minimum))


@given(st.lists(st.lists(st.integers(0, 12), min_size=4, max_size=4), min_size=1, max_size=4))
def test_what_is_kept_back_of_a_groups_bins_is_never_small_together(cells: list[list[int]]) -> None:
    columns = {"cost": {"most": 9.0, "edges": [1.0, 2.0, 3.0]}}
    parameters = parameters_of(columns=columns, minimum_group=5)
    plan = layout(parameters, 1000)
    table = np.array(cells)
    counts = np.column_stack([table.sum(axis=1), table])
    totals = np.zeros(len(plan.quantities), np.int64)
    totals[list(plan.counts)] = counts.sum(axis=0)
    free = released(counts >= 5, plan, parameters, totals)
    for row, is_free in zip(counts, free, strict=True):
        shown, kept = row[is_free], row[1:][~is_free[1:]]
        empty = totals[list(plan.counts)][is_free] == 0
        assert ((shown >= 5) | empty).all()
        # Without the count of present values, to which the bins add up, no bin is shown at all.
        assert kept.sum() >= 5 or not len(kept) or (not is_free.any() and len(kept) == 4)


@given(st.integers(1, 9), st.integers(1, 9))
def test_bits_go_and_come_back(groups: int, counts: int) -> None:
    flags = np.random.default_rng(groups * counts).random((groups, counts)) < 0.5
    assert (unpacked(packed(flags), groups, counts) == flags).all()
    with pytest.raises(Refused):
        unpacked(packed(flags) + b"\0", groups, counts)


def test_the_noise_is_in_the_test_for_small_counts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else any number of jobs with a small epsilon would find the exact counts by their minimum group."""

    def draw(scales: dict[int, float], groups: int, quantities: int) -> Any:
        return np.full((groups, quantities), 100, np.int64)

    monkeypatch.setattr("privacy.protocols.stats.responder.draw_noise", draw)
    own = table_of({"group": ["few"] * 2 + ["many"] * 9})
    parameters = parameters_of(epsilon=1.0, minimum_group=5)
    result, _ = compute(tmp_path, parameters, own, table_of(cost=[1.0] * 11))
    assert result.table is not None
    told = {row["group"]: row["count"] for row in result.table.to_pylist() if row["bin"] is None}
    assert (told["few"], told["many"]) == (102, 109)


def test_which_counts_are_small_is_not_told_before_the_budget_is_spent(tmp_path: Path) -> None:
    def hang_up(message: Message) -> Message:
        if isinstance(message, messages.StatsCompared):
            raise KeyboardInterrupt
        return message

    ids = [str(row) for row in range(8)]
    mine = Table(ids, {}, {"group": ["a"] * 8})
    theirs = Table(ids, {"cost": np.ones(8)}, {})
    parameters = parameters_of(epsilon=1.0, minimum_group=5)
    local = LocalRun(tmp_path, PROTOCOL, parameters, mine, theirs, hang_up)
    with pytest.raises(KeyboardInterrupt):
        local.run()
    state = tmp_path / "responder"
    ledger = BudgetLedger(state)
    with pytest.raises(Refused, match=r"stats\.budget_spent"):
        ledger.require_allowed("insurer", "table", ["cost"], ledger._limits.micro_epsilon("table", "cost"))


class TestMessages:
    """What the peer may not send."""

    own = table_of({"group": ["a", "a", "b", "b", "a", "b"]})
    peer = table_of(cost=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])

    @pytest.fixture
    def core(self, tmp_path: Path) -> Any:
        core = StatsCore(job_of(tmp_path, parameters_of(), self.peer), self.peer)
        yield core
        core.close()

    def start(self, core: StatsCore, groups: int = 2) -> DirectSession:
        session = DirectSession(core)
        with Worker() as worker:
            public = worker.make_key().public
        session.ask(messages.StatsStart(groups=groups, blobs=(public,)), messages.StatsStarted)
        return session

    def test_too_many_groups(self, core: StatsCore) -> None:
        for groups in (0, 65):
            with pytest.raises(ValidationError):
                messages.StatsStart(groups=groups)

    def test_too_many_tests(self, tmp_path: Path) -> None:
        column = {"most": 100.0, "edges": [float(edge) for edge in range(1, 11)]}
        columns = {f"c{number}": column for number in range(8)}
        parameters = parameters_of(columns=columns, minimum_group=1000)
        table = table_of(None, **{name: [1.0] * 1000 for name in columns})
        core = StatsCore(job_of(tmp_path, parameters, table), table)
        with pytest.raises(Refused) as refused:
            core.handle(messages.StatsStart(groups=64, blobs=(b"",)))
        assert refused.value.code == "stats.groups"

    def test_no_key(self, core: StatsCore) -> None:
        with pytest.raises(Refused) as refused:
            core.handle(messages.StatsStart(groups=2, blobs=(b"no key",)))
        assert refused.value.code == "he.public_key"

    def test_another_number_of_blocks(self, core: StatsCore) -> None:
        session = self.start(core)
        with pytest.raises(Refused) as refused:
            session.ask(messages.StatsGroup(blobs=()), messages.StatsMasked)
        assert refused.value.code == "stats.size"

    def test_a_blob_that_is_no_ciphertext(self, core: StatsCore) -> None:
        session = self.start(core)
        with pytest.raises(Refused) as refused:
            session.ask(messages.StatsGroup(blobs=(b"DHE1" + bytes(100),)), messages.StatsMasked)
        assert refused.value.code == "he.other_key"

    def test_more_groups_than_announced(self, core: StatsCore) -> None:
        with Worker() as worker:
            key = worker.make_key()
            worker.use_secret_key(key.secret)
            block = tuple(worker.encrypt(np.ones((1, SLOTS), np.int64)))
        session = DirectSession(core)
        session.ask(messages.StatsStart(groups=1, blobs=(key.public,)), messages.StatsStarted)
        session.ask(messages.StatsGroup(blobs=block), messages.StatsMasked)
        with pytest.raises(Refused) as refused:
            session.ask(messages.StatsGroup(blobs=block), messages.StatsMasked)
        assert refused.value.code == "message.type"

    def test_a_message_out_of_turn(self, core: StatsCore) -> None:
        session = self.start(core)
        with pytest.raises(Refused) as refused:
            session.ask(messages.StatsClaim(passed=b"\xff"), messages.StatsReleased)
        assert refused.value.code == "message.type"

    @pytest.mark.parametrize(
        ("kind", "change"),
        [
            (messages.StatsStarted, {"rows": 7}),
            (messages.StatsMasked, {"blobs": ()}),
            (messages.StatsCompared, {"blobs": ()}),
            (messages.StatsReleased, {"released": b"\xff\xff"}),
            (messages.StatsReleased, {"blobs": (b"12345678",)}),
        ],
    )
    def test_a_reply_of_another_size(
        self, tmp_path: Path, kind: type[Message], change: dict[str, Any]
    ) -> None:
        def tamper(message: Message) -> Message:
            return message.model_copy(update=change) if isinstance(message, kind) else message

        with pytest.raises(Refused) as refused:
            compute(tmp_path, parameters_of(), self.own, self.peer, tamper)
        assert refused.value.code in ("stats.size", "stats.rows")


def test_no_value_and_no_group_crosses(tmp_path: Path) -> None:
    """Only declared messages; nothing of the rows in them; and two runs on the same rows have no blob in common."""
    group = ["secret_plan"] * 6 + ["other_plan"] * 6
    cost = [91234.56 + row for row in range(12)]
    own, peer = table_of({"group": group}), table_of(cost=cost)
    transcripts = [compute(tmp_path, parameters_of(), own, peer)[1].transcript for _ in range(2)]
    crossed = b"".join(transcripts[0])
    for secret in ("secret_plan", "other_plan", *map(repr, cost)):
        assert secret.encode() not in crossed
    for value in cost:
        for number in (np.float64(value), np.int64(round(value * 100))):
            assert number.tobytes() not in crossed
    types = {
        kind.TYPE
        for kind in vars(messages).values()
        if isinstance(kind, type) and issubclass(kind, Message) and kind is not Message
    }
    for data in transcripts[0]:
        head = data[9 : 9 + int.from_bytes(data[5:9], "big")]
        assert any(f'"type":"{name}"'.encode() in head for name in types)
    # Membership of groups: equal rows of a group do not show as equal bytes.
    longest = [max(transcript, key=len) for transcript in transcripts]
    assert longest[0][-2000:-64] != longest[1][-2000:-64]


def test_at_least_forty_bits_of_the_noise_are_hidden() -> None:
    assert hidden_bits(terms=13) > 40


def test_information_value_without_edges_is_not_there() -> None:
    parameters = parameters_of(group_column=None, label_column="label", columns={"cost": {"most": 9.0}})
    plan = layout(parameters, 10)
    assert information_values(parameters, plan, [[5] * 4, [5] * 4]) == {}


def rows_of(result: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = result.table.to_pylist()
    return found
