"""The training equals the plain one bit for bit, and refuses what it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.errors import Refused
from privacy.he.fixed_point import LARGEST, PLAIN_MODULUS, SLOTS, add, centred, subtract, uniform_masks
from privacy.message import Message
from privacy.protocols.train import TrainParameters, fixed, model
from privacy.protocols.train.features import FeatureMaker
from privacy.protocols.train.fixed import Rates, Weights
from privacy.protocols.train.initiator import labels
from privacy.protocols.train.messages import MOST_CIPHERTEXTS, TrainProductsReply
from privacy.protocols.train.packing import Packing
from privacy.protocols.train.schedule import DIFFERING_A_BATCH, PATIENCE, Schedule
from privacy.table import Table
from tests.privacy.direct import JOB
from tests.privacy.plain_logistic import auc, fit
from tests.privacy.train_cases import LABEL, Joined, train_direct, train_plain, weights_of

ROWS, COLUMNS = 600, 3
LEAST = DIFFERING_A_BATCH


def parameters(joined: Joined, **others: Any) -> TrainParameters:
    return TrainParameters.model_validate(joined.parameters(**others))


@pytest.mark.parametrize(
    "settings",
    [
        {"max_rounds": 3},
        {"max_rounds": 7, "batch_rows": 250, "momentum": 0.5, "l2": 0.01},
        {"max_rounds": 40, "early_stop": 0.01},
    ],
)
def test_weights_and_losses_equal_the_reference_bit_for_bit(tmp_path: Path, settings: dict[str, Any]) -> None:
    joined = Joined.draw(ROWS, COLUMNS, seed=1, missing=0.05)
    asked = parameters(joined, **settings)
    done = train_direct(tmp_path, asked, joined.initiator_table(), joined.responder_table())
    plain = train_plain(asked, (done.initiator, done.responder), done.tables)
    assert weights_of(done.initiator) == plain.initiator.tolist()
    assert weights_of(done.responder) == plain.responder.tolist()
    assert done.result.summary["losses"] == plain.losses
    assert done.result.summary["rounds"] == len(plain.losses)
    if "early_stop" in settings:
        assert PATIENCE < len(plain.losses) < asked.max_rounds


def test_trained_on_leaves_of_each_sides_own_trees(tmp_path: Path) -> None:
    joined = Joined.draw(4000, COLUMNS, seed=2, missing=0.02)
    own = replace(joined, responder={name: joined.responder[name] for name in ("b0", "b1")})
    table = joined.responder_table()
    cost = np.nan_to_num(table.columns["b2"]) + np.nan_to_num(table.columns["b0"])
    trees = {"count": 3, "leaves": 4}
    asked = parameters(own, features="leaves", responder_target="cost", trees=trees, max_rounds=2)
    done = train_direct(
        tmp_path, asked, own.initiator_table(), Table(table.ids, {**table.columns, "cost": cost})
    )
    plain = train_plain(asked, (done.initiator, done.responder), done.tables)
    assert weights_of(done.initiator) == plain.initiator.tolist()
    assert weights_of(done.responder) == plain.responder.tolist()
    assert [each.name for each in done.initiator.features.standardised][:2] == ["tree0=leaf0", "tree0=leaf1"]
    assert len(done.responder.weights) == 12
    # Each row falls into one leaf of each tree.
    features = done.responder.features.features(done.tables[1])
    assert (np.sum(features > 0, axis=0) == 3).all()


def test_the_joint_model_is_as_good_as_a_plain_one_and_better_than_either_side(tmp_path: Path) -> None:
    joined = Joined.draw(3000, 4, seed=3)
    asked = parameters(joined, max_rounds=30)
    done = train_direct(tmp_path, asked, joined.initiator_table(), joined.responder_table())
    label = done.tables[0].columns[LABEL]
    scores = done.initiator.scores(done.tables[0]) + done.responder.scores(done.tables[1])
    own = np.array([done.tables[0].columns[name] for name in joined.initiator])
    peer = np.array([done.tables[1].columns[name] for name in joined.responder])
    joint = auc(scores, label)
    plain, *alone = (
        auc(fit(columns, label).scores(columns), label) for columns in (np.vstack([own, peer]), own, peer)
    )
    assert joint > plain - 0.002
    assert joint > max(alone) + 0.02


def test_the_parts_are_written_for_the_owner_alone_and_name_each_other(tmp_path: Path) -> None:
    joined = Joined.draw(ROWS, COLUMNS, seed=4)
    asked = parameters(joined, max_rounds=1)
    done = train_direct(tmp_path, asked, joined.initiator_table(), joined.responder_table())
    own, peer = (model.model_path(tmp_path / role, JOB) for role in ("initiator", "responder"))
    first, second = model.read(own), model.read(peer)
    assert (first.peer_sha256, second.peer_sha256) == (second.sha256, first.sha256)
    assert own.stat().st_mode & 0o077 == 0
    assert set(done.result.summary["weights"]) == {"intercept", *joined.initiator}
    text = own.read_text(encoding="utf-8")
    own.write_text(text.replace(str(first.part.weights[0]), str(first.part.weights[0] + 1)), encoding="utf-8")
    with pytest.raises(Refused, match=r"train\.model_damaged"):
        model.read(own)


def type_of(envelope: bytes) -> str:
    head = envelope[: envelope.index(b'"version"')]
    return head.split(b'"type":"')[1].split(b'"')[0].decode()


def test_nothing_but_declared_messages_crosses(tmp_path: Path) -> None:
    joined = Joined.draw(ROWS, COLUMNS, seed=5)
    asked = parameters(joined, max_rounds=2)
    done = train_direct(tmp_path, asked, joined.initiator_table(), joined.responder_table())
    types = [type_of(envelope) for envelope in done.direct.transcript]
    a_round = ["train.residuals", "train.residuals_reply", "train.products", "train.products_reply"]
    assert [name for name in types if name.startswith("train")] == [
        *("train.start", "train.started"),
        *(2 * a_round),
        *("train.finish", "train.finished"),
    ]
    assert {name.partition(".")[0] for name in types} == {"psi", "train"}


def test_no_value_of_a_row_and_no_sum_without_its_mask_crosses(tmp_path: Path) -> None:
    joined = Joined.draw(ROWS, COLUMNS, seed=5)
    asked = parameters(joined, max_rounds=1)
    done = train_direct(tmp_path, asked, joined.initiator_table(), joined.responder_table())
    crossed = b"".join(done.direct.transcript)
    label = done.tables[0].columns[LABEL].astype(np.int64)
    rows = [label[:32]]
    for table, part in zip(done.tables, (done.initiator, done.responder), strict=True):
        assert not any(id.encode() in crossed for id in table.ids)
        numbers = np.concatenate([table.columns[name][:50] for name in part.features.columns])
        assert not any(value.tobytes() in crossed for value in numbers)
        assert not any(repr(value).encode() in crossed for value in numbers.tolist())
        assert not any(str(weight).encode() in crossed for weight in part.weights)
        rows += list(part.features.features(table)[:, :8])
    own, peer = (
        part.features.features(table)
        for part, table in zip((done.initiator, done.responder), done.tables, strict=True)
    )
    residual = fixed.residual_part(own, np.zeros(COLUMNS, np.int64), label)
    rows.append(residual[:32])
    assert not any(
        row.astype(kind).tobytes() in crossed for row in rows for kind in ("<i2", ">i2", "<i4", "<i8", "<f8")
    )
    # What the responder has at the end of the first round; the masks are on it as long as it is on the way.
    gradient = fixed.gradient_part(peer, residual)
    assert gradient.all()
    for sums in (gradient, gradient % PLAIN_MODULUS):
        assert not any(str(each).encode() in crossed for each in sums.tolist())


def test_a_reply_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    joined = Joined.draw(ROWS, COLUMNS, seed=6)

    def change(message: Message) -> Message:
        if isinstance(message, TrainProductsReply):
            return message.model_copy(update={"sums": message.sums[:-1]})
        return message

    with pytest.raises(Refused, match=r"train\.shape"):
        train_direct(tmp_path, parameters(joined), joined.initiator_table(), joined.responder_table(), change)
    assert not list(tmp_path.rglob("models/*"))


def test_more_rounds_than_agreed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(Schedule):
        def is_over(self, loss: float) -> bool:
            return False

    monkeypatch.setattr("privacy.protocols.train.initiator.Schedule", Endless)
    joined = Joined.draw(ROWS, COLUMNS, seed=11)
    with pytest.raises(Refused, match=r"message\.type"):
        train_direct(
            tmp_path, parameters(joined, max_rounds=2), joined.initiator_table(), joined.responder_table()
        )


@pytest.mark.parametrize("label", [np.nan, 2.0])
def test_a_label_that_is_not_0_or_1_is_refused(tmp_path: Path, label: float) -> None:
    joined = Joined.draw(ROWS, COLUMNS, seed=7)
    joined.label[17] = label
    with pytest.raises(Refused, match=r"train\.label"):
        train_direct(tmp_path, parameters(joined), joined.initiator_table(), joined.responder_table())


def test_a_label_that_few_rows_have_is_refused() -> None:
    column = np.zeros(1000)
    column[:LEAST] = 1.0
    assert labels(column, LEAST).sum() == LEAST
    with pytest.raises(Refused, match=r"train\.label"):
        labels(column, LEAST + 1)
    with pytest.raises(Refused, match=r"train\.label"):
        labels(1 - column, LEAST + 1)


def test_few_rows_are_refused(tmp_path: Path) -> None:
    joined = Joined.draw(90, COLUMNS, seed=8)
    with pytest.raises(Refused, match=r"train\.rows_few"):
        train_direct(tmp_path, parameters(joined), joined.initiator_table(), joined.responder_table())
    many = Joined.draw(ROWS, 40, seed=8)
    with pytest.raises(Refused, match=r"train\.rows_few"):
        Schedule(parameters(many), ROWS, 41)
    with pytest.raises(Refused, match=r"train\.rows_few"):
        Schedule(parameters(joined, batch_rows=100, minimum_rows=200), ROWS, COLUMNS)


def test_a_training_that_runs_away_is_refused(tmp_path: Path) -> None:
    joined = Joined.draw(ROWS, COLUMNS, seed=9)
    asked = parameters(joined, learning_rate=16.0, momentum=0.9, max_rounds=30)
    with pytest.raises(Refused, match=r"train\.diverged"):
        train_direct(tmp_path, asked, joined.initiator_table(), joined.responder_table())


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": "a0"},
        {"initiator_columns": ["a0", "a0"]},
        {"features": "leaves"},
        {"responder_target": "b9"},
        {"max_rounds": 501},
        {"momentum": 1.0},
        {"minimum_rows": 5},
        {"batch_rows": 10},
        {"other": 1},
    ],
)
def test_parameters_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        TrainParameters.model_validate(Joined.draw(2, 2, seed=0).parameters() | wrong)


def test_rows_for_which_a_sum_could_wrap_are_refused_before_encrypting() -> None:
    rows = 1_000_000
    fixed.require_room(rows)
    with pytest.raises(Refused, match=r"he\.overflow"):
        fixed.require_room(1 << 20)
    feature, residual = fixed.FEATURE_CLIP << fixed.FEATURE_BITS, fixed.RESIDUAL_MOST << fixed.RESIDUAL_BITS
    assert rows * feature * residual <= LARGEST
    # The largest part that is let through, at the largest feature, on every row.
    features = np.full((1, 10), feature, np.int16)
    with pytest.raises(Refused, match=r"train\.diverged"):
        fixed.residual_part(features, np.array([33 << (fixed.WEIGHT_BITS - 2)]), None)
    assert fixed.residual_part(features, np.array([32 << (fixed.WEIGHT_BITS - 2)]), None).max() == residual
    assert Packing.cheapest(rows, 512).blocks(rows) <= MOST_CIPHERTEXTS


COUNTS = st.integers(1, 40)


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.integers(1, 300), st.integers(1, 40), st.integers(0, 2**32))
def test_packed_products_sum_to_the_columns(columns: int, rows: int, copies: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    packing = Packing(columns, copies)
    features = random.integers(-4096, 4097, (columns, rows)).astype(np.int16)
    residual = random.integers(-(1 << 17), (1 << 17) + 1, rows)
    slots = packing.residual_slots(residual)
    assert slots.shape == (packing.blocks(rows), SLOTS)
    masks = uniform_masks(packing.results, SLOTS)
    products = np.stack(
        [(packing.column_slots(features, result) * slots).sum(axis=0) for result in range(packing.results)]
    )
    unmasked = centred(subtract(packing.sums(add(products, masks)), packing.sums(masks)))
    assert unmasked.tolist() == fixed.gradient_part(features, residual).tolist()


WORD = st.integers(-(1 << 30), 1 << 30)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(WORD, WORD, st.integers(-(1 << 50), 1 << 50)), min_size=1, max_size=5),
    st.integers(100, 1 << 20),
    st.floats(1e-3, 16),
    st.floats(0, 0.99),
    st.floats(0, 1),
)
def test_the_step_is_that_of_exact_integers(
    columns: list[tuple[int, int, int]], rows: int, learning: float, momentum: float, l2: float
) -> None:
    """Against Python's integers, which never wrap."""
    rates = Rates.of(learning, momentum, l2)
    values, velocities, gradient = (np.array(each, np.int64) for each in zip(*columns, strict=True))
    shrunk = np.ones(len(columns), np.int64)
    expected = []
    for value, velocity, sums in columns:
        mean = (2 * sums + rows) // (2 * rows)
        pull = (rates.l2 * value + (1 << 23)) >> 24
        moved = ((rates.momentum * velocity + (1 << 15)) >> 16) + mean + pull
        expected.append((moved, value - ((rates.learning * moved + (1 << 15)) >> 16)))
    begun = Weights(values, velocities, shrunk)
    if any(abs(moved) > 1 << 36 or abs(value) > 1 << 32 for moved, value in expected):
        with pytest.raises(Refused, match=r"train\.diverged"):
            fixed.step(begun, gradient, rows, rates)
    else:
        stepped = fixed.step(begun, gradient, rows, rates)
        assert list(zip(stepped.velocities.tolist(), stepped.values.tolist(), strict=True)) == expected


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-(1 << 17), 1 << 17), min_size=1, max_size=50), st.integers(0, 2**32))
def test_the_loss_of_two_parts_is_that_of_their_sum(own: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    first, second = np.array(own), random.integers(-(1 << 15), 1 << 15, len(own))
    total = fixed.squares(first) + 2 * int(first @ fixed.for_loss(second)) + fixed.squares(second)
    exact = 2 * float(np.mean(((first + second) / 2.0**14) ** 2)) + np.log(2) - 0.5
    # Each residual of the peer is rounded to 2^-7 and meets one of at most 8.
    assert fixed.loss(total, len(own)) == pytest.approx(exact, abs=2 * 2 * 8 * 2.0**-8 + 1e-5)


def test_features_do_not_depend_on_the_order_of_the_rows() -> None:
    joined = Joined.draw(500, 4, seed=10, missing=0.1)
    table = joined.initiator_table()
    asked = parameters(joined)
    order = np.random.default_rng(0).permutation(len(table))
    for leaves in (False, True):
        makers = [
            FeatureMaker.fit(
                rows, asked.initiator_columns, rows.columns[LABEL] if leaves else None, asked, LEAST
            )
            for rows in (table, table.take(order))
        ]
        assert makers[0] == makers[1]
        assert (makers[0].features(table)[:, order] == makers[0].features(table.take(order))).all()


def test_missing_numbers_become_the_median_and_an_indicator() -> None:
    values = np.array([1.0, np.nan, 3.0, 100.0, np.nan, 2.0])
    table = Table([str(number) for number in range(6)], {"a": values, "b": np.full(6, 5.0)})
    asked = TrainParameters(label="y", initiator_columns=("a", "b"), responder_columns=("c",))
    maker = FeatureMaker.fit(table, ("a", "b"), None, asked, 1)
    assert maker.medians == {"a": 2.5, "b": 5.0}
    assert [each.name for each in maker.standardised] == ["a", "a=missing"]
    features = maker.features(table)
    assert features[0, 1] == features[0, 4]
    assert (features[1] > 0).tolist() == np.isnan(values).tolist()
    assert maker.left_out == ("b",)
    assert np.abs(features).max() <= fixed.FEATURE_CLIP << fixed.FEATURE_BITS


@pytest.mark.parametrize(
    ("values", "code"),
    [([np.nan] * 4, r"train\.column_empty"), ([1e308, -1e308, 1e308, 0.0], r"train\.column_range")],
)
def test_columns_that_cannot_be_standardised_are_refused(values: list[float], code: str) -> None:
    table = Table(list("abcd"), {"a": np.array(values)})
    asked = TrainParameters(label="y", initiator_columns=("a",), responder_columns=("c",))
    with pytest.raises(Refused, match=code):
        FeatureMaker.fit(table, ("a",), None, asked, 1)


def test_a_column_that_would_single_out_few_rows_is_left_out() -> None:
    rare, enough = np.zeros(1000), np.zeros(1000)
    rare[: LEAST - 1], enough[:LEAST] = 1.0, 1.0
    missing = np.arange(1000.0)
    missing[5] = np.nan
    table = Table([str(row) for row in range(1000)], {"a": rare, "b": enough, "c": missing})
    asked = TrainParameters(label="y", initiator_columns=("a", "b", "c"), responder_columns=("d",))
    maker = FeatureMaker.fit(table, asked.initiator_columns, None, asked, LEAST)
    assert maker.left_out == ("a", "c=missing")
    assert [each.name for each in maker.standardised] == ["b", "c"]
    assert maker.features(table).shape == (2, 1000)
    with pytest.raises(Refused, match=r"train\.columns_none"):
        FeatureMaker.fit(table, ("a",), None, asked, LEAST)
    assert Schedule(parameters(Joined.draw(2, 2, 0), batch_rows=100), 1000, 2).least_differing == 10 * LEAST


def test_residues_of_the_messages_are_those_of_the_modulus() -> None:
    with pytest.raises(ValueError, match="sums"):
        TrainProductsReply(sums=(PLAIN_MODULUS,), loss_rest=0)
