"""The intersection equals that of plain sets, shows no more than it says, and takes no bad elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from privacy.errors import Refused
from privacy.ids import keyed
from privacy.message import Message
from privacy.protocols import JobResult
from privacy.protocols.align import AlignmentResponder
from privacy.protocols.psi import PROTOCOL, Intersection, IntersectionResponder, PsiResponder, intersect
from privacy.protocols.psi import messages as psi
from privacy.protocols.psi.group import _multiply, hash_to_group
from privacy.protocols.psi.sets import random_order
from privacy.ristretto import ELEMENT_BYTES
from privacy.session import run
from privacy.table import Table
from tests.privacy.direct import DirectSession
from tests.privacy.local_jobs import make_job
from tests.privacy.pairs import PURPOSE, Pair, make_pair

KEY = bytes(range(32))
REVEALS: list[psi.Reveal] = ["initiator", "both", "cardinality"]
# Canonical encodings are below 2^255 - 19 and not negative; the identity (all zero) is refused too.
BAD_ELEMENTS = [bytes(32), b"\xff" * 32, b"\x01" + bytes(31)]


def keys(ids: list[str]) -> list[bytes]:
    return keyed(ids, KEY, "psi test")


def responder_of(
    ids: list[str], reveal: psi.Reveal, log: Callable[..., Any] | None = None
) -> IntersectionResponder:
    return IntersectionResponder(keys(ids), reveal, log or (lambda event, **fields: None))


def meet(
    own: list[str], peer: list[str], reveal: psi.Reveal, change: Callable[[Message], Message] | None = None
) -> tuple[Intersection, IntersectionResponder, DirectSession]:
    """Both sides of one intersection."""
    responder = responder_of(peer, reveal)
    session = DirectSession(responder)
    session.change = change or session.change
    try:
        return intersect(session.as_session(), keys(own), reveal), responder, session
    finally:
        responder.close()


IDS = st.lists(st.integers(0, 30).map(str), max_size=25, unique=True)


@settings(max_examples=25, deadline=None)
@given(IDS, IDS, st.sampled_from(REVEALS))
def test_the_intersection_is_that_of_plain_sets(own: list[str], peer: list[str], reveal: psi.Reveal) -> None:
    found, responder, _ = meet(own, peer, reveal)
    common = set(own) & set(peer)
    assert (found.own_size, found.peer_size, found.common) == (len(own), len(peer), len(common))
    assert responder.is_finished
    if reveal == "cardinality":
        assert found.rows is None
    else:
        assert found.rows is not None
        assert {own[row] for row in found.rows} == common
        assert len(found.rows) == len(common)
    if reveal == "both":
        assert found.rows is not None
        assert responder.rows is not None
        assert [own[row] for row in found.rows] == [peer[row] for row in responder.rows]
    else:
        assert responder.rows is None


def test_sets_of_several_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("initiator", "responder"):
        monkeypatch.setattr(f"privacy.protocols.psi.{module}.ELEMENTS_A_MESSAGE", 16)
    monkeypatch.setattr("privacy.protocols.psi.initiator.PLACES_A_MESSAGE", 16)
    own, peer = [str(number) for number in range(100)], [str(number) for number in range(30, 75)]
    for reveal in REVEALS:
        assert meet(own, peer, reveal)[0].common == 45
        assert meet(peer, own, reveal)[0].common == 45


def test_no_id_and_no_keyed_id_crosses() -> None:
    own = [f"11010119900101{number:04}" for number in range(20)]
    peer = own[10:] + [f"31010119900101{number:04}" for number in range(20)]
    for reveal in REVEALS:
        _, _, session = meet(own, peer, reveal)
        crossed = b"".join(session.transcript)
        for id, key in zip([*own, *peer], keys([*own, *peer]), strict=True):
            for secret in (id.encode(), key, key.hex().encode(), hash_to_group([key])):
                assert secret not in crossed


def test_elements_of_two_runs_have_nothing_in_common() -> None:
    def elements() -> set[bytes]:
        session = meet(["a", "b"], ["b", "c"], "initiator")[2]
        found = [each for each in session.transcript if b'"psi.elements"' in each]
        return {found[0][-64 - 64 : -64 - 32], found[0][-64 - 32 : -64]}

    assert not elements() & elements()


def test_for_cardinality_no_place_crosses_in_either_order() -> None:
    own = [str(number) for number in range(200)]
    blobs: dict[str, list[bytes]] = {}

    def note(message: Message) -> Message:
        blobs.setdefault(message.TYPE, []).extend(message.blobs)
        return message

    found, responder, session = meet(own, own[:150], "cardinality", note)
    assert found.rows is None
    assert found.common == 150
    assert psi.PsiMatches.TYPE.encode() not in b"".join(session.transcript)
    assert blobs[psi.PsiElementsReply.TYPE][1] == b""
    # What came back is the elements that were sent, blinded again, in another order.
    sent = next(each for each in session.transcript if b'"psi.elements"' in each)
    scalar_times = split(_multiply(responder._pool._scalar, sent[-64 - 200 * ELEMENT_BYTES : -64]))
    returned = split(blobs[psi.PsiCollected.TYPE][0])
    assert sorted(returned) == sorted(scalar_times)
    assert sum(a == b for a, b in zip(returned, scalar_times, strict=True)) < 20


def split(elements: bytes) -> list[bytes]:
    return [elements[start : start + ELEMENT_BYTES] for start in range(0, len(elements), ELEMENT_BYTES)]


def test_sizes_and_digests_are_logged_alike_by_both() -> None:
    told: list[dict[str, Any]] = []
    responder = responder_of(
        ["a", "b"], "both", lambda event, **fields: told.append({"event": event, **fields})
    )
    session = DirectSession(responder)
    intersect(session.as_session(), keys(["b", "c", "d"]), "both")
    assert session.events == told
    assert {"event": "psi.sizes", "initiator": 3, "responder": 2, "reveal": "both"} in told
    assert {"event": "psi.done", "common": 1} in told


@pytest.mark.parametrize("reveal", ["initiator", "cardinality"])
def test_the_responder_does_not_learn_how_many_matched_unless_both_do(reveal: psi.Reveal) -> None:
    told: list[dict[str, Any]] = []
    responder = responder_of(["a"], reveal, lambda event, **fields: told.append({"event": event, **fields}))
    intersect(DirectSession(responder).as_session(), keys(["a"]), reveal)
    assert {"event": "psi.done"} in told


def test_an_id_that_comes_twice_is_refused() -> None:
    with pytest.raises(Refused, match=r"psi\.duplicate_id"):
        meet(["a", "a"], ["a"], "initiator")
    with pytest.raises(Refused, match=r"psi\.duplicate_id"):
        responder_of(["a", "a"], "initiator")


@pytest.mark.parametrize("bad", BAD_ELEMENTS)
def test_bad_elements_of_the_initiator_are_refused(bad: bytes) -> None:
    session = started(2)
    with pytest.raises(Refused, match=r"psi\.element"):
        session.ask(psi.PsiElements(blobs=(hash_to_group([b"1"]) + bad,)), psi.PsiElementsReply)


@pytest.mark.parametrize("bad", BAD_ELEMENTS)
def test_bad_elements_of_the_responder_are_refused(bad: bytes) -> None:
    def spoil(message: Message) -> Message:
        if isinstance(message, psi.PsiElementsReply):
            return message.model_copy(update={"blobs": (bad, *message.blobs[1:])})
        return message

    with pytest.raises(Refused, match=r"psi\.element"):
        meet(["a"], ["b"], "initiator", spoil)


def started(elements: int, reveal: psi.Reveal = "both") -> DirectSession:
    session = DirectSession(responder_of(["a", "b", "c"], reveal))
    session.ask(psi.PsiStart(elements=elements, reveal=reveal), psi.PsiStarted)
    return session


def test_an_element_that_comes_twice_is_refused() -> None:
    element = hash_to_group([b"1"])
    with pytest.raises(Refused, match=r"psi\.duplicate_element"):
        started(2).ask(psi.PsiElements(blobs=(element * 2,)), psi.PsiElementsReply)

    def repeat(message: Message) -> Message:
        if isinstance(message, psi.PsiElementsReply):
            return message.model_copy(update={"blobs": (element * 2, message.blobs[1])})
        return message

    with pytest.raises(Refused, match=r"psi\.duplicate_element"):
        meet(["x", "y"], ["a", "b"], "initiator", repeat)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_more_or_fewer_elements_than_committed_are_refused(count: int) -> None:
    blob = b"".join(hash_to_group([bytes([number])]) for number in range(count))
    with pytest.raises(Refused, match=r"psi\.size"):
        started(2).ask(psi.PsiElements(blobs=(blob,)), psi.PsiElementsReply)


@pytest.mark.parametrize("places", [[7], [1, 1], [0, 1, 2]])
def test_matches_that_cannot_be_are_refused(places: list[int]) -> None:
    session = started(2)
    blob = hash_to_group([b"1"]) + hash_to_group([b"2"])
    session.ask(psi.PsiElements(blobs=(blob,)), psi.PsiElementsReply)
    packed = b"".join(place.to_bytes(4, "little") for place in places)
    with pytest.raises(Refused, match=r"psi\.size"):
        session.ask(psi.PsiMatches(is_last=True, blobs=(packed,)), psi.PsiMatchesTaken)


def test_messages_out_of_turn_are_refused() -> None:
    session = started(2)
    digest = sha256(b"").hexdigest()
    with pytest.raises(Refused, match=r"message\.type"):
        session.ask(psi.PsiFinish(initiator_sha256=digest, responder_sha256=digest), psi.PsiFinished)
    with pytest.raises(Refused, match=r"message\.type"):
        session.ask(psi.PsiStart(elements=2, reveal="both"), psi.PsiStarted)


BLOBS = st.sampled_from([b"", bytes(32), *(hash_to_group([bytes([number])]) for number in range(3))])
ANY_MESSAGE = st.one_of(
    st.builds(psi.PsiStart, elements=st.integers(0, 5), reveal=st.sampled_from(REVEALS)),
    st.builds(psi.PsiElements, blobs=st.lists(BLOBS, max_size=4).map(lambda parts: (b"".join(parts),))),
    st.builds(psi.PsiCollect, first=st.sampled_from([0, 1, psi.ELEMENTS_A_MESSAGE])),
    st.builds(
        psi.PsiMatches,
        is_last=st.booleans(),
        blobs=st.lists(st.integers(0, 4), max_size=4).map(
            lambda places: (b"".join(place.to_bytes(4, "little") for place in places),)
        ),
    ),
    st.builds(psi.PsiFinish, initiator_sha256=st.just("0" * 64), responder_sha256=st.just("0" * 64)),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(REVEALS), st.lists(ANY_MESSAGE, max_size=6))
def test_any_messages_in_any_order_are_answered_or_refused(reveal: psi.Reveal, asked: list[Message]) -> None:
    responder = responder_of(["a", "b", "c"], reveal)
    with closing(responder), suppress(Refused):
        for message in [psi.PsiStart(elements=2, reveal=reveal), *asked]:
            # As the node does: what is not expected is refused before it, and its own refusal ends the job.
            if type(message) in responder.expects:
                responder.handle(message)
    assert not responder.is_finished


def test_more_than_was_agreed_is_not_revealed() -> None:
    session = DirectSession(responder_of(["a"], "cardinality"))
    with pytest.raises(Refused, match=r"psi\.reveal"):
        session.ask(psi.PsiStart(elements=1, reveal="initiator"), psi.PsiStarted)


def test_other_elements_than_were_seen_are_refused() -> None:
    session = started(0, "initiator")
    session.ask(psi.PsiElements(blobs=(b"",)), psi.PsiElementsReply)
    digest = sha256(b"").hexdigest()
    with pytest.raises(Refused, match=r"psi\.digest"):
        session.ask(psi.PsiFinish(initiator_sha256=digest, responder_sha256=digest), psi.PsiFinished)


def test_a_random_order_is_a_permutation_that_changes() -> None:
    first, second = random_order(500), random_order(500)
    assert sorted(first.tolist()) == list(range(500))
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize("kind", [PsiResponder, AlignmentResponder])
def test_a_set_of_another_size_than_the_job_was_opened_with_is_refused(
    tmp_path: Path, kind: type[PsiResponder] | type[AlignmentResponder]
) -> None:
    """The estimate, the person who approves and the audit log know the rows that were told."""
    table = Table(["a", "b"], {}, {})
    job = make_job(tmp_path, "responder", PROTOCOL, psi.PsiParameters(reveal="both"), table)
    job.peer_rows = 10
    responder = kind(job)
    with pytest.raises(Refused, match=r"psi\.rows_told"):
        responder.handle(psi.PsiStart(elements=1_000_000, reveal="both"))
    responder.handle(psi.PsiStart(elements=10, reveal="both"))
    responder.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = make_pair(tmp_path)
    made.initiator.add_table("mine", {"id": [f"p{number}" for number in range(40)]})
    made.responder.add_table("theirs", {"id": [f"p{number}" for number in range(25, 60)]})
    made.responder.serve()
    yield made
    made.close()


def run_job(pair: Pair, reveal: psi.Reveal) -> JobResult:
    config = pair.initiator.config
    return run(config, "psi", {"reveal": reveal}, table="mine", peer_table="theirs", purpose=PURPOSE)


def test_between_two_nodes_over_tls(pair: Pair) -> None:
    common = {f"p{number}" for number in range(25, 40)}
    result = run_job(pair, "both")
    assert result.summary == {"own_size": 40, "peer_size": 35, "common": 15}
    assert result.table is not None
    own = result.table.column("id").to_pylist()
    assert set(own) == common
    (written,) = (pair.responder.config.state / "results").iterdir()
    assert parquet.read_table(written).column("id").to_pylist() == own
    assert written.stat().st_mode & 0o077 == 0
    counted = run_job(pair, "cardinality")
    assert (counted.summary["common"], counted.table) == (15, None)
    for party in (pair.initiator, pair.responder):
        assert '"psi.sizes"' in party.log_text()
        assert not any(id in party.log_text() for id in common)


def test_a_node_that_is_killed_gives_a_clear_error_and_a_retry_works(pair: Pair) -> None:
    pair.responder.kill()
    with pytest.raises(Refused, match=r"channel\."):
        run_job(pair, "initiator")
    pair.responder.serve()
    assert run_job(pair, "initiator").summary["common"] == 15
