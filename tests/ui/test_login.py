"""Signing in to the pages: forms, lockout, expiry, and what an identity provider may say."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from streamlit.testing.v1 import AppTest

from claims.store import (
    AuditFilter,
    NewAccount,
    Store,
    add_account,
    audit_page,
    find_account,
    passwords,
    schema,
    set_roles,
    sign_in_by_subject,
)
from claims.store.database import write_connection
from tests.ui.accounts_fixture import (
    PASSWORD,
    opened,
    shown,
    sign_in,
    visit,
)
from ui import server, session, tickets
from ui.home import Oidc
from ui.text import text

REFUSED = "用户名或密码不正确"
OIDC = Oidc(provider="hospital", issuer="https://id.example", claim="sub")
NOW = 1_800_000_000.0


def is_signed_in(page: AppTest) -> bool:
    assert not page.exception, page.exception
    return session.TOKEN in page.session_state


def test_the_sign_in_is_shown_before_every_page(installation_folder: Path) -> None:
    page = opened()
    assert "合成医院" in shown(page)
    for name in ("grouping", "administration"):
        visit(page, name)
        assert [field.key for field in page.text_input] == ["login_name", "login_password"]


def test_signing_in_and_out(account_store: Store) -> None:
    page = sign_in(opened(), " Admin ")
    assert is_signed_in(page)
    page.button(key="sign_out").click().run()
    assert not is_signed_in(page)
    assert page.text_input(key="login_password").value == ""
    told = [entry.action for entry in audit_page(account_store, AuditFilter(person="admin"))]
    assert told[0] == "sign_out" and "sign_in" in told


def test_a_wrong_password_and_an_unknown_name_get_one_answer(installation_folder: Path) -> None:
    answers = set()
    for name in ("admin", "nobody", "' OR 1=1 --", "<b>x</b>"):
        page = sign_in(opened(), name, "wrong wrong wrong")
        assert not is_signed_in(page)
        answers.add(shown(page).partition(REFUSED)[2])
    assert len(answers) == 1 and "" not in answers


def test_after_wrong_passwords_the_right_one_is_refused_too(account_store: Store) -> None:
    page = opened()
    for _ in range(passwords.settings().lockout.failures):
        sign_in(page, "coder", "wrong wrong wrong")
    assert not is_signed_in(sign_in(page, "coder"))
    assert REFUSED in shown(page)
    assert find_account(account_store, "coder").locked_until is not None
    assert is_signed_in(sign_in(page, "quality"))


def test_an_idle_session_ends_and_says_so(account_store: Store) -> None:
    page = sign_in(opened(), "admin")
    back = timedelta(minutes=31)
    move(account_store, seen_at=-back)
    page.run()
    assert not is_signed_in(page)
    assert text("login.ended", "zh") in shown(page)


def test_a_session_ends_after_its_hours_however_busy(account_store: Store) -> None:
    page = sign_in(opened(), "admin")
    move(account_store, expires_at=-timedelta(hours=13))
    assert not is_signed_in(page.run())


def move(account_store: Store, **by: timedelta) -> None:
    table = schema.session
    with write_connection(account_store) as connection:
        for row in connection.execute(sa.select(table)).mappings().all():
            values = {name: row[name] + change for name, change in by.items()}
            connection.execute(sa.update(table).where(table.c.id == row["id"]).values(values))


def test_a_role_that_is_taken_away_is_gone_at_the_next_run(account_store: Store) -> None:
    page = sign_in(opened(), "admin")
    account = find_account(account_store, "admin")
    set_roles(account_store, account.id, account.version, {"operator"}, "root")
    page.run()
    assert text("access.page_refused", "zh").partition("\n")[0] in shown(page)


def test_a_password_that_was_given_out_must_be_changed_first(account_store: Store) -> None:
    add_account(account_store, NewAccount("new", "新人", frozenset({"admin"})), PASSWORD, "admin")
    page = sign_in(opened(), "new")
    assert text("login.must_change", "zh", name="新人") in shown(page)
    change(page, PASSWORD, "my own choice 55", "not the same one")
    assert text("login.password_differs", "zh") in shown(page)
    change(page, PASSWORD, "short", "short")
    assert "12" in shown(page)
    change(page, PASSWORD, "my own choice 55", "my own choice 55")
    assert is_signed_in(page) and page.button(key="sign_out")
    assert not is_signed_in(sign_in(opened(), "new"))


def change(page: AppTest, *typed: str) -> None:
    for field, value in zip(page.text_input, typed, strict=True):
        field.input(value)
    page.button[0].click()
    page.run()


def test_a_person_who_signs_in_finds_nothing_of_the_one_before(installation_folder: Path) -> None:
    page = sign_in(opened(), "admin")
    page.session_state["left_behind"] = "a case"
    page.button(key="sign_out").click().run()
    page.session_state["left_behind"] = "planted"
    sign_in(page, "auditor")
    assert "left_behind" not in page.session_state


def test_the_language_outlives_the_sign_in(installation_folder: Path) -> None:
    page = opened()
    page.session_state["lang"] = "en"
    page.run()
    assert "Synthetic hospital" in shown(page)
    sign_in(page, "admin")
    assert page.session_state["lang"] == "en"


def test_a_store_that_is_gone_is_told_without_a_trace(installation_folder: Path) -> None:
    (installation_folder / "store.sqlite").rename(installation_folder / "away.sqlite")
    page = sign_in(opened(), "admin")
    assert "drgbridge store init" in shown(page)


GOOD = {"is_logged_in": True, "iss": "https://id.example", "sub": "sub-1", "iat": NOW - 5}


@pytest.mark.parametrize(
    ("changed", "subject"),
    [
        ({}, "sub-1"),
        ({"iat": NOW - session.FRESH_SECONDS - 1}, None),
        ({"iat": NOW + session.FRESH_SECONDS + 1}, None),
        ({"iat": "now"}, None),
        ({"iss": "https://other.example"}, None),
        ({"iss": None}, None),
        ({"sub": ""}, None),
        ({"sub": ["sub-1"]}, None),
        ({"is_logged_in": False}, None),
    ],
)
def test_what_an_identity_provider_says(changed: dict[str, object], subject: str | None) -> None:
    assert session.subject_of({**GOOD, **changed}, OIDC, NOW) == subject
    assert session.subject_of({}, OIDC, NOW) is None


def test_an_address_of_mail_must_be_proven() -> None:
    by_mail = OIDC.model_copy(update={"claim": "email"})
    user = {**GOOD, "email": "li@id.example"}
    assert session.subject_of(user, by_mail, NOW) is None
    assert session.subject_of({**user, "email_verified": True}, by_mail, NOW) == "li@id.example"


def post(ticket: object, scheme: str = "http", **changed: str) -> Response:
    """What the server answers to a browser that sends a ticket."""
    headers = {"host": "pages", "origin": f"{scheme}://pages", "content_type": "application/json", **changed}
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": scheme,
        "path": f"/{session.COOKIE_PATH}",
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": json.dumps({"ticket": ticket}).encode(), "more_body": False}

    return asyncio.run(server.keep(Request(scope, receive)))


def test_a_ticket_becomes_a_cookie_once(account_store: Store) -> None:
    token = sign_in_by_subject(account_store, "sub-admin", timedelta(hours=1)).token
    ticket = tickets.issue(token, secure=False)
    answer = post(ticket)
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{session.COOKIE}={token};")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    assert answer.headers["cache-control"] == "no-store"
    assert post(ticket).status_code == 403


def test_over_tls_the_cookie_is_secure() -> None:
    assert "Secure" in post(tickets.issue("t", secure=False), "https").headers["set-cookie"]
    assert "Secure" in post(tickets.issue("t", secure=True)).headers["set-cookie"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": ""},
        {"origin": "null"},
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
    ],
)
def test_another_site_gets_no_cookie(headers: dict[str, str]) -> None:
    ticket = tickets.issue("token", secure=False)
    answer = post(ticket, **headers)
    assert (answer.status_code, answer.headers.get("set-cookie")) == (403, None)
    assert post(ticket).status_code == 204


@pytest.mark.parametrize("ticket", ["", "x", None, 5, ["x"], "x" * 1_000])
def test_a_made_up_ticket_gets_no_cookie(ticket: object) -> None:
    assert post(ticket).status_code == 403


def test_a_ticket_is_good_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = tickets.issue("token", secure=False)
    later = tickets.time.monotonic() + tickets.SECONDS + 1
    monkeypatch.setattr(tickets.time, "monotonic", lambda: later)
    assert tickets.redeem(ticket) is None
