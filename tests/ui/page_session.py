"""A person at the pages without a browser: one session of a running server, over Streamlit's own websocket protocol.

What the server would have a browser show is kept, and answered as its widgets answer; so many sessions cost this side
little, and what is measured is the server. Streamlit calls the protocol internal: the version is pinned, and
``tests/ui/test_sessions.py`` fails where another one speaks otherwise.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from html import unescape
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets import Subprotocol
from websockets.sync.client import connect

SECONDS = 60.0
"""The longest that one answer may take."""
TRIGGERS = "$$STREAMLIT_INTERNAL_KEY_{id}__events"
RERUNS = ForwardMsg.FINISHED_EARLY_FOR_RERUN
WHOLE = ForwardMsg.FINISHED_SUCCESSFULLY
TAG = re.compile(r"<[^>]*>")


@dataclass
class _Shown:
    element: Element
    fragment: str
    run: int


class PageSession:
    """One page of a server that runs at ``address``. Close it at the end."""

    def __init__(self, address: str):
        stream = address.replace("http", "ws", 1) + "/_stcore/stream"
        self._open = ExitStack()
        connection = connect(stream, subprotocols=[Subprotocol("streamlit")], max_size=None, proxy=None)
        self._socket = self._open.enter_context(connection)
        self._shown: dict[tuple[int, ...], _Shown] = {}
        self._values: dict[str, WidgetState] = {}
        self._query, self._page, self._run = "", "", 0
        self.id = ""

    def close(self) -> None:
        """Leave the page."""
        self._open.close()

    def open(self, page: str = "", query: str = "") -> float:
        """Go to the address of a page. Returns the seconds until it is shown whole."""
        self._query = query
        message = self._message()
        message.rerun_script.page_name, message.rerun_script.page_script_hash = page, ""
        return self._ask(message)

    def type_in(self, key: str, text: str) -> None:
        """Fill a field; sent with what is done next."""
        id, _ = self._widget("text_input", key)
        self._values[id] = WidgetState(id=id, string_value=text)

    def press(self, key: str) -> float:
        """Press a button, of a form too. Returns the seconds until the answer is shown."""
        id, fragment = self._widget("button", key)
        return self._ask(self._message(fragment, WidgetState(id=id, trigger_value=True)))

    def tell(self, key: str, event: str, value: Any) -> float:
        """Have a component of the page say something. Returns the seconds until the answer is shown."""
        id, fragment = self._widget("bidi_component", key)
        told = json.dumps([{"event": event, "value": value}])
        # A browser sends the state of a component too, which is empty where it only tells events.
        state = WidgetState(id=id, json_value="{}")
        return self._ask(
            self._message(fragment, state, WidgetState(id=TRIGGERS.format(id=id), json_trigger_value=told))
        )

    def has(self, kind: str, key: str) -> bool:
        """Whether a widget that a person can use is shown."""
        return any(
            _is_of(one.element, kind, key) and not getattr(getattr(one.element, kind), "disabled", False)
            for one in self._shown.values()
        )

    def data(self, key: str) -> Any:
        """What a component was given to show."""
        (found,) = [one.element for one in self._shown.values() if _is_of(one.element, "bidi_component", key)]
        return json.loads(found.bidi_component.mixed.json or found.bidi_component.json)

    @property
    def html(self) -> str:
        """Everything that the page says in HTML."""
        return "\n".join(
            one.element.html.body for one in self._shown.values() if one.element.WhichOneof("type") == "html"
        )

    @property
    def text(self) -> str:
        """The same without its tags."""
        return unescape(TAG.sub(" ", self.html))

    def _widget(self, kind: str, key: str) -> tuple[str, str]:
        """The id of a widget and its fragment."""
        found = [one for one in self._shown.values() if _is_of(one.element, kind, key)]
        assert len(found) == 1, f"{kind} {key!r}: {len(found)} are shown. {self.text[:2000]}"
        return getattr(found[0].element, kind).id, found[0].fragment

    def _message(self, fragment: str = "", *told: WidgetState) -> BackMsg:
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_script_hash, state.fragment_id = self._query, self._page, fragment
        state.widget_states.widgets.extend([*self._values.values(), *told])
        return message

    def _ask(self, message: BackMsg) -> float:
        """Send, and take in what comes until the server is done; raises where a script failed."""
        began = time.monotonic()
        fragment = message.rerun_script.fragment_id
        self._socket.send(message.SerializeToString())
        for answer in self._answers(began + SECONDS):
            self._take(answer)
            if answer.WhichOneof("type") == "script_finished" and answer.script_finished != RERUNS:
                self._forget_old(None if answer.script_finished == WHOLE else fragment)
                break
        return time.monotonic() - began

    def _answers(self, until: float) -> Iterator[ForwardMsg]:
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(self._socket.recv(timeout=max(until - time.monotonic(), 0.001)))
            yield answer

    def _take(self, answer: ForwardMsg) -> None:
        match answer.WhichOneof("type"):
            case "new_session":
                self._run += 1
                self.id = answer.new_session.initialize.session_id
            case "navigation":
                self._page = answer.navigation.page_script_hash
            case "page_info_changed":
                self._query = answer.page_info_changed.query_string
            case "delta" if answer.delta.WhichOneof("type") == "new_element":
                element = answer.delta.new_element
                assert element.WhichOneof("type") != "exception", element.exception
                place = tuple(answer.metadata.delta_path)
                self._shown[place] = _Shown(element, answer.delta.fragment_id, self._run)

    def _forget_old(self, fragment: str | None) -> None:
        """Forget what the last run did not show again: everywhere, or in its fragment."""
        self._shown = {
            place: one
            for place, one in self._shown.items()
            if one.run == self._run or fragment not in (None, one.fragment)
        }


def _is_of(element: Element, kind: str, key: str) -> bool:
    """Whether an element is the widget of that key; ids end with it."""
    return element.WhichOneof("type") == kind and getattr(element, kind).id.endswith(f"-{key}")
