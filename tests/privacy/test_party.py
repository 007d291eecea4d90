"""Configurations, keys, new pairs, estimates."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509

from privacy import files, preflight, work
from privacy.errors import Refused
from privacy.pair import Member, init_pair
from privacy.party import Limits, PartyConfig
from privacy.protocols import JobParameters, Role, TableUse

LEFT, RIGHT = Member("left", "127.0.0.1", 9001), Member("right", "node.example.org", 9002)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return init_pair(tmp_path / "pair", LEFT, RIGHT)


def test_both_configurations_load_and_know_each_other(pair: tuple[Path, Path]) -> None:
    left, right = (PartyConfig.load(path) for path in pair)
    assert (left.party, left.peer.name, right.party, right.peer.name) == ("left", "right", "right", "left")
    assert left.secret == right.secret
    assert left.peer.url == "https://node.example.org:9002"
    signature = right.key.sign(b"x")
    left.peer.signing_key.verify(signature, b"x")
    assert left.tls.key.is_absolute()


def test_only_the_owner_has_rights_and_the_authority_leaves_no_key(pair: tuple[Path, Path]) -> None:
    made = [path for config in pair for path in config.parent.rglob("*")]
    for path in made:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    private = [path.name for path in made if path.is_file() and b"PRIVATE" in path.read_bytes()]
    assert private == ["tls.key", "tls.key"]
    folder = pair[0].parent
    certificate, authority = (
        x509.load_pem_x509_certificate((folder / name).read_bytes()) for name in ("tls.crt", "authority.crt")
    )
    certificate.verify_directly_issued_by(authority)


def test_nothing_is_overwritten(pair: tuple[Path, Path]) -> None:
    before = {path: path.read_bytes() for path in pair[0].parents[1].rglob("*") if path.is_file()}
    with pytest.raises(Refused, match=r"party\.file_exists"):
        init_pair(pair[0].parents[1], LEFT, Member("third", "127.0.0.1", 9003))
    assert {path: path.read_bytes() for path in pair[0].parents[1].rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["tls.key", "signing.key", "pair.secret", "state"])
def test_files_open_to_others_are_refused(pair: tuple[Path, Path], name: str) -> None:
    (pair[0].parent / name).chmod(0o640 if name != "state" else 0o750)
    with pytest.raises(Refused, match=r"party\.file_open_to_others"):
        PartyConfig.load(pair[0])


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("rows = 1_000_000", "rows = 0", "limits.rows"),
        ("rows = 1_000_000", "rosw = 1", "limits.rosw"),
        ('approval = "policy"', 'approval = "nobody"', "approval"),
        ("https://", "http://", "peer.url"),
        (":9002", ":99999", "peer.url"),
        (":9002", ":0", "peer.url"),
        ("node.example.org", "[::1", "peer.url"),
        ('party = "left"', 'party = "Left!"', "party"),
        ('party = "left"', "party = ", "party.config_invalid"),
    ],
)
def test_a_mistake_is_named_by_its_place(pair: tuple[Path, Path], old: str, new: str, code: str) -> None:
    pair[0].write_text(pair[0].read_text().replace(old, new))
    with pytest.raises(Refused) as error:
        PartyConfig.load(pair[0])
    assert error.value.code == "party.config_invalid"
    assert code in str(error.value)


@pytest.mark.parametrize("member", [Member("left", "h", 1), Member("../x", "h", 1), Member("r", 'h"\n', 1)])
def test_names_and_addresses_are_checked(tmp_path: Path, member: Member) -> None:
    with pytest.raises(Refused, match=r"party\."):
        init_pair(tmp_path / "pair", LEFT, member)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    files.replace(path, b"one")
    files.replace(path, b"two")
    assert (path.read_bytes(), [file.name for file in tmp_path.iterdir()]) == (b"two", ["x"])
    with pytest.raises(Refused, match=r"party\.file_exists"):
        files.write_new(path, b"three")


def test_the_sweep_spares_a_running_job(tmp_path: Path) -> None:
    running = work.WorkFolder(tmp_path, "a" * 32)
    left_over = work.WorkFolder(tmp_path, "b" * 32)
    left_over.unlock()
    assert work.sweep(tmp_path) == ["b" * 32]
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["a" * 32]
    running.remove()
    assert list((tmp_path / "work").iterdir()) == []


class Parameters(JobParameters):
    turns: int = 1

    def table_use(self, role: Role) -> TableUse:
        return TableUse(numbers=("a", "b") if role == "initiator" else ("c",))

    def rounds(self) -> int:
        return self.turns


def test_an_estimate_grows_with_rows_columns_and_rounds() -> None:
    one = preflight.estimate("lookup", Parameters(), 1000, 2000)
    many = preflight.estimate("lookup", Parameters(turns=1001), 1000, 2000)
    assert one.rows == 2000
    two = preflight.estimate("lookup", Parameters(turns=2), 1000, 2000)
    assert many.bytes - one.bytes == pytest.approx(1000 * (two.bytes - one.bytes), rel=1e-3)
    assert two.bytes > one.bytes
    assert many.seconds > one.seconds
    assert many.memory_mb == one.memory_mb


ROOMY = Limits(job_bytes=10**12, seconds=10**6)


@pytest.mark.parametrize(
    ("limit", "most"), [("rows", 99_999), ("job_bytes", 10**6), ("seconds", 100), ("memory_mb", 100)]
)
def test_an_estimate_over_a_limit_names_it(limit: str, most: int) -> None:
    found = preflight.estimate("train", Parameters(turns=1000), 100_000)
    preflight.check(found, ROOMY, "left")
    with pytest.raises(Refused) as error:
        preflight.check(found, ROOMY.model_copy(update={limit: most}), "left")
    assert (error.value.code, error.value.params["limit"]) == ("job.over_limit", limit)
