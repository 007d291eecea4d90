"""Files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import typer

from drg.disk import beside, sync
from ui.cli.language import say


class NewFiles:
    """Files written under a temporary name beside their place, and put there together at the end.

    As a context manager: leaving it normally syncs the files and renames them in the order in which they were
    begun; leaving it by an exception removes them. A killed process leaves only ``.NAME.*.part`` files.
    """

    def __init__(self, source: Path):
        self._source = source
        self._parts: dict[Path, Path] = {}
        self._obsolete: list[Path] = []

    def begin(self, path: Path, option: str) -> Path:
        """The temporary file to write instead of ``path``, created empty.

        Raises ``typer.BadParameter`` (about ``option``) where ``path`` is the input or cannot be written.
        """
        hint = f"'{option}'"
        if path.exists() and path.samefile(self._source):
            raise typer.BadParameter(say("out_is_input", path=path), param_hint=hint)
        if path.is_dir():
            raise typer.BadParameter(say("out_is_folder", path=path), param_hint=hint)
        if path in self._parts:
            raise typer.BadParameter(say("out_twice", path=path), param_hint=hint)
        try:
            part = beside(path)
            part.touch(exist_ok=False)
        except OSError as error:
            reason = say("out_not_writable", folder=path.parent.absolute(), detail=error.strerror)
            raise typer.BadParameter(reason, param_hint=hint) from None
        self._parts[path] = part
        return part

    def drop(self, path: Path) -> None:
        """Do not put ``path`` in place after all; what stands there from an earlier run is removed at the end."""
        self._parts.pop(path).unlink()
        self._obsolete.append(path)

    def __enter__(self) -> NewFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._put_in_place()
        for part in self._parts.values():
            part.unlink(missing_ok=True)

    def _put_in_place(self) -> None:
        for part in self._parts.values():
            sync(part)
        for path in self._obsolete:
            path.unlink(missing_ok=True)
        for path, part in self._parts.items():
            part.replace(path)
        for folder in {path.parent for path in self._parts}:
            sync(folder)
