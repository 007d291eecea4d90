"""What a party's own rules say about a job: its policy, its consents, its table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from privacy import ids, policy
from privacy.consent import ConsentRegister
from privacy.errors import Refused
from privacy.party import ConsentSource, PartyConfig, TableSource, key_bytes
from privacy.protocols import TableUse
from privacy.table import Table, read_table

SET_KEY_PURPOSE = "quota sets"


@dataclass(frozen=True)
class JobAtGate:
    """A job as the rules see it: ``table_name`` is this party's table, ``use`` what the job does with it."""

    id: str
    protocol: str
    purpose: str
    table_name: str
    use: TableUse


@dataclass(frozen=True)
class Admitted:
    """A job that the party's rules allow: the rows that take part, and how many were left out and why.

    ``consent_sha256``: hash of the register whose tokens let them, None where the rows are about nobody.
    """

    table: Table
    policy_sha256: str
    consent_sha256: str | None
    invalid_ids: int
    without_consent: int


class Gate:
    """The rules of one party."""

    def __init__(self, config: PartyConfig):
        self._config = config
        self._ledger = policy.QuotaLedger(config.state / "quotas.sqlite")

    def admit(self, job: JobAtGate) -> Admitted:
        """Check a job against the policy and its quotas, then read the table and keep the rows with consent.

        Raises ``Refused``, naming the column and the constraint. Counts nothing yet.
        """
        source = self._config.table(job.table_name)
        rules, request = self._rules(job, source)
        rules.check(request)
        self._ledger.check(rules, request, job.id)
        days = (source.day_column,) if source.day_column is not None else ()
        table = read_table(
            source.path,
            source.id_column,
            numbers=job.use.numbers,
            texts=(*job.use.texts, *days),
            max_rows=self._config.limits.rows,
        )
        valid = _with_normal_ids(table, source.id_kind)
        consented, register = self._with_consent(valid, job, source) if source.personal else (valid, None)
        return Admitted(
            consented, rules.sha256, register, len(table) - len(valid), len(valid) - len(consented)
        )

    def admit_again(self, job: JobAtGate, before: Admitted) -> Admitted:
        """Check again. Raises ``Refused``; ``job.rows_changed`` where rows or policy are others than ``before``."""
        now = self.admit(job)
        # The peer was told of these rows and this policy, and has logged them.
        if (now.policy_sha256, now.table.ids) != (before.policy_sha256, before.table.ids):
            raise Refused("job.rows_changed", table=job.table_name)
        return now

    def charge(self, job: JobAtGate, table: Table) -> None:
        """Count the job and its set of rows against the quotas; called when the job starts. Raises ``Refused``."""
        rules, request = self._rules(job, self._config.table(job.table_name))
        rules.check(request)
        key = ids.derived_key(self._config.key.private_bytes_raw(), SET_KEY_PURPOSE)
        self._ledger.charge(rules, request, job.id, table.ids, key)

    def _rules(self, job: JobAtGate, source: TableSource) -> tuple[policy.Policy, policy.JobRequest]:
        use = job.use
        if source.id_column in use.columns:
            # A use as a value would take the place of the use for joining, which may need more.
            raise Refused("policy.id_as_value", column=source.id_column, table=job.table_name)
        request = policy.JobRequest(
            peer=self._config.peer.name,
            protocol=job.protocol,
            purpose=job.purpose,
            table=job.table_name,
            columns={source.id_column: use.id_use, **dict.fromkeys(use.columns, use.value_use)},
            day=date.today(),
            queries=use.queries,
            minimum_group=use.minimum_group,
            model_sha256=use.model_sha256,
        )
        return policy.Policy.load(source.policy, self._config.key.public_key()), request

    def _with_consent(self, table: Table, job: JobAtGate, source: TableSource) -> tuple[Table, str]:
        """The rows with consent, and the hash of the register that says so."""
        if self._config.consent is None:
            raise Refused("job.consent_missing", table=job.table_name, party=self._config.party)
        register = consent_register(self._config, self._config.consent)
        permitted = register.valid_ids(
            table.ids,
            job.purpose,
            job.protocol,
            date.today(),
            job.use.columns,
            None if source.day_column is None else _days(table, source.day_column),
        )
        return table.take(np.flatnonzero(permitted.mask)), permitted.register_sha256


def consent_register(config: PartyConfig, consent: ConsentSource) -> ConsentRegister:
    """The register of a party: tokens that let rows go to its peer."""
    issuer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(consent.issuer_public_key))
    return ConsentRegister(consent.register_file, issuer, key_bytes(consent.subject_key), config.peer.name)


def _with_normal_ids(table: Table, kind: str) -> Table:
    normal = ids.normalised(table.ids, kind)
    kept = [row for row, id in enumerate(normal) if id is not None]
    taken = table.take(kept)
    return Table([id for id in normal if id is not None], taken.columns, taken.texts)


def _days(table: Table, column: str) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    """The day of each row; a missing one is NaT, which lies in no window."""
    try:
        return np.array([text or "NaT" for text in table.texts[column]], dtype="datetime64[D]")
    except ValueError as error:
        raise Refused("table.day", column=column) from error
