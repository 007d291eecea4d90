"""A FHIR claim as an object with the names of the record table (``claims.lines.claim_fields``)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from claims.fhir.mapping import mapping
from claims.fhir.resources import Found, Resource, Unusable

WHOLE_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
Fields = dict[str, Any]


class _UnusableError(Exception):
    """The claim has something that we do not understand and must not leave out."""

    def __init__(self, message: str, told: str):
        super().__init__(message)
        self.unusable = Unusable(message, told)


def converted(found: Found) -> Fields | Unusable:
    """The fields that the claim tells; what it does not tell is not there.

    Unusable: another currency than ``mapping.toml`` names, or diagnoses and procedures of unknown code systems.
    """
    try:
        claim = found.claim
        return {
            name: value
            for name, value in {
                "case_id": claim.get("id") or _identifier(claim),
                "claim_number": _identifier(claim),
                "claim_date": _day(claim.get("created")),
                "admission_time": _time(_period(claim).get("start")),
                "discharge_time": _time(_period(claim).get("end")),
                "visit_kind": _visit_kind(claim),
                "insurer": _name(claim.get("insurer"), found.others),
                "policy": _policy(claim, found.others),
                "hospital": _number(claim.get("provider"), found.others),
                "hospital_name": _name(claim.get("provider"), found.others),
                **_patient(claim, found.others),
                **_totals(claim),
                "diagnoses": _diagnoses(claim),
                "procedures": _procedures(claim),
                "fee_lines": [line for item in claim.get("item") or () for line in _lines(item)],
            }.items()
            if value not in (None, "", [])
        }
    except _UnusableError as error:
        return error.unusable


def _identifier(resource: Mapping[str, Any]) -> str | None:
    return next((one["value"] for one in resource.get("identifier") or () if one.get("value")), None)


def _target(reference: Any, others: Mapping[str, Resource]) -> Resource:
    """The resource that is referred to; empty where it is not there."""
    return others.get((reference or {}).get("reference", ""), {})


def _number(reference: Any, others: Mapping[str, Resource]) -> str | None:
    """The number of what is referred to: its identifier, else the id of the resource."""
    reference, target = reference or {}, _target(reference, others)
    given = reference.get("identifier", {}).get("value") or _identifier(target) or target.get("id")
    return given or reference.get("reference", "").rpartition("/")[2].lstrip("#") or None


def _name(reference: Any, others: Mapping[str, Resource]) -> str | None:
    name = _target(reference, others).get("name")
    return (name if isinstance(name, str) else None) or (reference or {}).get("display")


def _policy(claim: Resource, others: Mapping[str, Resource]) -> str | None:
    """The number of the coverage that the claim is about."""
    insurance = sorted(claim.get("insurance") or (), key=lambda one: not one.get("focal"))
    return _number(insurance[0].get("coverage"), others) if insurance else None


def _patient(claim: Resource, others: Mapping[str, Resource]) -> Fields:
    patient = _target(claim.get("patient"), others)
    born, admitted = patient.get("birthDate"), _period(claim).get("start")
    return {
        "person_number": _number(claim.get("patient"), others),
        "sex": mapping()["sex"].get(str(patient.get("gender"))),
        "birth_date": _day(born),
        "age": _age(_day(born), _day(admitted)),
    }


def _age(born: str | None, day: str | None) -> int | None:
    """Completed years."""
    if born is None or day is None or born > day:
        return None
    return int(day[:4]) - int(born[:4]) - (day[5:] < born[5:])


def _period(claim: Resource) -> Mapping[str, Any]:
    found: Mapping[str, Any] = claim.get("billablePeriod") or {}
    return found


def _day(text: Any) -> str | None:
    """The day of a FHIR date or time; None for a month or a year alone."""
    return text[:10] if isinstance(text, str) and WHOLE_DATE.match(text) else None


def _time(text: Any) -> str | None:
    """Day and time as written, in the time of the place where it was written."""
    return text[:19].replace("T", " ") if _day(text) else None


def _visit_kind(claim: Resource) -> str | None:
    known = mapping()["visit_kind"]
    codes = [*_codes(claim.get("subType")), *_codes(claim.get("type"))]
    return next((known[code] for code in codes if code in known), None)


def _codes(concept: Any) -> list[str]:
    return [one["code"] for one in (concept or {}).get("coding") or () if one.get("code")]


def _totals(claim: Resource) -> Fields:
    """Of a Claim its total; of an ExplanationOfBenefit its totals by category and what was paid."""
    total = claim.get("total")
    if isinstance(total, dict):
        return {"total_cost": _amount(total), "claimed_amount": _amount(total)}
    known = mapping()["totals"]
    found = {
        known[code]: _amount(one.get("amount"))
        for one in total or ()
        for code in _codes(one.get("category"))
        if code in known
    }
    paid = _amount((claim.get("payment") or {}).get("amount"))
    return found | ({"paid_amount": paid} if paid is not None else {})


def _amount(money: Any) -> str | None:
    """The figure as written. Raises where it is not in our currency: it must not be added to the others."""
    if not money or money.get("value") is None:
        return None
    currency = money.get("currency", mapping()["currency"]["code"])
    if currency != mapping()["currency"]["code"]:
        raise _UnusableError("fhir.currency", currency)
    return str(money["value"])


def _coded(concept: Any, systems: Sequence[str], place: str) -> Mapping[str, Any] | None:
    """The coding of the first of our systems. Raises where there are codings, but none of these."""
    codings = [one for one in (concept or {}).get("coding") or () if one.get("code")]
    for system in systems:
        for coding in codings:
            if coding.get("system") == system:
                found: Mapping[str, Any] = coding
                return found
    if codings:
        raise _UnusableError("fhir.code_system", f"{place}: {codings[0].get('system')}")
    return None


def _diagnoses(claim: Resource) -> list[Fields]:
    """The principal one first, then by sequence."""
    principal = mapping()["principal"]["codes"]
    ordered = sorted(
        claim.get("diagnosis") or (),
        key=lambda one: (not any(code in principal for kind in one.get("type") or () for code in _codes(kind)),
                         one["sequence"]),
    )  # fmt: skip
    found = []
    for one in ordered:
        coding = _coded(one.get("diagnosisCodeableConcept"), mapping()["systems"]["diagnosis"], "diagnosis")
        if coding is not None:
            present = [mapping()["present_on_admission"].get(code) for code in _codes(one.get("onAdmission"))]
            found.append(
                {
                    "code": coding["code"],
                    "name": coding.get("display"),
                    "present_on_admission": next(iter(present), None),
                }
            )
    return found


def _procedures(claim: Resource) -> list[Fields]:
    found = []
    for one in sorted(claim.get("procedure") or (), key=lambda one: one["sequence"]):
        coding = _coded(one.get("procedureCodeableConcept"), mapping()["systems"]["procedure"], "procedure")
        if coding is not None:
            found.append(
                {"code": coding["code"], "name": coding.get("display"), "date": _time(one.get("date"))}
            )
    return found


def _lines(item: Mapping[str, Any]) -> Iterator[Fields]:
    """The fee lines of an item: itself, or where it is divided its parts, so that nothing is counted twice."""
    parts = item.get("detail") or item.get("subDetail")
    if parts:
        for part in parts:
            yield from _lines({**_inherited(item), **part})
        return
    coding = _item_coding(item.get("productOrService"))
    quantity = item.get("quantity") or {}
    served = item.get("servicedDate") or (item.get("servicedPeriod") or {}).get("start")
    yield {
        "code": coding.get("code"),
        "name": coding.get("display") or (item.get("productOrService") or {}).get("text"),
        "kind": next((mapping()["fee_kind"].get(code) for code in _codes(item.get("category"))), None),
        "quantity": _text(quantity.get("value")),
        "unit": quantity.get("unit"),
        "unit_price": _amount(item.get("unitPrice")),
        "amount": _amount(item.get("net")),
        "date": _day(served),
    }


def _inherited(item: Mapping[str, Any]) -> Fields:
    """What a part has from its item where it does not tell itself."""
    return {name: item[name] for name in ("category", "servicedDate", "servicedPeriod") if name in item}


def _item_coding(concept: Any) -> Mapping[str, Any]:
    codings = [one for one in (concept or {}).get("coding") or () if one.get("code")]
    systems = mapping()["systems"]["item"]
    found: Mapping[str, Any] = min(
        codings,
        key=lambda one: systems.index(one["system"]) if one.get("system") in systems else len(systems),
        default={},
    )
    return found


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
