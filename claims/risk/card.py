"""The model card: data, split, figures, subgroups, columns, limits; as JSON, and as Markdown in two languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from claims.messages import text
from claims.risk.columns import Column
from claims.risk.evaluation import Evaluation
from claims.risk.metrics import Figure
from claims.risk.model import Model
from claims.risk.store import canonical
from drg.messages import LANGUAGES

METRICS = ("auc", "average_precision", "brier", "calibration_slope", "calibration_intercept")


def cards(model: Model, test: Evaluation, baseline: Evaluation) -> dict[str, str]:
    """The texts of the card by file name. All figures are of test units."""
    told = {
        "training": model.manifest,
        "columns": [column.as_json() for column in model.schema.columns],
        "unit": model.schema.unit,
        "test": test.as_json(),
        "logistic_regression": baseline.as_json(),
        "bands": {band.name: band.threshold for band in model.bands},
    }
    pages = {f"card.{lang}.md": markdown(model, test, baseline, lang) for lang in LANGUAGES}
    return {"card.json": canonical(told), **pages}


def markdown(model: Model, test: Evaluation, baseline: Evaluation, lang: str) -> str:
    """The card as Markdown."""
    training = model.manifest
    split = training["split"]
    lines = [f"# {text('card.title', lang, label=model.label)}", "", text("card.purpose", lang), ""]
    lines += [f"## {text('card.data', lang)}", ""]
    lines += [
        text("card.rows", lang, rows=training["rows"], without=training["rows_without_label"]),
        text(f"card.unit_{model.schema.unit}", lang, group=model.schema.group or "–"),
        text("card.hash", lang, sha256=training["data_sha256"], date=training["date"] or "–"),
        "",
        f"## {text('card.split', lang)}",
        "",
        text(f"card.split_{split['how'].replace('-', '_')}", lang, group=split["group"], time=split["time"]),
        text("card.last_day", lang, day=split["last_training_day"]) if split["last_training_day"] else "",
        text("card.sides", lang, **_sides(split)),
        "",
        f"## {text('card.figures', lang)}",
        "",
        *evaluation_lines(test, baseline, lang),
        "",
        f"## {text('card.columns', lang)}",
        "",
        *(f"- `{column.name}`: {column_text(column, lang)}" for column in model.schema.columns),
        "",
        f"## {text('card.limits', lang)}",
        "",
        *(f"- {text(f'card.limit_{which}', lang)}" for which in ("decision", "labels", "weak", "drift")),
    ]
    return "\n".join(lines) + "\n"


def _sides(split: dict[str, Any]) -> dict[str, int]:
    return {
        "train": split["train"]["units"],
        "train_positives": split["train"]["positives"],
        "test": split["test"]["units"],
        "test_positives": split["test"]["positives"],
        "left_out": split["left_out"],
    }


def evaluation_lines(test: Evaluation, baseline: Evaluation | None, lang: str) -> list[str]:
    """The figures as Markdown tables: metrics, capacity, subgroups."""
    head = [text("card.metric", lang), text("card.model", lang)]
    rows = [[text(f"card.{name}", lang), interval(test.metrics[name])] for name in METRICS]
    rows += [
        [
            text(f"card.{name}", lang, capacity=test.capacity),
            f"{value:.3g}" if abs(value) < 1 else f"{value:,.0f}",
        ]
        for name, value in test.by_probability.items()
    ]
    if baseline is not None:
        head.append(text("card.logistic", lang))
        for row, name in zip(rows, METRICS, strict=False):
            row.append(interval(baseline.metrics[name]))
        for row, value in zip(rows[len(METRICS) :], baseline.by_probability.values(), strict=True):
            row.append(f"{value:.3g}" if abs(value) < 1 else f"{value:,.0f}")
    lines = _table(head, rows)
    if test.by_expected_amount is not None:
        found = test.by_expected_amount
        lines += [
            "",
            text(
                "card.expected",
                lang,
                capacity=test.capacity,
                share=f"{found['amount_share']:.1%}",
                precision=f"{found['precision']:.1%}",
            ),
        ]
    if test.subgroups:
        names = ("subgroup", "units", "positives", "mean_probability", "auc", "average_precision")
        of_groups = [
            [
                f"{one.column}: {one.level or '–'}",
                str(one.units),
                str(one.positives),
                f"{one.mean_probability:.4f}",
                *(interval(one.metrics[name]) if one.metrics else "–" for name in METRICS[:2]),
            ]
            for one in test.subgroups
        ]
        lines += [
            "",
            text("card.subgroups", lang),
            "",
            *_table([text(f"card.{name}", lang) for name in names], of_groups),
        ]
    return lines


def interval(figure: Figure) -> str:
    """A figure with its interval."""
    return f"{figure.value:.4f} ({figure.low:.4f} – {figure.high:.4f})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(head), line(["---"] * len(head)), *(line(row) for row in rows)]


def column_text(column: Column, lang: str) -> str:
    """What a column is, and whether and why not it is used."""
    use = (
        text(column.refused, lang, **column.params)
        if column.refused
        else text(f"risk.use_{column.kind}", lang, **column.params)
    )
    told = [text(f"risk.kind_{column.kind}", lang), use, *warnings(column, lang)]
    return "; ".join(told)


def warnings(column: Column, lang: str) -> list[str]:
    """What to check about a column."""
    told = [text(warning, lang) for warning in column.warnings]
    if column.unreadable:
        told.append(text("risk.warning_unreadable", lang, count=column.unreadable))
    return told
