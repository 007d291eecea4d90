"""A party's own rules: policy, consent, ids, quotas, before a row takes part in a job."""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.consent import Consent, ConsentRegister, issue, subjects
from privacy.errors import Refused
from privacy.gate import Gate, JobAtGate
from privacy.party import key_bytes
from privacy.policy import sign_policy
from privacy.protocols import TableUse
from tests.privacy.pairs import INITIATOR, PURPOSE, Party, make_pair

ISSUER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TODAY = date.today()


@pytest.fixture
def party(tmp_path: Path) -> Party:
    return make_pair(tmp_path).responder


def job(use: TableUse | None = None, purpose: str = PURPOSE) -> JobAtGate:
    return JobAtGate("1" * 32, "stats", purpose, "visits", use or TableUse(numbers=("cost",)))


def make_personal(party: Party, day_column: str | None = None) -> None:
    text = party.config_file.read_text()
    day = f'day_column = "{day_column}"\n' if day_column else ""
    party.config_file.write_text(text.replace("personal = false\n", day))
    key = ISSUER.public_key().public_bytes_raw().hex()
    with party.config_file.open("a") as file:
        file.write(
            f'[consent]\nregister_file = "c.sqlite"\nissuer_public_key = "{key}"\nsubject_key = "pair.secret"\n'
        )


def consent(party: Party, id: str, expires: date = TODAY + timedelta(days=9), **changed: object) -> None:
    subject_key = key_bytes(party.folder / "pair.secret")
    fields = {
        "token_id": secrets.token_hex(16),
        "subject": subjects([id], subject_key)[0].hex(),
        "recipient": INITIATOR,
        "purpose": PURPOSE,
        "protocols": ("stats",),
        "columns": ("cost",),
        "window_from": date(2026, 1, 1),
        "window_to": date(2099, 6, 30),
        "issued": TODAY - timedelta(days=30),
        "expires": expires,
        **changed,
    }
    register = ConsentRegister(party.folder / "c.sqlite", ISSUER.public_key(), subject_key, INITIATOR)
    register.add([issue(Consent.model_validate(fields), ISSUER)])


def test_only_rows_with_a_valid_consent_take_part(party: Party) -> None:
    party.add_table("visits", {"id": ["a", "b", "Ｃ", "d", "e"], "cost": [1.0, 2.0, 3.0, 4.0, 5.0]})
    make_personal(party)
    consent(party, "a")
    consent(party, "C")
    consent(party, "b", expires=TODAY - timedelta(days=1))
    consent(party, "d", purpose="other")
    consent(party, "e", columns=("age",))
    admitted = Gate(party.config).admit(job())
    assert admitted.table.ids == ["a", "C"]
    assert admitted.table.columns["cost"].tolist() == [1.0, 3.0]
    assert (admitted.invalid_ids, admitted.without_consent) == (0, 3)
    register = ConsentRegister(
        party.folder / "c.sqlite", ISSUER.public_key(), key_bytes(party.folder / "pair.secret"), INITIATOR
    )
    assert admitted.consent_sha256 == register.sha256()
    register.revoke("0" * 32)
    assert Gate(party.config).admit(job()).consent_sha256 == register.sha256() != admitted.consent_sha256


def test_the_day_of_a_row_must_lie_in_the_window(party: Party) -> None:
    days = [date(2026, 3, 1), date(2025, 3, 1), None]
    party.add_table("visits", {"id": ["a", "a", "a"], "cost": [1.0, 2.0, 3.0], "day": days})
    make_personal(party, "day")
    consent(party, "a")
    assert Gate(party.config).admit(job()).table.columns["cost"].tolist() == [1.0]


def test_a_table_about_persons_needs_a_register(party: Party) -> None:
    party.add_table("visits", {"id": ["a"], "cost": [1.0]})
    party.config_file.write_text(party.config_file.read_text().replace("personal = false", "personal = true"))
    with pytest.raises(Refused, match=r"job\.consent_missing"):
        Gate(party.config).admit(job())


def test_invalid_ids_are_left_out_and_counted(party: Party) -> None:
    columns = {
        "id": ["11010519491231002X", "110105194912310021", "11010519491231002x"],
        "cost": [1.0, 2.0, 3.0],
    }
    party.add_table("visits", columns, id_kind="resident_id")
    admitted = Gate(party.config).admit(job())
    assert (admitted.invalid_ids, admitted.table.columns["cost"].tolist()) == (1, [1.0, 3.0])


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (job(TableUse(numbers=("weight",))), "policy.column_never"),
        (job(TableUse(numbers=("cost",), minimum_group=3)), "policy.group_small"),
        (job(purpose="other"), "policy.purpose"),
        # As a value the id would need less than for joining rows.
        (job(TableUse(numbers=("cost",), texts=("id",))), "policy.id_as_value"),
    ],
)
def test_the_policy_is_asked(party: Party, asked: JobAtGate, code: str) -> None:
    party.add_table("visits", {"id": ["a"], "cost": [1.0]}, minimum_group=10)
    with pytest.raises(Refused) as error:
        Gate(party.config).admit(asked)
    assert error.value.code == code


def test_a_consent_that_is_revoked_while_a_job_waits_is_noticed(party: Party) -> None:
    party.add_table("visits", {"id": ["a", "b"], "cost": [1.0, 2.0]})
    make_personal(party)
    consent(party, "a")
    consent(party, "b", token_id="b" * 32)
    gate = Gate(party.config)
    admitted = gate.admit(job())
    gate.admit_again(job(), admitted)
    subject_key = key_bytes(party.folder / "pair.secret")
    ConsentRegister(party.folder / "c.sqlite", ISSUER.public_key(), subject_key, INITIATOR).revoke("b" * 32)
    with pytest.raises(Refused, match=r"job\.rows_changed"):
        gate.admit_again(job(), admitted)


def test_a_policy_that_is_changed_while_a_job_waits_is_noticed(party: Party) -> None:
    """The peer was told the hash of the one that the job was opened under."""
    policy = party.add_table("visits", {"id": ["a"], "cost": [1.0]}).with_name("visits.policy.toml")
    gate = Gate(party.config)
    admitted = gate.admit(job())
    policy.write_text(policy.read_text() + "# another\n")
    sign_policy(policy, party.config.key)
    with pytest.raises(Refused, match=r"job\.rows_changed"):
        gate.admit_again(job(), admitted)


def test_a_set_that_changed_by_few_rows_is_refused_at_the_start(party: Party) -> None:
    ids = [f"p{n}" for n in range(50)]
    party.add_table("visits", {"id": ids, "cost": [1.0] * 50}, differ_by=10)
    gate = Gate(party.config)
    table = gate.admit(job()).table
    gate.charge(job(), table)
    later = JobAtGate("2" * 32, "stats", PURPOSE, "visits", TableUse(numbers=("cost",)))
    with pytest.raises(Refused, match=r"policy\.set_similar"):
        gate.charge(later, table.take(list(range(49))))
    gate.charge(later, table)
