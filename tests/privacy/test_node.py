"""Two parties as real processes over TLS: what works, what is refused, what survives."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from privacy import audit, channel, protocols
from privacy.channel import tls_context
from privacy.errors import PeerRefused, Refused
from privacy.job_messages import Estimate, JobOpen, JobPending, JobRefused, JobStatus
from privacy.message import Envelope, Message, Sealed, decode, encode, read
from privacy.node.records import JobRecords
from privacy.policy import Policy, sign_policy
from privacy.session import Session, open_session, run
from tests.conftest import REPOSITORY
from tests.privacy import echo
from tests.privacy.pairs import PURPOSE, Pair, Party, make_pair


@pytest.fixture(autouse=True, scope="module")
def _echo() -> Iterator[None]:
    with echo.registered():
        yield


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = make_pair(tmp_path)
    made.initiator.add_table("mine", {"id": ["a", "b"]})
    made.responder.add_table("theirs", {"id": ["a", "b", "c"], "cost": [1.0, 2.0, 3.5]})
    yield made
    made.close()


CUT_OFF = 0


def run_echo(pair: Pair, **parameters: object) -> dict[str, object]:
    result = run(
        pair.initiator.config,
        echo.NAME,
        {"column": "cost", **parameters},
        table="mine",
        peer_table="theirs",
        purpose=PURPOSE,
    )
    return result.summary


def session(pair: Pair, **parameters: object) -> AbstractContextManager[Session]:
    protocol = protocols.load(echo.NAME)
    asked = protocol.parameters.model_validate({"column": "cost", **parameters})
    return open_session(
        pair.initiator.config, protocol, asked, table="mine", peer_table="theirs", purpose=PURPOSE
    )


def sealed(pair: Pair, job: str, sequence: int, message: Message, **changed: str) -> Sealed:
    config = pair.initiator.config
    names = {"sender": config.party, "recipient": config.peer.name, **changed}
    return encode(message, config.key, job=job, sequence=sequence, kind="request", **names)


def post(pair: Pair, job: str, data: bytes) -> tuple[int, bytes]:
    """Send bytes to the node past our own checks."""
    config = pair.initiator.config
    context = tls_context(config, ssl.Purpose.SERVER_AUTH)
    port = pair.responder.config.listen.port
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    try:
        connection.request("POST", f"/jobs/{job}", data)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return CUT_OFF, b""
    finally:
        connection.close()


def refusal(pair: Pair, job: str, data: bytes) -> str:
    """The code by which the node refuses these bytes."""
    status, reply = post(pair, job, data)
    assert status == 200
    return read(opened(pair, reply), [JobRefused]).code


def opened(pair: Pair, reply: bytes) -> Envelope:
    config = pair.initiator.config
    return decode(
        reply,
        config.peer.signing_key,
        sender=config.peer.name,
        recipient=config.party,
        kind="reply",
        max_bytes=1_000_000,
    )


def test_a_job_runs_and_both_logs_agree(pair: Pair) -> None:
    pair.responder.serve()
    assert run_echo(pair, times=3) == {"total": 6.5, "count": 3, "rows": 3}
    own, peer = pair.initiator, pair.responder
    keys = [party.config.key.public_key() for party in (own, peer)]
    logs = [party.folder / "state" / "audit" for party in (own, peer)]
    assert audit.compare(logs[0], keys[0], logs[1], keys[1]) == []
    events = [entry["event"] for entry in audit.entries(logs[1])]
    assert events.count("message_received") == 5
    assert "peer_head" in events
    assert list((peer.folder / "state" / "work").iterdir()) == []


def test_a_refusal_of_the_protocol_reaches_the_initiator_and_ends_the_job(pair: Pair) -> None:
    pair.responder.serve()
    with pytest.raises(PeerRefused, match=r"echo\.refused") as refused, session(pair) as job:
        job.ask(echo.Say(text="refuse"), echo.Said)
    assert refused.value.by == "hospital"
    assert JobRecords(pair.responder.config.state).all()[0].state == "failed"


def test_a_mistake_in_a_protocol_shows_nothing_of_the_data(pair: Pair) -> None:
    pair.responder.serve()
    with pytest.raises(PeerRefused) as refused, session(pair) as job:
        job.ask(echo.Say(text="break"), echo.Said)
    assert refused.value.code == "job.broke"
    told = str(refused.value) + pair.responder.log_text()
    assert "310101199001011234" not in told + (pair.responder.folder / "node.err").read_text()
    assert "ZeroDivisionError" in pair.responder.log_text()


@pytest.mark.parametrize(
    ("parameters", "code"),
    [({"column": "weight"}, "policy.column_never"), ({"column": "cost", "times": 101}, "job.parameters")],
)
def test_the_node_checks_policy_and_parameters(pair: Pair, parameters: dict[str, object], code: str) -> None:
    pair.responder.serve()
    protocol = protocols.load(echo.NAME)
    asked = protocol.parameters.model_construct(**{"times": 1, "seconds": 0.0, **parameters})
    config = pair.initiator.config
    with (
        pytest.raises(PeerRefused) as refused,
        open_session(config, protocol, asked, table="mine", peer_table="theirs", purpose=PURPOSE),
    ):
        pass
    assert refused.value.code == code


def test_limits_are_checked_before_the_job(pair: Pair) -> None:
    pair.responder.set(limits__rows=2)
    pair.responder.serve()
    with pytest.raises(PeerRefused, match=r"table\.too_many_rows"):
        run_echo(pair)
    pair.initiator.set(limits__seconds=1)
    with pytest.raises(Refused, match=r"job\.over_limit.*seconds"):
        run_echo(pair)


def test_jobs_at_once_are_limited(pair: Pair) -> None:
    pair.responder.set(limits__jobs_at_once=1)
    pair.responder.serve()
    with session(pair) as job:
        with pytest.raises(PeerRefused, match=r"job\.busy"):
            run_echo(pair)
        job.ask(echo.Say(text="still here"), echo.Said)
    assert run_echo(pair)["count"] == 1


@pytest.mark.parametrize("party", ["initiator", "responder"])
def test_a_wrong_signing_key_is_refused(pair: Pair, party: str) -> None:
    # The policy is signed again, so that only the messages are wrong.
    chosen = getattr(pair, party)
    (chosen.folder / "signing.key").write_text("17" * 32)
    for policy in chosen.folder.glob("*.policy.toml"):
        sign_policy(policy, chosen.config.key)
    pair.responder.serve()
    with pytest.raises(Refused) as refused:
        run_echo(pair)
    assert refused.value.code == "message.signature"
    assert isinstance(refused.value, PeerRefused) == (party == "initiator")


def use_certificate_of(party: Party, other: Party, *names: str) -> None:
    for name in names:
        shutil.copy(other.folder / name, party.folder / name)


@pytest.mark.parametrize("with_authority", [False, True])
@pytest.mark.parametrize("party", ["initiator", "responder"])
def test_a_certificate_of_another_pair_is_refused(
    pair: Pair, tmp_path: Path, party: str, with_authority: bool
) -> None:
    other = make_pair(tmp_path / "other")
    names = ("tls.crt", "tls.key", *(("authority.crt",) if with_authority else ()))
    use_certificate_of(getattr(pair, party), getattr(other, party), *names)
    pair.responder.serve()
    with pytest.raises(Refused) as refused:
        run_echo(pair)
    # Under TLS 1.3 the client may see no more of the refusal than a closed connection.
    assert refused.value.code.startswith("channel.")
    assert "job.start" not in pair.responder.log_text()


def test_a_certificate_of_the_same_authority_that_is_not_pinned_gets_nothing(pair: Pair) -> None:
    # Each party's own certificate is good for the authority, but not the one that its peer pinned.
    use_certificate_of(pair.responder, pair.initiator, "tls.crt", "tls.key")
    pair.responder.serve()
    with pytest.raises(Refused, match=r"channel\.certificate"):
        run_echo(pair)
    assert "refused" not in pair.responder.log_text()


def test_a_certificate_that_is_over_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("privacy.pair.VALID_DAYS", 0)
    made = make_pair(tmp_path)
    made.initiator.add_table("mine", {"id": ["a"]})
    made.responder.serve()
    try:
        with pytest.raises(Refused, match=r"channel\.certificate_expired"):
            run_echo(made)
    finally:
        made.close()


def test_a_client_whose_certificate_is_not_pinned_is_cut_off(pair: Pair) -> None:
    use_certificate_of(pair.initiator, pair.responder, "tls.crt", "tls.key")
    pair.initiator.set(limits__reconnect_seconds=0.5)
    pair.responder.serve()
    with pytest.raises(Refused, match=r"channel\.unreachable"):
        run_echo(pair)
    assert "tls.other_certificate" in pair.responder.log_text()


def test_who_listens_and_says_nothing_is_given_up_in_time(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a firewall that drops: each try takes longer than a connection has to last to count as a good one."""
    monkeypatch.setattr(channel, "CONNECT_SECONDS", 0.4)
    monkeypatch.setattr(channel, "LASTING_SECONDS", 0.1)
    pair.initiator.set(limits__reconnect_seconds=0.6, limits__seconds=4)
    with (
        socket.create_server(("127.0.0.1", pair.responder.config.listen.port)),
        pytest.raises(Refused, match=r"channel\.unreachable"),
    ):
        run_echo(pair)


def test_replayed_reordered_and_foreign_messages_are_refused(pair: Pair) -> None:
    pair.responder.serve()
    with session(pair) as job:
        first = sealed(pair, job.id, 2, echo.Say(text="one"))
        status, reply = post(pair, job.id, first.data)
        assert (status, read(opened(pair, reply), [echo.Said]).count) == (200, 1)
        # The same bytes get the same reply and do not count again.
        assert post(pair, job.id, first.data) == (200, reply)
        say = echo.Say(text="other")
        other_job = "0" * 32
        assert refusal(pair, job.id, sealed(pair, job.id, 2, say).data) == "message.replayed"
        assert refusal(pair, job.id, sealed(pair, job.id, 1, say).data) == "message.replayed"
        assert refusal(pair, job.id, sealed(pair, job.id, 4, say).data) == "message.sequence"
        assert refusal(pair, other_job, sealed(pair, job.id, 3, say).data) == "message.job"
        assert refusal(pair, other_job, sealed(pair, other_job, 3, say).data) == "job.unknown"
        assert refusal(pair, job.id, sealed(pair, job.id, 3, say, sender="hospital").data) == "message.sender"
        wrong = sealed(pair, job.id, 3, say, recipient="insurer")
        assert refusal(pair, job.id, wrong.data) == "message.recipient"
        tampered = bytearray(sealed(pair, job.id, 3, say).data)
        tampered[40] ^= 1
        assert refusal(pair, job.id, bytes(tampered)) == "message.signature"
        assert refusal(pair, job.id, b"not an envelope") == "message.not_ours"
        # A type that the protocol does not expect now takes its turn, and the job goes on.
        assert refusal(pair, job.id, sealed(pair, job.id, 3, echo.Never()).data) == "message.type"
        assert refusal(pair, job.id, sealed(pair, job.id, 4, JobStatus()).data) == "message.type"
        job.sequence = 4
        assert job.ask(echo.Say(text="two"), echo.Said).count == 2
    log = pair.responder.log_text()
    assert all(
        code in log for code in ("message.replayed", "message.signature", "message.type", "job.unknown")
    )


def test_an_oversized_request_is_not_read(pair: Pair) -> None:
    pair.responder.set(limits__message_bytes=20_000)
    pair.responder.serve()
    job = "0" * 32
    assert post(pair, job, bytes(20_000))[0] == 200
    assert post(pair, job, bytes(3_000_000))[0] in (413, CUT_OFF)
    assert "message.too_large" in pair.responder.log_text()
    with pytest.raises(Refused, match=r"channel\.peer_takes_less"), session(pair) as running:
        running.ask(echo.Say(text="", blobs=(bytes(10_000), bytes(9_900))), echo.Said)


def test_the_node_has_no_other_doors(pair: Pair) -> None:
    pair.responder.serve()
    assert post(pair, "../health", b"")[0] in (404, 405)
    assert post(pair, "0" * 31, b"")[0] == 404


class CuttingProxy:
    """Passes bytes between the parties; cuts the ``n``th connection after so many bytes one way."""

    def __init__(self, target: int, cuts: list[tuple[str, int]]):
        self._target = target
        self._cuts = cuts
        self.used = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                direction, most = self._cuts[self.used] if self.used < len(self._cuts) else ("", 0)
                self.used += 1
                for name, source, sink in (("up", client, server), ("down", server, client)):
                    limit = most if name == direction else None
                    threading.Thread(target=self._pass, args=(source, sink, limit), daemon=True).start()

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(4096):
                passed += len(data)
                if limit is not None and passed > limit:
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def test_a_dropped_connection_is_resumed_and_no_message_counts_twice(pair: Pair) -> None:
    pair.responder.serve()
    # Handshakes take some 2 kB each way: the cuts fall into requests and into replies.
    cuts = [("up", 9_000), ("down", 9_000), ("down", 6_000), ("up", 14_000)]
    proxy = CuttingProxy(pair.responder.config.listen.port, cuts)
    file = pair.initiator.config_file
    text = file.read_text()
    port = str(pair.responder.config.listen.port)
    file.write_text(text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{proxy.port}"))
    with session(pair) as job:
        for turn in range(12):
            said = job.ask(echo.Say(text="x", blobs=(bytes(2_500),)), echo.Said)
            assert (said.count, said.blobs) == (turn + 1, (bytes(2_500),))
    proxy.close()
    assert proxy.used > len(cuts)
    assert "message.sent_again" in pair.responder.log_text()


def test_after_a_kill_of_the_node_the_error_is_clear_and_a_retry_works(pair: Pair) -> None:
    pair.initiator.set(limits__reconnect_seconds=1.0)
    pair.responder.serve()
    with pytest.raises(Refused) as gone, session(pair) as job:
        job.ask(echo.Say(text="before"), echo.Said)
        pair.responder.kill()
        job.ask(echo.Say(text="after"), echo.Said)
    assert gone.value.code == "channel.unreachable"
    pair.responder.serve()
    assert JobRecords(pair.responder.config.state).all()[0].state == "lost"
    assert list((pair.responder.folder / "state" / "work").iterdir()) == []
    assert run_echo(pair)["count"] == 1


def test_a_restarted_node_says_that_the_job_is_unknown(pair: Pair) -> None:
    pair.responder.serve()
    with pytest.raises(PeerRefused) as unknown, session(pair) as job:
        job.ask(echo.Say(text="before"), echo.Said)
        pair.responder.kill()
        pair.responder.serve()
        job.ask(echo.Say(text="after"), echo.Said)
    assert unknown.value.code == "job.unknown"
    assert run_echo(pair)["count"] == 1


def test_a_kill_of_the_initiator_leaves_nothing_and_a_retry_works(pair: Pair) -> None:
    pair.responder.serve()
    code = (
        "import sys; from pathlib import Path; from privacy import protocols; from privacy.party import PartyConfig;"
        "from privacy.session import run; protocols.register('stats', 'tests.privacy.echo');"
        "run(PartyConfig.load(Path(sys.argv[1])), 'stats', {'column': 'cost', 'times': 50, 'seconds': 0.2},"
        f" table='mine', peer_table='theirs', purpose='{PURPOSE}')"
    )
    initiator = subprocess.Popen(
        [sys.executable, "-c", code, str(pair.initiator.config_file)], cwd=REPOSITORY
    )
    wait_for(lambda: "job.start" in pair.responder.log_text())
    initiator.send_signal(signal.SIGKILL)
    initiator.wait()
    work = pair.initiator.folder / "state" / "work"
    assert len(list(work.iterdir())) == 1
    assert run_echo(pair, times=2)["count"] == 2
    assert list(work.iterdir()) == []


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)


@pytest.mark.parametrize("choice", ["approve", "refuse"])
def test_a_person_decides(pair: Pair, choice: str, capsys: pytest.CaptureFixture[str]) -> None:
    from ui.cli.app import run as command

    pair.responder.set(approval="person")
    pair.responder.serve()
    outcome: list[object] = []

    def ask() -> None:
        try:
            outcome.append(run_echo(pair)["count"])
        except Refused as refused:
            outcome.append(refused.code)

    thread = threading.Thread(target=ask)
    thread.start()
    config = str(pair.responder.config_file)
    records = JobRecords(pair.responder.config.state)
    wait_for(lambda: len(records.all()) == 1)
    assert command(["node", "jobs", "--config", config, "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["state"], listed["rows"], listed["peer_rows"]) == ("waiting", 3, 2)
    decide = ["node", choice, listed["id"], "--config", config]
    assert command([*decide, "--by", "13800138000"]) == 4
    assert command([*decide, "--by", "Li_Na", "--reason", "two words"]) == 4
    assert command([*decide, "--by", "Li_Na", "--reason", "quarterly-report"]) == 0
    assert command([*decide, "--by", "Wang", "--reason", "too-late"]) == 4
    thread.join(30)
    assert outcome == [1 if choice == "approve" else "job.not_approved"]
    assert records.all()[0].state == ("done" if choice == "approve" else "refused")
    capsys.readouterr()
    log = pair.responder.folder / "state" / "audit"
    assert command(["audit", "show", str(log), "--job", listed["id"], "--json"]) == 0
    shown = [entry for entry in json.loads(capsys.readouterr().out) if entry["event"] == "job_decided"]
    told = [(entry["operator"], entry["reason"], entry["state"]) for entry in shown]
    assert told == [("Li_Na", "quarterly-report", "approved" if choice == "approve" else "refused")]


def opening(pair: Pair, **parameters: object) -> JobOpen:
    return JobOpen(
        protocol=echo.NAME,
        parameters={"column": "cost", **parameters},
        table="theirs",
        purpose=PURPOSE,
        rows=2,
        estimate=Estimate(rows=3, bytes=1, seconds=1.0, memory_mb=1),
        policy_sha256="0" * 64,
        known_size=0,
    )


@pytest.mark.parametrize("is_restarted", [False, True])
def test_an_approval_counts_for_the_job_that_was_shown_alone(pair: Pair, is_restarted: bool) -> None:
    """A peer that lets an approved job lie opens another one under its id."""
    pair.responder.set(approval="person")
    pair.responder.serve()
    job = "7" * 32
    _, reply = post(pair, job, sealed(pair, job, 1, opening(pair)).data)
    read(opened(pair, reply), [JobPending])
    JobRecords(pair.responder.config.state).decide(job, "approve", "Li")
    if is_restarted:
        pair.responder.kill()
        pair.responder.serve()
        assert refusal(pair, job, sealed(pair, job, 1, opening(pair, times=100)).data) == "job.id_used"
    else:
        assert refusal(pair, job, sealed(pair, job, 1, opening(pair, times=100)).data) == "message.replayed"


def test_rows_that_lose_their_consent_while_a_person_decides_take_no_part(pair: Pair) -> None:
    """At the initiator; the responder's rows are taken when the job starts."""
    pair.responder.set(approval="person")
    pair.responder.serve()
    records = JobRecords(pair.responder.config.state)
    outcome: list[str] = []

    def ask() -> None:
        with pytest.raises(Refused) as refused:
            run_echo(pair)
        outcome.append(refused.value.code)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_for(lambda: len(records.all()) == 1)
    parquet.write_table(pa.table({"id": ["a"]}), pair.initiator.folder / "mine.parquet")
    records.decide(records.all()[0].id, "approve", "Li")
    thread.join(30)
    assert outcome == ["job.rows_changed"]
    wait_for(lambda: records.all()[0].state == "failed")


def test_a_peer_is_told_no_path(pair: Pair) -> None:
    pair.responder.serve()
    (pair.responder.folder / "theirs.policy.toml.sig").write_text("00")
    with pytest.raises(PeerRefused, match=r"policy\.signature") as refused:
        run_echo(pair)
    assert refused.value.params["path"] == "theirs.policy.toml"


def test_the_command_runs_a_job_file(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    from ui.cli.app import run as command

    pair.responder.serve()
    job = pair.initiator.folder / "job.toml"
    job.write_text(
        f'table = "mine"\npeer_table = "theirs"\npurpose = "{PURPOSE}"\n[parameters]\ncolumn = "cost"\n'
    )
    options = ["--config", str(pair.initiator.config_file), "--job", str(job)]
    assert command(["joint", echo.NAME, *options, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["summary"] == {"total": 6.5, "count": 1, "rows": 3}
    job.write_text(job.read_text().replace("theirs", "nobodys"))
    assert command(["joint", echo.NAME, *options]) == 4
    assert "hospital" in capsys.readouterr().err


def test_rows_that_take_no_part_are_told(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    from ui.cli.app import run as command

    pair.initiator.add_table("phones", {"id": ["13800138000", "no phone", "1"]}, id_kind="phone")
    job = pair.initiator.folder / "job.toml"
    job.write_text(
        f'table = "phones"\npeer_table = "theirs"\npurpose = "{PURPOSE}"\n[parameters]\ncolumn = "cost"\n'
    )
    options = ["--config", str(pair.initiator.config_file), "--job", str(job)]
    pair.responder.serve()
    assert command(["joint", echo.NAME, *options, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["left_out"] == {"invalid_ids": 2, "without_consent": 0}
    assert command(["joint", echo.NAME, *options]) == 0
    assert "phones" in capsys.readouterr().err


def test_a_result_is_not_written_over_a_table(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    from ui.cli.app import run as command

    table = pair.initiator.folder / "mine.parquet"
    before = table.read_bytes()
    job = pair.initiator.folder / "job.toml"
    job.write_text(
        f'table = "mine"\npeer_table = "theirs"\npurpose = "{PURPOSE}"\nout = "mine.parquet"\n'
        '[parameters]\ncolumn = "cost"\n'
    )
    options = ["--config", str(pair.initiator.config_file), "--job", str(job)]
    pair.responder.serve()
    assert command(["joint", echo.NAME, *options]) == 2
    assert "mine.parquet" in capsys.readouterr().err
    assert table.read_bytes() == before


def test_two_nodes_cannot_share_a_state_folder(pair: Pair) -> None:
    pair.responder.serve()
    second = subprocess.run(
        [
            sys.executable,
            "-c",
            "from ui.cli import main; main()",
            "node",
            "serve",
            "--config",
            str(pair.responder.config_file),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 4


def test_policies_are_signed_and_consents_kept_by_command(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ui.cli.app import run as command

    party = pair.responder
    options = ["--config", str(party.config_file)]
    policy = party.folder / "theirs.policy.toml"
    policy.write_text(policy.read_text() + "\n")
    with pytest.raises(Refused, match=r"policy\.signature"):
        Policy.load(policy, party.config.key.public_key())
    assert command(["policy", "sign", str(policy), *options]) == 0
    Policy.load(policy, party.config.key.public_key())
    tokens = tmp_path / "tokens"
    tokens.write_text("not.a.token\n")
    assert command(["consent", "import", str(tokens), *options]) == 4
    with party.config_file.open("a") as file:
        key = party.config.key.public_key().public_bytes_raw().hex()
        file.write(
            f'[consent]\nregister_file = "c.sqlite"\nissuer_public_key = "{key}"\nsubject_key = "pair.secret"\n'
        )
    assert command(["consent", "import", str(tokens), *options]) == 3
    assert command(["consent", "revoke", "0" * 32, *options]) == 0
    assert "not in the form header.payload.signature" in capsys.readouterr().out
