"""The claims of a FHIR file, checked by ``fhir.resources``: a resource, a Bundle, a list, or one resource a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from claims.errors import input_error
from claims.fhir.mapping import mapping
from drg.records.findings import capped

Resource = dict[str, Any]
CLAIMS = ("Claim", "ExplanationOfBenefit")
REFERRED = ("Patient", "Organization", "Coverage")
"""Kinds of resources of a Bundle that are read when a claim refers to them."""
MARK = b'"resourceType"'
HEAD_BYTES = 65_536


@dataclass(frozen=True)
class Unusable:
    """What stands in the place of a claim that cannot be read. ``message``: an id of the texts; ``told``: places,
    codes, kinds of resources, never data of a person."""

    message: str
    told: str


@dataclass(frozen=True)
class Found:
    """A claim, and how to find the resources that it refers to: by ``Type/id``, full address, or ``#id``."""

    claim: Resource
    others: Mapping[str, Resource]


def is_fhir(path: Path) -> bool:
    """Whether a file of JSON begins like FHIR."""
    if not path.is_file() or path.suffix.lower() not in (".json", ".ndjson", ".jsonl"):
        return False
    with path.open("rb") as file:
        return MARK in file.read(HEAD_BYTES)


class FhirFile:
    """The claims of a file. Raises ``InputError`` where it cannot be used at all, or without the extra ``fhir``."""

    def __init__(self, path: Path):
        self.path = path
        _models(str(path))
        if path.stat().st_size > mapping()["limits"]["most_bytes"]:
            raise input_error(
                "claims.fhir_large", str(path), most=f"{mapping()['limits']['most_bytes'] // 2**20} MB"
            )
        self._is_one_a_line = _is_one_a_line(path)

    def claims(self) -> Iterator[Found | Unusable]:
        """Every claim in order; something else in its place stands as :class:`Unusable`."""
        for content in self._contents():
            if isinstance(content, Unusable):
                yield content
            elif isinstance(content, dict) and content.get("resourceType") == "Bundle":
                yield from _of_bundle(content)
            else:
                yield _checked(content, {})

    def _contents(self) -> Iterator[Any]:
        if not self._is_one_a_line:
            content = _parsed(self.path.read_bytes())
            if isinstance(content, Unusable):
                raise input_error("claims.fhir_unreadable", str(self.path), detail=content.told)
            yield from content if isinstance(content, list) else [content]
            return
        most = mapping()["limits"]["most_line_bytes"]
        with self.path.open("rb") as file:
            while line := file.readline(most + 1):
                if len(line) > most:
                    raise input_error("claims.fhir_large", str(self.path), most=f"{most // 2**20} MB")
                if line.strip():
                    yield _parsed(line)


def _is_one_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(mapping()["limits"]["most_line_bytes"])
        more = bool(file.readline(HEAD_BYTES).strip())
    return more and isinstance(_parsed(first), dict)


def _parsed(data: bytes) -> Any:
    """JSON with amounts as they are written, never through binary fractions."""
    try:
        return json.loads(data.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refused)
    except RecursionError:
        return Unusable("fhir.not_json", "depth")
    except ValueError as error:
        place = (
            f"{error.lineno}:{error.colno}"
            if isinstance(error, json.JSONDecodeError)
            else type(error).__name__
        )
        return Unusable("fhir.not_json", place)


def _refused(constant: str) -> Any:
    raise ValueError(constant)


def _of_bundle(bundle: Resource) -> Iterator[Found | Unusable]:
    """The claims of a Bundle; its other resources are what they refer to."""
    entries = bundle.get("entry")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        yield Unusable("fhir.invalid", "Bundle.entry")
        return
    others: dict[str, Resource] = {}
    claims = []
    for entry in entries:
        resource = entry.get("resource")
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if kind in CLAIMS:
            claims.append(resource)
        elif kind in REFERRED:
            if wrong := _wrong(resource):
                yield wrong
            else:
                others |= {f"{kind}/{resource.get('id')}": resource, str(entry.get("fullUrl")): resource}
        elif kind is None:
            yield Unusable("fhir.invalid", "Bundle.entry.resource")
    for claim in claims:
        yield _checked(claim, others)


def _checked(resource: Any, others: Mapping[str, Resource]) -> Found | Unusable:
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if kind not in CLAIMS:
        return Unusable("fhir.other_resource", capped(str(kind)))
    for group in ("item", "diagnosis", "procedure"):
        entries = resource.get(group)
        if isinstance(entries, list) and len(entries) > mapping()["limits"]["most_items"]:
            return Unusable("fhir.too_many", f"{kind}.{group}")
    if wrong := _wrong(resource):
        return wrong
    contained = {f"#{one.get('id')}": one for one in resource.get("contained") or ()}
    return Found(resource, {**others, **contained})


def _wrong(resource: Resource) -> Unusable | None:
    """What is wrong with a resource, by its model."""
    kind = resource["resourceType"]
    try:
        _models("")[kind].model_validate(resource)
    except (RecursionError, ValueError, TypeError) as error:
        return Unusable("fhir.invalid", f"{kind}: {_place(error)}")
    return None


def _place(error: Exception) -> str:
    """Where the resource is wrong; never what stands there."""
    found = getattr(error, "errors", None)
    if found is None:
        return type(error).__name__
    first = found(include_input=False, include_url=False, include_context=False)[0]
    return capped(f"{'.'.join(map(str, first['loc']))} {first['type']}".strip())


@cache
def _models(where: str) -> dict[str, Any]:
    """The models of R4 (R4B, which is the same for these). Raises ``InputError`` where the extra is not installed."""
    try:
        from fhir.resources.R4B import get_fhir_model_class
    except ImportError:
        raise input_error("claims.fhir_not_installed", where) from None
    return {kind: get_fhir_model_class(kind) for kind in (*CLAIMS, *REFERRED)}
