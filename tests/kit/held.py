"""Whether the books hold what the PSE itself holds for us: the sandbox keeps that at its own layer."""

from domain.books import ledger
from domain.models.ledger import Account
from tests.kit.world import World


async def books_hold_what_the_pse_holds(world: World) -> None:
    """PSE_BALANCE and PAYOUTS_IN_TRANSIT are what the PSE has and what it paid out, in each currency."""
    log = await world.sandbox.get("log")
    ours = await ledger.balances(world.shop.id, connection_id=world.shop.connection.id)
    for account, theirs in ((Account.PSE_BALANCE, "held"), (Account.PAYOUTS_IN_TRANSIT, "paid_out")):
        held = {row.currency: row.balance for row in ours if row.account is account and row.balance}
        assert held == {currency: amount for currency, amount in log[theirs].items() if amount}, (account, log["held"])
