"""Tables from files: ids stay as they are written, nothing is rounded or lost."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from privacy.errors import Refused
from privacy.table import Table, read_table


def written(folder: Path, columns: dict[str, Any]) -> Path:
    path = folder / "table.parquet"
    parquet.write_table(pa.table(columns), path)
    return path


def csv_file(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


def test_csv_and_parquet_give_the_same_table(tmp_path: Path) -> None:
    csv = csv_file(tmp_path, "id,cost,name,secret\n007,1.5,甲,x\n 8 ,,,y\n")
    columns = {"id": ["007", " 8 "], "cost": [1.5, None], "name": ["甲", None], "secret": ["x", "y"]}
    for path in (csv, written(tmp_path, columns)):
        table = read_table(path, "id", numbers=["cost"], texts=["name"], max_rows=2)
        assert table.ids == ["007", "8"]
        assert table.texts == {"name": ["甲", None]}
        np.testing.assert_array_equal(table.columns["cost"], [1.5, np.nan])
        assert set(table.columns) == {"cost"}


def test_numbers_of_every_kind(tmp_path: Path) -> None:
    columns = {
        "id": pa.array([1, 2]),
        "int": pa.array([1, None]),
        "bool": pa.array([True, None]),
        "money": pa.array([Decimal("12.34"), None]),
        "coded": pa.array(["a", "b"]).dictionary_encode(),
    }
    table = read_table(
        written(tmp_path, columns), "id", numbers=["int", "bool", "money"], texts=["coded"], max_rows=9
    )
    assert table.ids == ["1", "2"]
    for name, first in (("int", 1.0), ("bool", 1.0), ("money", 12.34)):
        np.testing.assert_array_equal(table.columns[name], [first, np.nan])


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"id": ["a", None]}, "table.id_missing"),
        ({"id": ["a", "  "]}, "table.id_missing"),
        ({"id": [1.0, 2.0]}, "table.id_kind"),
        ({"other": ["a"]}, "table.column_missing"),
        ({"id": ["a"], "x": ["1"]}, "table.column_kind"),
        ({"id": ["a"], "x": [2**53 + 1]}, "table.column_kind"),
        ({"id": ["a"], "x": [float("inf")]}, "table.infinite"),
        ({"id": ["a", "b", "c", "d"], "x": [1, 2, 3, 4]}, "table.too_many_rows"),
    ],
)
def test_what_cannot_be_read_truly_is_refused(tmp_path: Path, columns: dict[str, Any], code: str) -> None:
    numbers = ["x"] if "x" in columns else []
    with pytest.raises(Refused) as error:
        read_table(written(tmp_path, columns), "id", numbers=numbers, max_rows=3)
    assert error.value.code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("id,x\na,one\n", "table.unreadable"),
        ("id,x,x\na,1,2\n", "table.column_missing"),
        ("id,x\na,1,2\n", "table.unreadable"),
        ("", "table.column_missing"),
    ],
)
def test_a_broken_csv_is_refused(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(Refused) as error:
        read_table(csv_file(tmp_path, text), "id", numbers=["x"], max_rows=3)
    assert error.value.code == code


def test_other_files_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "table.parquet"
    broken.write_bytes(b"PAR1 no")
    for path in (broken, tmp_path / "absent.csv", tmp_path / "table.xlsx"):
        with pytest.raises(Refused) as error:
            read_table(path, "id", max_rows=3)
        assert error.value.code in {"table.unreadable", "table.kind"}


def test_rows_are_taken_together() -> None:
    table = Table(["a", "b", "c"], {"x": np.array([1.0, 2.0, 3.0])}, {"t": ["p", None, "q"]})
    taken = table.take([2, 0])
    assert (taken.ids, taken.columns["x"].tolist(), taken.texts["t"]) == (["c", "a"], [3.0, 1.0], ["q", "p"])
    table.require_unique_ids()
    with pytest.raises(Refused, match=r"table\.id_repeated"):
        table.take([0, 0]).require_unique_ids()
