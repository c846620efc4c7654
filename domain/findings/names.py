"""What a finding is called (its fingerprint): it is opened once, and who learns better closes the same one.

Names that one room alone opens and closes stand in that room.
"""

import hashlib
from typing import Final
from uuid import UUID

AGAIN: Final = (
    "/again-"  # ends the name of money that is booked once more, after it was given back or is back no longer
)
AFTER_END: Final = "after-end/"  # begins the name of news of a refund that had ended; the refund's id goes on
VAT_OF_FINDING: Final = "vat/finding/"  # begins the name of what `vat_of_finding` tells; the finding's id goes on
CAPTURE_MISSING: Final = "capture-missing/"  # begins the name of what `capture_missing` tells
REPEATED: Final = "repeated/"  # begins the name of rows that may be one row, and that count each
_CHARACTERS_MAX: Final = 600  # an index must hold it


def vat(refund_id: UUID | str) -> str:
    """The VAT of this refund is to be taken back."""
    return f"vat/{refund_id}"


def vat_overdue(refund_id: UUID | str) -> str:
    """The time to take this refund's VAT back is over, or nearly."""
    return f"vat-overdue/{refund_id}"


def vat_differs(refund_id: UUID | str) -> str:
    """A tax document of this refund says something else than the refund; behind it comes which document."""
    return f"vat-differs/{refund_id}"


def vat_returned(refund_id: UUID | str) -> str:
    """This refund came back after a tax document had taken its VAT back."""
    return f"vat-returned/{refund_id}"


def vat_declared(refund_id: UUID | str) -> str:
    """A return took this refund's VAT back, which is owed again."""
    return f"vat-declared/{refund_id}"


def vat_of_finding(finding_id: UUID) -> str:
    """The VAT of what a person has said to be a refund, resolving this finding, is to be taken back."""
    return f"{VAT_OF_FINDING}{finding_id}"


def missing(refund_id: UUID | str) -> str:
    """No report proves this refund."""
    return f"missing/{refund_id}"


def missing_return(refund_id: UUID | str) -> str:
    """No report proves that this refund came back."""
    return f"missing-return/{refund_id}"


def capture_missing(payment_id: UUID | str) -> str:
    """No report proves this payment, though reports tell of others since."""
    return f"{CAPTURE_MISSING}{payment_id}"


def returned(refund_id: UUID | str) -> str:
    """This refund came back, and the customer has nothing yet."""
    return f"returned/{refund_id}"


def doubt(refund_id: UUID) -> str:
    """Whether this refund was paid is not known."""
    return f"doubt/{refund_id}"


def unsent(refund_id: UUID) -> str:
    """This refund does not get to its PSE."""
    return f"unsent/{refund_id}"


def held(refund_id: UUID) -> str:
    """This refund is not sent: the customer may have the money already."""
    return f"held/{refund_id}"


def pending(refund_id: UUID) -> str:
    """The PSE has had this refund for too long."""
    return f"pending/{refund_id}"


def payment(payment_id: UUID) -> str:
    """Its PSE does not know this payment, or knows another."""
    return f"payment/{payment_id}"


def payment_below(payment_id: UUID) -> str:
    """Another amount of this payment was registered than its PSE has captured."""
    return f"payment-below/{payment_id}"


def money(kind: str, name: str) -> str:
    """Money that left without a refund of ours, by the name under which it is booked."""
    return f"{kind}/{name}"


def bounded(name: str) -> str:
    """A name that an index can hold and that stays one name: what is too long ends in a hash of all of it."""
    if len(name) <= _CHARACTERS_MAX:
        return name
    return f"{name[: _CHARACTERS_MAX - 65]}#{hashlib.sha256(name.encode()).hexdigest()}"
