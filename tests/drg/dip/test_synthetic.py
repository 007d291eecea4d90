"""The embedded catalogue: labelled synthetic, whole, and built by a command that gives the same files again."""

from __future__ import annotations

from pathlib import Path

from data_samples.dip_catalogue import build_synthetic
from drg.dip.catalogue import find_catalogue, load_catalogue, save_catalogue
from drg.dip.lint import lint


def test_the_embedded_catalogue_is_labelled_synthetic_and_whole() -> None:
    found = find_catalogue("synthetic")
    assert found.settings.label == "synthetic"
    assert "invented" in found.settings.source
    assert len(found.rows) > 300
    assert [finding for finding in lint(found) if finding.severity != "note"] == []


def test_it_is_written_as_the_program_writes(tmp_path: Path) -> None:
    found = find_catalogue("synthetic")
    shipped = Path(__file__).parents[3] / "drg" / "dip" / "catalogues" / "synthetic"
    save_catalogue(found, tmp_path)
    for file in ("groups.tsv", "catalogue.toml"):
        assert (tmp_path / file).read_bytes() == (shipped / file).read_bytes()


def test_the_same_seed_builds_the_same_catalogue(tmp_path: Path) -> None:
    for name in ("one", "two"):
        build_synthetic(tmp_path / name, 2_000, 7)
    one, two = (sorted((tmp_path / name).iterdir()) for name in ("one", "two"))
    assert [file.name for file in one] == [file.name for file in two]
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]
    other = tmp_path / "other"
    build_synthetic(other, 2_000, 8)
    assert load_catalogue(other).rows != load_catalogue(tmp_path / "one").rows
