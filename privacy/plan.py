"""A job tried against our own rules, and what it will take; nothing is sent and nothing is counted."""

from __future__ import annotations

import uuid
from datetime import date

from privacy import preflight
from privacy.gate import Gate, JobAtGate
from privacy.job_file import JobFile
from privacy.job_status import Plan, Refusal
from privacy.party import PartyConfig
from privacy.peer_policy import foretell
from privacy.protocols import load
from privacy.session import parse_parameters


def plan(config: PartyConfig, protocol_name: str, job: JobFile) -> Plan:
    """What ``privacy.session.run`` would ask for. Raises ``Refused`` as it would before the first message."""
    protocol = load(protocol_name)
    parameters = parse_parameters(protocol, job.parameters)
    use = parameters.table_use("initiator")
    admitted = Gate(config).admit(JobAtGate(uuid.uuid4().hex, protocol_name, job.purpose, job.table, use))
    expected = preflight.estimate(protocol_name, parameters, len(admitted.table))
    preflight.check(expected, config.limits, config.party)
    theirs = parameters.table_use("responder")
    foretold = foretell(config, protocol_name, job.purpose, job.peer_table, theirs, date.today())
    return Plan(
        rows=len(admitted.table),
        invalid_ids=admitted.invalid_ids,
        without_consent=admitted.without_consent,
        policy_sha256=admitted.policy_sha256,
        estimate=expected,
        foretold=None if foretold is None else Refusal.of(foretold),
    )
