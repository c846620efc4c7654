"""The manual way: a refund taken off the wire is paid by a person, who brings evidence. It is never sent meanwhile."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from domain.access.holders import same_person
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.history import events
from domain.models import Merchant, Payment, Refund, Settlement
from domain.models.refunds import State
from domain.payments import confirmations
from domain.platform import bell
from domain.platform.database import transaction
from domain.problems import Forbidden, InvalidInput, InvalidState
from domain.pse.vocabulary import AccountDetails, Returned, Succeeded
from domain.refunds import held, pse_names
from domain.refunds.destination import destinations
from domain.refunds.find import find
from domain.refunds.in_hand import INSTRUCTION_SHOWN, instruction_shown
from domain.refunds.moves import Note, lock, move
from domain.refunds.news import Door, Source
from domain.refunds.record import record_locked
from domain.refunds.weighed import capability_of
from domain.refunds.withdraw import was_sent

FILE_BYTES_MAX: Final = 512 * 1024
_WHY: Final = (5, 500)
_TYPES: Final = ((b"%PDF-", "application/pdf"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))


class Way(StrEnum):
    """How a person paid."""

    BANK_TRANSFER = "BANK_TRANSFER"  # from the merchant's bank: no report line of the PSE comes
    PSE_BACK_OFFICE = "PSE_BACK_OFFICE"  # at the PSE, whose report will prove it


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves that it was paid. `paid_on` in the merchant's zone; the file is a PDF, PNG or JPEG."""

    way: Way
    reference: str
    paid_on: date
    file_name: str | None = None
    file_content: bytes | None = field(default=None, repr=False)


async def take(principal: Principal, refund_id: UUID, why: str, cause: Cause) -> Refund:
    """Take a refund that never reached the PSE off the wire.

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
        await _check_payment(refund)
        await move(refund, State.MANUAL, cause, Note("MANUAL", message=why.strip()), due_in=None)
    await destinations.announce(refund_id)
    return await Refund.get(id=refund_id)


async def _check_payment(refund: Refund) -> None:
    """Nobody pays by hand for a payment of which only a client has spoken, where its PSE can be asked."""
    payment = await Payment.get(id=refund.payment_id)
    able = await capability_of(refund)
    open_yet = confirmations.is_open(payment, able, datetime.now(UTC)) and not await confirmations.by_report(payment)
    if open_yet or payment.contradicted_at is not None:
        said = payment.contradiction or "The PSE is asked first whether there is such a payment; try again in a moment."
        raise InvalidState(said, path=["input", "refundId"], current_state=refund.state)


async def give_back(principal: Principal, refund_id: UUID, why: str, cause: Cause) -> Refund:
    """Return a refund that was not paid by hand to the queue. Raises as `take`."""
    scope = principal.scope(Permission.SETTLE_MANUALLY)
    _check_why(why)
    await find(scope, refund_id)
    async with transaction():
        refund = await _locked(refund_id)
        await move(refund, State.REQUESTED, cause, Note("RETURNED_TO_QUEUE", message=why.strip()), due_in=0)
    await destinations.announce(refund_id)
    return await Refund.get(id=refund_id)


async def instruction(principal: Principal, refund_id: UUID, secret: bytes, cause: Cause) -> AccountDetails | None:
    """The whole account that a person pays to; None unless the refund is MANUAL and has one.

    Who has read it is an event of the refund (one for each reader and taking): from then on it may be paid, and nobody
    cancels it. Raises Forbidden, NotFound, and InvalidState when the customer may have the money already.
    """
    scope = principal.scope(Permission.SETTLE_MANUALLY)
    await find(scope, refund_id)
    async with transaction():
        refund = await lock(refund_id)
        if refund.state is not State.MANUAL:
            return None
        await held.check(refund)
        opened = await destinations.opened(refund_id, secret)
        if opened is None:
            return None
        if await instruction_shown(refund_id, cause.actor) is None:
            await events.note(refund, INSTRUCTION_SHOWN, cause)
    await bell.wake(bell.refund_channel(refund_id))
    return opened


async def settle(principal: Principal, refund_id: UUID, evidence: Evidence, cause: Cause) -> Refund:
    """Say with evidence that a refund was paid by hand; it enters by the one door. Raises as `take`."""
    scope = principal.scope(Permission.SETTLE_MANUALLY)
    await find(scope, refund_id)
    kind = await _checked(evidence, principal.merchant_id)
    by_bank = evidence.way is Way.BANK_TRANSFER
    async with transaction():
        refund = await _locked(refund_id)
        if not by_bank:
            await _check_name(refund, evidence.reference)
        await _keep(refund, evidence, kind, principal)
        await Refund.filter(id=refund.id).update(paid_by_bank_transfer=by_bank)
        refund.paid_by_bank_transfer = by_bank
        outcome = Succeeded(None if by_bank else evidence.reference, code="SETTLED_MANUALLY")
        await record_locked(refund, outcome, Source(Door.PERSON), cause)
    await destinations.announce(refund_id)
    return await Refund.get(id=refund_id)


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
        if same_person(paid.settled_by, principal.holder):
            raise Forbidden(f"{paid.settled_by} settled it; another person must say that the bank gave it back.")
        returned = Returned("TRANSFER_RETURNED", f"The bank gave the transfer back: {why.strip()}")
        await record_locked(refund, returned, Source(Door.PERSON), cause)
    await destinations.announce(refund_id)
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


async def _checked(evidence: Evidence, merchant_id: UUID) -> str | None:
    """The file's type by its content, None without a file. Raises InvalidInput."""
    if not (0 < len(evidence.reference) <= 100 and evidence.reference.isprintable()):
        raise InvalidInput("reference takes 1 to 100 printable characters.", path=["input", "reference"])
    zone = ZoneInfo((await Merchant.get(id=merchant_id)).zone)
    if evidence.paid_on > datetime.now(UTC).astimezone(zone).date():
        raise InvalidInput("paidOn lies in the future.", path=["input", "paidOn"])
    if evidence.file_content is None:
        return None
    if not evidence.file_name or len(evidence.file_name) > 200:
        raise InvalidInput("A file has a name of at most 200 characters.", path=["input", "fileName"])
    if len(evidence.file_content) > FILE_BYTES_MAX:
        raise InvalidInput(f"The file is larger than {FILE_BYTES_MAX} bytes.", path=["input", "fileContent"])
    for start, kind in _TYPES:
        if evidence.file_content.startswith(start):
            return kind
    raise InvalidInput("The file is no PDF, PNG or JPEG.", path=["input", "fileContent"])


async def _keep(refund: Refund, evidence: Evidence, kind: str | None, principal: Principal) -> None:
    content = evidence.file_content
    await Settlement.create(
        id=uuid4(),
        merchant_id=refund.merchant_id,
        refund_id=refund.id,
        way=evidence.way,
        reference=evidence.reference,
        paid_on=evidence.paid_on,
        file_name=evidence.file_name,
        file_type=kind,
        file_digest=hashlib.sha256(content).hexdigest() if content is not None else None,
        file_content=content,
        settled_by=principal.holder,
    )
