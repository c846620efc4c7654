"""Chargebacks: money that the customer's bank took back, and gave again when the dispute was won.

The books follow what is told now (chargeback_facts.py): what a revised report tells no longer is given back.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import polars as pl

from domain.books import ledger
from domain.books.ledger import Posting
from domain.cause import Cause
from domain.findings import findings
from domain.findings.findings import Found
from domain.models import Payment
from domain.models.ledger import Entry
from domain.payments import chargeback_findings, other_currency
from domain.payments.chargeback_facts import TYPES, Fact, booked_of, told_by_notice, told_of
from domain.payments.chargeback_findings import EARLY, LOST, UNBOOKED
from domain.payments.refundable import left_of
from domain.platform.database import execute, rows, transaction
from domain.platform.in_columns import says
from domain.pse.vocabulary import ChargedBack

_GONE: Final = "A revised report tells of it no longer"


async def from_notice(payment: Payment, told: ChargedBack, cause: Cause) -> None:
    """Book what a signed webhook tells, unless it was told before: then another amount is a finding.

    Where the PSE does not say how much (EBANX), or says it in another currency, it is what was left of the payment, or
    what had been charged back.
    """
    async with transaction():
        payment = await _locked(payment.id)
        fact = Fact(told.reversed, told.name)
        amount = told.amount
        if amount is not None and await other_currency.told(payment, amount, _named(payment, fact)):
            amount = None
        had = (await booked_of(payment.id)).get(fact, 0)
        if had > 0:
            if told.amount is None:
                await _told_again(payment, fact, had)
            elif amount is not None and amount.minor_units != had:
                await findings.open_finding(chargeback_findings.differs(payment, fact, amount.minor_units, had))
            return
        await _book(payment, fact, amount.minor_units if amount else _whole(payment, fact), cause)


def _named(payment: Payment, fact: Fact) -> str:
    """The movement, as the entries of it are called (`_post`)."""
    return f"chargeback/{payment.id}/{'back' if fact.back else 'out'}/{fact.name}"


def _whole(payment: Payment, fact: Fact) -> int:
    if fact.back:
        back: int = max(payment.charged_back, 0)
        return back
    return left_of(payment.captured, payment.refunded + payment.taken_by_bank, payment.charged_back)


async def _told_again(payment: Payment, fact: Fact, had: int) -> None:
    """A word without amount and case is one word for every dispute of the payment: after a credit it may be another."""
    if payment.charged_back > 0:
        return
    if fact.back:
        await _close(payment, fact, had)
        return
    said = (
        f"The PSE tells once more that payment {payment.pse_reference} was charged back, after the money had come "
        "back: the same word come late, or a second dispute. Nothing was booked: look at the PSE's back office."
    )
    await findings.open_finding(chargeback_findings.found(payment, f"{fact.name}{UNBOOKED}", had, said, again=True))


async def agree(payment_ids: Iterable[UUID], cause: Cause) -> None:
    """Make the books of these payments agree with the valid lines of all reports. Inside the caller's transaction."""
    for payment_id in sorted(set(payment_ids)):
        payment = await _locked(payment_id)
        told = await told_of(payment)
        booked = await booked_of(payment.id)
        found: list[Found] = []
        for fact in sorted(booked.keys() | told.keys()):
            had, has = booked.get(fact, 0), told.get(fact, 0)
            if has is None:  # told without an amount: once, whatever other files and webhooks tell of it
                if had == 0:
                    await _book(payment, fact, _whole(payment, fact), cause)
                continue
            if had == has or (has == 0 and await told_by_notice(payment, fact)):
                continue
            if had > 0:
                found.append(await _give_back(payment, fact, had, cause))
            if has > 0:
                await _book(payment, fact, has, cause)
        await _agree_findings(payment, found)


async def _agree_findings(payment: Payment, found: Sequence[Found]) -> None:
    """When all is given back and booked: open what is so by the sum, and close what is so no longer."""
    for one in found:
        if payment.charged_back != 0 and (payment.charged_back < 0) == (EARLY in one.fingerprint):
            await findings.open_finding(one)
    if found:
        await execute(
            findings.closing(
                "SELECT f.id, $3::text AS said FROM findings f WHERE f.merchant_id = $1 AND f.payment_id = $2 "  # noqa: S608
                f"  AND f.kind = 'CHARGEBACK' AND {findings.MAY_END} "
                "  AND ($4 = 0 OR strpos(f.fingerprint, CASE WHEN $4 > 0 THEN $5 ELSE $6 END) > 0)"
            ),
            payment.merchant_id,
            payment.id,
            f"{_GONE}.",
            payment.charged_back,
            EARLY,
            LOST,
        )


TOLD_BY: Final = ("type", "payment_id")


def telling(lines: pl.DataFrame) -> pl.DataFrame:
    """Those of a report's lines that tell of chargebacks, by the payment."""
    if not says(lines, "type", *TYPES):
        return lines[["payment_id"]].clear()
    return lines.filter(pl.col("type").is_in(TYPES)).select("payment_id").drop_nulls().unique()


def of_lines(told: pl.DataFrame) -> list[UUID]:
    """The payments whose chargebacks these lines (`telling`) tell of."""
    return [UUID(one) for one in told["payment_id"].unique()]


async def of_report(report_id: UUID) -> list[UUID]:
    """The payments whose chargebacks a stored report tells of, or told of."""
    found = await rows(
        "SELECT DISTINCT payment_id FROM settlement_lines WHERE report_id = $1 AND payment_id IS NOT NULL "
        "AND type = ANY($2)",
        report_id,
        list(TYPES),
    )
    return [row["payment_id"] for row in found]


async def _locked(payment_id: UUID) -> Payment:
    return await Payment.filter(id=payment_id).select_for_update(no_key=True).get()


async def _book(payment: Payment, fact: Fact, amount: int, cause: Cause) -> None:
    if amount == 0 and not fact.back:
        await findings.open_finding(chargeback_findings.after_all_left(payment, fact))
        return
    turn = await _post(payment, fact, amount, cause, reverse=False) if amount > 0 else 1
    await findings.resolve(payment.merchant_id, chargeback_findings.of_amount(payment, fact, amount), findings.AGREED)
    if not fact.back and payment.charged_back > 0:
        await findings.open_finding(chargeback_findings.of_what_left(payment, fact, amount, turn))
        return
    await _close(payment, fact, amount)
    if payment.charged_back < 0:
        money = chargeback_findings.money(payment, amount)
        said = f"{money} of payment {payment.pse_reference} came back of a chargeback that nobody told."
        await findings.open_finding(chargeback_findings.found(payment, f"{fact.name}{EARLY}{turn}", amount, said))


async def _give_back(payment: Payment, fact: Fact, amount: int, cause: Cause) -> Found:
    """Take it out of the books. Gives the finding of what is so then, if the sum says so when all is done."""
    turn = await _post(payment, fact, amount, cause, reverse=True)
    money, name = f"{chargeback_findings.money(payment, amount)} of payment {payment.pse_reference}", fact.name
    if fact.back:
        said = f"{_GONE}: {money} did not come back ({name})."
        return chargeback_findings.found(payment, f"{name}{LOST}{turn}", amount, said)
    booked = chargeback_findings.fingerprint(payment, f"{name}/{turn - 1}")
    await findings.close(payment.merchant_id, booked, f"{_GONE}: it was taken out of the books.")
    await execute(
        findings.closing(
            "SELECT f.id, $3::text AS said FROM findings f WHERE f.merchant_id = $1 AND f.payment_id = $4 "  # noqa: S608
            f"  AND {findings.MAY_END} AND starts_with(f.fingerprint, $2)"
        ),
        payment.merchant_id,
        chargeback_findings.fingerprint(payment, f"{name}{LOST}"),
        f"{_GONE}.",
        payment.id,
    )
    said = f"{_GONE} that {money} was charged back ({name}), and one tells that it came back."
    return chargeback_findings.found(payment, f"{name}{EARLY}{turn}", amount, said)


async def _post(payment: Payment, fact: Fact, amount: int, cause: Cause, *, reverse: bool) -> int:
    """Gives how often the fact was booked and given back, this time included: it makes the cause unique."""
    name = _named(payment, fact)
    (counted,) = await rows(
        "UPDATE payments SET charged_back = charged_back + $2 WHERE id = $1 RETURNING charged_back, "
        "  (SELECT count(*) FROM ledger_entries WHERE payment_id = $1 AND regexp_replace(cause, '/[0-9]+$', '') = $3) "
        "  AS times",
        payment.id,
        amount if fact.back is reverse else -amount,
        name,
    )
    payment.charged_back = counted["charged_back"]
    turn: int = counted["times"] + 1
    posting = Posting(
        merchant_id=payment.merchant_id,
        store_id=payment.store_id,
        connection_id=payment.connection_id,
        entry=Entry.CHARGEBACK_REVERSED if fact.back else Entry.CHARGEBACK,
        amount=amount,
        currency=payment.currency,
        accounting_date=await ledger.today(payment.merchant_id),
        cause=f"{name}/{turn}",
        request_id=cause.request_id,
        payment_id=payment.id,
        reverse=reverse,
    )
    await ledger.post([posting])
    return turn


async def _close(payment: Payment, fact: Fact, amount: int) -> None:
    """What came back closes a finding of its amount, first its own dispute's, then an open one, the oldest; where
    nothing is charged back any more, all of them.
    """
    await execute(
        findings.closing(
            "SELECT f.id, 'The money came back.' AS said FROM findings f "  # noqa: S608 - ours
            f"WHERE f.merchant_id = $1 AND f.payment_id = $2 AND f.kind = 'CHARGEBACK' AND {findings.MAY_END} "
            "  AND ($3::bool OR f.amount = $4) "
            "ORDER BY starts_with(f.fingerprint, $5) DESC, f.resolved_at IS NULL DESC, f.created_at, f.id "
            "LIMIT CASE WHEN $3::bool THEN NULL ELSE 1 END"
        ),
        payment.merchant_id,
        payment.id,
        payment.charged_back == 0,
        amount,
        chargeback_findings.fingerprint(payment, f"{_case(fact)}/"),
    )


def _case(fact: Fact) -> str:
    """The dispute, of which each stage has a name that begins with it."""
    return fact.name.partition("/")[0]
