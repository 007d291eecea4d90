"""Who answers at a node's address, and what a certificate says; without a key of ours."""

from __future__ import annotations

import hmac
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from privacy.errors import Refused
from privacy.party import PartyConfig, certificate_sha256

TIMEOUT_SECONDS = 2.0
MOST_BYTES = 100_000

Answer = Literal["answers", "other", "silent"]


@dataclass(frozen=True)
class Certificate:
    """Whose it is, its fingerprint (SHA-256, hex), and its last moment (UTC)."""

    name: str
    sha256: str
    expires: datetime


@dataclass(frozen=True)
class Reached:
    """``answers``: the node with the pinned certificate; ``other``: somebody else; ``silent``: nobody.

    ``certificate`` is what it showed.
    """

    answer: Answer
    certificate: Certificate | None = None


def certificate(path: Path) -> Certificate:
    """The certificate of a PEM file. Raises ``Refused`` (``party.certificate_unusable``)."""
    try:
        with path.open("rb") as file:
            return _facts(x509.load_pem_x509_certificate(file.read(MOST_BYTES)))
    except (OSError, ValueError) as error:
        raise Refused("party.certificate_unusable", path=str(path)) from error


def reach_peer(config: PartyConfig) -> Reached:
    """Who answers at the peer's address."""
    address = urlsplit(config.peer.url)
    return reach(
        address.hostname or "", address.port or 0, config.tls.authority, config.peer.certificate_sha256
    )


def reach_own(config: PartyConfig) -> Reached:
    """Who answers where our own node listens."""
    own = certificate(config.tls.certificate)
    return reach(config.listen.host, config.listen.port, config.tls.authority, own.sha256)


def reach(host: str, port: int, authority: Path, pinned: str) -> Reached:
    """Ask for the certificate that is shown at an address, and send nothing else.

    We show none of ours, so the node lets nobody in by this.
    """
    try:
        shown = _shown(host, port, _context(authority))
    except ssl.SSLError:
        return Reached("other")
    except OSError:
        return Reached("silent")
    found = _facts(x509.load_der_x509_certificate(shown))
    return Reached("answers" if hmac.compare_digest(found.sha256, pinned) else "other", found)


def _context(authority: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # The very certificate is pinned, which says more than a host name would.
    context.check_hostname = False
    try:
        context.load_verify_locations(authority)
    except OSError as error:
        raise Refused("party.certificate_unusable", path=str(authority)) from error
    return context


def _shown(host: str, port: int, context: ssl.SSLContext) -> bytes:
    with (
        socket.create_connection((host, port), timeout=TIMEOUT_SECONDS) as plain,
        context.wrap_socket(plain) as tls,
    ):
        return tls.getpeercert(binary_form=True) or b""


def _facts(found: x509.Certificate) -> Certificate:
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    der = found.public_bytes(Encoding.DER)
    return Certificate(
        str(names[0].value) if names else "", certificate_sha256(der), found.not_valid_after_utc
    )
