"""Registering the payments that a PSE lists."""

from datetime import date
from uuid import UUID

from domain import payments, reconciliation
from domain.calls import About
from domain.models import Connection
from domain.pse.registry import connector
from domain.pse.vocabulary import Period
from jobs.http import Sender
from jobs.listings import drive


async def import_date(connection: Connection, business_date: date, request_id: str, sender: Sender) -> list[UUID]:
    """Register the payments captured on a business date that are not known yet; the ids of the new ones."""
    period = await reconciliation.period_of(connection, business_date)
    return await import_period(connection, period, request_id, sender)


async def import_period(connection: Connection, period: Period, request_id: str, sender: Sender) -> list[UUID]:
    """As `import_date`, for any period. Raises ListingFailed, BadAnswer."""
    about = About(connection.merchant_id, connection.id, request_id, "LISTING")
    listed = await drive(connector(connection.pse).payments(period), connection, about, sender)
    return await payments.register_listed(connection, list(listed), request_id)
