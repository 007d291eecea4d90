"""Who may see and do what: every page, action and field with every role, against a table written by hand."""

from __future__ import annotations

import csv
import re
from itertools import combinations
from pathlib import Path

import pytest

from claims.store import AuditFilter, Store, audit_page
from drg.errors import InputError
from tests.conftest import REPOSITORY
from tests.ui.accounts_fixture import (
    SETTINGS,
    configure,
    opened,
    shown,
    sign_in,
    visit,
)
from ui import access
from ui.access import Person
from ui.roles import check_roles, parties, rules
from ui.text import text

TABLE = list(csv.reader((Path(__file__).with_name("access.tsv")).open(encoding="utf-8"), delimiter="\t"))
ROLES = TABLE[0][1:]
EXPECTED = {
    (row[0], role): word == "yes" for row in TABLE[1:] for role, word in zip(ROLES, row[1:], strict=True)
}
HOSPITAL, INSURER = ("coder", "quality", "manager"), ("analyst",)


def person(*roles: str) -> Person:
    return Person("li", "李", frozenset(roles), 1)


def test_the_table_is_complete() -> None:
    assert list(rules().roles) == ROLES
    assert {row[0] for row in TABLE[1:]} == {*rules().pages, *rules().actions}


@pytest.mark.parametrize(("what", "role"), EXPECTED)
def test_every_page_and_action_with_every_role(what: str, role: str, installation_folder: Path) -> None:
    if what in rules().pages:
        assert access.sees(person(role), what) is EXPECTED[what, role]
        return
    assert access.may(person(role), what) is EXPECTED[what, role]
    if not EXPECTED[what, role]:
        with pytest.raises(access.Refused):
            access.require(person(role), what)


def test_every_action_and_field_that_the_pages_name_exists() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "ui").rglob("*.py"))
    actions = set(re.findall(r'access\.(?:may|require)\(\s*\w+,\s*"(\w+)"', code))
    fields = set(re.findall(r'access\.masked\(\s*\w+,\s*"(\w+)"', code))
    assert actions and actions <= set(rules().actions)
    assert fields <= set(rules().fields)


def test_every_page_enters_as_itself_before_anything_else() -> None:
    for path in (REPOSITORY / "ui" / "pages").glob("*.py"):
        assert path.stem in rules().pages
        main = path.read_text(encoding="utf-8").split("def main() -> None:", 1)[1]
        first = next(line.strip() for line in main.splitlines() if line.strip() and '"""' not in line)
        assert f'access.enter("{path.stem}")' in first, path


@pytest.mark.parametrize(("mine", "other"), [(HOSPITAL, INSURER), (INSURER, HOSPITAL)])
def test_the_two_parties_never_meet(
    mine: tuple[str, ...], other: tuple[str, ...], installation_folder: Path
) -> None:
    theirs = {name for name, page in rules().pages.items() if {page.party} == parties(other)}
    assert theirs
    for role in mine:
        for more in ("operator", "auditor", "admin"):
            assert not any(access.sees(person(role, more), page) for page in theirs)
        for foreign in other:
            both = person(role, foreign)
            assert not any(
                access.sees(both, page) for page in rules().pages if rules().pages[page].party != "any"
            )
            assert not any(access.may(both, action) for action in rules().actions)
            with pytest.raises(InputError, match="two accounts"):
                check_roles(both.roles)


@pytest.mark.parametrize(("party", "closed"), [("hospital", "insurer"), ("insurer", "hospital")])
def test_an_installation_serves_no_page_of_the_other_party(
    party: str,
    closed: str,
    installation_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure(installation_folder, monkeypatch, SETTINGS.replace('"both"', f'"{party}"'))
    for name, page in rules().pages.items():
        seen = any(access.sees(person(role), name) for role in ROLES)
        assert seen is (page.party != closed)


def test_without_a_role_or_with_an_unknown_one_nothing_is_seen(installation_folder: Path) -> None:
    assert not any(access.sees(person(), page) for page in rules().pages)
    assert not any(access.may(person(), action) for action in rules().actions)
    assert not access.sees(person("admin"), "no_such_page")
    for wrong in ((), ("root",), ("coder", "root")):
        with pytest.raises(InputError):
            check_roles(wrong)


def test_roles_of_one_party_go_together() -> None:
    for pair in combinations((*HOSPITAL, "operator", "auditor", "admin"), 2):
        assert check_roles(pair) == set(pair)


@pytest.mark.parametrize(
    ("field", "value", "masked"),
    [
        ("person_name", "欧阳春", "欧＊＊"),
        ("person_name", "张", "＊＊"),
        ("id_number", "999999194209270009", "＊" * 14 + "0009"),
        ("id_number", "0009", "＊＊"),
        ("birth_date", "1942-09-27", "1942＊＊＊＊＊＊"),
        ("phone", "13800000000", "＊" * 7 + "0000"),
        ("address", "合成市测试路一号", "合成市＊＊＊＊＊"),
    ],
)
def test_a_personal_field_is_masked_for_who_may_not_read_it(field: str, value: str, masked: str) -> None:
    for role in ROLES:
        whole = role in rules().fields[field].roles
        assert access.masked(person(role), field, value) == (value if whole else masked)
    assert access.masked(person(), field, value) == masked
    assert access.masked(person("admin"), field, None) == access.masked(person("coder"), field, "") == ""


@pytest.mark.parametrize("role", ROLES)
def test_the_address_of_a_closed_page_leads_to_a_refusal_that_is_recorded(
    role: str, account_store: Store
) -> None:
    page = sign_in(opened(), role)
    there = {path.stem for path in (REPOSITORY / "ui" / "pages").glob("*.py")}
    closed = sorted(name for name in there if not EXPECTED[name, role])
    refused = text("access.page_refused", "zh").partition("\n")[0]
    for name in closed:
        assert refused in shown(visit(page, name))
        page.run()
    entries = audit_page(account_store, AuditFilter(person=role, action="view_refused"))
    assert [entry.object_id for entry in reversed(entries)] == closed


def test_a_view_is_recorded_once_a_visit(account_store: Store) -> None:
    page = visit(sign_in(opened(), "manager"), "grouping")
    page.run()
    entries = audit_page(
        account_store, AuditFilter(person="manager", object_kind="page", object_id="grouping")
    )
    assert [entry.action for entry in entries] == ["view"]


def test_without_an_installation_only_the_sample_is_served() -> None:
    visitor = access.person_here()
    assert visitor is not None
    assert [page for page in rules().pages if access.sees(visitor, page)] == ["grouping"]
    assert not any(access.may(visitor, action) for action in rules().actions)
    page = visit(opened(), "workbench")
    assert text("access.page_refused", "zh").partition("\n")[0] in shown(page)
