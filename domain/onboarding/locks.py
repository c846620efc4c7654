"""The lock that every change of an application takes first."""

from uuid import UUID

from domain.access.tokens import Principal
from domain.models import Connection
from domain.problems import NotFound


async def locked(principal: Principal, connection_id: UUID) -> Connection:
    """The merchant's connection, locked until the transaction ends. Raises NotFound."""
    query = Connection.filter(id=connection_id, merchant_id=principal.merchant_id)
    connection = await query.select_for_update(no_key=True).get_or_none()
    if connection is None:
        raise NotFound("No such connection.", path=["input", "connectionId"])
    return connection
