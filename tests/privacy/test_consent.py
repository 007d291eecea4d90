"""Consent tokens and the register; the example of docs/policy.md is parsed here."""

from __future__ import annotations

import base64
import re
import time
from datetime import date
from pathlib import Path

import numpy as np
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from privacy.consent import Consent, ConsentRegister, ExpiryCount, expiry_counts, issue, subjects, verify
from privacy.database import transaction
from privacy.errors import Refused

ISSUER = Ed25519PrivateKey.from_private_bytes(b"i" * 32)
FORGER = Ed25519PrivateKey.from_private_bytes(b"f" * 32)
SECRET = b"s" * 32
DAY = date(2026, 6, 1)
DOCS = Path(__file__).parents[2] / "docs" / "policy.md"


def _documented(name: str) -> str:
    found = re.search(rf"```json {name}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    assert found
    return found[1]


EXAMPLE = Consent.model_validate(orjson.loads(_documented("consent")))


def _token(person: str, number: int, key: Ed25519PrivateKey = ISSUER, **change: object) -> str:
    fields = {"token_id": f"{number:032x}", "subject": subjects([person], SECRET)[0].hex(), **change}
    return issue(EXAMPLE.model_copy(update=fields), key)


def _register(folder: Path, tokens: list[str]) -> ConsentRegister:
    register = ConsentRegister(folder / "consent.sqlite", ISSUER.public_key(), SECRET, "insurer")
    register.add(tokens)
    return register


def _valid(register: ConsentRegister, ids: list[str], **change: object) -> list[bool]:
    use = {"purpose": "claim-risk", "protocol": "psi", "day": DAY, **change}
    return [bool(valid) for valid in register.valid_ids(ids, **use).mask]  # type: ignore[arg-type]


def test_a_token_comes_back_as_issued_and_has_the_documented_header():
    token = issue(EXAMPLE, ISSUER)
    assert verify(token, ISSUER.public_key()) == EXAMPLE
    header = base64.urlsafe_b64decode(token.split(".")[0] + "==")
    assert orjson.loads(header) == orjson.loads(_documented("header"))


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_token_changed_anywhere_is_refused(place: int, step: int):
    token = issue(EXAMPLE, ISSUER)
    place %= len(token)
    changed = token[:place] + chr((ord(token[place]) + step) % 128) + token[place + 1 :]
    if changed != token:
        with pytest.raises(Refused, match=r"consent\.(malformed|signature)"):
            verify(changed, ISSUER.public_key())


@given(st.text(max_size=300))
def test_any_text_is_a_token_or_refused(text: str):
    with pytest.raises(Refused):
        verify(text, ISSUER.public_key())


def test_forged_and_unsigned_tokens_and_other_algorithms_are_refused(tmp_path: Path):
    token = _token("a", 1)
    header, payload, signature = token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"drgbridge-consent-1"}').rstrip(b"=").decode()
    tokens = [_token("a", 2, FORGER), f"{none}.{payload}.", f"{header}.{payload}.", f"{token}=", "x" * 9000]
    register = ConsentRegister(tmp_path / "consent.sqlite", ISSUER.public_key(), SECRET, "insurer")
    imported = register.add([*tokens, token, token])
    assert imported.accepted == 2
    assert sum(imported.refused.values()) == len(tokens)
    assert imported.refused["consent.signature"] == 1 + (signature != "")
    assert _valid(register, ["a", "b"]) == [True, False]


def test_what_the_scope_does_not_name_is_not_valid(tmp_path: Path):
    register = _register(tmp_path, [_token("a", 1), _token("b", 2, recipient="another")])
    assert _valid(register, ["a", "b"]) == [True, False]
    assert _valid(register, ["a"], purpose="marketing") == [False]
    assert _valid(register, ["a"], protocol="train") == [False]
    assert _valid(register, ["a"], columns=["severity"]) == [True]
    assert _valid(register, ["a"], columns=["severity", "lab"]) == [False]
    assert _valid(register, []) == []


def test_expired_and_not_yet_issued_tokens_are_not_valid(tmp_path: Path):
    register = _register(
        tmp_path, [_token("a", 1, expires=date(2026, 5, 31)), _token("b", 2, issued=date(2026, 6, 2))]
    )
    assert _valid(register, ["a", "b"]) == [False, False]
    assert _valid(register, ["a", "b"], day=date(2026, 5, 31)) == [True, False]
    with pytest.raises(Refused, match=r"consent\.window"):
        _token("a", 3, window_to=date(2024, 1, 1))


def test_each_row_must_lie_in_a_window_and_windows_add_up(tmp_path: Path):
    first = {"window_from": date(2025, 1, 1), "window_to": date(2025, 3, 31)}
    second = {"window_from": date(2025, 6, 1), "window_to": date(2025, 6, 30)}
    register = _register(
        tmp_path, [_token("a", 1, **first), _token("a", 2, **second), _token("b", 3, **second)]
    )
    days = np.array(["2025-01-01", "2025-04-01", "2025-06-30", "2025-01-01", "2025-06-01"], "datetime64[D]")
    assert _valid(register, ["a", "a", "a", "b", "b"], record_days=days) == [True, False, True, False, True]
    assert _valid(register, ["a"], record_days=np.array(["NaT"], "datetime64[D]")) == [False]


def test_a_revoked_token_stays_revoked(tmp_path: Path):
    register = _register(tmp_path, [_token("a", 1), _token("b", 2)])
    before = register.sha256()
    register.revoke(f"{1:032x}")
    register.revoke(f"{9:032x}")
    assert _valid(register, ["a", "b"]) == [False, True]
    register.add([_token("a", 1), _token("c", 9)])
    assert _valid(register, ["a", "b", "c"]) == [False, True, False]
    assert register.sha256() != before
    reopened = ConsentRegister(tmp_path / "consent.sqlite", ISSUER.public_key(), SECRET, "insurer")
    assert _valid(reopened, ["a", "b"]) == [False, True]


def test_a_token_id_is_used_once(tmp_path: Path):
    register = _register(tmp_path, [_token("a", 1)])
    assert register.add([_token("b", 1)]).refused == {"consent.token_id_used": 1}
    assert _valid(register, ["a", "b"]) == [True, False]


def test_the_register_holds_no_ids_and_needs_the_secret(tmp_path: Path):
    _register(tmp_path, [_token("11010519491231002X", 1)])
    assert b"11010519491231002X" not in (tmp_path / "consent.sqlite").read_bytes()
    other = ConsentRegister(tmp_path / "consent.sqlite", ISSUER.public_key(), b"t" * 32, "insurer")
    assert _valid(other, ["11010519491231002X"]) == [False]


def test_many_ids_at_once(tmp_path: Path):
    # Tokens are put in directly: signing this many would take longer than what is tested.
    register = _register(tmp_path, [_token("id0", 0)])
    ids = [f"id{n}" for n in range(100_000)]
    with transaction(tmp_path / "consent.sqlite") as database:
        row = database.execute("SELECT scope, window_from, window_to, issued, expires FROM tokens").fetchone()
        rows = ((f"{n:032x}", s, *row) for n, s in enumerate(subjects(ids, SECRET)) if n % 2 == 0 and n)
        database.executemany("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    start = time.perf_counter()
    mask = register.valid_ids(ids, "claim-risk", "psi", DAY).mask
    assert time.perf_counter() - start < 5
    assert mask.tolist() == [n % 2 == 0 for n in range(100_000)]


def test_counts_by_month_of_expiry_need_no_key_and_name_nobody(tmp_path: Path):
    with pytest.raises(Refused, match=r"consent\.register_missing"):
        expiry_counts(tmp_path / "consent.sqlite", DAY)
    late, early = date(2026, 5, 31), date(2026, 6, 2)
    register = _register(
        tmp_path,
        [
            _token("a", 1),
            _token("b", 2),
            _token("c", 3, expires=late),
            _token("d", 4, issued=early),
            _token("e", 5, expires=date(2027, 1, 1)),
        ],
    )
    register.revoke(f"{2:032x}")
    assert expiry_counts(tmp_path / "consent.sqlite", DAY) == [
        ExpiryCount("insurer", "claim-risk", date(2026, 5, 1), 0, 0, 1, 0),
        ExpiryCount("insurer", "claim-risk", date(2026, 12, 1), 1, 1, 0, 1),
        ExpiryCount("insurer", "claim-risk", date(2027, 1, 1), 1, 0, 0, 0),
    ]
    (tmp_path / "other.sqlite").write_text("no database at all, but long enough to be read as one")
    with pytest.raises(Refused, match=r"consent\.register_missing"):
        expiry_counts(tmp_path / "other.sqlite", DAY)
