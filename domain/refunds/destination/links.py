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
from domain.models import DestinationLink, Payment, Refund
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
from domain.refunds.moves import announce, close_links, lock

WRONG_ANSWERS_MAX: Final = 5
DIGITS: Final = 4
ACTOR: Final = CUSTOMER
_LIFETIME_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A new link: its secret in clear (this once), and until when it works (UTC)."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ShownShop:
    """Who asks, as a customer knows them: the merchant, the store, how to reach it, where its privacy notice stands,
    and the language that the merchant has chosen.
    """

    merchant: str
    store: str
    contact: str | None
    privacy_url: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class ShownOfLink:
    """What the page may show, and nothing more."""

    amount: Money
    shop: ShownShop
    order: str | None
    kinds: Sequence[DestinationKind]
    link_id: UUID
    refund_id: UUID
    merchant_id: UUID


@dataclass(frozen=True, slots=True)
class WrongDigits:
    """The second factor is wrong; so many tries are left."""

    left: int


async def create(whose: Whose, refund_id: UUID, cause: Cause) -> MadeLink:
    """Make a link for a refund that waits for its destination; the ones before it are closed.

    Raises Forbidden, NotFound, InvalidState.
    """
    scope = scope_of(whose, Permission.PROVIDE_DESTINATION)
    await find(scope, refund_id)
    token = random.token_urlsafe(32)
    async with transaction():
        refund = await lock(refund_id)
        if (reason := await _why_no_link(refund)) is not None:
            raise InvalidState(reason, path=["input", "refundId"], current_state=refund.state)
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
    return MadeLink(token, row["expires_at"])


async def _why_no_link(refund: Refund) -> str | None:
    """Why a refund takes no link; None where it does."""
    if refund.state is not State.AWAITING_DESTINATION:
        return "Only a refund that waits for its destination has a link."
    if (await Payment.get(id=refund.payment_id)).customer_digest is None:
        return (
            "The payer's tax ID, which the customer must confirm on the page, is not known, or is a generic one: "
            "register the payment with customerTaxId, or name the account with destinationProvide."
        )
    if await _wrong_answers(refund.id) >= WRONG_ANSWERS_MAX:
        return (
            f"The payer's tax ID was answered wrongly {WRONG_ANSWERS_MAX} times: refunds of this payment take no "
            "more links. Ask the customer yourself and name the account with destinationProvide."
        )
    return None


@for_all("whose a customer's link is")
async def look(token: str) -> ShownOfLink | None:
    """What a link asks for; None when it does not work (any more). Uses nothing up."""
    found = await rows(
        "SELECT l.id, l.refund_id, l.merchant_id, r.amount, r.currency, p.order_reference, m.name AS merchant, "
        "  s.name AS store, s.contact, s.privacy_url, m.language FROM destination_links l "
        "JOIN refunds r ON r.id = l.refund_id JOIN payments p ON p.id = r.payment_id "
        "JOIN stores s ON s.id = p.store_id JOIN merchants m ON m.id = s.merchant_id "
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
    shop = ShownShop(row["merchant"], row["store"], row["contact"], row["privacy_url"], row["language"])
    return ShownOfLink(amount, shop, row["order_reference"], kinds, row["id"], row["refund_id"], row["merchant_id"])


async def use(
    token: str, digits: str, given: Given, request_id: str, secret: bytes
) -> ShownOfLink | WrongDigits | None:
    """Name the account. The page's facts: done; None: the link does not work. Raises InvalidInput, and uses nothing up.

    A wrong second factor costs one of the tries, whatever else was typed in.
    """
    asked = await look(token)
    if asked is None:
        return None
    with for_merchant(asked.merchant_id):
        return await _use(asked, token, digits, given, request_id, secret)


async def _use(
    asked: ShownOfLink, token: str, digits: str, given: Given, request_id: str, secret: bytes
) -> ShownOfLink | WrongDigits | None:
    async with transaction():
        refund = await lock(asked.refund_id)
        link = await DestinationLink.filter(id=asked.link_id).select_for_update(no_key=True).get()
        if await look(token) is None:
            return None
        if not await _is_the_payer(refund.payment_id, digits, secret):
            return await _wrong(refund, link, request_id)
        destination = accounts.checked(given.kind, given.values, refund.currency, [])
        await execute("UPDATE destination_links SET used_at = now() WHERE id = $1", link.id)
        # It is the customer's word, and whoever made the link could have opened it: they answer for it.
        cause = Cause(request_id, ACTOR, link.created_by_id)
        await destinations.accept(refund, destination, Word.CUSTOMER, cause, secret)
    await announce(asked.refund_id)
    return asked


async def _wrong(refund: Refund, link: DestinationLink, request_id: str) -> WrongDigits:
    """One try less, said in the history: support sees why a customer gets no further. What was typed is not kept."""
    await DestinationLink.filter(id=link.id).update(wrong_answers=F("wrong_answers") + 1)
    left = max(WRONG_ANSWERS_MAX - await _wrong_answers(link.refund_id), 0)
    said = (
        f"Somebody who has the customer's link answered the payer's tax ID wrongly; tries left: {left}."
        if left
        else "Somebody who has the customer's link answered the payer's tax ID wrongly for the last time: no link of "
        "this payment works any more. Ask the customer yourself and name the account with destinationProvide."
    )
    cause = Cause(request_id, ACTOR, link.created_by_id)
    await events.note(refund, "DESTINATION_LINK_WRONG_ANSWER", cause, message=said, detail={"tries_left": left})
    return WrongDigits(left)


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
