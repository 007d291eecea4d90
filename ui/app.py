"""The pages: which of them the person at the browser sees, and the bar over them. Served by ``ui/server.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from drg.errors import InputError
from ui import access, home, session
from ui.access import Person
from ui.roles import rules
from ui.text import text
from ui.widgets import bar, language, markup

HERE = Path(__file__).parent
ICON = HERE / "icon.svg"
SIDEBAR_PIXELS = 340


def main() -> None:
    """One run of the pages."""
    st.set_page_config(
        page_title=text("page.product"),
        page_icon=str(ICON),
        layout="wide",
        initial_sidebar_state=SIDEBAR_PIXELS,
    )
    markup.use_styles()
    try:
        _run_page(access.person_here(), language.chosen())
    except InputError as error:
        home.show_error(error)


def _run_page(person: Person | None, lang: str) -> None:
    """Run the page of the address. Every page has one: where a person may not see it, the sign-in or a refusal."""
    names = [name for name in rules().pages if _file(name).is_file()]
    seen = [name for name in names if person is not None and access.sees(person, name)]
    pages = {
        name: st.Page(
            _file(name) if name in seen else _closed(name),
            title=text(f"access.page_{name}", lang),
            url_path=name,
        )
        for name in names
    }
    shown = {name: pages[name] for name in seen}
    start = st.Page(
        partial(_start, person, shown), title=text("page.product"), url_path="start", default=True
    )
    page = st.navigation([start, *pages.values()], position="hidden")
    if person is not None:
        bar.show(person, shown, lang)
        session.keep()
    page.run()


def _start(person: Person | None, shown: Mapping[str, Any]) -> None:
    """Where an address without a page leads: the sign-in, then the first page of the person."""
    if person is None:
        access.show_sign_in()
    elif shown:
        st.switch_page(next(iter(shown.values())))
    else:
        home.show_empty("access.no_page")


def _file(name: str) -> Path:
    return HERE / "pages" / f"{name}.py"


def _closed(name: str) -> Callable[[], None]:
    """In place of a page that the person may not see, so that its file is not even read."""
    return partial(_enter, name)


def _enter(name: str) -> None:
    access.enter(name)


if __name__ == "__main__":
    main()
