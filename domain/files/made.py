"""Files that we make for somebody: nobody hands them in, so the ticket that every file has opens no door."""

import hashlib
import secrets
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from domain.files import content
from domain.files.kinds import RULES, media_type_of
from domain.models.files import File, Purpose
from domain.platform.settings import Settings
from domain.problems import InvalidInput

_NAME_MAX: Final = 200


async def make(settings: Settings, merchant_id: UUID, purpose: Purpose, name: str, given: bytes, made_by: str) -> File:
    """Keep the content; the row is the caller's to save, in the transaction that makes it true (or `content.remove`).

    Raises InvalidInput where it is too large; ContentAway, Unsealable, KeyServiceAway.
    """
    if len(given) > RULES[purpose].size_max:
        raise InvalidInput(
            f"The file has {len(given)} bytes, and may have {RULES[purpose].size_max}: ask for less at once."
        )
    file_id, now = uuid4(), datetime.now(UTC)
    file = File(
        id=file_id,
        merchant_id=merchant_id,
        purpose=purpose,
        name=name[:_NAME_MAX],
        size=len(given),
        sha256=hashlib.sha256(given).hexdigest(),
        media_type=media_type_of(given),
        ticket_digest=hashlib.sha256(secrets.token_bytes(32)).hexdigest(),
        ticket_until=now,
        created_by=made_by,
        stored_at=now,
        sealed_key=await content.new_key(settings, merchant_id, file_id),
    )
    await content.put(settings, file, given)
    return file
