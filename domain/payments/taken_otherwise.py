"""Money that left without a refund of ours, of which two witnesses tell two amounts under one name.

The books have the amount that was told first; what the other one says is a finding, until they agree.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import polars as pl

from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, Payment, ReconciliationRun
from domain.money import Money
from domain.payments import external
from domain.platform.database import execute, rows
from domain.platform.in_columns import says
from domain.pse.vocabulary import KnownRefund, Succeeded

_BY_LINE: Final = "amount/"  # begins the finding's fingerprint, and the name of the money goes on
_BY_LISTING: Final = "amount/listed/"
# `$2` and `$3` are these. What a line tells of a refund of ours is compared with the refund.
_AGREED: Final = findings.closing(f"""SELECT f.id, $5::text AS said
  FROM findings f JOIN payments p ON p.id = f.payment_id WHERE f.merchant_id = $6 AND f.connection_id = $1
    AND f.kind = 'AMOUNT_MISMATCH' AND {findings.MAY_END} AND (
      (starts_with(f.fingerprint, $2 || 'taken/') AND NOT EXISTS (SELECT 1 FROM settlement_lines l
        JOIN reports r ON r.id = l.report_id WHERE l.payment_id = p.id AND l.voided_at IS NULL
          AND r.superseded_at IS NULL AND l.type = 'REFUND' AND l.state = 'SUCCEEDED' AND NOT l.by_amount
          AND l.refund_id IS NULL AND coalesce(l.reference, l.pse_refund_reference) = f.detail ->> 'reference'
        HAVING coalesce(sum(l.amount) FILTER (WHERE l.effect = 'TAKEN'), max(l.amount)) - (
          SELECT coalesce(sum(b.amount), 0) FROM settlement_lines b WHERE b.payment_id = p.id AND b.voided_at IS NULL
            AND b.effect = 'TAKEN_BACK' AND NOT b.by_amount AND b.refund_id IS NULL
            AND coalesce(b.reference, b.pse_refund_reference) = f.detail ->> 'reference') <> (
          SELECT e.amount FROM ledger_entries e WHERE e.payment_id = p.id
            AND e.entry = 'TAKEN' AND $2 || split_part(e.cause, $4, 1) = f.fingerprint ORDER BY e.id DESC LIMIT 1)))
      OR (starts_with(f.fingerprint, $3) AND (f.detail ->> 'listed')::bigint = (
        SELECT e.amount FROM ledger_entries e WHERE e.payment_id = p.id AND e.entry = 'TAKEN'
          AND $3 || split_part(e.cause, $4, 1) = f.fingerprint ORDER BY e.id DESC LIMIT 1)))""")  # noqa: S608 - ours


async def of_lines(connection: Connection, run: ReconciliationRun, lines: pl.DataFrame) -> Sequence[Found]:
    """What the lines of a report tell with another amount than is booked."""
    if not says(lines, "type", "REFUND"):
        return []
    named = lines.filter(
        (pl.col("type") == "REFUND")
        & (pl.col("state") == "SUCCEEDED")
        & pl.col("payment_id").is_not_null()
        & pl.col("refund_id").is_null()
        & ~pl.col("by_amount")
        & ~pl.col("again")
    ).with_columns(told=pl.coalesce("reference", "pse_refund_reference"), said=pl.coalesce("taken_told", "amount"))
    booked = await _booked([UUID(one) for one in named["payment_id"].unique()])
    if not booked:
        return []
    payments = {one.id: one for one in await Payment.filter(id__in=list({payment for payment, _ in booked}))}
    found = []
    for row in named.iter_rows(named=True):
        payment = payments.get(UUID(row["payment_id"]))
        name = external.name_of(payment, row["told"]) if payment is not None else ""
        known = booked.get((UUID(row["payment_id"]), name))
        if payment is not None and known not in (None, row["said"]):
            found.append(_found(payment, _BY_LINE + name, row["told"], "report", row["said"], known, run.id))
    return found


async def agreed(connection: Connection) -> None:
    """Close what differs no longer: no line in force tells another amount, or what was listed is booked by now."""
    await execute(
        _AGREED, connection.id, _BY_LINE, _BY_LISTING, external.AGAIN, findings.AGREED, connection.merchant_id
    )


async def of_listing(payment: Payment, listed: Sequence[KnownRefund]) -> None:
    """Open what the PSE lists with another amount than is booked, and close what it lists with the same by now."""
    booked = await _booked([payment.id])
    for known in listed:
        name = external.name_of(payment, known.reference)
        amount, told = booked.get((payment.id, name)), known.amount.minor_units
        if amount is None or not isinstance(known.outcome, Succeeded):
            continue
        if amount == told:
            await findings.resolve(payment.merchant_id, _BY_LISTING + name, findings.AGREED)
            continue
        found = _found(payment, _BY_LISTING + name, known.reference, "listed", told, amount, None)
        await findings.open_finding(found)
        await findings.open_again_what_agreed([found])


async def _booked(payment_ids: Sequence[UUID]) -> Mapping[tuple[UUID, str], int]:
    """How much (minor units) of these payments is booked as taken under each name, where it was not ours after all.

    Of what came back, whatever was booked, its return says what it was.
    """
    if not payment_ids:
        return {}
    found = await rows(
        "SELECT t.payment_id, split_part(t.cause, $2, 1) AS name, t.amount FROM ledger_entries t "
        "WHERE t.payment_id = ANY($1) AND t.entry = 'TAKEN' AND NOT EXISTS (SELECT 1 FROM ledger_entries o "
        "  WHERE o.cause = ANY(ARRAY[t.cause || '/back', t.cause || '/ours', t.cause || '/void'])) ORDER BY t.id",
        list(payment_ids),
        external.AGAIN,
    )
    return {(row["payment_id"], row["name"]): row["amount"] for row in found}


def _found(
    payment: Payment, fingerprint: str, reference: str, witness: str, told: int, booked: int, run_id: UUID | None
) -> Found:
    said, ours = Money(told, payment.currency), Money(booked, payment.currency)
    who = "The report says" if witness == "report" else "The PSE lists"
    return Found(
        kind=FindingKind.AMOUNT_MISMATCH,
        merchant_id=payment.merchant_id,
        connection_id=payment.connection_id,
        run_id=run_id,
        fingerprint=fingerprint,
        amount=Money(abs(told - booked), payment.currency),
        explanation=(
            f"{who} that {said} of payment {payment.pse_reference} left without a refund of ours ({reference}); it had "
            f"been told as {ours}, which is booked."
        ),
        payment_id=payment.id,
        detail={"reference": reference, witness: told, "ledger": booked},
    )
