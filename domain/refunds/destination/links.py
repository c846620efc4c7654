"""The customer's link: a page on which the one who paid names the account. 256 random bits, kept as a hash, 7 days.

Looking at it uses nothing up (mail scanners look); naming the account does, once. The last digits of the payer's tax ID
are a second factor, with five tries for all the links of a refund: then a person names the account. Any change of the
refund's state closes it.
"""

import hashlib
import hmac
import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from tortoise.expressions import F

from domain.access.permissions import Permission
from domain.access.principal import Whose, scope_of
from domain.cause import CUSTOMER, Cause
from domain.history import events
from domain.models import DestinationLink, Payment
from domain.models.refunds import State
from domain.money import Money
from domain.payments import customers
from domain.platform.database import execute, for_all, for_merchant, rows, transaction
from domain.problems import InvalidState
from domain.pse.vocabulary import DestinationKind
from domain.refunds.approvals.rules import Word
from domain.refunds.destination import accounts, destinations
from domain.refunds.destination.destinations import Given
from domain.refunds.find import find
from domain.refunds.moves import close_links, lock

WRONG_ANSWERS_MAX: Final = 5
DIGITS: Final = 4
ACTOR: Final = CUSTOMER
_LIFETIME_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Made:
    """A new link: its secret in clear (this once), and until when it works (UTC)."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page may show, and nothing more."""

    amount: Money
    shop: str
    kinds: Sequence[DestinationKind]
    link_id: UUID
    refund_id: UUID
    merchant_id: UUID


@dataclass(frozen=True, slots=True)
class WrongDigits:
    """The second factor is wrong; so many tries are left."""

    left: int


async def create(whose: Whose, refund_id: UUID, cause: Cause) -> Made:
    """Make a link for a refund that waits for its destination; the ones before it are closed.

    Raises Forbidden, NotFound, InvalidState.
    """
    scope = scope_of(whose, Permission.PROVIDE_DESTINATION)
    await find(scope, refund_id)
    token = random.token_urlsafe(32)
    async with transaction():
        refund = await lock(refund_id)
        if refund.state is not State.AWAITING_DESTINATION:
            raise InvalidState(
                "Only a refund that waits for its destination has a link.",
                path=["input", "refundId"],
                current_state=refund.state,
            )
        if (await Payment.get(id=refund.payment_id)).customer_digest is None:
            raise InvalidState(
                "The payer's tax ID, which the customer must confirm on the page, is not known, or is a generic one: "
                "register the payment with customerTaxId, or name the account with destinationProvide.",
                path=["input", "refundId"],
                current_state=refund.state,
            )
        if await _wrong_answers(refund_id) >= WRONG_ANSWERS_MAX:
            raise InvalidState(
                f"The payer's tax ID was answered wrongly {WRONG_ANSWERS_MAX} times: refunds of this payment take no "
                "more links. Ask the customer yourself and name the account with destinationProvide.",
                path=["input", "refundId"],
                current_state=refund.state,
            )
        await close_links(refund_id)
        (row,) = await rows(
            "INSERT INTO destination_links (id, merchant_id, refund_id, digest, wrong_answers, created_by, "
            "  created_by_id, created_at, expires_at) "
            "VALUES ($1, $2, $3, $4, 0, $5, $7, now(), now() + make_interval(days => $6)) "
            "RETURNING expires_at",
            uuid4(),
            scope.merchant_id,
            refund_id,
            _digest(token),
            cause.actor[:200],
            _LIFETIME_DAYS,
            cause.party,
        )
        await events.note(refund, "DESTINATION_LINK_CREATED", cause)
    return Made(token, row["expires_at"])


@for_all("whose a customer's link is")
async def look(token: str) -> Asked | None:
    """What a link asks for; None when it does not work (any more). Uses nothing up."""
    found = await rows(
        "SELECT l.id, l.refund_id, l.merchant_id, r.amount, r.currency, s.name FROM destination_links l "
        "JOIN refunds r ON r.id = l.refund_id JOIN payments p ON p.id = r.payment_id "
        "JOIN stores s ON s.id = p.store_id "
        "WHERE l.digest = $1 AND l.used_at IS NULL AND l.revoked_at IS NULL AND l.expires_at > now() "
        "  AND (SELECT sum(w.wrong_answers) FROM destination_links w JOIN refunds o ON o.id = w.refund_id "
        "    WHERE o.payment_id = r.payment_id) < $2 "
        "  AND r.state = 'AWAITING_DESTINATION'",
        _digest(token),
        WRONG_ANSWERS_MAX,
    )
    if not found:
        return None
    (row,) = found
    amount = Money(row["amount"], row["currency"])
    kinds = destinations.kinds_of(amount.currency)
    return Asked(amount, row["name"], kinds, row["id"], row["refund_id"], row["merchant_id"])


async def use(token: str, digits: str, given: Given, request_id: str, secret: bytes) -> Asked | WrongDigits | None:
    """Name the account. The page's facts: done; None: the link does not work. Raises InvalidInput, and uses nothing up.

    A wrong second factor costs one of the tries, whatever else was typed in.
    """
    asked = await look(token)
    if asked is None:
        return None
    with for_merchant(asked.merchant_id):
        return await _use(asked, token, digits, given, request_id, secret)


async def _use(
    asked: Asked, token: str, digits: str, given: Given, request_id: str, secret: bytes
) -> Asked | WrongDigits | None:
    async with transaction():
        refund = await lock(asked.refund_id)
        link = await DestinationLink.filter(id=asked.link_id).select_for_update(no_key=True).get()
        if await look(token) is None:
            return None
        if not await _is_the_payer(refund.payment_id, digits, secret):
            return await _wrong(link)
        destination = accounts.checked(given.kind, given.values, refund.currency, [])
        await execute("UPDATE destination_links SET used_at = now() WHERE id = $1", link.id)
        # It is the customer's word, and whoever made the link could have opened it: they answer for it.
        cause = Cause(request_id, ACTOR, link.created_by_id)
        await destinations.accept(refund, destination, Word.CUSTOMER, cause, secret)
    await destinations.announce(asked.refund_id)
    return asked


async def _wrong(link: DestinationLink) -> WrongDigits:
    await DestinationLink.filter(id=link.id).update(wrong_answers=F("wrong_answers") + 1)
    return WrongDigits(max(WRONG_ANSWERS_MAX - await _wrong_answers(link.refund_id), 0))


async def _wrong_answers(refund_id: UUID) -> int:
    """To all the links of a refund's payment: a new link gives no new tries, and neither does a new refund."""
    (row,) = await rows(
        "SELECT coalesce(sum(l.wrong_answers), 0)::bigint AS times FROM refunds r "
        "JOIN refunds o ON o.payment_id = r.payment_id JOIN destination_links l ON l.refund_id = o.id WHERE r.id = $1",
        refund_id,
    )
    times: int = row["times"]
    return times


async def _is_the_payer(payment_id: UUID, digits: str, secret: bytes) -> bool:
    payment = await Payment.get(id=payment_id)
    known = await customers.opened(payment, secret)
    if customers.is_generic(known.get("tax_id", "")):
        return False  # anybody can type it
    last = customers.normal_tax_id(known.get("tax_id", ""))[-DIGITS:]
    return len(last) == DIGITS and hmac.compare_digest(last.encode(), customers.normal_tax_id(digits).encode())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
