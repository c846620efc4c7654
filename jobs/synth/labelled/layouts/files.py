"""Which sheet a PSE's report is, and what the file is called."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from jobs.synth.labelled.layouts.adyen import AdyenSheet
from jobs.synth.labelled.layouts.dlocal import DlocalSheet
from jobs.synth.labelled.layouts.listings import ConektaSheet, PixSheet
from jobs.synth.labelled.layouts.mercadopago import MercadoPagoSheet
from jobs.synth.labelled.layouts.sheet import Sheet
from jobs.synth.labelled.layouts.stripe import StripeSheet

SHEETS: Final[Mapping[str, type[Sheet]]] = {
    "adyen": AdyenSheet,
    "conekta": ConektaSheet,
    "dlocal": DlocalSheet,
    "mercadopago": MercadoPagoSheet,
    "pix": PixSheet,
    "stripe": StripeSheet,
}
CONTENT_TYPES: Final[Mapping[str, str]] = {
    "conekta": "application/json",
    "mercadopago": "text/csv; currency=ARS",
    "pix": "application/json",
}


def file_name(pse: str, day: date, number: int) -> str:
    """As the PSE, or its connector, calls the report of that day. `number`: the file's turn among those of its PSE."""
    match pse:
        case "adyen":
            return f"settlement_detail_report_batch_{number}.csv"
        case "dlocal":
            return f"synthetic_cross_border_report_{day:%Y%m%d}_{number:06}.csv"
        case "mercadopago":
            return f"release-{day}-{number}.csv"
        case "stripe":
            return f"stripe-payout-reconciliation-{day}-{number}.csv"
        case "conekta":
            return f"conekta-transactions-{day}-{number}.json"
        case _:
            return f"{pse}-{day}-{number}.json"
