"""Reading Mercado Pago's reports into canonical lines, whichever of the two it is."""

from dataclasses import replace
from typing import Final

from domain.pse.mercadopago import release, settlement
from domain.pse.mercadopago.cells import headings, mended
from domain.pse.reporting import BadReport, Report, ReportFile
from domain.pse.vocabulary import Period

_ZIP: Final = b"PK\x03\x04"  # how an XLSX file begins


def lines(file: ReportFile, period: Period) -> Report:
    """A release or settlement report, recognised by its headings. Raises BadReport."""
    with file.path.open("rb") as raw:
        if raw.read(4) == _ZIP:
            raise BadReport(file.name, "the file is XLSX; set the report's format to CSV at Mercado Pago.")
    separator, found = headings(file)
    whole = replace(file, path=mended(file, separator, len(found)))
    if "TRANSACTION_TYPE" in found and "NET_CREDIT_AMOUNT" not in found:
        return settlement.lines(whole, period)
    return release.lines(whole, period)
