"""Where a refund goes when there is no way back: given with it, later, or by the customer. Sealed, shown masked.

Destination first, then approval, bound to it. Whose word it is stands on it: the merchant's staff's, which always wants
a second person, or the customer's own.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid4

from domain.access.permissions import Permission
from domain.access.principal import Whose, scope_of
from domain.cause import Cause
from domain.history import events
from domain.models import Destination as Row
from domain.models import Payment, Refund
from domain.models.refunds import State
from domain.payments import customers
from domain.platform import data_keys, idempotency
from domain.platform.database import execute, rows, transaction
from domain.problems import InvalidInput, InvalidState
from domain.pse.vocabulary import AccountDetails, DestinationKind
from domain.refunds import current_destination
from domain.refunds.approvals import asking, needs
from domain.refunds.approvals.rules import Named, Word
from domain.refunds.destination import accounts
from domain.refunds.find import find
from domain.refunds.moves import Note, announce, lock, move

MUTATION: Final = "destinationProvide"
HOLDERS_MAX: Final = 5  # different tax IDs that may be compared with one payer's
_NAMED_MAX: Final = 1_000  # destinations of one payment that are looked at
WAITING: Final = frozenset({State.AWAITING_DESTINATION, State.AWAITING_APPROVAL})


@dataclass(frozen=True, slots=True)
class Given:
    """A destination as somebody typed it in. Never in a repr."""

    kind: DestinationKind
    values: Mapping[str, str] = field(repr=False)


async def fingerprint_of(secret: bytes, destination: AccountDetails) -> str:
    """A keyed hash that names these very values: what an approval is bound to."""
    text = json.dumps([destination.kind, dict(destination.values)], sort_keys=True)
    return await data_keys.digest(secret, f"destination/{text}")


async def account_of(secret: bytes, destination: AccountDetails) -> str:
    """A keyed hash that names the account, whatever its holder is called."""
    place = {name: value for name, value in destination.values.items() if not name.startswith("holder_")}
    return await data_keys.digest(secret, f"account/{json.dumps([destination.kind, place], sort_keys=True)}")


async def is_the_payers(
    payment_digest: str | None, merchant_id: UUID, destination: AccountDetails, secret: bytes
) -> bool:
    """Whether the account's holder is known to be the one who paid, by tax ID."""
    tax_id = destination.values.get("holder_tax_id")
    if payment_digest is None or tax_id is None or customers.is_generic(tax_id):
        return False
    wanted = await customers.digest(merchant_id, tax_id, secret)
    return hmac.compare_digest(wanted, payment_digest)


async def provide(
    whose: Whose, refund_id: UUID, given: Given, key: str, cause: Cause, secret: bytes
) -> tuple[Refund, bool]:
    """Name the account of a refund that waits for it, or another one while it waits for approval.

    Gives the refund and whether the same key had done it before. Raises Forbidden, InvalidInput, NotFound,
    InvalidState, IdempotencyConflict.
    """
    scope = scope_of(whose, Permission.PROVIDE_DESTINATION)
    known = await find(scope, refund_id)
    destination = accounts.checked(given.kind, given.values, known.currency, ["input", "destination"])
    facts = {"refund": refund_id, "destination": await fingerprint_of(secret, destination)}
    await data_keys.current(secret, scope.merchant_id)  # before the transaction, so that it is remembered
    async with transaction():
        stored = await idempotency.claim(scope.merchant_id, MUTATION, key, facts, refund_id, cause)
        if stored is None:
            refund = await lock(refund_id)
            if refund.state not in WAITING:
                raise InvalidState(
                    "Only a refund that waits for its destination, or for its approval, takes one.",
                    path=["input", "refundId"],
                    current_state=refund.state,
                )
            await _check_takes_one(refund)
            payment = await Payment.filter(id=refund.payment_id).select_for_update(no_key=True).get()
            await check_guess(payment.id, payment.customer_digest, destination, secret)
            await accept(refund, destination, Word.STAFF, cause, secret)
    await announce(refund_id)
    return await Refund.get(id=refund_id), stored is not None


async def _check_takes_one(refund: Refund) -> None:
    if refund.state is State.AWAITING_APPROVAL and await current_destination.of(refund.id) is None:
        raise InvalidState(
            "This refund goes back the way the payment came; it takes no destination.",
            path=["input", "refundId"],
            current_state=refund.state,
        )


async def check_guess(payment_id: UUID, payment_digest: str | None, destination: AccountDetails, secret: bytes) -> None:
    """Refuse to compare one more tax ID with the payer's after five others were named for this (locked) payment.

    The answer says whether it is the payer's, so whoever may ask without end can find it out. What was named before
    tells nothing new and is taken. Raises InvalidInput.
    """
    tax_id = destination.values.get("holder_tax_id")
    if payment_digest is None or tax_id is None:
        return
    seen = await _holders(payment_id, secret)
    if customers.normal_tax_id(tax_id) not in seen and len(seen) >= HOLDERS_MAX:
        raise InvalidInput(
            f"{HOLDERS_MAX} holders were named for this payment already. Have the customer name the account by a link "
            "(destinationLinkCreate), or a person who may approve decide on one that was named.",
            path=["input", "destination", "holderTaxId"],
        )


async def _holders(payment_id: UUID, secret: bytes) -> set[str]:
    """The tax IDs of the holders that were named for a payment."""
    named = await rows(
        "SELECT d.merchant_id, d.refund_id, d.sealed FROM destinations d JOIN refunds r ON r.id = d.refund_id "
        "WHERE r.payment_id = $1 AND d.sealed IS NOT NULL ORDER BY d.provided_at LIMIT $2",
        payment_id,
        _NAMED_MAX,
    )
    opened = [await _values(secret, row["merchant_id"], row["refund_id"], bytes(row["sealed"])) for row in named]
    return {customers.normal_tax_id(values["holder_tax_id"]) for values in opened if "holder_tax_id" in values}


async def accept(refund: Refund, destination: AccountDetails, word: Word, cause: Cause, secret: bytes) -> None:
    """Keep the destination of a locked refund that waits, and let it go on. The caller announces it afterwards."""
    payment = await Payment.get(id=refund.payment_id)
    matches = await is_the_payers(payment.customer_digest, refund.merchant_id, destination, secret)
    named = Named(destination.kind, word, matches, await account_of(secret, destination))
    row = await keep(refund, destination, named, cause, secret)
    await note(refund, row, cause)
    wanted = await asking.renewed(refund, named)
    await asking.keep(refund, row, wanted)
    if not wanted:
        await move(refund, State.REQUESTED, cause, Note("REQUESTED"), due_in=0)
        return
    if refund.state is State.AWAITING_DESTINATION:
        detail = {"needs": needs.told(wanted)}
        await move(refund, State.AWAITING_APPROVAL, cause, Note("AWAITING_APPROVAL", detail=detail), due_in=None)
    await needs.wait(refund.id, needs.seconds_of(wanted))


async def note(refund: Refund, row: Row, cause: Cause) -> None:
    """Say in the refund's history that its account was named, and whose word it is."""
    detail = {"fingerprint": row.fingerprint, "payer_matches": row.payer_matches, "whose_word": row.whose_word}
    code = f"{row.whose_word}S_WORD" if row.whose_word == Word.CUSTOMER else row.whose_word
    await events.note(refund, "DESTINATION_PROVIDED", cause, code=code, message=row.masked, detail=detail)


async def keep(refund: Refund, destination: AccountDetails, named: Named, cause: Cause, secret: bytes) -> Row:
    """Store a destination in place of the one before, inside the caller's transaction."""
    await execute(
        "UPDATE destinations SET superseded_at = now() WHERE refund_id = $1 AND superseded_at IS NULL",
        refund.id,
    )
    place = place_of(refund.merchant_id, refund.id)
    return await Row.create(
        id=uuid4(),
        merchant_id=refund.merchant_id,
        refund_id=refund.id,
        kind=destination.kind,
        sealed=await data_keys.seal(secret, refund.merchant_id, destination.values, place),
        masked=accounts.masked(destination),
        fingerprint=await fingerprint_of(secret, destination),
        account=named.account,
        payer_matches=named.is_payers,
        whose_word=named.word.value,
        provided_by=cause.actor[:200],
        provided_by_id=cause.party,
    )


async def opened(refund_id: UUID, secret: bytes) -> AccountDetails | None:
    """The destination in clear, for the wire or for the person who pays it by hand. Raises Unsealable and
    KeyServiceAway.
    """
    row = await current_destination.of(refund_id)
    if row is None or row.sealed is None:  # removed by retention
        return None
    return AccountDetails(row.kind, await _values(secret, row.merchant_id, row.refund_id, bytes(row.sealed)))


async def _values(secret: bytes, merchant_id: UUID, refund_id: UUID, sealed: bytes) -> dict[str, str]:
    return await data_keys.unseal(secret, merchant_id, sealed, place_of(merchant_id, refund_id))


def place_of(merchant_id: UUID, refund_id: UUID) -> str:
    """What a refund's destination is sealed for."""
    return f"{merchant_id}|{refund_id}|destination"


def kinds_of(currency: str) -> Sequence[DestinationKind]:
    """What a customer can be asked for in this currency."""
    return accounts.KINDS_OF_CURRENCY.get(currency, ())
