"""Opening a resolved finding again: what its resolution had booked is taken back first.

A person does it, or the books do: new facts contradict what a person had said of others.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from domain.cause import Cause
from domain.findings import claims, money, names, noted, on_their_way, postings, told_money
from domain.models import Finding, FindingResolution, Payment
from domain.platform.alone import lock_name
from domain.platform.database import execute, rows, transaction

BOOKS: Final = Cause("findings", "reconciliation")
END_RESOLUTION: Final = """UPDATE finding_resolutions SET ended_at = now(), ended_by = $2, ended_why = $3
WHERE id = $1 AND ended_at IS NULL"""
_OPEN: Final = """UPDATE findings SET resolved_at = NULL, resolution = left('Open again: ' || $2::text, 500)
WHERE id = $1 AND resolved_at IS NOT NULL"""
_RENEW: Final = "UPDATE findings SET amount = $2, explanation = $3, detail = $4::jsonb WHERE id = $1"
_CLOSE_VAT: Final = """UPDATE findings SET resolved_at = now(), resolution = 'What it is about was opened again.'
WHERE merchant_id = $1 AND fingerprint = $2 AND resolved_at IS NULL"""
_CLOSE_MISSING: Final = """UPDATE findings SET resolved_at = now(), resolution = 'It is missing no longer.'
WHERE id = $1 AND resolved_at IS NULL"""
# What people have said of money of a payment and stands, the latest first.
_STANDING: Final = """SELECT r.finding_id, r.money_of FROM finding_resolutions r JOIN findings f ON f.id = r.finding_id
WHERE f.payment_id = $1 AND r.started_at IS NOT NULL AND r.ended_at IS NULL AND r.money_of IS NOT NULL
ORDER BY r.started_at DESC, r.id"""
# What stands of them as refunds, without any VAT.
_WITHOUT_VAT: Final = """SELECT r.finding_id FROM finding_resolutions r JOIN findings f ON f.id = r.finding_id
WHERE f.payment_id = $1 AND r.started_at IS NOT NULL AND r.ended_at IS NULL AND r.amount > 0 AND r.tax = 0
  AND r.money_of IS NOT NULL AND (r.reason = 'REFUND_OF_OURS' OR r.account = 'SALES_RETURNS') ORDER BY r.finding_id"""
_NOBODYS: Final = """SELECT f.id FROM findings f JOIN finding_resolutions r ON r.finding_id = f.id
WHERE f.connection_id = $1 AND f.resolved_at IS NOT NULL AND r.started_at IS NOT NULL AND r.ended_at IS NULL
  AND f.kind = ANY($2)"""


async def lock(finding_id: UUID) -> tuple[Finding, Payment | None]:
    """The finding and its payment, locked: the payment first, as whoever books its money has it.

    Where lines of reports tell its money, or what is left of a claim: its connection's reports before
    (reconciliation/reconcile has them while it stores one). Where it is a payout: its merchant's bank, as whoever
    proves one has it.
    """
    found = await Finding.get(id=finding_id)
    payment = None
    if told_money.is_told(found) or claims.is_claim(found):
        await lock_name(str(found.connection_id))
    if on_their_way.is_payout(found):
        await on_their_way.lock(found.merchant_id)
    if found.payment_id is not None:
        payment = await Payment.filter(id=found.payment_id).select_for_update(no_key=True).get()
    return await Finding.filter(id=finding_id).select_for_update(no_key=True).get(), payment


async def standing(finding_id: UUID) -> FindingResolution | None:
    """What stands, or waits for a second person."""
    return await FindingResolution.get_or_none(finding_id=finding_id, ended_at=None)


async def reopen(finding: Finding, payment: Payment | None, why: str, cause: Cause) -> None:
    """Take back what was booked and open it. Inside the caller's transaction, which has both locked (`lock`)."""
    said = await standing(finding.id)
    if said is not None:
        if said.started_at is not None:
            await postings.post(said, finding, payment, cause, reverse=True)
            if said.tax > 0:
                await _close_vat(finding, payment, why, cause)
        await execute(END_RESOLUTION, said.id, cause.actor[:200], why[:500])
    if await execute(_OPEN, finding.id, why) != 1:
        raise RuntimeError("The finding was not opened again: it is open, or behind the wall.")
    detail = {"resolution": str(said.id), "amount": said.amount} if said is not None else {}
    await noted.note(finding, noted.REOPENED, cause, text=why, detail=detail)


async def _close_vat(finding: Finding, payment: Payment | None, why: str, cause: Cause) -> None:
    """There is no VAT to take back: what was said of it is taken back, too."""
    name = names.vat_of_finding(finding.id)
    of_vat = (
        await Finding.filter(merchant_id=finding.merchant_id, fingerprint=name).select_for_update(no_key=True).first()
    )
    if of_vat is not None and of_vat.resolved_at is not None and await standing(of_vat.id) is not None:
        await reopen(of_vat, payment, why, cause)
    await execute(_CLOSE_VAT, finding.merchant_id, name)


async def by_facts(finding_id: UUID, amount: int, explanation: str, detail: Mapping[str, Any]) -> None:
    """What a person had resolved is told with other facts: it is open again, with those. Another's reopening stands."""
    async with transaction():
        finding, payment = await lock(finding_id)
        if finding.resolved_at is None:
            return
        before = {"amount": finding.amount, "explanation": finding.explanation, "detail": finding.detail}
        await reopen(finding, payment, explanation, BOOKS)
        await noted.note(finding, noted.REOPENED, BOOKS, text="What it had said before.", detail=before)
        await execute(_RENEW, finding_id, amount, explanation, json.dumps(dict(detail), default=str))


async def lines_moved(connection_id: UUID) -> None:
    """Reports tell other money of no payment: what was said of it, and is not what is there now, holds no longer.

    Inside the caller's transaction, which has the connection's reports.
    """
    nobodys = [row["id"] for row in await rows(_NOBODYS, connection_id, told_money.KINDS)]
    resolved = await Finding.filter(id__in=nobodys) if nobodys else []
    ids = [one.id for one in resolved if told_money.is_told(one)]
    there = await told_money.of_findings(ids)
    for finding_id in sorted(ids):
        said = await standing(finding_id)
        if said is None or there.get(finding_id, (0, said.currency)) == (
            said.amount - (said.claim or 0),
            said.currency,
        ):
            continue
        finding, payment = await lock(finding_id)
        if finding.resolved_at is not None:
            await reopen(finding, payment, "The reports tell other money of it now.", BOOKS)
    await _claims_moved(connection_id)


async def _claims_moved(connection_id: UUID) -> None:
    """Another claim is left than a person has given up. What is missing no longer is done with that."""
    for finding_id in await claims.no_longer(connection_id):
        finding, payment = await lock(finding_id)
        if finding.resolved_at is None:
            continue
        await reopen(finding, payment, "Another claim is left of it now.", BOOKS)
        if claims.may_come(finding) and (await claims.of_findings([finding])).get(finding_id, 0) == 0:
            await execute(_CLOSE_MISSING, finding_id)


async def money_moved(payment: Payment, cause_of_entry: str) -> None:
    """Money of a payment left without us, or came back, under this cause: what was said of it holds no longer.

    So does, the latest first, what would have cleared more than is there. Inside the caller's transaction, which has
    the payment's lock.
    """
    told = await rows(_STANDING, payment.id)
    if not told:
        return
    name = money.base_name(cause_of_entry)
    why = f"Its money has moved again: {cause_of_entry}."
    for row in sorted(told, key=lambda row: row["money_of"] != name):
        if row["money_of"] == name or await money.whole_of(payment.id) < 0:
            finding, _ = await lock(row["finding_id"])
            if finding.resolved_at is not None:
                await reopen(finding, payment, why, BOOKS)


async def tax_declared(payment: Payment) -> None:
    """VAT of a sale is declared: what people had said before to be refunds of it was said without its VAT.

    Inside the caller's transaction, which has the payment's lock.
    """
    for row in await rows(_WITHOUT_VAT, payment.id):
        finding, _ = await lock(row["finding_id"])
        if finding.resolved_at is not None:
            await reopen(finding, payment, "The sale's VAT was declared since: say it again, with its share.", BOOKS)


async def payouts_moved(merchant_id: UUID, fingerprint: str | None = None) -> None:
    """A payout that a person has given up is at the bank, or is told otherwise: what was said of it holds no longer.

    Of the merchant's, or of the finding of that name. Inside the caller's transaction, which has the merchant's bank.
    """
    for finding_id in await on_their_way.no_longer(merchant_id, fingerprint):
        finding, _ = await lock(finding_id)
        await reopen(finding, None, "The payout is at the bank, or is told otherwise now.", BOOKS)
