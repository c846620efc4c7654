"""Reading the report that was built from the listing of Pix."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from domain.money import Money
from domain.pse.kit import listings
from domain.pse.kit.listings import Entry, Line
from domain.pse.kit.unreadable import Unreadable, told_as
from domain.pse.pix import objects
from domain.pse.reporting import ReadReport, ReportFile
from domain.pse.vocabulary import Accepted, CapturedPayment, Declined, KnownRefund, Period, Succeeded

_STATES: Final = {Accepted: "PENDING", Succeeded: "SUCCEEDED", Declined: "FAILED"}


def lines(file: ReportFile, period: Period) -> ReadReport:
    """The lines of business date D: captures received on D; refunds that settled on D; and every refund that is not
    (or no longer) DEVOLVIDO, whatever its day, so that a changed status is seen.

    Its paging is its proof: `quantidadeTotalDeItens` was compared with what the pages held. Raises BadReport.
    """
    proof = "quantidadeTotalDeItens equals the Pix listed on all pages."
    return listings.read(file, "pix", period, partial(_lines, period), proof)


def _lines(period: Period, raw: Entry) -> Iterator[Line]:
    """The lines of one Pix. Raises Unreadable."""
    with told_as(Unreadable, f"Pix {raw.get('endToEndId')}"):
        known, unknown = objects.understood(raw)
        payment = objects.payment_of(known)
    zone = ZoneInfo(period.zone)

    def is_today(moment: datetime) -> bool:
        return moment.astimezone(zone).date() == period.business_date

    if is_today(payment.captured_at):
        line = _line(payment, payment.amount, payment.captured_at)
        yield line | {"type": "CAPTURE"} | _settled(payment.amount, 1)
    for refund in payment.refunds:
        booked = refund.settled_at or refund.requested_at or payment.captured_at
        if not isinstance(refund.outcome, Succeeded) or is_today(booked):
            left = _settled(refund.amount, -1) if isinstance(refund.outcome, Succeeded) else {}
            yield _line(payment, refund.amount, booked) | _refund(refund) | left
    for other in unknown:
        words = f"devolucao with status {other['status']}"
        booked = objects.settled_at(other) or payment.captured_at
        yield _line(payment, objects.amount_of(other), booked) | listings.other(words)


def _line(payment: CapturedPayment, amount: Money, booked: datetime) -> Line:
    return {
        "payment_reference": payment.reference,
        "amount": amount.minor_units,
        "currency": amount.currency,
        "booked_at": booked,
    }


def _settled(amount: Money, sign: int) -> Line:
    """A Pix moves the account by what it says: the PSP's fees are told elsewhere."""
    moved = sign * amount.minor_units
    return {"settled_currency": amount.currency, **listings.settled(amount.currency, gross=moved, net=moved)}


def _refund(refund: KnownRefund) -> Line:
    return {
        "type": "REFUND",
        "state": _STATES[type(refund.outcome)],
        "reference": refund.reference,
        "pse_refund_reference": refund.pse_refund_reference,
        "by_bank": refund.by_bank,
        "kind": refund.kind,
    }
