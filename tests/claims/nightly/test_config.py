"""A configuration is checked as a whole; every mistake is told with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from claims.nightly.config import load_config
from drg.errors import InputError

RIGHT = 'out = "o"\n[[input]]\nname = "plain"\npaths = ["in/*.csv"]\n'

WRONG = {
    "no_key": ('out = "o"\n', {"nightly.config_missing"}),
    "unknown_key": (RIGHT + 'colour = "red"\n', {"nightly.config_key"}),
    "unknown_step": ('steps = ["dance"]\n' + RIGHT, {"nightly.config_value"}),
    "rows": (RIGHT + "[limits]\nrows = 3\n", {"nightly.config_value"}),
    "no_toml": ("out = ", {"nightly.config_unreadable"}),
    "step_alone": ('steps = ["price"]\n' + RIGHT, {"nightly.step_needs"}),
    "two_inputs": (RIGHT + RIGHT.partition("\n")[2], {"nightly.input_twice"}),
    "profile": (RIGHT + 'profile = "x"\n', {"nightly.input_profile"}),
    "fees": (RIGHT + 'fees = "fees.csv"\n', {"nightly.fees_stem"}),
    "scheme": ('scheme = "no-such"\n' + RIGHT, {"scheme.unknown"}),
    "contract": ('contract = "no-such"\n' + RIGHT, {"payment.unknown"}),
    "contracts": ('scheme = "chs-drg-1.1"\ncontract = "shipped"\n' + RIGHT, {"nightly.scheme_and_contracts"}),
    "rule_set": (RIGHT + '[check]\nrules = "no-such"\n', {"quality.set_unknown"}),
    "knowledge": (RIGHT + '[rules]\nknowledge = "no-such"\n', {"claims.knowledge_file"}),
    "parameters": (RIGHT + '[rules]\nparameters = ["no-such"]\n', {"claims.parameter_invalid"}),
    "model": (RIGHT + '[risk]\nmodel = "no-such"\n', {"risk.no_model"}),
    "password": ('store = "postgresql://me:secret@host/db"\n' + RIGHT, {"nightly.store_password"}),
    "several": ('scheme = "no-such"\ncontract = "none"\n' + RIGHT + 'fees = "f.csv"\n', None),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told(name: str, tmp_path: Path) -> None:
    text, codes = WRONG[name]
    path = tmp_path / "nightly.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as told:
        load_config(path)
    found = {problem.code for problem in told.value.problems}
    assert found == (codes or {"scheme.unknown", "payment.unknown", "nightly.fees_stem"})
    assert all(told.value.render(lang).strip() for lang in ("en", "zh"))
    assert "secret" not in told.value.render()
    assert [path.name for path in tmp_path.iterdir()] == ["nightly.toml"]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as told:
        load_config(tmp_path / "nightly.toml")
    assert told.value.problems[0].code == "nightly.config_unreadable"


def test_paths_start_at_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "nightly.toml"
    path.write_text(RIGHT, encoding="utf-8")
    monkeypatch.chdir("/")
    assert load_config(path).out == tmp_path / "o"
