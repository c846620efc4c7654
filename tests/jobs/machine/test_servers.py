"""Servers from the wheels: as root and as a normal user, after a crash, and never longer than their parent."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from jobs.machine.children import Child, ChildError
from jobs.machine.ports import free_port
from jobs.machine.servers import Postgres, Valkey, place_for

CHECKOUT = Path(__file__).resolve().parents[3]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can become somebody else.")

_START = """
import encodings.idna, os, sys, time  # what is imported late could not be read as somebody else
from pathlib import Path
from jobs.machine.ports import free_port
from jobs.machine.servers import APPLICATION, OWNER, Postgres, Valkey
home, user, after = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if user:
    os.setgroups([]); os.setgid(user); os.setuid(user)
postgres, valkey = Postgres(home, home / "p.log", free_port(), durable=False), Valkey(home, home / "v.log", free_port())
children = [postgres.child(), valkey.child()]
for child in children:
    child.start()
print(*(child.process.pid for child in children), flush=True)
if after == "stop":
    for child in children:
        child.stop()
else:
    time.sleep(60)
"""


def _start(home: Path, user: int, after: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _START, str(home), str(user), after], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )


def test_they_start_and_stop_as_whoever_we_are(home: Path) -> None:
    done = _start(home, 0, "stop")
    out, _ = done.communicate(timeout=60)
    assert done.returncode == 0
    assert not any(psutil.pid_exists(int(pid)) for pid in out.split())


@AS_ROOT
def test_they_start_and_stop_as_a_normal_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    home = Path("/var/tmp") / f"estorno-test-{os.getpid()}"
    home.mkdir()
    os.chown(home, nobody, nobody)
    try:
        done = _start(home, nobody, "stop")
        done.communicate(timeout=60)
        assert done.returncode == 0
        assert (home / "servers" / "postgres").stat().st_uid == nobody
    finally:
        shutil.rmtree(home)


@AS_ROOT
def test_as_root_they_run_as_somebody_who_is_not(home: Path) -> None:
    parent = _start(home, 0, "wait")
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    try:
        assert {psutil.Process(pid).uids().effective for pid in pids} == {pwd.getpwnam("nobody").pw_uid}
    finally:
        parent.kill()
        parent.communicate()
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=20)
    assert not alive, "A server outlived its killed parent."


def test_data_survives_a_killed_server_and_a_stale_pid_file(home: Path) -> None:
    postgres = Postgres(home, home / "p.log", free_port())
    child = postgres.child()
    child.start()
    postgres._sql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)")
    assert child.process is not None
    helpers = psutil.Process(child.process.pid).children(recursive=True)
    child.process.kill()
    child.process.wait()
    psutil.wait_procs(helpers, timeout=20)  # they notice that the postmaster is gone
    (postgres.data / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.data}\n")
    again = postgres.child()
    again.start()
    try:
        assert postgres._sql("SELECT n FROM kept").strip() == "42"
    finally:
        again.stop()


def test_the_application_owns_nothing_in_a_new_database(home: Path) -> None:
    postgres = Postgres(home, home / "p.log", free_port(), durable=False)
    child = postgres.child()
    child.start()
    try:
        owner = postgres._sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'estorno'").strip()
        attributes = postgres._sql(
            "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = 'estorno_app'"
        )
    finally:
        child.stop()
    assert (owner, attributes.strip()) == ("estorno_owner", "f")


def test_passwords_are_readable_by_us_alone(home: Path) -> None:
    postgres, valkey = Postgres(home, home / "p.log", 1), Valkey(home, home / "v.log", 1)
    assert postgres.url("estorno_app") == postgres.url("estorno_app")
    assert valkey.url == valkey.url
    for path in (home / "postgres-passwords.json", home / "valkey-password"):
        assert path.stat().st_mode & 0o077 == 0


@AS_ROOT
def test_data_that_their_user_could_not_reach_lies_elsewhere_and_nothing_is_opened_up(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    place = place_for(closed / "home")
    assert place.is_relative_to("/var/tmp")
    assert closed.stat().st_mode & 0o777 == 0o700
    place.rmdir()


def test_a_child_that_does_not_come_up_says_its_last_words(tmp_path: Path) -> None:
    child = Child(
        name="broken",
        argv=[sys.executable, "-c", "print('I can not'); raise SystemExit(3)"],
        log=tmp_path / "log",
        ready=lambda: False,
    )
    with pytest.raises(ChildError, match=r"(?s)broken ended with 3.*I can not"):
        child.start()


def test_a_child_that_ignores_the_request_is_made_to_end(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    log = tmp_path / "log"
    child = Child(
        name="stubborn", argv=[sys.executable, "-c", stubborn], log=log, ready=lambda: "up" in log.read_text()
    )
    child.start()
    child.stop(seconds=0.5)
    assert child.exit_code() == -signal.SIGKILL


def test_the_guard_ends_its_program_when_the_pipe_closes(tmp_path: Path) -> None:
    guard = subprocess.Popen(
        [sys.executable, "-m", "jobs.machine.guard", sys.executable, "-c", "import time; time.sleep(60)"],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
    )
    assert guard.stdin is not None
    time.sleep(0.5)
    guard.stdin.close()
    assert guard.wait(10) != 0


_WATCH = """
import sys
told = []
def tell(event, given):
    if event == "subprocess.Popen":
        told.append(repr(given[1]))
        ours = "psql" in given[1][0] or "pg_isready" in given[1][0]
        if WITH_ENVIRONMENT and not ours:
            told.append(repr(given[3]))
sys.addaudithook(tell)
"""


def test_no_password_stands_in_the_arguments_of_a_process(home: Path) -> None:
    """Everybody on the machine can read those, and the first start sets the passwords."""
    told = _told(home, with_environment=False)
    assert "psql" in told
    assert not [word for word in _passwords(home) if word in told]


@AS_ROOT
def test_the_servers_user_is_given_no_password_and_no_key_in_the_environment(home: Path) -> None:
    """Whoever else runs as that user can read it."""
    told = _told(home, with_environment=True, ESTORNO_SECRET_KEY="our-own-key", DATABASE_URL="postgres://a:b@c/d")
    assert "initdb" in told
    assert "PATH" in told
    assert not [word for word in (*_passwords(home), "our-own-key", "postgres://a:b@c/d") if word in told]


def _told(home: Path, *, with_environment: bool, **more: str) -> str:
    """What a first start tells of the processes that it starts."""
    script = f"WITH_ENVIRONMENT = {with_environment}\n{_WATCH}{_START}\nprint(*told, sep='\\n')\n"
    argv, given = [sys.executable, "-c", script, str(home), "0", "stop"], {**os.environ, **more}
    return subprocess.run(argv, cwd=CHECKOUT, env=given, capture_output=True, text=True, check=True).stdout


def _passwords(home: Path) -> set[str]:
    kept = json.loads((home / "postgres-passwords.json").read_text())
    words = {*kept.values(), (home / "valkey-password").read_text()}
    assert len(words) == 4
    return words
