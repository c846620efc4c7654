"""Whether a webhook comes from the PSE, by any of the secrets that are believed just now."""

from datetime import UTC, datetime

from domain.connections.connections import credentials_believed
from domain.models import Connection
from domain.pse.registry import connector
from domain.pse.vocabulary import BadSignature, WebhookRequest


async def verify(connection: Connection, request: WebhookRequest, key: bytes) -> None:
    """Raises BadSignature; Unsealable and KeyServiceAway when the secrets do not open that might have signed it."""
    refused: BadSignature | None = None
    async for credentials in credentials_believed(connection, key):
        try:
            connector(connection.pse).verify_webhook(credentials, request, datetime.now(UTC))
        except BadSignature as error:
            refused = refused or error
        else:
            return
    assert refused is not None, "A connection has secrets, or they do not open."
    raise refused
