"""Work items on both databases: adding, deciding, paging, labels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from claims.store import (
    Ends,
    Filter,
    Judgement,
    Kind,
    Order,
    Reason,
    Signed,
    StaleEdit,
    State,
    Store,
    StoreError,
    WorkItem,
    add_items,
    assign,
    audit_of,
    close,
    correct,
    decide,
    decisions,
    events,
    get_item,
    labels,
    open_items,
    release,
    reopen,
    resolutions,
    resolutions_of,
    sign_off,
    sign_offs,
    state_counts,
    verify,
)
from tests.claims.store.conftest import PERSON, claim, filled

SUSPICIOUS = Judgement("to_investigation", "床位费与医嘱不符", "rules-1", "model-1")
HARMLESS = Judgement("not_suspicious", "planned readmission", "rules-1")
ALL = tuple(State)


def only(store: Store) -> WorkItem:
    return open_items(store, Filter(Kind.CLAIM, ALL)).items[0]


def assigned(store: Store, person: str = "li") -> WorkItem:
    item = only(store)
    return assign(store, item.id, item.version, person, "wang")


def test_an_item_keeps_what_the_run_gave(store: Store) -> None:
    item = only(filled(store, claim("C1", 625_000)))
    assert (item.case_id, item.hospital, item.amount_fen, item.priority) == ("C1", "H001", 1_250_000, 625_000)
    assert (item.risk_score, item.risk_band, item.model_hash, item.policy_hash) == (
        0.5,
        "high",
        "a" * 64,
        "b" * 64,
    )
    assert item.reasons == (Reason("C061", {"days": 7}, 1.25), Reason("los_days", {"value": 31.5}))
    assert (item.state, item.owner, item.version, item.source_run) == (State.OPEN, None, 1, "run-1")
    assert abs(item.created_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_missing_value_stays_missing(store: Store) -> None:
    item = only(filled(store, claim(amount_fen=None, risk_score=None, risk_band=None, reasons=())))
    assert (item.amount_fen, item.risk_score, item.risk_band, item.reasons) == (None, None, None, ())


def test_a_resumed_run_adds_only_what_is_new(store: Store) -> None:
    filled(store, claim("C1"), claim("C2"))
    assert add_items(store, "run-1", [claim("C2"), claim("C3"), claim("C2", kind=Kind.CODER)], PERSON) == 2
    assert state_counts(store, Kind.CLAIM)[State.OPEN] == 3
    assert len(only(store).reasons) == 2


def test_one_case_twice_in_one_call_is_refused_and_nothing_is_added(store: Store) -> None:
    with pytest.raises(StoreError, match="twice"):
        filled(store, claim("C1"), claim("C1", 5))
    assert open_items(store, Filter(Kind.CLAIM)).items == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"case_id": "x" * 129},
        {"case_id": " "},
        {"case_id": "a\x00b"},
        {"hospital": "\ud800"},
        {"amount_fen": 2**63},
        {"amount_fen": 1.5},
        {"amount_fen": True},
        {"risk_score": float("nan")},
        {"priority": None},
        {"reasons": (Reason("", {}),)},
    ],
)
def test_values_that_cannot_be_kept_are_refused(store: Store, wrong: dict[str, object]) -> None:
    with pytest.raises(StoreError):
        filled(store, claim(**wrong))
    assert open_items(store, Filter(Kind.CLAIM)).items == ()


def test_life_of_an_item(store: Store) -> None:
    item = assigned(filled(store, claim()))
    assert (item.state, item.owner, item.changed_by) == (State.ASSIGNED, "li", "wang")
    item = decide(store, item.id, item.version, SUSPICIOUS, "li")
    item = correct(store, item.id, item.version, HARMLESS, "zhao")
    item = close(store, item.id, item.version, "wang")
    item = reopen(store, item.id, item.version, "new documents came in", "wang")
    assert (item.state, item.owner) == (State.REOPENED, None)
    item = assign(store, item.id, item.version, "li", "li")
    item = release(store, item.id, item.version, "li")
    assert (item.state, item.version) == (State.OPEN, 8)
    assert [event.action for event in events(store, item.id)] == [
        "assign", "decide", "correct", "close", "reopen", "assign", "release",
    ]  # fmt: skip
    assert [event.assignee for event in events(store, item.id)] == ["li", None, None, None, None, "li", None]
    first, second = decisions(store, item.id)
    assert (first.resolution, first.person, first.corrects) == ("to_investigation", "li", None)
    assert (second.resolution, second.person, second.corrects) == ("not_suspicious", "zhao", first.id)
    assert (first.rules_version, first.model_version, second.model_version) == ("rules-1", "model-1", None)
    assert [entry.action for entry in audit_of(store, "work_item", item.id)][:2] == ["add", "assign"]
    assert verify(store).problems == ()


def test_only_the_owner_decides(store: Store) -> None:
    item = assigned(filled(store, claim()))
    with pytest.raises(StoreError, match="owner li"):
        decide(store, item.id, item.version, HARMLESS, "zhao")
    assert get_item(store, item.id) == item


def test_a_resolution_is_of_the_closed_set_and_of_the_kind(store: Store) -> None:
    item = assigned(filled(store, claim()))
    for resolution in ("maybe", "codes_confirmed"):
        with pytest.raises(StoreError, match="not a resolution"):
            decide(store, item.id, item.version, Judgement(resolution, "x", "rules-1"), "li")
    with pytest.raises(StoreError):
        decide(store, item.id, item.version, Judgement("not_suspicious", "", "rules-1"), "li")
    assert (get_item(store, item.id), decisions(store, item.id)) == (item, [])


def test_every_kind_has_resolutions_in_both_languages() -> None:
    assert {kind: len(resolutions_of(kind)) for kind in Kind} == {Kind.CODER: 3, Kind.CLAIM: 4}
    assert all(each.en.strip() and each.zh.strip() for each in resolutions().values())
    assert {each.label for each in resolutions_of(Kind.CLAIM)} == {0, 1, None}


def test_a_stale_edit_says_who_did_what(store: Store) -> None:
    item = only(filled(store, claim()))
    assign(store, item.id, item.version, "li", "wang")
    with pytest.raises(StaleEdit) as caught:
        assign(store, item.id, item.version, "zhao", "zhao")
    assert (caught.value.person, caught.value.action) == ("wang", "assign")
    assert "wang" in caught.value.render("zh")
    assert "Open it again" in str(caught.value)
    assert get_item(store, item.id).owner == "li"
    assert len(events(store, item.id)) == 1


def test_pages_follow_each_other_in_order(store: Store) -> None:
    priorities = [5, 9, 9, 1, 7, 7, 7, 3]
    filled(store, *(claim(f"C{place}", priority) for place, priority in enumerate(priorities)))
    moved = open_items(store, Filter(Kind.CLAIM), size=3).items[1]
    assign(store, moved.id, moved.version, "li", "li")
    for order, key in ((Order.PRIORITY, lambda i: (-i.priority, -i.id)), (Order.WAITING, lambda i: i.id)):
        shown: list[WorkItem] = []
        page = open_items(store, Filter(Kind.CLAIM), order, size=3)
        while True:
            shown += page.items
            if page.next is None:
                break
            page = open_items(store, Filter(Kind.CLAIM), order, page.next, size=3)
        assert len(shown) == len(priorities)
        assert shown == sorted(shown, key=key)


def test_filters(store: Store) -> None:
    filled(
        store,
        claim("A1", amount_fen=100, risk_band="low"),
        claim("A2", amount_fen=900),
        claim("B1", amount_fen=None, reasons=(Reason("C059", {}),)),
        claim("a1", kind=Kind.CODER),
    )
    item = next(item for item in open_items(store, Filter(Kind.CLAIM)).items if item.case_id == "A2")
    assign(store, item.id, item.version, "li", "li")

    def found(**wanted: object) -> set[str]:
        page = open_items(store, Filter(**{"kind": Kind.CLAIM, **wanted}))  # type: ignore[arg-type]
        return {item.case_id for item in page.items}

    assert found() == {"A1", "A2", "B1"}
    assert found(kind=Kind.CODER) == {"a1"}
    assert found(states=(State.OPEN,)) == {"A1", "B1"}
    assert found(band="low") == {"A1"}
    assert found(owner="li") == {"A2"}
    assert found(min_amount_fen=500) == {"A2"}
    assert found(text="A") == {"A1", "A2"}
    assert found(text="C059") == {"B1"}
    assert found(text="%") == set()
    assert found(text="A", min_amount_fen=500) == {"A2"}


def test_a_text_that_many_items_have(store: Store) -> None:
    filled(store, *(claim(f"many{number:04}", number) for number in range(600)))
    page = open_items(store, Filter(Kind.CLAIM, text="many"), size=2)
    assert [item.case_id for item in page.items] == ["many0599", "many0598"]
    assert [item.case_id for item in open_items(store, Filter(Kind.CLAIM, text="C061"), size=1).items] == [
        "many0599"
    ]


def test_labels_are_the_last_decisions_on_closed_claims(store: Store) -> None:
    filled(store, claim("C1"), claim("C2"), claim("C3"), claim("C4"), claim("K1", kind=Kind.CODER))
    unclear = Judgement("not_enough_evidence", "records missing", "rules-1")
    since = datetime.now(UTC)
    for item in open_items(store, Filter(Kind.CLAIM)).items:
        item = assign(store, item.id, item.version, "li", "li")
        item = decide(store, item.id, item.version, unclear if item.case_id == "C4" else SUSPICIOUS, "li")
        if item.case_id == "C1":
            item = correct(store, item.id, item.version, HARMLESS, "li")
        if item.case_id != "C3":
            close(store, item.id, item.version, "li")
    until = datetime.now(UTC) + timedelta(microseconds=1)
    table = labels(store, since, until)
    rows = {row["case_id"]: (row["resolution"], row["label"]) for row in table.to_pylist()}
    assert rows == {
        "C1": ("not_suspicious", 0),
        "C2": ("to_investigation", 1),
        "C4": ("not_enough_evidence", None),
    }
    assert all(since <= time < until for time in table.column("decided_at").to_pylist())
    assert labels(store, until, until + timedelta(days=1)).num_rows == 0


def test_signing_ends_the_work_item_in_the_same_transaction(store: Store) -> None:
    filled(store, claim("D1", kind=Kind.CODER))
    item = open_items(store, Filter(Kind.CODER)).items[0]
    item = assign(store, item.id, item.version, "chen", "chen")
    codes = Signed("D1", "e" * 64, raises_weight=True, reason="MCC documented on day 2")
    done = Ends(item.id, item.version, Judgement("codes_corrected", "see sign-off", "rules-1"))
    with pytest.raises(StaleEdit):
        sign_off(store, codes, 0, "chen", Ends(item.id, item.version - 1, done.judgement))
    assert sign_offs(store, "D1") == []
    signed = sign_off(store, codes, 0, "chen", done)
    assert (signed.number, signed.person, signed.reason) == (1, "chen", "MCC documented on day 2")
    assert get_item(store, item.id).state is State.DECIDED


def test_sign_offs_follow_each_other(store: Store) -> None:
    first = sign_off(store, Signed("D1", "e" * 64, raises_weight=False), 0, "chen")
    with pytest.raises(StaleEdit) as caught:
        sign_off(store, Signed("D1", "f" * 64, raises_weight=False), 0, "zhou")
    assert caught.value.person == "chen"
    with pytest.raises(StoreError, match="why"):
        sign_off(store, Signed("D1", "f" * 64, raises_weight=True), 1, "zhou")
    with pytest.raises(StoreError):
        sign_off(store, Signed("D2", "f" * 64, raises_weight=False), 3, "zhou")
    second = sign_off(store, Signed("D1", "f" * 64, raises_weight=False), 1, "zhou")
    assert sign_offs(store, "D1") == [first, second]
    assert second.number == 2
