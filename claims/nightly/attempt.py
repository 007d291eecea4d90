"""A task that cannot take the run down with it: what it raises comes back as a result."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claims.nightly.partition import Done
from drg.errors import InputError

OF_DUCKDB = {"IOException": "nightly.task_disk", "OutOfMemoryException": "nightly.task_memory"}
"""What DuckDB raises where the system refused; by name, so that it is not imported for this."""


@dataclass(frozen=True)
class Failed:
    """A task that raised. ``detail``: what the system or a check said, never data of a row. ``where``: in the program;
    ``is_system``: not our fault (disk, memory, input that changed), so that running it again may go well."""

    name: str
    code: str
    kind: str
    detail: str
    where: str
    is_system: bool

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Attempt:
    """``function``, whose exceptions become :class:`Failed`."""

    function: Callable[[Any], Done]

    def __call__(self, task: Any) -> Done | Failed:
        try:
            return self.function(task)
        except InputError as error:
            return Failed(task.name, "nightly.task_refused", error.problems[0].code, error.render(), "", True)
        except OSError as error:
            # Arrow's errors have no number and no strerror; their first line names the file and what happened.
            detail = error.strerror or str(error).splitlines()[0][:200]
            return Failed(task.name, "nightly.task_disk", type(error).__name__, detail, _place(error), True)
        except MemoryError as error:
            return Failed(task.name, "nightly.task_memory", "MemoryError", "", _place(error), True)
        except Exception as error:
            kind = type(error).__name__
            code = OF_DUCKDB.get(kind, "nightly.task_failed")
            return Failed(task.name, code, kind, "", _place(error), kind in OF_DUCKDB)


def _place(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
