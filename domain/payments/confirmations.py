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
from domain.models import Connection, Payment, Store
from domain.money import Money
from domain.payments import compared
from domain.payments.find import find
from domain.platform.database import execute, rows, transaction
from domain.platform.lengths import fits
from domain.problems import InvalidState
from domain.pse.capabilities import Capability, Route
from domain.pse.registry import capability
from domain.pse.vocabulary import CapturedPayment, Method, Shown

_AT_ONCE_MAX: Final = 1_000
ASK_AGAIN: Final = "paymentAskAgain"
# What the PSE has said against a payment, or that there is less of it than was registered; else nothing.
_SAID_AGAINST: Final = """SELECT contradicted_at, contradiction, unknown_since, shown_captured, shown_gone FROM payments
WHERE id = $1 AND (confirmed_at IS NULL OR shown_gone > 0 OR shown_captured < captured) FOR NO KEY UPDATE"""
_NO_LONGER: Final = "The PSE confirms the payment now."
_CONFIRM: Final = (
    "confirmed_at = now(), confirmed_by = $2, contradicted_at = NULL, contradiction = NULL, unknown_since = NULL"
)
# What a PSE may show to have left of a payment by refunds of ours: those that have left there or may be there, and
# those that have ended since it was asked ($2). What was paid from the bank it knows nothing of.
_OURS: Final = """SELECT coalesce(sum(r.amount), 0)::bigint AS ours FROM refunds r
WHERE r.payment_id = $1 AND NOT r.paid_by_bank_transfer AND (r.state IN ('SUCCEEDED', 'SUBMITTED', 'PENDING')
  OR (r.state = 'REQUESTED' AND EXISTS (SELECT 1 FROM attempts a WHERE a.refund_id = r.id
    AND a.outcome IS DISTINCT FROM 'UNSENT'))
  OR (r.state IN ('FAILED', 'RETURNED') AND r.updated_at >= $2))"""
# All that the PSE has said of payments: they are asked for anew.
_FORGET: Final = """UPDATE payments SET confirmed_at = NULL, confirmed_by = NULL, shown_captured = NULL,
  shown_gone = NULL, contradicted_at = NULL, contradiction = NULL, unknown_since = NULL, asked_from = now()
WHERE {which}"""
_OF_CONNECTION: Final = """SELECT id FROM payments WHERE connection_id = $1 AND withdrawn_at IS NULL
  AND (confirmed_at IS NOT NULL OR contradicted_at IS NOT NULL OR reserved > 0)
  AND (confirmed_by IS DISTINCT FROM 'LISTING' OR $2) ORDER BY id FOR NO KEY UPDATE"""


class ConfirmedBy(StrEnum):
    """Who has confirmed a payment."""

    PSE = "PSE"  # its answer, when it was asked for the payment
    LISTING = "LISTING"  # its own list of payments
    WEBHOOK = "WEBHOOK"  # a verified webhook that tells of the capture
    REPORT = "REPORT"  # a line of a report that proves the capture


def is_open(payment: Payment, able: Capability) -> bool:
    """Whether nobody but the client that registered it has spoken of the payment, and its PSE can be asked.

    However old it is: its age is the client's word, too.
    """
    return payment.confirmed_at is None and able.payment_look_up


def proves_nothing(payment: Payment, able: Capability, asked_at: datetime) -> bool:
    """Whether the PSE shows no payment so old, so that "there is none" says nothing (`asked_at`: then, UTC)."""
    return not able.shows_payment(asked_at - payment.captured_at)


async def locked(payment_id: UUID) -> Payment:
    """The payment, its row locked until the caller's transaction ends."""
    return await Payment.filter(id=payment_id).select_for_update(no_key=True).get()


def is_past(payment: Payment, asked_at: datetime) -> bool:
    """Whether the answer to a question of then (UTC) counts no more: it is confirmed, withdrawn, or asked anew."""
    asked_anew = payment.asked_from is not None and asked_at < payment.asked_from
    return payment.confirmed_at is not None or payment.withdrawn_at is not None or asked_anew


async def ours_of(payment_id: UUID, asked_at: datetime | None) -> int:
    """How much (minor units) of what its PSE shows to have left of the payment our own refunds may account for.

    `asked_at`: when it was asked (UTC); None: what it shows is older.
    """
    (row,) = await rows(_OURS, payment_id, asked_at)
    ours: int = row["ours"]
    return ours


async def confirm(
    payment_id: UUID, by: ConfirmedBy, shown: Shown | None = None, asked_at: datetime | None = None
) -> bool:
    """Write down that the payment is one; False: it was known before. What was said against it is over.

    `shown`: what its PSE shows of it, which bounds what is refunded; `asked_at`: as of `ours_of`.
    """
    made = await rows(
        f"UPDATE payments SET {_CONFIRM}, shown_captured = $3, shown_gone = $4 "  # noqa: S608 - ours
        "WHERE id = $1 AND confirmed_at IS NULL AND withdrawn_at IS NULL RETURNING merchant_id",
        payment_id,
        by.value,
        shown.amount.minor_units if shown is not None else None,
        compared.gone_otherwise(shown, await ours_of(payment_id, asked_at)) if shown is not None else None,
    )
    for row in made:
        await findings.resolve(row["merchant_id"], names.payment(payment_id), _NO_LONGER)
    return bool(made)


async def contradict(payment_id: UUID, said: str, *, unknown: bool) -> bool:
    """Write down what the PSE says against the payment; False: it is confirmed or withdrawn, so nothing is written.

    `unknown`: that there is none; else that it is another.
    """
    return bool(
        await execute(
            "UPDATE payments SET contradicted_at = coalesce(contradicted_at, now()), contradiction = $2, "
            "  unknown_since = CASE WHEN $3::bool THEN unknown_since END "
            "WHERE id = $1 AND confirmed_at IS NULL AND withdrawn_at IS NULL",
            payment_id,
            said[: compared.SAID_MAX],
            unknown,
        )
    )


async def unknown_since(payment_id: UUID, asked_at: datetime) -> datetime:
    """Since when (UTC) the PSE does not know the payment, or not as captured; `asked_at`: when it was asked."""
    (row,) = await rows(
        "UPDATE payments SET unknown_since = coalesce(unknown_since, $2) WHERE id = $1 RETURNING unknown_since",
        payment_id,
        asked_at,
    )
    since: datetime = row["unknown_since"]
    return since


async def otherwise_named(payment: Payment, shown: Shown) -> str | None:
    """Under which other of its names the merchant has registered the payment before, on any account at the PSE.

    Of two that nobody has confirmed the older one counts; one that the PSE has contradicted does not.
    """
    found = await rows(
        "SELECT p.pse_reference FROM payments p JOIN connections c ON c.id = p.connection_id "
        "JOIN connections mine ON mine.id = $3 AND mine.pse = c.pse AND mine.merchant_id = c.merchant_id "
        "WHERE p.merchant_id = $1 AND p.pse_reference = ANY($2) AND p.id <> $4 AND p.withdrawn_at IS NULL "
        "  AND p.contradicted_at IS NULL AND (p.confirmed_at IS NOT NULL OR (p.created_at, p.id) < ($5, $4)) "
        "ORDER BY p.created_at LIMIT 1",
        payment.merchant_id,
        sorted(shown.names),
        payment.connection_id,
        payment.id,
        payment.created_at,
    )
    return found[0]["pse_reference"] if found else None


async def key_of_other_store(payment: Payment, shown: Shown) -> str | None:
    """The code of another store of the merchant, whose key received the payment; None: of no other store."""
    if shown.payee_key is None:
        return None
    found = await Store.filter(merchant_id=payment.merchant_id, payee_key=shown.payee_key)
    return None if not found or payment.store_id in {store.id for store in found} else found[0].code


async def by_report(payment_id: UUID) -> bool:
    """Whether valid lines of reports prove as much of the payment as was registered; then that is written down.

    No line tells how it was paid, so they prove only what goes back the way it came: that reaches whoever paid.
    """
    found = await rows(
        "SELECT p.method, c.pse FROM payments p JOIN connections c ON c.id = p.connection_id "
        "WHERE p.id = $1 AND p.captured <= (SELECT coalesce(sum(l.amount), 0) "
        "  FROM settlement_lines l WHERE l.payment_id = p.id AND l.voided_at IS NULL AND l.effect = 'CAPTURE' "
        "  AND l.currency = p.currency)",
        payment_id,
    )
    proven = bool(found) and capability(found[0]["pse"], Method(found[0]["method"])).route is Route.ORIGINAL
    if proven:
        await confirm(payment_id, ConfirmedBy.REPORT)
    return proven


_SHOWN: Final = """SELECT p.id, p.method, c.pse FROM payments p JOIN connections c ON c.id = p.connection_id
WHERE p.id = ANY($1::uuid[]) AND p.captured <= (SELECT coalesce(sum(l.amount), 0) FROM settlement_lines l
  WHERE l.payment_id = p.id AND l.voided_at IS NULL AND l.effect = 'CAPTURE' AND l.currency = p.currency)"""


async def by_reports(payment_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those of which `by_report` would say so; nothing is written down."""
    found = await rows(_SHOWN, list(payment_ids)) if payment_ids else []
    able = [one for one in found if capability(one["pse"], Method(one["method"])).route is Route.ORIGINAL]
    return frozenset(one["id"] for one in able)


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
            ConfirmedBy.LISTING.value,
            [one.reference for one in part],
            [one.method.value for one in part],
            [one.amount.currency for one in part],
            [one.amount.minor_units for one in part],
        )
        for row in made:
            await findings.resolve(row["merchant_id"], names.payment(row["id"]), _NO_LONGER)


async def confirm_told(connection: Connection, shown: Shown) -> None:
    """A verified webhook tells that a payment was captured: confirm what was registered in the same words, once."""
    for payment in await Payment.filter(
        connection_id=connection.id,
        pse_reference__in=sorted(name for name in shown.names if fits(Payment, "pse_reference", name)),
        withdrawn_at=None,
        confirmed_at=None,
    ).order_by("created_at", "id"):
        told = (shown.captured, shown.amount.currency, payment.method in shown.methods)
        if told != (True, payment.currency, True) or payment.captured > shown.amount.minor_units:
            continue
        if await otherwise_named(payment, shown) is None:
            await confirm(payment.id, ConfirmedBy.WEBHOOK, shown)


async def ask_again(principal: Principal, payment_id: UUID, cause: Cause) -> Payment:
    """Forget what the PSE said against the payment, or had shown to be less: it is asked before the next refund leaves.

    What it answers to a question of before counts no more. The finding stays until the PSE confirms. Repeated, it
    changes nothing. Raises Forbidden, NotFound, InvalidState.
    """
    payment = await find(principal.scope(Permission.WITHDRAW_PAYMENT), payment_id)
    if payment.withdrawn_at is not None:
        raise InvalidState("The payment was withdrawn.", path=["input", "paymentId"], current_state="WITHDRAWN")
    async with transaction():
        for before in await rows(_SAID_AGAINST, payment.id):
            await execute(_FORGET.format(which="id = $1"), payment.id)
            if what := deeds.changed(before, dict.fromkeys(before)):
                await deeds.note(payment.merchant_id, ASK_AGAIN, Of("payment", payment.id), cause, what)
    return await Payment.get(id=payment.id)


async def forget(connection_id: UUID, *, listed: bool) -> None:
    """What was said of the connection's payments counts no more: it may be another account that is asked from now on.

    `listed`: also of those that the PSE has listed, whose account is another one for certain. What is on its way from
    the account before counts no more, too.
    """
    await execute(_FORGET.format(which=f"id IN ({_OF_CONNECTION})"), connection_id, listed)


async def ask_anew_what_was_gone(payment_id: UUID) -> None:
    """What the PSE had shown to have left without us is back, or was ours: the next refund asks what it shows now.

    Inside the caller's transaction, which holds the payment's lock or that of a refund of it.
    """
    await execute(_FORGET.format(which="id = $1 AND shown_gone > 0"), payment_id)


def contradicted(payment: Payment, kind: FindingKind, said: str) -> Found:
    """The finding of a payment that its PSE does not know, or knows otherwise."""
    return _found(payment, kind, names.payment(payment.id), said, again=True)


def of_other_amount(payment: Payment, said: str) -> Found:
    """The finding of a payment of which more or less was registered than the PSE has: refunds leave up to what it has.

    `said`: what the PSE shows.
    """
    said = f"Of payment {payment.pse_reference} {said}."
    action = (
        "Refunds leave up to what the PSE has. To refund more: withdraw it before its first refund, and register it."
    )
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
        explanation=said[: compared.SAID_MAX],
        payment_id=payment.id,
        again=again,
        action=action,
    )
