"""The migrated cluster that runs leave to each other."""

import os
from pathlib import Path

import pytest

from jobs.machine.servers import PASSWORDS, place_for
from tests.kit import family


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the cluster of this schema is kept: as whole as a test of copying needs it."""
    folder = tmp_path / "cluster-of-this-schema"
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "PG_VERSION").write_text("16")
    (folder / PASSWORDS).write_text("{}")
    monkeypatch.setattr(family, "_kept", lambda: folder)
    return folder


def test_a_run_begins_with_the_kept_cluster_and_marks_it_as_used(kept: Path, home: Path) -> None:
    os.utime(kept, (0, 0))
    assert family.made_before(home)
    assert (place_for(home) / "postgres" / "PG_VERSION").read_text() == "16"
    assert kept.stat().st_mtime > 0  # who tidies up begins with what was not used for longest


def test_what_another_run_takes_away_meanwhile_is_made_anew(kept: Path, home: Path) -> None:
    (kept / "postgres" / "PG_VERSION").unlink()
    (kept / "postgres").rmdir()
    assert not family.made_before(home)
    assert not (place_for(home) / "postgres").exists()
    assert not (home / PASSWORDS).exists()
