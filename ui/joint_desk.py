"""What the page of joint computing does in processes of its own: jobs, and whatever needs a private key.

The page's process never opens a private key: it asks ``drgbridge``, which reads the keys of its party itself.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson

from drg.errors import InputError, Problem
from privacy import files, job_status, policy
from privacy.errors import Refused
from privacy.job_file import JobFile
from privacy.job_status import JobStatus
from privacy.node.records import JobRecord, JobRecords
from privacy.party import PartyConfig, TableSource
from privacy.policy import PolicyFile
from ui import home
from ui.cli.joint import PROTOCOLS
from ui.cli.refusal import sentence
from ui.errors import UiError

FOLDER = "desk"
JOB, STATUS, ASKED, LOCK, ERRORS, RESULT = (
    "job.toml",
    "status.json",
    "asked.json",
    "lock",
    "errors.txt",
    "result.csv",
)
MOST_SHOWN = 50
MOST_ERROR_BYTES = 2_000
PLAN_SECONDS = 120
COMMAND_SECONDS = 60


@dataclass(frozen=True)
class RefusedProblem(Problem):
    """What ``privacy`` refuses, for a page to tell."""

    refused: Refused = field(default_factory=lambda: Refused("job.broke", party=""))

    def render(self, lang: str = "en") -> str:
        """The sentence with what to do."""
        return sentence(self.refused, lang)


def as_input_error(refused: Refused) -> InputError:
    """A refusal as the error that every page shows."""
    return InputError([RefusedProblem(refused.code, refused=refused)])


@dataclass(frozen=True)
class Started:
    """A job that was started from the page: by whom, when (UTC), as what, and how far it is.

    ``runs``: its process is there. ``errors``: the end of what it said when it did not end well.
    """

    id: str
    folder: Path
    protocol: str
    by: str
    at: datetime
    job: JobFile
    status: JobStatus | None
    runs: bool
    errors: str = ""

    @property
    def state(self) -> str:
        """``JobStatus.state``, ``starting`` before it told anything, ``lost`` where it died without a word."""
        if self.status is not None and self.status.state not in ("running", "waiting"):
            return self.status.state
        if not self.runs:
            return "lost"
        return "starting" if self.status is None else self.status.state


def party_file() -> Path:
    """The configuration of the installation's party. Raises ``UiError`` where the settings name none."""
    path = home.installation().node
    if path is None:
        raise UiError("joint_page.no_config")
    return path


def party() -> PartyConfig:
    """The installation's party. Raises ``InputError`` where there is none or its configuration is wrong."""
    try:
        return PartyConfig.load(party_file())
    except Refused as refused:
        raise as_input_error(refused) from refused


def plan(config: PartyConfig, protocol: str, job: JobFile, lang: str) -> JobStatus:
    """The job tried against our own rules by a process of its own. Raises ``InputError`` where that went wrong."""
    folder = _new_folder(config)
    try:
        files.write_new(folder / JOB, job.as_toml().encode())
        done = _run([*_job_command(protocol, folder), "--dry-run"], lang, PLAN_SECONDS)
        status = job_status.read(folder / STATUS)
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    if status is None or status.state not in ("planned", "refused"):
        raise UiError("joint_page.command_failed", detail=_last(done.stderr))
    return status


def start(config: PartyConfig, protocol: str, job: JobFile, by: str) -> str:
    """Begin a job that goes on when the page is closed; its id here. Raises ``UiError`` where enough run already."""
    if sum(one.runs for one in started(config)) >= config.limits.jobs_at_once:
        raise UiError("joint_page.busy", most=config.limits.jobs_at_once)
    folder = _new_folder(config)
    kept = job.model_copy(update={"out": Path(RESULT)})
    files.write_new(folder / JOB, kept.as_toml().encode())
    asked = {"protocol": protocol, "by": by, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, files.OWNER_FILE)
    errors = os.open(folder / ERRORS, os.O_CREAT | os.O_WRONLY, files.OWNER_FILE)
    try:
        # The process keeps the lock as long as it lives, whatever becomes of this one.
        fcntl.flock(lock, fcntl.LOCK_EX)
        files.write_new(folder / ASKED, orjson.dumps(asked))
        subprocess.Popen(  # noqa: S603 - our own program, with files of our own
            _job_command(protocol, folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
            pass_fds=(lock,),
            umask=0o077,
        )
    finally:
        os.close(lock)
        os.close(errors)
    return folder.name


def started(config: PartyConfig) -> list[Started]:
    """The jobs that were started from the page, the newest first."""
    base = config.state / FOLDER
    if not base.is_dir():
        return []
    folders = sorted((path for path in base.iterdir() if (path / ASKED).is_file()), reverse=True)
    return [one for folder in folders[:MOST_SHOWN] if (one := _read(folder)) is not None]


def waiting(config: PartyConfig) -> list[JobRecord]:
    """The peer's jobs on which a person of ours has to decide, the oldest first."""
    records = _records(config)
    return [one for one in records.all() if one.state == "waiting" and records.decision(one.id) is None]


def asked_by_peer(config: PartyConfig) -> dict[str, JobRecord]:
    """The records of the peer's jobs by their id."""
    return {one.id: one for one in _records(config).all()}


def decide(config: PartyConfig, job: str, is_approved: bool, by: str, reason: str) -> None:
    """Keep a person's decision on a waiting job. Raises ``InputError``."""
    try:
        _records(config).decide(job, "approve" if is_approved else "refuse", by, reason)
    except Refused as refused:
        raise as_input_error(refused) from refused


def look_at_policy(config: PartyConfig, table: TableSource) -> PolicyFile:
    """The policy of a table of ours as it stands today."""
    try:
        return policy.look(table.policy, config.public_key, date.today())
    except Refused as refused:
        return PolicyFile("", None, refused)


def sign_policy(config: PartyConfig, path: Path, sha256: str, lang: str) -> None:
    """Sign a policy with the party's key, as the person has read it: a file of another hash is not signed."""
    if policy.look(path, config.public_key, date.today()).sha256 != sha256:
        raise UiError("joint_page.policy_changed")
    _require_done(_run(_command("policy", "sign", path, "--config", party_file()), lang))
    if policy.look(path, config.public_key, date.today()).sha256 != sha256:
        policy.signature_path(path).unlink(missing_ok=True)
        raise UiError("joint_page.policy_changed")


def find_consents(ids: str, kind: str, lang: str) -> list[dict[str, Any]]:
    """The tokens of persons by the line that names them. The ids go to the register's process and nowhere else."""
    command = _command("consent", "find", "-", "--id-kind", kind, "--config", party_file(), "--json")
    done = _run(command, lang, stdin=ids)
    # Exit code 3: some lines are no ids, and say so in the answer.
    if done.returncode not in (0, 3):
        raise UiError("joint_page.command_failed", detail=_last(done.stderr))
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def revoke_consent(token_id: str, lang: str) -> None:
    """Make a token invalid for good. Raises ``UiError``."""
    _require_done(_run(_command("consent", "revoke", "--config", party_file(), "--", token_id), lang))


def _records(config: PartyConfig) -> JobRecords:
    return JobRecords(config.state)


def _new_folder(config: PartyConfig) -> Path:
    """A new folder whose name sorts by the time."""
    base = files.owner_folder(config.state / FOLDER)
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
    return files.owner_folder(base / name)


def _job_command(protocol: str, folder: Path) -> list[str]:
    if protocol not in PROTOCOLS:
        raise as_input_error(
            Refused("job.protocol_unknown", protocol=protocol[:64], known=", ".join(PROTOCOLS))
        )
    named = ("--config", party_file(), "--job", folder / JOB, "--status", folder / STATUS)
    return _command("joint", protocol, *named)


def _command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "ui.cli", *map(str, arguments)]


def _run(
    command: list[str], lang: str, seconds: int = COMMAND_SECONDS, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run one of our commands to its end, in the language of the page."""
    environment = {**os.environ, "LC_ALL": "zh_CN.UTF-8" if lang == "zh" else "C.UTF-8", "PYTHONUTF8": "1"}
    try:
        return subprocess.run(  # noqa: S603 - our own program; what a person wrote goes in by stdin or after --
            command, input=stdin, capture_output=True, text=True, timeout=seconds, env=environment
        )
    except subprocess.TimeoutExpired:
        raise UiError("joint_page.command_slow", seconds=seconds) from None


def _require_done(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        raise UiError("joint_page.command_failed", detail=_last(done.stderr))


def _last(errors: str) -> str:
    """The last thing that a command said."""
    lines = errors.strip().splitlines()
    return lines[-1][:MOST_ERROR_BYTES] if lines else ""


def _read(folder: Path) -> Started | None:
    """A started job; None for a folder that is not whole."""
    try:
        asked: Mapping[str, str] = orjson.loads((folder / ASKED).read_bytes())
        job = JobFile.load(folder / JOB)
        # First whether it runs: a job that ends in between is read as ended, not as lost.
        runs = _runs(folder / LOCK)
        status = job_status.read(folder / STATUS)
        at = datetime.fromisoformat(asked["at"])
        is_well = runs or (status is not None and status.state == "done")
        errors = "" if is_well else _last(_tail(folder / ERRORS))
        return Started(folder.name, folder, asked["protocol"], asked["by"], at, job, status, runs, errors)
    except (OSError, KeyError, ValueError, Refused):
        return None


def _runs(lock: Path) -> bool:
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - MOST_ERROR_BYTES))
        return file.read().decode("utf-8", errors="replace")
