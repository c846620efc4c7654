"""Whether a registered payment is one: by its PSE's answer, its listing, a verified webhook or a line of a report.

A client may register anything. Before the first refund of a payment leaves, one of these must have said the same, where
the PSE can be asked; what they say is kept on the payment.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.findings import findings, names
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, Payment
from domain.money import Money
from domain.payments.find import find
from domain.platform.database import execute, rows, transaction
from domain.problems import InvalidState
from domain.pse.capabilities import Capability, Route
from domain.pse.vocabulary import CapturedPayment, Shown

_SAID_MAX: Final = 500
_AT_ONCE_MAX: Final = 1_000
ASK_AGAIN: Final = "paymentAskAgain"
_SAID_AGAINST: Final = (
    "SELECT contradicted_at, contradiction, unknown_since FROM payments WHERE id = $1 FOR NO KEY UPDATE"
)
_NO_LONGER: Final = "The PSE confirms the payment now."
_CONFIRM: Final = (
    "confirmed_at = now(), confirmed_by = $2, contradicted_at = NULL, contradiction = NULL, unknown_since = NULL"
)


class By(StrEnum):
    """Who has confirmed a payment."""

    PSE = "PSE"  # its answer, when it was asked for the payment
    LISTING = "LISTING"  # its own list of payments
    WEBHOOK = "WEBHOOK"  # a verified webhook that tells of the capture
    REPORT = "REPORT"  # a line of a report that proves the capture


def is_open(payment: Payment, able: Capability, now: datetime) -> bool:
    """Whether nobody but the client that registered it has spoken of the payment, and its PSE can be asked (`now`)."""
    return payment.confirmed_at is None and able.shows_payment(now - payment.captured_at)


def differences(payment: Payment, able: Capability, client_id: str, shown: Shown) -> str | None:
    """What the PSE shows otherwise than it was registered, in words; None: the refunds of the payment may leave.

    Less may be registered than was captured. A method that we have no word for is nothing against one that goes back
    the way it came: the money reaches whoever paid.
    """
    registered, found = Money(payment.captured, payment.currency), []
    if shown.account is not None and client_id.isdigit() and shown.account != client_id:
        found.append(f"it is the payment of another merchant ({shown.account})")
    if not shown.captured:
        found.append(f"it is not captured ({shown.status})")
    if shown.amount.currency != payment.currency or shown.amount.minor_units < payment.captured:
        found.append(f"it is of {shown.amount}, and {registered} was registered")
    unknown = not shown.methods and able.route is Route.ORIGINAL
    if shown.captured and not unknown and payment.method not in shown.methods:
        found.append(f"it was paid by {shown.method_said}, and {payment.method} was registered")
    return "; ".join(found)[:_SAID_MAX] or None


async def confirm(payment_id: UUID, by: By) -> bool:
    """Write down that the payment is one; False: it was known before. What was said against it is over."""
    made = await rows(
        f"UPDATE payments SET {_CONFIRM} WHERE id = $1 AND confirmed_at IS NULL RETURNING merchant_id",  # noqa: S608 - ours
        payment_id,
        by.value,
    )
    for row in made:
        await findings.resolve(row["merchant_id"], names.payment(payment_id), _NO_LONGER)
    return bool(made)


async def contradict(payment_id: UUID, said: str, *, unknown: bool) -> bool:
    """Write down what the PSE says against the payment; False: it is confirmed, so nothing is written.

    `unknown`: that there is none; else that it is another.
    """
    return bool(
        await rows(
            "UPDATE payments SET contradicted_at = coalesce(contradicted_at, now()), contradiction = $2, "
            "  unknown_since = CASE WHEN $3::bool THEN unknown_since END "
            "WHERE id = $1 AND confirmed_at IS NULL RETURNING id",
            payment_id,
            said[:_SAID_MAX],
            unknown,
        )
    )


async def unknown_since(payment_id: UUID, asked_at: datetime) -> datetime:
    """Since when (UTC) the PSE says that it does not know the payment; `asked_at`: it was asked then and said so."""
    (row,) = await rows(
        "UPDATE payments SET unknown_since = coalesce(unknown_since, $2) WHERE id = $1 RETURNING unknown_since",
        payment_id,
        asked_at,
    )
    since: datetime = row["unknown_since"]
    return since


async def by_report(payment_id: UUID) -> bool:
    """Whether valid lines of reports prove as much of the payment as was registered; then that is written down."""
    found = await rows(
        "SELECT 1 AS one FROM payments p WHERE p.id = $1 AND p.captured <= (SELECT coalesce(sum(l.amount), 0) "
        "  FROM settlement_lines l WHERE l.payment_id = p.id AND l.voided_at IS NULL AND l.effect = 'CAPTURE' "
        "  AND l.currency = p.currency)",
        payment_id,
    )
    if found:
        await confirm(payment_id, By.REPORT)
    return bool(found)


# Payments that the PSE's own list has too, as they were registered. What a client registered otherwise stays open, and
# what somebody has locked is asked for later. Locked in the order of all others.
_LISTED: Final = f"""
UPDATE payments SET {_CONFIRM} WHERE id IN (SELECT p.id FROM payments p
  JOIN unnest($3::text[], $4::text[], $5::text[], $6::bigint[]) AS l(reference, method, currency, amount)
    ON p.pse_reference = l.reference AND p.method = l.method AND p.currency = l.currency AND p.captured <= l.amount
  WHERE p.connection_id = $1 AND p.withdrawn_at IS NULL AND p.confirmed_at IS NULL
  ORDER BY p.id FOR NO KEY UPDATE OF p SKIP LOCKED) RETURNING id, merchant_id"""  # noqa: S608 - ours, all is bound


async def confirm_listed(connection: Connection, listed: Sequence[CapturedPayment]) -> None:
    """Confirm what the PSE lists and a client had registered in the same words, with a statement for a thousand."""
    for start in range(0, len(listed), _AT_ONCE_MAX):
        part = listed[start : start + _AT_ONCE_MAX]
        made = await rows(
            _LISTED,
            connection.id,
            By.LISTING.value,
            [one.reference for one in part],
            [one.method.value for one in part],
            [one.amount.currency for one in part],
            [one.amount.minor_units for one in part],
        )
        for row in made:
            await findings.resolve(row["merchant_id"], names.payment(row["id"]), _NO_LONGER)


async def confirm_told(connection: Connection, shown: Shown) -> None:
    """A verified webhook tells that a payment was captured: confirm what was registered in the same words."""
    for payment in await Payment.filter(
        connection_id=connection.id, pse_reference__in=sorted(shown.names), withdrawn_at=None, confirmed_at=None
    ):
        told = (shown.captured, shown.amount.currency, payment.method in shown.methods)
        if told == (True, payment.currency, True) and payment.captured <= shown.amount.minor_units:
            await confirm(payment.id, By.WEBHOOK)


async def ask_again(principal: Principal, payment_id: UUID, cause: Cause) -> Payment:
    """Forget what the PSE said against the payment: it is asked anew before the next refund of it leaves.

    The finding stays until the PSE confirms. Repeated, it changes nothing. Raises Forbidden, NotFound, InvalidState.
    """
    payment = await find(principal.scope(Permission.WITHDRAW_PAYMENT), payment_id)
    if payment.withdrawn_at is not None:
        raise InvalidState("The payment was withdrawn.", path=["input", "paymentId"], current_state="WITHDRAWN")
    async with transaction():
        (before,) = await rows(_SAID_AGAINST, payment.id)
        await execute(
            "UPDATE payments SET contradicted_at = NULL, contradiction = NULL, unknown_since = NULL WHERE id = $1",
            payment.id,
        )
        if what := deeds.changed(before, dict.fromkeys(before)):
            await deeds.note(payment.merchant_id, ASK_AGAIN, Of("payment", payment.id), cause, what)
    return await Payment.get(id=payment.id)


def contradicted(payment: Payment, kind: FindingKind, said: str) -> Found:
    """The finding of a payment that its PSE does not know, or knows otherwise."""
    return _found(payment, kind, names.payment(payment.id), said, again=True)


def below(payment: Payment, shown: Shown) -> Found:
    """The finding of a payment of which less was registered than was captured: refunds leave all the same."""
    registered = Money(payment.captured, payment.currency)
    said = f"{registered} of payment {payment.pse_reference} was registered; the PSE has captured {shown.amount}."
    action = "Nothing is held. To refund more: withdraw the payment before its first refund and register all of it."
    return _found(payment, FindingKind.PAYMENT_DIFFERS, names.payment_below(payment.id), said, action=action)


def _found(
    payment: Payment, kind: FindingKind, name: str, said: str, *, again: bool = False, action: str | None = None
) -> Found:
    return Found(
        kind=kind,
        merchant_id=payment.merchant_id,
        connection_id=payment.connection_id,
        fingerprint=name,
        amount=Money(payment.captured, payment.currency),
        explanation=said[:_SAID_MAX],
        payment_id=payment.id,
        again=again,
        action=action,
    )
