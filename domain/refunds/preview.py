"""What a refund would need if it were asked for now, and who could say the yes: nothing is written, nothing counted.

Whether an account's holder is the payer is not told: it is taken for another's, so that nobody can guess without end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.money import Money
from domain.payments.refundable import checked_amount
from domain.problems import CapExceeded, NotFound
from domain.pse.capabilities import Route
from domain.pse.registry import capability
from domain.pse.vocabulary import Method
from domain.refunds import insert
from domain.refunds.approvals import asking, caps, facts, involved, standing, who
from domain.refunds.approvals.facts import Requester
from domain.refunds.approvals.rules import Named, Need, Word, joined
from domain.refunds.approvals.who import Approver
from domain.refunds.destination import accounts
from domain.refunds.request import NewRefund
from domain.refunds.target import check_takes

_NO_KEY = insert.Key("approvalPreview", "", "")  # no request has such a one


@dataclass(frozen=True, slots=True)
class Preview:
    """What it would need. `advice`: what to do where nobody could say the yes; `over`: the cap that refuses it."""

    amount: Money
    waits_for_destination: bool
    needs: tuple[Need, ...]
    candidates: Sequence[Approver]
    advice: str | None
    over: CapExceeded | None


async def payment_of(merchant_id: UUID, payment_id: UUID) -> dict[str, Any]:
    """The payment's row as a refund of it is decided by (`id` None: there is none)."""
    return await insert.seen(merchant_id, payment_id, _NO_KEY)


async def preview(principal: Principal, new: NewRefund, cause: Cause, *also: Permission) -> Preview:
    """Raises what asking for it would raise, but for the caps. `also`: permissions that may see it, too."""
    scope = principal.scope(Permission.REFUND, *also)
    payment = await payment_of(principal.merchant_id, new.payment_id)
    if payment["id"] is None or not scope.covers(payment):
        raise NotFound("No such payment; register it with paymentRegister first.", path=["input", "paymentId"])
    amount = checked_amount(payment, new.amount)
    requester = Requester.of(principal, cause.party)
    held = await standing.of(principal.merchant_id, payment["rules_version"])
    about = facts.of_payment(payment, amount, new.reason, requester, _named(new, payment))
    verdict = await facts.weighed(held.rules, about, payment, requester)
    waiting, over = await caps.preview(held.caps, asking.counted(payment, amount, requester, cause))
    wanted = joined(verdict.needs, [asking.need_of(cap) for cap in waiting])
    part = await involved.of_payment(payment["id"], principal)
    able = await who.candidates(principal.merchant_id, payment["store_id"], part) if wanted else []
    asks = new.destination is None and _has_no_way_back(payment["pse"], payment["method"])
    return Preview(amount, asks, wanted, able, who.told(who.lacking(wanted, [], able)), over)


def _has_no_way_back(pse: str, method: str) -> bool:
    return capability(pse, Method(method)).route is Route.PAYOUT_WITH_DESTINATION


def _named(new: NewRefund, payment: Mapping[str, Any]) -> Named | None:
    given = new.destination
    if given is None:
        return None
    check_takes(payment, given)
    accounts.checked(given.kind, given.values, payment["currency"], ["input", "destination"])
    return Named(given.kind, Word.STAFF, is_payers=False)
