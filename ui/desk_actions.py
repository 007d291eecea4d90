"""What a coder does with the case on the desk: open, save, apply a proposal, sign and go on to the next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from drg.errors import InputError
from ui import access, coding_desk, home
from ui.access import Person
from ui.coding_desk import OPEN_CASE, Desk

if TYPE_CHECKING:
    from claims.store import Filter, Order, WorkItem

QUEUE_VIEW = "queue_view"
"""How the person looks at the queue, filter and order: the next case comes from there."""
REASON = "reason"
PAGES = Path(__file__).with_name("pages")
DONE = "desk_done"
"""What was done last, where no case is left to tell it on."""


def reason_key(desk: Desk) -> str:
    """Where the widget of the reason keeps its value: a new field for every case."""
    return f"{REASON} {desk.case_id} {desk.last_number}"


def queue_view() -> tuple[Filter, Order]:
    """The filter and order of the queue page; all open items by priority before it was looked at."""
    from claims.store import Filter, Kind, Order

    found: tuple[Filter, Order] = st.session_state.get(QUEUE_VIEW, (Filter(Kind.CODER), Order.PRIORITY))
    return found


def go_to(page: str) -> None:
    """Show another page, whichever file is the entry of the server."""
    st.switch_page(str(PAGES / f"{page}.py"))


def ask_for(case_id: str) -> None:
    """Have the workbench open a case when it is shown next."""
    st.session_state[OPEN_CASE] = case_id


def is_asked() -> bool:
    """Whether a page asked for a case that the workbench has not opened yet."""
    return OPEN_CASE in st.session_state


def open_asked(person: Person) -> None:
    """Open the case that another page, or the address (``?case=``), asks for. Raises ``InputError``."""
    from claims.coding_desk import find_item

    asked = st.session_state.pop(OPEN_CASE, None) or st.query_params.get("case")
    desk = coding_desk.current()
    if asked is None or (desk is not None and desk.case_id == asked):
        return
    st.query_params.pop("case", None)
    coding_desk.open_case(person, asked, find_item(home.store(), asked))


def open_next(person: Person) -> Desk | None:
    """The next case of the queue on the desk; ``None`` where nothing waits, and the desk is clear then."""
    from claims.coding_desk import take_next

    item = take_next(home.store(), *queue_view(), person.name)
    if item is None:
        coding_desk.put_away()
        return None
    return coding_desk.open_case(person, item.case_id, item)


def do_asked(person: Person) -> None:
    """Do what a button asked for. What goes wrong is told on the desk, and the working copy stays as it is."""
    from claims.store import StaleEdit

    desk = coding_desk.current()
    if desk is None or desk.asked is None:
        return
    asked, desk.asked, desk.done = desk.asked, None, None
    try:
        _DO[asked[0]](person, desk, *asked[1:])
    except StaleEdit as error:
        desk.stale = error
    except InputError as error:
        desk.problem = error


def _save(person: Person, desk: Desk) -> None:
    from claims.store import save_draft

    access.require(person, "save_draft")
    desk.draft = save_draft(home.store(), desk.case_id, desk.version.content, desk.last_draft, person.name)
    desk.done = ("workbench.saved", {"number": desk.draft.number})


def _sign(person: Person, desk: Desk) -> None:
    """Sign the working copy, end its work item, and go on to the next case."""
    from claims.coding_desk import Signing, sign, verdict

    access.require(person, "sign_off")
    reason = st.session_state.get(reason_key(desk)) or ""
    # Before the item is taken: what cannot be signed stays with everybody.
    if problems := verdict(desk.opened, desk.version).problems(reason):
        raise InputError(problems)
    signing = Signing(_own_item(person, desk), desk.last_number, desk.last_draft, reason)
    try:
        desk.signed = sign(home.store(), desk.opened, desk.version, signing, person.name)
    finally:
        _see_draft(desk)
    desk.item = None
    done = ("workbench.signed_case", {"case": desk.case_id})
    following = open_next(person)
    if following is None:
        st.session_state[DONE] = done
    else:
        following.done = done


def _own_item(person: Person, desk: Desk) -> WorkItem | None:
    """The work item as the person's own: one that nobody has is taken."""
    from claims.coding_desk import take

    if desk.item is not None and desk.item.owner is None:
        desk.item = take(home.store(), desk.item, person.name)
    return desk.item


def _see_draft(desk: Desk) -> None:
    """Remember the last draft as seen where it is what is shown."""
    from claims.store import latest_draft

    saved = latest_draft(home.store(), desk.case_id)
    if saved is not None and dict(saved.content) == desk.version.content:
        desk.draft = saved


def _apply(person: Person, desk: Desk, number: int, choice: str | None) -> None:
    """Apply a proposal of the review under the guard."""
    from claims.coding_desk import Applying, apply_proposal

    access.require(person, "save_draft")
    reason = st.session_state.get(reason_key(desk)) or ""
    proposal = desk.opened.review(desk.version).proposals[number]
    applying = Applying(proposal, choice, reason, person.name, desk.last_draft)
    desk.version, desk.draft = apply_proposal(home.store(), desk.opened, desk.version, applying)
    desk.done = ("workbench.applied", {"code": proposal.draft.code})


def _keep_mine(person: Person, desk: Desk) -> None:
    """Go on with what is shown, on top of what the other person did."""
    from claims.coding_desk import find_item
    from claims.store import latest_draft, sign_offs

    signed = sign_offs(home.store(), desk.case_id)
    desk.item = find_item(home.store(), desk.case_id)
    desk.draft, desk.signed = latest_draft(home.store(), desk.case_id), signed[-1] if signed else None
    desk.stale = None


def _take_theirs(person: Person, desk: Desk) -> None:
    """Open the case again as the other person left it."""
    from claims.coding_desk import find_item

    coding_desk.open_case(person, desk.case_id, find_item(home.store(), desk.case_id))


_DO: dict[str, Any] = {
    "save": _save,
    "sign": _sign,
    "apply": _apply,
    "keep_mine": _keep_mine,
    "take_theirs": _take_theirs,
}
