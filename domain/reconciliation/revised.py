"""What a revised report takes away: lines of the one before that it has no longer."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.cause import Cause
from domain.findings import reopen
from domain.models import Payment, ReconciliationRun
from domain.payments import external
from domain.platform.database import rows, transaction
from domain.reconciliation import back_no_longer, still_gone, told_lines

_PROOF_GONE: Final = "a revised report has the refund no longer."
_GONE: Final = "A revised report tells of it no longer: it was given back in the books."
# What stands of the money that a run has booked, and that no valid line tells under its name with its amount.
_UNSTORED: Final = """SELECT t.payment_id, t.amount, split_part(t.cause, $3, 1) AS name,
    starts_with(t.cause, n.prefix || $2) AS by_amount
  FROM ledger_entries t JOIN payments p ON p.id = t.payment_id
  CROSS JOIN LATERAL (SELECT format('taken/%s/%s/', p.connection_id, p.pse_reference) AS prefix) n
  WHERE t.request_id = ANY($1) AND t.entry = 'TAKEN'
    AND NOT EXISTS (SELECT 1 FROM ledger_entries b
      WHERE b.cause = ANY(ARRAY[t.cause || '/back', t.cause || '/ours', t.cause || '/void']))
    AND NOT EXISTS (SELECT 1 FROM refunds f WHERE f.payment_id = p.id AND NOT f.paid_by_bank_transfer
      AND n.prefix || f.reference = split_part(t.cause, $3, 1) AND (f.state = 'RETURNED' OR (f.state = 'FAILED'
        AND EXISTS (SELECT 1 FROM events e WHERE e.refund_id = f.id AND e.state = 'FAILED'
          AND e.previous_state <> e.state AND e.detail ->> 'door' = 'REPORT')
        AND NOT EXISTS (SELECT 1 FROM events e WHERE e.refund_id = f.id AND e.kind = 'FAILURE_CONFIRMED')
        AND NOT EXISTS (SELECT 1 FROM settlement_lines v JOIN reports r ON r.id = v.report_id
          WHERE v.refund_id = f.id AND v.type = 'REFUND' AND v.state IN ('FAILED', 'RETURNED')
            AND r.superseded_at IS NULL))))
    AND NOT EXISTS (SELECT 1 FROM settlement_lines l JOIN reports r ON r.id = l.report_id
      WHERE l.payment_id = p.id AND l.voided_at IS NULL AND r.superseded_at IS NULL AND l.type = 'REFUND'
        AND l.state = 'SUCCEEDED' AND l.amount = t.amount AND split_part(t.cause, $3, 1) = concat(n.prefix,
          CASE WHEN l.by_amount THEN $2 END, coalesce(l.reference, l.pse_refund_reference)))
  ORDER BY t.payment_id, t.id"""

# Payments that were registered after the report had told of them (told_before), and of which no line waits any more to
# be matched: from then on the lines that have them say all that is told.
_LATER: Final = """WITH told AS (
    SELECT o.merchant_id, o.connection_id, l.payment_reference, l.payment_alias, l.order_reference
    FROM settlement_lines l JOIN reports o ON o.id = l.report_id
    WHERE o.id = $1 AND l.payment_id IS NULL AND l.type = 'REFUND' AND l.state = 'SUCCEEDED'),
  later AS (
    SELECT p.* FROM told l JOIN payments p ON p.connection_id = l.connection_id
      AND p.pse_reference = l.payment_reference
    UNION SELECT p.* FROM told l JOIN payments p ON p.connection_id = l.connection_id
      AND p.pse_reference = l.payment_alias
    UNION SELECT p.* FROM told l JOIN payments p ON p.merchant_id = l.merchant_id
      AND p.connection_id = l.connection_id AND p.order_reference = l.order_reference
      WHERE coalesce(l.payment_reference, l.payment_alias) IS NULL)
  SELECT p.id FROM later p WHERE p.withdrawn_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM settlement_lines l JOIN reports r ON r.id = l.report_id
      WHERE r.connection_id = p.connection_id AND r.superseded_at IS NULL AND l.voided_at IS NULL
        AND l.payment_id IS NULL AND l.type = 'REFUND' AND (l.payment_reference = p.pse_reference
          OR l.payment_alias = p.pse_reference OR (l.payment_reference IS NULL AND l.payment_alias IS NULL
            AND l.order_reference = p.order_reference)))
  ORDER BY p.id"""


@dataclass(frozen=True, slots=True)
class _Booked:
    """Money that is booked as taken under a name (`external.name_of`). `amount` in minor units."""

    name: str
    amount: int
    by_amount: bool


async def reopen_missing(superseded_id: UUID) -> None:
    """Refunds that the superseded report proved and no valid one proves now are missing again, whoever had said that
    they are not: the proof is gone. Inside the caller's transaction, after the new lines are stored.
    """
    found = await rows(
        "SELECT DISTINCT f.payment_id, f.id FROM settlement_lines l JOIN refunds r ON r.id = l.refund_id "
        "JOIN findings f ON f.refund_id = r.id AND f.kind = 'MISSING_IN_REPORT' AND f.resolved_at IS NOT NULL "
        "WHERE l.report_id = $1 AND l.effect = 'REFUND' AND r.state = 'SUCCEEDED' AND NOT r.paid_by_bank_transfer "
        "  AND NOT EXISTS (SELECT 1 FROM settlement_lines v WHERE v.refund_id = r.id AND v.effect = 'REFUND' "
        "    AND v.voided_at IS NULL) ORDER BY 1, 2",
        superseded_id,
    )
    for row in found:
        finding, payment = await reopen.lock(row["id"])
        if finding.resolved_at is not None:
            await reopen.reopen(finding, payment, _PROOF_GONE, reopen.BOOKS)


async def give_back(superseded_id: UUID, cause: Cause) -> None:
    """Money that the superseded report told to have left without us, and that no valid report tells of now, is given
    back; of which another amount is told now, it is booked with that. Inside the caller's transaction, after the new
    lines are stored. What the PSE told in another way stays. What it alone told to have come back is taken again first.
    """
    later = [f"{external.BY_REPORT}{row['id']}" for row in await rows(_LATER, superseded_id)]
    backs = await back_no_longer.of_report(superseded_id)
    if later:
        backs |= await back_no_longer.booked_by(later)
    await _take_again(backs, cause)
    await _agree_about("l.report_id = $1", superseded_id, cause)
    for payment_id, booked in await _unstored(later) if later else []:
        await _agree(await _locked(payment_id), booked, cause)


async def agree_about(given_up: Sequence[int], cause: Cause) -> None:
    """As `give_back`, of lines (ids) that say nothing any more, since another report's rows have taken their place."""
    if given_up:
        await _agree_about("l.id = ANY($1::bigint[])", list(given_up), cause)


async def _agree_about(which: str, of: UUID | Sequence[int], cause: Cause) -> None:
    old = await rows(
        # The columns are ours; every value is bound.
        f"SELECT {told_lines.COLUMNS} FROM settlement_lines l LEFT JOIN refunds f ON f.id = l.refund_id "  # noqa: S608
        # What another report had told before moved nothing here, but this may have been the last to tell of it.
        f"WHERE {which} AND (l.effect = 'TAKEN' OR (l.effect = 'NONE' AND l.type = 'REFUND' "
        "  AND l.state = 'SUCCEEDED' AND l.refund_id IS NULL AND l.payment_id IS NOT NULL)) "
        "ORDER BY l.payment_id, l.line",
        of,
    )
    for line in old:
        payment = await _locked(line["payment_id"])
        name = external.name_of(payment, told_lines.name(line))
        await _agree(payment, _Booked(name, line["amount"], line["by_amount"]), cause)


async def give_back_unstored(run: ReconciliationRun, cause: Cause) -> None:
    """As `give_back`, what the run had booked and died before it stored the lines: no report is superseded by the one
    that the repeated run reads. After the run has read all its reports; safe to repeat. `cause`: the run's.

    Not before the report that told of it is read again. A refund that is RETURNED, or that a report alone failed, is
    left to unreturned.
    """
    found, backs = await _unstored([cause.request_id]), await back_no_longer.booked_by([cause.request_id])
    if not (found or backs):
        return
    for payment_id in sorted(backs):
        async with transaction():
            await _take_again({payment_id}, cause)
    for payment_id, booked in found:
        async with transaction():
            await _agree(await _locked(payment_id), booked, cause)


async def _take_again(payment_ids: Set[UUID], cause: Cause) -> None:
    for payment_id in sorted(payment_ids):
        payment = await _locked(payment_id)
        for name, amount, by_amount in await back_no_longer.take_again(payment, cause):
            await _agree(payment, _Booked(name, amount, by_amount), cause)


async def _unstored(request_ids: Sequence[str]) -> list[tuple[UUID, _Booked]]:
    found = await rows(_UNSTORED, list(request_ids), external.BY_AMOUNT, external.AGAIN)
    return [(row["payment_id"], _Booked(row["name"], row["amount"], row["by_amount"])) for row in found]


async def _locked(payment_id: UUID) -> Payment:
    return await Payment.filter(id=payment_id).select_for_update(no_key=True).get()


async def _agree(payment: Payment, booked: _Booked, cause: Cause) -> None:
    """Give back what no valid report tells of, and book with its amount what they tell with another one."""
    told = await told_lines.told(payment)
    now = told_lines.under(payment, told, booked.name)
    if now:
        in_rows = told_lines.may_be_in_rows(now[0])
        if in_rows and await still_gone.is_of_sums(payment, now[0]["name"]):
            return
        if in_rows or not any(one["amount"] == booked.amount for one in now):
            await external.restate(payment, told_lines.known(payment, now), _GONE, cause)
        return
    if booked.by_amount:
        wanted = await told_lines.wanted(payment, told, booked.amount)
        if await external.standing(payment, booked.amount) <= wanted:
            return
    await external.untell(payment, booked.name, _GONE, cause)
