"""The settings of an installation: what is read, and what is refused with the place and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from drg.errors import InputError
from tests.ui.accounts_fixture import SETTINGS, configure, opened, shown
from ui import home

FULL = """
name = "合成医院"
name_en = "Synthetic hospital"
party = "hospital"
store = "data/store.sqlite"
results = "nightly"
records = "/srv/records"
schemes = ["chs-drg-1.1"]
contract = "template"
model = "model"

[login]
idle_minutes = 15
most_hours = 8
https = true
passwords = false
[login.oidc]
provider = "hospital"
issuer = "https://id.example"
"""


def test_relative_paths_are_under_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(tmp_path, monkeypatch, FULL)
    found = home.installation()
    assert found.store == str(tmp_path / "data" / "store.sqlite")
    assert (found.results, found.records) == (tmp_path / "nightly", Path("/srv/records"))
    assert (found.schemes, found.login.idle_minutes, found.login.https) == (("chs-drg-1.1",), 15, True)
    assert found.login.oidc is not None and found.login.oidc.claim == "sub"


def test_a_database_by_address_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "postgresql://drg@db.example/drg"
    configure(tmp_path, monkeypatch, SETTINGS.replace("store.sqlite", address))
    assert home.installation().store == address


@pytest.mark.parametrize(
    ("change", "place", "remedy"),
    [
        (("party", "#"), "party", "Add it"),
        (('"both"', '"payer"'), "party", "hospital"),
        (("name_en", "nam_en"), "nam_en", "not known"),
        (("name_en", "nam_en"), "name_en", "Add it"),
        (('"合成医院"', "5"), ": name", "must be text"),
        (('"合成医院"', '""'), ": name", "1 character"),
        (("store", 'node = "no.toml"\nstore'), ": node", "no.toml"),
        (("store", "login = {idle_minutes = 0}\nstore"), "login.idle_minutes", "at least 1"),
        (("store", "login = {most_hours = 99999}\nstore"), "login.most_hours", "at most 168"),
        (("store", 'login = {idle_minutes = "30"}\nstore'), "login.idle_minutes", "whole number"),
        (("store", 'login = {oidc = {provider = "x"}}\nstore'), "login.oidc.issuer", "Add it"),
        (("=", ":"), "ui.toml", "not TOML"),
        (("name", "\x00name"), "ui.toml", "not TOML"),
        (("store", "#" + "x" * home.MOST_BYTES + "\nstore"), "ui.toml", "larger"),
    ],
)
def test_wrong_settings_are_told_with_their_place(
    change: tuple[str, str], place: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tmp_path, monkeypatch, SETTINGS.replace(*change, 1))
    with pytest.raises(InputError) as caught:
        home.installation()
    assert place in str(caught.value) and remedy in str(caught.value)
    assert "ui.toml" in caught.value.render("zh")
    assert "ui.toml" in shown(opened())


def test_settings_that_are_not_there_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(home.VARIABLE, str(tmp_path / "no.toml"))
    assert "no.toml" in shown(opened())


def test_a_password_in_the_settings_is_refused_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tmp_path, monkeypatch, SETTINGS.replace("store.sqlite", "postgresql://u:s3cret@db/drg"))
    with pytest.raises(InputError) as caught:
        home.store()
    assert "s3cret" not in str(caught.value) and "PGPASSFILE" in str(caught.value)


def test_changed_settings_hold_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(tmp_path, monkeypatch, SETTINGS)
    assert home.installation().party == "both"
    (tmp_path / "ui.toml").write_text(SETTINGS.replace('"both"', '"insurer"'), encoding="utf-8")
    assert home.installation().party == "insurer"


def test_the_default_file_is_found_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(home.VARIABLE)
    monkeypatch.chdir(tmp_path)
    assert not home.is_configured()
    home.DEFAULT_FILE.parent.mkdir(parents=True)
    home.DEFAULT_FILE.write_text(SETTINGS, encoding="utf-8")
    assert home.installation().store == str(tmp_path / "out" / "ui" / "store.sqlite")
    monkeypatch.setenv(home.VARIABLE, "")
    assert not home.is_configured()


def test_without_results_there_is_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(tmp_path, monkeypatch, SETTINGS)
    with pytest.raises(InputError, match="results"):
        home.results()
