"""Attacks on the pages, each as somebody would try it; most against a server that really runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets import Subprotocol
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from claims.coding_desk.findings import findings
from claims.network.ego import Ego, EgoNode
from claims.store import (
    AuditFilter,
    Store,
    audit_page,
    disable_account,
    find_account,
    open_store,
    parse_address,
    set_roles,
    sign_in,
    sign_out,
)
from tests.ui import accounts_fixture
from tests.ui.accounts_fixture import PASSWORD, SETTINGS, opened, shown, visit
from tests.ui.browser import served
from tests.ui.page_session import PageSession
from tests.ui.results_fixture import Hospital, start
from ui import access, session
from ui.access import Person
from ui.personal import shown_finding
from ui.session import COOKIE
from ui.text import text
from ui.widgets import claim_network

SECONDS = 30.0
ELSEWHERE = "http://evil.example"


@pytest.fixture(scope="module")
def store(filled_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("attacked")
    (folder / "store.sqlite").write_bytes(filled_store.read_bytes())
    (folder / "ui.toml").write_text(SETTINGS, encoding="utf-8")
    with open_store(parse_address(str(folder / "store.sqlite"))) as found:
        yield found


@pytest.fixture(scope="module")
def address(store: Store) -> Iterator[str]:
    """Where a server of the installation answers."""
    assert store.address.file is not None
    with served(store.address.file.with_name("ui.toml")) as found:
        yield found


@contextmanager
def connected(address: str, **headers: str) -> Iterator[ClientConnection]:
    stream = address.replace("http", "ws", 1) + "/_stcore/stream"
    with connect(
        stream, subprotocols=[Subprotocol("streamlit")], additional_headers=headers, max_size=None, proxy=None
    ) as found:
        yield found


def ask(connection: ClientConnection, message: BackMsg, kind: str) -> ForwardMsg:
    """Send a message; the first answer of a kind."""
    connection.send(message.SerializeToString())
    while True:
        answer = ForwardMsg()
        answer.ParseFromString(connection.recv(timeout=SECONDS))
        if answer.WhichOneof("type") == kind:
            return answer


def rerun() -> BackMsg:
    message = BackMsg()
    message.rerun_script.query_string = ""
    return message


def cookie_of(store: Store, name: str) -> dict[str, str]:
    """The cookie of a new session."""
    return {COOKIE: sign_in(store, name, PASSWORD, timedelta(hours=1)).token}


def upload(address: str, page: str, cookies: dict[str, str]) -> int:
    """Hand a file to the server for a page; the status of the answer."""
    token = str(requests.get(f"{address}/_stcore/health", timeout=SECONDS).cookies["_streamlit_xsrf"])
    answer = requests.put(
        f"{address}/_stcore/upload_file/{page}/0",
        files={"file": ("a.csv", b"x" * 1_000)},
        cookies={"_streamlit_xsrf": token, **cookies},
        headers={"X-Xsrftoken": token},
        timeout=SECONDS,
    )
    return answer.status_code


def test_who_is_not_signed_in_fills_no_memory_with_uploads(address: str, store: Store) -> None:
    with connected(address) as connection:
        # Everybody gets a page, for its sign-in; before, that was enough to upload.
        page = ask(connection, rerun(), "new_session").new_session.initialize.session_id
        assert upload(address, page, {}) == 403
        assert upload(address, page, {COOKIE: "x" * 43}) == 403
        cookies = cookie_of(store, "operator")
        assert upload(address, page, cookies) == 204
        sign_out(store, cookies[COOKIE])
        assert upload(address, page, cookies) == 403


def test_a_page_of_another_site_gets_nothing(address: str) -> None:
    with pytest.raises(InvalidStatus) as refused, connected(address, Origin=ELSEWHERE):
        pass
    assert refused.value.response.status_code == 403
    # A site on the same machine is another site too, although the browser would send it the cookie.
    with pytest.raises(InvalidStatus), connected(address, Origin="http://127.0.0.1:1"):
        pass
    with connected(address, Origin=address) as connection:
        ask(connection, rerun(), "script_finished")
    for path in ("/", "/_stcore/health", "/session/keep"):
        for method in ("GET", "POST"):
            answer = requests.request(
                method, address + path, headers={"Origin": ELSEWHERE}, timeout=SECONDS, json={"ticket": "x"}
            )
            assert answer.status_code == 403


def test_a_stranger_cannot_empty_the_caches_of_everybody_nor_read_about_the_folder(address: str) -> None:
    with connected(address) as connection:
        for attack in ("clear_cache", "load_git_info"):
            message = BackMsg()
            setattr(message, attack, True)
            connection.send(message.SerializeToString())
        connection.send(b"\xff\xff no message")
        connection.send("text")
        seen = []
        connection.send(rerun().SerializeToString())
        while "script_finished" not in seen:
            answer = ForwardMsg()
            answer.ParseFromString(connection.recv(timeout=SECONDS))
            seen.append(str(answer.WhichOneof("type")))
        assert "git_info_changed" not in seen
    with closing(PageSession(address)) as page:
        page.open()
        page.type_in("login_name", "operator")
        page.type_in("login_password", PASSWORD)
        page.press(f"FormSubmitter:sign_in-{text('login.sign_in', 'zh')}")
        assert page.has("button", "sign_out")
        message = BackMsg()
        message.clear_cache = True
        page._socket.send(message.SerializeToString())
        page.open()
        # Clearing the caches also forgets what every page holds: who is signed in, for one.
        assert page.has("button", "sign_out")


def test_the_pages_are_in_no_frame_and_ask_nobody_else(address: str) -> None:
    headers = requests.get(address, timeout=SECONDS).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert (policy["frame-ancestors"], policy["default-src"]) == ("'none'", "'self'")
    assert not re.search(r"https?:|\*", headers["Content-Security-Policy"])
    assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
    assert headers["Referrer-Policy"] == "no-referrer"


def deferred(page: PageSession) -> str:
    """The id of the download that the page offers."""
    (button,) = [
        one.element.download_button
        for one in page._shown.values()
        if one.element.WhichOneof("type") == "download_button"
    ]
    return button.deferred_file_id


def download(page: PageSession, file: str) -> tuple[str, str]:
    """What the server answers to a download button: address, or error."""
    message = BackMsg()
    message.backend_operation_request.request_id = "1"
    message.backend_operation_request.session_id = page.id
    message.backend_operation_request.deferred_file.file_id = file
    answer = ask(page._socket, message, "backend_operation_response").backend_operation_response
    return answer.deferred_file.url, answer.error_msg


def exports(store: Store) -> int:
    return len(audit_page(store, AuditFilter(action="export")))


def test_an_export_is_for_who_is_signed_in_and_still_may(address: str, store: Store) -> None:
    with closing(PageSession(address)) as page:
        page.open("administration")
        page.type_in("login_name", "auditor")
        page.type_in("login_password", PASSWORD)
        page.press(f"FormSubmitter:sign_in-{text('login.sign_in', 'zh')}")
        page.open("administration")
        before, file = exports(store), deferred(page)
        url, problem = download(page, file)
        assert not problem
        assert exports(store) == before + 1
        # Whoever has the address of the file does not have the file.
        assert requests.get(address + url, timeout=SECONDS).status_code == 403
        answer = requests.get(address + url, cookies=cookie_of(store, "auditor"), timeout=SECONDS)
        assert b"sign_in" in answer.content
        assert answer.headers["Cache-Control"] == "no-store"
        # The page is still open and its button still there when the role is taken away.
        account = find_account(store, "auditor")
        set_roles(store, account.id, account.version, {"admin"}, "test")
        url, problem = download(page, file)
        assert (url, bool(problem), exports(store)) == ("", True, before + 1)


def test_a_button_of_an_old_page_does_nothing_for_who_may_no_more(account_store: Store) -> None:
    page = opened()
    accounts_fixture.sign_in(page, "admin")
    visit(page, "administration")
    page.selectbox(key="account").select("coder").run()
    coder, admin = (find_account(account_store, name) for name in ("coder", "admin"))
    # What a button does runs before its page asks who is there.
    disable_account(account_store, admin.id, admin.version, "test")
    page.button(key=f"reset_{coder.id}").click().run()
    assert not audit_page(account_store, AuditFilter(action="reset_password"))
    assert find_account(account_store, "coder") == coder
    assert [field.key for field in page.text_input] == ["login_name", "login_password"]


def test_a_button_of_an_old_page_does_nothing_after_the_role_is_gone(account_store: Store) -> None:
    page = opened()
    accounts_fixture.sign_in(page, "admin")
    visit(page, "administration")
    page.selectbox(key="account").select("coder").run()
    coder, admin = (find_account(account_store, name) for name in ("coder", "admin"))
    set_roles(account_store, admin.id, admin.version, {"operator"}, "test")
    page.button(key=f"disable_{coder.id}").click().run()
    assert not find_account(account_store, "coder").disabled


def test_what_a_page_held_ends_with_its_session(account_store: Store) -> None:
    page = opened()
    accounts_fixture.sign_in(page, "coder")
    page.session_state["coding_desk_of_a_patient"] = "record"
    sign_out(account_store, page.session_state[session.TOKEN])
    page.run()
    assert "coding_desk_of_a_patient" not in page.session_state
    assert text("login.ended", "zh") in shown(page)


def test_an_action_of_another_person_is_refused(account_store: Store) -> None:
    """Whoever is at the page is asked, not whom a function was handed."""
    account = find_account(account_store, "admin")
    with pytest.raises(access.Refused):
        access.require(Person("admin", "", frozenset({"admin"}), account.id), "manage_accounts")


IDENTITY = "110101198005060031"
FINDING = {
    "case_id": "c1",
    "rule": "Q112",
    "check": 0,
    "severity": "block",
    "status": "open",
    "field": "id_number",
    "position": None,
    "value": IDENTITY,
    "evidence": [
        {"field": "sex", "position": None, "value": "2"},
        {"field": "id_number", "position": None, "value": IDENTITY},
    ],
}


@pytest.mark.parametrize(("role", "is_whole"), [("coder", True), ("quality", False), ("manager", False)])
def test_a_finding_repeats_no_number_that_its_reader_sees_masked(role: str, is_whole: bool) -> None:
    (found,) = findings([FINDING], ())
    told = shown_finding(Person(role, "", frozenset({role}), 1), found)
    assert (IDENTITY in json.dumps(dict(told.row))) is is_whole
    assert IDENTITY[-4:] in json.dumps(dict(told.row))


def test_a_chart_has_no_key_that_its_names_mask() -> None:
    analyst = Person("analyst", "", frozenset({"analyst"}), 1)
    node = EgoNode("phone:13800001234", "phone", "13800001234", 1, 100, None, 0, 0, True)
    spec = claim_network._spec(analyst, Ego((node,), (), {}, ()))
    assert "13800001234" not in json.dumps(spec)


def test_no_name_of_a_person_is_in_an_address(hospital: Hospital) -> None:
    page = start(hospital, "manager", "quality")
    name = page.selectbox(key="choose_doctor").options[0]
    page.selectbox(key="choose_doctor").select(name).run()
    page.run()
    assert page.selectbox(key="choose_doctor").value == name
    assert name not in str(dict(page.query_params))
