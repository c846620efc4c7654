"""Refunds as a client asks for them: request and retry. What a PSE says comes in at refunds/record."""

import secrets
import string
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from domain.books import ledger
from domain.books.ledger import Posting
from domain.cause import Cause
from domain.models import Refund
from domain.models.refunds import Reason, State
from domain.money import Money
from domain.payments.refundable import checked_amount, tax_of
from domain.platform import bell, idempotency
from domain.platform.crash import crash_here
from domain.platform.database import execute, rows, transaction
from domain.problems import InvalidInput, InvalidState, NotFound
from domain.pse.capabilities import Route
from domain.pse.registry import capability
from domain.pse.vocabulary import AccountDetails, Method
from domain.refunds import held
from domain.refunds.destination import accounts, destinations
from domain.refunds.destination.destinations import Given
from domain.refunds.find import CREATE, RETRY, find
from domain.refunds.moves import lock
from domain.refunds.states import MOVES

NOTE_LENGTH_MAX: Final = 140
_ALPHABET: Final = string.digits + string.ascii_lowercase
REFERENCE_LENGTH: Final = 20  # EBANX takes no more; 103 bits keep it unique


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


async def request(merchant_id: UUID, new: NewRefund, key: str, cause: Cause, secret: bytes | None = None) -> Requested:
    """Reserve the amount, record the refund and ring the bell, all or nothing. `secret` seals a destination.

    Without a way back it waits for a destination, or for an approval where the holder is not known to be the payer.
    Raises InvalidInput, NotFound, NotRefundable, WindowExpired, CurrencyMismatch, AmountExceedsRefundable,
    IdempotencyConflict.
    """
    facts: dict[str, Any] = {
        "payment": new.payment_id,
        "amount": [new.amount.minor_units, new.amount.currency] if new.amount else None,
        "reason": new.reason,
        "note": new.note,
    }
    if new.destination is not None:
        facts["destination"] = _fingerprint(new.destination, secret)
    return await _request(merchant_id, CREATE, facts, new, key, cause, secret, retry_of=None)


def _fingerprint(given: Given, secret: bytes | None) -> str:
    assert secret is not None, "A destination is never kept in clear."
    return destinations.fingerprint_of(secret, AccountDetails(given.kind, given.values))


async def retry(merchant_id: UUID, refund_id: UUID, key: str, cause: Cause) -> Requested:
    """Ask again for what a FAILED (or returned, expired, canceled) refund asked for: a new refund with `retryOf`.

    Raises what `request` raises, and InvalidState while the old one has not ended, when it was retried before, or when
    as much of the payment left meanwhile that no refund accounts for: it may be the same money.
    """
    old = await find(merchant_id, refund_id)
    new = NewRefund(old.payment_id, Money(old.amount, old.currency), old.reason, old.note)
    return await _request(merchant_id, RETRY, {"refund": refund_id}, new, key, cause, None, retry_of=old)


async def _request(
    merchant_id: UUID,
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
    refund_id = uuid4()
    async with transaction():
        stored = await idempotency.claim(merchant_id, mutation, key, facts, refund_id, cause)
        if stored is not None:
            return Requested(await Refund.get(id=stored), replayed=True)
        crash_here("request.claimed")
        if retry_of is not None:
            await _check_retry(await lock(retry_of.id))  # a refund is locked before its payment, everywhere
        payment = await _locked_payment(merchant_id, new.payment_id)
        if retry_of is not None:
            await held.check_retry(retry_of)  # the payment's lock is held: nothing is booked in between
        amount = checked_amount(payment, new.amount)
        target = await _place_to_go(refund_id, payment, new.destination, cause, secret)
        await _insert(refund_id, payment, amount, new, cause, retry_of, target.state)
        await _after_insert(refund_id, target, cause, secret)
        crash_here("request.before_commit")
    crash_here("request.committed")
    await bell.ring(bell.REFUND, refund_id)
    crash_here("request.rung")
    return Requested(await Refund.get(id=refund_id), replayed=False)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a new refund begins, and the destination that came with it."""

    state: State
    destination: AccountDetails | None = None
    matches: bool = False
    merchant_id: UUID | None = None


async def _place_to_go(
    refund_id: UUID, payment: dict[str, Any], given: Given | None, cause: Cause, secret: bytes | None
) -> _Target:
    able = capability(payment["pse"], Method(payment["method"]))
    if given is None:
        waits = able.route is Route.PAYOUT_WITH_DESTINATION
        return _Target(State.AWAITING_DESTINATION if waits else State.REQUESTED)
    if able.route is Route.ORIGINAL:
        raise InvalidInput(
            f"{payment['pse']} sends {payment['method']} money back the way it came: leave destination out.",
            path=["input", "destination"],
        )
    if able.route is Route.PSE_COLLECTS and given.kind not in able.destinations:
        raise InvalidInput(
            f"{payment['pse']} asks the customer for the account of a {payment['method']} refund itself: leave "
            "destination out.",
            path=["input", "destination"],
        )
    assert secret is not None, "A destination is never kept in clear."
    merchant_id = payment["merchant_id"]
    destination = accounts.checked(given.kind, given.values, payment["currency"], ["input", "destination"])
    await destinations.check_guess(payment["id"], payment["customer_digest"], destination, secret)
    matches = destinations.is_the_payers(payment["customer_digest"], merchant_id, destination, secret)
    return _Target(State.REQUESTED if matches else State.AWAITING_APPROVAL, destination, matches, merchant_id)


async def _after_insert(refund_id: UUID, target: _Target, cause: Cause, secret: bytes | None) -> None:
    if target.destination is not None:
        assert target.merchant_id is not None, "It came with the destination."
        assert secret is not None, "It was needed to compare the destination."
        await destinations.keep(target.merchant_id, refund_id, target.destination, target.matches, cause, secret)
    if target.state in destinations.WAITING:
        await destinations.wait(refund_id)


async def _locked_payment(merchant_id: UUID, payment_id: UUID) -> dict[str, Any]:
    found = await rows(
        "SELECT p.*, c.pse, m.zone, now() AS now FROM payments p JOIN connections c ON c.id = p.connection_id "
        "JOIN merchants m ON m.id = p.merchant_id WHERE p.id = $1 AND p.merchant_id = $2 "
        "FOR NO KEY UPDATE OF p",
        payment_id,
        merchant_id,
    )
    if not found:
        raise NotFound("No such payment; register it with paymentRegister first.", path=["input", "paymentId"])
    return found[0]


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


async def _insert(
    refund_id: UUID,
    payment: dict[str, Any],
    amount: Money,
    new: NewRefund,
    cause: Cause,
    retry_of: Refund | None,
    state: State,
) -> None:
    tax = tax_of(payment, amount.minor_units)
    # One statement reserves, records and writes the first event: the hot path makes few round trips.
    await execute(
        "WITH reserved AS (UPDATE payments SET reserved = reserved + $5, tax_allocated = tax_allocated + $7 "
        "    WHERE id = $3 RETURNING id), "
        "  made AS (INSERT INTO refunds (id, merchant_id, payment_id, connection_id, reference, request_id, state, "
        "    amount, currency, tax_amount, reason, note, retry_of_id, sequence, due_at, asks, unsent, requested_by, "
        "    created_at, updated_at) "
        "    VALUES ($1, $2, $3, $4, $8, $9, $14, $5, $6, $7, $10, $11, $12, 1, now(), 0, 0, $13, now(), now())"
        "    RETURNING id) "
        "INSERT INTO events (merchant_id, refund_id, sequence, kind, state, request_id, actor, detail, occurred_at) "
        "SELECT $2, made.id, 1, $14::varchar, $14::varchar, $9, $13, '{}'::jsonb, now() FROM made, reserved",
        refund_id,
        payment["merchant_id"],
        payment["id"],
        payment["connection_id"],
        amount.minor_units,
        amount.currency,
        tax,
        new_reference(),
        cause.request_id,
        new.reason.value,
        new.note,
        retry_of.id if retry_of else None,
        cause.actor[:200],
        state.value,
    )
    await ledger.post(
        [
            Posting(
                merchant_id=payment["merchant_id"],
                store_id=payment["store_id"],
                connection_id=payment["connection_id"],
                entry=entry,
                amount=amount.minor_units,
                tax=tax,
                currency=amount.currency,
                accounting_date=ledger.accounting_date_of(payment["now"], payment["zone"]),
                cause=f"refund/{refund_id}/1/{entry}",
                request_id=cause.request_id,
                payment_id=payment["id"],
                refund_id=refund_id,
            )
            for entry in MOVES[(None, state)]
        ]
    )


def new_reference() -> str:
    """Our reference and idempotency key at every PSE, for life: 20 random characters [0-9a-z]."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(REFERENCE_LENGTH))
