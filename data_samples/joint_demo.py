"""A hospital and an insurer compute together, on synthetic tables, each with a node of its own on this machine.

``python -m data_samples.joint_demo --out DIR [--persons N] [--seed S]`` makes the tables, a pair of parties, signed
policies and consent tokens, starts both nodes, and then uses the command line only: every command is printed, every
file stays in ``DIR``. The exit code is 1 where a step fails. The nodes are stopped in any case.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import json
import re
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_samples.joint_evaluation import area_under_curve, logistic_scores
from data_samples.joint_run import HOSPITAL, INSURER, Demo, StepError, config, free_port, nodes
from data_samples.two_parties import CODE_GROUPS, HOSPITAL_EFFECTS, INSURER_EFFECTS, make

MARK = "made-by-joint-demo.txt"
"""A folder with this file is from an earlier run and is made anew."""
HOSPITAL_COLUMNS, INSURER_COLUMNS = list(HOSPITAL_EFFECTS), list(INSURER_EFFECTS)
LABEL = "suspicious"
PURPOSE = "claim-risk"
PROTOCOLS = "psi,stats,train,score,lookup"
CONSENTED_COLUMNS = {
    HOSPITAL: [*HOSPITAL_COLUMNS, "code_group", "month"],
    INSURER: [*INSURER_COLUMNS, LABEL, "code_group"],
}
SHARE_WITH_CONSENT = 0.9
SHARE_TO_TRAIN = 0.7
WITHDRAWALS = 3
VALID_DAYS = 365
WINDOW_DAYS = 5 * 365
LEAST_PERSONS = 500
"""Of fewer, too few are common to train on: the training wants 20 rows a column."""
LONGEST_SECONDS = 300.0
TERMINATED = 143
INTERRUPTED = 130


@dataclass(frozen=True)
class Tables:
    """What each party has, and what nobody has: ``truth``, the label of the new claims; ``agreed``, who consents."""

    patients: pd.DataFrame
    visits: pd.DataFrame
    claims: pd.DataFrame
    new_claims: pd.DataFrame
    question: pd.DataFrame
    truth: pd.DataFrame
    agreed: list[str]


def run(demo: Demo, persons: int, seed: int) -> None:
    """The demo from its first step to its last. Raises ``StepError``."""
    tables = make_tables(persons, seed)
    step(1, "A pair of parties, their tables, and policies that they sign")
    set_up(demo, tables)
    step(2, "Consent: no row of a person takes part without a token")
    give_consent(demo, tables)
    step(3, "Both nodes serve, each a process of its own; they talk over mutual TLS with pinned certificates")
    with nodes(demo):
        step(4, "Private set intersection: which persons do both have?")
        intersect(demo)
        step(5, "Joint statistics: the hospital's figures by the insurer's label")
        compare_figures(demo)
        step(6, "Joint training: one model, of which each party holds a part")
        trained = train(demo)
        step(7, "Joint scoring of new claims")
        score(demo, tables, trained)
        step(8, "A private lookup: was this person treated for this group of codes?")
        look_up(demo)
        step(9, "Both audit logs, verified and compared")
        verify_logs(demo)
    step(10, "What the joint model is worth")
    look_back(demo, tables)


def make_tables(persons: int, seed: int) -> Tables:
    """The tables of ``data_samples.two_parties``, the insurer's split into claims and new claims."""
    made = make(persons, seed)
    hospital, insurer, visits = (made[f"{name}.csv"] for name in (HOSPITAL, INSURER, "visits"))
    # Not the stream of the tables: its first draw orders the ids.
    random = np.random.default_rng([seed, 1])
    everybody = np.unique(np.concatenate([hospital["id"], insurer["id"]]))
    agreed = random.permutation(everybody)[: int(len(everybody) * SHARE_WITH_CONSENT)].tolist()
    is_old = random.random(len(insurer)) < SHARE_TO_TRAIN
    new = insurer[~is_old]
    can_be_asked = visits["id"].isin(new["id"]) & visits["id"].isin(agreed)
    return Tables(
        patients=hospital[["id", *HOSPITAL_COLUMNS]],
        visits=visits,
        claims=insurer.loc[is_old, ["id", *INSURER_COLUMNS, LABEL]],
        new_claims=new[["id", *INSURER_COLUMNS]],
        question=visits.loc[can_be_asked, ["id", "code_group"]].tail(1),
        truth=new[["id", LABEL]],
        agreed=agreed,
    )


def set_up(demo: Demo, tables: Tables) -> None:
    """Steps of the owners of both nodes: keys, tables, configuration, policies."""
    initiator, responder = (f"{party}=127.0.0.1:{free_port()}" for party in (INSURER, HOSPITAL))
    demo.drgbridge("node", "init", "pair", "--initiator", initiator, "--responder", responder)
    issuer = demo.drgbridge("consent", "issuer", "issuer").strip()
    own = {HOSPITAL: ("patients", "visits"), INSURER: ("claims", "new_claims", "question")}
    for party, names in own.items():
        for name in names:
            getattr(tables, name).to_csv(demo.folder / "pair" / party / f"{name}.csv", index=False)
        demo.fill(f"{party}.tables.toml", config(party), issuer=issuer)
        shutil.copy(demo.folder / "issuer" / "subject.key", demo.folder / "pair" / party)
        sign_policy(demo, party)
    print_indented(demo.drgbridge("policy", "check", policy(HOSPITAL), "--config", config(HOSPITAL)))


def policy(party: str) -> str:
    return f"pair/{party}/{party}.policy.toml"


def sign_policy(demo: Demo, party: str, approved: str = "") -> None:
    """Write the policy, with ``approved`` (quoted hashes of models), and sign it."""
    (demo.folder / policy(party)).unlink(missing_ok=True)
    today = dt.date.today()
    expires = today + dt.timedelta(days=VALID_DAYS)
    demo.fill(f"{party}.policy.toml", policy(party), today=today, expires=expires, approved=approved)
    demo.drgbridge("policy", "sign", policy(party), "--config", config(party))


def give_consent(demo: Demo, tables: Tables) -> None:
    """Tokens for those who agreed, in the register of the party that has their rows; then some withdraw."""
    rows = {HOSPITAL: tables.patients, INSURER: pd.concat([tables.claims, tables.new_claims])}
    for party, recipient in ((HOSPITAL, INSURER), (INSURER, HOSPITAL)):
        agreed = rows[party].loc[rows[party]["id"].isin(tables.agreed), ["id"]]
        agreed.to_csv(demo.folder / f"agreed.{party}.csv", index=False)
        issue(demo, party, recipient)
        demo.drgbridge("consent", "import", f"tokens.{party}.txt", "--config", config(party))
        say(f"  {len(agreed):,} of {len(rows[party]):,} persons of the {party} agreed.")
    asked = set(tables.question["id"])
    lines = (demo.folder / f"tokens.{HOSPITAL}.txt").read_text(encoding="ascii").splitlines()
    persons = pd.read_csv(demo.folder / f"agreed.{HOSPITAL}.csv", dtype=str)["id"]
    withdrawn = [line for line, id in zip(lines, persons, strict=True) if id not in asked][:WITHDRAWALS]
    for token in withdrawn:
        demo.drgbridge("consent", "revoke", token_id(token), "--config", config(HOSPITAL))
    print_indented(demo.drgbridge("consent", "list", "--config", config(HOSPITAL)))


def issue(demo: Demo, party: str, recipient: str) -> None:
    today = dt.date.today()
    first, last = today - dt.timedelta(days=WINDOW_DAYS), today + dt.timedelta(days=VALID_DAYS)
    scope = {
        "--id-column": "id",
        "--id-kind": "resident_id",
        "--issuer": "issuer",
        "--recipient": recipient,
        "--purpose": PURPOSE,
        "--protocols": PROTOCOLS,
        "--columns": ",".join(CONSENTED_COLUMNS[party]),
        "--from": first,
        "--to": last,
        "--expires": last,
        "--out": f"tokens.{party}.txt",
    }
    options = [word for option in scope.items() for word in option]
    demo.drgbridge("consent", "issue", f"agreed.{party}.csv", *options)


def token_id(token: str) -> str:
    """The number in the second part of a token."""
    payload = token.split(".")[1]
    number: str = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["token_id"]
    return number


def intersect(demo: Demo) -> None:
    write_job(demo, "psi")
    found = demo.joint("psi")
    learned(
        f"which {found['common']:,} of its {found['own_size']:,} rows with consent the hospital has too, and"
        f" that the hospital brought {found['peer_size']:,}.",
        f"that the insurer brought {found['own_size']:,} rows. Not which, and not how many are common.",
    )


def compare_figures(demo: Demo) -> None:
    write_job(demo, "stats")
    demo.joint("stats")
    say(f"  {'mean':18} label 0  label 1")
    for column, (zero, one) in zip(HOSPITAL_COLUMNS, means_by_label(demo).to_numpy(), strict=True):
        say(f"  {column:18} {zero:7.3f}  {one:7.3f}")
    learned(
        "counts, sums, means and variances by its label, and counts by bins, of at least 10 persons each;"
        " which rows are common.",
        "which rows are common, and which counts were too small to show. Not who has which label.",
    )


def train(demo: Demo) -> dict[str, Any]:
    write_job(demo, "train")
    trained = demo.joint("train")
    say(
        f"  {trained['rounds']} rounds over {trained['rows']:,} rows: loss {trained['losses'][0]:.4f} at first,"
        f" {trained['losses'][-1]:.4f} in the end; {trained['seconds']:.0f} s,"
        f" {(trained['bytes_sent'] + trained['bytes_received']) / 1e6:.0f} MB."
    )
    learned(
        "its own weights, the loss, and in every round the gradient of its own columns; which rows are common.",
        "its own weights, and in every round the gradient of its own columns; which rows are common. A gradient is a"
        " sum over all rows: it says how labels go with a column, not whose they are.",
    )
    return trained


def score(demo: Demo, tables: Tables, trained: dict[str, Any]) -> None:
    """Refused at first: the hospital approves a model, and what comes out of it, before it answers."""
    model, job = trained["split_model_sha256"], trained["training_job"]
    write_job(demo, "score", model=model, training_job=job, rows=len(tables.new_claims))
    told = demo.refused(*demo.joint_words("score"))
    hashes = re.findall(r"\b[0-9a-f]{64}\b", told)
    if not hashes:
        raise StepError("the refusal does not name the model")
    say("  The hospital approves it in its policy and signs that again:")
    sign_policy(demo, HOSPITAL, approved=json.dumps(hashes[0]))
    scored = demo.joint("score")
    buckets = ", ".join(f"{rows:,} in bucket {bucket}" for bucket, rows in enumerate(scored["buckets"]))
    learned(
        f"the bucket of each of {scored['rows']:,} new claims ({buckets}). Not the score.",
        "the insurer's part of each of these scores (its columns times its weights, added up), and so the score."
        " Not single columns or weights.",
    )


def look_up(demo: Demo) -> None:
    groups = ", ".join(f'"G{number:02d}"' for number in range(1, CODE_GROUPS + 1))
    write_job(demo, "lookup", groups=groups, today=dt.date.today())
    demo.joint("lookup")
    (answer,) = result(demo, "answer.csv").itertuples()
    told = f"yes, first in {answer.month}" if answer.had else "no"
    learned(
        f"for one person and code group {answer.group}: {told}.",
        "that one question was asked. Not about whom, not about which group, not the answer.",
    )


def verify_logs(demo: Demo) -> None:
    """Each party's key is pinned in the configuration of the other."""
    keys = {
        HOSPITAL: demo.setting(INSURER, "peer", "signing_public_key"),
        INSURER: demo.setting(HOSPITAL, "peer", "signing_public_key"),
    }
    logs = {party: f"pair/{party}/state/audit" for party in keys}
    for party, key in keys.items():
        print_indented(demo.drgbridge("audit", "verify", logs[party], "--key", key))
    both = [logs[HOSPITAL], logs[INSURER], "--key", keys[HOSPITAL], "--peer-key", keys[INSURER]]
    print_indented(demo.drgbridge("audit", "compare", *both))


def look_back(demo: Demo, tables: Tables) -> None:
    """The figures and the scores against what one could compute who had all tables."""
    check_figures(demo, tables)
    scored = joint_scores(demo).merge(tables.truth, on="id")
    asked = scored[["id"]].merge(tables.patients, on="id").merge(tables.new_claims, on="id")
    # The insurer alone has more claims to train on than both have in common.
    to_train = {HOSPITAL: tables.claims.merge(tables.patients, on="id"), INSURER: tables.claims}
    areas = {"the joint model": area_under_curve(scored[LABEL].to_numpy(), scored["score"].to_numpy())}
    for party, columns in ((HOSPITAL, HOSPITAL_COLUMNS), (INSURER, INSURER_COLUMNS)):
        train_on = to_train[party]
        scores = logistic_scores(train_on[columns], train_on[LABEL].to_numpy(), asked[columns])
        areas[f"the {party}'s columns alone"] = area_under_curve(scored[LABEL].to_numpy(), scores)
    say(f"  Area under the curve on {len(scored):,} new claims that no training saw:")
    for name, area in areas.items():
        say(f"    {name:30} {area:.3f}")
    joint, *alone = areas.values()
    say(f"    {'margin over the better one':29} {joint - max(alone):+.3f}")
    say("  This can be computed only because the data are synthetic and one process may see all of them;")
    say("  the label follows a formula over both parties' columns, so it says nothing about real claims.")


def check_figures(demo: Demo, tables: Tables) -> None:
    """Raise ``StepError`` where the joint statistics are not those of the joined tables."""
    joined = result(demo, "common.csv").merge(tables.claims, on="id").merge(tables.patients, on="id")
    clear = joined.groupby(LABEL)[HOSPITAL_COLUMNS].mean().T.to_numpy()
    if not np.allclose(means_by_label(demo).to_numpy(), clear, rtol=1e-9, equal_nan=False):
        raise StepError("the joint statistics are not those of the joined tables")
    say("  The joint statistics are exactly those of the joined tables.")


def means_by_label(demo: Demo) -> pd.DataFrame:
    """(columns of the hospital, labels 0 and 1); a mean that was kept back is NaN."""
    figures = result(demo, "figures.csv")
    of_groups = figures[figures["bin"].isna() & figures["group"].notna()]
    return of_groups.pivot(index="column", columns="group", values="mean").loc[HOSPITAL_COLUMNS]


def joint_scores(demo: Demo) -> pd.DataFrame:
    """What the scoring left with the hospital: id and score."""
    results = demo.folder / "pair" / HOSPITAL / "state" / "results"
    tables = [pd.read_parquet(path) for path in results.glob("*.parquet")]
    (scored,) = [table for table in tables if "score" in table.columns]
    return scored[["id", "score"]]


def result(demo: Demo, name: str) -> pd.DataFrame:
    """A result file of the insurer."""
    return pd.read_csv(demo.folder / "results" / name, dtype={"id": str, "group": str, "bin": str})


def write_job(demo: Demo, protocol: str, **values: object) -> None:
    path = demo.fill(f"{protocol}.toml", f"jobs/{protocol}.toml", **values)
    say(f"  Job: {path.relative_to(demo.folder)}: {path.read_text(encoding='utf-8').splitlines()[0][2:]}")


def step(number: int, title: str) -> None:
    say(f"\n{number}. {title}")


def learned(insurer: str, hospital: str) -> None:
    say(f"  The insurer learned: {insurer}")
    say(f"  The hospital learned: {hospital}")


def print_indented(text: str) -> None:
    for line in text.splitlines():
        say(f"  {line}")


def say(text: str) -> None:
    print(text, flush=True)


def empty_folder(folder: Path) -> Path:
    """``folder``, new; what an earlier run left there is removed, anything else is refused (``StepError``)."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise StepError(f"{folder} has files that are not of this demo; choose another folder")
        shutil.rmtree(folder)
    for name in ("", "jobs", "results"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("Made by `python -m data_samples.joint_demo`; removed by its next run.\n")
    return folder.absolute()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--persons", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=20260124)
    options = parser.parse_args(arguments)
    if options.persons < LEAST_PERSONS:
        parser.error(f"--persons: at least {LEAST_PERSONS}")
    begun = time.monotonic()
    try:
        folder = empty_folder(options.out)
        say(f"Two parties compute together on synthetic persons. Commands run in {options.out}.")
        run(Demo(folder, begun + LONGEST_SECONDS), options.persons, options.seed)
    except StepError as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; the nodes are stopped.", file=sys.stderr)
        return INTERRUPTED
    say(f"\nDone in {time.monotonic() - begun:.0f} s. All files are in {options.out}.")
    return 0


if __name__ == "__main__":
    # A terminated demo ends as an interrupted one does: its nodes are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    sys.exit(main())
