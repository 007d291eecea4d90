"""Files of a party are for their owner, and whole or not there."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from privacy.errors import Refused
from privacy.files import write_new


def test_a_new_file_is_whole_for_its_owner_and_takes_no_others_place(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    write_new(path, b"first")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(Refused) as refused:
        write_new(path, b"second")
    assert refused.value.code == "party.file_exists"
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]
