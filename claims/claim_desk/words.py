"""Reasons in the words of an analyst: the title of a rule, or a feature with its value, money in yuan."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from claims import messages
from claims.across.rule import load_across_rules
from claims.joint.items import REASON as JOINT_BAND
from claims.risk.catalogue import catalogue, texts_of
from claims.risk.frame import Feature
from claims.risk.reasons import Reason as ModelReason
from claims.risk.reasons import Sensitivity
from claims.rules.library import load_claim_rules
from claims.store import Reason
from drg.quality.rule import Wording

NOT_KNOWN = "–"


@cache
def titles() -> Mapping[str, Wording]:
    """The title of every rule that a reason may name, by id: of rules over one claim, and of those over many visits."""
    of_claims = {id: rule.title for id, rule in load_claim_rules().items()}
    return of_claims | {id: rule.title for id, rule in load_across_rules().items()}


def reason_text(reason: Reason, lang: str) -> str:
    """A reason of a work item: the title of its rule, or its feature with value and what is usual; else its code."""
    if reason.code in titles():
        return titles()[reason.code].text(lang)
    if reason.code == JOINT_BAND:
        return messages.text(reason.code, lang, **reason.params)
    if reason.code not in catalogue():
        return reason.code
    feature = Feature(reason.code, "value")
    name, _ = texts_of(feature, lang)
    value, middle = (reason.params.get(name) for name in ("value", "middle"))
    shown, unit = in_unit(feature, messages.text("risk.unknown", lang) if value is None else str(value), lang)
    usual = NOT_KNOWN if middle is None else in_unit(feature, str(middle), lang)[0]
    return messages.text("desk.reason", lang, name=name, value=shown, unit=unit, middle=usual)


def model_reason_text(reason: ModelReason, lang: str) -> str:
    """As :meth:`claims.risk.reasons.Reason.sentence`, with money in yuan and shares in percent."""
    return _sentence(reason.feature, reason.value, reason.middle, reason.contribution, lang)


def sensitivity_text(one: Sensitivity, lang: str) -> str:
    """As :meth:`claims.risk.reasons.Sensitivity.sentence`, with money in yuan and shares in percent."""
    value, unit = in_unit(one.feature, one.value or messages.text("risk.unknown", lang), lang)
    other, _ = in_unit(one.feature, one.other, lang)
    return messages.text(
        "risk.sensitivity",
        lang,
        name=texts_of(one.feature, lang)[0],
        value=value,
        other=other,
        unit=unit,
        band=messages.text(f"risk.band_{one.band}", lang),
    )


def in_unit(feature: Feature, value: str, lang: str) -> tuple[str, str]:
    """A value of a feature as an analyst reads it, and its unit: fen as yuan, shares as percent, else as it is."""
    _, unit = texts_of(feature, lang)
    number = _number(value)
    if number is not None and feature.column.endswith("_fen") and unit:
        return f"{number / 100:,.0f}", messages.text("desk.unit_yuan", lang)
    if number is not None and feature.column.endswith("_share"):
        return f"{number:.1%}", ""
    shown = value if number is None or number == int(number) else f"{number:,.2f}"
    return shown, f" {unit}" if unit else ""


def _sentence(feature: Feature, value: str | None, middle: str | None, contribution: float, lang: str) -> str:
    name, _ = texts_of(feature, lang)
    direction = "raises" if contribution > 0 else "lowers"
    if value is None:
        return messages.text(f"risk.reason_missing_{direction}", lang, name=name)
    shown, unit = in_unit(feature, value, lang)
    usual = NOT_KNOWN if middle is None else in_unit(feature, middle, lang)[0]
    kind = "level_" if feature.levels else ""
    return messages.text(
        f"risk.reason_{kind}{direction}", lang, name=name, value=shown, middle=usual, unit=unit
    )


def _number(value: str) -> float | None:
    try:
        return float(value.replace(",", ""))
    except ValueError:
        return None
