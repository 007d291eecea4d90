"""A job as its initiator writes it down (TOML)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from privacy.errors import Refused
from privacy.job_messages import Name

MAX_BYTES = 1_000_000


class JobFile(BaseModel):
    """Our table and the peer's by their names, the purpose, the protocol's parameters, and a file for the result."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: Name
    peer_table: Name
    purpose: Name
    parameters: dict[str, Any] = {}
    out: Path | None = None

    @classmethod
    def load(cls, path: Path) -> JobFile:
        """Read a job; ``out`` starts at the folder of the file. Raises ``Refused`` with the first mistake."""
        try:
            with path.open("rb") as file:
                job = cls.model_validate(tomllib.loads(file.read(MAX_BYTES).decode()))
        except OSError as error:
            raise Refused("job.file_missing", path=str(path)) from error
        except ValidationError as error:
            problem = error.errors(include_input=False)[0]
            place = ".".join(str(part) for part in problem["loc"])
            raise Refused("job.file_invalid", path=str(path), place=place, why=problem["msg"]) from error
        except ValueError as error:
            raise Refused("job.file_invalid", path=str(path), place="TOML", why=str(error)[:200]) from error
        return job if job.out is None else job.model_copy(update={"out": path.absolute().parent / job.out})

    def as_toml(self) -> str:
        """The job as ``load`` reads it. ``out`` is written as it is; parameters that are None are left out."""
        head = self.model_dump(exclude={"parameters"}, exclude_none=True, mode="json")
        return "\n".join([*_lines(head, ()), *_lines(self.parameters, ("parameters",))]) + "\n"


def _lines(values: Mapping[str, Any], place: tuple[str, ...]) -> list[str]:
    """A TOML table: its plain values, then the tables in it."""
    lines = [f"[{'.'.join(map(_text, place))}]"] if place else []
    lines += [f"{_text(name)} = {_value(value)}" for name, value in values.items() if _is_plain(value)]
    for name, value in values.items():
        if isinstance(value, Mapping):
            lines += _lines(value, (*place, name))
    return lines


def _is_plain(value: object) -> bool:
    return value is not None and not isinstance(value, Mapping)


def _value(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else repr(value)


def _text(text: str) -> str:
    """A basic string of TOML: as in JSON, but for the one control character that JSON takes as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
