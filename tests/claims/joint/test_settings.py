"""The section [joint]: what is refused, and what a refusal of a node means for the night."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from claims.joint.jobs import Problem
from claims.joint.settings import load_settings, read_settings, states
from drg.errors import InputError
from privacy.errors import PeerRefused, Refused
from tests.conftest import REPOSITORY

GOOD: dict[str, Any] = {
    "node": "party.toml",
    "columns": {"features": ["age"]},
    "score": "score.toml",
    "bands": [{"name": "high", "threshold": 0.5}, {"name": "medium", "threshold": 0.2}],
}


def test_paths_start_at_the_folder_and_bands_are_buckets() -> None:
    found = read_settings(GOOD, Path("/somewhere"))
    assert (found.node, found.score) == (Path("/somewhere/party.toml"), Path("/somewhere/score.toml"))
    assert found.psi is None
    assert found.thresholds == [0.2, 0.5]
    assert found.band_names == ("low", "medium", "high")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {}}, "joint.columns"),
        ({"columns": {"features": ["age"], "risk": ["age"]}}, "a column is named twice"),
        ({"bands": GOOD["bands"][::-1]}, "thresholds of bands must fall"),
        ({"bands": [{"name": "low", "threshold": 0.5}]}, "low is the name of what is below"),
        ({"bands": []}, "needs score and bands"),
        ({"role": "responder"}, "the responder needs table"),
        ({"nodes": "x"}, "joint.nodes"),
        ({"least_claims": 0}, "joint.least_claims"),
        ({"bands": [{"name": "high", "threshold": 1.5}]}, "joint.bands.0.threshold"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_settings(GOOD | change, Path())
    assert caught.value.render("zh") != caught.value.render("en")


@pytest.mark.parametrize("content", [None, b"", b"[other]\n", b"[joint\n", b"\xff\xfe", b"joint = 3\n"])
def test_a_file_that_is_none_is_told(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "nightly.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"nightly\.toml"):
        load_settings(path)


def test_every_code_of_a_state_has_a_sentence() -> None:
    """A code that no longer exists would silently become `refused`."""
    texts = tomllib.loads((REPOSITORY / "ui" / "texts" / "joint.toml").read_text(encoding="utf-8"))
    own = tomllib.loads((REPOSITORY / "ui" / "texts" / "joint_risk.toml").read_text(encoding="utf-8"))
    codes = [code for state in states().values() for code in state["codes"]]
    assert len(codes) == len(set(codes))
    assert {code.replace(".", "_") for code in codes} <= set(texts)
    assert {f"state_{name}" for name in states()} <= set(own)


def test_a_refusal_comes_out_as_it_went_in() -> None:
    peer = PeerRefused("hospital", "policy.column_never", column="age", table="t", peer="insurer")
    problem = Problem.of(peer)
    assert (problem.state, problem.later) == ("refused", False)
    assert str(problem.refused()) == str(peer)
    own = Problem.of(Refused("channel.unreachable", peer="hospital"))
    assert (own.state, own.later, own.by) == ("peer_down", True, "")
    assert not isinstance(own.refused(), PeerRefused)
