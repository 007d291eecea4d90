"""What a party can tell of its jobs, its peer and its plans without a private key, over a real pair."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from claims.joint.trace import learned_before
from privacy import audit, history, job_status, peer_policy, reach
from privacy.errors import PeerRefused, Refused
from privacy.policy import look, sign_policy
from privacy.protocols import TableUse
from privacy.session import run
from tests.privacy.pairs import INITIATOR, PURPOSE, RESPONDER, Pair, Party, make_pair

OWN, THEIRS, COMMON = 30, 25, 20


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = make_pair(tmp_path, reconnect_seconds=1.0)
    made.initiator.add_table("mine", {"id": [f"k{n}" for n in range(OWN)]})
    theirs: list[object] = [f"k{n}" for n in range(OWN - COMMON, OWN - COMMON + THEIRS)]
    made.responder.add_table("theirs", {"id": theirs, "cost": [1.0] * THEIRS})
    made.responder.add_table("secret", {"id": theirs}, constraint="NEVER")
    yield made
    made.close()


def intersect(pair: Pair, peer_table: str = "theirs") -> None:
    parameters = {"reveal": "initiator"}
    run(pair.initiator.config, "psi", parameters, table="mine", peer_table=peer_table, purpose=PURPOSE)


def past(party: Party) -> list[history.PastJob]:
    return history.jobs(party.config.state)


def test_both_histories_have_the_job_and_the_refused_one(pair: Pair) -> None:
    pair.responder.serve("tests.privacy.serve_product")
    intersect(pair)
    with pytest.raises(PeerRefused):
        intersect(pair, "secret")
    (refused, done), (their_refused, their_done) = past(pair.initiator), past(pair.responder)
    assert (done.outcome, done.role, done.protocol, done.purpose) == ("done", "initiator", "psi", PURPOSE)
    assert (done.rows("initiator"), done.rows("responder")) == (OWN, THEIRS)
    assert (their_done.outcome, their_done.role, their_done.id) == ("done", "responder", done.id)
    assert done.bytes_sent == their_done.bytes_received > 1000
    assert done.bytes_received == their_done.bytes_sent > 1000
    assert 0 < done.seconds < 60
    assert (refused.outcome, their_refused.outcome) == ("refused", "refused")
    assert refused.code == their_refused.code == "policy.column_never"
    assert (refused.role, refused.protocol, refused.rows("initiator")) == ("initiator", "psi", OWN)
    told = look(pair.responder.folder / "theirs.policy.toml", pair.responder.config.public_key, date.today())
    assert [(sha256, jobs) for sha256, (_, _, jobs) in history.peer_policies([done, refused]).items()] == [
        (told.sha256, 1)
    ]
    learned = learned_before(done, "initiator", COMMON)
    assert [one.party for one in learned] == [INITIATOR, RESPONDER]
    assert f"Which {COMMON} of its {OWN} rows" in learned[0].sentence("en")
    assert "number" not in learned_before(done)[1].sentence("en") and learned_before(refused) == []
    heads = audit.peer_heads(pair.initiator.config.state / "audit", pair.initiator.config.peer.signing_key)
    assert heads.accepted >= 2 and heads.problems == [] and heads.newest is not None
    stranger = Ed25519PrivateKey.generate().public_key()
    wrong = audit.peer_heads(pair.initiator.config.state / "audit", stranger)
    assert {one.code for one in wrong.problems} == {"audit.peer_head_signature"} and wrong.newest is None


def test_who_answers_is_known_by_the_certificate(pair: Pair) -> None:
    config = pair.initiator.config
    assert reach.reach_peer(config) == reach.Reached("silent")
    pair.responder.serve("tests.privacy.serve_product")
    found = reach.reach_peer(config)
    assert found.answer == "answers" and found.certificate is not None
    assert (found.certificate.name, found.certificate.sha256) == (RESPONDER, config.peer.certificate_sha256)
    port = pair.responder.config.listen.port
    assert reach.reach("127.0.0.1", port, config.tls.authority, "0" * 64).answer == "other"
    assert reach.reach_own(pair.responder.config).answer == "answers"
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0)
        assert reach.reach(*other.getsockname(), config.tls.authority, "0" * 64).answer == "silent"
    intersect(pair)
    assert "server" not in {json.loads(line)["event"] for line in pair.responder.log_text().splitlines()}


def test_a_policy_of_the_peer_is_taken_up_by_its_signature_and_foretells(pair: Pair) -> None:
    config = pair.initiator.config
    policy = pair.responder.folder / "theirs.policy.toml"
    content, signature = policy.read_bytes(), policy.with_name(policy.name + ".sig").read_bytes()
    with pytest.raises(Refused, match=r"policy\.signature"):
        peer_policy.take(config, content + b"# more\n", signature)
    own = pair.initiator.folder / "mine.policy.toml"
    with pytest.raises(Refused, match=r"policy\.signature"):
        peer_policy.take(config, own.read_bytes(), own.with_name(own.name + ".sig").read_bytes())
    assert peer_policy.known(config) == []
    taken = peer_policy.take(config, content, signature)
    assert [copy.policy.sha256 for copy in peer_policy.known(config)] == [taken.sha256]

    def foretold(table: str, column: str) -> PeerRefused | None:
        use = TableUse(numbers=(column,), minimum_group=10)
        return peer_policy.foretell(config, "stats", PURPOSE, table, use, date.today())

    assert foretold("theirs", "cost") is None and foretold("unknown", "cost") is None
    refused = foretold("theirs", "age")
    assert refused is not None and (refused.by, refused.code) == (RESPONDER, "policy.column_never")


def test_a_policy_is_looked_at_signed_or_not(pair: Pair) -> None:
    path, key = pair.initiator.folder / "mine.policy.toml", pair.initiator.config.public_key
    assert look(path, key, date.today()).problem is None
    path.write_text(path.read_text() + "# more\n")
    changed = look(path, key, date.today())
    assert not changed.is_signed and changed.document is not None
    sign_policy(path, pair.initiator.config.key)
    late = look(path, key, date(2100, 1, 1))
    assert late.is_signed and late.problem is not None and late.problem.code == "policy.expired"
    path.write_text("version = 2")
    broken = look(path, key, date.today())
    assert broken.document is None and not broken.is_signed


def test_the_command_plans_without_a_trace_and_tells_how_a_job_ended(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ui.cli.app import run as command

    job, status = tmp_path / "job.toml", tmp_path / "status.json"
    job.write_text(f'table = "mine"\npeer_table = "theirs"\npurpose = "{PURPOSE}"\n')
    options = ["--config", str(pair.initiator.config_file), "--job", str(job), "--status", str(status)]
    assert command(["joint", "psi", *options, "--dry-run"]) == 0
    assert f"rows\t{OWN}" in capsys.readouterr().out
    planned = job_status.read(status)
    assert planned is not None and planned.state == "planned" and planned.plan is not None
    assert planned.plan.rows == OWN and planned.plan.estimate.bytes > 0
    assert past(pair.initiator) == []
    pair.responder.serve("tests.privacy.serve_product")
    assert command(["joint", "psi", *options]) == 0
    done = job_status.read(status)
    assert done is not None and (done.state, done.summary["common"]) == ("done", COMMON)
    assert done.job == past(pair.initiator)[0].id
    job.write_text(job.read_text().replace("theirs", "secret"))
    assert command(["joint", "psi", *options]) == 4
    refused = job_status.read(status)
    assert refused is not None and refused.state == "refused" and refused.refusal is not None
    assert (refused.refusal.by, refused.refusal.code) == (RESPONDER, "policy.column_never")
    assert status.stat().st_mode & 0o077 == 0


def test_the_public_key_is_beside_the_private_one_and_can_be_written_again(
    pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    from ui.cli.app import run as command

    (pair.initiator.folder / "signing.pub").unlink()
    with pytest.raises(Refused, match=r"party\.public_key_missing"):
        _ = pair.initiator.config.public_key
    assert command(["node", "public-key", "--config", str(pair.initiator.config_file)]) == 0
    assert capsys.readouterr().out.strip() == pair.responder.config.peer.signing_public_key
    assert (
        pair.initiator.config.public_key.public_bytes_raw().hex()
        == pair.responder.config.peer.signing_public_key
    )
