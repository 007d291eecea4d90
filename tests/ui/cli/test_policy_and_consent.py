"""``drgbridge policy`` and ``drgbridge consent``: the worked commands of docs/policy.md, and what they refuse."""

from __future__ import annotations

import io
import re
import shlex
import shutil
import stat
import string
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from privacy.pair import Member, init_pair
from privacy.party import PartyConfig
from tests.ui.cli.conftest import Run
from ui.text import TEXTS

# The examples are valid in 2026; a reader of a later year reads them as of that year.
DOCS = (Path(__file__).parents[3] / "docs" / "policy.md").read_text(encoding="utf-8")
DOCS = DOCS.replace("2026", str(date.today().year))
ISSUER_PUB = "ISSUER-PUB"
TODAY = date.today()
SCOPE = {
    "id-column": "id",
    "id-kind": "resident_id",
    "issuer": "issuer",
    "recipient": "insurer",
    "purpose": "claim-risk",
    "protocols": "psi, score",
    "columns": "severity",
    "from": "2020-01-01",
    "to": str(TODAY),
    "expires": str(TODAY),
    "out": "tokens.txt",
}
PERSONS = ("999999194209270009", "999999194506230003")


def block(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", DOCS, re.S)
    assert found, kind
    return found[1]


@pytest.fixture
def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Path:
    """The configuration of a party with a register, below the current folder; and the issuer."""
    monkeypatch.chdir(tmp_path)
    _, config = init_pair(Path("pair"), Member("insurer", "127.0.0.1", 1), Member("hospital", "127.0.0.1", 2))
    public = run("consent", "issuer", "issuer").out.strip()
    source = block("toml consent-source")
    with config.open("a", encoding="utf-8") as file:
        file.write(source.replace(ISSUER_PUB, public))
    shutil.copy("issuer/subject.key", config.parent)
    return config


def issue_options(**change: str) -> list[str]:
    scope = {**SCOPE, **{name.replace("_", "-"): value for name, value in change.items()}}
    return [word for name, value in scope.items() for word in (f"--{name}", value)]


def persons(*ids: str) -> Path:
    path = Path("persons.csv")
    path.write_text("\n".join(("id", *ids, "")), encoding="utf-8")
    return path


def test_the_worked_commands_do_what_the_page_shows(hospital: Path, run: Run) -> None:
    shutil.rmtree("issuer")
    Path("pair/hospital/discharges.policy.toml").write_text(block("toml policy"), encoding="utf-8")
    for name in ("csv agreed.csv", "text asked.txt"):
        Path(name.split()[1]).write_text(block(name), encoding="utf-8")
    token_id = ""
    commands = re.findall(r"```console\n\$ (.*?)\n(.*?)```", DOCS, re.S)
    for command, shown in commands:
        ended = run(*shlex.split(command.replace("TOKEN-ID", token_id))[1:])
        assert ended.code == (3 if " issue " in command else 0), ended.err
        if command == "drgbridge consent issuer issuer":
            give_keys(hospital, ended.out.strip())
        elif " find " in command:
            (token_id,) = re.findall("[0-9a-f]{32}", ended.out)
            assert ended.out.replace(token_id, "TOKEN-ID") == shown
        else:
            assert ended.out + ended.err == shown
    assert len(commands) == 8
    counts = run("consent", "list", "--config", hospital, "--json").json
    assert [(each["valid"], each["revoked"]) for each in counts] == [(1, 1), (1, 1)]


def give_keys(config: Path, public: str) -> None:
    text = re.sub('issuer_public_key = "[0-9a-f]{64}"', f'issuer_public_key = "{public}"', config.read_text())
    config.write_text(text, encoding="utf-8")
    shutil.copy("issuer/subject.key", config.parent)


def test_a_changed_policy_another_key_and_an_expired_one_are_refused(hospital: Path, run: Run) -> None:
    policy = Path("discharges.policy.toml")
    policy.write_text(block("toml policy"), encoding="utf-8")
    assert run("policy", "sign", policy, "--config", hospital).code == 0
    insurer = Path("pair/insurer/insurer.toml")
    assert "not signed by its owner's key" in run("policy", "check", policy, "--config", insurer).err
    policy.write_text(policy.read_text(encoding="utf-8").replace("NEVER", "PLAINTEXT"), encoding="utf-8")
    changed = run("policy", "check", policy, "--config", hospital)
    assert (changed.code, changed.out) == (4, "")

    yesterday = TODAY - timedelta(days=1)
    old = re.sub(r"expires = \S+", f"expires = {yesterday}", block("toml policy"))
    policy.write_text(old.replace(f"valid_from = {TODAY.year}", "valid_from = 2020"), encoding="utf-8")
    run("policy", "sign", policy, "--config", hospital)
    expired = run("policy", "check", policy, "--config", hospital)
    assert expired.code == 4
    assert str(yesterday) in expired.err
    assert "AFTER_SCORE" in expired.out

    policy.write_text("version = 1\n", encoding="utf-8")
    assert run("policy", "sign", policy, "--config", hospital).code == 4


def test_a_policy_lists_uses_by_its_protocols_and_approved_models(hospital: Path, run: Run) -> None:
    policy = Path("discharges.policy.toml")
    text = re.sub(r"approved_models = .*", "", block("toml policy")).replace('"train", ', "")
    policy.write_text(text, encoding="utf-8")
    run("policy", "sign", policy, "--config", hospital)
    told = run("policy", "check", policy, "--config", hospital, "--json").json
    uses = {each["column"]: each["uses"] for each in told["permissions"]}
    assert uses["severity"] == ["score:value"]
    assert uses["lab"] == uses["name"] == []
    assert re.fullmatch("[0-9a-f]{64}", told["sha256"])
    assert {each["column"]: each["minimum_group"] for each in told["permissions"]}["cost"] == 30


def test_keys_are_the_owners_alone_and_never_overwritten(hospital: Path, run: Run) -> None:
    files = {path.name: path for path in Path("issuer").iterdir()}
    assert set(files) == {"issuer.key", "issuer.pub", "subject.key"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    before = [path.read_bytes() for path in files.values()]
    assert run("consent", "issuer", "issuer").code == 4
    assert [path.read_bytes() for path in files.values()] == before
    files["issuer.key"].chmod(0o644)
    assert run("consent", "issue", persons(*PERSONS), *issue_options()).code == 4
    assert not Path("tokens.txt").exists()


def test_rejected_rows_are_named_without_their_ids(hospital: Path, run: Run) -> None:
    bad = [f"11010519491231{n:03d}Z" for n in range(25)]
    ended = run("consent", "issue", persons(PERSONS[0], *bad, *PERSONS), *issue_options(), "--json")
    assert ended.code == 3
    assert ended.json["tokens"] == 2
    assert ended.json["invalid_rows"] == list(range(3, 28))
    assert "Row 3:" in ended.err
    assert "Row 25:" not in ended.err
    assert "25 rows" in ended.err
    assert not any(id in ended.out + ended.err for id in (*bad, *PERSONS))
    tokens = Path("tokens.txt")
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
    assert not any(id in tokens.read_text(encoding="ascii") for id in PERSONS)
    assert not list(Path().glob(".tokens.txt*"))
    again = run("consent", "issue", persons(*PERSONS), *issue_options())
    assert again.code == 4
    assert len(tokens.read_text(encoding="ascii").splitlines()) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"protocols": "psi,guess"}, 2),
        ({"protocols": ""}, 4),
        ({"columns": " , "}, 4),
        ({"purpose": "x" * 81}, 4),
        ({"from": "2026-13-01"}, 2),
        ({"to": "2019-12-31"}, 4),
        ({"expires": "2020-01-01"}, 4),
        ({"id_kind": "passport"}, 2),
        ({"id_column": "other"}, 4),
    ],
)
def test_a_scope_that_cannot_be_is_refused(
    change: dict[str, str], code: int, hospital: Path, run: Run
) -> None:
    ended = run("consent", "issue", persons(*PERSONS), *issue_options(**change))
    assert ended.code == code
    assert ended.err
    assert not Path("tokens.txt").exists()


def test_refused_tokens_are_counted_by_reason(hospital: Path, run: Run) -> None:
    run("consent", "issue", persons(*PERSONS), *issue_options())
    run("consent", "issuer", "forger")
    run("consent", "issue", persons(PERSONS[0]), *issue_options(issuer="forger", out="forged.txt"))
    good = Path("tokens.txt").read_text(encoding="ascii")
    mixed = Path("mixed.txt")
    mixed.write_text(f"{good}\n{Path('forged.txt').read_text()}nonsense\n标\n", encoding="utf-8")
    ended = run("consent", "import", mixed, "--config", hospital, "--json")
    assert ended.code == 3
    assert ended.json == {"accepted": 2, "refused": {"consent.signature": 1, "consent.malformed": 2}}
    told = run("consent", "import", mixed, "--config", hospital)
    assert told.code == 3
    assert "1 refused: A consent token is not signed" in told.out


def test_the_tokens_of_persons_are_found_and_their_ids_are_not_kept(
    hospital: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Valid, revoked, expired, of nobody, of no form; from stdin; nothing of an id in output or files."""
    for person, scope in ((0, {}), (1, {"purpose": "study"})):
        run("consent", "issue", persons(PERSONS[person]), *issue_options(out=f"{person}.txt", **scope))
        assert run("consent", "import", f"{person}.txt", "--config", hospital).code == 0
    options = ("--id-kind", "resident_id", "--config", hospital)
    asked = "\n".join((*PERSONS, "999999194803190001", "12"))
    monkeypatch.setattr(sys, "stdin", io.StringIO(asked))
    found = run("consent", "find", "-", *options, "--json")
    assert found.code == 3
    assert found.err == "Line 4 is no valid resident_id. Correct it and ask again.\n"
    one, two, nobody, invalid = (each["tokens"] for each in found.json)
    assert (nobody, invalid) == ([], None)
    assert [(each["state"], each["purpose"], each["expires"]) for each in (*one, *two)] == [
        ("valid", "claim-risk", str(TODAY)),
        ("valid", "study", str(TODAY)),
    ]
    run("consent", "revoke", two[0]["token_id"], "--config", hospital)
    file = Path("asked.txt")
    file.write_text(asked, encoding="utf-8")
    told = run("consent", "find", file, *options)
    assert [line.split("\t")[:2] for line in told.out.splitlines()[1:]] == [
        ["1", "valid today"],
        ["2", "revoked"],
        ["3", "no token"],
    ]
    file.unlink()
    Path("persons.csv").unlink()
    kept = b"".join(path.read_bytes() for path in Path().rglob("*") if path.is_file())
    assert not any(id in found.out + told.out + told.err or id.encode() in kept for id in PERSONS)
    file.write_text("1\n" * 10_001, encoding="utf-8")
    assert run("consent", "find", file, *options).code == 4


def test_what_is_revoked_and_who_has_no_register(hospital: Path, run: Run) -> None:
    assert run("consent", "list", "--config", hospital).err.startswith("The register has no tokens")
    assert run("consent", "revoke", "12", "--config", hospital).code == 4
    without = run("consent", "list", "--config", "pair/insurer/insurer.toml")
    assert without.code == 4
    assert "[consent]" in without.err
    assert PartyConfig.load(hospital).consent is not None


def test_both_languages_have_the_same_placeholders() -> None:
    own = {id: texts for id, texts in TEXTS.catalogue.items() if id.startswith("consent.")}
    assert own
    for id, texts in own.items():
        names = [{name for _, name, _, _ in string.Formatter().parse(texts[lang])} for lang in ("en", "zh")]
        assert names[0] == names[1], id


def test_every_text_is_said() -> None:
    folder = Path(__file__).parents[3] / "ui" / "cli"
    source = "".join((folder / name).read_text(encoding="utf-8") for name in ("consent.py", "policy.py"))
    own = [id.partition(".")[2] for id in TEXTS.catalogue if id.startswith("consent.")]
    assert [key for key in own if f'"{key}"' not in source] == []
