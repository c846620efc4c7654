"""Tax documents: the credit notes of refunds with VAT, as a system of invoices exports them."""

import csv
from pathlib import Path
from typing import Any, Final

from jobs.synth.labelled.shape import Place
from jobs.synth.labelled.teller import Teller

_COLUMNS: Final = ("number", "date", "refund reference", "invoice", "net", "tax", "total", "currency", "country")


def write(folder: Path, teller: Teller) -> list[str]:
    """The documents of the place's refunds: the path of their file, if there are any."""
    if not teller.rows["documents"]:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{teller.pse}.csv").open("w", newline="") as text:
        writer = csv.DictWriter(text, _COLUMNS)
        writer.writeheader()
        writer.writerows(_row(one, teller.place) for one in teller.rows["documents"])
    return [f"{folder.name}/{teller.pse}.csv"]


def _row(document: dict[str, Any], place: Place) -> dict[str, str]:
    refund, tax, total = document["refund"], document["tax"], document["total"]
    return {
        "number": document["number"],
        "date": f"{refund.at:%Y-%m-%d}",
        "refund reference": f"synth{refund.number:015}" if document["names_refund"] else "",
        "invoice": f"NFe {refund.number // 10}",
        "net": _major(total - tax),
        "tax": _major(tax),
        "total": _major(total),
        "currency": place.currency,
        "country": place.taxed_in,
    }


def _major(units: int) -> str:
    return f"{units // 100}.{units % 100:02}"
