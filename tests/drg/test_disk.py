"""A folder takes another's place whole, or nothing happens."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from drg.disk import file_hash, new_file, new_folder


def test_a_new_folder_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "model"
    for text in ("first", "second"):
        with new_folder(folder) as part:
            assert list(part.iterdir()) == []
            (part / text).write_text(text, encoding="utf-8")
        assert [path.name for path in folder.iterdir()] == [text]
    assert list(folder.parent.iterdir()) == [folder]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "kept").touch()
    with pytest.raises(ValueError, match="half"), new_folder(folder) as part:
        (part / "new").touch()
        raise ValueError("half")
    assert [path.name for path in folder.iterdir()] == ["kept"]
    assert list(tmp_path.iterdir()) == [folder]


def test_the_old_folder_is_there_until_the_new_one_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "kept").touch()
    with new_folder(folder):
        assert (folder / "kept").exists()


def test_hash_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert file_hash(path) == hashlib.sha256(b"abc").hexdigest()


def test_a_new_file_takes_its_place_whole_or_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    with new_file(path) as part:
        part.write_text("first", encoding="utf-8")
        assert not path.exists()
    with pytest.raises(ValueError, match="half"), new_file(path) as part:
        part.write_text("sec", encoding="utf-8")
        raise ValueError("half")
    assert path.read_text(encoding="utf-8") == "first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("new", [new_file, new_folder])
def test_a_device_is_not_replaced(
    new: Callable[[Path], AbstractContextManager[Path]], tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError), new(pipe):
        pass
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_file_is_not_replaced_by_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(NotADirectoryError), new_folder(path):
        pass
    assert path.read_text(encoding="utf-8") == "mine"
