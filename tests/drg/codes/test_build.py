"""The data files are what the reference tables say, and what the build tool makes of them."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from drg.codes import SYSTEMS, System, load_catalogue
from drg.codes.build import CATALOGUE_FILES, CROSSWALK_FILES, build, read_rows
from drg.codes.catalogue import DATA
from drg.codes.crosswalk import load_crosswalk
from drg.codes.pinyin import Polyphones

REFERENCE = Path(__file__).resolve().parents[4] / "shared" / "reference" / "codes"
with_reference = pytest.mark.skipif(
    not REFERENCE.is_dir(), reason=f"the reference tables are not at {REFERENCE}"
)


@with_reference
@pytest.mark.parametrize(("system", "size"), [("icd10", 33_307), ("icd9cm3", 13_686)])
def test_catalogue_equals_the_reference(system: System, size: int) -> None:
    catalogue = load_catalogue(system)
    ours = [
        (code, catalogue.name(code), catalogue.is_gray(code), catalogue.operation_type(code))
        for code in catalogue.codes
    ]
    rows = read_rows(REFERENCE / CATALOGUE_FILES[system])
    reference = [(row["code"], row["name"], row["gray"] == "1", row.get("type") or None) for row in rows]
    assert len(ours) == size
    assert ours == sorted(reference)


@with_reference
@pytest.mark.parametrize(("system", "size"), [("icd10", 35_587), ("icd9cm3", 13_653)])
def test_crosswalk_equals_the_reference(system: System, size: int) -> None:
    crosswalk = load_crosswalk(system)
    ours = [(code, crosswalk.clinical_names[code], nhsa) for code, nhsa in crosswalk.nhsa_codes.items()]
    rows = read_rows(REFERENCE / CROSSWALK_FILES[system])
    assert len(ours) == size
    assert ours == sorted((row["clinical_code"], row["clinical_name"], row["nhsa_code"]) for row in rows)


@with_reference
def test_a_rebuild_changes_nothing(tmp_path: Path) -> None:
    build(REFERENCE, tmp_path)
    for system in SYSTEMS:
        for file in (f"{system}.parquet", f"{system}_clinical.parquet"):
            assert pq.ParquetFile(tmp_path / file).read().equals(pq.ParquetFile(DATA / file).read()), file


INITIALS = [
    ("长骨骨折", ["cggz"]),
    ("生长激素缺乏", ["szjsqf"]),
    ("重度贫血", ["zdpx"]),
    ("肠重复", ["ccf"]),
    ("血栓形成", ["xsxc"]),
    ("便血", ["bx"]),
    ("上行性感染", ["sxxgr"]),
    ("颈椎间盘突出", ["jzjptc"]),
    ("马尾神经损伤", ["mwsjss"]),
    ("月经不调", ["yjbt"]),
    ("肠粘连", ["cnl", "czl"]),
    ("荨麻疹", ["xmz", "qmz"]),
    ("人类免疫缺陷病毒[HIV]病", ["rlmyqxbdhivb"]),
    ("Ⅲ度烧伤，B型", ["iiidssbx"]),
]


@pytest.mark.parametrize(("name", "initials"), INITIALS)
def test_initials(name: str, initials: list[str]) -> None:
    assert Polyphones.load(DATA / "polyphones.tsv").initials(name) == initials


def test_every_polyphone_is_in_a_name_and_has_an_initial_a_sign() -> None:
    names = "\n".join(
        name for system in SYSTEMS for name in load_catalogue(system).column("name").to_pylist()
    )
    readings = Polyphones.load(DATA / "polyphones.tsv").readings
    assert [phrase for phrase in readings if phrase not in names] == []
    assert all(len(initials) == len(phrase) for phrase, all_ in readings.items() for initials in all_)
