"""How large an xlsx file is, found out before it is parsed.

Such a file is not trusted: a small archive may unpack to gigabytes, and calamine keeps the whole rectangle of a sheet
in memory, filled or not, so that two cells far apart are enough to exhaust it.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

MAX_UNPACKED_BYTES = 1 << 30

_BLOCK_BYTES = 4 << 20
_OVERLAP_BYTES = 16 << 10
_CELL_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["']""")


def unpacked_bytes(archive: zipfile.ZipFile) -> int:
    """The size of all parts of the archive, as its directory states it; ``zipfile`` reads no part further."""
    return sum(member.file_size for member in archive.infolist())


def blocks(archive: zipfile.ZipFile, part: str | zipfile.ZipInfo) -> Iterator[bytes]:
    """A part of the archive, block by block to its end, where the checksum is checked.

    A block begins with the last bytes of the one before, so that no tag of ordinary length is cut everywhere.
    """
    rest = b""
    with archive.open(part) as stream:
        while block := stream.read(_BLOCK_BYTES):
            text = rest + block
            yield text
            rest = text[-_OVERLAP_BYTES:]


@dataclass
class Extent:
    """The last row and column (from 1) of the cells in the blocks of a sheet that were added."""

    row: int = 0
    column: int = 0

    def add(self, block: bytes) -> None:
        """Take the cells of a block of the sheet's XML into account."""
        for letters, digits in set(_CELL_PLACE.findall(block)):
            self.row = max(self.row, int(digits))
            self.column = max(self.column, column_number(letters.decode("ascii")))

    @property
    def cells(self) -> int:
        """Rows times columns."""
        return self.row * self.column


def column_number(letters: str) -> int:
    """``A`` -> 1, ``AA`` -> 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def column_letters(number: int) -> str:
    """1 -> ``A``, 27 -> ``AA``."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
