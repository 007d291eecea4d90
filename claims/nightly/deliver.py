"""What a night hands over: work items to the store, claims to joint scoring."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claims.nightly.config import Config
from claims.nightly.folder import store_address
from claims.nightly.manifest import Manifest, Output
from claims.nightly.risk import NAME as RISK
from claims.nightly.runners import Interrupted
from claims.nightly.work_items import Change, store_items
from claims.store.address import Address
from claims.store.errors import StoreError

if TYPE_CHECKING:
    from claims.nightly.run import Run

JOINT = "joint"


def deliver(config: Config, person: str, night: Run, manifests: Sequence[Manifest], log: Any) -> None:
    """Joint scoring where a node is set up, then the work items with the joint bands.

    Raises :class:`Interrupted` where the store cannot be used now; the next run hands over what is left.
    """
    if config.runs("joint"):
        _score_jointly(config, night, log)
    address = store_address(config)
    if address is not None:
        try:
            _store(config, address, person, night, manifests)
        except StoreError as error:
            raise Interrupted("nightly.store_gone", str(address), detail=error.code) from None
        log.info("items", new=night.items_new)


def _score_jointly(config: Config, night: Run, log: Any) -> None:
    """What the other party refuses or cannot do now is told, and does not end the night."""
    from claims import joint

    settings = joint.read_settings(config.settings.joint or {}, config.path.parent)
    told = joint.run(config.out, settings, config.out / JOINT, today=dt.date.fromisoformat(night.day))
    night.joint = told.as_json()
    log.info("joint", state=told.state, claims=told.claims)


def _store(config: Config, address: Address, person: str, night: Run, manifests: Sequence[Manifest]) -> None:
    from claims.store import RunState, finish_run, init_store, open_store, start_run

    parts = [one for one in manifests if one.output("rejected") is not None and not one.is_history]
    with init_store(address) if address.file is not None else open_store(address) as store:
        day = dt.date.fromisoformat(night.day)
        found = start_run(store, night.id, day, night.hashes, person)
        night.items_new = store_items(
            store,
            night.id,
            config.out,
            parts,
            _risk(manifests),
            night.hashes.get("model"),
            _change(config),
            person,
        )
        counts = {**night.rows, "items_new": night.items_new}
        finish_run(store, night.id, found.version, RunState.DONE, counts, person)


def _risk(manifests: Sequence[Manifest]) -> dict[str, Output]:
    """The file with the risk of each partition."""
    outputs = (one for found in manifests for done in found.steps.values() for one in done.outputs)
    return {Path(one.file).stem: one for one in outputs if one.table == RISK}


def _change(config: Config) -> Change:
    """The joint bands, where there is joint scoring."""
    if not config.runs("joint"):
        return lambda items: items
    from claims.joint import scores
    from claims.joint.items import with_joint_bands

    found = scores.read_scores(config.out / JOINT)
    return lambda items: with_joint_bands(items, found)
