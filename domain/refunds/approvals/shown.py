"""What refunds need, as it is shown: for all refunds of a page at once, in as many statements as for one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.models import Approval, ApprovalNeeds, Refund
from domain.platform.database import rows
from domain.refunds import current_destination
from domain.refunds.approvals import involved, needs, who
from domain.refunds.approvals.rules import Need
from domain.refunds.approvals.weigh import Yes
from domain.refunds.approvals.who import Approver

_STORES: Final = "SELECT r.id, p.store_id FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE r.id = ANY($1)"


@dataclass(frozen=True, slots=True)
class NeedsShown:
    """A refund's needs, what was said to them, who could say the rest, and what to do where there are too few."""

    row: ApprovalNeeds
    wanted: Sequence[Need]
    given: Sequence[Yes]
    able: Sequence[Approver]
    advice: str | None


async def of_refunds(refund_ids: Sequence[UUID]) -> Mapping[UUID, NeedsShown]:
    """Of each refund that something is needed of. All of one merchant."""
    current = await needs.current_of(refund_ids)
    refunds = await Refund.filter(id__in=set(current))
    if not refunds:
        return {}
    said = await needs.given_of(list(current))
    parts = await involved.of_all(refunds, await current_destination.of_all(list(current)))
    stores = {row["id"]: row["store_id"] for row in await rows(_STORES, list(current))}
    holders = await who.holders(refunds[0].merchant_id, set(stores.values()))
    return {
        refund.id: _shown(
            current[refund.id],
            [
                Yes(frozenset(one.counts_as or ()))
                for one in said.get(refund.id, [])
                if _counts(one, current[refund.id])
            ],
            who.without(holders[stores[refund.id]], parts[refund.id], current[refund.id].barred_ids),
        )
        for refund in refunds
    }


def _counts(one: Approval, row: ApprovalNeeds) -> bool:
    return bool(one.needs_id == row.id and one.decision == "YES")


def _shown(row: ApprovalNeeds, given: Sequence[Yes], able: Sequence[Approver]) -> NeedsShown:
    wanted = needs.wanted_of(row)
    return NeedsShown(row, wanted, given, able, who.told(who.lacking(wanted, given, able)))
