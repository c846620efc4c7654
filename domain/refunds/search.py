"""One text that somebody holds, and all that it names: whatever handle of a refund or a payment it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.access.principal import Principal
from domain.models import Payment, Refund
from domain.payments import customers
from domain.payments import find as payments
from domain.platform.lengths import equal
from domain.problems import InvalidInput
from domain.refunds import find

TEXT_MAX: Final = 255
_TAX_ID_MIN: Final = 8  # characters of the shortest tax ID there is


@dataclass(frozen=True, slots=True)
class FoundByText:
    """Newest first; of each at most as many as were asked for."""

    refunds: Sequence[Refund]
    payments: Sequence[Payment]


async def search(principal: Principal, text: str, first: int, secret: bytes) -> FoundByText:
    """What the text names, exactly: a request ID, our reference or the PSE's, an idempotency key, an order, a tax ID.

    Raises Forbidden, InvalidInput; KeyServiceAway for what looks like a tax ID.
    """
    wanted = text.strip()
    if not 0 < len(wanted) <= TEXT_MAX:
        raise InvalidInput(f"The text takes 1 to {TEXT_MAX} characters.", path=["text"])
    if not wanted.isprintable():
        return FoundByText([], [])
    refunds = await _refunds(principal, wanted)
    found = await _payments(principal, wanted, first, secret)
    beside = find.readable(principal).filter(payment_id__in=[one.id for one in found]) if found else None
    more = await beside.order_by("-created_at", "-id").limit(first) if beside is not None else []
    merged = {one.id: one for one in (*refunds, *more)}
    return FoundByText(sorted(merged.values(), key=lambda one: one.created_at, reverse=True)[:first], found)


async def _refunds(principal: Principal, text: str) -> list[Refund]:
    named = [
        await find.by_request_id(principal, text),
        await find.by_idempotency_key(principal, text) if text.isascii() else None,
        await find.by_pse_reference(principal, text),
        await find.by_id(principal, UUID(text)) if _is_uuid(text) else None,
    ]
    return [one for one in named if one is not None]


async def _payments(principal: Principal, text: str, first: int, secret: bytes) -> list[Payment]:
    queries = [await payments.named(principal, text), payments.of_order(payments.readable(principal), text)]
    if len(customers.normal_tax_id(text)) >= _TAX_ID_MIN and not customers.is_generic(text):
        digest = await customers.digest(principal.merchant_id, text, secret)
        queries.append(equal(payments.readable(principal), customer_digest=digest))
    found: dict[UUID, Payment] = {}
    for query in queries:
        for one in await query.order_by("-created_at", "-id").limit(first):
            found[one.id] = one
    return sorted(found.values(), key=lambda one: one.created_at, reverse=True)[:first]


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
