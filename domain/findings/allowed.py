"""Which resolution is allowed of a finding's money: with which account, and with how much that came."""

from collections.abc import Mapping
from typing import Final

from domain.findings import on_their_way
from domain.findings.money import Suspended
from domain.models.findings import ClosingReason
from domain.models.ledger import Account, Entry
from domain.money import Money
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
_MOVING: Final = frozenset({ClosingReason.REFUND_OF_OURS, ClosingReason.CHARGEBACK, ClosingReason.FEE})
_CUSTOMERS: Final = frozenset({ClosingReason.REFUND_OF_OURS, ClosingReason.CHARGEBACK})
STAYING: Final = frozenset({ClosingReason.EXPLAINED, ClosingReason.DUPLICATE_OF})
OF_REVERSAL: Final = (
    "Its VAT is pending: say what became of the refund's VAT reversal (vatReversalDocument, vatReversalReview or "
    "vatReversalWriteOff), and this closes by itself."
)


def check(
    reason: ClosingReason, account: Account | None, came: Money | None, suspended: Suspended, amount: Money
) -> None:
    """Whether this can be said of a finding of that amount with so much in SUSPENSE.

    Raises InvalidInput, InvalidState.
    """
    currency = suspended.currency
    if suspended.is_reversals:
        raise InvalidState(OF_REVERSAL, path=["input", "findingId"], current_state="VAT_PENDING")
    if suspended.is_vat and suspended.own > 0:
        _check_vat(reason, account, suspended)
        return
    if suspended.is_payout:
        _check_payout(reason)
    elif suspended.claim != 0:
        _check_claim(reason, suspended)
    elif reason in STAYING and suspended.own != 0 and reason is not ClosingReason.DUPLICATE_OF:
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
    if not suspended.may_come and reason in _CUSTOMERS | STAYING:
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
