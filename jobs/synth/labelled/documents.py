"""Tax documents: the credit notes of refunds with VAT, as a system of invoices exports them."""

import csv
from pathlib import Path
from typing import Any, Final

from jobs.synth.labelled.teller import Teller

_COLUMNS: Final = ("number", "date", "refund reference", "invoice", "net", "tax", "total", "currency")


def write(folder: Path, teller: Teller) -> None:
    """The documents of the place's refunds."""
    if not teller.rows["documents"]:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{teller.pse}.csv").open("w", newline="") as text:
        writer = csv.DictWriter(text, _COLUMNS)
        writer.writeheader()
        writer.writerows(_row(one, teller.place.currency) for one in teller.rows["documents"])


def _row(document: dict[str, Any], currency: str) -> dict[str, str]:
    refund, tax = document["refund"], document["tax"]
    return {
        "number": document["number"],
        "date": f"{refund.at:%Y-%m-%d}",
        "refund reference": f"synth{refund.number:015}",
        "invoice": f"NFe {refund.number // 10}",
        "net": _major(refund.amount - tax),
        "tax": _major(tax),
        "total": _major(refund.amount),
        "currency": currency,
    }


def _major(units: int) -> str:
    return f"{units // 100}.{units % 100:02}"
