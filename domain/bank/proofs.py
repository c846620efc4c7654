"""Proving that a payout is at the bank: the row that says so, and its entry. Also taking it back, by adding.

Whoever proves holds the merchant's lock: two files at once give no line to two payouts. Payouts that came in one line
are proven by it together, each by a row (`part` from 0), and taken back together.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID, uuid4

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.bank import matching, names, together, unproven
from domain.bank.matching import OpenPayout
from domain.bank.together import Share
from domain.bank.unproven import OF_NAMES
from domain.books import ledger
from domain.books.ledger import Posting
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.findings import findings, limits, on_their_way, reopen
from domain.models import BankAccount, BankLine, Connection, Finding, Payout, PayoutProof
from domain.models.ledger import Entry
from domain.platform.database import execute, rows, transaction
from domain.problems import InvalidInput, InvalidState, NotFound

OBJECT: Final = "payout"  # in the log
CHARGES_MAX_PERCENT: Final = 5  # of a payout, that banks on the way may have kept,
CHARGES_MAX: Final = 50_000  # and minor units: what is more is no charge of a bank
# A payout that its reports tell otherwise now than when it was proven.
_CHANGED: Final = """SELECT f.id FROM payout_proofs f JOIN payouts p ON p.id = f.payout_id
  WHERE f.merchant_id = $1 AND f.voided_at IS NULL AND f.amount <> p.amount ORDER BY f.id"""
_OTHER_AMOUNT: Final = "The PSE's reports tell another amount now."
# A payout and a line of which a person has said that they are not the same money: nobody but a person says otherwise.
# Whoever it was is known by id, or (of what is older) by other words than the program's.
# A line that was taken back with its statement and came in anew is the same.
_DENIED: Final = """SELECT DISTINCT f.payout_id, same.id AS line_id FROM payout_proofs f
  JOIN bank_lines l ON l.id = f.line_id JOIN bank_lines same ON same.account_id = l.account_id AND same.key = l.key
  WHERE f.merchant_id = $1 AND f.voided_at IS NOT NULL AND (f.voided_by_id IS NOT NULL OR f.void_reason <> $2)
    AND same.withdrawn_at IS NULL"""


async def prove_all(merchant_id: UUID, cause: Cause) -> int:
    """Prove every payout whose line is sure, inside the caller's transaction; how many."""
    await on_their_way.lock(merchant_id)
    for row in await rows(_CHANGED, merchant_id):
        proof = await PayoutProof.get(id=row["id"])
        await _void(proof, _OTHER_AMOUNT, (cause.actor, None), cause)
    await reopen.payouts_moved(merchant_id)
    payouts = await unproven.open_payouts(merchant_id)
    by_id = {payout.id: payout for payout in payouts}
    denied = {(row["payout_id"], row["line_id"]) for row in await rows(_DENIED, merchant_id, _OTHER_AMOUNT)}
    # First what words name: else a stranger's line of that very amount would be one of them.
    shares = await _named_together(merchant_id, payouts, denied)
    for share in shares:
        of = [by_id[one] for one in share.payout_ids]
        await _prove_together(of, share.line_id, matching.BY_REFERENCE, (cause.actor, None), cause)
    proven = {one for share in shares for one in share.payout_ids}
    left = [payout for payout in payouts if payout.id not in proven]
    found = matching.pairs(left, await unproven.open_lines(merchant_id, left), denied)
    for pair in found:
        await _prove(by_id[pair.payout_id], pair.line_id, pair.how, 0, (cause.actor, None), cause)
    return len(found) + len(proven)


async def _named_together(
    merchant_id: UUID, payouts: Sequence[OpenPayout], denied: Collection[tuple[UUID, UUID]]
) -> Sequence[Share]:
    called = {one.reference: matching.bare(one.reference) for one in payouts}
    patterns = sorted({f"%{name}%" for name in called.values() if len(name) >= matching.REFERENCE_MIN})
    if len(patterns) < 2:
        return []
    return together.named(payouts, await unproven.lines(OF_NAMES, merchant_id, patterns), denied)


async def prove(
    principal: Principal, payout_id: UUID, line_id: UUID, cause: Cause, others: Sequence[UUID] = ()
) -> PayoutProof:
    """A person's word that this line is that payout; what is less was kept by banks on the way.

    `others`: payouts that came in the same line; together they are exactly the line.
    Raises Forbidden, NotFound, InvalidInput, InvalidState.
    """
    principal.require_everywhere(Permission.KEEP_BOOKS)
    async with transaction():
        await on_their_way.lock(principal.merchant_id)
        if others:
            return await _say_together(principal, (payout_id, *others), line_id, cause)
        payout, line = await _both(principal, payout_id, line_id)
        standing = await PayoutProof.filter(payout_id=payout.id, voided_at=None).get_or_none()
        if standing is not None and standing.line_id == line.id:
            return standing
        if standing is not None or await PayoutProof.filter(line_id=line.id, voided_at=None).exists():
            raise InvalidState(
                "The payout is proven by another line, or the line proves another payout: void that proof first.",
                path=["input"],
                current_state="PROVEN",
            )
        charges = await _charges(payout, line)
        if charges:
            await _check_given_up(principal, payout, charges)
        by = (principal.holder, principal.party)
        return await _prove(unproven.opened(payout), line.id, matching.BY_PERSON, charges, by, cause)


async def _say_together(principal: Principal, payout_ids: Sequence[UUID], line_id: UUID, cause: Cause) -> PayoutProof:
    """The first one's proof. Raises NotFound, InvalidInput, InvalidState."""
    whole = [await _both(principal, one, line_id) for one in payout_ids]
    payouts, line = [payout for payout, _ in whole], whole[0][1]
    standing = await PayoutProof.filter(line_id=line.id, voided_at=None).order_by("part")
    if {one.payout_id for one in standing} == set(payout_ids):
        return next(one for one in standing if one.payout_id == payout_ids[0])
    if standing or await PayoutProof.filter(payout_id__in=payout_ids, voided_at=None).exists():
        raise InvalidState(
            "One of the payouts is proven by another line, or the line proves others: void that proof first.",
            path=["input"],
            current_state="PROVEN",
        )
    await _check_sum(payouts, line)
    by = (principal.holder, principal.party)
    proven = await _prove_together([unproven.opened(one) for one in payouts], line.id, matching.BY_PERSON, by, cause)
    return proven[0]


async def _check_sum(payouts: Sequence[Payout], line: BankLine) -> None:
    """Raises InvalidInput where they are not exactly the line, or not of one connection."""
    path = ["input", "otherPayoutIds"]
    if len({one.id for one in payouts}) < len(payouts) or len(payouts) > together.PAYOUTS_MAX:
        raise InvalidInput(f"Name each payout once, and at most {together.PAYOUTS_MAX} of them.", path=path)
    account = await BankAccount.get(id=line.account_id)
    if len({one.connection_id for one in payouts}) > 1 or {one.currency for one in payouts} != {account.currency}:
        raise InvalidInput("The payouts are of one connection, and in the currency of the line.", path=path)
    total = sum(one.amount for one in payouts)
    if total != line.amount:
        raise InvalidInput(
            f"The payouts are {total} minor units together, and the line is {line.amount}: it is not their sum.",
            path=path,
        )


async def void(principal: Principal, payout_id: UUID, reason: str, cause: Cause) -> PayoutProof:
    """Take back that a payout is proven, and those that came in its line; their entries are turned round.

    Raises Forbidden, NotFound, InvalidInput.
    """
    principal.require_everywhere(Permission.KEEP_BOOKS)
    if not 0 < len(reason.strip()) <= 500:
        raise InvalidInput("Say in 1 to 500 characters why.", path=["input", "reason"])
    async with transaction():
        await on_their_way.lock(principal.merchant_id)
        proof = await PayoutProof.filter(
            payout_id=payout_id, merchant_id=principal.merchant_id, voided_at=None
        ).get_or_none()
        if proof is None:
            raise NotFound("There is no such payout of yours that is proven.", path=["input", "payoutId"])
        await _void(proof, reason.strip(), (principal.holder, principal.party), cause)
    return await PayoutProof.get(id=proof.id)


async def _both(principal: Principal, payout_id: UUID, line_id: UUID) -> tuple[Payout, BankLine]:
    payout = await Payout.get_or_none(id=payout_id, merchant_id=principal.merchant_id)
    if payout is None:
        raise NotFound("There is no such payout of yours.", path=["input", "payoutId"])
    line = await BankLine.get_or_none(id=line_id, merchant_id=principal.merchant_id, withdrawn_at=None)
    if line is None:
        raise NotFound("There is no such line of yours.", path=["input", "bankLineId"])
    return payout, line


async def _charges(payout: Payout, line: BankLine) -> int:
    """What of the payout the line lacks (minor units). Raises InvalidInput where that is not what banks keep."""
    account = await BankAccount.get(id=line.account_id)
    if account.currency != payout.currency or (line.amount > 0) != (payout.amount > 0):
        raise InvalidInput("The line has another currency, or goes the other way.", path=["input", "bankLineId"])
    charges: int = payout.amount - line.amount
    if not 0 <= charges * 100 <= abs(payout.amount) * CHARGES_MAX_PERCENT or charges > CHARGES_MAX:
        raise InvalidInput(
            f"The line lacks {charges} minor units: a bank's charges are at most {CHARGES_MAX_PERCENT} % "
            f"and {CHARGES_MAX}.",
            path=["input", "bankLineId"],
        )
    return charges


async def _check_given_up(principal: Principal, payout: Payout, charges: int) -> None:
    """One charge is a bank's; what one person says of many is given up, and added up. Raises InvalidState."""
    # In the order of whoever resolves that the payout is missing: first its finding, then what they give up.
    missing = Finding.filter(merchant_id=payout.merchant_id, fingerprint=names.missing(payout.id, payout.amount))
    await missing.select_for_update(no_key=True)
    await limits.one_at_a_time(principal)
    if await limits.is_above_with_others(principal, charges, payout.currency):
        raise InvalidState(
            "With what you gave up in the last 24 hours this reaches the limit of findingLimits: let another person "
            "with KEEP_BOOKS prove it.",
            path=["input"],
            current_state="LIMIT",
        )


async def _prove(
    payout: OpenPayout, line_id: UUID, how: str, charges: int, by: tuple[str, UUID | None], cause: Cause
) -> PayoutProof:
    proof = await _made(payout, line_id, how, (charges, 0), by, cause)
    what = {"line": [None, str(line_id)], "how": [None, how], "charges": [None, charges]}
    await deeds.note(proof.merchant_id, "payoutProve", Of(OBJECT, payout.id), cause, what)
    return proof


async def _prove_together(
    payouts: Sequence[OpenPayout], line_id: UUID, how: str, by: tuple[str, UUID | None], cause: Cause
) -> Sequence[PayoutProof]:
    """One deed, which names the line and all of them."""
    proven = [await _made(one, line_id, how, (0, part), by, cause) for part, one in enumerate(payouts)]
    of = [str(one.id) for one in payouts]
    what = {"line": [None, str(line_id)], "how": [None, how], "payouts": [None, of]}
    await deeds.note(proven[0].merchant_id, "payoutProve", Of(OBJECT, payouts[0].id), cause, what)
    return proven


async def _made(
    payout: OpenPayout, line_id: UUID, how: str, of: tuple[int, int], by: tuple[str, UUID | None], cause: Cause
) -> PayoutProof:
    """The row and its entry. `of`: its charges (minor units), and which part of the line's it is."""
    proof = await PayoutProof.create(
        id=uuid4(),
        merchant_id=(connection := await Connection.get(id=payout.connection_id)).merchant_id,
        payout_id=payout.id,
        line_id=line_id,
        part=of[1],
        how=how,
        amount=payout.amount,
        charges=of[0],
        made_by=by[0][:200],
        made_by_id=by[1],
    )
    await _post(proof, connection, payout.currency, cause, reverse=False)
    missing = names.missing(payout.id, payout.amount)
    await reopen.payouts_moved(proof.merchant_id, missing)
    await findings.resolve(proof.merchant_id, missing, "A bank statement has it.")
    return proof


async def _void(proof: PayoutProof, reason: str, by: tuple[str, UUID | None], cause: Cause) -> None:
    """With all that its line proves."""
    standing = await PayoutProof.filter(line_id=proof.line_id, voided_at=None).order_by("part")
    of = [one.payout_id for one in standing if await _void_one(one, reason, by, cause)]
    if of:
        what: dict[str, Any] = {"line": [str(proof.line_id), None], "reason": [None, reason]}
        if len(of) > 1:
            what["payouts"] = [[str(one) for one in of], None]
        await deeds.note(proof.merchant_id, "payoutProofVoid", Of(OBJECT, proof.payout_id), cause, what)


async def _void_one(proof: PayoutProof, reason: str, by: tuple[str, UUID | None], cause: Cause) -> bool:
    voided = (
        "UPDATE payout_proofs SET voided_at = now(), voided_by = $2, void_reason = $3, voided_by_id = $4 "
        "WHERE id = $1 AND voided_at IS NULL"
    )
    if done := bool(await execute(voided, proof.id, by[0][:200], reason, by[1])):
        payout = await Payout.get(id=proof.payout_id)
        connection = await Connection.get(id=payout.connection_id)
        await _post(proof, connection, payout.currency, cause, reverse=True)
    return done


async def _post(proof: PayoutProof, connection: Connection, currency: str, cause: Cause, *, reverse: bool) -> None:
    came = abs(proof.amount - proof.charges)
    taken = proof.amount < 0  # the PSE took it from the bank
    on = await ledger.today(proof.merchant_id)
    await ledger.post(
        [
            Posting(
                merchant_id=proof.merchant_id,
                store_id=connection.default_store_id,
                connection_id=connection.id,
                entry=entry,
                amount=amount,
                currency=currency,
                accounting_date=on,
                cause=f"payout-proof/{proof.id}/{entry}{'/void' if reverse else ''}",
                request_id=cause.request_id,
                reverse=turned is not reverse,
            )
            for entry, amount, turned in (
                (Entry.BANK_RECEIVED, came, taken),
                (Entry.BANK_CHARGE, proof.charges, False),
            )
            if amount
        ]
    )
