"""What is known of the model in use: a file in the folder of models, beside no weight of either party."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from claims.errors import input_error
from privacy.errors import Refused
from privacy.files import owner_folder, replace
from privacy.message import JobId, Sha256
from privacy.party import PartyConfig
from privacy.protocols.train import model as parts

FILE = "model.json"
MOST_BYTES = 1_000_000


class ModelRecord(BaseModel):
    """A trained model by its names and hashes; the weights of our part are in the state folder of the node."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    training_job: JobId
    model_sha256: Sha256
    own_part_sha256: Sha256
    peer: str
    peer_part_sha256: Sha256
    own_columns: tuple[str, ...]
    peer_columns: tuple[str, ...]
    features: Literal["raw", "leaves"]
    rows: int
    rounds: int
    trained_on: date
    own_policy_sha256: Sha256
    peer_policy_sha256: Sha256


def save_record(folder: Path, record: ModelRecord) -> None:
    """Make this the model in use."""
    replace(owner_folder(folder) / FILE, record.model_dump_json(indent=1).encode())


def load_record(folder: Path) -> ModelRecord | None:
    """The model in use, None where there is none yet. Raises ``InputError`` for a damaged file."""
    path = folder / FILE
    try:
        with path.open("rb") as file:
            return ModelRecord.model_validate_json(file.read(MOST_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        raise input_error("joint.model_damaged", str(path)) from None


def require_own_part(config: PartyConfig, record: ModelRecord) -> None:
    """Raise ``Refused`` (``score.model_missing``) where our node has not got our part of this very model."""
    path = parts.model_path(config.state, record.training_job)
    held = parts.read(path) if path.exists() else None
    if held is None or held.split_sha256 != record.model_sha256 or held.part.peer != config.peer.name:
        raise Refused("score.model_missing", model=record.model_sha256)
