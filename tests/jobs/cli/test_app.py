"""`estorno` itself."""

from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from domain.platform.settings import Settings
from jobs.cli.app import app
from jobs.machine import servers, up
from jobs.machine.children import ChildError


def test_it_tells_its_version() -> None:
    told = CliRunner().invoke(app, ["--version"])
    assert (told.exit_code, told.output) == (0, f"estorno {metadata.version('estorno')}\n")


def test_a_home_that_cannot_be_written_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ChildError, match=r"ESTORNO_HOME .*cannot be written"), up.only_one(tmp_path / "file" / "home"):
        pass


def test_a_card_that_cannot_be_read_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "running.json").mkdir()
    with pytest.raises(ChildError, match=r"running\.json cannot be read"):
        up.as_running(Settings(home=tmp_path))


def test_a_server_of_our_own_that_is_not_installed_is_told_in_words() -> None:
    with pytest.raises(ChildError, match=r"estorno\[machine\]"):
        servers._binaries("no_such_package", "no-such-package")
