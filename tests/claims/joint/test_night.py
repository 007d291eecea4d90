"""The joint step of a night with real nodes: what it scores and keeps, and every way in which it can be refused."""

from __future__ import annotations

import shutil
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from claims.joint import Summary, read_settings
from claims.joint.items import with_joint_bands
from claims.joint.night import read_trace
from claims.nightly.results import Results
from claims.store.items import NewItem, Reason
from claims.store.resolutions import Kind
from drg.errors import InputError
from privacy.protocols.train import model as parts
from tests.claims.joint.world import OWN, PEER, TODAY, World, approved_hash
from ui.cli.refusal import sentence


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World.make(tmp_path_factory.mktemp("world"))
    try:
        first = made.run(made.folder / "out-first", made.next_claims(5))
        assert (first.state, first.later) == ("no_model", False)
        made.trained = made.train()
        # No policy approves the model yet.
        second = made.run(made.folder / "out-second", made.next_claims(5))
        assert (second.state, second.later) == ("model_not_approved", True)
        assert second.problem is not None
        assert second.problem.by == "hospital"
        approved = approved_hash(second)
        in_clear = made.settings.model_copy(update={"score": made.folder / "score.toml"})
        third = made.run(made.folder / "out-third", made.next_claims(5), in_clear)
        made.policy(f'approved_models = ["{approved}", "{approved_hash(third)}"]')
        yield made
    finally:
        made.pair.close()


@pytest.fixture
def policy_as_before(world: World) -> Iterator[None]:
    """Puts the hospital's policy back after a test that changes it."""
    folder = world.pair.responder.folder
    files = {path: path.read_bytes() for path in folder.glob("patients.policy.toml*")}
    yield
    for path, data in files.items():
        path.write_bytes(data)


def states(world: World, out: Path) -> Counter[str]:
    return Counter(world.scores(out).column("state").to_pylist())


def test_claims_get_bands_and_are_asked_once(world: World, tmp_path: Path) -> None:
    claims = world.next_claims()
    done = world.run(tmp_path, claims)
    assert done.state == "done"
    assert done.counts == {"scored": len(claims)}
    assert sum(done.bands.values()) == len(claims)
    before = (tmp_path / "joint.parquet").read_bytes()
    jobs = world.jobs(world.pair.responder)
    again = world.run(tmp_path, claims)
    assert (again.state, again.problem) == ("nothing_new", None)
    assert world.jobs(world.pair.responder) == jobs
    assert (tmp_path / "joint.parquet").read_bytes() == before
    more = world.next_claims(15)
    assert world.run(tmp_path, claims + more).counts == {"scored": len(claims) + 15}


def test_both_audit_logs_have_the_job_and_the_policies_of_the_scores(world: World, tmp_path: Path) -> None:
    from privacy import audit

    world.run(tmp_path, world.next_claims(15))
    (row, *_) = world.scores(tmp_path).to_pylist()
    for party in (world.pair.initiator, world.pair.responder):
        log = audit.entries(party.folder / "state" / "audit")
        (opened,) = [e for e in log if e["event"] == "job_opened" and e["job"] == row["job"]]
        assert opened["initiator_policy_sha256"] == row["own_policy_sha256"]
        assert opened["responder_policy_sha256"] == row["peer_policy_sha256"]
    assert world.trained is not None
    assert row["model_sha256"] == world.trained.record.model_sha256
    assert row["asked_on"] == TODAY


def test_the_trace_says_what_each_learned(world: World, tmp_path: Path) -> None:
    done = world.run(tmp_path, world.next_claims(15))
    told = read_trace(tmp_path)
    assert [(one.party, one.protocol) for one in told] == [
        ("insurer", "psi"),
        ("hospital", "psi"),
        ("insurer", "score"),
        ("hospital", "score"),
    ]
    assert told == list(done.learned)
    assert "bucket" in told[2].sentence("en")
    assert "分档" in told[2].sentence("zh")


def test_scores_in_clear_have_probabilities_that_fit_the_bands(world: World, tmp_path: Path) -> None:
    settings = world.settings.model_copy(update={"score": world.folder / "score.toml", "psi": None})
    assert world.run(tmp_path, world.next_claims(), settings).state == "done"
    for row in world.scores(tmp_path).to_pylist():
        band = "high" if row["probability"] >= 0.4 else "medium" if row["probability"] >= 0.2 else "low"
        assert row["band"] == band


def test_a_node_that_is_down_leaves_what_was_scored_and_the_rest_for_later(
    world: World, tmp_path: Path
) -> None:
    first, more = world.next_claims(15), world.next_claims(15)
    world.run(tmp_path, first)
    kept = world.scores(tmp_path).to_pylist()
    world.pair.responder.kill()
    try:
        down = world.run(tmp_path, first + more)
    finally:
        world.pair.responder.serve("tests.privacy.serve_product")
    assert (down.state, down.later) == ("peer_down", True)
    assert states(world, tmp_path) == {"scored": 15, "not_asked": 15}
    assert [row for row in world.scores(tmp_path).to_pylist() if row["state"] == "scored"] == kept
    assert world.run(tmp_path, first + more).state == "done"
    assert states(world, tmp_path) == {"scored": 30}


def test_a_node_that_dies_in_the_scoring_leaves_nothing_half(world: World, tmp_path: Path) -> None:
    claims = world.next_claims(15)
    world.pair.responder.kill()
    world.pair.responder.serve(
        "tests.privacy.dying", "answered:score.start", "--", "node", "serve", "--config"
    )
    try:
        died = world.run(tmp_path, claims)
    finally:
        world.pair.responder.kill()
        world.pair.responder.serve("tests.privacy.serve_product")
    assert (died.state, died.later) == ("peer_down", True)
    assert [one.protocol for one in died.learned] == ["psi", "psi"]
    assert states(world, tmp_path) == {"not_asked": 15}
    assert world.run(tmp_path, claims).counts == {"scored": 15}


@pytest.mark.usefixtures("policy_as_before")
def test_a_column_that_the_policy_forbids_is_named(world: World, tmp_path: Path) -> None:
    world.policy(remove=f'"{PEER[1]}"')
    refused = world.run(tmp_path, world.next_claims(15))
    assert_refused(refused, "refused", "policy.column_never", PEER[1], "NEVER")
    assert not refused.later


@pytest.mark.usefixtures("policy_as_before")
def test_a_constraint_that_does_not_permit_a_score_is_named(world: World, tmp_path: Path) -> None:
    path = world.pair.responder.folder / "patients.policy.toml"
    text = path.read_text().replace(
        f'"{PEER[0]}" = {{ constraint = "AFTER_JOIN" }}',
        f'"{PEER[0]}" = {{ constraint = "AFTER_AGGREGATE" }}',
    )
    path.write_text(text)
    world.policy()
    refused = world.run(tmp_path, world.next_claims(15))
    assert_refused(refused, "refused", "policy.column_constraint", PEER[0], "AFTER_AGGREGATE", "AFTER_SCORE")


@pytest.mark.usefixtures("policy_as_before")
def test_a_quota_lets_the_claims_wait(world: World, tmp_path: Path) -> None:
    world.policy('[[quotas]]\nprotocol = "score"\ndays = 30\njobs = 1')
    refused = world.run(tmp_path, world.next_claims(15))
    assert_refused(refused, "quota", "policy.quota_jobs", "hospital")
    assert refused.later
    assert states(world, tmp_path) == {"not_asked": 15}


def test_a_half_of_another_model_is_noticed_on_either_side(world: World, tmp_path: Path) -> None:
    assert world.trained is not None
    for party, by in ((world.pair.initiator, ""), (world.pair.responder, "hospital")):
        file = parts.model_path(party.folder / "state", world.trained.record.training_job)
        aside = tmp_path / "aside.json"
        shutil.move(file, aside)
        try:
            stale = world.run(tmp_path / "out", world.next_claims(5))
        finally:
            shutil.move(aside, file)
        assert (stale.state, stale.later) == ("model_stale", False)
        assert stale.problem is not None
        assert stale.problem.by == by
    # A job file that names another model is not run at all.
    job = tmp_path / "score.toml"
    job.write_text((world.folder / "bucket.toml").read_text() + f'model_sha256 = "{"0" * 64}"\n')
    with pytest.raises(InputError, match="model_sha256 is not that of the model in use"):
        world.run(tmp_path / "out", world.next_claims(5), world.settings.model_copy(update={"score": job}))


def test_without_consent_nothing_is_asked(world: World, tmp_path: Path) -> None:
    from privacy.consent_files import make_issuer

    public = make_issuer(tmp_path / "issuer")
    config = world.pair.initiator.config_file
    before = config.read_text()
    register = f'\n[consent]\nregister_file = "{tmp_path}/c.sqlite"\nissuer_public_key = "{public}"\n'
    config.write_text(
        before.replace("personal = false", "personal = true")
        + f'{register}subject_key = "{tmp_path}/issuer/subject.key"\n'
    )
    jobs = world.jobs(world.pair.initiator)
    try:
        told = world.run(tmp_path / "out", world.next_claims(10))
    finally:
        config.write_text(before)
    assert (told.state, told.problem) == ("no_consent", None)
    assert told.counts == {"no_consent": 10}
    assert world.jobs(world.pair.initiator) == jobs


def test_persons_whom_the_hospital_has_not_are_not_asked_every_night(world: World, tmp_path: Path) -> None:
    cases = pq.read_table(world.results / "cases").to_pandas().dropna(subset=["person"])
    patients = pq.read_table(world.pair.responder.folder / "patients.parquet").column("id").to_pylist()
    strangers = cases.loc[~cases["person"].isin(patients), "case_id"].tolist()
    told = world.run(tmp_path, strangers)
    assert told.state == "nothing_common"
    assert set(told.counts) <= {"not_common", "newer_claim"}
    assert {one.protocol for one in told.learned} == {"psi"}
    jobs = world.jobs(world.pair.initiator)
    assert world.run(tmp_path, strangers).state == "nothing_new"
    assert world.jobs(world.pair.initiator) == jobs


def test_few_new_claims_wait(world: World, tmp_path: Path) -> None:
    settings = world.settings.model_copy(update={"least_claims": 11})
    assert world.run(tmp_path, claims := world.next_claims(10), settings).counts == {"waiting": 10}
    assert world.run(tmp_path, claims).counts == {"scored": 10}


def test_the_results_folder_knows_the_table(world: World) -> None:
    claims = world.next_claims(10)
    world.run(world.results / "joint", claims)
    found = Results(world.results).table("joint", ["case_id", "band"])
    assert found.column("case_id").to_pylist() == sorted(claims)
    items = [
        NewItem(Kind.CLAIM, case, "H", 1, None, (Reason("rule.C001", {}),), model_hash="own")
        for case in (claims[0], "SYN-OTHER")
    ]
    scored, other = with_joint_bands(items, Results(world.results).table("joint"))
    assert other == items[1]
    assert scored.risk_band in ("low", "medium", "high")
    assert world.trained is not None
    assert scored.model_hash == world.trained.record.model_sha256
    assert [reason.code for reason in scored.reasons] == ["rule.C001", "joint.band"]


def test_the_responders_table_is_its_own_and_has_one_row_a_person(world: World) -> None:
    path = world.pair.responder.folder / "patients.parquet"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    table = pq.read_table(path).to_pandas()
    assert list(table.columns) == ["id", *PEER]
    assert table["id"].is_unique
    cases = pq.read_table(world.folder / "hospital/results/cases").to_pandas()
    features = pq.read_table(world.folder / "hospital/results/features").to_pandas()
    newest = (
        cases.dropna(subset=["person"]).sort_values("discharge_date").drop_duplicates("person", keep="last")
    )
    wanted = newest.merge(features, on="case_id").set_index("person")[PEER]
    assert wanted.loc[table["id"]].equals(table.set_index("id")[PEER].rename_axis("person"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {"features": ["nothing"]}}, "no column nothing"),
        ({"columns": {"features": [*OWN, "case_id"]}, "person": "nobody"}, "no column nobody"),
        ({"columns": {"features": OWN[:1]}}, "do not name: claims_12m, sum_insured"),
        ({"psi": "train.toml"}, "table, peer_table and purpose must be those of the scoring job"),
    ],
)
def test_settings_that_do_not_fit_the_results_are_told(
    change: dict[str, object], message: str, world: World, tmp_path: Path
) -> None:
    told = {
        "node": str(world.pair.initiator.config_file),
        "columns": {"features": OWN},
        "score": "bucket.toml",
        "bands": [{"name": "high", "threshold": 0.4}],
        **change,
    }
    settings = read_settings(told, world.folder)
    with pytest.raises(InputError, match=message):
        world.run(tmp_path, world.next_claims(1), settings)


def assert_refused(summary: Summary, state: str, code: str, *words: str) -> None:
    assert summary.state == state
    assert summary.problem is not None
    assert summary.problem.code == code
    told = sentence(summary.problem.refused())
    for word in words:
        assert word in told
