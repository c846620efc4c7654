"""One payment of a PSE is registered once, whichever connection of the merchant reaches it.

A new key makes a new connection to the same account, where the same payment could be registered and refunded anew. All
of these PSEs name a payment uniquely, across their customers' accounts (Pix: across all banks), so that the same
reference on two connections of one merchant and one PSE is the same money.
"""

from domain.models import Connection
from domain.platform.alone import lock_name
from domain.platform.database import rows
from domain.problems import InvalidInput


async def registered(connection: Connection, pse_reference: str) -> str | None:
    """The name of another connection on which the merchant has this payment already, not withdrawn; None: on none.

    Inside the caller's transaction, which registers it: whoever registers the same one meanwhile waits for its end.
    """
    await lock_name(f"payment/{connection.merchant_id}/{connection.pse}/{pse_reference}")
    found = await rows(
        "SELECT c.name FROM connections c JOIN payments p ON p.connection_id = c.id "
        "WHERE c.merchant_id = $1 AND c.pse = $2 AND c.id <> $3 AND p.pse_reference = $4 AND p.withdrawn_at IS NULL "
        "ORDER BY p.created_at LIMIT 1",
        connection.merchant_id,
        connection.pse,
        connection.id,
        pse_reference,
    )
    return found[0]["name"] if found else None


async def check(connection: Connection, pse_reference: str) -> None:
    """Raises InvalidInput where `registered` on another connection."""
    if (name := await registered(connection, pse_reference)) is not None:
        raise InvalidInput(
            f"This payment is registered on your connection {name} already: refund it there. If that connection is "
            "used no more, withdraw the payment there first (paymentWithdraw), then register it here.",
            path=["input", "pseReference"],
        )
