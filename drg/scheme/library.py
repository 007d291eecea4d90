"""The schemes of an installation: those that come with the project, and those imported into its own folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from drg.disk import new_folder
from drg.errors import InputError, input_error
from drg.messages import LANGUAGES
from drg.payment.contract import find_contract, shipped_contracts, shipped_terms
from drg.scheme import lint as linting
from drg.scheme.import_report import ImportReport
from drg.scheme.lint import LintFinding
from drg.scheme.pack import SCHEME_ID, SCHEMES_FOLDER, Row, load_pack, load_settings, shipped_ids
from drg.scheme.workbook import import_workbook

MAX_BOOK_BYTES = 64 << 20
"""A configuration workbook has a few megabytes."""
MAX_SETTINGS_BYTES = 64 << 10
MAX_ID_SHOWN = 80
REPORT_FILE = "import.{lang}.txt"
LINT_FILE = "lint.{lang}.txt"


@dataclass(frozen=True)
class Installed:
    """A workbook that was imported: what was read and repaired, and what the lint says of the scheme."""

    report: ImportReport
    findings: Sequence[LintFinding]


def scheme_folders(own: Path | None) -> dict[str, Path]:
    """Id -> folder of the shipped schemes, and of those in the folder ``own`` of an installation."""
    found = {id: SCHEMES_FOLDER / id for id in shipped_ids()}
    if own is not None:
        for path in sorted(own.glob("[!.]*/scheme.toml")):
            found.setdefault(path.parent.name, path.parent)
    return found


def scheme_name(folder: Path, lang: str) -> str:
    """The name of the scheme in a folder."""
    settings = load_settings(folder / "scheme.toml")
    return settings.name if lang == "zh" else settings.name_en


def contracts_of(scheme: str) -> list[str]:
    """The shipped contracts whose weights belong to a scheme."""
    return [id for id in shipped_contracts() if shipped_terms(id).scheme == scheme]


def prices(contract: str, scheme: str) -> bool:
    """Whether a contract, by id or file, is a DRG contract with weights of a scheme."""
    try:
        return find_contract(contract).terms.scheme == scheme
    except InputError:
        return False


def install_workbook(book: Path, scheme: str, own: Path, settings: Path | None = None) -> Installed:
    """Import an official workbook as the scheme ``scheme`` into the folder ``own``, with its report and its lint.

    The folder of the scheme appears whole or not at all. An id that is there already is refused: its group codes may
    stand in results. Raises ``InputError`` with everything that is wrong.
    """
    if not re.fullmatch(SCHEME_ID, scheme):
        raise input_error("workbook.scheme_id", scheme[:MAX_ID_SHOWN])
    if scheme in scheme_folders(own):
        raise input_error("workbook.scheme_exists", scheme)
    for path, most in ((book, MAX_BOOK_BYTES), (settings, MAX_SETTINGS_BYTES)):
        if path is not None and path.is_file() and path.stat().st_size > most:
            raise input_error(
                "workbook.file_large", path.name, size=path.stat().st_size >> 10, most=most >> 10
            )
    with new_folder(own / scheme) as part:
        report = replace(import_workbook(book, settings, scheme, part), folder=own / scheme)
        findings = linting.lint(load_pack(part))
        for lang in LANGUAGES:
            (part / REPORT_FILE.format(lang=lang)).write_text(report.render(lang) + "\n", encoding="utf-8")
            (part / LINT_FILE.format(lang=lang)).write_text(linting.render(findings, lang), encoding="utf-8")
    load_pack.cache_clear()
    return Installed(report, findings)


def find_rows(rows: Sequence[Row], words: str) -> list[Row]:
    """The rows whose code or name has every word."""
    wanted = words.upper().split()
    return [row for row in rows if all(word in f"{row.code} {row.name}".upper() for word in wanted)]
