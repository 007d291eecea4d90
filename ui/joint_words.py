"""A joint job in plain words: what is asked of whom, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from privacy.history import PastJob
from privacy.node.records import JobRecord
from ui.cli.refusal import sentence
from ui.joint_desk import Started
from ui.text import TEXTS, text

VARIANTS = {"psi": ("reveal", "initiator"), "score": ("mode", "")}
"""The parameter that says who learns what, and its default."""
MOST_NAMES = 12


def variant(protocol: str, parameters: Mapping[str, Any]) -> str:
    """What the parameters say of who learns what."""
    if protocol not in VARIANTS:
        return ""
    name, default = VARIANTS[protocol]
    return str(parameters.get(name) or default)


def asked(protocol: str, parameters: Mapping[str, Any], asker: str, other: str, lang: str) -> list[str]:
    """What a job with these parameters does, where ``asker`` asks ``other``."""
    told = {"asker": asker, "other": other}
    words = _MAKERS.get(protocol, _unknown)(parameters, lang)
    return [text(f"joint_page.{key}", lang, **told, **params) for key, params in words]


def _psi(parameters: Mapping[str, Any], lang: str) -> list[tuple[str, dict[str, Any]]]:
    return [(f"asks_psi_{variant('psi', parameters)}", {})]


def _stats(parameters: Mapping[str, Any], lang: str) -> list[tuple[str, dict[str, Any]]]:
    columns = parameters.get("columns") or {}
    words: list[tuple[str, dict[str, Any]]] = [("asks_stats", {"columns": names(columns, lang)})]
    for name in ("group_column", "label_column"):
        if parameters.get(name):
            words.append((f"asks_stats_{name}", {"column": parameters[name]}))
    edges = [name for name, one in columns.items() if one.get("edges")]
    if edges:
        words.append(("asks_stats_edges", {"columns": names(edges, lang)}))
    words.append(("asks_stats_minimum", {"persons": parameters.get("minimum_group", 10)}))
    if parameters.get("epsilon"):
        words.append(("asks_stats_epsilon", {"epsilon": parameters["epsilon"]}))
    return words


def _train(parameters: Mapping[str, Any], lang: str) -> list[tuple[str, dict[str, Any]]]:
    columns = {
        "own": names(parameters.get("initiator_columns", ()), lang),
        "columns": names(parameters.get("responder_columns", ()), lang),
    }
    rounds = {"rounds": parameters.get("max_rounds", 20), "rows": parameters.get("minimum_rows", 100)}
    return [("asks_train", {"label": parameters.get("label", ""), **columns}), ("asks_train_rounds", rounds)]


def _score(parameters: Mapping[str, Any], lang: str) -> list[tuple[str, dict[str, Any]]]:
    mode = variant("score", parameters)
    columns = names(parameters.get("columns", ()), lang)
    words: list[tuple[str, dict[str, Any]]] = [
        ("asks_score", {"columns": columns, "rows": f"{parameters.get('rows', 0):,}"}),
        (f"asks_score_{mode}", {}),
        ("asks_score_model", {"model": parameters.get("model_sha256", "")}),
    ]
    if parameters.get("thresholds"):
        words.append(("asks_score_thresholds", {"thresholds": names(parameters["thresholds"], lang)}))
    return words


def _lookup(parameters: Mapping[str, Any], lang: str) -> list[tuple[str, dict[str, Any]]]:
    told = {
        "groups": names(parameters.get("groups", ()), lang),
        "before": parameters.get("before", ""),
        "questions": f"{parameters.get('questions', 0):,}",
    }
    return [("asks_lookup", told)]


def _unknown(parameters: Mapping[str, Any], lang: str) -> list[tuple[str, dict[str, Any]]]:
    return [("asks_unknown", {})]


_MAKERS = {"psi": _psi, "stats": _stats, "train": _train, "score": _score, "lookup": _lookup}


def names(given: Any, lang: str) -> str:
    """Names one after the other; of many, the first and how many more."""
    listed = [str(one) for one in given]
    told = text("joint_page.separator", lang).join(listed[:MOST_NAMES])
    more = len(listed) - MOST_NAMES
    return told + text("joint_page.and_more", lang, count=more) if more > 0 else told


def protocol_name(protocol: str, lang: str) -> str:
    """What a protocol is called."""
    key = f"joint_page.protocol_{protocol}"
    return text(key, lang) if key in TEXTS.catalogue else protocol


def reason(code: str, lang: str) -> str:
    """Why a job did not go well, where the log has no more than the code."""
    if not code:
        return ""
    key = f"joint_page.area_{code.partition('.')[0]}"
    area = text(key if key in TEXTS.catalogue else "joint_page.area_other", lang)
    return text("joint_page.reason", lang, area=area, code=code)


def why(started: Started, lang: str) -> str:
    """Why a job that was started here did not go well, with what to do."""
    if started.status is not None and started.status.refusal is not None:
        return sentence(started.status.refusal.refused(), lang)
    return started.errors


def outcome(past: PastJob, record: JobRecord | None) -> tuple[str, str]:
    """How a job ended and by what code; our record of a job of the peer knows more than the log."""
    if record is not None and record.state in ("failed", "refused", "lost"):
        return record.state, record.code
    return past.outcome, past.code
