"""Stripe's itemized payout reconciliation, printed from the sandbox's own log: all that moved in a day is paid out."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.sandbox.books import Books, Movement, Payment, signed

REPORT_TYPE = "payout_reconciliation.itemized.5"
_ZERO_DECIMAL = ("CLP", "PYG")
_CATEGORIES = {"CAPTURE": "charge", "REFUND": "refund", "RETURN": "refund_failure"}
# Per cent in hundredths, and a fixed part in minor units.
_FEES = {"card": (399, 39), "pix": (119, 0)}


def net(books: Books, movement: Movement) -> int:
    """What a movement does to the balance, with its fee, in minor units."""
    payment = books.payments[movement.payment]
    share, fixed = _FEES.get(payment.facts["type"], (119, 0)) if movement.kind == "CAPTURE" else (0, 0)
    return signed(movement) - movement.amount * share // 10_000 - fixed


def written(books: Books, parameters: dict[str, Any], paid: set[int]) -> bytes:
    """Movements of the interval as CSV, with a byte order mark and CRLF. `paid`: their numbers are added."""
    text = io.StringIO()
    writer = csv.DictWriter(text, parameters["columns"], extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    for number, movement in enumerate(books.log):
        at = datetime.fromisoformat(movement.at)
        if parameters["interval_start"] <= at.timestamp() < parameters["interval_end"]:
            paid.add(number)
            writer.writerow(_row(number, at, movement, books.payments[movement.payment]))
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _row(number: int, at: datetime, movement: Movement, payment: Payment) -> dict[str, str]:
    captured = movement.kind == "CAPTURE"
    gross = -movement.amount if movement.kind == "REFUND" else movement.amount
    share, fixed = _FEES.get(payment.facts["type"], (119, 0)) if captured else (0, 0)
    fee = movement.amount * share // 10_000 + fixed
    source = payment.facts["charge"] if captured else payment.refunds[str(movement.refund)].id
    day = at.astimezone(UTC).date()

    def major(units: int) -> str:
        return str(units) if payment.currency in _ZERO_DECIMAL else f"{units / 100:.2f}"

    return {
        "balance_transaction_id": f"txn_{number:012d}",
        "created_utc": _stamp(at),
        "available_on_utc": f"{day} 00:00:00",
        "currency": payment.currency.lower(),
        "gross": major(gross),
        "fee": major(fee),
        "net": major(gross - fee),
        "reporting_category": _CATEGORIES[movement.kind],
        "source_id": source,
        "customer_facing_amount": major(gross),
        "customer_facing_currency": payment.currency.lower(),
        "automatic_payout_id": f"po_{day:%Y%m%d}",
        "automatic_payout_effective_at_utc": f"{day + timedelta(days=2)} 00:00:00",
        "charge_id": payment.facts["charge"],
        "payment_intent_id": payment.facts["payment_intent"] or "",
    }


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
