"""The case on a coder's desk, kept in the session, and the edits of its working copy."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st
from pydantic import ValidationError

from drg.case import MAX_CODES, Case
from drg.errors import InputError
from drg.grouper import whatif
from drg.grouper.whatif import CodeList
from ui import home
from ui.work import Action

if TYPE_CHECKING:
    from claims.coding_desk import Engine, OpenCase, Spot, Version
    from claims.store import Draft, SignOff, StaleEdit, WorkItem
    from ui.access import Person

KEY = "coding_desk"
OPEN_CASE = "open_case"
"""Another page puts a case id here before it goes to the workbench."""
Asked = tuple[Literal["save", "sign", "keep_mine", "take_theirs"]] | tuple[Literal["apply"], int, str | None]
"""What a button asked for; done at the beginning of the next run, after it was asked again who is at the page."""


@dataclass
class Desk:
    """One case on the desk. ``item``, ``signed`` and ``draft`` are as the person saw them last.

    ``stale``: somebody was faster; it stays until the person says which version holds.
    """

    opened: OpenCase
    version: Version
    item: WorkItem | None
    signed: SignOff | None
    draft: Draft | None
    document: int = 0
    spots: tuple[Spot, ...] = ()
    problem: InputError | tuple[str, dict[str, Any]] | None = None
    stale: StaleEdit | None = None
    asked: Asked | None = None
    done: tuple[str, dict[str, Any]] | None = None

    @property
    def case_id(self) -> str:
        return self.version.case.case_id

    @property
    def is_edited(self) -> bool:
        """Whether the codes are other than submitted."""
        return self.version != self.opened.submitted

    @property
    def is_saved(self) -> bool:
        """Whether what is shown is the last draft."""
        return self.draft is not None and dict(self.draft.content) == self.version.content

    @property
    def last_draft(self) -> int:
        return self.draft.number if self.draft else 0

    @property
    def last_number(self) -> int:
        return self.signed.number if self.signed else 0


def engine() -> Engine:
    """The engine of the installation, made ready once. Raises ``InputError`` where scheme or contract are wrong."""
    installed = home.installation()
    return _engine(installed.schemes[0] if installed.schemes else None, installed.contract)


@st.cache_resource(show_spinner=False)
def _engine(scheme: str | None, contract: str | None) -> Engine:
    from claims.coding_desk import Engine
    from drg.payment.contract import find_contract
    from drg.scheme.pack import find_pack, shipped_ids

    agreed = find_contract(contract) if contract else None
    chosen = agreed.terms.scheme if agreed else scheme or shipped_ids()[-1]
    made = Engine(find_pack(chosen), agreed)
    made.warm_up()
    _keep_out_of_collections()
    return made


def _keep_out_of_collections() -> None:
    """Take what lives as long as the server out of the garbage collector's sight.

    Streamlit collects after every run of a page, which would look at all rules, codes and words each time: 0.2 s.
    """
    gc.collect()
    gc.freeze()


def current() -> Desk | None:
    """The case on the desk; ``None`` where there is none."""
    found: Desk | None = st.session_state.get(KEY)
    return found


def put_away() -> None:
    """Clear the desk."""
    st.session_state.pop(KEY, None)


def open_case(person: Person, case_id: str, item: WorkItem | None) -> Desk:
    """Put a case on the desk, with its last draft; the view goes to the audit trail. Raises ``InputError``."""
    from claims.coding_desk import OpenCase, first_to_read, load_case, silenced_rules, version_of
    from claims.store import latest_draft, sign_offs

    silenced = silenced_rules(home.store(), case_id)
    opened = OpenCase(engine(), load_case(home.results(), case_id), silenced)
    draft = latest_draft(home.store(), case_id)
    signed = sign_offs(home.store(), case_id)
    desk = Desk(opened, opened.submitted, item, signed[-1] if signed else None, draft)
    desk.document = first_to_read(opened.file)
    if draft is not None:
        try:
            desk.version = version_of(opened.submitted.case, draft.content)
        except InputError as error:
            desk.problem = error
    kind, id = ("work_item", str(item.id)) if item else ("case", case_id)
    home.audit(person, "view", kind, id)
    st.session_state[KEY] = desk
    return desk


def add_code(codes: CodeList, code: str, lang: str) -> None:
    """Add a code at the end of its list."""
    _edit(lambda case: whatif.add_code(case, codes, code))


def edit_code(codes: CodeList, place: int, code: str, action: Action) -> None:
    """Move, remove or promote the code at ``place``; nothing where another code stands there by now."""
    desk = current()
    if desk is None or getattr(desk.version.case, codes)[place : place + 1] != [code]:
        return
    match action:
        case "principal":
            _edit(lambda case: whatif.make_principal(case, codes, place))
        case "remove":
            _edit(lambda case: whatif.remove_code(case, codes, place))
        case "up":
            _edit(lambda case: whatif.move_code(case, codes, place, max(place - 1, 0)))
        case "down":
            _edit(lambda case: whatif.move_code(case, codes, place, place + 1))


def fill(path: str, code: str, text: str) -> None:
    """Fill in a field beside a code."""
    desk = current()
    if desk is not None:
        try:
            desk.version = desk.version.with_value(path, code, text)
        except InputError as error:
            desk.problem = error


def reset() -> None:
    """Take back every edit: the codes as submitted."""
    desk = current()
    if desk is not None:
        desk.version, desk.problem, desk.spots = desk.opened.submitted, None, ()


def take_problem(desk: Desk) -> InputError | tuple[str, dict[str, Any]] | None:
    """Why the last edit or action was not done. Told once."""
    problem, desk.problem = desk.problem, None
    return problem


def _edit(make: Callable[[Case], Case]) -> None:
    desk = current()
    if desk is None:
        return
    try:
        desk.version = desk.version.with_case(make(desk.version.case))
    except ValidationError:
        desk.problem = ("page.codes_invalid", {"limit": MAX_CODES})
