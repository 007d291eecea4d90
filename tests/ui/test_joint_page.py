"""The page of joint computing over a real pair of parties: nodes are processes, jobs run between them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from threading import Thread

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from streamlit.testing.v1 import AppTest

from claims.store import Store, audit_since
from privacy import audit, files, peer_policy
from privacy.consent import Consent, expiry_counts, issue, subjects
from privacy.consent_files import make_issuer
from privacy.errors import Refused
from privacy.gate import consent_register
from privacy.history import jobs
from privacy.job_file import JobFile
from privacy.party import key_bytes
from privacy.policy import sign_policy
from privacy.session import run
from tests.conftest import REPOSITORY
from tests.privacy.pairs import INITIATOR, PURPOSE, RESPONDER, Pair, Party, make_pair
from tests.ui.accounts_fixture import SETTINGS, configure, opened, shown, sign_in, visit
from ui import joint_desk
from ui.text import text
from ui.widgets import joint_log

ROWS, COMMON = 60, 40
VIEWS = ("jobs", "start", "policies", "consents", "learned", "parties", "log")
PATIENCE_SECONDS = 60


def say(key: str, **params: object) -> str:
    return text(f"joint_page.{key}", "zh", **params)


@pytest.fixture
def pair(account_store: Store, installation_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """An insurer whose installation the pages serve, and a hospital; no node runs yet."""
    made = make_pair(installation_folder, reconnect_seconds=1.0)
    ids = [f"k{number}" for number in range(2 * ROWS)]
    own = ids[:ROWS]
    theirs = ids[ROWS - COMMON : 2 * ROWS - COMMON]
    made.initiator.add_table("claims", {"id": list(own), "paid": [float(n) for n in range(ROWS)]})
    made.responder.add_table("visits", {"id": list(theirs), "cost": [float(n) for n in range(ROWS)]})
    settings = SETTINGS + f'node = "pair/{INITIATOR}/{INITIATOR}.toml"\n'
    configure(installation_folder, monkeypatch, settings)
    monkeypatch.chdir(REPOSITORY)
    yield made
    made.close()


def page_of(role: str, view: str = "jobs") -> AppTest:
    page = visit(sign_in(opened(), role), "joint")
    return page if view == "jobs" else go(page, view)


def go(page: AppTest, view: str) -> AppTest:
    if say(f"view_{view}") in page.button_group(key="joint_view").options:
        page.button_group(key="joint_view").set_value(view)
        page.run()
    return page


def know_visits(pair: Pair) -> None:
    """The hospital has given its signed policy to the insurer, whose form then offers its table."""
    policy = pair.responder.folder / "visits.policy.toml"
    signature = policy.with_name(policy.name + ".sig")
    peer_policy.take(pair.initiator.config, policy.read_bytes(), signature.read_bytes())


def wait_for_end(pair: Pair) -> joint_desk.Started:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        (found,) = joint_desk.started(pair.initiator.config)
        if not found.runs:
            return found
        assert time.monotonic() < deadline, "the job did not end"
        time.sleep(0.2)


def actions(store: Store) -> list[str]:
    return [one.action for one in audit_since(store, 0)]


def test_without_a_party_the_page_says_what_to_do(account_store: Store, installation_folder: Path) -> None:
    page = page_of("operator")
    assert say("empty").partition("\n")[0] in shown(page)
    assert "drgbridge node init" in shown(page)


def test_others_are_refused(pair: Pair) -> None:
    page = page_of("analyst")
    assert text("access.page_refused", "zh").partition("\n")[0] in shown(page)
    assert RESPONDER not in shown(page)


def test_with_the_nodes_down_the_page_still_tells_of_both_parties(pair: Pair) -> None:
    page = page_of("operator")
    config = pair.initiator.config
    assert say("history_none").partition("\n")[0] in shown(page)
    told = shown(go(page, "parties"))
    assert say("silent_own") in told and say("silent_peer") in told
    # Every view works without a key that could be used: none is read.
    for secret in (config.signing_key, config.pair_secret, config.tls.key):
        secret.write_text("no key")
    for view in VIEWS:
        told += shown(go(page, view))
    assert 'class="d-problem"' not in told
    assert config.peer.certificate_sha256 in told and config.peer.signing_public_key in told


def test_a_job_is_checked_started_and_seen_to_its_end(pair: Pair, account_store: Store) -> None:
    pair.responder.serve("tests.privacy.serve_product")
    know_visits(pair)
    page = page_of("operator", "start")
    assert say("asks_psi_initiator", asker=INITIATOR, other=RESPONDER) in shown(page)
    assert page.button(key="joint_start").disabled
    page.button(key="joint_check").click()
    page.run()
    assert say("plan_good") in shown(page) and say("plan_rows") in shown(page)
    page.button(key="joint_start").click()
    page.run()
    assert say("started") in shown(page) and say("answers_peer") in shown(page)
    ended = wait_for_end(pair)
    assert ended.state == "done", ended.errors
    assert ended.status is not None and ended.status.summary["common"] == COMMON
    assert (ended.folder / joint_desk.RESULT).read_text(encoding="utf-8-sig").count("\n") == COMMON + 1
    for path in ended.folder.iterdir():
        files.require_owner_only(path)
    page.run()
    assert say("sum_common", value=COMMON) in shown(page) and say("outcome_done") in shown(page)
    go(page, "learned")
    assert f"其 {ROWS} 行中有哪 {COMMON} 行" in shown(page)
    (job,) = jobs(pair.initiator.config.state)
    assert job.outcome == "done" and job.bytes_sent > 1000
    assert {"start_job"} <= set(actions(account_store))


def test_what_our_own_policy_does_not_permit_is_told_with_column_and_constraint(pair: Pair) -> None:
    policy = pair.initiator.folder / "claims.policy.toml"
    changed = policy.read_text().replace(
        '"id" = { constraint = "AFTER_JOIN" }', '"id" = { constraint = "AFTER_SCORE" }'
    )
    policy.write_text(changed)
    sign_policy(policy, pair.initiator.config.key)
    know_visits(pair)
    page = page_of("operator", "start")
    page.button(key="joint_check").click()
    page.run()
    told = shown(page)
    assert "列 id" in told and "AFTER_SCORE" in told and "AFTER_JOIN" in told
    assert page.button(key="joint_start").disabled
    assert not joint_desk.started(pair.initiator.config)


def test_what_the_other_party_refuses_is_told_in_words(pair: Pair) -> None:
    pair.responder.add_table("secret", {"id": ["k1", "k2"]}, constraint="NEVER")
    pair.responder.serve("tests.privacy.serve_product")
    job = JobFile(table="claims", peer_table="secret", purpose=PURPOSE, parameters={"reveal": "initiator"})
    joint_desk.start(pair.initiator.config, "psi", job, "operator")
    assert wait_for_end(pair).state == "refused"
    told = shown(page_of("operator"))
    assert f"{RESPONDER} 拒绝" in told and "NEVER" in told and "secret" in told


def test_a_policy_that_was_changed_is_read_and_signed_by_a_person(pair: Pair, account_store: Store) -> None:
    policy = pair.initiator.folder / "claims.policy.toml"
    policy.write_text(policy.read_text() + "# read again\n")
    page = page_of("operator", "policies")
    assert say("policy_unsigned") in shown(page)
    assert page.button(key="joint_sign_claims").disabled
    (tick,) = [one for one in page.checkbox if (one.key or "").startswith("joint_read_claims")]
    tick.check()
    page.run()
    page.button(key="joint_sign_claims").click()
    page.run()
    assert say("policy_unsigned") not in shown(page) and say("policy_good", owner=INITIATOR) in shown(page)
    assert "sign_policy" in actions(account_store)


def test_an_auditor_verifies_and_does_nothing_else(pair: Pair, account_store: Store) -> None:
    pair.responder.serve("tests.privacy.serve_product")
    job = JobFile(table="claims", peer_table="visits", purpose=PURPOSE, parameters={"reveal": "cardinality"})
    joint_desk.start(pair.initiator.config, "psi", job, "operator")
    assert wait_for_end(pair).state == "done"
    page = page_of("auditor", "start")
    assert page.session_state["joint_view"] == "jobs"
    for view in ("jobs", "policies", "consents"):
        go(page, view)
        assert {one.key for one in page.button if (one.key or "").startswith("joint")} <= {
            "joint_check_again"
        }
    go(page, "log")
    page.button(key="joint_verify").click()
    page.run()
    entries = len((pair.initiator.config.state / "audit" / "log.jsonl").read_bytes().splitlines())
    assert say("verified", entries=entries) in shown(page)
    log = pair.initiator.config.state / "audit" / "log.jsonl"
    theirs = [(pair.responder.config.state / "audit" / name).read_bytes() for name in (audit.LOG, audit.HEAD)]
    assert joint_log.compared(pair.initiator.config, log.parent, theirs[0], theirs[1]) == []
    forged = theirs[0].replace(b'"purpose":"test"', b'"purpose":"more"')
    assert joint_log.compared(pair.initiator.config, log.parent, forged, theirs[1])
    log.write_bytes(log.read_bytes().replace(b'"protocol":"psi"', b'"protocol":"pso"', 1))
    page.button(key="joint_verify").click()
    page.run()
    assert say("not_verified", count=1) in shown(page)
    assert "verify_log" in actions(account_store)


def test_a_person_decides_on_what_the_other_party_asks(pair: Pair, account_store: Store) -> None:
    pair.initiator.set(approval="person")
    pair.initiator.serve("tests.privacy.serve_product")
    told: list[object] = []
    asking = Thread(target=ask, args=(pair.responder, {"reveal": "both"}, told), daemon=True)
    asking.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (waits := joint_desk.waiting(pair.initiator.config)):
        assert time.monotonic() < deadline and not told, told
        time.sleep(0.1)
    page = page_of("operator")
    assert say("asks_psi_both", asker=RESPONDER, other=INITIATOR) in shown(page)
    page.text_input(key=f"joint_reason_{waits[0].id}").input("季度报表")
    page.button(key=f"joint_approve_{waits[0].id}").click()
    page.run()
    assert say("approved") in shown(page) and say("waiting_none") in shown(page)
    asking.join(PATIENCE_SECONDS)
    assert told == [COMMON]
    (job,) = jobs(pair.initiator.config.state)
    assert (job.role, job.decision, job.decided_by) == ("responder", "approved", "operator")
    assert "approve_job" in actions(account_store)


def ask(party: Party, parameters: dict[str, object], told: list[object]) -> None:
    """Run a job of the other party; what comes of it goes to ``told``."""
    try:
        result = run(party.config, "psi", parameters, table="visits", peer_table="claims", purpose=PURPOSE)
        told.append(result.summary["common"])
    except Refused as refused:
        told.append(refused.code)


def test_consents_are_counted_found_by_line_and_withdrawn(pair: Pair, account_store: Store) -> None:
    token = give_consent(pair.initiator, "someone-77")
    page = page_of("auditor", "consents")
    assert say("consent_figure_valid") in shown(page) and not page.text_area
    page = page_of("operator", "consents")
    page.selectbox(key="joint_id_kind").set_value("text")
    page.text_area(key="joint_ids").input("nobody\nsomeone-77")
    page.button[-2].click()
    page.run()
    told = shown(page)
    assert token in told and say("consent_no_token") in told and "someone-77" not in told
    page.text_input(key="joint_token").input(token)
    page.checkbox(key="joint_revoke_sure").check()
    page.button[-1].click()
    page.run()
    assert say("consent_revoked") in shown(page)
    assert pair.initiator.config.consent is not None
    (count,) = expiry_counts(pair.initiator.config.consent.register_file, date.today())
    assert (count.valid, count.revoked) == (0, 1)
    done = [(one.action, one.object_id) for one in audit_since(account_store, 0)]
    assert ("find_consent", "register") in done and ("revoke_consent", token) in done
    assert "someone-77" not in str(done)


def give_consent(party: Party, person: str) -> str:
    """A register with one person's token; the id of the token."""
    public = make_issuer(party.folder / "issuer")
    with party.config_file.open("a", encoding="utf-8") as file:
        file.write(
            f'\n[consent]\nregister_file = "consent.sqlite"\nissuer_public_key = "{public}"\n'
            'subject_key = "issuer/subject.key"\n'
        )
    issuer = Ed25519PrivateKey.from_private_bytes(key_bytes(party.folder / "issuer" / "issuer.key"))
    today, token = date.today(), "5f" * 16
    consent = Consent(
        token_id=token,
        subject=subjects([person], key_bytes(party.folder / "issuer" / "subject.key"))[0].hex(),
        recipient=RESPONDER,
        purpose=PURPOSE,
        protocols=("psi",),
        columns=("id",),
        window_from=today,
        window_to=today,
        issued=today,
        expires=today,
    )
    config = party.config
    assert config.consent is not None
    consent_register(config, config.consent).add([issue(consent, issuer)])
    return token
