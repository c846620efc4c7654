"""What a resolution books: where the money of a finding goes from SUSPENSE, and the same taken back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.books import ledger
from domain.books.ledger import Posting
from domain.cause import Cause
from domain.findings.money import CAUSE, Suspended
from domain.models import Connection, Finding, FindingResolution, Payment
from domain.models.findings import Reason
from domain.models.ledger import Account, Entry
from domain.money import Money
from domain.platform.database import rows
from domain.problems import InvalidInput, InvalidState

# Where CORRECTED may take it, and by which entry.
ACCOUNTS: Final[Mapping[Account, Entry]] = {
    Account.SALES_RETURNS: Entry.SUSPENSE_TO_RETURNS,
    Account.CHARGEBACKS: Entry.SUSPENSE_TO_CHARGEBACKS,
    Account.FEES: Entry.SUSPENSE_TO_FEES,
    Account.PSE_ADJUSTMENTS: Entry.SUSPENSE_TO_ADJUSTMENTS,
    Account.FX_DIFFERENCES: Entry.SUSPENSE_TO_FX,
    Account.ROUNDING: Entry.SUSPENSE_TO_ROUNDING,
}
_ENTRIES: Final[Mapping[Reason, Entry]] = {
    Reason.WRITE_OFF: Entry.WRITE_OFF,
    Reason.CLAIMED_FROM_PSE: Entry.WRITE_OFF,  # what did not come
    Reason.REFUND_OF_OURS: Entry.SUSPENSE_TO_RETURNS,
    Reason.CHARGEBACK: Entry.SUSPENSE_TO_CHARGEBACKS,
    Reason.FEE: Entry.SUSPENSE_TO_FEES,
}
_MOVING: Final = frozenset({Reason.REFUND_OF_OURS, Reason.CHARGEBACK, Reason.FEE})
_STAYING: Final = frozenset({Reason.EXPLAINED, Reason.DUPLICATE_OF})
# VAT of the payment that was moved with what turned out to be a refund, and how much that was (minor units).
_CLEARED: Final = """SELECT coalesce(sum(r.amount), 0)::bigint AS amount, coalesce(sum(r.tax), 0)::bigint AS tax
FROM finding_resolutions r JOIN findings f ON f.id = r.finding_id
WHERE f.payment_id = $1 AND r.started_at IS NOT NULL AND r.ended_at IS NULL
  AND (r.reason = 'REFUND_OF_OURS' OR r.account = 'SALES_RETURNS')"""


@dataclass(frozen=True, slots=True)
class Moved:
    """What leaves SUSPENSE (minor units), with the VAT within it. Below zero: money of no payment that came."""

    amount: int
    tax: int = 0


def check(reason: Reason, account: Account | None, came: Money | None, suspended: Suspended, currency: str) -> None:
    """Whether this can be said of a finding with so much in SUSPENSE. Raises InvalidInput, InvalidState."""
    if reason in _STAYING and suspended.own != 0 and reason is not Reason.DUPLICATE_OF:
        money = Money(abs(suspended.own), currency)
        raise InvalidState(
            f"{money} of it is in SUSPENSE: say where it belongs (WRITE_OFF, CORRECTED with an account, "
            "CLAIMED_FROM_PSE, REFUND_OF_OURS, CHARGEBACK or FEE).",
            path=["input", "reason"],
            current_state="IN_SUSPENSE",
        )
    if reason in _MOVING and suspended.own == 0:
        raise InvalidState(
            "Nothing of it is in SUSPENSE, so there is nothing to move: say EXPLAINED, or what else it is.",
            path=["input", "reason"],
            current_state="NOT_IN_SUSPENSE",
        )
    _check_account(reason, account, suspended)
    _check_came(reason, came, suspended, currency)


def _check_account(reason: Reason, account: Account | None, suspended: Suspended) -> None:
    if reason is Reason.CORRECTED and suspended.own != 0:
        if account not in ACCOUNTS:
            raise InvalidInput(f"account is one of {', '.join(ACCOUNTS)}.", path=["input", "account"])
    elif account is not None:
        raise InvalidInput(
            "An account is named with CORRECTED, and where something is in SUSPENSE.", path=["input", "account"]
        )


def _check_came(reason: Reason, came: Money | None, suspended: Suspended, currency: str) -> None:
    if came is None:
        return
    if reason is not Reason.CLAIMED_FROM_PSE:
        raise InvalidInput("What came is said with CLAIMED_FROM_PSE.", path=["input", "came"])
    if came.currency != currency:
        raise InvalidInput(f"The finding is in {currency}.", path=["input", "came"])
    if suspended.own < 0 or 0 < suspended.own < came.minor_units:
        raise InvalidInput("More came than is in SUSPENSE of it.", path=["input", "came"])


async def moved(reason: Reason, account: Account | None, suspended: Suspended, payment: Payment | None) -> Moved:
    """What a resolution moves. Under the payment's lock."""
    if reason in _STAYING or suspended.own == 0:
        return Moved(0)
    if payment is None:
        return Moved(suspended.own)
    is_return = reason is Reason.REFUND_OF_OURS or account is Account.SALES_RETURNS
    return Moved(suspended.own, await _tax_of(payment, suspended.own) if is_return else 0)


async def _tax_of(payment: Payment, amount: int) -> int:
    """Rounded down, cumulatively: with the shares of refunds it is never more than the payment's VAT."""
    (cleared,) = await rows(_CLEARED, payment.id)
    part = min(cleared["amount"] + amount, payment.captured)
    share: int = payment.tax_amount * part // payment.captured - cleared["tax"]
    left: int = payment.tax_amount - payment.tax_allocated - cleared["tax"]
    return max(0, min(share, amount, left))


async def post(
    said: FindingResolution, finding: Finding, payment: Payment | None, cause: Cause, *, reverse: bool = False
) -> None:
    """Book what the resolution says, or take it back. Inside the caller's transaction, which has the payment's lock."""
    if said.amount == 0:
        return
    store_id = payment.store_id if payment is not None else await _store_of(finding)
    on, end = await ledger.today(said.merchant_id), "/reversed" if reverse else ""
    await ledger.post(
        [
            Posting(
                merchant_id=said.merchant_id,
                store_id=store_id,
                connection_id=finding.connection_id,
                entry=entry,
                amount=abs(amount),
                tax=tax,
                currency=said.currency,
                accounting_date=on,
                cause=f"{CAUSE}{said.id}/{entry}{end}",
                request_id=cause.request_id,
                payment_id=finding.payment_id,
                reverse=reverse is not (amount < 0),
            )
            for entry, amount, tax in _entries(said)
        ]
    )


async def _store_of(finding: Finding) -> UUID:
    """What names no payment is the default store's, as the reports have booked it."""
    return (await Connection.get(id=finding.connection_id)).default_store_id


def _entries(said: FindingResolution) -> Sequence[tuple[Entry, int, int]]:
    """Entry, amount and VAT within it, of each part."""
    reason, came = Reason(said.reason), said.came or 0
    if reason is Reason.CORRECTED:
        assert said.account is not None, "It was checked."
        return [(ACCOUNTS[Account(said.account)], said.amount, said.tax)]
    parts = [(_ENTRIES[reason], said.amount - came, said.tax)]
    if came > 0:
        parts.append((Entry.SUSPENSE_TO_ADJUSTMENTS, came, 0))
    return [part for part in parts if part[1] != 0]
