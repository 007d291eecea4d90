"""A party's configuration (TOML), its keys, and the making of a new pair."""

from __future__ import annotations

import hashlib
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from privacy import files
from privacy.errors import Refused
from privacy.message import PartyName, Sha256

HexKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
KEY_BYTES = 32
PUBLIC_KEY_SUFFIX = ".pub"
"""Of the file beside the signing key that has its public half: who only verifies need not read the key."""
MAX_CONFIG_BYTES = 1_000_000


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Listen(_Section):
    """Where the node of this party listens."""

    host: str
    port: int = Field(ge=1, le=65535)


class Tls(_Section):
    """PEM files of this party's certificate and the pair's authority."""

    certificate: Path
    key: Path
    authority: Path


class Peer(_Section):
    """The other party: its certificate is pinned, not only its authority."""

    name: PartyName
    url: Annotated[str, StringConstraints(pattern=r"^https://[^/?#@\s]+:\d{1,5}$")]
    signing_public_key: HexKey
    certificate_sha256: Sha256

    @field_validator("url")
    @classmethod
    def _has_a_port(cls, url: str) -> str:
        if not urlsplit(url).port:
            raise ValueError("port 0")
        return url

    @cached_property
    def signing_key(self) -> Ed25519PublicKey:
        """The key that verifies the peer's messages."""
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.signing_public_key))


class Limits(_Section):
    """What one job, or all of them, may take. A job over a limit is refused before it starts, or stopped."""

    rows: int = Field(default=1_000_000, ge=1)
    message_bytes: int = Field(default=64_000_000, ge=1_000)
    job_bytes: int = Field(default=4_000_000_000, ge=1_000)
    seconds: int = Field(default=3600, ge=1)
    memory_mb: int = Field(default=4096, ge=16)
    jobs_at_once: int = Field(default=2, ge=1, le=64)
    reconnect_seconds: float = Field(default=30.0, ge=0)
    approval_seconds: int = Field(default=86_400, ge=1)


class ConsentSource(_Section):
    """The register of consent tokens (SQLite), who signs them (Ed25519, hex), and the key of their subjects."""

    register_file: Path
    issuer_public_key: HexKey
    subject_key: Path


class TableSource(_Section):
    """A table that jobs may name: Parquet or CSV with an id column, and the signed policy of its columns.

    ``id_kind`` says how ids are normalised. Rows need a consent token unless ``personal`` is false: then they are
    about nobody. ``day_column`` has the day of each row, which must lie in the window of the token.
    """

    path: Path
    id_column: str
    id_kind: Literal["resident_id", "phone", "name", "text"] = "text"
    policy: Path
    personal: bool = True
    day_column: str | None = None


class PartyConfig(_Section):
    """The configuration of one party. Paths are absolute after ``load``."""

    party: PartyName
    state: Path
    signing_key: Path
    pair_secret: Path
    approval: Literal["policy", "person"] = "policy"
    consent: ConsentSource | None = None
    listen: Listen
    tls: Tls
    peer: Peer
    limits: Limits = Limits()
    tables: dict[str, TableSource] = {}

    @field_validator("peer")
    @classmethod
    def _peer_has_a_usable_key(cls, peer: Peer) -> Peer:
        _ = peer.signing_key
        return peer

    @classmethod
    def load(cls, path: Path) -> PartyConfig:
        """Read a configuration and check that its keys and its state folder are the owner's alone.

        Relative paths start at the folder of the file. Raises ``Refused`` with the place of the first mistake.
        """
        data = _read_toml(path)
        try:
            config = cls.model_validate(data)
        except ValidationError as error:
            problem = error.errors(include_input=False)[0]
            place = ".".join(str(part) for part in problem["loc"])
            raise Refused("party.config_invalid", path=str(path), place=place, why=problem["msg"]) from error
        config = config._with_absolute_paths(path.absolute().parent)
        for secret in (config.tls.key, config.signing_key, config.pair_secret):
            files.require_owner_only(secret)
        files.owner_folder(config.state)
        return config

    @cached_property
    def key(self) -> Ed25519PrivateKey:
        """The key that signs this party's messages and log."""
        return Ed25519PrivateKey.from_private_bytes(key_bytes(self.signing_key))

    @cached_property
    def public_key(self) -> Ed25519PublicKey:
        """The public half of ``key``, from its file. Raises ``Refused`` where ``write_public_key`` has to make it."""
        try:
            return Ed25519PublicKey.from_public_bytes(
                bytes.fromhex(public_key_file(self.signing_key).read_text(encoding="ascii"))
            )
        except (OSError, ValueError) as error:
            raise Refused("party.public_key_missing", path=str(public_key_file(self.signing_key))) from error

    @cached_property
    def secret(self) -> bytes:
        """The secret of the pair (32 bytes), for the keying of ids."""
        return key_bytes(self.pair_secret)

    def table(self, name: str) -> TableSource:
        """A table of this party; raises ``Refused`` for a name it does not have."""
        found = self.tables.get(name)
        if found is None:
            raise Refused("job.table_unknown", party=self.party, table=name[:64])
        return found

    def _with_absolute_paths(self, base: Path) -> PartyConfig:
        tls = Tls(**{name: base / path for name, path in self.tls})
        consent = self.consent and self.consent.model_copy(
            update={
                "register_file": base / self.consent.register_file,
                "subject_key": base / self.consent.subject_key,
            }
        )
        tables = {
            name: source.model_copy(update={"path": base / source.path, "policy": base / source.policy})
            for name, source in self.tables.items()
        }
        return self.model_copy(
            update={
                "state": base / self.state,
                "signing_key": base / self.signing_key,
                "pair_secret": base / self.pair_secret,
                "consent": consent,
                "tls": tls,
                "tables": tables,
            }
        )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
        if len(data) > MAX_CONFIG_BYTES:
            raise Refused("party.config_invalid", path=str(path), place="", why="too large")
        return tomllib.loads(data.decode())
    except OSError as error:
        raise Refused("party.file_missing", path=str(path)) from error
    except ValueError as error:
        raise Refused("party.config_invalid", path=str(path), place="TOML", why=str(error)[:200]) from error


def key_bytes(path: Path) -> bytes:
    """The 32 bytes of a key file (hex, owner-only)."""
    files.require_owner_only(path)
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError as error:
        raise Refused("party.key_invalid", path=str(path)) from error
    if len(key) != KEY_BYTES:
        raise Refused("party.key_invalid", path=str(path))
    return key


def public_key_file(signing_key: Path) -> Path:
    """Where the public half of a signing key lies."""
    return signing_key.with_suffix(PUBLIC_KEY_SUFFIX)


def write_public_key(config: PartyConfig) -> str:
    """Write the public half beside the signing key; the public half (hex)."""
    public = config.key.public_key().public_bytes_raw().hex()
    files.replace(public_key_file(config.signing_key), public.encode())
    return public


def certificate_sha256(der: bytes) -> str:
    """The fingerprint by which a certificate is pinned."""
    return hashlib.sha256(der).hexdigest()
