"""What the lines of a report say that the books do not, as findings. Pure: it reads lines and writes nothing."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import polars as pl

from domain.findings import FindingKind, Found
from domain.matching import Effect
from domain.models import Connection, ReconciliationRun
from domain.money import Money

Line = dict[str, Any]  # a line with the columns of domain/matching


def of_status(connection: Connection, run: ReconciliationRun, line: Line) -> Found:
    """The report and the books disagree about what became of a refund."""
    said, known = line["state"], line["refund_state"]
    return _found(
        FindingKind.STATUS_MISMATCH,
        connection,
        run,
        line,
        fingerprint=f"status/{line['refund_id']}/{said}",
        amount=line["amount"],
        explanation=f"The report says {said} for refund {line['refund_reference']}, our books said {known}.",
        detail={"report": said, "ledger": known},
    )


def of_amounts(connection: Connection, run: ReconciliationRun, lines: pl.DataFrame) -> Sequence[Found]:
    """Captures and refunds that the report has with another amount."""
    amount, effect = pl.col("amount"), pl.col("effect")
    refunds = lines.filter((effect == Effect.REFUND.value) & (amount != pl.col("refund_amount")))
    captures = lines.filter((effect == Effect.CAPTURE.value) & (amount != pl.col("payment_captured")))
    return [
        *(_amount(connection, run, line, "payment") for line in captures.iter_rows(named=True)),
        *(_amount(connection, run, line, "refund") for line in refunds.iter_rows(named=True)),
    ]


def _amount(connection: Connection, run: ReconciliationRun, line: Line, noun: str) -> Found:
    known = line["payment_captured"] if noun == "payment" else line["refund_amount"]
    name = line["payment_reference"] if noun == "payment" else line["refund_reference"]
    said, ours = Money(line["amount"], line["currency"]), Money(known, line["currency"])
    return _found(
        FindingKind.AMOUNT_MISMATCH,
        connection,
        run,
        line,
        fingerprint=f"amount/{line[f'{noun}_id']}",
        amount=abs(line["amount"] - known),
        explanation=f"The report says {said} for {noun} {name}, our books say {ours}.",
        detail={"report": line["amount"], "ledger": known},
    )


def unknown_payments(connection: Connection, run: ReconciliationRun, lines: pl.DataFrame) -> Sequence[Found]:
    """Money that moved for a payment that is not registered."""
    moving = ["CAPTURE", "REFUND", "CHARGEBACK", "CHARGEBACK_REVERSED"]
    moved = pl.col("type").is_in(moving) & (pl.col("state") == "SUCCEEDED")
    unknown = lines.filter(pl.col("payment_id").is_null() & moved)
    return [
        _found(
            FindingKind.MISSING_IN_LEDGER,
            connection,
            run,
            line,
            fingerprint=f"unknown/{connection.id}/{named}/{line['reference'] or line['pse_refund_reference'] or ''}",
            amount=line["amount"],
            explanation=f"The report has a {line['type'].lower().replace('_', ' ')} of {named}, unknown to us.",
            detail={"payment": named, "reference": line["reference"] or line["pse_refund_reference"]},
        )
        for line in unknown.iter_rows(named=True)
        for named in [line["payment_reference"] or line["payment_alias"] or line["order_reference"]]
    ]


def vat_reversals(connection: Connection, run: ReconciliationRun, lines: pl.DataFrame) -> Sequence[Found]:
    """Refunds that are proven, and whose VAT has not been taken back."""
    left = (pl.col("effect") == Effect.REFUND.value) & (pl.col("refund_state") != "RETURNED")
    taxed = lines.filter(left & (pl.col("refund_tax") > 0))
    return [
        _found(
            FindingKind.VAT_REVERSAL_NEEDED,
            connection,
            run,
            line,
            fingerprint=f"vat/{line['refund_id']}",
            amount=line["refund_tax"],
            explanation=(
                f"Refund {line['refund_reference']} is proven; {Money(line['refund_tax'], line['currency'])} of VAT "
                "was paid on the sale and has not been taken back."
            ),
        )
        for line in taxed.iter_rows(named=True)
    ]


def _found(
    kind: FindingKind,
    connection: Connection,
    run: ReconciliationRun,
    line: Line,
    *,
    fingerprint: str,
    amount: int,
    explanation: str,
    detail: Line | None = None,
) -> Found:
    return Found(
        kind=kind,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        run_id=run.id,
        fingerprint=fingerprint,
        amount=Money(amount, line["currency"]),
        explanation=explanation,
        refund_id=UUID(line["refund_id"]) if line["refund_id"] else None,
        payment_id=UUID(line["payment_id"]) if line["payment_id"] else None,
        detail=detail or {},
    )
