"""Coders at the workbench of a running server, what it told them, and whether the store agrees: no edit is lost.

A coder knows only what his page says. At the end :func:`disagreements` holds that against the store, both ways: what
was acknowledged is there as he saw it, and nothing is there that nobody was told of.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import orjson
import sqlalchemy as sa

from claims.store import Store, content_of, schema
from claims.store.database import read_connection
from tests.ui.page_session import PageSession
from ui.data import SYSTEM_OF
from ui.text import text
from ui.widgets import code_lists, code_search, queue_list

LANG = "zh"
STRIP = re.compile(r'class="k-strip.*?class="k-below">([^<]*)<', re.DOTALL)
ADDED = ("I10.x00x002", "E11.900", "I50.900", "K21.900", "E78.500", "J96.000")
"""Diagnoses that coders add."""
REASON = "出院小结支持，负荷测试"
Codes = tuple[tuple[str, ...], tuple[str, ...]]
Outcome = Literal["done", "stale", "refused"]


@dataclass(frozen=True)
class Told:
    """What a coder asked for with which codes on his desk, and what the page answered.

    ``number``: of the draft that was saved; 0 for a signature, and where nothing was done.
    """

    person: str
    asked: Literal["save", "sign"]
    outcome: Outcome
    case_id: str
    codes: Codes
    number: int = 0


@dataclass
class Coder:
    """A coder with a page of his own. ``edits``: seconds from each edit to the refreshed result."""

    page: PageSession
    name: str
    draw: random.Random
    think: tuple[float, float] = (0.0, 0.0)
    told: list[Told] = field(default_factory=list)
    edits: list[float] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def sign_in(self, password: str) -> None:
        self.page.open()
        self.page.type_in("login_name", self.name)
        self.page.type_in("login_password", password)
        self.page.press(f"FormSubmitter:sign_in-{text('login.sign_in', LANG)}")

    def open_case(self, case_id: str) -> None:
        """By its address, as from a link."""
        self._pause()
        self.opened.append(self.page.open("workbench", f"case={case_id}"))
        assert self.case_id == case_id, self.page.text[-500:]

    def open_from_queue(self) -> None:
        """A case of the queue that nobody has, else any of them."""
        self.page.open("queue")
        rows = self.page.data(queue_list.KEY)["rows"]
        free = [row for row in rows if row["owner"] == "—"] or rows
        self._pause()
        self.opened.append(self.page.tell(queue_list.KEY, "opened", self.draw.choice(free)["id"]))

    @property
    def case_id(self) -> str | None:
        """The case on the desk."""
        found = STRIP.search(self.page.html)
        return found[1] if found else None

    @property
    def codes(self) -> Codes:
        """Diagnoses and procedures as the page shows them."""
        lists = {one["codes"]: one["rows"] for one in self.page.data(code_lists.KEY)["lists"]}
        dx, proc = (tuple(row["code"] for row in lists[name]) for name in ("dx", "proc"))
        return dx, proc

    def edit(self) -> None:
        """Add, move or remove a diagnosis; the page must show it."""
        self._pause()
        dx, _ = self.codes
        new = [code for code in ADDED if code not in dx]
        if len(dx) < 3 or (new and self.draw.random() < 0.5):
            self.edits.append(self._add(expected := (*dx, self.draw.choice(new))))
        else:
            place = self.draw.randrange(2, len(dx))
            action = self.draw.choice(("up", "remove"))
            self.edits.append(self.act(place, action))
            rest = [*dx[:place], *dx[place + 1 :]]
            expected = (*rest[: place - 1], dx[place], *rest[place - 1 :]) if action == "up" else tuple(rest)
        if self.codes[0] != expected:
            self.wrong.append(f"{self.name}: the edit of {self.case_id} does not show")

    def act(self, place: int, action: str) -> float:
        """What the buttons beside a diagnosis do. Returns the seconds until the result is refreshed."""
        code = self.codes[0][place]
        return self.page.tell(
            code_lists.KEY, "acted", {"codes": "dx", "place": place, "code": code, "action": action}
        )

    def _add(self, dx: Sequence[str]) -> float:
        return self.page.tell(code_search.KEY, "picked", {"code": dx[-1], "system": SYSTEM_OF["dx"]})

    def reset(self) -> None:
        """Back to the codes as submitted."""
        if self.page.has("button", "reset"):
            self._pause()
            self.page.press("reset")

    def save(self) -> Outcome | None:
        """``None`` where there is nothing to save."""
        if not self.page.has("button", "save"):
            return None
        return self._ask("save")

    def sign(self) -> Outcome:
        """With a reason, for codes that raise the weight."""
        self.page.type_in(f"reason {self.case_id} {self._signed_before()}", REASON)
        return self._ask("sign")

    def resolve(self, choice: Literal["keep_mine", "take_theirs"]) -> None:
        """Say which version holds, after somebody was faster. One's own edits must still be there."""
        self._pause()
        before, case_id = self.codes, self.case_id
        self.page.press(choice)
        if choice == "keep_mine" and (self.case_id, self.codes) != (case_id, before):
            self.wrong.append(f"{self.name}: what he kept of {case_id} is gone")

    def _signed_before(self) -> int:
        """The number of the sign-off that he saw, by the field for the reason."""
        return next(
            number for number in range(1000) if self.page.has("text_input", f"reason {self.case_id} {number}")
        )

    def _ask(self, asked: Literal["save", "sign"]) -> Outcome:
        self._pause()
        case_id, codes = self.case_id or "", self.codes
        self.page.press(asked)
        said = self.page.text
        number = 0
        if self.page.has("button", "keep_mine"):
            outcome: Outcome = "stale"
        elif asked == "save" and (found := _saved().search(said)):
            outcome, number = "done", int(found[1])
        elif asked == "sign" and text("workbench.signed_case", LANG, case=case_id) in said:
            outcome = "done"
        else:
            outcome = "refused"
            if text("home.error", LANG) not in said:
                self.wrong.append(f"{self.name}: {asked} of {case_id} had no answer")
        self.told.append(Told(self.name, asked, outcome, case_id, codes, number))
        return outcome

    def _pause(self) -> None:
        time.sleep(self.draw.uniform(*self.think))


@cache
def _saved() -> re.Pattern[str]:
    sentence = re.escape(text("workbench.saved", LANG, number="#"))
    return re.compile(sentence.replace(re.escape("#"), r"(\d+)"))


def disagreements(store: Store, told: Iterable[Told]) -> list[str]:
    """Where the store and what the coders were told differ; empty where no edit was lost."""
    kept = list(told)
    drafts, signatures = _rows(store, schema.draft), _rows(store, schema.sign_off)
    return [*_lost_drafts(drafts, kept), *_lost_signatures(store, signatures, kept)]


def _lost_drafts(drafts: Sequence[Any], told: Sequence[Told]) -> Iterator[str]:
    rows = {(row.case_id, row.number): row for row in drafts}
    saved = [one for one in told if one.asked == "save" and one.outcome == "done"]
    for one in saved:
        row = rows.get((one.case_id, one.number))
        if row is None or (row.person, _codes(orjson.loads(row.content))) != (one.person, one.codes):
            yield f"{one.person}: draft {one.number} of {one.case_id} is not what was acknowledged"
    for place, times in Counter((one.case_id, one.number) for one in saved).items():
        if times > 1:
            yield f"draft {place} was acknowledged {times} times"
    # A signature saves its codes first; where it then is refused, they stay as a draft.
    answers = {
        (one.person, one.case_id, one.codes) for one in told if one.outcome == "done" or one.asked == "sign"
    }
    for row in drafts:
        if (row.person, row.case_id, _codes(orjson.loads(row.content))) not in answers:
            yield f"{row.person}: nobody was told of draft {row.number} of {row.case_id}"


def _lost_signatures(store: Store, signatures: Sequence[Any], told: Sequence[Told]) -> Iterator[str]:
    answers = [one for one in told if (one.asked, one.outcome) == ("sign", "done")]
    signed = Counter((one.person, one.case_id, one.codes) for one in answers)
    stored = Counter(
        (row.person, row.case_id, _codes(content_of(store, row.content_hash) or {})) for row in signatures
    )
    for person, case_id, _ in (signed - stored).elements():
        yield f"{person}: the signature of {case_id} is not in the store"
    for person, case_id, _ in (stored - signed).elements():
        yield f"{person}: nobody was told of the signature of {case_id}"


def _rows(store: Store, table: sa.Table) -> Sequence[Any]:
    with read_connection(store) as connection:
        return connection.execute(sa.select(table)).all()


def _codes(content: Any) -> Codes:
    return tuple(content.get("dx", ())), tuple(content.get("proc", ()))
