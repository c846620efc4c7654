"""The manual way: a refund taken off the wire is paid by a person, who brings evidence. It is never sent meanwhile."""

import hashlib
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from domain.access import vouching
from domain.access.holders import same_person
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.history import events
from domain.models import Payment, Refund, Settlement, SettlementProposal, TransferReturn
from domain.models.refunds import State
from domain.payments import confirmations
from domain.platform import bell
from domain.platform.database import transaction
from domain.problems import Forbidden, InvalidInput, InvalidState
from domain.pse.vocabulary import AccountDetails, Returned, Succeeded
from domain.refunds import confirming, held, pse_names, settled_by_two, unproven
from domain.refunds.destination import destinations
from domain.refunds.doubt_table import capability_of
from domain.refunds.evidence import FILE_BYTES_MAX, Evidence, Way, checked
from domain.refunds.find import find
from domain.refunds.in_hand import INSTRUCTION_SHOWN, instruction_shown
from domain.refunds.moves import Note, announce, lock, move
from domain.refunds.news import Door, Source
from domain.refunds.record import record_locked
from domain.refunds.withdraw import was_sent

__all__ = [
    "FILE_BYTES_MAX",
    "Evidence",
    "Settled",
    "Way",
    "give_back",
    "instruction",
    "settle",
    "take",
    "transfer_returned",
]
_WHY: Final = (5, 500)


async def take(principal: Principal, refund_id: UUID, why: str, cause: Cause) -> Refund:
    """Take a refund that never reached the PSE off the wire.

    One whose payment the PSE cannot be asked about now waits for a second person's yes, and is then taken again.
    Raises Forbidden, NotFound, InvalidInput, and InvalidState, also for a retry whose money may have left meanwhile.
    """
    scope = principal.scope(Permission.SETTLE_MANUALLY)
    _check_why(why)
    await find(scope, refund_id)
    async with transaction():
        refund = await lock(refund_id)
        if refund.state is not State.REQUESTED or await was_sent(refund):
            raise InvalidState(
                "Only a refund that certainly never reached the PSE can be paid by hand; while it may be there, have "
                "it looked up (refundRefresh) or its doubt ended (refundResolveDoubt) first.",
                path=["input", "refundId"],
                current_state=refund.state,
            )
        await held.check(refund)
        if await _is_proven(principal, refund, why, cause):
            await move(refund, State.MANUAL, cause, Note("MANUAL", message=why.strip()), due_in=None)
    await announce(refund_id)
    return await Refund.get(id=refund_id)


async def _is_proven(principal: Principal, refund: Refund, why: str, cause: Cause) -> bool:
    """Nobody pays by hand for a payment of which only a client has spoken, where its PSE can be asked.

    Where it cannot be asked now, a second person says yes: False, and the refund waits for that. Raises InvalidState.
    """
    payment = await Payment.get(id=refund.payment_id)
    _check_contradiction(payment, refund)
    if not confirmations.is_open(payment, await capability_of(refund)) or await confirmations.by_report(payment.id):
        return True
    if await unproven.is_approved(refund, but=principal.party):
        return True
    if await unproven.is_approved(refund):
        raise Forbidden("You have approved it; another person pays it by hand.", path=["input", "refundId"])
    said = await confirming.why_not_asked(refund)
    if said is None:
        first = "The PSE is asked first whether there is such a payment; try again in a moment."
        raise InvalidState(first, path=["input", "refundId"], current_state=refund.state)
    await unproven.wait_for_another(refund, f"{said} It is to be paid by hand: {why.strip()}"[:500], cause)
    return False


def _check_contradiction(payment: Payment, refund: Refund) -> None:
    if payment.contradicted_at is not None:
        said = payment.contradiction or "The PSE has contradicted the payment."
        raise InvalidState(said, path=["input", "refundId"], current_state=refund.state)


async def give_back(principal: Principal, refund_id: UUID, why: str, cause: Cause) -> Refund:
    """Return a refund that was not paid by hand to the queue. Raises as `take`."""
    scope = principal.scope(Permission.SETTLE_MANUALLY)
    _check_why(why)
    await find(scope, refund_id)
    async with transaction():
        refund = await _locked(refund_id)
        await move(refund, State.REQUESTED, cause, Note("RETURNED_TO_QUEUE", message=why.strip()), due_in=0)
    await announce(refund_id)
    return await Refund.get(id=refund_id)


async def instruction(principal: Principal, refund_id: UUID, secret: bytes, cause: Cause) -> AccountDetails | None:
    """The whole account that a person pays to; None unless the refund is MANUAL and has one.

    Who has read it is an event of the refund (one for each reader and taking): from then on it may be paid, and nobody
    cancels it. Raises Forbidden, NotFound, and InvalidState when the customer may have the money already, or the PSE
    has contradicted the payment.
    """
    scope = principal.scope(Permission.SETTLE_MANUALLY)
    await find(scope, refund_id)
    async with transaction():
        refund = await lock(refund_id)
        if refund.state is not State.MANUAL:
            return None
        await held.check(refund)
        _check_contradiction(await Payment.get(id=refund.payment_id), refund)
        opened = await destinations.opened(refund_id, secret)
        if opened is None:
            return None
        if await instruction_shown(refund_id, cause) is None:
            await events.note(refund, INSTRUCTION_SHOWN, cause)
    await bell.wake(bell.refund_channel(refund_id))
    return opened


@dataclass(frozen=True, slots=True)
class Settled:
    """The refund afterwards; `confirmed` False: at this amount another person must still say the same."""

    refund: Refund
    confirmed: bool


async def settle(principal: Principal, refund_id: UUID, evidence: Evidence, cause: Cause) -> Settled:
    """Say with evidence that a refund was paid by hand; it enters by the one door.

    Above the merchant's limit two people say the same, the first of them with a file. Raises as `take`.
    """
    scope = principal.scope(Permission.SETTLE_MANUALLY)
    await find(scope, refund_id)
    kind = await checked(evidence, principal.merchant_id)
    async with transaction():
        refund = await _locked(refund_id)
        if evidence.way is not Way.BANK_TRANSFER:
            await _check_name(refund, evidence.reference)
        said = None
        confirmed = not await settled_by_two.is_wanted(refund)
        if not confirmed:
            said = await settled_by_two.propose_or_confirm(principal, refund, evidence, kind, cause)
            confirmed = said is not None
        if confirmed:
            await _keep(refund, evidence, kind, principal, said)
            await _record(refund, evidence, cause)
    await announce(refund_id)
    return Settled(await Refund.get(id=refund_id), confirmed)


async def _record(refund: Refund, evidence: Evidence, cause: Cause) -> None:
    by_bank = evidence.way is Way.BANK_TRANSFER
    await Refund.filter(id=refund.id).update(paid_by_bank_transfer=by_bank)
    refund.paid_by_bank_transfer = by_bank
    outcome = Succeeded(None if by_bank else evidence.reference, code="SETTLED_MANUALLY")
    await record_locked(refund, outcome, Source(Door.PERSON), cause)
    if not by_bank:
        await confirmations.ask_anew_what_was_gone(refund.payment_id)


async def transfer_returned(principal: Principal, refund_id: UUID, why: str, cause: Cause) -> Refund:
    """Say that the bank gave back the transfer that had paid a refund by hand: it ends as RETURNED, and can be retried.

    Another person than who settled it must say so: alone, one could have a customer paid twice. Raises as `take`.
    """
    scope = principal.scope(Permission.SETTLE_MANUALLY)
    _check_why(why)
    await find(scope, refund_id)
    async with transaction():
        refund = await lock(refund_id)
        paid = await Settlement.get_or_none(refund_id=refund_id)
        if paid is None or refund.state is not State.SUCCEEDED or not refund.paid_by_bank_transfer:
            raise InvalidState(
                "Only a bank transfer that has paid the refund (refundSettleManually) can come back.",
                path=["input", "refundId"],
                current_state=refund.state,
            )
        if await vouching.is_same(principal, paid.settled_by_id, paid.settled_at) or same_person(
            paid.settled_by, principal.holder
        ):
            raise Forbidden(f"{paid.settled_by} settled it; another person must say that the bank gave it back.")
        await TransferReturn.create(
            id=uuid4(),
            merchant_id=refund.merchant_id,
            refund_id=refund.id,
            settled_by_id=paid.settled_by_id,
            returned_by=principal.holder,
            returned_by_id=principal.party,
            why=why.strip(),
        )
        returned = Returned("TRANSFER_RETURNED", f"The bank gave the transfer back: {why.strip()}")
        await record_locked(refund, returned, Source(Door.PERSON), cause)
    await announce(refund_id)
    return await Refund.get(id=refund_id)


async def _check_name(refund: Refund, reference: str) -> None:
    if (why := await pse_names.why_not(refund, reference)) is not None:
        raise InvalidInput(why, path=["input", "reference"])


async def _locked(refund_id: UUID) -> Refund:
    refund = await lock(refund_id)
    if refund.state is not State.MANUAL:
        raise InvalidState(
            "Only a refund that was taken off the wire (refundTakeManual) can be settled by hand or given back.",
            path=["input", "refundId"],
            current_state=refund.state,
        )
    return refund


def _check_why(why: str) -> None:
    low, high = _WHY
    if not low <= len(why.strip()) <= high:
        raise InvalidInput(f"reason takes {low} to {high} characters.", path=["input", "reason"])


async def _keep(
    refund: Refund, evidence: Evidence, kind: str | None, principal: Principal, said: SettlementProposal | None
) -> None:
    """`said`: what another person had said before, whose evidence it is; the principal confirms it."""
    first = said is None
    content = evidence.file_content if said is None else said.file_content
    await Settlement.create(
        id=uuid4(),
        merchant_id=refund.merchant_id,
        refund_id=refund.id,
        way=evidence.way,
        reference=evidence.reference,
        paid_on=evidence.paid_on,
        file_name=evidence.file_name if said is None else said.file_name,
        file_type=kind if said is None else said.file_type,
        file_digest=hashlib.sha256(content).hexdigest() if content is not None else None,
        file_content=content,
        settled_by=principal.holder if said is None else said.proposed_by,
        settled_by_id=principal.party if said is None else said.proposed_by_id,
        confirmed_by=None if first else principal.holder,
        confirmed_by_id=None if first else principal.party,
    )
