"""What becomes of the codes under another scheme: a DRG pack with any contract, or a DIP catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drg.case import Case
from drg.dip import catalogue as dip_catalogue
from drg.dip.trace import Trace, trace
from drg.grouper.explain import Explanation, explain
from drg.payment.contract import find_contract, shipped_contracts, shipped_terms
from drg.payment.explain import PriceExplanation, explain_price
from drg.scheme import pack

Kind = Literal["scheme", "contract", "dip"]


@dataclass(frozen=True)
class Target:
    """Where else a case could be grouped or paid."""

    kind: Kind
    id: str


@dataclass(frozen=True)
class Elsewhere:
    """The answer: ``explanation`` and ``price`` for DRG (``price`` only under a contract), ``dip`` for a catalogue."""

    explanation: Explanation | None = None
    price: PriceExplanation | None = None
    dip: Trace | None = None


def targets(scheme: str, contract: str | None) -> list[Target]:
    """Everything that comes with the product but the scheme and contract in use."""
    return [
        *(Target("scheme", id) for id in pack.shipped_ids() if id != scheme),
        *(Target("contract", id) for id in shipped_contracts() if id != contract),
        *(Target("dip", id) for id in dip_catalogue.shipped_ids()),
    ]


def target_name(target: Target, lang: str) -> str:
    """What a target is called."""
    if target.kind == "contract":
        title = shipped_terms(target.id).title
        return title.zh if lang == "zh" else title.en
    if target.kind == "scheme":
        settings = pack.load_settings(Path(pack.SCHEMES_FOLDER) / target.id / "scheme.toml")
        return settings.name if lang == "zh" else settings.name_en
    catalogue = dip_catalogue.find_catalogue(target.id).settings
    return catalogue.name if lang == "zh" else catalogue.name_en


def look(case: Case, target: Target) -> Elsewhere:
    """The case under a target. A contract is applied as if the case fell under it, whatever its region and day."""
    if target.kind == "dip":
        return Elsewhere(dip=trace(case, target.id))
    if target.kind == "scheme":
        return Elsewhere(explain(case, target.id))
    contract = find_contract(target.id)
    explanation = explain(case, contract.terms.scheme)
    return Elsewhere(explanation, explain_price(case, explanation.grouping, contract, as_if=True))
