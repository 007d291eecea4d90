"""The form of a job: the fields of a job file, with the columns that policies permit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from pydantic import ValidationError

from privacy import peer_policy, policy
from privacy.job_file import JobFile
from privacy.party import PartyConfig
from ui import joint_desk, joint_models
from ui.errors import UiError
from ui.text import text

PROTOCOLS = ("psi", "stats", "train", "score")
"""Those that a person starts here; a lookup asks row by row and is for the command line."""
REVEALS = ("initiator", "both", "cardinality")
GROUPS = ("none", "group_column", "label_column")
SPLIT_MODES, OWN_MODES = ("split_bucket", "split_score"), ("model_score",)
MOST_EDGES_CHARS = 500


@dataclass(frozen=True)
class Offered:
    """What the fields offer: of our policy, and of the peer's policies that we know."""

    config: PartyConfig
    protocol: str
    table: str
    peer_table: str
    own: Sequence[policy.Permission]
    peers: Sequence[policy.Permission]

    @property
    def own_columns(self) -> list[str]:
        """Our columns that our policy permits for values in this protocol."""
        found = _columns(self.own, self.config.peer.name, self.table, self.protocol)
        return [one for one in found if one != self.config.table(self.table).id_column]

    @property
    def peer_columns(self) -> list[str]:
        """The peer's columns that its policy permits us, as far as we know it."""
        return _columns(self.peers, self.config.party, self.peer_table, self.protocol)


@dataclass(frozen=True)
class Filled:
    """The form as it is filled in: a job, or the labels of the fields that are still empty."""

    protocol: str
    job: JobFile | None
    missing: tuple[str, ...] = ()


class _Missing:
    """Collects the labels of the fields that are empty."""

    def __init__(self) -> None:
        self.labels: list[str] = []

    def need(self, label: str, value: Any) -> Any:
        if value is None or value in ("", [], ()):
            self.labels.append(label)
        return value


def show(config: PartyConfig, lang: str) -> Filled:
    """The form. Raises ``UiError`` for a value that cannot be read."""
    missing = _Missing()
    protocol = st.segmented_control(
        _say("protocol", lang),
        PROTOCOLS,
        default=PROTOCOLS[0],
        format_func=lambda one: _say(f"protocol_{one}", lang),
        required=True,
        key="joint_protocol",
    )
    copies = peer_policy.known(config)
    peers = [one for copy in copies for one in copy.policy.permissions()]
    left, middle, right = st.columns(3)
    table = left.selectbox(_say("table", lang), list(config.tables), key="joint_table")
    known = list(dict.fromkeys(one.table for one in peers if one.party == config.party))
    peer_table = middle.selectbox(
        _say("peer_table", lang),
        known,
        index=0 if known else None,
        placeholder=_say("peer_table_hint", lang),
        accept_new_options=True,
        key="joint_peer_table",
    )
    rules = joint_desk.look_at_policy(config, config.table(table))
    purposes = rules.document.purposes if rules.document is not None else []
    purpose = right.selectbox(
        _say("purpose", lang), purposes, placeholder=_say("choose", lang), key="joint_purpose"
    )
    missing.need(_say("peer_table", lang), peer_table)
    missing.need(_say("purpose", lang), purpose)
    own = [] if rules.document is None else policy.Policy(rules.document, rules.sha256).permissions()
    offered = Offered(config, protocol, table, peer_table or "", own, peers)
    parameters = _FIELDS[protocol](offered, missing, lang)
    if missing.labels:
        return Filled(protocol, None, tuple(missing.labels))
    return Filled(protocol, _job(table, peer_table or "", purpose or "", parameters))


def _job(table: str, peer_table: str, purpose: str, parameters: dict[str, Any]) -> JobFile:
    try:
        return JobFile(table=table, peer_table=peer_table, purpose=purpose, parameters=parameters)
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise UiError("joint_page.form_wrong", place=place, why=problem["msg"]) from None


def _psi(offered: Offered, missing: _Missing, lang: str) -> dict[str, Any]:
    reveal = st.radio(
        _say("reveal", lang),
        REVEALS,
        format_func=lambda one: _say(f"reveal_{one}", lang),
        horizontal=True,
        key="joint_reveal",
    )
    return {"reveal": reveal}


def _stats(offered: Offered, missing: _Missing, lang: str) -> dict[str, Any]:
    columns = _peer_columns(offered, missing, lang)
    parameters: dict[str, Any] = {
        "columns": {name: _stat_column(name, place, missing, lang) for place, name in enumerate(columns)}
    }
    by, which, fewest, noise = st.columns(4)
    grouping = by.selectbox(
        _say("group_by", lang), GROUPS, format_func=lambda one: _say(f"group_by_{one}", lang), key="joint_by"
    )
    if grouping != "none":
        label = _say("group_column", lang)
        column = which.selectbox(
            label, offered.own_columns, index=None, placeholder=_say("choose", lang), key="joint_group_column"
        )
        parameters[grouping] = missing.need(label, column)
    parameters["minimum_group"] = fewest.number_input(
        _say("minimum_group", lang), min_value=2, max_value=1000, value=10, key="joint_minimum_group"
    )
    epsilon = noise.number_input(
        _say("epsilon", lang), min_value=0.001, max_value=10.0, value=None, format="%.3f", key="joint_epsilon"
    )
    return parameters if epsilon is None else {**parameters, "epsilon": epsilon}


def _stat_column(name: str, place: int, missing: _Missing, lang: str) -> dict[str, Any]:
    """Range, decimals and bins of a column of the peer."""
    low, high, places, cuts = st.columns((2, 2, 1, 3))
    least_label, most_label = _say("least", lang, column=name), _say("most", lang, column=name)
    least = low.number_input(least_label, value=0.0, format="%g", key=f"joint_least_{place}_{name}")
    most = high.number_input(most_label, value=None, format="%g", key=f"joint_most_{place}_{name}")
    decimals = places.number_input(
        _say("decimals", lang), min_value=0, max_value=6, value=0, key=f"joint_decimals_{place}_{name}"
    )
    edges = cuts.text_input(
        _say("edges", lang),
        placeholder=_say("edges_hint", lang),
        max_chars=MOST_EDGES_CHARS,
        key=f"joint_edges_{place}_{name}",
    )
    column = {"decimals": decimals, "least": least, "most": missing.need(most_label, most)}
    cut = numbers(edges)
    return {**column, "edges": cut} if cut else column


def _train(offered: Offered, missing: _Missing, lang: str) -> dict[str, Any]:
    left, right = st.columns(2)
    label_text = _say("label", lang)
    with left:
        label = st.selectbox(
            label_text, offered.own_columns, index=None, placeholder=_say("choose", lang), key="joint_label"
        )
    with right:
        rounds = st.number_input(
            _say("max_rounds", lang), min_value=1, max_value=500, value=10, key="joint_max_rounds"
        )
    own_text = _say("own_columns", lang)
    own = st.multiselect(
        own_text,
        [one for one in offered.own_columns if one != label],
        placeholder=_say("own_columns_hint", lang),
        key="joint_own_columns",
    )
    columns = _peer_columns(offered, missing, lang)
    return {
        "label": missing.need(label_text, label),
        "initiator_columns": missing.need(own_text, own),
        "responder_columns": columns,
        "max_rounds": rounds,
    }


def _score(offered: Offered, missing: _Missing, lang: str) -> dict[str, Any]:
    """A model of those that are here decides which columns of ours take part."""
    models = {one.sha256: one for one in joint_models.known(offered.config)}
    if not models:
        raise UiError("joint_page.no_models")
    left, middle, right = st.columns((3, 3, 2))
    chosen = models[
        left.selectbox(
            _say("model", lang),
            list(models),
            format_func=lambda one: _model_name(models[one], lang),
            key="joint_model",
        )
    ]
    mode = middle.selectbox(
        _say("mode", lang),
        SPLIT_MODES if chosen.training_job else OWN_MODES,
        format_func=lambda one: _say(f"mode_{one}", lang),
        key=f"joint_mode_{bool(chosen.training_job)}",
    )
    rows = right.number_input(_say("rows", lang), min_value=1, value=1000, key="joint_rows")
    parameters: dict[str, Any] = {
        "mode": mode,
        "model_sha256": chosen.sha256,
        "own_columns": list(chosen.own_columns),
        "columns": list(chosen.peer_columns) or _peer_columns(offered, missing, lang),
        "rows": rows,
    }
    if chosen.training_job:
        parameters["training_job"] = chosen.training_job
    if mode == "split_bucket":
        label = _say("thresholds", lang)
        given = st.text_input(
            label,
            value="0.5",
            placeholder=_say("thresholds_hint", lang),
            max_chars=MOST_EDGES_CHARS,
            key="joint_thresholds",
        )
        parameters["thresholds"] = missing.need(label, numbers(given))
    return parameters


_FIELDS: dict[str, Callable[[Offered, _Missing, str], dict[str, Any]]] = {
    "psi": _psi,
    "stats": _stats,
    "train": _train,
    "score": _score,
}


def _peer_columns(offered: Offered, missing: _Missing, lang: str) -> list[str]:
    label = _say("columns", lang)
    columns = st.multiselect(
        label,
        offered.peer_columns,
        placeholder=_say("columns_hint", lang),
        accept_new_options=True,
        help=_say("columns_known", lang),
        key="joint_columns",
    )
    found: list[str] = missing.need(label, columns)
    return found


def numbers(given: str) -> list[float]:
    """The numbers of a list that a person wrote. Raises ``UiError``."""
    parts = [
        part for part in given.replace("，", ",").replace("、", ",").replace(" ", ",").split(",") if part
    ]
    try:
        return [float(part) for part in parts]
    except ValueError:
        raise UiError("joint_page.numbers_wrong", value=given[:60]) from None


def _columns(permissions: Sequence[policy.Permission], party: str, table: str, protocol: str) -> list[str]:
    uses = {f"{protocol}:value", f"{protocol}:model_value"}
    return [
        one.column
        for one in permissions
        if (one.party, one.table) == (party, table) and not uses.isdisjoint(one.uses)
    ]


def _model_name(model: joint_models.Model, lang: str) -> str:
    if model.training_job:
        return _say("model_split", lang, job=model.training_job[:8], rows=f"{model.rows:,}")
    return _say("model_own", lang, model=model.sha256[:12])


def _say(key: str, lang: str, **params: object) -> str:
    return text(f"joint_page.{key}", lang, **params)
