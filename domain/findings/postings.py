"""What a resolution books: where a finding's money goes from SUSPENSE, or VAT that is pending; the same taken back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.books import ledger
from domain.books.ledger import Posting
from domain.cause import Cause
from domain.findings import claims, on_their_way, told_money
from domain.findings.allowed import ACCOUNTS, STAYING, VAT_ACCOUNTS
from domain.findings.money import CAUSE, Suspended
from domain.models import Connection, Finding, FindingResolution, Payment
from domain.models.findings import ClosingReason
from domain.models.ledger import Account, Entry
from domain.platform.database import rows

_ENTRIES: Final[Mapping[ClosingReason, Entry]] = {
    ClosingReason.WRITE_OFF: Entry.WRITE_OFF,
    ClosingReason.CLAIMED_FROM_PSE: Entry.WRITE_OFF,  # what did not come
    ClosingReason.REFUND_OF_OURS: Entry.SUSPENSE_TO_RETURNS,
    ClosingReason.CHARGEBACK: Entry.SUSPENSE_TO_CHARGEBACKS,
    ClosingReason.FEE: Entry.SUSPENSE_TO_FEES,
}
# VAT of the payment that was moved with what turned out to be a refund, and how much that was (minor units).
_CLEARED: Final = """SELECT f.payment_id, sum(r.amount)::bigint AS amount, sum(r.tax)::bigint AS tax
FROM finding_resolutions r JOIN findings f ON f.id = r.finding_id
WHERE f.payment_id = ANY($1::uuid[]) AND r.started_at IS NOT NULL AND r.ended_at IS NULL
  AND (r.reason = 'REFUND_OF_OURS' OR r.account = 'SALES_RETURNS') GROUP BY 1"""
# Of a payment: how much was cleared as refunds, and the VAT within it, minor units.
Cleared = Mapping[UUID, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Moved:
    """What leaves SUSPENSE (minor units), with the VAT within it. Below zero: money of no payment that came.

    `claim`: what of it was left of a claim in PSE_CLEARING, and comes from there.
    """

    amount: int
    tax: int = 0
    claim: int = 0


async def cleared(payments: Sequence[UUID]) -> Cleared:
    """Of each of these payments of which anything was cleared as a refund."""
    return {row["payment_id"]: (row["amount"], row["tax"]) for row in await rows(_CLEARED, list(payments))}


async def moved(
    reason: ClosingReason,
    account: Account | None,
    suspended: Suspended,
    payment: Payment | None,
    before: Cleared | None = None,
) -> Moved:
    """What a resolution moves. Under the payment's lock. `before`: what was cleared, where it is known already."""
    if reason in STAYING or suspended.own == 0:
        return Moved(0)
    if payment is None or suspended.is_told or suspended.claim != 0:
        return Moved(suspended.own, claim=suspended.claim)
    is_return = reason is ClosingReason.REFUND_OF_OURS or account is Account.SALES_RETURNS
    if not is_return:
        return Moved(suspended.own)
    known = before if before is not None else await cleared([payment.id])
    return Moved(suspended.own, _tax_of(payment, suspended.own, *known.get(payment.id, (0, 0))))


def _tax_of(payment: Payment, amount: int, cleared: int, tax: int) -> int:
    """Rounded down, cumulatively: with the shares of refunds it is never more than the payment's VAT."""
    part = min(cleared + amount, payment.captured)
    share: int = payment.tax_amount * part // payment.captured - tax
    left: int = payment.tax_amount - payment.tax_allocated - tax
    return max(0, min(share, amount, left))


async def post(
    said: FindingResolution, finding: Finding, payment: Payment | None, cause: Cause, *, reverse: bool = False
) -> None:
    """Book what the resolution says, or take it back. Inside the caller's transaction, which has the payment's lock."""
    if said.amount == 0 and not said.claim:
        return
    store_id = payment.store_id if payment is not None else await _store_of(finding)
    on, end = await ledger.today(said.merchant_id), "/reversed" if reverse else ""
    await ledger.post(
        [
            Posting(
                merchant_id=said.merchant_id,
                store_id=store_id,
                connection_id=finding.connection_id,
                entry=part.entry,
                amount=abs(part.amount),
                tax=part.tax,
                currency=said.currency,
                accounting_date=on,
                cause=f"{CAUSE}{said.id}/{part.entry}{_of_claim(part, finding)}{end}",
                request_id=cause.request_id,
                payment_id=finding.payment_id if part.is_claim or not told_money.is_told(finding) else None,
                refund_id=finding.refund_id if part.entry is Entry.CLAIM_GIVEN_UP else None,
                reverse=reverse is not (part.amount < 0),
            )
            for part in _parts(
                ClosingReason(said.reason),
                Account(said.account) if said.account else None,
                Moved(said.amount, said.tax, said.claim or 0),
                said.came or 0,
                is_payout=on_their_way.is_payout(finding),
            )
        ]
    )


def _of_claim(part: "_Part", finding: Finding) -> str:
    """How a cause goes on: what a claim was of, for whoever looks what is open of it (books/open_items)."""
    return f"/{claims.class_of(finding)}" if part.is_claim else ""


async def _store_of(finding: Finding) -> UUID:
    """What names no payment is the default store's, as the reports have booked it; a file's rest says whose it is."""
    if finding.fingerprint.startswith(told_money.REST):
        return UUID(finding.detail["store"])
    return (await Connection.get(id=finding.connection_id)).default_store_id


def rows_of(
    reason: ClosingReason, account: Account | None, moved: Moved, came: int, *, is_payout: bool
) -> list[tuple[Account, Account, int]]:
    """The rows of the ledger that `post` would add: debit, credit and amount (minor units)."""
    found: list[tuple[Account, Account, int]] = []
    for part in _parts(reason, account, moved, came, is_payout=is_payout):
        legs = ledger.legs_of(part.entry, abs(part.amount), part.tax)
        found += [(credit, debit, some) if part.amount < 0 else (debit, credit, some) for debit, credit, some in legs]
    return found


@dataclass(frozen=True, slots=True)
class _Part:
    """An entry of a resolution. `amount`, and the VAT within it, in minor units. `is_claim`: it is about a claim."""

    entry: Entry
    amount: int
    tax: int
    is_claim: bool


def _parts(
    reason: ClosingReason, account: Account | None, moved: Moved, came: int, *, is_payout: bool
) -> Sequence[_Part]:
    """What lines have left in SUSPENSE, and what comes there from a claim: each goes on by itself, and what came is
    said of one of both (`_check_came`: of both together less than nothing is there)."""
    made: list[_Part] = []
    for amount, is_claim in ((moved.amount - moved.claim, False), (moved.claim, True)):
        if amount == 0:
            continue
        first = [Entry.CLAIM_GIVEN_UP] if is_claim else [Entry.PAYOUT_GIVEN_UP] if is_payout else []
        found = [(entry, amount, 0) for entry in first] + list(_entries(reason, account, amount, moved.tax, came))
        made += [_Part(entry, some, tax, is_claim) for entry, some, tax in found]
    return made


def _entries(
    reason: ClosingReason, account: Account | None, amount: int, tax: int, came: int
) -> Sequence[tuple[Entry, int, int]]:
    """Entry, amount and VAT within it, of each part."""
    if reason is ClosingReason.CORRECTED:
        assert account is not None, "It was checked."
        return [({**ACCOUNTS, **VAT_ACCOUNTS}[account], amount, tax)]
    parts = [(_ENTRIES[reason], amount - came, tax)]
    if came > 0:
        parts.append((Entry.SUSPENSE_TO_ADJUSTMENTS, came, 0))
    return [part for part in parts if part[1] != 0]
