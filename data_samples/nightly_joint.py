"""The two parties of the nightly demo: an insurer's night asks the node of a hospital, on synthetic claims.

Earlier claims with made-up decisions are the history on which both train, and the hospital approves the model. Then a
night scores the claims of persons who consented at both. Nobody in them exists, and the label is a formula over the
columns of both, so the bands say nothing about real claims.
"""

from __future__ import annotations

import datetime as dt
import getpass
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from claims.pseudonyms import PERSON, load_key, make_key, pseudonyms
from data_samples.draw import RECORD_PREFIX
from data_samples.joint_run import HOSPITAL, INSURER, Demo, StepError, config, free_port
from data_samples.nightly_model import CASE_PREFIX, HISTORY, LABELS
from data_samples.rows import person
from data_samples.two_parties import resident_id

HOME = Path(__file__).parent
TEMPLATES = HOME / "joint_night"
READY = "ready.txt"
"""Written last: a folder without it was left half done and is made anew."""
KEY = "pseudonyms.key"
JOBS = ("psi", "train", "score")
COLUMNS = {
    HOSPITAL: ("drug_share", "consumable_share", "finding_count"),
    INSURER: ("label", "cost_to_standard", "cost_per_day_fen", "los_days"),
}
PERSONS_EARLIER, PERSONS_NEW = 400, 300
"""Who is asked for consent; of the others no row takes part."""
SHARE_WITH_CONSENT = 0.9
FIRST_DAY, LAST_DAY = dt.date(2026, 1, 1), dt.date(2099, 12, 31)
SEED = 20260125
PERSONS_MOST = 25_000
"""Numbers of ids from here on are those of earlier claims."""


def joined_settings() -> str:
    """The section ``[joint]`` of the insurer's night; its paths start beside the folder ``joint``."""
    return (TEMPLATES / "insurer.joint.toml").read_text(encoding="utf-8")


def is_ready(folder: Path) -> bool:
    """Whether both parties are set up and have a model that the hospital approved."""
    return (folder / READY).is_file()


def set_up(demo: Demo, history: Path, insurer_key: Path) -> None:
    """Tables, keys, policies and consents of both parties.

    ``history``: what ``nightly_model`` left; ``insurer_key``: of the pseudonyms of the insurer's night.
    """
    shutil.rmtree(demo.folder, ignore_errors=True)
    demo.folder.mkdir(parents=True)
    write_ids(demo.folder / "ids.insurer.csv", history / KEY, insurer_key)
    for job in JOBS:
        demo.fill(template(f"{job}.toml"), f"{job}.toml")
    initiator, responder = (f"{party}=127.0.0.1:{free_port()}" for party in (INSURER, HOSPITAL))
    demo.drgbridge("node", "init", "pair", "--initiator", initiator, "--responder", responder)
    issuer = demo.drgbridge("consent", "issuer", "issuer").strip()
    random = np.random.default_rng(SEED)
    for party, recipient in ((HOSPITAL, INSURER), (INSURER, HOSPITAL)):
        demo.fill(template(f"{party}.tables.toml"), config(party), issuer=issuer)
        shutil.copy(demo.folder / "issuer" / "subject.key", demo.folder / "pair" / party)
        sign_policy(demo, party)
        give_consent(demo, party, recipient, random)
    hospital_night(demo, history)


def train(demo: Demo, night: Path, history: Path) -> None:
    """Train on the decided claims; the hospital is asked for approval, and gives it. Needs both nodes."""
    results = history / "results"
    demo.drgbridge(
        "risk", "joint", "train", "--config", night, "--results", results, "--labels", history / LABELS
    )
    told = demo.refused(
        "risk", "joint", "run", "--config", night, "--results", results, "--out", demo.folder / "asked"
    )
    hashes = re.findall(r"\b[0-9a-f]{64}\b", told)
    if not hashes:
        raise StepError("the refusal does not name the model")
    print("  The hospital approves it in its policy and signs that again:", flush=True)
    sign_policy(demo, HOSPITAL, json.dumps(hashes[0]))
    (demo.folder / READY).write_text("The model is trained and approved.\n", encoding="utf-8")


def template(name: str) -> str:
    return str(TEMPLATES / name)


def write_ids(path: Path, earlier_key: Path, new_key: Path) -> None:
    """``person,id``: the resident id (of nobody) of each person, whom a night knows by a pseudonym under its key."""
    for key in (earlier_key, new_key):
        make_key(key)
    earlier = [earlier_person(number) for number in range(1, PERSONS_EARLIER + 1)]
    new = [person(number) for number in range(1, PERSONS_NEW + 1)]
    hidden = [
        one
        for names, key in ((earlier, earlier_key), (new, new_key))
        for one in pseudonyms(pa.array(names), PERSON, load_key(key)).to_pylist()
    ]
    pd.DataFrame({"person": hidden, "id": agreeable_ids()}).to_csv(path, index=False)


def earlier_person(number: int) -> str:
    """A person of the history: its case numbers are those of the sample, its persons are not."""
    return person(number).replace(RECORD_PREFIX, CASE_PREFIX)


def agreeable_ids() -> list[str]:
    """The ids of all who are asked for consent, earlier persons first."""
    earlier = [resident_id(PERSONS_MOST + number) for number in range(1, PERSONS_EARLIER + 1)]
    return [*earlier, *(resident_id(number) for number in range(1, PERSONS_NEW + 1))]


def policy(party: str) -> str:
    return f"pair/{party}/{party}.policy.toml"


def sign_policy(demo: Demo, party: str, approved: str = "") -> None:
    """Write the policy of a party, with ``approved`` (quoted hash of a model), and sign it."""
    (demo.folder / policy(party)).unlink(missing_ok=True)
    demo.fill(
        template(f"{party}.policy.toml"), policy(party), today=FIRST_DAY, expires=LAST_DAY, approved=approved
    )
    demo.drgbridge("policy", "sign", policy(party), "--config", config(party))


def give_consent(demo: Demo, party: str, recipient: str, random: np.random.Generator) -> None:
    """Tokens for nine of ten persons of a party, in its register."""
    ids = [id for id in agreeable_ids() if random.random() < SHARE_WITH_CONSENT]
    agreed, tokens = f"agreed.{party}.csv", f"tokens.{party}.txt"
    pd.DataFrame({"id": ids}).to_csv(demo.folder / agreed, index=False)
    scope = {
        "--id-column": "id",
        "--id-kind": "resident_id",
        "--issuer": "issuer",
        "--recipient": recipient,
        "--purpose": "claim-risk",
        "--protocols": "psi,train,score",
        "--columns": ",".join(COLUMNS[party]),
        "--from": FIRST_DAY,
        "--to": LAST_DAY,
        "--expires": LAST_DAY,
        "--out": tokens,
    }
    demo.drgbridge("consent", "issue", agreed, *(word for option in scope.items() for word in option))
    demo.drgbridge("consent", "import", tokens, "--config", config(party))


def hospital_night(demo: Demo, history: Path) -> None:
    """The hospital's own night over its records; what it found of each patient goes to its node."""
    from claims.nightly.config import load_config
    from claims.nightly.run import Options, run
    from claims.nightly.runners import Stop

    night = demo.fill(
        template("hospital.nightly.toml"),
        "hospital.nightly.toml",
        sample=(HOME / "sample").as_posix(),
        history=(history / HISTORY).as_posix(),
    )
    key = demo.folder / KEY
    write_ids(demo.folder / "ids.hospital.csv", key, key)
    run(load_config(night), Options(dt.date.today(), 1, getpass.getuser()), Stop())
    joint = demo.fill(template("hospital.joint.toml"), "hospital.joint.toml")
    demo.drgbridge("risk", "joint", "run", "--config", joint, "--results", "hospital/results")
