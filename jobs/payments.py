"""Registering the payments that a PSE lists."""

from datetime import date
from uuid import UUID

from domain.connections.calls import About
from domain.models import Connection
from domain.payments import listed_payments
from domain.pse.registry import connector
from domain.pse.vocabulary import PartlyListed, Period
from domain.reconciliation import reconcile
from jobs.wire.drive import drive
from jobs.wire.sender import Sender


async def import_date(connection: Connection, business_date: date, request_id: str, sender: Sender) -> list[UUID]:
    """Register the payments captured on a business date that are not known yet; the ids of the new ones."""
    period = await reconcile.period_of(connection, business_date)
    return await import_period(connection, period, request_id, sender)


async def import_period(connection: Connection, period: Period, request_id: str, sender: Sender) -> list[UUID]:
    """As `import_date`, for any period. Raises ListingFailed, BadAnswer; what can be read is registered."""
    about = About(connection.merchant_id, connection.id, request_id, "LISTING")
    try:
        listed = await drive(connector(connection.pse).payments(period), connection, about, sender)
    except PartlyListed as error:
        await listed_payments.register(connection, error.read, request_id)
        raise
    return await listed_payments.register(connection, list(listed), request_id)
