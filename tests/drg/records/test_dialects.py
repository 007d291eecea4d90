"""Each dialect by examples that a coder can read: a small file and the cases that it must give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from drg.case import Case
from drg.errors import InputError
from drg.records import read
from drg.records.dialect import built_in

EXAMPLES = Path(__file__).parent / "examples"


def example_file(name: str) -> Path:
    return next((EXAMPLES / name).glob("records.*"))


@pytest.mark.parametrize("name", sorted(folder.name for folder in EXAMPLES.iterdir()))
def test_example(name: str) -> None:
    expected: dict[str, Any] = yaml.safe_load((EXAMPLES / name / "expected.yaml").read_text(encoding="utf-8"))
    file = read(example_file(name))
    batches = list(file.batches())

    assert (file.dialect, file.edition) == (expected["dialect"], expected["edition"])
    assert file.ignored_columns == expected.get("ignored", file.ignored_columns)
    cases = [Case.model_validate(row) for batch in batches for row in batch.cases.to_pylist()]
    assert cases == [Case.model_validate(row) for row in expected["cases"]]
    for kind in ("rejections", "notes"):
        found = [row for batch in batches for row in getattr(batch, kind).to_pylist()]
        message = "reason" if kind == "rejections" else "note"
        shown = [{key: row[key] for key in ("row", "field", message)} for row in found]
        assert sorted(shown, key=str) == sorted(expected.get(kind, []), key=str)


def test_every_dialect_has_an_example() -> None:
    shown = {
        yaml.safe_load(path.read_text(encoding="utf-8"))["dialect"]
        for path in EXAMPLES.glob("*/expected.yaml")
    }
    assert shown == set(built_in())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_columns_are_found_by_name_in_any_order_and_encoding(tmp_path: Path, encoding: str) -> None:
    lines = (EXAMPLES / "pinyin" / "records.csv").read_text(encoding="utf-8").splitlines()
    turned = "\n".join("\t".join(reversed(line.split(","))) for line in lines)
    path = tmp_path / "turned.txt"
    path.write_bytes(turned.encode(encoding))

    file = read(path)

    assert file.encoding == {"utf-8": "utf-8", "utf-8-sig": "utf-8-bom", "gb18030": "gb18030"}[encoding]
    original = next(iter(read(EXAMPLES / "pinyin" / "records.csv").batches())).cases
    assert next(iter(file.batches())).cases.equals(original)


def test_a_text_that_is_valid_in_both_encodings_is_read_as_chinese(tmp_path: Path) -> None:
    path = tmp_path / "women.csv"
    path.write_bytes("case_id,sex,dx\nA,女,O80\n".encode("gb18030"))
    assert path.read_bytes().decode("utf-8")
    file = read(path)
    assert (file.encoding, next(iter(file.batches())).cases.column("sex").to_pylist()) == ("gb18030", [2])


def test_two_headers_for_one_code_are_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("A48_病案号,病案号(A48),A49,C03C\n1,2,1,I10\n", encoding="utf-8")
    with pytest.raises(InputError, match="more than once"):
        read(path)


def test_a_longer_name_is_not_taken_for_a_column(tmp_path: Path) -> None:
    path = tmp_path / "near.csv"
    path.write_text("case_id,dx,age_group\nA,I10,7\n", encoding="utf-8")
    file = read(path)
    assert file.ignored_columns == ["age_group"]


def test_newline_delimited_settlement_lists_are_streamed(tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    line = '{{"setlinfo": {{"setl_id": "S{0}"}}, "diseinfo": [{{"diag_code": "I10", "maindiag_flag": 1}}]}}'
    path.write_text("\n".join(line.format(number) for number in range(25)), encoding="utf-8")
    batches = list(read(path, batch_rows=10).batches())
    assert [batch.row_count for batch in batches] == [10, 10, 5]
    assert batches[2].case_rows.to_pylist() == [21, 22, 23, 24, 25]
