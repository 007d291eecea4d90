"""Scores are exact, go to whom the mode says, and are refused beyond what was approved."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow.parquet as pq
import pytest

from privacy.errors import Refused
from privacy.he import fixed_point
from privacy.party import PartyConfig
from privacy.policy import sign_policy
from privacy.protocols import JobResult
from privacy.protocols.score.linear import integer_scores, intercept_integer, weight_integers
from privacy.protocols.score.messages import Precision, ScoreParameters
from privacy.protocols.score.model import LinearModel, new_model, save_model
from privacy.session import run
from tests.privacy.pairs import PURPOSE, Pair, Party, make_pair

COLUMNS = ("days", "ratio", "visits", "severity")
ROWS = 40
PRECISION = Precision()


def tables(random: np.random.Generator) -> tuple[dict[str, list[object]], dict[str, list[object]]]:
    """The insurer's persons (ids 0 to 39) and the hospital's (10 to 49), each with features."""
    mine = {"id": [f"p{row}" for row in range(ROWS)], "premium": random.normal(3, 2, ROWS).tolist()}
    theirs = {
        "id": [f"p{row}" for row in range(10, ROWS + 10)],
        **{column: random.normal(0, 20, ROWS).tolist() for column in COLUMNS},
    }
    return mine, theirs


MINE, THEIRS = tables(np.random.default_rng(7))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = make_pair(tmp_path_factory.mktemp("score"))
    made.initiator.add_table("mine", MINE, constraint="AFTER_JOIN")
    made.responder.add_table("theirs", THEIRS, constraint="AFTER_JOIN")
    made.responder.serve()
    yield made
    made.close()


def approve(party: Party, *models: str) -> None:
    """The policy of the responder's table names these models beside those it named before; signed again."""
    policy = party.folder / "theirs.policy.toml"
    lines = policy.read_text(encoding="utf-8").splitlines()
    known = [line for line in lines if line.startswith("approved_models")]
    held = known[0].partition("[")[2].strip("]").replace('"', "").split(", ") if known else []
    line = "approved_models = [" + ", ".join(f'"{model}"' for model in [*held, *models]) + "]"
    kept = [each for each in lines if not each.startswith("approved_models")]
    policy.write_text("\n".join([kept[0], line, *kept[1:]]) + "\n", encoding="utf-8")
    sign_policy(policy, party.config.key)


def approved_model(pair: Pair, model: LinearModel, mode: str = "model_score") -> str:
    """Register the model at the initiator, approve it at the responder; its hash."""
    sha256 = save_model(pair.initiator.config.state, model)
    asked = {
        "mode": mode,
        "model_sha256": sha256,
        "columns": COLUMNS,
        "rows": 1,
        "may_show_weights": True,
    }
    approve(pair.responder, ScoreParameters.model_validate(asked).approved_sha256)
    return sha256


def score(pair: Pair, config: PartyConfig | None = None, **parameters: object) -> JobResult:
    given = {"mode": "model_score", "columns": list(COLUMNS), "rows": 100, **parameters}
    return run(
        config or pair.initiator.config, "score", given, table="mine", peer_table="theirs", purpose=PURPOSE
    )


def reference(model: LinearModel, ids: list[str]) -> fixed_point.Floats:
    """The scores on the joined plaintext, in the same fixed point."""
    rows = [THEIRS["id"].index(id) for id in ids]
    own_rows = [MINE["id"].index(id) for id in ids]
    values = [[THEIRS[column][row] for row in rows] for column in model.weights]
    values += [[MINE[column][row] for row in own_rows] for column in model.own_weights]
    features = fixed_point.encode(np.array(values, np.float64), PRECISION.feature_scale_bits)
    weights = weight_integers([*model.weights.values(), *model.own_weights.values()], PRECISION)
    integers = integer_scores(features, weights, intercept_integer(model.intercept, PRECISION))
    return fixed_point.decode(integers, PRECISION.score_scale_bits)


MODEL = new_model(dict(zip(COLUMNS, (0.5, -1.25, 0.0625, 0.3), strict=True)), {"premium": -0.7}, -0.2)


def test_the_initiator_gets_the_exact_scores_of_its_model(pair: Pair) -> None:
    sha256 = approved_model(pair, MODEL)
    result = score(pair, model_sha256=sha256, own_columns=["premium"])
    assert result.table is not None
    ids = result.table["id"].to_pylist()
    assert sorted(ids) == [f"p{row}" for row in range(10, ROWS)]
    found = result.table["score"].to_numpy()
    assert found.tolist() == reference(MODEL, ids).tolist()
    assert result.table["probability"].to_numpy() == pytest.approx(1 / (1 + np.exp(-found)))


def test_the_responder_gets_the_scores_of_the_peers_model_and_sends_none(pair: Pair) -> None:
    model = new_model(MODEL.weights, intercept=0.3)
    sha256 = approved_model(pair, model, "model_for_responder")
    result = score(pair, mode="model_for_responder", model_sha256=sha256, may_show_weights=True)
    assert result.table is None
    (file,) = (pair.responder.folder / "state" / "results").glob("*.parquet")
    kept = pq.read_table(file)
    plain = reference(model, kept["id"].to_pylist())
    assert np.abs(kept["score"].to_numpy() - plain).max() < 1e-2
    exact = sum(
        weight * np.array([THEIRS[column][THEIRS["id"].index(id)] for id in kept["id"].to_pylist()])
        for column, weight in model.weights.items()
    )
    assert np.abs(kept["score"].to_numpy() - exact - 0.3).max() < 1e-5


def test_a_model_that_was_not_approved_is_refused(pair: Pair) -> None:
    sha256 = save_model(pair.initiator.config.state, new_model(MODEL.weights))
    with pytest.raises(Refused, match=r"policy\.model "):
        score(pair, model_sha256=sha256)


def test_a_model_that_was_approved_for_other_columns_or_another_mode_is_refused(pair: Pair) -> None:
    sha256 = approved_model(pair, new_model(MODEL.weights))
    for changed in (
        {"columns": list(COLUMNS[::-1])},
        {"mode": "model_for_responder", "may_show_weights": True},
    ):
        with pytest.raises(Refused, match=r"policy\.model "):
            score(pair, model_sha256=sha256, **changed)


def test_more_answers_than_columns_less_one_are_refused(pair: Pair) -> None:
    """Also a peer that asks for single features gets fewer than there are."""
    model = new_model(MODEL.weights)
    sha256 = approved_model(pair, model)
    for _ in range(len(COLUMNS) - 1):
        score(pair, model_sha256=sha256)
    with pytest.raises(Refused, match=r"score\.quota"):
        score(pair, model_sha256=sha256)


def test_more_rows_than_asked_for_are_refused(pair: Pair) -> None:
    sha256 = approved_model(pair, new_model(MODEL.weights))
    with pytest.raises(Refused, match=r"score\.too_many_rows"):
        score(pair, model_sha256=sha256, rows=29)


def test_a_model_of_few_weights_is_refused() -> None:
    with pytest.raises(Refused, match=r"score\.few_weights"):
        new_model({"days": 1.0, "ratio": 0.0, "visits": 2.0})
