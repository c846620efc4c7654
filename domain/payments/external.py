"""Money that left without a refund of ours (a Pix MED, a back office), told by witnesses that name it differently.

A PSE may list a refund with its id, and have a report line for it that names the payment and the amount only. Both tell
of the same money, so of equal amounts as many are booked as the witness that tells of more of them knows.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

from domain.books import ledger
from domain.books.ledger import Posting
from domain.cause import Cause
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Merchant, Payment, Refund
from domain.models.ledger import Entry
from domain.payments import orders, witnessed
from domain.platform.database import execute, rows, transaction
from domain.pse.vocabulary import Accepted, Declined, KnownRefund, Succeeded

BY_REPORT: Final = "reconciliation-"  # begins the request ID of what was booked because a report told of it
BY_AMOUNT: Final = "by-amount/"  # begins the name under which a line that names no refund is booked
AGAIN: Final = "/again-"  # ends the name of what is booked once more, after it was given back or is back no longer
KEPT: Final = "kept-"  # begins the request ID of what is taken again, because no report tells of its return any more


async def book(payment: Payment, known: KnownRefund, kind: FindingKind, cause: Cause) -> bool:
    """Book money that left without a refund of ours, or came back.

    Once per PSE reference, however often it is told. Gives whether anything was booked. Opens a finding.
    """
    if isinstance(known.outcome, Accepted):
        return False
    async with transaction():
        await Payment.filter(id=payment.id).select_for_update(no_key=True).get()
        name = await current(name_of(payment, known.reference))
        booked = await _booked(name)
        out = isinstance(known.outcome, Succeeded)
        if not cause.request_id.startswith(BY_REPORT):
            await _note(payment, known, bool(booked), cause)
        if name in booked if out else (name not in booked or len(booked) > 1):
            return False
        if await _became_ours(payment, known.reference):
            return False
        amount = booked.get(name, known.amount.minor_units)
        if not out and await standing(payment, amount) < 1:
            return False  # a line that names no refund has told that it came back
        await _book(payment, amount, name if out else f"{name}/back", out, cause)
        if out:
            await findings.open_finding(_finding(payment, known, kind, name))
    return True


async def _note(payment: Payment, known: KnownRefund, is_booked: bool, cause: Cause) -> None:
    """The PSE itself says so: no revised report takes it away. Of what never left nothing is written down."""
    name, amount = name_of(payment, known.reference), known.amount.minor_units
    if isinstance(known.outcome, Succeeded):
        await witnessed.note(payment, name, amount, cause.request_id)
    elif is_booked or await witnessed.has(name):
        await witnessed.note(payment, f"{name}/back", amount, cause.request_id)


async def give_to(refund: Refund, pse_refund_reference: str, cause: Cause) -> bool:
    """What was booked as taken under a PSE's name, now that the name turns out to be that of `refund`; whether any was.

    A report that names refunds by the PSE's id alone can tell of one of ours before its answer does. Inside the
    caller's transaction; the night repeats the report's date (`told_of_ours`).
    """
    payment = await Payment.filter(id=refund.payment_id).select_for_update(no_key=True).get()
    given = False
    for told in (pse_refund_reference, BY_AMOUNT + pse_refund_reference):
        name = await current(name_of(payment, told))
        booked = await _booked(name)
        if name in booked and len(booked) == 1:
            await _take_back_as_ours(payment, refund, name, booked[name], cause)
            given = True
    return given


async def give_unnamed_to(refund: Refund, cause: Cause) -> None:
    """What a line without a refund's id told first: money of `refund`, whose own news has just proven that it left.

    Only what was booked after it can have left. If the line was about other money after all, the refund's own line
    tells of one more than is booked, and that is booked then. Inside the caller's transaction; the night repeats the
    line's date (`told_of_ours`).
    """
    payment = await Payment.filter(id=refund.payment_id).select_for_update(no_key=True).get()
    prefix = name_of(payment, BY_AMOUNT)
    found = await rows(
        "SELECT t.cause FROM ledger_entries t WHERE t.payment_id = $1 AND t.entry = 'TAKEN' AND t.amount = $2 "
        "  AND starts_with(t.cause, $3) AND t.booked_at >= (SELECT min(at) FROM ("
        "    SELECT sent_at AS at FROM attempts WHERE refund_id = $4 AND coalesce(outcome, '') <> 'UNSENT' "
        "    UNION ALL SELECT occurred_at FROM events WHERE refund_id = $4 AND state = 'MANUAL') sent) "
        "  AND NOT EXISTS (SELECT 1 FROM ledger_entries b WHERE b.cause = ANY(ARRAY[t.cause || '/back', "
        "    t.cause || '/ours', t.cause || '/void'])) ORDER BY t.id LIMIT 1",
        payment.id,
        refund.amount,
        prefix,
        refund.id,
    )
    if found and await standing(payment, refund.amount, prefix) > 0:
        await _take_back_as_ours(payment, refund, found[0]["cause"], refund.amount, cause)


async def _take_back_as_ours(payment: Payment, refund: Refund, name: str, amount: int, cause: Cause) -> None:
    await _book(payment, amount, f"{name}/ours", False, cause)
    said = f"It was our refund {refund.reference}, whose answer came later."
    await findings.resolve(payment.merchant_id, f"{FindingKind.MISSING_IN_LEDGER}/{name}", said)


async def told_of_ours(connection_id: UUID) -> set[date]:
    """The business dates to be reconciled again: their reports told of a payment before it was registered, or of a
    refund of ours before we knew it.

    The refund's name was learned later, or its own news claimed a line without a name, or the report of its return was
    read before that of its leaving.
    """
    found = await rows(
        "SELECT business_date FROM reports WHERE connection_id = $1 AND superseded_at IS NULL "  # noqa: S608
        "  AND repeat_since IS NOT NULL "
        # A payment that was registered while its report was stored saw no lines, and marked nothing.
        "UNION SELECT r.business_date FROM reports r JOIN settlement_lines l ON l.report_id = r.id "
        "JOIN payments p ON p.connection_id = r.connection_id AND p.currency = l.currency "
        "  AND p.pse_reference = coalesce(l.payment_reference, l.payment_alias) AND p.withdrawn_at IS NULL "
        "WHERE r.connection_id = $1 AND r.superseded_at IS NULL AND r.created_at > now() - interval '1 day' "
        "  AND l.payment_id IS NULL AND l.voided_at IS NULL "
        "UNION SELECT r.business_date FROM reports r JOIN settlement_lines l ON l.report_id = r.id "
        "JOIN payments p ON p.merchant_id = r.merchant_id AND p.connection_id = r.connection_id "
        "  AND p.currency = l.currency "
        "WHERE r.connection_id = $1 AND r.superseded_at IS NULL AND r.created_at > now() - interval '1 day' "
        f"  AND {orders.LINE_OF_ORDER} "
        "UNION SELECT r.business_date FROM settlement_lines l JOIN reports r ON r.id = l.report_id "
        "JOIN payments p ON p.id = l.payment_id JOIN refunds f ON f.payment_id = l.payment_id "
        "WHERE r.connection_id = $1 AND r.superseded_at IS NULL AND l.voided_at IS NULL AND ("
        "  (l.effect IN ('TAKEN', 'TAKEN_BACK') AND l.refund_id IS NULL "
        "    AND f.pse_refund_reference = l.pse_refund_reference) "
        "  OR (l.effect = 'TAKEN' AND l.refund_id IS NULL AND l.by_amount AND f.amount = l.amount "
        "    AND f.state IN ('SUCCEEDED', 'RETURNED') AND NOT f.paid_by_bank_transfer "
        "    AND EXISTS (SELECT 1 FROM ledger_entries o WHERE o.cause = format('taken/%s/%s/%s%s/ours', "
        "      p.connection_id, p.pse_reference, $2::text, coalesce(l.reference, l.pse_refund_reference))) "
        "    AND NOT EXISTS (SELECT 1 FROM settlement_lines s "
        "      WHERE s.refund_id = f.id AND s.effect = 'REFUND' AND s.voided_at IS NULL)) "
        "  OR (l.effect = 'NONE' AND l.by_amount AND l.type = 'REFUND' AND l.state = 'RETURNED' "
        "    AND f.amount = l.amount AND f.state = 'RETURNED' AND NOT f.paid_by_bank_transfer "
        "    AND coalesce(l.refund_id, f.id) = f.id "
        "    AND EXISTS (SELECT 1 FROM settlement_lines s "
        "      WHERE s.refund_id = f.id AND s.effect = 'REFUND' AND s.voided_at IS NULL) "
        "    AND NOT EXISTS (SELECT 1 FROM settlement_lines s "
        "      WHERE s.refund_id = f.id AND s.effect = 'RETURN' AND s.voided_at IS NULL)))",
        connection_id,
        BY_AMOUNT,
    )
    return {row["business_date"] for row in found}


async def knows(payment: Payment, reference: str) -> bool:
    """Whether money of the payment was booked under this name, whatever became of it."""
    return bool(await _booked(name_of(payment, reference)))


def name_of(payment: Payment, reference: str) -> str:
    """The cause under which money of the payment is booked that a PSE calls so."""
    return findings.bounded(f"taken/{payment.connection_id}/{payment.pse_reference}/{reference}")


async def current(name: str) -> str:
    """The name under which money is booked now that was given back by a revised report and told again, or that is back
    no longer: each time has a name of its own, so that it is booked once each time.
    """
    now, time = name, 1
    while await rows(
        "SELECT 1 AS one FROM ledger_entries WHERE cause = ANY($1)", [f"{now}/void", f"{name}{AGAIN}{time + 1}"]
    ):
        time += 1
        now = f"{name}{AGAIN}{time}"
    return now


async def untell(payment: Payment, told: str, said: str, cause: Cause, *, replaced: bool = False) -> bool:
    """Give back what only reports told of, and no valid one tells any more; gives whether anything was.

    `told`: its name (`name_of`). `replaced`: it is booked with another amount at once, which the PSE's own word hinders
    only if that is about the amount that is booked. Inside the caller's transaction, which holds the payment's lock.
    """
    name = await current(told)
    booked = await _booked(name)
    if name not in booked or len(booked) > 1 or await witnessed.has(told, booked[name] if replaced else None):
        return False
    await _book(payment, booked[name], f"{name}/void", False, cause)
    for kind in (FindingKind.MISSING_IN_LEDGER, FindingKind.CONTRADICTION):
        for each in {told, name}:
            await findings.close(payment.merchant_id, f"{kind}/{each}", said)
    return True


async def take_again(payment: Payment, told: str, amount: int, cause: Cause) -> None:
    """Book as taken again what only reports told to have come back, and no valid one tells so any more.

    `told`: the name that came back (`name_of`); `amount` in minor units. Inside the caller's transaction, which holds
    the payment's lock. The finding of what had left is left as it is.
    """
    time = int((await current(told))[len(told) + len(AGAIN) :] or 1) + 1
    await _book(payment, amount, f"{told}{AGAIN}{time}", True, Cause(f"{KEPT}{cause.request_id}", cause.actor))


async def standing(payment: Payment, amount: int, prefix: str = "") -> int:
    """How often so much (minor units) is booked as taken, under names that begin so, and neither came back nor became
    ours.
    """
    (booked,) = await rows(
        "SELECT count(*) FILTER (WHERE entry = 'TAKEN') - count(*) FILTER (WHERE entry = 'TAKEN_BACK') AS times "
        "FROM ledger_entries WHERE payment_id = $1 AND entry IN ('TAKEN', 'TAKEN_BACK') AND amount = $2 "
        "  AND starts_with(cause, $3)",
        payment.id,
        amount,
        prefix,
    )
    times: int = booked["times"]
    return times


async def _booked(name: str) -> dict[str, int]:
    """The causes under which it was booked, with the amounts: that it left, that it came back or turned out ours."""
    names = [name, f"{name}/back", f"{name}/ours", f"{name}/void"]
    found = await rows("SELECT cause, amount FROM ledger_entries WHERE cause = ANY($1)", names)
    return {row["cause"]: row["amount"] for row in found}


async def _became_ours(payment: Payment, reference: str) -> bool:
    # The payment's lock is held: whoever learns a refund's name takes it too, and then looks for what was booked.
    (row,) = await rows(
        "SELECT EXISTS (SELECT 1 FROM refunds WHERE payment_id = $1 AND pse_refund_reference = $2 "
        "  AND reference <> $2) AS found",
        payment.id,
        reference,
    )
    return bool(row["found"])


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
        if await standing(payment, known.amount.minor_units) >= wanted or await _turned_out_ours(payment, known, told):
            return
        await book(payment, known, FindingKind.MISSING_IN_LEDGER, cause)


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
        [name_of(payment, name) for name in {*named, *(row["name"] for row in stored)}],
        AGAIN,
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
        name, amount = await current(name_of(payment, known.reference)), known.amount.minor_units
        if f"{name}/back" not in await _booked(name) and await standing(payment, amount) > 0:
            await _book(payment, amount, f"{name}/back", False, cause)


async def gone_from_line(payment: Payment, known: KnownRefund, wanted: int, cause: Cause) -> None:
    """Book that what a line told came back, if more is taken than the lines want."""
    async with transaction():
        await Payment.filter(id=payment.id).select_for_update(no_key=True).get()
        if await standing(payment, known.amount.minor_units, name_of(payment, BY_AMOUNT)) > wanted:
            gone = replace(known, outcome=Declined("RETURNED", "The report says that the money came back."))
            await book(payment, gone, FindingKind.MISSING_IN_LEDGER, cause)


async def from_listing(payment: Payment, listed: Sequence[KnownRefund], cause: Cause) -> None:
    """Book the payment's refunds that are not ours, as the PSE lists them, unless lines have told of them already."""
    prefix = name_of(payment, "")
    booked = await rows(
        # What turned out to be a refund of ours, or was given back by a revised report, is none of those; what was
        # taken again is told already by what had left.
        "SELECT cause, amount FROM ledger_entries t WHERE payment_id = $1 AND entry = 'TAKEN' "
        "AND NOT starts_with(request_id, $2) AND NOT EXISTS (SELECT 1 FROM ledger_entries o "
        "  WHERE o.cause IN (t.cause || '/ours', t.cause || '/void') OR (o.payment_id = t.payment_id AND o.id > t.id "
        "    AND right(o.cause, 5) = '/void' AND split_part(o.cause, $3, 1) = split_part(t.cause, $3, 1)))",
        payment.id,
        KEPT,
        AGAIN,
    )
    named = {row["cause"].partition(AGAIN)[0] for row in booked}
    told = Counter(row["amount"] for row in booked if row["cause"].startswith(prefix + BY_AMOUNT))
    for known in listed:
        amount = known.amount.minor_units
        fresh = isinstance(known.outcome, Succeeded) and name_of(payment, known.reference) not in named
        if fresh and told[amount] > 0:
            told[amount] -= 1
            await witnessed.note(payment, name_of(payment, known.reference), amount, cause.request_id)
        else:
            await book(payment, known, FindingKind.MISSING_IN_LEDGER, cause)


async def _book(payment: Payment, amount: int, name: str, out: bool, cause: Cause) -> None:
    await execute(
        "UPDATE payments SET taken_by_bank = taken_by_bank + $2 WHERE id = $1",
        payment.id,
        amount if out else -amount,
    )
    zone = (await Merchant.get(id=payment.merchant_id)).zone
    posting = Posting(
        merchant_id=payment.merchant_id,
        store_id=payment.store_id,
        connection_id=payment.connection_id,
        entry=Entry.TAKEN if out else Entry.TAKEN_BACK,
        amount=amount,
        currency=payment.currency,
        accounting_date=ledger.accounting_date_of(datetime.now(UTC), zone),
        cause=name,
        request_id=cause.request_id,
        payment_id=payment.id,
    )
    await ledger.post([posting])


def _finding(payment: Payment, known: KnownRefund, kind: FindingKind, name: str) -> Found:
    who = "the bank" if known.by_bank else "somebody at the PSE"
    return Found(
        kind=kind,
        merchant_id=payment.merchant_id,
        connection_id=payment.connection_id,
        fingerprint=f"{kind}/{name}",
        amount=known.amount,
        explanation=(
            f"{known.amount} of payment {payment.pse_reference} was returned by {who} ({known.kind}, "
            f"{known.pse_refund_reference or known.reference}); no refund of ours accounts for it."
        ),
        payment_id=payment.id,
        detail={"reference": known.reference, "pse_reference": known.pse_refund_reference, "kind": known.kind},
    )
