"""What a resolution books: where a finding's money goes from SUSPENSE, or VAT that is pending; the same taken back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.books import ledger
from domain.books.ledger import Posting
from domain.cause import Cause
from domain.findings import claims, on_their_way, told_money
from domain.findings.money import CAUSE, Suspended
from domain.models import Connection, Finding, FindingResolution, Payment
from domain.models.findings import ClosingReason
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
# Where CORRECTED may take VAT that is pending: back by a document, or nowhere.
VAT_ACCOUNTS: Final[Mapping[Account, Entry]] = {
    Account.OUTPUT_VAT: Entry.VAT_DOCUMENTED,
    Account.VAT_LOST: Entry.VAT_NOT_RECOVERABLE,
}
_ENTRIES: Final[Mapping[ClosingReason, Entry]] = {
    ClosingReason.WRITE_OFF: Entry.WRITE_OFF,
    ClosingReason.CLAIMED_FROM_PSE: Entry.WRITE_OFF,  # what did not come
    ClosingReason.REFUND_OF_OURS: Entry.SUSPENSE_TO_RETURNS,
    ClosingReason.CHARGEBACK: Entry.SUSPENSE_TO_CHARGEBACKS,
    ClosingReason.FEE: Entry.SUSPENSE_TO_FEES,
}
_MOVING: Final = frozenset({ClosingReason.REFUND_OF_OURS, ClosingReason.CHARGEBACK, ClosingReason.FEE})
_CUSTOMERS: Final = frozenset({ClosingReason.REFUND_OF_OURS, ClosingReason.CHARGEBACK})
_STAYING: Final = frozenset({ClosingReason.EXPLAINED, ClosingReason.DUPLICATE_OF})
_OF_REVERSAL: Final = (
    "Its VAT is pending: say what became of the refund's VAT reversal (vatReversalDocument, vatReversalReview or "
    "vatReversalWriteOff), and this closes by itself."
)
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


def check(
    reason: ClosingReason, account: Account | None, came: Money | None, suspended: Suspended, amount: Money
) -> None:
    """Whether this can be said of a finding of that amount with so much in SUSPENSE.

    Raises InvalidInput, InvalidState.
    """
    currency = suspended.currency
    if suspended.is_reversals:
        raise InvalidState(_OF_REVERSAL, path=["input", "findingId"], current_state="VAT_PENDING")
    if suspended.is_vat and suspended.own > 0:
        _check_vat(reason, account, suspended)
        return
    if suspended.is_payout:
        _check_payout(reason)
    elif suspended.claim != 0:
        _check_claim(reason, suspended)
    elif reason in _STAYING and suspended.own != 0 and reason is not ClosingReason.DUPLICATE_OF:
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
    _check_came(reason, came, suspended, amount)


def _check_payout(reason: ClosingReason) -> None:
    """It may come yet: what is explained stays on its way."""
    if reason in _CUSTOMERS:
        raise InvalidState(
            "It is a payout on its way to the bank, and no customer's money: say WRITE_OFF, FEE, CLAIMED_FROM_PSE or "
            "CORRECTED, or EXPLAINED where it comes yet.",
            path=["input", "reason"],
            current_state="ON_ITS_WAY",
        )


def _check_claim(reason: ClosingReason, suspended: Suspended) -> None:
    """What no report tells may be told yet; what one tells otherwise stands there until somebody says where it goes."""
    left = Money(abs(suspended.claim), suspended.currency)
    if suspended.may_come and reason in _CUSTOMERS:
        raise InvalidState(
            f"{left} of it is left in PSE_CLEARING: say WRITE_OFF, FEE, CLAIMED_FROM_PSE or CORRECTED with an account, "
            "or EXPLAINED where a report tells it yet.",
            path=["input", "reason"],
            current_state="IN_CLEARING",
        )
    if not suspended.may_come and reason in _CUSTOMERS | _STAYING:
        raise InvalidState(
            f"{left} of it is left in PSE_CLEARING: say WRITE_OFF, FEE, CLAIMED_FROM_PSE or CORRECTED with an account.",
            path=["input", "reason"],
            current_state="IN_CLEARING",
        )


def _check_vat(reason: ClosingReason, account: Account | None, suspended: Suspended) -> None:
    vat = Money(suspended.own, suspended.currency)
    if reason is not ClosingReason.CORRECTED or account not in VAT_ACCOUNTS:
        raise InvalidState(
            f"{vat} of VAT is pending: say CORRECTED with OUTPUT_VAT, and the number of the tax document that takes it "
            "back in the note, or with VAT_LOST where nothing does.",
            path=["input", "reason"],
            current_state="VAT_PENDING",
        )
    check_declared(account, suspended)


def check_declared(account: Account | None, suspended: Suspended) -> None:
    """Raises InvalidState where more of a sale's VAT would be taken back than was declared."""
    if not suspended.is_vat or account is not Account.OUTPUT_VAT or suspended.own <= suspended.declared:
        return
    left, vat = (Money(max(one, 0), suspended.currency) for one in (suspended.declared, suspended.own))
    raise InvalidState(
        f"{left} of this sale's VAT is left to take back, and this is {vat}: documents have taken the rest. Say first "
        "that the document of a refund that came back is undone (vatReversalReview), or say VAT_LOST.",
        path=["input", "account"],
        current_state="EXCEEDS_DECLARED",
    )


def _check_account(reason: ClosingReason, account: Account | None, suspended: Suspended) -> None:
    if reason is ClosingReason.CORRECTED and suspended.own != 0:
        known = on_their_way.ACCOUNTS if suspended.is_payout or suspended.claim != 0 else tuple(ACCOUNTS)
        if account not in known:
            raise InvalidInput(f"account is one of {', '.join(known)}.", path=["input", "account"])
    elif account is not None:
        raise InvalidInput(
            "An account is named with CORRECTED, and where something is in SUSPENSE.", path=["input", "account"]
        )


def _check_came(reason: ClosingReason, came: Money | None, suspended: Suspended, amount: Money) -> None:
    if came is None:
        return
    if reason is not ClosingReason.CLAIMED_FROM_PSE:
        raise InvalidInput("What came is said with CLAIMED_FROM_PSE.", path=["input", "came"])
    if came.currency != suspended.currency:
        raise InvalidInput(f"What is in SUSPENSE of it is in {suspended.currency}.", path=["input", "came"])
    if suspended.own < 0 or 0 < suspended.own < came.minor_units:
        raise InvalidInput("More came than is in SUSPENSE of it.", path=["input", "came"])
    # Nobody's word makes room below a limit: what came is never more than what the finding is about.
    if suspended.own == 0 and (came.currency != amount.currency or came.minor_units > amount.minor_units):
        raise InvalidInput(f"More came than the finding is about: {amount}.", path=["input", "came"])


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
    if reason in _STAYING or suspended.own == 0:
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
