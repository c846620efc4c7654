"""Saying something on a channel that is not of the history: an alert, a digest, a test. The one way."""

from datetime import datetime
from typing import Final

from domain.deliveries.channels.channel import Message, packed
from domain.models import Endpoint
from domain.platform.database import rows, transaction

# Of one ordering key the earlier comes first: while it is pending, this one waits without a moment of its own. A
# message that is there already is left as it is.
_POST: Final = """INSERT INTO deliveries (merchant_id, endpoint_id, message_id, type, ordering_key, body, state, due_at,
  tries, round, number, made_at)
SELECT $1, $2, $3::varchar, $4, $5::varchar, $6, 'PENDING', CASE WHEN EXISTS (SELECT 1 FROM deliveries d
    WHERE d.endpoint_id = $2 AND d.ordering_key = $5::varchar AND d.state = 'PENDING') THEN NULL
  ELSE coalesce($7::timestamptz, now()) END, 0, 0, 0, now()
ON CONFLICT (endpoint_id, message_id) DO NOTHING RETURNING id"""


async def post(endpoint: Endpoint, message: Message, due: datetime | None = None) -> int | None:
    """Have a message sent to an endpoint, not before `due` (UTC; None: now); the delivery's id.

    Of one `message.id` there is one delivery on an endpoint: the second post gives None and does nothing. Written in
    the caller's transaction, if there is one. What is posted to an endpoint that is not active waits until it is.
    """
    async with transaction():
        await rows("SELECT id FROM endpoints WHERE id = $1 FOR NO KEY UPDATE", endpoint.id)
        made = await rows(
            _POST,
            endpoint.merchant_id,
            endpoint.id,
            message.id,
            message.type,
            message.key,
            packed(message),
            due,
        )
    found: int | None = made[0]["id"] if made else None
    return found
