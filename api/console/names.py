"""The words, signs and colours of what the API has as names: states, methods, reasons, errors.

A word is English here and translated where it is shown.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from api.console.words import N_, _


@dataclass(frozen=True, slots=True)
class Sign:
    """How a state is told: by a sign, a word and a colour, never by one of them alone."""

    mark: str
    word: str
    tone: str  # ok, wait, doubt, bad or gone: the tokens of the style


STATES: Final[Mapping[str, Sign]] = {
    "REQUESTED": Sign("○", N_("Requested"), "wait"),
    "AWAITING_APPROVAL": Sign("○", N_("Awaiting approval"), "wait"),
    "AWAITING_DESTINATION": Sign("○", N_("Awaiting destination"), "wait"),
    "SUBMITTED": Sign("◐", N_("In doubt"), "doubt"),
    "PENDING": Sign("○", N_("Pending"), "wait"),
    "MANUAL": Sign("◐", N_("By hand"), "doubt"),
    "SUCCEEDED": Sign("●", N_("Succeeded"), "ok"),
    "FAILED": Sign("✕", N_("Failed"), "bad"),
    "REJECTED": Sign("✕", N_("Rejected"), "bad"),
    "CANCELED": Sign("–", N_("Canceled"), "gone"),
    "EXPIRED": Sign("–", N_("Expired"), "gone"),
    "RETURNED": Sign("↺", N_("Returned"), "gone"),
}
METHODS: Final[Mapping[str, str]] = {
    "PIX": N_("Pix"),
    "BOLETO": N_("Boleto"),
    "CARD": N_("Card"),
    "OXXO": N_("OXXO"),
    "SPEI": N_("SPEI"),
    "PSE_COLOMBIA": N_("PSE (Colombia)"),
    "BANK_TRANSFER": N_("Bank transfer"),
}
REASONS: Final[Mapping[str, str]] = {
    "CUSTOMER_REQUEST": N_("Customer request"),
    "DEFECTIVE": N_("Defective"),
    "DUPLICATE_PAYMENT": N_("Duplicate payment"),
    "FRAUD": N_("Fraud"),
    "NOT_DELIVERED": N_("Not delivered"),
    "OTHER": N_("Other"),
    "PRICE_ADJUSTMENT": N_("Price adjustment"),
}
PSES: Final[Mapping[str, str]] = {
    "adyen": "Adyen",
    "conekta": "Conekta",
    "dlocal": "dLocal",
    "ebanx": "EBANX",
    "epag": "Epag",
    "iugu": "Iugu",
    "mercadopago": "Mercado Pago",
    "pix": "Pix",
    "stripe": "Stripe",
}
ROLES: Final[Mapping[str, str]] = {
    "REQUESTER": N_("Requester"),
    "APPROVER": N_("Approver"),
    "ACCOUNTANT": N_("Accountant"),
    "SUPPORT": N_("Support"),
    "DEVELOPER": N_("Developer"),
    "AUDITOR": N_("Auditor"),
    "ADMIN": N_("Administrator"),
    "PLATFORM_ADMIN": N_("Administrator of the installation"),
}
# What some of them were called before (domain/access/permissions.Role).
_FORMER_ROLES: Final = {"FRONTEND": "REQUESTER", "ACCOUNTING": "ACCOUNTANT", "ADMINISTRATOR": "ADMIN"}
# The rules of approval that are there without anybody's doing, and why they hold (domain/refunds/approvals/defaults).
RULES: Final[Mapping[str, str]] = {
    "STAFF_DESTINATION": N_("Account named by staff"),
    "OTHER_HOLDER": N_("Account of another holder"),
    "CUSTOMERS_WORD": N_("Account on the customer's word"),
    "UNPROVEN_PAYMENT": N_("Unconfirmed payment"),
    "LARGE_AMOUNT": N_("Large amount"),
}
RULES_WHY: Final = (
    N_("Somebody of the merchant's named the account, and nobody at the PSE confirms whose it is."),
    N_("The customer named an account whose holder is not known to be the payer."),
    N_("The account is the customer's word alone, and the amount is not small."),
    N_("Our client registered the payment, its PSE cannot be asked about it, and nobody else has confirmed it."),
    N_("The amount is large."),
)
ERRORS: Final[Mapping[str, str]] = {
    "INVALID_INPUT": N_("This cannot be used as it is."),
    "NOT_FOUND": N_("It does not exist, or it is not yours."),
    "FORBIDDEN": N_("You do not have the permission for this."),
    "INVALID_STATE": N_("Its state does not allow this any more; the page shows how it is now."),
    "AMOUNT_EXCEEDS_REFUNDABLE": N_("This is more than can still be refunded."),
    "CURRENCY_MISMATCH": N_("A refund is made in the currency of its payment."),
    "PAYMENT_NOT_REFUNDABLE": N_("This payment cannot be refunded."),
    "PAYMENT_CONTRADICTED": N_("The PSE says that there is no such payment; nothing of it can be refunded."),
    "REFUND_WINDOW_EXPIRED": N_("The time in which this payment could be refunded is over."),
    "IDEMPOTENCY_KEY_REUSED": N_("This form was sent before with other values. Open the page anew."),
    "RATE_LIMITED": N_("This was asked for too often. Wait a moment, then send it again."),
    "CAP_EXCEEDED": N_("A limit of your own allows no more of it today."),
    "UNAVAILABLE": N_("We cannot serve this just now. Send it again in a moment; nothing is done twice."),
    "DEADLINE_EXCEEDED": N_("This took too long and was stopped. Ask for less at once, or send it again."),
    "BAD_FIELD": N_("Check this field."),
}
PERMISSIONS: Final[Mapping[str, str]] = {
    "READ": N_("See refunds and payments"),
    "READ_CALLS": N_("See what was said to and by PSEs"),
    "READ_LEDGER": N_("See the books and findings"),
    "READ_AUDIT": N_("See who did and read what"),
    "REGISTER_PAYMENT": N_("Register payments"),
    "WITHDRAW_PAYMENT": N_("Take back payments that were registered in error"),
    "REFUND": N_("Ask for refunds, cancel and retry them"),
    "REFRESH": N_("Ask a PSE how a refund stands"),
    "PROVIDE_DESTINATION": N_("Say which account a refund goes to"),
    "APPROVE": N_("Approve and reject refunds"),
    "SETTLE_MANUALLY": N_("Pay refunds by hand, and see the whole account"),
    "RESOLVE_DOUBT": N_("Resolve doubts"),
    "RESOLVE_DOUBT_EARLY": N_("Resolve doubts before the PSE's next report"),
    "WORK_FINDINGS": N_("Work on findings"),
    "KEEP_BOOKS": N_("Hand in reports, statements, tax documents, fees and rates"),
    "CLOSE_PERIODS": N_("Close months"),
    "MANAGE_RULES": N_("Change the rules of approval and the limits"),
    "MANAGE_PEOPLE": N_("Manage people and roles"),
    "MANAGE_TOKENS": N_("Manage tokens of programs"),
    "MANAGE_NEWS": N_("Manage where news goes"),
    "MANAGE_STORES": N_("Manage stores, and the merchant's name and language"),
    "MANAGE_CONNECTIONS": N_("Manage connections to PSEs and their keys"),
    "REVIEW_CONNECTIONS": N_("Review connections and let them go live"),
    "MANAGE_MERCHANTS": N_("Make merchants in this installation"),
}
# Why a row of a sheet did nothing, before the sentence that says it in full.
ROWS: Final[Mapping[str, str]] = {
    "AMBIGUOUS": N_("It could be several"),
    "AMOUNT": N_("The amount cannot be read"),
    "AMOUNT_EXCEEDS_REFUNDABLE": N_("More than is left"),
    "DUPLICATE_ROW": N_("Twice in this sheet"),
    "FACTS_CHANGED": N_("It has changed since it was exported"),
    "FORBIDDEN": N_("Not permitted"),
    "FORMULA": N_("A formula, and no value"),
    "INVALID_INPUT": N_("It cannot be used as it is"),
    "IN_SUSPENSE": N_("Money of it is in suspense"),
    "LIKELY_DUPLICATE": N_("Likely a duplicate"),
    "MISMATCH": N_("The row and the payment differ"),
    "NOT_FOUND": N_("Not found"),
    "NOT_IN_SUSPENSE": N_("Nothing of it is in suspense"),
    "NUMBER_CUT": N_("The spreadsheet has cut a number"),
    "NUMBER_USED": N_("Its number was used before"),
    "RESOLVED": N_("Resolved before"),
}


def state(name: str) -> Sign:
    """Of a refund's state; one that is new to us keeps its own name."""
    return STATES.get(name) or Sign("○", name, "wait")


def word(table: Mapping[str, str], name: str | None) -> str:
    """The translated word of a name; the name where we have none."""
    if name is None:
        return ""
    return _(table[name]) if name in table else name


def method(name: str | None) -> str:
    """The word of a payment method."""
    return word(METHODS, name)


def pse(name: str) -> str:
    """What a PSE calls itself; one without a connector of ours is told by its name already."""
    return PSES.get(name, name)


def role(name: str | None) -> str:
    """The word of a built-in role; a merchant's own role has a name that is one."""
    return word(ROLES, _FORMER_ROLES.get(name, name) if name else name)


def said_by(of: str) -> str:
    """Who may say a yes that a rule wants of a permission or a role."""
    return _(ROLES["APPROVER"]) if of == "APPROVE" else role(of)


def rule(name: str) -> str:
    """The word of a rule of approval; a merchant's own has the name that they gave it."""
    return word(RULES, name)


def rule_why(why: str) -> str:
    """Why a rule holds, translated where it is one of ours."""
    return _(why) if why in RULES_WHY else why


def reason(name: str | None) -> str:
    """The word of a refund's reason."""
    return word(REASONS, name)


def permission(name: str) -> str:
    """What who has the permission may do."""
    return word(PERMISSIONS, name)


def states_in_words(said: str) -> str:
    """A sentence of ours with the states of refunds as the pages call them."""
    return _STATE_CODES.sub(lambda found: f"“{_(STATES[found[0]].word)}”", said)


_STATE_CODES: Final = re.compile(rf"(?<![A-Z_])(?:{'|'.join(STATES)})(?![A-Z_])")


def rights_in_words(said: str) -> str:
    """A sentence of ours with permissions and roles as the pages call them."""
    return _RIGHTS.sub(lambda found: f"“{_(_RIGHT_WORDS[found[0]])}”", said)


_RIGHT_WORDS: Final = {**PERMISSIONS, **ROLES}
_RIGHTS: Final = re.compile(rf"(?<![A-Z_])(?:{'|'.join(_RIGHT_WORDS)})(?![A-Z_])")


def row(code: str | None) -> str:
    """Why a row of a sheet did nothing, in a few words; empty where the sentence beside it says it alone."""
    return _(ROWS[code]) if code is not None and code in ROWS else ""


def error(code: str) -> str:
    """The sentence of an error's code."""
    return _(ERRORS[code]) if code in ERRORS else _("Something went wrong on our side; nothing of it was done.")
