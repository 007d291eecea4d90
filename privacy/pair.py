"""The making of a new pair of parties: authority, certificates, keys, configurations."""

from __future__ import annotations

import ipaddress
import json
import re
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from privacy import files
from privacy.errors import Refused
from privacy.party import KEY_BYTES, certificate_sha256, public_key_file

VALID_DAYS = 825
NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
HOST = re.compile(r"[A-Za-z0-9.:-]{1,253}")

CONFIG = """\
# {name}, a party of a pair made by `drgbridge node init`. Paths start at this folder.
party = {name}
state = "state"
signing_key = "signing.key"
pair_secret = "pair.secret"
approval = "policy"  # or "person": `drgbridge node approve JOB`

[listen]
host = {host}
port = {port}

[tls]
certificate = "tls.crt"
key = "tls.key"
authority = "authority.crt"

[peer]
name = {peer}
url = {peer_url}
signing_public_key = {peer_key}
certificate_sha256 = {peer_certificate}

[limits]
rows = 1_000_000
message_bytes = 64_000_000
job_bytes = 4_000_000_000
seconds = 3600
memory_mb = 4096
jobs_at_once = 2

# [consent]
# register_file = "consent.sqlite"
# issuer_public_key = "64 hex digits"
# subject_key = "pair.secret"

# [tables.NAME]
# path = "table.parquet"
# id_column = "id"
# id_kind = "text"  # or "resident_id", "phone", "name"
# policy = "table.policy.toml"  # with its signature beside it
# personal = true  # false: rows about nobody, which need no consent
"""


@dataclass(frozen=True)
class Member:
    """One party of a new pair and where its node listens."""

    name: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """The address of its node."""
        return (
            f"https://[{self.host}]:{self.port}" if ":" in self.host else f"https://{self.host}:{self.port}"
        )


def init_pair(folder: Path, initiator: Member, responder: Member) -> tuple[Path, Path]:
    """Make the folders ``folder/<name>`` of two parties; the paths of their configurations are returned.

    Each folder holds all that its party needs and nothing secret of the other but the pair's shared secret. The
    key of the authority is never written. Nothing is overwritten: an existing folder is ``Refused``.
    """
    members = (initiator, responder)
    _check(members)
    files.owner_folder(folder)
    for member in members:
        if (folder / member.name).exists():
            raise Refused("party.file_exists", path=str(folder / member.name))
    authority = _Authority(f"{initiator.name} and {responder.name}")
    pair_secret = secrets.token_bytes(KEY_BYTES)
    made = {member.name: _Made(member, authority) for member in members}
    for member, peer in (members, members[::-1]):
        draft = folder / f".{member.name}.draft"
        shutil.rmtree(draft, ignore_errors=True)
        _write(draft, made[member.name], made[peer.name], authority, pair_secret)
        draft.rename(folder / member.name)
    return (
        folder / initiator.name / f"{initiator.name}.toml",
        folder / responder.name / f"{responder.name}.toml",
    )


def _check(members: tuple[Member, Member]) -> None:
    for member in members:
        if not NAME.fullmatch(member.name):
            raise Refused("party.name_invalid", name=member.name)
        if not HOST.fullmatch(member.host) or not 0 < member.port < 65536:
            raise Refused("party.address_invalid", name=member.name, address=f"{member.host}:{member.port}")
    if members[0].name == members[1].name:
        raise Refused("party.name_invalid", name=members[1].name)


class _Authority:
    """The pair's private certificate authority; its key lives only as long as this object."""

    def __init__(self, pair: str):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"DRGBridge pair {pair}"[:64])])
        usage = _usage(key_cert_sign=True, crl_sign=True)
        builder = _builder(self._name, self._name, self._key.public_key())
        self.certificate = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def issue(self, member: Member, key: ec.EllipticCurvePublicKey) -> x509.Certificate:
        """The certificate of a party, for both ends of a connection."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, member.name)])
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return (
            _builder(name, self._name, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(x509.SubjectAlternativeName([_alternative_name(member.host)]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )


class _Made:
    """The keys and the certificate of a party, in memory."""

    def __init__(self, member: Member, authority: _Authority):
        self.member = member
        self.tls_key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = authority.issue(member, self.tls_key.public_key())
        self.signing_key = Ed25519PrivateKey.generate()


def _write(folder: Path, own: _Made, peer: _Made, authority: _Authority, pair_secret: bytes) -> None:
    files.owner_folder(folder)
    files.owner_folder(folder / "state")
    tls_key = own.tls_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files.write_new(folder / "tls.key", tls_key)
    files.write_new(folder / "tls.crt", own.certificate.public_bytes(Encoding.PEM))
    files.write_new(folder / "authority.crt", authority.certificate.public_bytes(Encoding.PEM))
    files.write_new(folder / "signing.key", own.signing_key.private_bytes_raw().hex().encode())
    files.write_new(
        public_key_file(folder / "signing.key"),
        own.signing_key.public_key().public_bytes_raw().hex().encode(),
    )
    files.write_new(folder / "pair.secret", pair_secret.hex().encode())
    config = CONFIG.format(
        name=json.dumps(own.member.name),
        host=json.dumps(own.member.host),
        port=own.member.port,
        peer=json.dumps(peer.member.name),
        peer_url=json.dumps(peer.member.url),
        peer_key=json.dumps(peer.signing_key.public_key().public_bytes_raw().hex()),
        peer_certificate=json.dumps(certificate_sha256(peer.certificate.public_bytes(Encoding.DER))),
    )
    files.write_new(folder / f"{own.member.name}.toml", config.encode())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    # An hour back, for the other party's clock may be late.
    start = datetime.now(UTC) - timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=VALID_DAYS))
    )


def _alternative_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(
    digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
