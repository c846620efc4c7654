"""The watched folder: <inbox>/<merchant>/<connection>/<report>. What is entered goes to done/, the rest to refused/.

Beside each lies a .txt that says what became of it. A file that is still being written is waited for; nothing outside
of the folder is ever read or moved: every step goes by the handle of the folder it is in, and no link is followed.
"""

import asyncio
import contextlib
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import structlog

from domain.connections.connections import SENDING
from domain.models import Connection, HandedReport, Merchant
from domain.platform.alone import alone
from domain.platform.database import door, for_all, for_merchant, unavailable
from domain.reconciliation import handed_in
from domain.reconciliation.handed_in import Became, Came, HandedInBy
from domain.reconciliation.unpacked import UNPACKED_BYTES_MAX
from jobs import handed_in as entering
from jobs.wire.sender import Sender

SETTLED_SECONDS: Final = 15.0  # a file that was not touched for so long is whole
DONE: Final = "done"
REFUSED: Final = "refused"
_BY: Final = "folder"
_UNFINISHED: Final = (".part", ".tmp", ".filepart", ".crdownload", ".swp", "~")
_AT_ONCE_MAX: Final = 200  # files of one visit
_ENTRIES_MAX: Final = 20_000  # of one folder that are looked at
_NAME_BYTES_MAX: Final = 240
_CHUNK: Final = 1024 * 1024
_LOCK: Final = 0x6573746F_696E626F
_WHERE: Final = "Put reports in <inbox>/<merchant>/<connection>/, by ids or by names that there is one of."
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder that is open: its handle, and what it is called for whoever reads the log."""

    handle: int
    name: str


@door
async def visit(inbox: Path, sender: Sender) -> int:
    """Take in what has settled in the folder; how many files. Of several processes one visits at a time.

    Raises OSError where there is no such folder.
    """
    taken = 0
    async with _alone() as mine:
        if not mine:
            return 0
        with _opened(os.open(inbox, os.O_RDONLY | os.O_DIRECTORY), str(inbox)) as root:
            _refuse_files(root)
            for merchant in _folders(root):
                with merchant as place:
                    taken += await _apart(place, sender)
    return taken


async def _apart(place: _Place, sender: Sender) -> int:
    """One merchant's folder, whose oddities are its own: the others behind it are visited all the same."""
    try:
        return await _merchant(place, sender)
    except Exception as error:
        if unavailable(error):
            raise
        _log.exception("inbox.failed", folder=place.name)
        return 0


@contextlib.asynccontextmanager
async def _alone() -> AsyncIterator[bool]:
    with for_all("one process at a time visits the folder, whosever the reports are"):
        async with alone(_LOCK) as held:
            yield held


async def _merchant(place: _Place, sender: Sender) -> int:
    with for_all("whose a folder of reports is"):
        merchant = await _named(Merchant, place.name)
    _refuse_files(place)
    taken = 0
    for folder in _folders(place):
        with folder as inner:
            found = None
            if merchant is not None:
                with for_merchant(merchant.id):
                    found = await _named(Connection, inner.name, merchant_id=merchant.id)
                    if found is not None and found.state in SENDING:
                        taken += await _connection(inner, found, sender)
                        continue
            why = f"{found.name} is {found.state.value}." if found is not None else "No such connection is known."
            _refuse_files(inner, f"{why} {_WHERE}")
    return taken


async def _named(model: Any, name: str, **more: Any) -> Any:
    try:
        name.encode()
    except UnicodeEncodeError:  # a folder's name is bytes: nothing of ours is called so
        return None
    try:
        found = await model.filter(id=UUID(name), **more)
    except ValueError:
        found = await model.filter(name=name, **more).limit(2)
    return found[0] if len(found) == 1 else None


async def _connection(place: _Place, connection: Connection, sender: Sender) -> int:
    taken = 0
    if not _can_be_moved(place):
        return 0
    for name in _files(place)[:_AT_ONCE_MAX]:
        try:
            taken += await _file(place, name, connection, sender)
        except OSError as error:
            _log.warning("inbox.unreadable", folder=place.name, file=name, error=str(error))
        except Exception as error:
            if unavailable(error):
                raise
            _log.exception("inbox.failed", folder=place.name, file=name)
    return taken


async def _file(place: _Place, name: str, connection: Connection, sender: Sender) -> bool:
    """One file, if it has settled: entered or refused, and moved. One that could not be entered stays for later."""
    before = os.stat(name, dir_fd=place.handle, follow_symlinks=False)
    if not stat.S_ISREG(before.st_mode):
        _move(place, name, REFUSED, "It is no file but a link or a device: nothing that it leads to is read.")
        return False
    if not _has_settled(before):
        return False
    if before.st_size > UNPACKED_BYTES_MAX:
        _move(place, name, REFUSED, f"It has {before.st_size} bytes: hand it in by `estorno reconcile --file`.")
        return False
    with tempfile.TemporaryDirectory(prefix="estorno-inbox-") as folder:
        copy = Path(folder) / "as-it-came"
        digest = await asyncio.to_thread(_copied, place, name, copy)
        after = os.stat(name, dir_fd=place.handle, follow_symlinks=False)
        if _version(before) != _version(after):
            return False  # it was written to while it was read
        moved = datetime.fromtimestamp(before.st_mtime, UTC)
        plain = name.encode("utf-8", "backslashreplace").decode()
        row = await handed_in.delivered(connection, Came(HandedInBy.FOLDER, plain, before.st_size, digest, moved), _BY)
        if row is None:
            return False
        await _entered(row, copy, sender)
    if row.state == Became.WAITING:
        return False
    _move(place, name, REFUSED if row.state == Became.REFUSED else DONE, row.said or "")
    return True


async def _entered(row: HandedReport, copy: Path, sender: Sender) -> None:
    try:
        await entering.enter(row, copy, sender)
    except Exception as error:
        if unavailable(error):
            raise
        _log.exception("inbox.not_entered", report=row.name)
        await handed_in.again(row, f"It could not be entered ({type(error).__name__}: {error}).")


def _has_settled(found: os.stat_result) -> bool:
    # Whoever sets the time of a file cannot set when that was done.
    return (
        time.time() - max(found.st_mtime if found.st_mtime <= time.time() else 0.0, found.st_ctime) >= SETTLED_SECONDS
    )


def _version(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _copied(place: _Place, name: str, into: Path) -> str:
    """The file's bytes in ours, and their SHA-256."""
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place.handle)
    seen = hashlib.sha256()
    with open(handle, "rb") as raw, into.open("xb") as file:
        while chunk := raw.read(_CHUNK):
            seen.update(chunk)
            file.write(chunk)
    return seen.hexdigest()


def _move(place: _Place, name: str, to: str, why: str) -> None:
    """Put the file into that folder beside a .txt that says why; what lies there already stays."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(to, dir_fd=place.handle)
    with _opened(os.open(to, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place.handle), to) as target:
        free = _free(target, name)
        os.rename(name, free, src_dir_fd=place.handle, dst_dir_fd=target.handle)
        handle = os.open(
            f"{free}.txt", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640, dir_fd=target.handle
        )
        with open(handle, "w", encoding="utf-8") as told:
            told.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n{why}\n")
    _log.info("inbox.moved", folder=place.name, file=name, to=to, why=why)


def _can_be_moved(place: _Place) -> bool:
    """Whether what is entered can be put aside: else it would be found, and judged, again and again."""
    try:
        for name in (DONE, REFUSED):
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=place.handle)
            handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place.handle)
            with _opened(handle, name):
                if not os.access(name, os.W_OK, dir_fd=place.handle):
                    raise PermissionError(f"{name} cannot be written to")
    except OSError as error:
        _log.error("inbox.not_used", folder=place.name, error=str(error))
        return False
    return True


def _free(place: _Place, name: str) -> str:
    stem, dot, ending = name.partition(".")
    if len(name.encode("utf-8", "surrogateescape")) > _NAME_BYTES_MAX:  # there is a .txt to come behind it
        stem, dot, ending = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest(), "", ""
        name = stem
    for number in range(1, _ENTRIES_MAX):
        tried = name if number == 1 else f"{stem}-{number}{dot}{ending}"
        if not any(_exists(place, one) for one in (tried, f"{tried}.txt")):
            return tried
    raise FileExistsError(f"{place.name} has too many files called {name}; clear it up.")


def _exists(place: _Place, name: str) -> bool:
    try:
        os.stat(name, dir_fd=place.handle, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _refuse_files(place: _Place, why: str = _WHERE) -> None:
    for name in _files(place)[:_AT_ONCE_MAX]:
        with contextlib.suppress(OSError):
            if _has_settled(os.stat(name, dir_fd=place.handle, follow_symlinks=False)):
                _move(place, name, REFUSED, why)


def _files(place: _Place) -> list[str]:
    """What is no folder, oldest name first; hidden and unfinished files are not there yet."""
    return sorted(
        one.name
        for one in _entries(place)
        if not one.is_dir(follow_symlinks=False) and not one.name.lower().endswith(_UNFINISHED)
    )


def _folders(place: _Place) -> Iterator["contextlib.AbstractContextManager[_Place]"]:
    for one in sorted(_entries(place), key=lambda entry: entry.name):
        if one.is_dir(follow_symlinks=False) and one.name not in (DONE, REFUSED):
            try:
                handle = os.open(one.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place.handle)
            except OSError as error:
                _log.warning("inbox.unreadable", folder=one.name, error=str(error))
                continue
            yield _opened(handle, one.name)


def _entries(place: _Place) -> list["os.DirEntry[str]"]:
    with os.scandir(place.handle) as found:
        some = [one for one, _ in zip(found, range(_ENTRIES_MAX), strict=False)]
    return [one for one in some if not one.name.startswith(".")]


@contextlib.contextmanager
def _opened(handle: int, name: str) -> Iterator[_Place]:
    try:
        yield _Place(handle, name)
    finally:
        os.close(handle)
