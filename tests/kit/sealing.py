"""Sealing in tests: what is sealed is older than every running transaction, those of tests beside this one too."""

import asyncio

from domain.history import seals
from domain.platform.database import rows
from tests.kit.factories import Shop


async def sealed(shop: Shop) -> None:
    """Seal until all of a merchant's is; tests beside this one write in the same server."""
    for _ in range(400):
        await seals.seal()
        left = await rows(
            "SELECT 1 AS one FROM news n WHERE n.merchant_id = $1 AND NOT EXISTS (SELECT 1 FROM event_seals s "
            "WHERE s.news_id = n.id) UNION ALL SELECT 1 FROM events e WHERE e.merchant_id = $1 AND NOT EXISTS "
            "(SELECT 1 FROM event_seals s WHERE s.event_id = e.id) UNION ALL SELECT 1 FROM deeds d WHERE "
            "d.merchant_id = $1 AND NOT EXISTS (SELECT 1 FROM event_seals s WHERE s.deed_id = d.id)",
            shop.id,
        )
        if not left:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("It was not sealed.")
