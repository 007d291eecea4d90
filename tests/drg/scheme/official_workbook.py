"""Writes a pack as a workbook in the official layout, with the oddities that the published file has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import xlsxwriter

from drg.scheme.language import to_text
from drg.scheme.pack import Pack

Cells = list[list[object]]


@dataclass
class Book:
    """The sheets of a workbook, header first; a test changes them before they are written."""

    sheets: dict[str, Cells]

    def write(self, path: Path) -> Path:
        with xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_numbers": False}) as book:
            for name, rows in self.sheets.items():
                sheet = book.add_worksheet(name)
                for number, row in enumerate(rows):
                    sheet.write_row(number, 0, row)
        return path

    def change(self, sheet: str, column: int, where: Callable[[list[object]], bool], value: object) -> int:
        """Set one cell of the first row that fits; the row's number in the spreadsheet."""
        for number, row in enumerate(self.sheets[sheet], start=1):
            if where(row):
                row[column] = value
                return number
        raise LookupError(f"no such row in {sheet}")


def plain_book(pack: Pack) -> Book:
    """The pack as the official workbook, without any fault."""
    adrg_mdc = {row.code: row.parent for row in pack.adrgs}
    mdc = [[row.code, row.name, to_text(row.rule), order] for order, row in enumerate(pack.mdcs, 1)]
    adrg = [
        ["", row.code, row.name, to_text(row.rule), row.parent, order]
        for order, row in enumerate(pack.adrgs, 1)
    ]
    drg = [
        [row.code, row.name, to_text(row.rule), row.parent, adrg_mdc[row.parent], order]
        for order, row in enumerate(pack.drgs, 1)
    ]
    return Book(
        {
            "MDC": [["MDC信息表"], ["MDC编码", "MDC名称", "MDC规则", "排序"], *mdc],
            "ADRG": [["", "ADRG编码", "ADRG名称", "ADRG规则", "所属MDC编码", "MDC内排序"], *adrg],
            "DRG": [["DRG", "DRG名称", "DRG规则", "所属ADRG编码", "所属MDC编码", "排序"], *drg],
            "集合": [["集合编号", "ICD编码", "ICD名称", "类型编号"], *_members(pack.sets, ["", 1])],
            "CC": [
                ["疾病编码", "疾病名称", "排除表", "类型"],
                *(
                    [code, "", int(found.exclusion_table), found.level]
                    for code, found in pack.complications.items()
                ),
            ],
            "排除表": [
                ["集合编号", "ICD编码", "ICD名称"],
                *([int(str(name)), code, ""] for name, code, *_ in _members(pack.exclusions, [])),
            ],
        }
    )


def _members(blocks: object, rest: Sequence[object]) -> Cells:
    return [[name, code, *rest] for name, codes in dict(blocks).items() for code in sorted(codes)]  # type: ignore[call-overload]


def small_book(pack: Pack, mdcs: int = 2) -> Book:
    """The first MDCs of the pack with their groups and the sets that these name, as the official workbook."""
    book = plain_book(pack)
    kept = {row[0] for row in book.sheets["MDC"][2 : 2 + mdcs]}
    book.sheets["MDC"] = book.sheets["MDC"][: 2 + mdcs]
    for name, parent in (("ADRG", 4), ("DRG", 4)):
        head, *rows = book.sheets[name]
        book.sheets[name] = [head, *(row for row in rows if row[parent] in kept)]
    rules = (("MDC", 2), ("ADRG", 3), ("DRG", 2))
    texts = " ".join(str(row[column]) for name, column in rules for row in book.sheets[name][1:])
    head, *rows = book.sheets["集合"]
    book.sheets["集合"] = [head, *(row for row in rows if str(row[0]) in texts)]
    return book
