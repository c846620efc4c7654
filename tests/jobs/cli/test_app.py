"""`estorno` itself."""

from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from domain.platform.settings import Settings
from jobs.cli.app import app
from jobs.cli.commands import CommandError
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


def test_a_command_takes_the_servers_of_the_card_and_else_what_it_is_told_itself(tmp_path: Path) -> None:
    lent = {"database_url": "postgresql://estorno@127.0.0.1/estorno", "redis_url": "redis://127.0.0.1:6379"}
    running = Settings.read({"ESTORNO_HOME": str(tmp_path), "ESTORNO_PORT": "8000"}).with_(**lent, rate_per_token=7)
    own = {"ESTORNO_PORT": "8001", "ESTORNO_TRUSTED_DOCUMENTS": "documents.json", "ESTORNO_SECRET_KEY": "A" * 43}
    with up.card_of(running):
        told = up.as_running(Settings(home=tmp_path), own)
    assert (told.port, told.trusted_documents) == (8001, Settings.read(own).trusted_documents)
    assert (told.database_url, told.redis_url, told.rate_per_token) == (*lent.values(), 7)
    assert told.secret_key == running.secret_key


def test_a_demo_beside_trusted_documents_is_refused_in_one_sentence_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()  # it would begin with this, which cannot be one
    given = {"ESTORNO_HOME": str(tmp_path), "ESTORNO_TRUSTED_DOCUMENTS": "documents.json"}
    told = CliRunner().invoke(app, ["up", "--demo", "--once"], env=given)
    assert isinstance(told.exception, CommandError)
    assert "ESTORNO_PORT=8001 ESTORNO_TRUSTED_DOCUMENTS=documents.json estorno api" in str(told.exception)


def test_a_server_of_our_own_that_is_not_installed_is_told_in_words() -> None:
    with pytest.raises(ChildError, match=r"estorno\[machine\]"):
        servers._binaries("no_such_package", "no-such-package")
