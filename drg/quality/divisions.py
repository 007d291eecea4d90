"""Provinces and their prefecture-level cities (``divisions.toml``) as addresses name them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

_KINDS = r"(?:(?:维吾尔|壮族|回族)?自治区|省|市)$"
_BETWEEN = r"[\s　,，、/·-]*"


@cache
def province_of_city() -> Mapping[str, str]:
    """Full name of each prefecture-level division -> full name of its province."""
    path = Path(__file__).with_name("divisions.toml")
    provinces = tomllib.loads(path.read_text(encoding="utf-8"))["provinces"]
    return {city: province for province, cities in provinces.items() for city in cities.split()}


@cache
def _provinces() -> dict[str, str]:
    """Full and short names of the provinces -> full name."""
    full = set(province_of_city().values())
    return {re.sub(_KINDS, "", province): province for province in full} | {name: name for name in full}


@cache
def _beginning() -> str:
    """The pattern of a province and a city right behind it."""
    return f"^(?P<province>{_one_of(_provinces())}){_BETWEEN}(?P<city>{_one_of(province_of_city())})"


def _one_of(names: Iterable[str]) -> str:
    return "|".join(sorted(names, key=lambda name: (-len(name), name)))


def cities_elsewhere(addresses: pa.Array) -> pa.Array:
    """Whether addresses begin with a province and a city of another province; null where they name not both."""
    found = pc.extract_regex(addresses, _beginning())
    province = _translated(pc.struct_field(found, "province"), _provinces())
    return pc.not_equal(province, _translated(pc.struct_field(found, "city"), province_of_city()))


def _translated(texts: pa.Array, names: Mapping[str, str]) -> pa.Array:
    places = pc.index_in(texts, value_set=pa.array(names))
    return pa.array(names.values()).take(places)
