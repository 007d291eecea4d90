"""Small jobs of the joint protocols for ``test_killed``: tables of both parties, the job file, what has to come out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from privacy.protocols.score.messages import ScoreParameters
from privacy.protocols.score.model import new_model, save_model
from tests.privacy import test_score
from tests.privacy.pairs import PURPOSE, Pair
from tests.privacy.train_cases import Joined

PERSONS = 40
JOINED = Joined.draw(300, 2, seed=1)


@dataclass(frozen=True)
class Case:
    """A job. ``steps`` are the protocol's own messages of the initiator, in their order.

    ``prepare`` adds the tables ``mine`` and ``theirs`` to a pair and returns the job's parameters.
    """

    name: str
    protocol: str
    steps: tuple[str, ...]
    prepare: Callable[[Pair], dict[str, Any]]
    has_table: bool = True

    def write(self, pair: Pair) -> list[str]:
        """Prepare a pair; the command line of the job, whose result is ``out.csv`` where it is a table."""
        given = {
            "table": "mine",
            "peer_table": "theirs",
            "purpose": PURPOSE,
            **({"out": "out.csv"} if self.has_table else {}),
            "parameters": self.prepare(pair),
        }
        folder = pair.initiator.folder
        lines = [f"{name} = {inline(value)}" for name, value in given.items()]
        (folder / "job.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        config, job = str(pair.initiator.config_file), str(folder / "job.toml")
        return ["joint", self.protocol, "--config", config, "--job", job]


def inline(value: Any) -> str:
    """A value as TOML in one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{name}" = {inline(each)}' for name, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value)


def stats(pair: Pair) -> dict[str, Any]:
    ids: list[object] = [f"p{row}" for row in range(PERSONS)]
    pair.initiator.add_table("mine", {"id": ids, "group": ["city", "rural"] * (PERSONS // 2)})
    pair.responder.add_table("theirs", {"id": ids, "cost": [10.25 * row for row in range(PERSONS)]})
    cost = {"decimals": 2, "most": 1_000_000.0, "edges": [100.0]}
    return {"group_column": "group", "columns": {"cost": cost}, "minimum_group": 5}


def train(pair: Pair) -> dict[str, Any]:
    pair.initiator.add_table("mine", JOINED.initiator_columns())
    pair.responder.add_table("theirs", JOINED.responder_columns())
    return JOINED.parameters(max_rounds=1)


def model_score(pair: Pair) -> dict[str, Any]:
    return _score(pair, "model_score")


def model_for_responder(pair: Pair) -> dict[str, Any]:
    return _score(pair, "model_for_responder")


def _score(pair: Pair, mode: str) -> dict[str, Any]:
    pair.initiator.add_table("mine", test_score.MINE)
    pair.responder.add_table("theirs", test_score.THEIRS)
    model = new_model(dict.fromkeys(test_score.COLUMNS, 0.5))
    asked = {
        "mode": mode,
        "model_sha256": save_model(pair.initiator.config.state, model),
        "columns": list(test_score.COLUMNS),
        "rows": 100,
        "may_show_weights": True,
    }
    test_score.approve(pair.responder, ScoreParameters.model_validate(asked).approved_sha256)
    return asked


def index(pair: Pair) -> dict[str, Any]:
    return _lookup(pair, "index")


def labelled(pair: Pair) -> dict[str, Any]:
    return _lookup(pair, "labelled")


def _lookup(pair: Pair, mode: str) -> dict[str, Any]:
    pair.initiator.add_table("mine", {"id": ["p1", "p2"], "asked": ["I21", "E11"]})
    visits: dict[str, list[object]] = {
        "id": ["p1", "p3"],
        "category": ["I21", "E11"],
        "day": ["2021-02-03", "2022-03-04"],
    }
    pair.responder.add_table("theirs", visits)
    return {
        "mode": mode,
        "group_column": "category",
        "day_column": "day",
        "own_group_column": "asked",
        "groups": ["I21", "E11"],
        "before": "2024-01-01",
        "questions": 10,
    }


CASES = [
    Case("stats", "stats", ("stats.start", "stats.group", "stats.compare", "stats.claim"), stats),
    Case(
        "train", "train", ("train.start", "train.residuals", "train.products", "train.finish"), train, False
    ),
    Case("score", "score", ("score.start", "score.features", "score.masked"), model_score),
    Case("score for the responder", "score", ("score.for_responder",), model_for_responder, False),
    Case("lookup index", "lookup", ("lookup.start", "lookup.question"), index),
    Case("lookup labelled", "lookup", ("lookup.table_part", "lookup.blinded"), labelled),
]
