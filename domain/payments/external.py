"""Money that left without a refund of ours (a Pix MED, a back office), told by witnesses that name it differently.

A PSE may list a refund with its id, and have a report line for it that names the payment and the amount only. Both tell
of the same money, so of equal amounts as many are booked as the witness that tells of more of them knows.
"""

from typing import Final

from domain.books import ledger
from domain.books.ledger import Posting
from domain.cause import Cause
from domain.findings import findings, names, reopen
from domain.findings.findings import FindingKind, Found
from domain.models import Payment, Refund
from domain.models.ledger import Entry
from domain.money import Money
from domain.payments import confirmations, duplicated, other_currency, witnessed
from domain.platform.database import execute, rows, transaction
from domain.pse.vocabulary import Accepted, KnownRefund, Succeeded

BY_REPORT: Final = "reconciliation-"  # begins the request ID of what was booked because a report told of it
BY_AMOUNT: Final = "by-amount/"  # begins the name under which a line that names no refund is booked
AGAIN: Final = names.AGAIN
# Orders that were held because the payment's money had left another way: that may be over, so they are looked at now.
# The payment is locked and its refunds are locked before it everywhere else: what somebody has in hand is left to him.
_LET_GO: Final = """
UPDATE refunds SET due_at = now() WHERE id IN (SELECT r.id FROM refunds r
  WHERE r.payment_id = $1 AND r.state = 'REQUESTED' AND r.due_at > now() AND (SELECT e.kind = 'HELD'
    AND e.code = 'PAID_MEANWHILE' FROM events e WHERE e.refund_id = r.id ORDER BY e.sequence DESC LIMIT 1)
  FOR NO KEY UPDATE OF r SKIP LOCKED)"""
# The findings that money has under its name, whoever opened them.
_OF_MONEY: Final = (
    FindingKind.MISSING_IN_LEDGER,
    FindingKind.BANK_INITIATED,
    FindingKind.CONTRADICTION,
    FindingKind.AMOUNT_MISMATCH,
)
KEPT: Final = "kept-"  # begins the request ID of what is taken again, because no report tells of its return any more


async def book(payment: Payment, known: KnownRefund, kind: FindingKind, cause: Cause) -> bool:
    """Book money that left without a refund of ours, or came back.

    Once per PSE reference, however often it is told. Gives whether anything was booked. Opens a finding.
    """
    if isinstance(known.outcome, Accepted):
        return False
    if await other_currency.told(payment, known.amount, name_of(payment, known.reference)):
        return False
    async with transaction():
        await Payment.filter(id=payment.id).select_for_update(no_key=True).get()
        name = await current(name_of(payment, known.reference))
        booked = await booked_as(name)
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
        await post(payment, amount, name if out else f"{name}/back", out, cause)
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

    A report that names refunds by the PSE's id alone can tell of one of ours before its answer does. Money of an amount
    that neither is the refund's nor is told otherwise by a line stays taken, and is a finding. Inside the caller's
    transaction; the night repeats the report's date (reconciliation/to_repeat).
    """
    payment = await Payment.filter(id=refund.payment_id).select_for_update(no_key=True).get()
    given = False
    for told in (pse_refund_reference, BY_AMOUNT + pse_refund_reference):
        name = await current(name_of(payment, told))
        booked = await booked_as(name)
        if name in booked and len(booked) == 1:
            if refund.amount == booked[name] or await _lines_tell(refund, pse_refund_reference):
                await _take_back_as_ours(payment, refund, name, booked[name], cause)
            else:
                await findings.open_finding(_differs(refund, pse_refund_reference, name, booked[name]))
            given = True
    return given


async def _lines_tell(refund: Refund, pse_refund_reference: str) -> bool:
    """Whether a valid line tells the refund's amount under that name, whatever was booked (a listing's, say)."""
    return bool(
        await rows(
            "SELECT 1 AS one FROM settlement_lines WHERE payment_id = $1 AND $2 IN (reference, pse_refund_reference) "
            "  AND amount = $3 AND voided_at IS NULL LIMIT 1",
            refund.payment_id,
            pse_refund_reference,
            refund.amount,
        )
    )


async def taken_as(payment: Payment, pse_refund_reference: str) -> int | None:
    """How much (minor units) stays taken under that name of the PSE's; None: nothing does."""
    for told in (pse_refund_reference, BY_AMOUNT + pse_refund_reference):
        taken = await _stands(await current(name_of(payment, told)))
        if taken is not None:
            return taken
    return None


async def _stands(name: str) -> int | None:
    booked = await booked_as(name)
    return booked[name] if name in booked and len(booked) == 1 else None


async def give_unnamed_to(refund: Refund, cause: Cause) -> None:
    """What a line without a refund's id told first: money of `refund`, whose own news has just proven that it left.

    Only what was booked after it can have left. If the line was about other money after all, the refund's own line
    tells of one more than is booked, and that is booked then. Inside the caller's transaction; the night repeats the
    line's date (reconciliation/to_repeat).
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
    await post(payment, amount, f"{name}/ours", False, cause)
    said = f"It was our refund {refund.reference}, whose answer came later."
    for kind in (FindingKind.MISSING_IN_LEDGER, FindingKind.BANK_INITIATED):
        await findings.resolve(payment.merchant_id, names.money(kind, name), said)


async def knows(payment: Payment, reference: str) -> bool:
    """Whether money of the payment was booked under this name, whatever became of it."""
    return bool(await booked_as(name_of(payment, reference)))


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
    booked = await booked_as(name)
    if name not in booked or len(booked) > 1 or await witnessed.has(told, booked[name] if replaced else None):
        return False
    if await standing(payment, booked[name]) < 1:
        return False  # it has come back already, under another name
    await _void(payment, told, booked[name], said, cause)
    return True


async def _void(payment: Payment, told: str, amount: int, said: str, cause: Cause) -> None:
    name = await current(told)
    await post(payment, amount, f"{name}/void", False, cause)
    for kind in _OF_MONEY:
        for each in {told, name}:
            await findings.close(payment.merchant_id, names.money(kind, each), said)


async def restate(payment: Payment, known: KnownRefund, said: str, cause: Cause) -> None:
    """Book with this amount what stands under that name with another one. `said`: why.

    Inside the caller's transaction, which holds the payment's lock.
    """
    told = name_of(payment, known.reference)
    if await _stands(await current(told)) not in (None, known.amount.minor_units) and await untell(
        payment, told, said, cause, replaced=True
    ):
        await book(payment, known, FindingKind.MISSING_IN_LEDGER, cause)


async def restate_as(payment: Payment, known: KnownRefund, said: str, cause: Cause) -> None:
    """Book so much, be it nothing, as still gone under that name, whatever stands or came back. `said`: why.

    Not what turned out to be ours, nor what came back under another name. Inside the caller's transaction, which holds
    the payment's lock.
    """
    told, wanted = name_of(payment, known.reference), known.amount.minor_units
    name = await current(told)
    stands = await _stands(name) or 0
    if stands == wanted or f"{name}/ours" in await booked_as(name):
        return
    if stands and await standing(payment, stands) < 1:
        return
    if stands and not wanted:
        await post(payment, stands, f"{name}/back", False, cause)
    elif stands:
        await _void(payment, told, stands, said, cause)
    if wanted:
        fresh = await current(told)
        fresh = await _next(told) if await booked_as(fresh) else fresh
        await post(payment, wanted, fresh, True, cause)
        await findings.open_finding(_finding(payment, known, FindingKind.MISSING_IN_LEDGER, fresh))


async def take_again(payment: Payment, told: str, amount: int, cause: Cause) -> None:
    """Book as taken again what only reports told to have come back, and no valid one tells so any more.

    `told`: the name that came back (`name_of`); `amount` in minor units. Inside the caller's transaction, which holds
    the payment's lock. The finding of what had left is left as it is.
    """
    await post(payment, amount, await _next(told), True, Cause(f"{KEPT}{cause.request_id}", cause.actor))


async def book_other(payment: Payment, known: KnownRefund, kind: FindingKind, cause: Cause) -> bool:
    """Book what a line tells whose name has turned out to be a refund's of ours, though the line is about other money.

    Gives whether anything was booked. Opens a finding. Inside the caller's transaction, which holds the payment's lock.
    """
    told = name_of(payment, known.reference)
    now = await current(told)
    if f"{now}/ours" not in await booked_as(now):
        return False
    name = await _next(told)
    await post(payment, known.amount.minor_units, name, True, cause)
    await findings.open_finding(_finding(payment, known, kind, name))
    return True


async def _next(told: str) -> str:
    time = int((await current(told))[len(told) + len(AGAIN) :] or 1) + 1
    return f"{told}{AGAIN}{time}"


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


async def booked_as(name: str) -> dict[str, int]:
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


async def post(payment: Payment, amount: int, name: str, out: bool, cause: Cause) -> None:
    """Enter so much (minor units) as taken, or as taken back, under that name, in the books and on the payment.

    Inside the caller's transaction, which holds the payment's lock.
    """
    await execute(
        "UPDATE payments SET taken_by_bank = taken_by_bank + $2 WHERE id = $1",
        payment.id,
        amount if out else -amount,
    )
    if not out:
        await confirmations.ask_anew_what_was_gone(payment.id)
        await execute(_LET_GO, payment.id)
    posting = Posting(
        merchant_id=payment.merchant_id,
        store_id=payment.store_id,
        connection_id=payment.connection_id,
        entry=Entry.TAKEN if out else Entry.TAKEN_BACK,
        amount=amount,
        currency=payment.currency,
        accounting_date=await ledger.today(payment.merchant_id),
        cause=name,
        request_id=cause.request_id,
        payment_id=payment.id,
    )
    await ledger.post([posting])
    await reopen.money_moved(payment, name)
    await duplicated.flag(payment.id)


def _differs(refund: Refund, told: str, name: str, taken: int) -> Found:
    left, ours = Money(taken, refund.currency), Money(refund.amount, refund.currency)
    return Found(
        kind=FindingKind.AMOUNT_MISMATCH,
        merchant_id=refund.merchant_id,
        connection_id=refund.connection_id,
        fingerprint=names.money(FindingKind.AMOUNT_MISMATCH, name),
        amount=Money(abs(taken - refund.amount), refund.currency),
        explanation=(
            f"Refund {refund.reference} of {ours} is called {told}, and {left} was told to have left under that name: "
            "both are blocked."
        ),
        refund_id=refund.id,
        payment_id=refund.payment_id,
        detail={"reference": told, "taken": taken, "refund": refund.amount},
    )


def _finding(payment: Payment, known: KnownRefund, kind: FindingKind, name: str) -> Found:
    who = "the bank" if known.by_bank else "somebody at the PSE"
    if known.by_bank and kind is FindingKind.MISSING_IN_LEDGER:
        kind = FindingKind.BANK_INITIATED
    return Found(
        kind=kind,
        merchant_id=payment.merchant_id,
        connection_id=payment.connection_id,
        fingerprint=names.money(kind, name),
        amount=known.amount,
        explanation=(
            f"{known.amount} of payment {payment.pse_reference} was returned by {who} ({known.kind}, "
            f"{known.pse_refund_reference or known.reference}); no refund of ours accounts for it."
        ),
        payment_id=payment.id,
        detail={
            "ours": {"refund": None},
            "theirs": {
                "amount": known.amount.minor_units,
                "reference": known.reference,
                "pse_reference": known.pse_refund_reference,
                "kind": known.kind,
            },
            "differs": ["refund"],
        },
    )
