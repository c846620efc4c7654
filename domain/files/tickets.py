"""How a file comes in and goes out: a ticket for exactly these bytes opens the door once; reading asks again who may.

The ticket is bound to merchant, purpose, size and SHA-256: two uploads with one ticket can only bring the same bytes.
"""

import hashlib
import math
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Final
from uuid import UUID, uuid4

from domain.access.tokens import Permission, Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.files import content
from domain.files.kinds import NAMES, RULES, media_type_of
from domain.files.room import ROOM
from domain.models.exports import Export
from domain.models.files import File, Purpose
from domain.platform.alone import lock_name
from domain.platform.database import for_all, rows, transaction
from domain.platform.settings import Settings
from domain.problems import InvalidInput, NotFound, RateLimited

LIFETIME: Final = timedelta(minutes=15)
DOWNLOAD: Final = "fileDownload"
_OPEN_MAX: Final = 50  # tickets of a merchant that nobody has used yet
_DAY: Final = timedelta(days=1)
_DAY_MAX: Final = 200  # announced by a merchant within a day: a file is kept for good
_LATELY: Final = """
SELECT count(*) AS count, count(*) FILTER (WHERE stored_at IS NULL AND ticket_until > now()) AS open,
    extract(epoch FROM min(created_at) + $2::interval - now())::float8 AS wait
FROM files WHERE merchant_id = $1 AND created_at > now() - $2::interval"""
_NAME_MAX: Final = 200
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class NewFile:
    """What will be handed in. `size` in bytes; `sha256` of the content, hex."""

    purpose: Purpose
    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """`secret` opens the door for `file`, once; it is given in clear this one time."""

    file: File
    secret: str


async def announce(principal: Principal, new: NewFile, settings: Settings, cause: Cause) -> Ticket:
    """A ticket of 15 minutes for this file. Raises Forbidden, InvalidInput, RateLimited; Unsealable, KeyServiceAway."""
    rule = RULES[new.purpose]
    if rule.writer is None:
        raise InvalidInput("Nobody hands in files of this purpose: they are made here.", path=["input", "purpose"])
    principal.require_everywhere(rule.writer)
    _check(new, rule.size_max)
    secret, file_id = secrets.token_urlsafe(32), uuid4()
    sealed_key = await content.new_key(settings, principal.merchant_id, file_id)
    async with transaction():
        await _check_open(principal.merchant_id)
        file = await File.create(
            id=file_id,
            sealed_key=sealed_key,
            merchant_id=principal.merchant_id,
            purpose=new.purpose,
            name=new.name.strip(),
            size=new.size,
            sha256=new.sha256,
            ticket_digest=_digest(secret),
            ticket_until=datetime.now(UTC) + LIFETIME,
            created_by=principal.holder,
        )
        told = {"purpose": new.purpose.value, "name": file.name, "size": new.size, "sha256": new.sha256}
        await deeds.note(file.merchant_id, "fileAnnounce", Of("file", file_id), cause, deeds.changed({}, told))
    return Ticket(file, secret)


async def _check_open(merchant_id: UUID) -> None:
    """One announcement of a merchant at a time, until the caller's transaction ends: many at once count each other."""
    await lock_name(f"files/{merchant_id}")
    (row,) = await rows(_LATELY, merchant_id, _DAY)
    if row["open"] >= _OPEN_MAX:
        raise RateLimited(
            f"{_OPEN_MAX} uploads are announced and have not come; send those first.",
            retry_after=int(LIFETIME.total_seconds()),
        )
    if row["count"] >= _DAY_MAX:
        raise RateLimited(
            f"{_DAY_MAX} files were announced within a day; hand in what is there.",
            retry_after=max(1, math.ceil(row["wait"])),
        )


def _check(new: NewFile, size_max: int) -> None:
    name = new.name.strip()
    if not (0 < len(name) <= _NAME_MAX and name.isprintable()):
        raise InvalidInput(f"name takes 1 to {_NAME_MAX} printable characters.", path=["input", "name"])
    if not 0 < new.size <= size_max:
        raise InvalidInput(f"A file of this purpose has 1 to {size_max} bytes.", path=["input", "size"])
    if _SHA256.fullmatch(new.sha256) is None:
        raise InvalidInput("sha256 is 64 characters of 0-9 and a-f, of the file's bytes.", path=["input", "sha256"])


@for_all("whose a ticket is")
async def awaited(ticket: str) -> File | None:
    """The file that this ticket is for; None where it opens nothing (any more). Asked before a byte is read."""
    found = File.filter(ticket_digest=_digest(ticket), stored_at=None, ticket_until__gt=datetime.now(UTC))
    return await found.get_or_none()


async def take_in(file: File, chunks: AsyncIterator[bytes], settings: Settings) -> File:
    """Store the awaited file. Raises InvalidInput with what is wrong (the ticket stays good), ContentAway.

    Raises UnderWay and NoRoom before a byte is read.
    """
    with ROOM.taking(file):
        given = await _whole(file, chunks)
        media_type = media_type_of(given)
        if media_type not in RULES[file.purpose].media_types:
            known = ", ".join(sorted(NAMES.get(one, one) for one in RULES[file.purpose].media_types))
            raise InvalidInput(f"By its content the file is none of {known}; export it again as one of them.")
        await content.put(settings, file, given)
    async with transaction():
        stored = File.filter(id=file.id, stored_at=None)
        if await stored.update(media_type=media_type, stored_at=datetime.now(UTC)):
            # Whoever has the ticket may bring these bytes; who announced them answers for it.
            cause, what = Cause(f"file-{file.id}", file.created_by), {"media_type": [None, media_type]}
            await deeds.note(file.merchant_id, "fileUpload", Of("file", file.id), cause, what)
    return await File.get(id=file.id)


async def _whole(file: File, chunks: AsyncIterator[bytes]) -> bytes:
    given, seen = BytesIO(), hashlib.sha256()  # what it collects it gives out without a copy
    async for chunk in chunks:
        seen.update(chunk)
        given.write(chunk)
        if given.tell() > file.size:
            raise InvalidInput(f"More than the announced {file.size} bytes came; announce the file as it is.")
    if given.tell() != file.size:
        raise InvalidInput(f"{given.tell()} of the announced {file.size} bytes came; send the whole file again.")
    if seen.hexdigest() != file.sha256:
        raise InvalidInput("The bytes have another SHA-256 than was announced; send the file that was announced.")
    return given.getvalue()


async def read(principal: Principal, file_id: UUID, settings: Settings, cause: Cause) -> tuple[File, bytes]:
    """A stored file and its content; that it was read is a deed.

    Raises NotFound (also where the principal may not), ContentAway, Unsealable.
    """
    file = await File.get_or_none(id=file_id, merchant_id=principal.merchant_id)
    if file is None or file.stored_at is None or file.sealed_key is None or not await _may_read(principal, file):
        if file is not None:
            await deeds.refused(file.merchant_id, DOWNLOAD, cause, "FORBIDDEN")
        raise NotFound("There is no such file, or it is not yours to read.")
    given = await content.get(settings, file)
    await deeds.read(file.merchant_id, DOWNLOAD, "file", [file_id], cause)
    return file, given


_OF_THE_LOG: Final = "AUDIT"  # of exports (exports/asked.Kind): who reads books does not read who did what


async def _may_read(principal: Principal, file: File) -> bool:
    # A file is the merchant's and of no one store: it takes somebody who may in all of them. An export is of those
    # stores that its asker might read, until it expires.
    export = await Export.get_or_none(file_id=file.id) if file.purpose is Purpose.EXPORT else None
    if export is not None and (export.state != "DONE" or not _lasts(export)):
        return False
    named = export.store_ids if export is not None else None
    stores = [UUID(one) for one in named] if named else [None]
    readers = RULES[file.purpose].readers
    if export is not None and export.kind == _OF_THE_LOG:
        readers = frozenset({Permission.READ_AUDIT})
    return any(all(principal.covers([reader], store) for store in stores) for reader in readers)


def _lasts(export: Export) -> bool:
    return export.expires_at is not None and export.expires_at > datetime.now(UTC)


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode("utf-8", "replace")).hexdigest()
