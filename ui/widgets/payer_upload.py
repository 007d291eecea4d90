"""The payer's settlement file, compared with the cases of the run."""

from __future__ import annotations

import streamlit as st

from drg.analytics.document import Section
from drg.errors import InputError
from ui import home, hospital, schemes, upload
from ui.text import text

KINDS = (".csv", ".xlsx", ".parquet")
MOST_MEGABYTES = 64


def show(lang: str) -> Section | None:
    """The upload; the comparison of a file that was handed over in this run, else ``None``."""
    with st.form("payer", border=False):
        file = st.file_uploader(
            text("board.payer_file", lang),
            type=[one.removeprefix(".") for one in KINDS],
            max_upload_size=MOST_MEGABYTES,
            key="payer_file",
        )
        asked = st.form_submit_button(text("board.compare", lang), key="compare")
    if not asked or file is None:
        return None
    known = schemes.with_catalogues()
    scheme = next(iter(known.values()))
    contract = next(iter(schemes.contracts(scheme)), None)
    try:
        with st.spinner(text("board.computing", lang)), upload.on_disk(file, KINDS, MOST_MEGABYTES) as path:
            return hospital.feedback_section(path, (scheme, contract), lang)
    except InputError as error:
        home.show_error(error)
        return None
