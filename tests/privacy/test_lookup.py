"""Lookups between two real processes: right answers, and no word of who was asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import rbcl  # type: ignore[import-untyped]

from privacy.errors import Refused
from privacy.message import Message
from privacy.protocols import JobResult
from privacy.protocols.lookup import PROTOCOL, rate
from privacy.protocols.lookup.messages import (
    LookupAnswer,
    LookupBlinded,
    LookupEvaluated,
    LookupParameters,
    LookupStart,
    LookupTablePartReply,
    LookupTableStarted,
)
from privacy.protocols.lookup.records import keyed_questions
from privacy.session import run
from privacy.table import Table
from tests.privacy.local_jobs import SECRET, LocalRun
from tests.privacy.pairs import PURPOSE, Pair, make_pair
from tests.privacy.test_gate import consent, make_personal

MODES = ["index", "labelled"]
QUESTIONS = [
    ("11010119900101", "I21"),
    ("11010119900102", "I21"),
    ("11010119900103", "E11"),
    ("11010119900109", "I21"),
]
VISITS = [
    ("11010119900101", "I21", date(2023, 5, 6)),
    ("11010119900101", "I21", date(2021, 2, 3)),
    ("11010119900102", "I21", date(2024, 8, 1)),
    ("11010119900103", "E11", date(2022, 11, 30)),
    ("11010119900104", "E11", date(2022, 11, 30)),
]
IDS = [row[0] for row in QUESTIONS] + [row[0] for row in VISITS]
# The second was only after the day asked for, the last is not there: both are "no".
ANSWERS = [(True, "2021-02"), (False, None), (True, "2022-11"), (False, None)]
PARAMETERS = {
    "group_column": "category",
    "day_column": "day",
    "own_group_column": "asked",
    "groups": ["I21", "E11"],
    "before": "2024-01-01",
    "questions": 10,
}


def columns(rows: Sequence[tuple[object, ...]], *names: str) -> dict[str, list[object]]:
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = make_pair(tmp_path_factory.mktemp("lookup"))
    made.initiator.add_table("claims", columns(QUESTIONS, "id", "asked"))
    made.responder.add_table("visits", columns(VISITS, "id", "category", "day"))
    made.responder.serve()
    yield made
    made.close()


def lookup(pair: Pair, mode: str, **parameters: object) -> JobResult:
    given = {"mode": mode, **PARAMETERS, **parameters}
    return run(pair.initiator.config, "lookup", given, table="claims", peer_table="visits", purpose=PURPOSE)


@pytest.mark.parametrize("mode", MODES)
def test_the_initiator_gets_yes_and_the_month_or_no(pair: Pair, mode: str) -> None:
    table = lookup(pair, mode).table
    assert table is not None
    assert table["id"].to_pylist() == [question[0] for question in QUESTIONS]
    assert list(zip(table["had"].to_pylist(), table["month"].to_pylist(), strict=True)) == ANSWERS


def test_the_labelled_table_crosses_once(pair: Pair) -> None:
    held = pair.initiator.folder / "state" / "lookup"
    lookup(pair, "labelled")
    names = {path: path.stat().st_mtime_ns for path in held.glob("held-*")}
    before = pair.responder.log_text().count("lookup.table")
    lookup(pair, "labelled")
    assert {path: path.stat().st_mtime_ns for path in held.glob("held-*")} == names
    assert pair.responder.log_text().count("lookup.table") == before + 1


@pytest.mark.parametrize("mode", MODES)
def test_more_questions_than_agreed_are_refused(pair: Pair, mode: str) -> None:
    with pytest.raises(Refused, match=r"lookup\.too_many_questions"):
        lookup(pair, mode, questions=3)


def test_a_group_that_was_not_agreed_is_refused(pair: Pair) -> None:
    with pytest.raises(Refused, match=r"lookup\.group_unknown"):
        lookup(pair, "index", groups=["I21"])


def test_the_log_names_nobody(pair: Pair) -> None:
    text = pair.responder.log_text() + pair.initiator.log_text()
    assert "lookup" in text
    assert not any(id in text for id in IDS)


def text_table(rows: Sequence[tuple[object, ...]], *names: str) -> Table:
    ids, *texts = zip(*rows, strict=True)
    return Table(
        [str(id) for id in ids],
        {},
        {name: [str(each) for each in values] for name, values in zip(names, texts, strict=True)},
    )


def local(
    folder: Path, mode: str, change: Callable[[Message], Message] = lambda message: message
) -> LocalRun:
    parameters = LookupParameters.model_validate({"mode": mode, **PARAMETERS})
    return LocalRun(
        folder,
        PROTOCOL,
        parameters,
        text_table(QUESTIONS, "asked"),
        text_table(VISITS, "category", "day"),
        change,
    )


@pytest.mark.parametrize("mode", MODES)
def test_nothing_that_crosses_names_a_person_or_a_month(tmp_path: Path, mode: str) -> None:
    job = local(tmp_path, mode)
    table = job.run().table
    assert table is not None
    assert table["had"].to_pylist() == [had for had, _ in ANSWERS]
    keyed = [
        key
        for purpose in ("lookup labelled", f"lookup index {job.session.id}")
        for key in keyed_questions(
            [id for id, _ in QUESTIONS], [group for _, group in QUESTIONS], SECRET, purpose
        )
    ]
    hidden = [id.encode() for id in IDS] + keyed + [key.hex().encode() for key in keyed]
    hidden += [b"2021-02", b"2022-11"]
    assert not any(secret in job.transcript for secret in hidden)


@pytest.mark.parametrize(("mode", "kind"), [("index", LookupAnswer), ("labelled", LookupEvaluated)])
def test_yes_no_and_absent_are_answered_alike(tmp_path: Path, mode: str, kind: type[Message]) -> None:
    """The responder's answers have the same number and sizes of blobs whatever is asked; it cannot know more."""
    job = local(tmp_path, mode)
    job.run()
    answers = [reply for reply in job.replies if isinstance(reply, kind)]
    sizes = [len(blob) for answer in answers for blob in answer.blobs]
    assert len(answers) == (len(QUESTIONS) if mode == "index" else 1)
    # A ciphertext's compression of random bytes varies by less than a hundredth.
    assert max(sizes) - min(sizes) < 0.01 * max(sizes)
    contents = [blob for answer in answers for blob in answer.blobs]
    assert len(set(contents)) == len(contents)


@pytest.mark.parametrize("bad", [bytes(32), b"\xff" * 32])
def test_bad_elements_of_either_side_are_refused(tmp_path: Path, bad: bytes) -> None:
    def spoil(message: Message) -> Message:
        if isinstance(message, LookupEvaluated):
            return message.model_copy(update={"blobs": (bad * len(QUESTIONS),)})
        return message

    with pytest.raises(Refused, match=r"lookup\.element"):
        local(tmp_path, "labelled", spoil).run()
    job = local(tmp_path, "labelled")
    job.session.ask(LookupStart(), LookupTableStarted)
    with pytest.raises(Refused, match=r"lookup\.element"):
        job.session.ask(LookupBlinded(blobs=(bad,)), LookupEvaluated)


def test_answers_of_a_wrong_size_are_refused(tmp_path: Path) -> None:
    for kind, mode in (
        (LookupAnswer, "index"),
        (LookupEvaluated, "labelled"),
        (LookupTablePartReply, "labelled"),
    ):

        def cut(message: Message, kind: type[Message] = kind) -> Message:
            if isinstance(message, kind):
                return message.model_copy(update={"blobs": message.blobs[:-1]})
            return message

        with pytest.raises(Refused, match=r"lookup\.size|message\.too_few_blobs"):
            local(tmp_path / kind.TYPE, mode, cut).run()


def test_a_question_of_a_wrong_size_is_refused(tmp_path: Path) -> None:
    job = local(tmp_path, "index")
    with pytest.raises(Refused, match=r"lookup\.size"):
        job.session.ask(LookupStart(), LookupTableStarted)
    element = bytes(rbcl.crypto_core_ristretto255_random())
    job = local(tmp_path, "labelled")
    job.session.ask(LookupStart(), LookupTableStarted)
    with pytest.raises(Refused, match=r"lookup\.element"):
        job.session.ask(LookupBlinded(blobs=(element + b"x",)), LookupEvaluated)
    with pytest.raises(Refused, match=r"lookup\.too_many_questions"):
        job.session.ask(LookupBlinded(blobs=(element * 11,)), LookupEvaluated)


def test_the_rate_holds_over_jobs(tmp_path: Path) -> None:
    local(tmp_path, "labelled").run()
    limits = f"[[limits]]\nhours = 1\nquestions = {2 * len(QUESTIONS) - 1}\n"
    (tmp_path / "responder" / rate.LIMITS).write_text(limits, encoding="utf-8")
    with pytest.raises(Refused, match=r"lookup\.rate"):
        local(tmp_path, "labelled").run()


@pytest.mark.parametrize("mode", MODES)
def test_a_person_without_consent_is_answered_like_one_who_is_not_there(tmp_path: Path, mode: str) -> None:
    """Between two processes, with tables about persons at both: 1 has consent, 3 only for another protocol."""
    pair = make_pair(tmp_path)
    pair.initiator.add_table("claims", columns(QUESTIONS, "id", "asked"))
    pair.responder.add_table("visits", columns(VISITS, "id", "category", "day"))
    make_personal(pair.responder, "day")
    scope: dict[str, Any] = {"columns": ("category", "day"), "window_from": date(2020, 1, 1)}
    consent(pair.responder, QUESTIONS[0][0], protocols=("lookup",), **scope)
    consent(pair.responder, QUESTIONS[2][0], protocols=("score",), **scope)
    pair.responder.serve()
    try:
        table = lookup(pair, mode).table
    finally:
        pair.close()
    assert table is not None
    assert table["month"].to_pylist() == ["2021-02", None, None, None]
