"""What a breaker knows of its connection, told in the database when it changes: for whoever looks at the connection.

Each process has breakers of its own; what is told is the last word of any of them.
"""

from uuid import UUID

import structlog

from domain.connections import health
from domain.models import Connection
from jobs.wire.breaker import Breaker

_log = structlog.get_logger()


def is_news(breaker: Breaker, connection: Connection) -> bool:
    """Whether it rests longer than was told last, or works and the connection, as it was read, is said to rest."""
    if breaker.rest():
        return breaker.rests_until > breaker.told_until
    return connection.resting_until is not None and breaker.works


async def tell(connection_id: UUID, breaker: Breaker) -> None:
    """Never raises: nothing that was answered is lost because this could not be told."""
    rest = breaker.rest()
    breaker.told_until = breaker.rests_until
    try:
        if rest:
            await health.rests(connection_id, rest, breaker.failing_since)
        else:
            await health.works(connection_id)
    except Exception as error:
        _log.warning("breaker.untold", connection=str(connection_id), error=str(error))
