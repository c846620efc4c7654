"""Reading the report that was built from the listing of Pix."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from domain.pse.kit import listings
from domain.pse.kit.listings import Entry, Line
from domain.pse.kit.unreadable import Unreadable, told_as
from domain.pse.pix import objects
from domain.pse.reporting import ReadReport, ReportFile
from domain.pse.vocabulary import Period, Succeeded


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

    # A Pix moves the account by what it says: the PSP's fees are told elsewhere.
    if is_today(payment.captured_at):
        yield listings.captured(payment)
    for refund in payment.refunds:
        if not isinstance(refund.outcome, Succeeded) or is_today(listings.booked_at(payment, refund)):
            yield listings.refunded(payment, refund)
    for one in unknown:
        booked = objects.settled_at(one) or payment.captured_at
        yield listings.other_of(payment, objects.amount_of(one), booked, f"devolucao with status {one['status']}")
