"""The installation that the pages serve: its settings, its store, its results, and what every page shows alike.

The settings are a TOML file: the one that ``DRGBRIDGE_UI_CONFIG`` names, else ``out/ui/ui.toml`` where it is there.
Without one there is no store and no login, and only the what-if page over the synthetic sample is served.
"""

from __future__ import annotations

import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drg.errors import InputError
from ui.errors import UiError, UiProblem, all_of
from ui.text import text
from ui.widgets import language, markup
from ui.widgets.markup import tag

if TYPE_CHECKING:
    from claims.nightly.results import Results
    from claims.store import Store
    from ui.access import Person

VARIABLE = "DRGBRIDGE_UI_CONFIG"
DEFAULT_FILE = Path("out/ui/ui.toml")
MOST_BYTES = 100_000
PATHS = ("results", "records", "scheme_folder", "peers", "model", "node", "nightly")
FILES = ("peers", "node", "nightly")
"""Settings that name a file that must be there; the folders may still be made."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Oidc(_Settings):
    """A provider of ``[auth]`` in Streamlit's secrets: its name there, its issuer, and the claim that is matched."""

    provider: str = Field(min_length=1, max_length=64)
    issuer: str = Field(min_length=1, max_length=500)
    claim: str = Field(default="sub", min_length=1, max_length=64)


class Login(_Settings):
    """How long a sign-in lasts: minutes without an action, hours in all. ``https``: the cookie goes over TLS only."""

    idle_minutes: int = Field(default=30, ge=1, le=24 * 60)
    most_hours: int = Field(default=12, ge=1, le=7 * 24)
    https: bool = False
    passwords: bool = True
    oidc: Oidc | None = None


class Installation(_Settings):
    """One party's installation. Paths are absolute; a relative one of the file is under the file's folder."""

    name: str = Field(min_length=1, max_length=100)
    name_en: str = Field(min_length=1, max_length=100)
    party: Literal["hospital", "insurer", "both"]
    store: str | None = None
    results: Path | None = Field(default=None, strict=False)
    records: Path | None = Field(default=None, strict=False)
    schemes: tuple[str, ...] = Field(default=(), strict=False)
    contract: str | None = None
    scheme_folder: Path | None = Field(default=None, strict=False)
    peers: Path | None = Field(default=None, strict=False)
    model: Path | None = Field(default=None, strict=False)
    node: Path | None = Field(default=None, strict=False)
    nightly: Path | None = Field(default=None, strict=False)
    login: Login = Login()


def config_file() -> Path | None:
    """The file of the settings, ``None`` where there is none. An empty variable means: none."""
    if VARIABLE in os.environ:
        named = os.environ[VARIABLE]
        return Path(named).absolute() if named else None
    return DEFAULT_FILE.absolute() if DEFAULT_FILE.is_file() else None


def is_configured() -> bool:
    """Whether there is an installation to sign in to."""
    return config_file() is not None


def installation() -> Installation:
    """The settings. Raises ``InputError`` where there are none or they are wrong."""
    path = config_file()
    if path is None:
        raise UiError("home.not_configured", variable=VARIABLE)
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise UiError("home.config_not_readable", str(path), detail=error.strerror) from None
    return _read(path, changed)


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> Installation:
    """The settings of a file as it was at the time ``changed``."""
    try:
        data = path.read_bytes()
        if len(data) > MOST_BYTES:
            raise UiError("home.config_large", str(path), most=MOST_BYTES)
        found = Installation.model_validate(_absolute(tomllib.loads(data.decode()), path.parent))
    except OSError as error:
        raise UiError("home.config_not_readable", str(path), detail=error.strerror) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UiError("home.config_not_toml", str(path), detail=str(error)) from None
    except ValidationError as error:
        raise all_of(_problem(path, one) for one in error.errors()) from None
    _check_files(path, found)
    return found


def _absolute(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The settings with paths under the folder of their file."""
    paths = {name: folder / document[name] for name in PATHS if isinstance(document.get(name), str)}
    address = document.get("store")
    if isinstance(address, str) and "://" not in address:
        paths["store"] = str(folder / address)
    return {**document, **paths}


def _problem(path: Path, error: Any) -> UiProblem:
    place = ".".join(str(part) for part in error["loc"])
    code = {"missing": "home.setting_missing", "extra_forbidden": "home.setting_unknown"}.get(
        error["type"], "home.setting_wrong"
    )
    params = {"detail": error["msg"]} if code == "home.setting_wrong" else {}
    return UiProblem(code, f"{path}: {place}", params)


def _check_files(path: Path, found: Installation) -> None:
    missing = [name for name in FILES if (file := getattr(found, name)) is not None and not file.is_file()]
    if missing:
        raise all_of(
            UiProblem("home.file_missing", f"{path}: {name}", {"file": getattr(found, name)})
            for name in missing
        )


def store() -> Store:
    """The store of the installation, opened once. Raises ``InputError`` where it cannot be used."""
    from claims.store import find_address

    # The text of an address hides its password, so the settings and the environment together name the store.
    return _open_store(find_address(installation().store))


@st.cache_resource(show_spinner=False, hash_funcs={"claims.store.address.Address": lambda a: a.url})
def _open_store(address: Any) -> Store:
    from claims.store import open_store

    return open_store(address)


def results() -> Results:
    """The results of the nightly runs. Raises ``InputError`` where there is no folder of results."""
    from claims.nightly.results import open_results

    folder = installation().results
    if folder is None:
        raise UiError("home.no_results")
    return open_results(folder)


def audit(person: Person, action: str, kind: str, id: str) -> None:
    """Note in the audit trail what changes nothing: a view of a person or a case, an export."""
    from claims.store import record

    record(store(), person.name, action, kind, id)


def show_empty(message_id: str, **params: Any) -> None:
    """The designed empty state: the message's first sentence as its title, then what to do."""
    lang = language.chosen()
    markup.use_styles()
    title, _, rest = text(message_id, lang, **params).partition("\n")
    markup.show(tag("div", tag("b", title), rest, style="d-empty"))


def show_error(error: InputError) -> None:
    """The designed error state: every problem, in the language of the page."""
    lang = language.chosen()
    markup.use_styles()
    sentences = (tag("p", line) for line in error.render(lang).splitlines())
    markup.show(tag("div", tag("b", text("home.error", lang)), *sentences, style="d-problem"))
