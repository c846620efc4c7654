"""Payouts against the statements of banks, every hour: what can be proven is, and what is open is found."""

from typing import Final
from uuid import uuid4

import structlog

from domain.bank import accounts, look
from domain.cause import Cause
from domain.platform.database import door, for_all, for_merchant, unavailable

ACTOR: Final = "bank"
_log = structlog.get_logger()


@door
async def look_at_all() -> int:
    """Look at each merchant who has an account; how many. One that fails holds up no other."""
    with for_all("whose payouts come to a bank account"):
        merchants = await accounts.merchants()
    for merchant_id in merchants:
        try:
            with for_merchant(merchant_id):
                await look.look(merchant_id, Cause(f"bank-{uuid4()}", ACTOR))
        except Exception as error:
            if unavailable(error):
                raise
            _log.exception("bank.failed", merchant=str(merchant_id))
    return len(merchants)
