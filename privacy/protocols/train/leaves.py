"""Leaf features: a party's own LightGBM, trained on its own rows for a target of its own. Nothing of it crosses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from privacy.errors import Refused
from privacy.he.fixed_point import Floats
from privacy.table import Table

if TYPE_CHECKING:
    from privacy.protocols.train.messages import TrainParameters


def train(table: Table, columns: tuple[str, ...], target: Floats, parameters: TrainParameters) -> str:
    """LightGBM's text of the trees. Missing numbers stay missing: the trees know them.

    A target of zeros and ones is classified, any other regressed. Raises ``Refused`` (``train.target``) where the
    target has missing numbers, or the trees find nothing to split.
    """
    import lightgbm

    if not len(target) or np.isnan(target).any():
        raise Refused("train.target")
    # The order of the aligned rows is another in every job; that of the ids is not.
    order = np.argsort(np.array(table.ids), kind="stable")
    trees = parameters.trees
    settings = {
        "objective": "binary" if np.isin(target, (0, 1)).all() else "regression",
        "num_leaves": trees.leaves,
        "min_data_in_leaf": trees.rows_a_leaf,
        "learning_rate": trees.learning_rate,
        "seed": parameters.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(_matrix(table, columns)[order], target[order])
    booster = lightgbm.train(settings, data, num_boost_round=trees.count)
    if not _leaf_counts(booster):
        raise Refused("train.target")
    return str(booster.model_to_string())


def one_hot(
    booster_text: str, table: Table, columns: tuple[str, ...]
) -> Iterator[tuple[int, int, npt.NDArray[np.float64]]]:
    """Tree, leaf, and 1 for each row that falls into it, else 0; trees without a split are left out."""
    import lightgbm

    booster = lightgbm.Booster(model_str=booster_text)
    counts = _leaf_counts(booster)
    found = booster.predict(_matrix(table, columns), pred_leaf=True, num_threads=1)
    leaf_of = np.asarray(found, np.int64).reshape(len(table), -1)
    for tree, leaves in counts.items():
        for leaf in range(leaves):
            yield tree, leaf, (leaf_of[:, tree] == leaf).astype(np.float64)


def _leaf_counts(booster: Any) -> dict[int, int]:
    trees = booster.dump_model()["tree_info"]
    return {tree: int(told["num_leaves"]) for tree, told in enumerate(trees) if told["num_leaves"] > 1}


def _matrix(table: Table, columns: tuple[str, ...]) -> npt.NDArray[np.float64]:
    return np.column_stack([table.columns[column] for column in columns])
