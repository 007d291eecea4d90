"""A party's part of a trained model, as a file of its own. The weights of the other party are not in it."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from privacy.canonical import canonical_json
from privacy.errors import Refused
from privacy.files import owner_folder, replace, require_owner_only
from privacy.he.fixed_point import Integers
from privacy.message import JobId, Sha256
from privacy.protocols import Role
from privacy.protocols.train import fixed
from privacy.protocols.train.features import FeatureMaker
from privacy.session import parameters_sha256
from privacy.table import Table

if TYPE_CHECKING:
    from privacy.job import Job

FOLDER = "models"
MAX_FILE_BYTES = 50_000_000
INTERCEPT = "intercept"
SALT_BYTES = 16


class Scales(BaseModel):
    """Bits after the binary point of features and weights; a score has the sum of both."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    feature_bits: int = fixed.FEATURE_BITS
    weight_bits: int = fixed.WEIGHT_BITS
    feature_clip: int = fixed.FEATURE_CLIP


class Part(BaseModel):
    """One party's part. ``weights`` are integers (``Scales``), one a feature; ``intercept`` the initiator's alone.

    The job's entries in the audit logs of both parties have the hashes of both policies under the same job id.
    ``salt`` keeps the hash, which the peer gets, from confirming a guess of the weights.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = 1
    job: JobId
    role: Role
    party: str
    peer: str
    purpose: str
    table: str
    parameters_sha256: Sha256
    rows: int
    rounds: int
    scales: Scales = Scales()
    features: FeatureMaker
    intercept: int | None
    weights: tuple[int, ...]
    salt: str

    @classmethod
    def of(
        cls,
        job: Job,
        features: FeatureMaker,
        rows: int,
        rounds: int,
        intercept: int | None,
        weights: Integers,
    ) -> Part:
        """The part of the party that runs ``job``."""
        return cls(
            job=job.id,
            role=job.role,
            party=job.party,
            peer=job.peer,
            purpose=job.purpose,
            table=job.table_name,
            parameters_sha256=parameters_sha256(job.parameters.model_dump(mode="json")),
            rows=rows,
            rounds=rounds,
            features=features,
            intercept=intercept,
            weights=tuple(weights.tolist()),
            salt=secrets.token_hex(SALT_BYTES),
        )

    @property
    def sha256(self) -> str:
        """The name of this part, for policies, logs and the peer."""
        return hashlib.sha256(canonical_json(self.model_dump(mode="json"))).hexdigest()

    def scores(self, table: Table) -> Integers:
        """This party's part of the score of each row, ``feature_bits + weight_bits`` after the binary point."""
        weights = np.array(self.weights, np.int64)
        own: Integers = weights @ self.features.features(table).astype(np.int64)
        return own + ((self.intercept or 0) << self.scales.feature_bits)

    def named_weights(self) -> dict[str, float]:
        """The weights as numbers, by the name of their feature."""
        names = [each.name for each in self.features.standardised]
        found = dict(zip(names, self.weights, strict=True))
        if self.intercept is not None:
            found = {INTERCEPT: self.intercept, **found}
        return {name: weight / (1 << self.scales.weight_bits) for name, weight in found.items()}


class ModelFile(BaseModel):
    """A part with its hash and that of the peer's part, as it lies in ``state/models``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    part: Part
    sha256: Sha256
    peer_sha256: Sha256 = Field(description="hash of the other party's part")

    @property
    def split_sha256(self) -> str:
        """The name of the model of both parts, the same at both parties: the hash of the hashes of its parts."""
        return hashlib.sha256(canonical_json(sorted([self.sha256, self.peer_sha256]))).hexdigest()


def model_path(state: Path, job: str) -> Path:
    """Where a party keeps its part of the model of a job."""
    return state / FOLDER / f"{job}.json"


def write(state: Path, part: Part, peer_sha256: str) -> ModelFile:
    """Write a part, owner-only, whole or not at all; what was written."""
    owner_folder(state / FOLDER)
    file = ModelFile(part=part, sha256=part.sha256, peer_sha256=peer_sha256)
    replace(model_path(state, part.job), file.model_dump_json(indent=1).encode())
    return file


def read(path: Path) -> ModelFile:
    """Read a part. Raises ``Refused``: ``train.model_damaged``, and what ``require_owner_only`` raises."""
    require_owner_only(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Refused("train.model_damaged", path=path.name)
        file = ModelFile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise Refused("train.model_damaged", path=path.name) from error
    if file.part.sha256 != file.sha256 or len(file.part.weights) != len(file.part.features.standardised):
        raise Refused("train.model_damaged", path=path.name)
    return file
