"""Policies: the example of docs/policy.md is parsed here; every constraint against every use; quotas; sets."""

from __future__ import annotations

import multiprocessing
import re
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import privacy.policy
from privacy.errors import Refused
from privacy.policy import JobRequest, Policy, QuotaLedger, sign_policy
from ui.text import text as ui_text

KEY = Ed25519PrivateKey.from_private_bytes(b"p" * 32)
DOCS = Path(__file__).parents[2] / "docs" / "policy.md"
USES = Path(privacy.policy.__file__).with_name("policy_uses.toml")
MODEL = "aa".rjust(64, "0")
SET = (["a"], b"k" * 32)
"""Rows of a job, and the key of their fingerprints."""
REQUEST = JobRequest(
    peer="insurer",
    protocol="stats",
    purpose="claim-risk",
    table="discharges",
    columns={"patient_id": "id", "age": "value"},
    day=date(2026, 6, 1),
)


def _example() -> str:
    found = re.search(r"```toml policy\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    assert found
    return found[1]


def _policy(folder: Path, text: str | None = None) -> Policy:
    path = folder / "policy.toml"
    path.write_text(_example() if text is None else text, encoding="utf-8")
    sign_policy(path, KEY)
    return Policy.load(path, KEY.public_key())


def _refused(policy: Policy, request: JobRequest) -> Refused:
    with pytest.raises(Refused) as refused:
        policy.check(request)
    key = f"joint.{refused.value.code.replace('.', '_')}"
    assert all(ui_text(key, lang, **refused.value.params) for lang in ("en", "zh"))
    return refused.value


def test_the_documented_policy_allows_what_it_says(tmp_path: Path):
    policy = _policy(tmp_path)
    policy.check(REQUEST)
    assert re.fullmatch("[0-9a-f]{64}", policy.sha256)
    assert policy.minimum_group(REQUEST) == 10
    assert policy.minimum_group(replace(REQUEST, columns={"cost": "value"})) == 30


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"columns": {"diagnosis": "value"}}, "policy.column_never"),
        ({"columns": {"name": "value"}}, "policy.column_never"),
        ({"peer": "other"}, "policy.column_never"),
        ({"table": "other"}, "policy.column_never"),
        ({"columns": {"lab": "value"}}, "policy.column_constraint"),
        ({"columns": {"severity": "value"}}, "policy.column_constraint"),
        ({"columns": {"age": "id"}}, "policy.column_constraint"),
        ({"columns": {"age": "label"}}, "policy.use"),
        ({"day": date(2027, 1, 1)}, "policy.expired"),
        ({"day": date(2025, 12, 31)}, "policy.not_yet_valid"),
        ({"purpose": "marketing"}, "policy.purpose"),
        ({"protocol": "lookup"}, "policy.protocol"),
        ({"rows": 9}, "policy.group_small"),
        ({"minimum_group": 5}, "policy.group_small"),
        ({"columns": {"cost": "value"}, "minimum_group": 29}, "policy.group_small"),
        ({"model_sha256": "b" * 64}, "policy.model"),
        ({"protocol": "score", "columns": {"severity": "model_value"}}, "policy.model_missing"),
        ({"queries": -5}, "policy.queries"),
    ],
)
def test_every_breach_is_refused_with_its_name(tmp_path: Path, change: dict[str, object], code: str):
    refusal = _refused(_policy(tmp_path), replace(REQUEST, **change))
    assert refusal.code == code
    if code == "policy.column_constraint":
        assert refusal.params["column"] in change["columns"]  # type: ignore[operator]


def test_last_and_first_day_count_and_a_named_model_passes(tmp_path: Path):
    policy = _policy(tmp_path)
    for day in (date(2026, 1, 1), date(2026, 12, 31)):
        policy.check(replace(REQUEST, day=day, rows=10, minimum_group=10))
    policy.check(replace(REQUEST, protocol="score", columns={"severity": "model_value"}, model_sha256=MODEL))


# What docs/policy.md draws: a constraint permits what lies below it.
BELOW = {
    "PLAINTEXT": {"AFTER_JOIN", "AFTER_AGGREGATE", "AFTER_SCORE", "ENCRYPTED_ONLY"},
    "AFTER_JOIN": {"AFTER_AGGREGATE", "AFTER_SCORE", "ENCRYPTED_ONLY"},
    "AFTER_AGGREGATE": {"ENCRYPTED_ONLY"},
    "AFTER_SCORE": {"ENCRYPTED_ONLY"},
    "ENCRYPTED_ONLY": set(),
}


@pytest.mark.parametrize("constraint", [*BELOW, "NEVER"])
def test_each_constraint_permits_exactly_the_uses_below_it(tmp_path: Path, constraint: str):
    text = _example().replace(
        'age = { constraint = "AFTER_AGGREGATE" }', f'age = {{ constraint = "{constraint}" }}'
    )
    text = text.replace('"score"]', '"score", "lookup"]')
    policy = _policy(tmp_path, text)
    for protocol, uses in tomllib.loads(USES.read_text(encoding="utf-8"))["uses"].items():
        for use, settings in uses.items():
            request = replace(REQUEST, protocol=protocol, columns={"age": use}, model_sha256=MODEL)
            allowed = constraint != "NEVER" and settings["needs"] in BELOW[constraint] | {constraint}
            if allowed:
                policy.check(request)
            else:
                _refused(policy, request)


def test_a_changed_policy_an_unsigned_one_and_another_key_are_refused(tmp_path: Path):
    path = tmp_path / "policy.toml"
    _policy(tmp_path)
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
    with pytest.raises(Refused, match=r"policy\.signature"):
        Policy.load(path, other.public_key())
    path.write_text(_example().replace('"NEVER"', '"PLAINTEXT"'), encoding="utf-8")
    with pytest.raises(Refused, match=r"policy\.signature"):
        Policy.load(path, KEY.public_key())
    (tmp_path / "policy.toml.sig").unlink()
    with pytest.raises(Refused, match=r"policy\.unreadable"):
        Policy.load(path, KEY.public_key())


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ('"AFTER_SCORE"', '"AFTER_LUNCH"', "columns.insurer.discharges.severity.constraint"),
        ("minimum_group = 10 ", "minimum_group = 0 ", "minimum_group"),
        ("version = 1", "version = 1\nextra = 1", "extra"),
        ("days = 365\ndiffer_by = 10", "days = 365", "sets.differ_by"),
        ("version = 1", "version = ", "line 1"),
    ],
)
def test_a_policy_of_the_wrong_form_is_not_signed(tmp_path: Path, before: str, after: str, place: str):
    path = tmp_path / "policy.toml"
    path.write_text(_example().replace(before, after), encoding="utf-8")
    with pytest.raises(Refused) as refused:
        sign_policy(path, KEY)
    assert place in str(refused.value.params["detail"])
    assert not (tmp_path / "policy.toml.sig").exists()


def test_jobs_and_queries_are_counted_in_their_period(tmp_path: Path):
    policy, ledger = _policy(tmp_path), QuotaLedger(tmp_path / "ledger.sqlite")
    for number in range(20):
        ledger.charge(policy, REQUEST, f"job{number}", *SET)
    with pytest.raises(Refused, match=r"policy\.quota_jobs"):
        ledger.check(policy, REQUEST, "job20")
    ledger.check(policy, replace(REQUEST, table="other"), "job20")
    ledger.check(policy, replace(REQUEST, peer="another"), "job20")
    ledger.charge(policy, replace(REQUEST, day=date(2026, 7, 1)), "job20", *SET)


def test_the_id_of_a_job_cannot_be_used_again(tmp_path: Path):
    policy, ledger = _policy(tmp_path), QuotaLedger(tmp_path / "ledger.sqlite")
    ledger.charge(policy, REQUEST, "job", *SET)
    with pytest.raises(Refused, match=r"policy\.job_again"):
        ledger.charge(policy, replace(REQUEST, queries=1), "job", *SET)


def test_queries_of_a_model_stay_below_its_features(tmp_path: Path):
    policy, ledger = _policy(tmp_path), QuotaLedger(tmp_path / "ledger.sqlite")
    request = replace(REQUEST, protocol="score", model_sha256=MODEL, queries=10)
    ledger.charge(policy, request, "a", *SET)
    with pytest.raises(Refused) as refused:
        ledger.charge(policy, request, "b", *SET)
    assert (refused.value.code, refused.value.params["left"]) == ("policy.quota_queries", 5)
    ledger.charge(policy, replace(request, queries=5), "b", *SET)
    with pytest.raises(Refused, match=r"policy\.quota_queries"):
        ledger.charge(policy, replace(request, queries=11), "a", *SET)


def _charge(folder: Path, worker: int) -> None:
    policy = Policy.load(folder / "policy.toml", KEY.public_key())
    ledger = QuotaLedger(folder / "ledger.sqlite")
    for number in range(10):
        try:
            ledger.charge(policy, REQUEST, f"{worker}-{number}", *SET)
            (folder / f"charged-{worker}-{number}").touch()
        except Refused:
            return


def test_processes_together_do_not_pass_a_quota(tmp_path: Path):
    _policy(tmp_path)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_charge, args=(tmp_path, worker)) for worker in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(list(tmp_path.glob("charged-*"))) == 20


def test_sets_that_change_a_little_are_refused(tmp_path: Path):
    policy, ledger = _policy(tmp_path), QuotaLedger(tmp_path / "ledger.sqlite")
    ids, key = [f"id{n}" for n in range(100)], b"k" * 32

    def charge(job: str, chosen: list[str], **change: object) -> None:
        ledger.charge(policy, replace(REQUEST, **change), job, chosen, key)

    charge("a", ids)
    charge("b", ids[::-1])  # the same set in another order
    for chosen in (ids[1:], [*ids, "new"], [*ids[4:], "x", "y", "z"]):
        with pytest.raises(Refused, match=r"policy\.set_similar"):
            charge("c", chosen)
    charge("c", ids[:90])
    charge("d", ids[1:], peer="another")
    charge("e", ids[1:], day=date(2027, 6, 2))
    assert b"id42" not in (tmp_path / "ledger.sqlite").read_bytes()


def test_a_job_over_its_quota_leaves_no_set(tmp_path: Path):
    """Nothing of a job that was refused is counted: its rows are no earlier set for the next."""
    policy, ledger = _policy(tmp_path), QuotaLedger(tmp_path / "ledger.sqlite")
    request = replace(REQUEST, protocol="score", model_sha256=MODEL, queries=10)
    ids, key = [f"id{n}" for n in range(100)], b"k" * 32
    ledger.charge(policy, request, "a", ids, key)
    with pytest.raises(Refused, match=r"policy\.quota_queries"):
        ledger.charge(policy, request, "b", ids[:50], key)
    ledger.charge(policy, replace(request, queries=5), "c", ids[:49], key)


def test_a_refused_set_is_not_kept(tmp_path: Path):
    policy, ledger = _policy(tmp_path), QuotaLedger(tmp_path / "ledger.sqlite")
    ids, key = [f"id{n}" for n in range(100)], b"k" * 32
    ledger.charge(policy, REQUEST, "a", ids, key)
    with pytest.raises(Refused):
        ledger.charge(policy, REQUEST, "b", ids[5:], key)
    ledger.charge(policy, REQUEST, "c", ids[12:], key)
