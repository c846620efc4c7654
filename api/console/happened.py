"""What happened to a refund, to which account it goes and who did it, in words of the reader's."""

from collections.abc import Mapping
from typing import Any, Final

from api.console.words import N_, _

EVENTS: Final[Mapping[str, str]] = {
    "REQUESTED": N_("Somebody asked for it"),
    "AWAITING_APPROVAL": N_("Waits for approval"),
    "AWAITING_DESTINATION": N_("Waits for the customer's account"),
    "SUBMITTED": N_("Being sent to the PSE"),
    "IN_DOUBT": N_("In doubt: the PSE may or may not have it"),
    "PENDING": N_("The PSE has it"),
    "ACCEPTED": N_("The PSE has it"),
    "SUCCEEDED": N_("The PSE says that the money has left"),
    "FAILED": N_("The PSE refused it"),
    "REJECTED": N_("Somebody said no"),
    "CANCELED": N_("Withdrawn"),
    "EXPIRED": N_("Ended: nobody decided in time"),
    "RETURNED": N_("The money came back"),
    "MANUAL": N_("Taken to be paid by hand"),
    "RETURNED_TO_QUEUE": N_("Not paid by hand: back in the queue"),
    "APPROVED": N_("Approved"),
    "APPROVAL_GIVEN": N_("Somebody said yes"),
    "DESTINATION_PROVIDED": N_("An account was named"),
    "DESTINATION_LINK_WRONG_ANSWER": N_("The customer answered wrongly behind the link"),
    "DESTINATION_LINK_CREATED": N_("A link was made for the customer"),
    "NEEDS_PERSON": N_("A person is needed"),
    "REMINDER": N_("A reminder"),
    "EXPIRES_SOON": N_("It ends soon if nobody decides"),
    "DOUBT_PROPOSED": N_("Somebody said what became of it; another person must say the same"),
    "DOUBT_CONFIRMED": N_("A second person said the same"),
    "SETTLEMENT_PROPOSED": N_("Somebody said that it was paid by hand; another person must say the same"),
    "INSTRUCTION_SHOWN": N_("Somebody saw the account to pay to"),
    "NOBODY_DECIDED": N_("Nobody decided in time"),
    "RETURN_CONFIRMED": N_("A person confirmed that it came back"),
    "FAILURE_CONFIRMED": N_("A person confirmed that it was refused"),
    "UNSENT": N_("It did not reach the PSE; it is sent again"),
    "NAMED": N_("The PSE has told its name"),
    "RESTING": N_("The PSE is left alone for a while"),
    "TAX_DECLARED": N_("Its VAT was declared"),
    "CONTRADICTION": N_("What the PSE says contradicts what it said before"),
    "PAID_AFTER_END": N_("Paid although it had ended"),
    "HELD": N_("Held back"),
    "WORKER_LOST": N_("The process that sent it was lost"),
}
DESTINATIONS: Final[Mapping[str, str]] = {
    "PIX_KEY": N_("Pix key"),
    "BR_BANK_ACCOUNT": N_("Bank account in Brazil"),
    "MX_CLABE": N_("CLABE"),
    "CO_BANK_ACCOUNT": N_("Bank account in Colombia"),
    "EMAIL": N_("E-mail address"),
}

# What an account is made of, as a payment instruction has it.
PARTS: Final[Mapping[str, str]] = {
    "holder_name": N_("Name of the holder"),
    "holder_tax_id": N_("Tax ID of the holder"),
    "pix_key": N_("Pix key"),
    "bank_code": N_("Code of the bank"),
    "branch": N_("Branch"),
    "account": N_("Account number"),
    "account_type": N_("Kind of account"),
    "clabe": N_("CLABE"),
    "email": N_("E-mail address"),
}
ACCOUNT_TYPES: Final[Mapping[str, str]] = {
    "CHECKING": N_("Checking account"),
    "SAVINGS": N_("Savings account"),
    "PAYMENT": N_("Payment account"),
}


# Who did what no person did, as it stands on the deed.
NOBODY: Final[Mapping[str, str]] = {
    "worker": N_("Estorno, by itself"),
    "reconciliation": N_("the night's reconciliation"),
    "PSE webhook": N_("a message of the PSE"),
    "PSE listing": N_("the PSE's own list"),
    "PSE": N_("the PSE"),
    "customer": N_("the customer"),
    "reader of a mail": N_("whoever reads the mail"),
    "bank": N_("what the bank says"),
    "taxes": N_("the rules of VAT"),
    "folder": N_("the watched folder"),
    "estorno init": N_("the set-up of Estorno"),
    "the command line": N_("the command line"),
}
_MACHINES: Final[Mapping[str, str]] = {
    "command line: ": N_("the command line: %(name)s"),
    "shop ": N_("the shop %(name)s"),
}


def event(kind: str) -> str:
    """The words of an event of a refund."""
    return _(EVENTS[kind]) if kind in EVENTS else kind


def account(masked: str) -> str:
    """An account as the API tells it, `PIX_KEY ••••4725`, with the word of its kind."""
    kind, blank, rest = masked.partition(" ")
    return f"{_(DESTINATIONS[kind])}{blank}{rest}" if kind in DESTINATIONS else masked


def part(name: str) -> str:
    """The words of a part of a payment instruction, or of the kind of an account, which is one's value."""
    words = PARTS.get(name) or ACCOUNT_TYPES.get(name)
    return _(words) if words else name


def who(actor: str) -> str:
    """Whoever did it, by their name alone; what is nobody's in words of what it is."""
    name, opened, _address = actor.partition(" <")
    if opened:
        return name
    if actor in NOBODY:
        return _(NOBODY[actor])
    for begins, words in _MACHINES.items():
        if actor.startswith(begins):
            return _(words) % {"name": actor.removeprefix(begins)}
    return actor


FILTERS: Final[Mapping[str, Any]] = {"event": event, "account": account, "part": part, "who": who}
