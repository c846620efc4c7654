"""Writing news by hand: in the transaction that made it true. Most of it the database writes itself (migration 0058).

It is sealed and told outside: nothing secret goes in, and nobody's name, document or account.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from domain.platform.database import execute

_WRITE: Final = (
    "INSERT INTO news (merchant_id, kind, subject_kind, subject_id, data) "
    "VALUES ($1, $2::varchar, $3::varchar, $4::varchar, $5::jsonb)"
)


async def write(
    merchant_id: UUID, kind: str, subject_kind: str, subject_id: UUID | str, data: Mapping[str, Any]
) -> None:
    """Add one piece of news. `kind` stands in the catalogue (domain/deliveries/catalogue); `data`: its facts."""
    await execute(_WRITE, merchant_id, kind, subject_kind, str(subject_id), json.dumps(data, default=str))
