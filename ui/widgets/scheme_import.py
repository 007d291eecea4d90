"""The import of an official workbook into the installation's schemes, with its report and its lint."""

from __future__ import annotations

from contextlib import ExitStack

import streamlit as st

from drg.errors import InputError
from drg.scheme import lint
from drg.scheme.library import MAX_BOOK_BYTES, Installed, install_workbook
from ui import access, home, upload
from ui.access import Person
from ui.text import text
from ui.widgets import markup
from ui.widgets.markup import tag

BOOK_KINDS, SETTINGS_KINDS = (".xlsx",), (".toml",)
MOST_MEGABYTES = MAX_BOOK_BYTES >> 20
FOUND = "scheme_imported"


def show(person: Person, lang: str) -> None:
    """The form, and what came of the last import."""
    access.require(person, "import_scheme")
    if home.installation().scheme_folder is None:
        home.show_empty("schemes.no_folder")
        return
    markup.show(tag("p", text("schemes.import_text", lang, most=MOST_MEGABYTES), style="d-note"))
    with st.form("import_scheme"):
        scheme = st.text_input(text("schemes.import_id", lang), key="import_id", max_chars=64)
        left, right = st.columns(2, gap="medium")
        with left:
            book = st.file_uploader(
                text("schemes.import_book", lang),
                type=["xlsx"],
                max_upload_size=MOST_MEGABYTES,
                key="import_book",
            )
        with right:
            settings = st.file_uploader(
                text("schemes.import_settings", lang), type=["toml"], max_upload_size=1, key="import_settings"
            )
        asked = st.form_submit_button(text("schemes.import", lang), key="import")
    if asked and book is not None:
        _import(person, scheme.strip(), book, settings, lang)
    elif asked:
        home.show_empty("schemes.no_book")
    elif FOUND in st.session_state:
        _show_installed(st.session_state[FOUND], lang)


def _import(
    person: Person, scheme: str, book: upload.Uploaded, settings: upload.Uploaded | None, lang: str
) -> None:
    access.require(person, "import_scheme")
    folder = home.installation().scheme_folder
    assert folder is not None  # noqa: S101 - shown only where there is one
    try:
        with st.spinner(text("schemes.importing", lang)), ExitStack() as files:
            path = files.enter_context(upload.on_disk(book, BOOK_KINDS, MOST_MEGABYTES))
            own = (
                None if settings is None else files.enter_context(upload.on_disk(settings, SETTINGS_KINDS, 1))
            )
            installed = install_workbook(path, scheme, folder, own)
    except InputError as error:
        home.show_error(error)
        return
    home.audit(person, "import", "scheme", scheme)
    st.session_state[FOUND] = installed
    _show_installed(installed, lang)


def _show_installed(found: Installed, lang: str) -> None:
    for title, told in (
        (text("schemes.report", lang), found.report.render(lang)),
        (text("schemes.lint", lang), lint.render(found.findings, lang)),
    ):
        markup.show(tag("h4", title, style="d-title"), tag("pre", told, style="d-report"))
