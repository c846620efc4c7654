"""Payouts that nothing proves yet, and the bank's lines that prove nothing yet."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from domain.bank.matching import OpenLine, OpenPayout
from domain.models import Payout
from domain.platform.database import rows

SEEN: Final = timedelta(days=400)  # what is older is for a person
_PAYOUTS: Final = """SELECT p.id, p.connection_id, p.reference, p.currency, p.amount, p.business_date, p.expected_at
  FROM payouts p WHERE p.merchant_id = $1 AND p.amount <> 0 AND p.business_date > now()::date - $2::int
    AND NOT EXISTS (SELECT 1 FROM payout_proofs f WHERE f.payout_id = p.id AND f.voided_at IS NULL)
  ORDER BY p.business_date, p.id"""
# The lines of those amounts alone, or in whose words one of those names is: a bank's account has many others.
_LINES: Final = """SELECT l.id, a.currency, l.amount, l.booked_on, concat_ws(' ', l.text, l.reference) AS words,
    ARRAY(SELECT jsonb_array_elements_text(a.connection_ids)) AS connections
  FROM bank_lines l JOIN bank_accounts a ON a.id = l.account_id
  WHERE l.merchant_id = $1 AND l.booked_on > now()::date - $2::int AND l.withdrawn_at IS NULL AND {which}
    AND NOT EXISTS (SELECT 1 FROM payout_proofs f WHERE f.line_id = l.id AND f.voided_at IS NULL)
  ORDER BY l.booked_on, l.id"""
_OF_AMOUNTS: Final = _LINES.format(which="l.amount = ANY($3::bigint[])")
OF_NAMES: Final = _LINES.format(
    which="regexp_replace(upper(concat_ws(' ', l.text, l.reference)), '[^[:alnum:]]', '', 'g') LIKE ANY($3::text[])"
)
_OF_DAYS: Final = _LINES.format(which="l.booked_on BETWEEN $3 AND $4")


async def open_payouts(merchant_id: UUID) -> list[OpenPayout]:
    """The payouts of the last 400 days that no line proves, by date."""
    return [OpenPayout(**row) for row in await rows(_PAYOUTS, merchant_id, SEEN.days)]


def opened(payout: Payout) -> OpenPayout:
    """A payout as it is matched."""
    return OpenPayout(
        payout.id,
        payout.connection_id,
        payout.reference,
        payout.currency,
        payout.amount,
        payout.business_date,
        payout.expected_at,
    )


async def open_lines(merchant_id: UUID, payouts: Sequence[OpenPayout]) -> list[OpenLine]:
    """The lines of the payouts' amounts that prove nothing yet."""
    return await lines(_OF_AMOUNTS, merchant_id, sorted({payout.amount for payout in payouts}))


async def lines_of_days(merchant_id: UUID, first: date, last: date) -> list[OpenLine]:
    """The lines between two days that prove nothing yet."""
    return await lines(_OF_DAYS, merchant_id, first, last)


async def lines(which: str, merchant_id: UUID, *values: Any) -> list[OpenLine]:
    """The lines that a statement of this module finds, of the days on which something is looked for."""
    return [
        OpenLine(**{**row, "connections": frozenset(map(UUID, row["connections"]))})
        for row in await rows(which, merchant_id, SEEN.days, *values)
    ]
