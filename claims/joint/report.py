"""The comparison as figures with intervals, as JSON and as Markdown in two languages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from claims.errors import input_error
from claims.joint.simulation import Comparison, Judged, settings
from claims.messages import text
from claims.risk.metrics import Ranking, at_capacity, draws, figure
from claims.risk.store import canonical
from claims.risk.values import Floats
from drg.disk import new_folder
from drg.messages import LANGUAGES

METRICS = ("auc", "average_precision", "precision", "amount_found")
READ = ("only", "pooled", "leaves", "say")
"""The sentences of how to read it."""
JSON = "joint-report.json"


def report(comparison: Comparison) -> dict[str, Any]:
    """All figures with bootstrap intervals; the same persons are drawn for all models, so differences are paired.

    ``amount_found`` is in fen, of the ``capacity`` claims with the highest expected amount; ``precision`` of those
    with the highest probability. ``differences``: of each joint model from those in clear.
    """
    drawn = _rows_drawn(comparison)
    measured = {one.name: [_measure(comparison, one, rows) for rows in drawn] for one in comparison.models}
    point = {one.name: _measure(comparison, one, None) for one in comparison.models}
    compared = {told["name"] for told in settings()["models"] if told["compare"]}
    joint = [one.name for one in comparison.models if one.is_joint]
    return {
        "synthetic": True,
        "persons": comparison.persons,
        "capacity": comparison.capacity,
        "amount_of_positives_fen": int((comparison.amounts * comparison.labels).sum()),
        "bootstrap_draws": len(drawn),
        "models": [
            {
                "name": one.name,
                "joint": one.is_joint,
                "trained_on": one.trained_on,
                "metrics": _figures(point[one.name], measured[one.name]),
            }
            for one in comparison.models
        ],
        "differences": [
            {"model": name, "from": other.name, "metrics": _difference(point, measured, name, other.name)}
            for name in joint
            for other in comparison.models
            if other.name in compared
        ],
    }


def _rows_drawn(comparison: Comparison) -> list[Floats]:
    """The rows of each draw: a person drawn twice is there twice."""
    rows = np.arange(len(comparison.labels))
    return [np.repeat(rows, weights.astype(np.int64)) for weights in draws(len(rows), None)]


def _measure(comparison: Comparison, model: Judged, rows: Any) -> dict[str, float]:
    chosen = slice(None) if rows is None else rows
    labels, amounts = comparison.labels[chosen], comparison.amounts[chosen]
    probabilities = model.probabilities[chosen]
    ranking = Ranking(labels, probabilities)
    by_probability = at_capacity(labels, probabilities, None, comparison.capacity)
    by_amount = at_capacity(labels, probabilities * amounts, amounts, comparison.capacity)
    return {
        "auc": ranking.auc(),
        "average_precision": ranking.average_precision(),
        "precision": by_probability["precision"],
        "amount_found": by_amount["amount_found"],
    }


def _figures(point: dict[str, float], drawn: Sequence[dict[str, float]]) -> dict[str, Any]:
    return {name: figure(point[name], [one[name] for one in drawn]).as_json() for name in METRICS}


def _difference(
    point: dict[str, dict[str, float]], drawn: dict[str, list[dict[str, float]]], name: str, other: str
) -> dict[str, Any]:
    less = {metric: point[name][metric] - point[other][metric] for metric in METRICS}
    each = [
        {metric: one[metric] - two[metric] for metric in METRICS}
        for one, two in zip(drawn[name], drawn[other], strict=True)
    ]
    return _figures(less, each)


def markdown(told: dict[str, Any], lang: str) -> str:
    """The report as Markdown."""

    def word(key: str, **params: Any) -> str:
        return text(f"joint.report_{key}", lang, **params)

    head = [word("model"), word("trained_on"), *(word(name, capacity=told["capacity"]) for name in METRICS)]
    rows = [[word(one["name"]), f"{one['trained_on']:,}", *_cells(one["metrics"])] for one in told["models"]]
    differences = [
        [word(one["model"]), word(one["from"]), *_cells(one["metrics"])] for one in told["differences"]
    ]
    lines = [f"# {word('title')}", "", f"**{word('synthetic')}**", "", word("persons", **told["persons"])]
    lines += [
        "",
        word("capacity", capacity=told["capacity"], yuan=f"{told['amount_of_positives_fen'] / 100:,.0f}"),
    ]
    lines += ["", *_table(head, rows), "", f"## {word('differences')}", "", word("paired")]
    lines += ["", *_table([word("joint_model"), word("compared_with"), *head[2:]], differences)]
    lines += [
        "",
        f"## {word('read')}",
        "",
        *(f"- {word(f'read_{name}')}" for name in ("only", "pooled", "leaves", "say")),
    ]
    return "\n".join(lines) + "\n"


def _cells(metrics: dict[str, dict[str, float | None]]) -> list[str]:
    return [_cell(name, metrics[name]) for name in METRICS]


def _cell(name: str, told: dict[str, float | None]) -> str:
    """Amounts in yuan."""
    values = [told[key] for key in ("value", "low", "high")]
    if name == "amount_found":
        shown = ["–" if value is None else f"{value / 100:,.0f}" for value in values]
    else:
        shown = ["–" if value is None else f"{value:.3f}" for value in values]
    return f"{shown[0]} ({shown[1]} … {shown[2]})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def write_report(comparison: Comparison, folder: Path) -> dict[str, Any]:
    """Write ``joint-report.json`` and the Markdown of each language; ``folder`` appears whole, or not at all."""
    check_place(folder)
    told = report(comparison)
    with new_folder(folder) as part:
        (part / JSON).write_text(canonical(told), encoding="utf-8")
        for lang in LANGUAGES:
            (part / f"joint-report.{lang}.md").write_text(markdown(told, lang), encoding="utf-8")
    return told


def check_place(folder: Path) -> None:
    """Raises ``InputError`` where ``folder`` has something else in it than an earlier report."""
    ours = {JSON, *(f"joint-report.{lang}.md" for lang in LANGUAGES)}
    if folder.exists() and not (folder.is_dir() and {path.name for path in folder.iterdir()} <= ours):
        raise input_error("joint.not_replaced", str(folder))
