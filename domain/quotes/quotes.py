"""A quote: what a refund would cost if it were asked for now. Nothing is reserved; what was said is kept."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.models import RefundQuote
from domain.money import Money
from domain.payments.refundable import deadline_of, tax_of
from domain.platform.database import execute, rows
from domain.pse.capabilities import Capability, Route
from domain.pse.registry import capability
from domain.pse.vocabulary import Method
from domain.quotes import costs, durations
from domain.quotes.figures import Alternative, Figures, Instead, RefundWay, as_json
from domain.refunds import preview
from domain.refunds.preview import Preview
from domain.refunds.request import NewRefund

_NO_TAX: Final = "No VAT was declared with the payment: whether there is some in it is unknown."
_TAX: Final = "Of the payment's VAT the share of this refund, so that all shares together are the whole."
_NO_WINDOW: Final = "No end is published ({source})."
_WAYS: Final[Mapping[Route, RefundWay]] = {
    Route.ORIGINAL: RefundWay.ORIGINAL,
    Route.PAYOUT_WITH_DESTINATION: RefundWay.TO_DESTINATION,
    Route.PSE_COLLECTS: RefundWay.PSE_COLLECTS,
}
# The newest of the same payment and amount says this already: it is not kept twice.
_KEEP: Final = """INSERT INTO refund_quotes (id, merchant_id, payment_id, amount, currency, figures, digest, asked_by,
    created_at)
  SELECT $1, $2, $3::uuid, $4::bigint, $5, $6::jsonb, $7::varchar, $8, now()
  WHERE $7 IS DISTINCT FROM (SELECT q.digest FROM refund_quotes q WHERE q.payment_id = $3 AND q.amount = $4
    ORDER BY q.created_at DESC, q.id DESC LIMIT 1)"""
# What was last said of the amount of each refund before it was asked for.
_OF_REFUNDS: Final = """SELECT r.id AS refund_id, q.id FROM refunds r CROSS JOIN LATERAL (
    SELECT q.id FROM refund_quotes q WHERE q.payment_id = r.payment_id AND q.amount = r.amount
      AND q.created_at <= r.created_at ORDER BY q.created_at DESC, q.id DESC LIMIT 1) AS q
  WHERE r.id = ANY($1)"""


@dataclass(frozen=True, slots=True)
class Quoted:
    """What was said, as it is kept, and what the refund would need."""

    quote: RefundQuote
    preview: Preview


async def quote(principal: Principal, new: NewRefund, cause: Cause) -> Quoted:
    """What it would cost now. Raises what asking for the refund would raise, but for the caps."""
    needs = await preview.preview(principal, new, cause, Permission.READ_LEDGER)
    payment = await preview.payment_of(principal.merchant_id, new.payment_id)
    told = await _figures(payment, needs.amount)
    return Quoted(await _keep(principal, payment, needs.amount, told), needs)


async def _figures(payment: Mapping[str, Any], amount: Money) -> Figures:
    method = Method(payment["method"])
    able = capability(payment["pse"], method)
    tax = None
    if payment["tax_amount"]:
        tax = Money(tax_of(dict(payment), amount.minor_units), amount.currency)
    until = deadline_of(able, payment["captured_at"])
    window = f"{able.window.days} days from the {able.window_from} ({able.source})." if able.window else None
    return Figures(
        costs=await costs.costs(payment, amount),
        tax=tax,
        tax_says=_NO_TAX if tax is None else _TAX,
        way=RefundWay.BY_HAND if able.paid_by_hand else _WAYS[able.route],
        takes=durations.takes(payment["pse"], method, able),
        until=until,
        until_says=window or _NO_WINDOW.format(source=able.source),
        alternatives=_alternatives(payment["pse"], able),
    )


def _alternatives(pse: str, able: Capability) -> Sequence[Alternative]:
    found = []
    if able.instead:
        found.append(Alternative(Instead.AS_PUBLISHED, able.instead))
    if able.needs_balance:
        says = f"{pse} takes it from your balance there: where that is too small, wait until payments have come in."
        found.append(Alternative(Instead.WAIT_FOR_BALANCE, says))
    if not able.paid_by_hand:
        says = "A person pays it from the bank or in the PSE's back office (refundTakeManual), with evidence."
        found.append(Alternative(Instead.BY_HAND, says))
    return found


async def _keep(principal: Principal, payment: Mapping[str, Any], amount: Money, told: Figures) -> RefundQuote:
    text = json.dumps(as_json(told), sort_keys=True)
    await execute(
        _KEEP,
        uuid4(),
        principal.merchant_id,
        payment["id"],
        amount.minor_units,
        amount.currency,
        text,
        hashlib.sha256(text.encode()).hexdigest(),
        principal.holder[:200],
    )
    found = RefundQuote.filter(payment_id=payment["id"], amount=amount.minor_units).order_by("-created_at", "-id")
    kept = await found.first()
    assert kept is not None, "It was kept just now, or before."
    return kept


async def of_refunds(refund_ids: Sequence[UUID]) -> dict[UUID, RefundQuote]:
    """What was said of each refund before it was asked for, where something was."""
    found = {row["refund_id"]: row["id"] for row in await rows(_OF_REFUNDS, list(refund_ids))}
    kept = {row.id: row for row in await RefundQuote.filter(id__in=list(found.values()))}
    return {refund: kept[quote_id] for refund, quote_id in found.items() if quote_id in kept}
