"""What crosses in a scoring job, and messages that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.errors import Refused
from privacy.he import fixed_point
from privacy.message import Message
from privacy.protocols.score import PROTOCOL, initiator, linear, model
from privacy.protocols.score import messages as score
from privacy.protocols.score.ledger import AnswerLedger
from privacy.table import Table
from tests.privacy.local_jobs import LocalRun
from tests.privacy.pairs import make_pair
from ui.cli.app import run

COLUMNS = ("a", "b", "c")
PRECISION = score.Precision()
ROWS = 25
RANDOM = np.random.default_rng(11)
IDS = [f"11010119900101{row:04}" for row in range(ROWS)]
THEIRS = Table(IDS, {column: RANDOM.normal(0, 100, ROWS) for column in COLUMNS})
MODEL = model.new_model({"a": 0.5, "b": -3.25, "c": 1.75}, intercept=2.0)


def parameters(mode: str = "model_score", **changes: Any) -> score.ScoreParameters:
    given = {"mode": mode, "model_sha256": MODEL.sha256, "columns": COLUMNS, "rows": ROWS, **changes}
    return score.ScoreParameters.model_validate(given)


def local(
    folder: Path,
    asked: score.ScoreParameters | None = None,
    theirs: Table = THEIRS,
    change: Callable[[Message], Message] = lambda message: message,
) -> LocalRun:
    job = LocalRun(folder, PROTOCOL, asked or parameters(), Table(IDS), theirs, change)
    model.save_model(job.session.state, MODEL)
    return job


def plain(ids: list[str]) -> fixed_point.Integers:
    features = linear.feature_integers(THEIRS, COLUMNS, PRECISION)[:, [IDS.index(id) for id in ids]]
    weights = linear.weight_integers([MODEL.weights[column] for column in COLUMNS], PRECISION)
    return linear.integer_scores(features, weights, 0)


def test_no_id_feature_weight_or_score_crosses(tmp_path: Path) -> None:
    job = local(tmp_path)
    table = job.run().table
    assert table is not None
    scores = plain(table["id"].to_pylist())
    integers = linear.feature_integers(THEIRS, COLUMNS, PRECISION).ravel()
    weights = linear.weight_integers(list(MODEL.weights.values()), PRECISION)
    small = fixed_point.encode(table["score"].to_numpy(), 0)
    hidden = [number.astype("<i8").tobytes() for each in (scores, weights) for number in each]
    hidden += [number.tobytes() for number in THEIRS.columns["a"]]
    hidden += [number.astype("<i8").tobytes() for number in integers if abs(number) > 2**16]
    hidden += [id.encode() for id in IDS] + [MODEL.salt.encode()]
    assert len(small) == ROWS
    assert not any(secret in job.transcript for secret in hidden)


def test_the_responder_sees_masked_scores_only(tmp_path: Path) -> None:
    """The same job twice: what it decrypts and returns has nothing in common, and is spread over all residues."""
    seen = []
    for folder in ("first", "second"):
        job = local(tmp_path / folder)
        job.run()
        (reply,) = [reply for reply in job.replies if isinstance(reply, score.ScoreMaskedReply)]
        seen.append(np.frombuffer(reply.blobs[0], "<i8"))
    assert not set(seen[0]) & set(seen[1])
    assert min(len(set((each * 8 // fixed_point.PLAIN_MODULUS).tolist())) for each in seen) >= 4


def test_a_second_result_for_a_block_is_refused(tmp_path: Path) -> None:
    """One answer a row and job: a peer that wants another round does not get it."""
    job = local(tmp_path)
    job.run()
    with pytest.raises(Refused, match=r"message\.type"):
        job.session.ask(score.ScoreMasked(block=0, blobs=(b"x",)), score.ScoreMaskedReply)
    with pytest.raises(Refused, match=r"message\.type"):
        job.session.ask(score.ScoreFeatures(block=0, first_column=0), score.ScoreFeaturesReply)


def test_columns_and_blocks_come_in_their_turn(tmp_path: Path) -> None:
    job = local(tmp_path)
    from privacy.protocols.align import align

    align(job.session)
    job.session.ask(score.ScoreStart(), score.ScoreStarted)
    for block, column in ((1, 0), (0, 1)):
        with pytest.raises(Refused, match=r"score\.out_of_turn"):
            job.session.ask(score.ScoreFeatures(block=block, first_column=column), score.ScoreFeaturesReply)


@pytest.mark.parametrize("kind", [score.ScoreFeaturesReply, score.ScoreMaskedReply, score.ScoreStarted])
def test_replies_of_a_wrong_size_are_refused(tmp_path: Path, kind: type[Message]) -> None:
    def cut(message: Message) -> Message:
        if isinstance(message, kind):
            short = (message.blobs[0][:-8],) if kind is score.ScoreMaskedReply else ()
            return message.model_copy(update={"blobs": short})
        return message

    with pytest.raises(Refused, match=r"score\.size"):
        local(tmp_path, change=cut).run()


def test_residues_that_are_none_are_refused(tmp_path: Path) -> None:
    def spoil(message: Message) -> Message:
        if isinstance(message, score.ScoreMaskedReply):
            return message.model_copy(update={"blobs": (b"\xff" * len(message.blobs[0]),)})
        return message

    with pytest.raises(Refused, match=r"score\.size"):
        local(tmp_path, change=spoil).run()


@pytest.mark.parametrize(
    ("value", "code"), [(np.nan, r"score\.value_missing"), (2.0**14 + 1, r"score\.feature_too_large")]
)
def test_a_value_that_cannot_be_scored_is_refused(tmp_path: Path, value: float, code: str) -> None:
    theirs = Table(IDS, {**THEIRS.columns, "b": np.where(np.arange(ROWS) == 3, value, 1.0)})
    with pytest.raises(Refused, match=code):
        local(tmp_path, theirs=theirs).run()


def test_a_model_whose_score_could_wrap_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    large = model.new_model({"a": 400.0, "b": 100.0, "c": 100.0})
    job = local(tmp_path, parameters(model_sha256=large.sha256))
    model.save_model(job.session.state, large)
    with pytest.raises(Refused, match=r"he\.overflow"):
        job.run()
    assert job.transcript == b""


def test_weights_that_ckks_cannot_bear_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    for weight, bits in ((3000.0, 12), (40.0, 24)):
        large = model.new_model(dict.fromkeys(COLUMNS, weight))
        asked = parameters(
            "model_for_responder",
            model_sha256=large.sha256,
            may_show_weights=True,
            precision={"feature_bits": bits},
        )
        job = local(tmp_path, asked)
        model.save_model(job.session.state, large)
        with pytest.raises(Refused, match=r"he\.overflow"):
            job.run()
        assert job.transcript == b""


def test_a_model_that_is_not_there_or_was_changed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"score\.model_missing"):
        local(tmp_path, parameters(model_sha256="0" * 64)).run()
    job = local(tmp_path)
    path = job.session.state / model.MODELS_FOLDER / f"{MODEL.sha256}.json"
    path.write_text(path.read_text(encoding="utf-8").replace("-3.25", "-3.5"), encoding="utf-8")
    with pytest.raises(Refused, match=r"score\.model_damaged"):
        job.run()


def test_a_model_that_a_person_wrote_is_taken_up(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    file = tmp_path / "model.toml"
    file.write_text("intercept = 1\n[weights]\na = 0.5\nb = -3.25\nc = 2\n", encoding="utf-8")
    first, second = model.register(tmp_path, file), model.register(tmp_path, file)
    assert first != second
    found = model.load_model(tmp_path, first)
    assert (found.weights, found.own_weights, found.intercept) == ({"a": 0.5, "b": -3.25, "c": 2.0}, {}, 1.0)
    for bad in ("[weights", "weights = 3", "[weights]\na = 'x'", "[weights]\na = nan", "[weight]\na = 1"):
        file.write_text(bad, encoding="utf-8")
        with pytest.raises(Refused, match=r"score\.model_unreadable"):
            model.register(tmp_path, file)
    with pytest.raises(Refused, match=r"score\.model_unreadable"):
        model.register(tmp_path, tmp_path / "missing.toml")


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "model_for_responder"},
        {"mode": "split_score"},
        {"mode": "split_bucket", "training_job": "ab" * 16},
        {"thresholds": [0.5]},
        {"mode": "split_bucket", "training_job": "ab" * 16, "thresholds": [0.5, 0.5]},
        {"columns": ("a", "a")},
        {"training_job": "ab" * 16},
    ],
)
def test_parameters_that_do_not_fit_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"validation error"):
        parameters(**changes)


def test_unit_vectors_of_a_peer_that_cheats_get_fewer_features_than_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other weights than those of the approved hash: the responder cannot see it, and its count ends it."""
    found = []
    for column in COLUMNS:
        unit = MODEL.model_copy(update={"weights": {each: float(each == column) for each in COLUMNS}})
        monkeypatch.setattr(initiator, "_own_model", lambda *_, cheat=unit: cheat)
        job = local(tmp_path)
        if column == COLUMNS[-1]:
            with pytest.raises(Refused, match=r"score\.quota"):
                job.run()
        else:
            table = job.run().table
            assert table is not None
            found.append(table["score"].to_numpy() - MODEL.intercept)
            expected = THEIRS.take([IDS.index(id) for id in table["id"].to_pylist()]).columns[column]
            assert found[-1] == pytest.approx(expected, abs=2**-10)
    assert len(found) == len(COLUMNS) - 1


def test_many_rows_and_columns_are_exact(tmp_path: Path) -> None:
    """More rows than a block and more columns than a message; the alignment is left out, for it takes long."""
    random, rows, names = np.random.default_rng(2), fixed_point.SLOTS + 3, [f"c{n}" for n in range(33)]
    ids = [str(row) for row in range(rows)]
    theirs = Table(ids, {name: random.normal(0, 9, rows) for name in names})
    large = model.new_model({name: float(random.normal()) for name in names})
    asked = parameters(model_sha256=large.sha256, columns=names, rows=rows)
    job = LocalRun(tmp_path, PROTOCOL, asked, Table(ids), theirs)
    model.save_model(job.session.state, large)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(initiator, "align", lambda session: session.table)
        job.responder._alignment.table = theirs  # type: ignore[attr-defined]
        table = job.run().table
    assert table is not None
    features = linear.feature_integers(theirs, names, PRECISION)
    expected = linear.integer_scores(
        features, linear.weight_integers(list(large.weights.values()), PRECISION), 0
    )
    assert table["score"].to_pylist() == fixed_point.decode(expected, PRECISION.score_scale_bits).tolist()


def test_a_person_is_answered_so_often_and_no_more_and_others_are_not_charged(tmp_path: Path) -> None:
    def ledger() -> AnswerLedger:
        return AnswerLedger(tmp_path / "score.sqlite")

    for _ in range(2):
        ledger().charge("insurer", "t", "m", [b"1", b"2"], 2)
    with pytest.raises(Refused, match=r"score\.quota"):
        ledger().charge("insurer", "t", "m", [b"3", b"2"], 2)
    for _ in range(2):
        ledger().charge("insurer", "t", "m", [b"3"], 2)
    ledger().charge("insurer", "t", "other", [b"1"], 1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-700, 700), min_size=1, max_size=20))
def test_the_link_is_a_probability_that_rises(values: list[float]) -> None:
    scores = np.sort(np.array(values))
    found = linear.probabilities(scores)
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) >= 0).all()
    assert found + linear.probabilities(-scores) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(-(2**20), 2**20), min_size=1, max_size=6),
    st.integers(-(2**40), 2**40),
    st.data(),
)
def test_scores_in_clear_are_those_of_python(weights: list[int], intercept: int, data: st.DataObject) -> None:
    rows = data.draw(
        st.lists(
            st.lists(st.integers(-(2**24), 2**24), min_size=len(weights), max_size=len(weights)),
            min_size=1,
            max_size=4,
        )
    )
    found = linear.integer_scores(np.array(rows, np.int64).T, np.array(weights), intercept)
    assert found.tolist() == [
        intercept + sum(w * x for w, x in zip(weights, row, strict=True)) for row in rows
    ]


def test_a_model_is_taken_up_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = make_pair(tmp_path)
    weights = "\n".join(f"c{number} = 0.5" for number in range(4))
    written = tmp_path / "model.toml"
    written.write_text(f"intercept = -1.0\n[weights]\n{weights}\n", encoding="utf-8")
    config = pair.initiator.config_file
    assert run(["joint", "register-model", str(written), "--config", str(config)]) == 0
    sha256 = capsys.readouterr().out.strip()
    assert model.load_model(pair.initiator.config.state, sha256).intercept == -1.0
    written.write_text("intercept = 'a'\n", encoding="utf-8")
    assert run(["joint", "register-model", str(written), "--config", str(config)]) == 4
    assert "model.toml" in capsys.readouterr().err
