"""Refunds as a client asks for them: request and retry. What a PSE says comes in at refunds/record."""

import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from tortoise.exceptions import IntegrityError

from domain.access.permissions import Permission
from domain.access.principal import Scope, Whose, scope_of
from domain.cause import Cause
from domain.models import Refund
from domain.models.refunds import Reason, State
from domain.money import Money
from domain.payments.refundable import checked_amount, tax_of
from domain.platform import bell, data_keys, idempotency, ids
from domain.platform.crash import crash_here, crash_in_flight
from domain.platform.database import transaction
from domain.problems import InvalidInput, InvalidState, NotFound
from domain.pse.vocabulary import AccountDetails
from domain.refunds import held, insert
from domain.refunds.approvals import asking, needs, standing
from domain.refunds.approvals.facts import Requester, of_payment
from domain.refunds.approvals.rules import Need, Word, decide
from domain.refunds.destination import destinations
from domain.refunds.destination.destinations import Given
from domain.refunds.find import CREATE, FOR_SHOP, RETRY, find
from domain.refunds.moves import lock
from domain.refunds.target import Target, place_to_go, waits_for_destination

NOTE_LENGTH_MAX: Final = 140
_ALPHABET: Final = string.digits + string.ascii_lowercase
_TRIES: Final = 3  # without the lock; where others change the payment all the time, the lock is fair
REFERENCE_LENGTH: Final = 20  # EBANX takes no more; 103 bits keep it unique
_REFERENCES: Final = len(_ALPHABET) ** REFERENCE_LENGTH  # one of so many is drawn at once, not a character at a time


@dataclass(frozen=True, slots=True)
class NewRefund:
    """What a client asks for. `amount` None: everything that is still refundable."""

    payment_id: UUID
    amount: Money | None
    reason: Reason
    note: str | None = None
    destination: Given | None = None  # where the method has no way back; left out: the customer is asked


@dataclass(frozen=True, slots=True)
class Requested:
    """The stored refund; `replayed`: the same key had asked for it before."""

    refund: Refund
    replayed: bool


async def request(
    whose: Whose, new: NewRefund, key: str, cause: Cause, secret: bytes | None = None, *, for_shop: bool = False
) -> Requested:
    """Reserve the amount, record the refund and ring the bell, all or nothing. `secret` seals a destination.

    `for_shop`: a shop asks, which is a program without a token.

    Without a way back it waits for a destination; and for an approval where one of the merchant's rules says so.
    Raises Forbidden, InvalidInput, NotFound, NotRefundable, WindowExpired, CurrencyMismatch, AmountExceedsRefundable,
    CapExceeded, IdempotencyConflict.
    """
    scope = scope_of(whose, Permission.REFUND, Permission.ASK)
    facts: dict[str, Any] = {
        "payment": new.payment_id,
        "amount": [new.amount.minor_units, new.amount.currency] if new.amount else None,
        "reason": new.reason,
        "note": new.note,
    }
    if new.destination is not None:
        facts["destination"] = await _fingerprint(scope.merchant_id, new.destination, secret)
    requester = Requester.of(whose, cause.party, is_program=for_shop)
    mutation = FOR_SHOP if for_shop else CREATE
    return await _request(scope, requester, mutation, facts, new, key, cause, secret, retry_of=None)


async def _fingerprint(merchant_id: UUID, given: Given, secret: bytes | None) -> str:
    assert secret is not None, "A destination is never kept in clear."
    await data_keys.current(secret, merchant_id)  # before the transaction, so that it is remembered
    return await destinations.fingerprint_of(secret, AccountDetails(given.kind, given.values))


async def retry(whose: Whose, refund_id: UUID, key: str, cause: Cause) -> Requested:
    """Ask again for what a FAILED (or returned, expired, canceled) refund asked for: a new refund with `retryOf`.

    Raises what `request` raises, and InvalidState while the old one has not ended, when it was retried before, or when
    as much of the payment left meanwhile that no refund accounts for: it may be the same money.
    """
    scope = scope_of(whose, Permission.REFUND)
    old = await find(scope, refund_id)
    new = NewRefund(old.payment_id, Money(old.amount, old.currency), old.reason, old.note)
    requester = Requester.of(whose, cause.party)
    return await _request(scope, requester, RETRY, {"refund": refund_id}, new, key, cause, None, retry_of=old)


async def _request(
    scope: Scope,
    requester: Requester,
    mutation: str,
    facts: dict[str, Any],
    new: NewRefund,
    key: str,
    cause: Cause,
    secret: bytes | None,
    *,
    retry_of: Refund | None,
) -> Requested:
    if new.note is not None and not (len(new.note) <= NOTE_LENGTH_MAX and new.note.isprintable()):
        raise InvalidInput(f"note takes at most {NOTE_LENGTH_MAX} printable characters.", path=["input", "note"])
    idempotency.check_key(key)
    taken = insert.Key.of(scope, mutation, key, idempotency.digest(facts))
    asked = _Asked(scope, requester, taken, new, cause, secret, retry_of)
    done = None
    if retry_of is None and new.destination is None:
        done = await _if_unchanged(asked)
    if done is None:
        done = await _under_the_lock(asked, facts)
    if not done.replayed:
        crash_here("request.committed")
        await bell.ring(bell.REFUND, done.refund.id)
        crash_here("request.rung")
    return done


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request, with the key that it came with."""

    scope: Scope
    requester: Requester
    key: insert.Key
    new: NewRefund
    cause: Cause
    secret: bytes | None
    retry_of: Refund | None

    @property
    def word(self) -> Word:
        """Whose word a destination is that came along."""
        is_customers = self.scope.payment_id is not None or self.scope.customer is not None
        return Word.CUSTOMER if is_customers else Word.STAFF


async def _if_unchanged(asked: _Asked) -> Requested | None:
    """Ask, decide, and write if nothing has changed meanwhile. None: others change it all the time, take the lock."""
    for _ in range(_TRIES):
        seen = await insert.seen(asked.scope.merchant_id, asked.new.payment_id, asked.key)
        if not asked.scope.is_whole:
            _found(asked, seen)  # before the key, which may be another store's
        if seen["subject_id"] is not None:
            idempotency.check_same(seen["input_digest"], asked.key.input_digest, seen["original_request_id"])
            return Requested(await Refund.get(id=seen["subject_id"]), replayed=True)
        crash_here("request.seen")
        payment = _found(asked, seen)
        amount = checked_amount(payment, asked.new.amount)
        if waits_for_destination(payment) or not await _goes_alone(asked, payment, amount):
            return None
        draft = _draft(asked, ids.time_ordered(), payment, amount, State.REQUESTED)
        try:
            made = await crash_in_flight(
                "request.writing", insert.write_if_unchanged(payment, draft, asked.key, asked.cause)
            )
        except IntegrityError as error:
            if not _key_is_taken(error):
                raise
            continue  # by the same client, this very moment: the next look finds what it made
        if made is not None:
            return Requested(made, replayed=False)
    return None


async def _goes_alone(asked: _Asked, payment: dict[str, Any], amount: Money) -> bool:
    """Whether no rule and no cap has a word to say, by what the payment's row tells: nothing is asked for it."""
    held = await standing.of(payment["merchant_id"], payment["rules_version"])
    verdict = decide(held.rules, of_payment(payment, amount, asked.new.reason, asked.requester))
    return not (held.caps or verdict.needs or verdict.unknown)


def _key_is_taken(error: IntegrityError) -> bool:
    return getattr(error.__cause__, "table_name", None) == "idempotency_keys"


async def _under_the_lock(asked: _Asked, facts: dict[str, Any]) -> Requested:
    key, cause, refund_id = asked.key, asked.cause, ids.time_ordered()
    async with transaction():
        # A refund before its payment, everywhere; and the key last, as in the statement that does all at once.
        old = await lock(asked.retry_of.id) if asked.retry_of is not None else None
        locked = await insert.locked(asked.scope.merchant_id, asked.new.payment_id)
        if not asked.scope.is_whole:
            _found(asked, locked)
        stored = await idempotency.claim(asked.scope.merchant_id, key.mutation, key.key, facts, refund_id, cause)
        if stored is not None:
            return Requested(await Refund.get(id=stored), replayed=True)
        crash_here("request.claimed")
        payment = _found(asked, locked)
        if old is not None:
            await _check_retry(old)
            await held.check_retry(old)  # the payment's lock is held: nothing is booked in between
        amount = checked_amount(payment, asked.new.amount)
        target = await place_to_go(payment, asked.new.destination, asked.word, asked.secret)
        wanted = await asking.wanted(payment, amount, asked.new.reason, asked.requester, cause, target.named)
        state = target.state_with(wanted)
        made = await insert.write(payment, _draft(asked, refund_id, payment, amount, state), cause)
        await _after_insert(made, target, wanted, cause, asked.secret)
        made = await Refund.get(id=refund_id)
        crash_here("request.before_commit")
    return Requested(made, replayed=False)


def _found(asked: _Asked, payment: dict[str, Any] | None) -> dict[str, Any]:
    if payment is None or payment["id"] is None or not asked.scope.covers(payment):
        raise NotFound("No such payment; register it with paymentRegister first.", path=["input", "paymentId"])
    return payment


def _draft(asked: _Asked, refund_id: UUID, payment: dict[str, Any], amount: Money, state: State) -> insert.Draft:
    return insert.Draft(
        id=refund_id,
        state=state,
        amount=amount,
        tax=tax_of(payment, amount.minor_units),
        reference=new_reference(),
        reason=asked.new.reason.value,
        note=asked.new.note,
        retry_of=asked.retry_of.id if asked.retry_of else None,
    )


async def _after_insert(
    refund: Refund, target: Target, wanted: Sequence[Need], cause: Cause, secret: bytes | None
) -> None:
    row = None
    if target.destination is not None and target.named is not None:
        assert secret is not None, "It was needed to compare the destination."
        row = await destinations.keep(refund, target.destination, target.named, cause, secret)
        await destinations.note(refund, row, cause)
    await asking.keep(refund, row, wanted)
    if refund.state in destinations.WAITING:
        await needs.wait(refund.id, needs.seconds_of(wanted))


async def _check_retry(old: Refund) -> None:
    # Under the old refund's lock: two retries of it cannot both pass.
    state = old.state
    if state not in (State.FAILED, State.RETURNED, State.EXPIRED, State.CANCELED, State.REJECTED):
        raise InvalidState(
            "Only a refund that has ended without the money leaving can be retried; refresh it to learn where it is.",
            path=["input", "refundId"],
            current_state=state,
        )
    if await Refund.exists(retry_of_id=old.id):
        raise InvalidState(
            "This refund was retried already; retry the newest one.", path=["input", "refundId"], current_state=state
        )


def new_reference() -> str:
    """Our reference and idempotency key at every PSE, for life: 20 random characters [0-9a-z]."""
    number = secrets.randbelow(_REFERENCES)
    letters = []
    for _ in range(REFERENCE_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return "".join(letters)
