"""The administration page: accounts for administrators, the trail for auditors."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from claims.store import (
    AuditFilter,
    Store,
    audit_page,
    find_account,
    passwords,
    record,
    set_roles,
)
from claims.store import sign_in as sign_in_to_store
from drg.errors import InputError
from tests.ui.accounts_fixture import PASSWORD, opened, shown, sign_in, visit
from ui import access
from ui.access import Person
from ui.roles import rules
from ui.text import text
from ui.widgets import accounts, audit_trail


@pytest.fixture
def admin(account_store: Store) -> AppTest:
    return visit(sign_in(opened(), "admin"), "administration")


@pytest.fixture
def auditor(account_store: Store) -> AppTest:
    return visit(sign_in(opened(), "auditor"), "administration")


def say(key: str, **params: object) -> str:
    return text(f"administration.{key}", "zh", **params)


def press(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click()
    return page.run()


def test_each_role_gets_its_tab_only(admin: AppTest, auditor: AppTest) -> None:
    assert [tab.label for tab in admin.tabs] == [say("tab_accounts")]
    assert [tab.label for tab in auditor.tabs] == [say("tab_audit")]


@pytest.mark.parametrize("role", ["coder", "quality", "manager", "analyst", "operator"])
def test_others_are_refused(account_store: Store, role: str) -> None:
    page = visit(sign_in(opened(), role), "administration")
    assert text("access.page_refused", "zh").partition("\n")[0] in shown(page)
    assert not page.tabs


def test_the_list_has_every_account(admin: AppTest) -> None:
    table = admin.dataframe[0].value
    assert list(table[say("column_name")]) == sorted(rules().roles)
    assert set(table[say("column_state")]) == {say("state_active")}


def test_adding_an_account_shows_its_password_once(admin: AppTest, account_store: Store) -> None:
    admin.text_input(key="new_name").input("zhao")
    admin.text_input(key="new_display").input("<b>赵</b>")
    admin.multiselect(key="new_roles").select("coder")
    press(admin, say("add"))
    password = admin.code[0].value
    assert say("add_done") in shown(admin)
    assert not admin.run().code
    found = find_account(account_store, "zhao")
    assert (found.roles, found.display_name, found.must_change_password) == ({"coder"}, "<b>赵</b>", True)
    page = sign_in(opened(), "zhao", password)
    assert "&lt;b&gt;赵" in shown(page) and "<b>赵" not in shown(page)


@pytest.mark.parametrize(
    ("name", "roles", "told"),
    [
        ("Zhao!", ["coder"], "小写字母"),
        ("zhao", [], "至少需要一个角色"),
        ("zhao", ["coder", "analyst"], "分设两个账号"),
        ("coder", ["coder"], "已存在"),
    ],
)
def test_an_account_that_cannot_be_is_refused(
    admin: AppTest, account_store: Store, name: str, roles: list[str], told: str
) -> None:
    admin.text_input(key="new_name").input(name)
    admin.multiselect(key="new_roles").set_value(roles)
    press(admin, say("add"))
    assert told in shown(admin)
    with pytest.raises(InputError):
        find_account(account_store, "zhao")


def test_roles_password_and_disabling(admin: AppTest, account_store: Store) -> None:
    admin.selectbox(key="account").select("coder").run()
    next(field for field in admin.multiselect if field.key != "new_roles").set_value(["quality"])
    press(admin, say("save_roles"))
    assert find_account(account_store, "coder").roles == {"quality"}
    press(admin, say("reset"))
    password = admin.code[0].value
    opened_by_new = sign_in_to_store(account_store, "coder", password, timedelta(hours=1))
    assert opened_by_new.account.must_change_password
    press(admin, say("disable"))
    assert find_account(account_store, "coder").disabled
    press(admin, say("enable"))
    assert not find_account(account_store, "coder").disabled
    told = [entry.action for entry in audit_page(account_store, AuditFilter(person="admin"), size=4)]
    assert told == ["enable", "disable", "reset_password", "set_roles"]


def test_a_locked_account_is_unlocked(admin: AppTest, account_store: Store) -> None:
    page = opened()
    for _ in range(passwords.settings().lockout.failures):
        sign_in(page, "coder", "wrong wrong wrong")
    admin.selectbox(key="account").select("coder").run()
    press(admin, say("unlock"))
    assert access_token(sign_in(page, "coder", PASSWORD))


def access_token(page: AppTest) -> bool:
    assert not page.exception
    return "signed_in_token" in page.session_state


def test_nobody_changes_his_own_roles(admin: AppTest) -> None:
    admin.selectbox(key="account").select("admin").run()
    assert say("own_account") in shown(admin)
    labels = {button.label for button in admin.button}
    assert labels.isdisjoint({say("disable"), say("save_roles"), say("reset")})


def test_somebody_was_faster(admin: AppTest, account_store: Store) -> None:
    admin.selectbox(key="account").select("coder").run()
    account = find_account(account_store, "coder")
    set_roles(account_store, account.id, account.version, {"manager"}, "other-admin")
    press(admin, say("disable"))
    assert "other-admin" in shown(admin)
    assert not find_account(account_store, "coder").disabled


def test_the_server_refuses_what_the_page_does_not_offer(account_store: Store) -> None:
    auditor, admin = (Person(role, role, frozenset({role}), 1) for role in ("auditor", "admin"))
    with pytest.raises(access.Refused):
        audit_trail.show(admin, "zh")
    done: list[str] = []
    accounts._do(auditor, lambda: done.append("x"), "zh", "disable")
    assert done == []


def test_the_trail_is_filtered_and_paged(auditor: AppTest, account_store: Store) -> None:
    for number in range(audit_trail.ON_A_PAGE + 5):
        record(account_store, "zhao", "view", "case", f"c{number}")
    auditor.text_input(key="audit_person").input("zhao").run()
    ids = auditor.dataframe[0].value[say("object_id")]
    assert (len(ids), ids.iloc[0]) == (audit_trail.ON_A_PAGE, f"c{audit_trail.ON_A_PAGE + 4}")
    press(auditor, say("older"))
    assert list(auditor.dataframe[0].value[say("object_id")]) == ["c4", "c3", "c2", "c1", "c0"]
    auditor.text_input(key="audit_action").input("export").run()
    assert say("no_entry").partition("\n")[0] in shown(auditor)


def test_the_trail_is_verified_and_that_is_recorded(auditor: AppTest, account_store: Store) -> None:
    press(auditor, say("verify"))
    # The fixture put one hash for all accounts in past the store, and that is what is found.
    assert say("not_verified", count=len(rules().roles)) in shown(auditor)
    assert audit_page(account_store, AuditFilter(person="auditor", action="verify"))


def test_the_export_is_recorded_and_no_formula(account_store: Store) -> None:
    record(account_store, "zhao", "=cmd()", "case", "1")
    made = audit_trail._export(account_store, "auditor", AuditFilter(object_kind="case"))
    rows = list(csv.DictReader(made.decode("utf-8-sig").splitlines()))
    assert [row["action"] for row in rows] == ["'=cmd()"]
    assert audit_page(account_store, AuditFilter(person="auditor", action="export"))
