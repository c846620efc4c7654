"""Reading Mercado Pago's reports into canonical lines, whichever of the two it is."""

from dataclasses import replace

from domain.pse.kit.texts import check_text
from domain.pse.mercadopago import release, settlement
from domain.pse.mercadopago.cells import headings, mended
from domain.pse.reporting import ReadReport, ReportFile
from domain.pse.vocabulary import Period


def lines(file: ReportFile, period: Period) -> ReadReport:
    """A release or settlement report, recognised by its headings. Raises BadReport."""
    check_text(file)
    separator, found = headings(file)
    whole = replace(file, path=mended(file, separator, len(found)))
    if "TRANSACTION_TYPE" in found and "NET_CREDIT_AMOUNT" not in found:
        return settlement.lines(whole, period)
    return release.lines(whole, period)
