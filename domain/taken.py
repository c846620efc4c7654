"""Money that left without a refund of ours, told by witnesses that name it differently.

A PSE may list a refund with its id, and have a report line for it that names the payment and the amount only. Both tell
of the same money, so of equal amounts as many are booked as the witness that tells of more of them knows.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from domain.database import rows
from domain.findings import FindingKind
from domain.idempotency import Cause
from domain.models import Payment
from domain.payments import book_taken
from domain.pse.vocabulary import KnownRefund, Succeeded

BY_AMOUNT: Final = "by-amount/"  # begins the name under which a line that names no refund is booked


async def from_line(payment: Payment, known: KnownRefund, report: str, turn: int, cause: Cause) -> None:
    """Book what a line without a refund's id tells, unless it was booked already.

    `turn`: the line's number among those of the report with the same payment and amount, from 1.
    """
    if isinstance(known.outcome, Succeeded):
        amount = known.amount.minor_units
        (booked,) = await rows(
            "SELECT count(*) FILTER (WHERE entry = 'TAKEN') - count(*) FILTER (WHERE entry = 'TAKEN_BACK') AS times "
            "FROM ledger_entries WHERE payment_id = $1 AND entry IN ('TAKEN', 'TAKEN_BACK') AND amount = $2",
            payment.id,
            amount,
        )
        if booked["times"] >= turn + await _lines_elsewhere(payment.id, amount, payment.connection_id, report):
            return
    await book_taken(payment, known, FindingKind.MISSING_IN_LEDGER, cause)


async def _lines_elsewhere(payment_id: UUID, amount: int, connection_id: UUID, report: str) -> int:
    (found,) = await rows(
        "SELECT count(*) AS times FROM settlement_lines l JOIN reports r ON r.id = l.report_id "
        "WHERE r.connection_id = $1 AND r.name <> $2 AND l.payment_id = $3 AND l.amount = $4 AND l.by_amount "
        "  AND l.effect = 'TAKEN' AND l.voided_at IS NULL",
        connection_id,
        report,
        payment_id,
        amount,
    )
    times: int = found["times"]
    return times


async def from_listing(payment: Payment, listed: Sequence[KnownRefund], cause: Cause) -> None:
    """Book the payment's refunds that are not ours, as the PSE lists them, unless lines have told of them already."""
    prefix = f"taken/{payment.connection_id}/{payment.pse_reference}/"
    booked = await rows(
        "SELECT cause, amount FROM ledger_entries WHERE payment_id = $1 AND entry = 'TAKEN'", payment.id
    )
    named = {row["cause"] for row in booked}
    told = Counter(row["amount"] for row in booked if row["cause"].startswith(prefix + BY_AMOUNT))
    for known in listed:
        amount = known.amount.minor_units
        fresh = isinstance(known.outcome, Succeeded) and prefix + known.reference not in named
        if fresh and told[amount] > 0:
            told[amount] -= 1
        else:
            await book_taken(payment, known, FindingKind.MISSING_IN_LEDGER, cause)
