"""dLocal's "Cross-border Payins" file, printed from the sandbox's books: three header lines, 25 fields a line.

As in files of real accounts a refund has another id here than at the API and is approved at midnight, the fee of the
settlement has no dates, and the HEADER's totals are rounded to cents. The settlement is in USD.
"""

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from tests.sandbox.books import Books, Movement, Payment

TOTALS = [
    "ROW_TYPE",
    "SETTLEMENT_CURRENCY",
    "NUMBER_OF_ITEMS",
    "GROSS_TOTAL_AMOUNT",
    "FEE_TOTAL_AMOUNT",
    "NET_TOTAL_AMOUNT",
    "TRANSFER_DATE",
    "TRANSFER_ID",
]
COLUMNS = [
    "ROW_TYPE",
    "MID",
    "LOGIN",
    "COUNTRY",
    "CREATION_DATE",
    "APPROVED_DATE",
    "TRANSACTION_ID",
    "DLOCAL_TRANSACTION_ID",
    "LOCAL_AMOUNT",
    "LOCAL_CURRENCY",
    "FX_RATE",
    "GROSS_AMOUNT",
    "FEE_AMOUNT",
    "NET_AMOUNT",
    "PAYMENT_TYPE",
    "PAYMENT_METHOD_CODE",
    "CARD_BIN",
    "CARD_TYPE",
    "INSTALLMENTS",
    "STATUS",
    "STATUS_CODE",
    "STATUS_DETAILS",
    "USER_DOCUMENT",
    "USER_EMAIL",
    "DESCRIPTION",
]
_RATES = {"BRL": Decimal("5.2"), "MXN": Decimal(18), "COP": Decimal(4100), "CLP": Decimal(950)}
_COUNTRIES = {"BRL": "Brazil", "MXN": "Mexico", "COP": "Colombia", "CLP": "Chile"}
_BRAZIL = Decimal("0.965")  # published Brazilian rows come to less than LOCAL / FX
_FEE_RATE = Decimal("0.02")
_REFUND_FEE = Decimal("-0.5")
_SETTLEMENT_FEE = Decimal("-2.000001")
_MICRO = Decimal("0.000001")
_CENT = Decimal("0.01")


def printed(books: Books, now: datetime, separator: str = ",", since: int = 0) -> tuple[str, Decimal]:
    """The file of what moved behind the first `since`, and what is paid; every total adds up to its rounding."""
    rows = [*(_row(books, movement) for movement in books.log[since:]), _settlement_fee()]
    places = [COLUMNS.index(name) for name in ("GROSS_AMOUNT", "FEE_AMOUNT", "NET_AMOUNT")]
    sums = [f"{sum((Decimal(row[place]) for row in rows), Decimal(0)).quantize(_CENT)}" for place in places]
    header = ["HEADER", "USD", str(len(rows)), *sums, f"{now:%Y-%m-%d}", f"{now:%y%m%d%H%M}"]
    lines = [TOTALS, header, COLUMNS, *rows]
    text = "".join(separator.join([*line, *[""] * (len(COLUMNS) - len(line))]) + "\n" for line in lines)
    return text, Decimal(sums[-1])


def _row(books: Books, movement: Movement) -> list[str]:
    payment = books.payments[movement.payment]
    capture = movement.kind == "CAPTURE"
    at = payment.captured_at if capture else datetime.fromisoformat(movement.at)
    local = Decimal(movement.amount).scaleb(0 if payment.currency == "CLP" else -2)
    local = -local if movement.kind == "REFUND" else local
    gross = _gross(local, payment)
    fee = -(gross * _FEE_RATE).quantize(_MICRO, ROUND_HALF_EVEN) if capture else _REFUND_FEE
    values = {
        "ROW_TYPE": "PAYMENT" if capture else "REFUND",
        "MID": "900",
        "LOGIN": "sandboxlogin",
        "COUNTRY": _COUNTRIES[payment.currency],
        "CREATION_DATE": f"{at:%Y-%m-%d %H:%M:%S}",
        "APPROVED_DATE": f"{at:%Y-%m-%d %H:%M:%S}" if capture else f"{at:%Y-%m-%d} 00:00:00",
        "TRANSACTION_ID": payment.order or "",
        "DLOCAL_TRANSACTION_ID": payment.reference if capture else f"REF-900-{movement.refund}",
        "LOCAL_AMOUNT": _plain(local),
        "LOCAL_CURRENCY": payment.currency,
        "FX_RATE": str(_RATES[payment.currency]),
        "GROSS_AMOUNT": _plain(gross),
        "FEE_AMOUNT": _plain(fee),
        "NET_AMOUNT": _plain(gross + fee),
        "PAYMENT_TYPE": "CARD" if payment.method == "CARD" else "BANK_TRANSFER",
        "STATUS": "PAID" if capture else "SUCCESS",
        "STATUS_CODE": "200" if capture else "",
        "USER_EMAIL": "payer@example.org",
        "DESCRIPTION": "sandbox",
    }
    return [values.get(name, "") for name in COLUMNS]


def _settlement_fee() -> list[str]:
    """It is of the settlement, so it has no dates and no payment."""
    values = {"ROW_TYPE": "SETTLEMENT_FEE", "GROSS_AMOUNT": "0", "FEE_AMOUNT": _plain(_SETTLEMENT_FEE)}
    return [{**values, "NET_AMOUNT": _plain(_SETTLEMENT_FEE)}.get(name, "") for name in COLUMNS]


def _gross(local: Decimal, payment: Payment) -> Decimal:
    rate = _BRAZIL if payment.currency == "BRL" else Decimal(1)
    return (local / _RATES[payment.currency] * rate).quantize(_MICRO, ROUND_HALF_EVEN)


def _plain(number: Decimal) -> str:
    """Without trailing zeros, as dLocal writes them."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
