"""Money that left without a refund of ours, told without the name under which it is booked: by lines, or by a listing.

Of equal amounts as many are booked as the witness that tells of more of them knows.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from domain.cause import Cause
from domain.findings import findings, names
from domain.findings.findings import FindingKind
from domain.models import Payment
from domain.payments import external, witnessed
from domain.platform.database import rows, transaction
from domain.pse.vocabulary import Declined, KnownRefund, Succeeded

_NAMED: Final = "A report tells of it under a name."


@dataclass(frozen=True, slots=True)
class Told:
    """What the lines say of so much of a payment. `wanted`: how often it stays taken by this line and those before it.

    `given`: how many refunds of ours the report, by its name, has lines for. `named`: other money that it names.
    """

    report: str
    wanted: int
    given: int
    named: tuple[str, ...] = ()


async def from_line(payment: Payment, known: KnownRefund, told: Told, cause: Cause) -> None:
    """Book the money of a line that was given to no refund, unless as much is booked already."""
    async with transaction():
        await Payment.filter(id=payment.id).select_for_update(no_key=True).get()
        wanted = told.wanted + await told_by_name(payment, known.amount.minor_units, told.named)
        if await external.standing(payment, known.amount.minor_units) >= wanted or await _turned_out_ours(
            payment, known, told
        ):
            return
        await external.book(payment, known, FindingKind.MISSING_IN_LEDGER, cause)


async def told_by_name(payment: Payment, amount: int, named: Sequence[str]) -> int:
    """How often so much stays taken that lines tell under a name, these and those that are stored: none is nameless."""
    stored = await rows(
        "SELECT coalesce(reference, pse_refund_reference) AS name FROM settlement_lines WHERE payment_id = $1 "
        "  AND effect = 'TAKEN' AND NOT by_amount AND refund_id IS NULL AND voided_at IS NULL",
        payment.id,
    )
    (booked,) = await rows(
        "SELECT count(*) AS times FROM ledger_entries t WHERE payment_id = $1 AND entry = 'TAKEN' AND amount = $2 "
        "  AND split_part(cause, $4, 1) = ANY($3) AND NOT EXISTS (SELECT 1 FROM ledger_entries b "
        "    WHERE b.cause IN (t.cause || '/back', t.cause || '/ours', t.cause || '/void'))",
        payment.id,
        amount,
        [external.name_of(payment, name) for name in {*named, *(row["name"] for row in stored)}],
        external.AGAIN,
    )
    times: int = booked["times"]
    return times


async def _turned_out_ours(payment: Payment, known: KnownRefund, told: Told) -> bool:
    """Whether a refund's own news has come since the lines were read: then the line is that refund's.

    The payment's lock is held: whoever learns that a refund has left takes it too, and then looks for what was booked.
    """
    (unproven,) = await rows(
        "SELECT count(*) AS times FROM refunds f WHERE f.payment_id = $1 AND f.amount = $2 "
        "  AND f.state IN ('SUCCEEDED', 'RETURNED') AND NOT f.paid_by_bank_transfer "
        "  AND f.created_at <= $4::timestamptz + interval '1 day' "
        "  AND NOT EXISTS (SELECT 1 FROM settlement_lines l JOIN reports r ON r.id = l.report_id "
        "    WHERE l.refund_id = f.id AND l.effect = 'REFUND' AND l.voided_at IS NULL AND r.name <> $3)",
        payment.id,
        known.amount.minor_units,
        told.report,
        known.settled_at or datetime.now(UTC),
    )
    more: bool = unproven["times"] > told.given
    return more


async def back_from_line(payment: Payment, known: KnownRefund, cause: Cause) -> None:
    """Book that so much came back, as a line without a refund's id tells, once for each line."""
    async with transaction():
        await Payment.filter(id=payment.id).select_for_update(no_key=True).get()
        name, amount = await external.current(external.name_of(payment, known.reference)), known.amount.minor_units
        if f"{name}/back" not in await external.booked_as(name) and await external.standing(payment, amount) > 0:
            await external.post(payment, amount, f"{name}/back", False, cause)


async def gone_from_line(payment: Payment, known: KnownRefund, wanted: int, cause: Cause) -> None:
    """Book that what a line told came back, if more is taken than the lines want."""
    async with transaction():
        await Payment.filter(id=payment.id).select_for_update(no_key=True).get()
        if (
            await external.standing(payment, known.amount.minor_units, external.name_of(payment, external.BY_AMOUNT))
            > wanted
        ):
            gone = replace(known, outcome=Declined("RETURNED", "The report says that the money came back."))
            name = await external.current(external.name_of(payment, known.reference))
            if await external.book(payment, gone, FindingKind.MISSING_IN_LEDGER, cause) and await told_by_name(
                payment, known.amount.minor_units, ()
            ):
                for kind in (FindingKind.MISSING_IN_LEDGER, FindingKind.BANK_INITIATED):
                    await findings.close(payment.merchant_id, names.money(kind, name), _NAMED)


async def from_listing(payment: Payment, listed: Sequence[KnownRefund], cause: Cause) -> None:
    """Book the payment's refunds that are not ours, as the PSE lists them, unless lines have told of them already."""
    prefix = external.name_of(payment, "")
    booked = await rows(
        # What turned out to be a refund of ours, or was given back by a revised report, is none of those; what was
        # taken again is told already by what had left.
        "SELECT cause, amount FROM ledger_entries t WHERE payment_id = $1 AND entry = 'TAKEN' "
        "AND NOT starts_with(request_id, $2) AND NOT EXISTS (SELECT 1 FROM ledger_entries o "
        "  WHERE o.cause IN (t.cause || '/ours', t.cause || '/void') OR (o.payment_id = t.payment_id AND o.id > t.id "
        "    AND right(o.cause, 5) = '/void' AND split_part(o.cause, $3, 1) = split_part(t.cause, $3, 1)))",
        payment.id,
        external.KEPT,
        external.AGAIN,
    )
    named = {row["cause"].partition(external.AGAIN)[0] for row in booked}
    told = Counter(row["amount"] for row in booked if row["cause"].startswith(prefix + external.BY_AMOUNT))
    for known in listed:
        name, amount = external.name_of(payment, known.reference), known.amount.minor_units
        fresh = isinstance(known.outcome, Succeeded) and name not in named
        if fresh and told[amount] > 0 and (await witnessed.has(name) or await _nobody_has(payment, amount)):
            told[amount] -= 1
            await witnessed.note(payment, name, amount, cause.request_id)
        else:
            await external.book(payment, known, FindingKind.MISSING_IN_LEDGER, cause)


async def _nobody_has(payment: Payment, amount: int) -> bool:
    """Whether more of so much still stands of what nameless lines told than the PSE has listed under names."""
    stands = await external.standing(payment, amount, external.name_of(payment, external.BY_AMOUNT))
    return stands > await witnessed.listed_only(payment, amount)
