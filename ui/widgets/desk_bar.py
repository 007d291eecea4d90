"""What the desk tells the person, the reason, and the buttons: save, reset, sign and next."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from drg.errors import InputError
from ui import access, coding_desk, desk_actions, home
from ui.access import Person
from ui.coding_desk import Asked, Desk
from ui.text import text
from ui.widgets import markup, reason_key
from ui.widgets.markup import tag

STYLES = Path(__file__).with_name("desk.css")
QUEUE_PAGE = "queue"
WIDTHS = (5, 5, 1.6, 1.6, 2.4)
MOST_SIGNS = 500


def show_nothing_open(lang: str) -> None:
    """No case is on the desk: what was done last, and the way to the queue."""
    done = st.session_state.pop(desk_actions.DONE, None)
    if done:
        markup.show(tag("div", text(done[0], lang, **done[1]), style="k-told good"))
    home.show_empty("workbench.nothing_open")
    if st.button(text("workbench.to_queue", lang), key="to_queue", type="primary", shortcut="Ctrl+Enter"):
        desk_actions.go_to(QUEUE_PAGE)


def show_told(desk: Desk, lang: str) -> None:
    """What went wrong last, and whether somebody was faster; nothing else takes room on the desk."""
    if desk.stale is not None:
        _show_stale(desk, lang)
    problem = coding_desk.take_problem(desk)
    if isinstance(problem, InputError):
        home.show_error(problem)
    elif problem is not None:
        message, params = problem
        markup.show(tag("div", text(message, lang, **params), style="d-problem"))


def _show_stale(desk: Desk, lang: str) -> None:
    assert desk.stale is not None  # noqa: S101 - the caller looked
    told, mine, theirs = st.columns((8, 2, 2), vertical_alignment="center")
    with told:
        title = tag("b", text("workbench.stale", lang))
        markup.show(tag("div", title, tag("p", desk.stale.render(lang)), style="d-problem"))
    with mine:
        _button(desk, ("keep_mine",), "keep_mine", lang)
    with theirs:
        _button(desk, ("take_theirs",), "take_theirs", lang)


def show(desk: Desk, person: Person, lang: str) -> None:
    """The bar under the desk."""
    reason_key.listen()
    with st.container(key="desk_bar"):
        told, reason, save, reset, sign = st.columns(WIDTHS, gap="small", vertical_alignment="center")
        with told:
            _show_state(desk, lang)
        with reason, st.container(key=reason_key.FIELD):
            st.text_input(
                text("workbench.reason", lang),
                key=desk_actions.reason_key(desk),
                max_chars=MOST_SIGNS,
                live="200ms",
                placeholder=text("workbench.reason", lang),
                label_visibility="collapsed",
            )
        with save:
            may_save = access.may(person, "save_draft") and not desk.is_saved
            _button(desk, ("save",), "save", lang, "Ctrl+S", disabled=not may_save)
        with reset:
            st.button(
                text("page.reset", lang),
                key="reset",
                width="stretch",
                disabled=not desk.is_edited,
                on_click=coding_desk.reset,
            )
        with sign:
            _button(desk, ("sign",), "sign", lang, "Ctrl+Enter", disabled=not access.may(person, "sign_off"))


def _button(
    desk: Desk, asked: Asked, name: str, lang: str, shortcut: str | None = None, disabled: bool = False
) -> None:
    st.button(
        text(f"workbench.{name}", lang),
        key=name,
        width="stretch",
        type="primary" if name == "sign" else "secondary",
        shortcut=shortcut,
        disabled=disabled,
        on_click=_ask,
        args=(desk, asked),
    )


def _ask(desk: Desk, asked: Asked) -> None:
    desk.asked = asked


def _show_state(desk: Desk, lang: str) -> None:
    """Whether the codes may be signed, and what was done last."""
    from claims.coding_desk import shown, verdict

    told = verdict(desk.opened, desk.version)
    if told.blocking:
        rules = tuple(dict.fromkeys(one.rule.id for one in told.blocking))
        line = tag(
            "div", text("workbench.blocked", lang, count=len(rules), rules=rules), style="k-told block"
        )
    elif told.raises_weight:
        line = tag("div", text("workbench.raises", lang), style="k-told block")
    else:
        line = tag("div", text("workbench.can_sign", lang), style="k-told good")
    done = [text(desk.done[0], lang, **desk.done[1])] if desk.done else []
    if told.changes:
        done.append(text("workbench.changed", lang, changes=shown(told.changes)))
    if desk.signed is not None:
        at = desk.signed.at.strftime("%Y-%m-%d %H:%M")
        done.append(text("workbench.signed_before", lang, person=desk.signed.person, at=at))
    owner = desk.item.owner if desk.item else None
    done.append(text("workbench.owner", lang, owner=owner or "—"))
    markup.show(line, tag("div", " · ".join(done), style="d-small"))
