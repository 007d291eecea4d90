"""Cities of provinces."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pyarrow as pa

from drg.quality import divisions


def test_every_city_stands_once() -> None:
    path = Path(divisions.__file__).with_name("divisions.toml")
    provinces = tomllib.loads(path.read_text(encoding="utf-8"))["provinces"]
    named = [city for cities in provinces.values() for city in cities.split()]
    assert len(named) == len(set(named)) == 333 + 4
    assert len(provinces) == 31


def test_addresses() -> None:
    told = {
        "福建省广州市天河区": True,
        "内蒙古自治区 太原市": True,
        "北京市福州市": True,
        "福建省福州市鼓楼区": False,
        "广西桂林市": False,
        "新疆维吾尔自治区喀什地区": False,
        "吉林省吉林市昌邑区": False,
        "北京市北京市朝阳区": False,
        "北京市朝阳区": None,
        "吉林市昌邑区": None,
        "海南藏族自治州共和县": None,
        "福建省石狮市": None,
        "某福建省广州市": None,
        "": None,
    }
    assert divisions.cities_elsewhere(pa.array(told)).to_pylist() == list(told.values())
    assert divisions.cities_elsewhere(pa.array([None], pa.string())).to_pylist() == [None]
