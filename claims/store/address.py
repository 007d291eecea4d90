"""Where the store is: a SQLite file, or a PostgreSQL database by URL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from claims.store.errors import StoreError

VARIABLE = "DRGBRIDGE_STORE_URL"
DEFAULT_FILE = "drgbridge-store.sqlite"
POSTGRESQL_OPTIONS = frozenset(
    {"host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "passfile", "service"}
)
LOOPBACK = frozenset({"", "localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Address:
    """A checked address. Its text never shows the password."""

    url: URL

    @property
    def file(self) -> Path | None:
        """The file of a SQLite store."""
        return Path(self.url.database or "") if self.url.drivername == "sqlite" else None

    def __str__(self) -> str:
        return str(self.file) if self.file else self.url.render_as_string(hide_password=True)

    def __repr__(self) -> str:
        return f"Address({self})"


def find_address(given: str | None = None, environment: Mapping[str, str] = os.environ) -> Address:
    """The store that was named on the command line, else by ``DRGBRIDGE_STORE_URL``, else the default file.

    Raises :class:`StoreError` also for a password on the command line, where every user of the machine sees it.
    """
    if given is not None:
        address = parse_address(given)
        if address.url.password is not None:
            raise StoreError("store.password_on_command_line", variable=VARIABLE)
        return address
    return parse_address(environment.get(VARIABLE) or DEFAULT_FILE)


def parse_address(text: str) -> Address:
    """A file name, ``sqlite:///FILE`` or ``postgresql://USER@HOST/DATABASE``. Raises :class:`StoreError`."""
    if "://" not in text:
        return Address(URL.create("sqlite", database=text))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError("store.address_wrong") from None
    if url.drivername == "sqlite" and url.database and not url.query:
        return Address(url)
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg") and url.database:
        return _postgresql(url)
    raise StoreError("store.address_wrong")


def _postgresql(url: URL) -> Address:
    if unknown := sorted(set(url.query) - POSTGRESQL_OPTIONS):
        raise StoreError(
            "store.address_option", option=unknown[0], known=", ".join(sorted(POSTGRESQL_OPTIONS))
        )
    is_near = (url.host or "") in LOOPBACK and not url.query.get("service")
    if "sslmode" not in url.query and not is_near:
        url = url.update_query_dict({"sslmode": "verify-full"})
    return Address(url.set(drivername="postgresql+psycopg"))
