"""A job as its initiator writes it down (TOML)."""

from __future__ import annotations

import tomllib
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
