"""Tax documents: the credit notes of refunds with VAT, as a system of invoices exports them."""

import csv
from pathlib import Path
from typing import Any, Final

from jobs.synth.labelled.teller import About, Gone, Teller

_COLUMNS: Final = ("number", "date", "refund_reference", "invoice", "net", "tax", "total", "currency")
_TURNS: Final = 3  # of three refunds: documented as it is, with another tax, not at all


def write(folder: Path, teller: Teller) -> None:
    """The documents of the place's refunds with VAT, and the labels of what is wrong with them."""
    taxed = [one for one in teller.rows["refunds"] if one["tax"] and one["state"] == "SUCCEEDED"]
    rows = []
    for turn, refund in enumerate(taxed):
        if turn % _TURNS == 2:
            continue
        number = f"NC-{teller.place.index}-{turn + 1:06}"
        off = 100 if turn % _TURNS else 0
        teller.begin("a document of another tax" if off else "a document that fits", turn)
        gone = Gone(refund["number"], refund["amount"], refund["at"])
        if off:
            teller.find("VAT_DOCUMENT_DIFFERS", gone, off)
        else:
            teller.fine("VAT_DOCUMENT_DIFFERS", "VAT_REVERSAL_OVERDUE", about=[gone, About("document", name=number)])
        rows.append(_row(number, refund, off, teller.place.currency))
    if rows:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{teller.pse}.csv").open("w", newline="") as text:
            writer = csv.DictWriter(text, _COLUMNS)
            writer.writeheader()
            writer.writerows(rows)


def _row(number: str, refund: dict[str, Any], off: int, currency: str) -> dict[str, str]:
    tax = refund["tax"] + off
    return {
        "number": number,
        "date": f"{refund['ended_at']:%Y-%m-%d}",
        "refund_reference": f"synth{refund['number']:015}",
        "invoice": f"NFe {refund['payment']}",
        "net": _major(refund["amount"] - tax),
        "tax": _major(tax),
        "total": _major(refund["amount"]),
        "currency": currency,
    }


def _major(units: int) -> str:
    return f"{units // 100}.{units % 100:02}"
