"""What a PSE itself said to have left, or come back, without a refund of ours: an answer, a listing, a webhook.

A report may have told of it first, and what was booked then names the report alone. What the PSE said as well stays,
whatever a revised report has no longer.
"""

from domain.models import Payment
from domain.platform.database import execute, rows


async def note(payment: Payment, name: str, amount: int, request_id: str) -> None:
    """Write down once that the PSE says so of `name` (external.name_of; with /back, that it came back).

    `amount` in minor units. Inside the caller's transaction, which holds the payment's lock.
    """
    await execute(
        "INSERT INTO listed_money (payment_id, name, amount, request_id, at) "
        "VALUES ($1, $2, $3, $4, clock_timestamp()) ON CONFLICT (name) DO NOTHING",
        payment.id,
        name,
        amount,
        request_id,
    )


async def has(name: str, amount: int | None = None) -> bool:
    """Whether the PSE itself said so of this name, as `note` was told; of so much (minor units), if that is given."""
    found = await rows("SELECT amount FROM listed_money WHERE name = $1", name)
    return bool(found) and amount in (None, found[0]["amount"])


async def more(name: str, amount: int) -> int:
    """So much (minor units), or what the PSE itself said of this name (as `note` was told), if that is more."""
    found = await rows("SELECT amount FROM listed_money WHERE name = $1", name)
    return max(amount, *(int(row["amount"]) for row in found)) if found else amount


async def standing(payment: Payment, amount: int) -> int:
    """How many refunds of so much (minor units) the PSE itself says to have left; none of ours, and none came back."""
    (found,) = await rows(
        "SELECT count(*) AS times FROM listed_money l WHERE l.payment_id = $1 AND l.amount = $2 "
        "  AND right(l.name, 5) <> '/back' "
        "  AND NOT EXISTS (SELECT 1 FROM listed_money b WHERE b.name = l.name || '/back') "
        "  AND NOT EXISTS (SELECT 1 FROM ledger_entries o WHERE o.cause = l.name || '/ours') "
        "  AND NOT EXISTS (SELECT 1 FROM refunds f WHERE f.payment_id = $1 AND f.reference <> f.pse_refund_reference "
        "    AND l.name = format('taken/%s/%s/%s', $3::text, $4::text, f.pse_refund_reference))",
        payment.id,
        amount,
        str(payment.connection_id),
        payment.pse_reference,
    )
    times: int = found["times"]
    return times


async def listed_only(payment: Payment, amount: int) -> int:
    """How many of so much (minor units) the PSE itself has told by name that are booked by nameless lines alone."""
    (found,) = await rows(
        "SELECT count(*) AS times FROM listed_money l WHERE l.payment_id = $1 AND l.amount = $2 "
        "  AND right(l.name, 5) <> '/back' "
        "  AND NOT EXISTS (SELECT 1 FROM listed_money b WHERE b.name = l.name || '/back') "
        "  AND NOT EXISTS (SELECT 1 FROM ledger_entries o WHERE o.cause = l.name)",
        payment.id,
        amount,
    )
    times: int = found["times"]
    return times
