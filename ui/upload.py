"""Files that a person hands to a page: limited in size and kind, and on the disk only while they are read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Protocol

from ui.errors import UiError


class Uploaded(Protocol):
    """What ``st.file_uploader`` yields."""

    name: str
    size: int

    def getbuffer(self) -> memoryview: ...


@contextmanager
def on_disk(file: Uploaded, kinds: tuple[str, ...], most_megabytes: int) -> Iterator[Path]:
    """The file under a name of our own, with its ending. Raises ``InputError`` for another kind or a larger one."""
    ending = PurePath(file.name).suffix.lower()
    if ending not in kinds:
        raise UiError("upload.kind", known=tuple(kinds))
    if file.size > most_megabytes << 20:
        raise UiError("upload.large", size=file.size >> 20, most=most_megabytes)
    with tempfile.TemporaryDirectory(prefix="drgbridge-upload-") as folder:
        path = Path(folder) / f"upload{ending}"
        with path.open("wb") as stream:
            stream.write(file.getbuffer())
        yield path
