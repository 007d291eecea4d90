"""docs/nightly.md: its commands run, its keys and codes are those of the program, its units are ones."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from claims.nightly.config import Settings, load_config
from tests.conftest import REPOSITORY
from tests.ui.cli.conftest import Run, run  # noqa: F401 - a fixture

DOCS = REPOSITORY / "docs"
TEXT = (DOCS / "nightly.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.*)$", TEXT, re.M)
SERVICE, TIMER = DOCS / "nightly" / "drgbridge-nightly.service", DOCS / "nightly" / "drgbridge-nightly.timer"


def test_the_commands_of_the_page_run(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    from data_samples import generate

    monkeypatch.chdir(tmp_path)
    for name, content in re.findall(r"```toml (\S+)\n(.*?)```", TEXT, re.S):
        Path(name).write_text(content, encoding="utf-8")
    outputs = []
    for command in COMMANDS:
        if command.startswith("python -m data_samples.generate "):
            assert generate.main(command.split()[3:]) == 0
            continue
        program, *arguments = command.split()
        assert program == "drgbridge"
        ended = run(*arguments)
        assert ended.code in (0, 3), ended.err
        outputs.append(ended)
    planned, first, second, status = outputs
    assert "1 new" in planned.out and "done" in first.out
    assert "0 worked on, 1 skipped" in second.out and second.code == 0
    assert status.json["state"] == "done"
    assert run("nightly", "resume").code == 4


def test_every_key_is_on_the_page() -> None:
    assert all(
        f"`{name}`" in TEXT or f"[{name}" in TEXT or f"`{name}." in TEXT for name in Settings.model_fields
    )


def test_the_committed_example_is_a_configuration(tmp_path: Path) -> None:
    text = (REPOSITORY / "data_samples" / "nightly.toml").read_text(encoding="utf-8")
    without_model = text.replace('[risk]\nmodel = "../out/nightly/model"\ncapacity = 20\n', "")
    assert without_model != text
    path = tmp_path / "nightly.toml"
    path.write_text(without_model, encoding="utf-8")
    shutil.copytree(REPOSITORY / "data_samples" / "sample" / "records", tmp_path / "sample" / "records")
    assert [entry.name for entry in load_config(path).settings.input] == ["records", "plain"]


def test_the_units_are_units() -> None:
    for path, wanted in ((SERVICE, {"Unit", "Service", "Install"}), (TIMER, {"Unit", "Timer", "Install"})):
        unit = configparser.ConfigParser(strict=True, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment]
        unit.read_string(path.read_text(encoding="utf-8"))
        assert set(unit.sections()) == wanted
    if shutil.which("systemd-analyze") is None:
        return
    done = subprocess.run(
        ["systemd-analyze", "verify", SERVICE, TIMER], capture_output=True, text=True, check=False
    )
    told = [
        line
        for line in done.stderr.splitlines()
        if "not executable" not in line and "No such file" not in line
    ]
    assert told == []


def test_the_crontab_has_five_fields_and_a_command() -> None:
    lines = (DOCS / "nightly" / "crontab").read_text(encoding="utf-8").splitlines()
    jobs = [line for line in lines if line and not line.startswith("#") and not re.match(r"[A-Z_]+=", line)]
    assert len(jobs) == 2
    assert all(re.match(r"(\S+ ){5}cd /\S+ && /\S+/drgbridge nightly run ", line) for line in jobs)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("run", "--config", "none.toml"), 4),
        (("run", "--date", "yesterday"), 2),
        (("run", "--tls", "x"), 2),
        (("plan", "--workers", "0"), 2),
    ],
)
def test_exit_codes(arguments: tuple[str, ...], code: int, run: Run, tmp_path: Path) -> None:  # noqa: F811
    config = tmp_path / "nightly.toml"
    config.write_text('out = "o"\n[[input]]\nname = "i"\npaths = ["i/*"]\n', encoding="utf-8")
    given = arguments if "--config" in arguments else (*arguments, "--config", str(config))
    assert run("nightly", *given).code == code
    assert not (tmp_path / "o").exists()


def test_a_second_run_at_the_same_time_ends_with_75(run: Run, tmp_path: Path) -> None:  # noqa: F811
    from claims.nightly.lock import locked

    config = tmp_path / "nightly.toml"
    config.write_text('out = "o"\n[[input]]\nname = "i"\npaths = ["i/*"]\n', encoding="utf-8")
    (tmp_path / "o").mkdir()
    with locked(tmp_path / "o"):
        assert run("nightly", "run", "--config", config).code == 75
