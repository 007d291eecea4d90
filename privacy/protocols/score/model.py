"""The initiator's own linear model: a file in its state folder, named by its hash."""

from __future__ import annotations

import hashlib
import secrets
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from privacy.canonical import canonical_json
from privacy.errors import Refused
from privacy.files import owner_folder, replace, require_owner_only

MODELS_FOLDER = "score_models"
MAX_MODEL_BYTES = 1 << 20
LEAST_WEIGHTS = 3
"""A model with fewer weights that are not zero would nearly hand over single features."""

Weights = Annotated[dict[str, float], Field(max_length=256)]


class LinearModel(BaseModel):
    """``score = intercept + sum of weight * feature``; ``weights`` are of the responder's columns.

    ``salt`` (32 random bytes, hex) keeps the hash from being tried out. Weights are for the features as they stand
    in the tables: standardising is folded into them.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    version: Literal[1] = 1
    salt: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    weights: Weights
    own_weights: Weights = {}
    intercept: float = 0.0

    @property
    def sha256(self) -> str:
        """The name of the model; the responder approves it beforehand (``ScoreParameters.approved_sha256``)."""
        return hashlib.sha256(canonical_json(self.model_dump())).hexdigest()


class _Written(BaseModel):
    """A model as a person writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    weights: Weights
    own_weights: Weights = {}
    intercept: float = 0.0


def new_model(
    weights: Mapping[str, float], own_weights: Mapping[str, float] | None = None, intercept: float = 0.0
) -> LinearModel:
    """A model with a new salt. Raises ``Refused`` (``score.few_weights``)."""
    model = LinearModel(
        salt=secrets.token_hex(32),
        weights=dict(weights),
        own_weights=dict(own_weights or {}),
        intercept=intercept,
    )
    require_enough_weights(model)
    return model


def require_enough_weights(model: LinearModel) -> None:
    """Raise ``Refused`` (``score.few_weights``) where fewer than ``LEAST_WEIGHTS`` of the peer's columns count."""
    used = sum(weight != 0 for weight in model.weights.values())
    if used < LEAST_WEIGHTS:
        raise Refused("score.few_weights", weights=used, least=LEAST_WEIGHTS)


def register(state: Path, path: Path) -> str:
    """Take up a model that a person wrote (TOML: ``intercept``, ``[weights]``, ``[own_weights]``); its hash.

    Every call draws a new salt, so that the same weights get another hash. Raises ``Refused``:
    ``score.model_unreadable``, ``score.few_weights``.
    """
    try:
        with path.open("rb") as file:
            told = tomllib.loads(file.read(MAX_MODEL_BYTES).decode())
        written = _Written.model_validate(told)
    except OSError as error:
        raise Refused("score.model_unreadable", path=path.name, why=error.strerror or "") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refused("score.model_unreadable", path=path.name, why=f"{place}: {first['msg']}") from error
    except ValueError as error:
        raise Refused("score.model_unreadable", path=path.name, why=str(error)[:200]) from error
    return save_model(state, new_model(written.weights, written.own_weights, written.intercept))


def save_model(state: Path, model: LinearModel) -> str:
    """Keep the model, owner-only; its hash."""
    replace(_file(state, model.sha256), model.model_dump_json().encode())
    return model.sha256


def load_model(state: Path, sha256: str) -> LinearModel:
    """The model of this hash. Raises ``Refused``: ``score.model_missing``, ``score.model_damaged``."""
    path = _file(state, sha256)
    if not path.exists():
        raise Refused("score.model_missing", model=sha256)
    require_owner_only(path)
    try:
        if path.stat().st_size > MAX_MODEL_BYTES:
            raise Refused("score.model_damaged", model=sha256)
        model = LinearModel.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise Refused("score.model_damaged", model=sha256) from error
    if model.sha256 != sha256:
        raise Refused("score.model_damaged", model=sha256)
    return model


def _file(state: Path, sha256: str) -> Path:
    return owner_folder(state / MODELS_FOLDER) / f"{sha256}.json"
