"""Reading what banks have said: statements, lines and payouts of a merchant, with what proves what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from tortoise.expressions import Q, Subquery
from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.bank import matching, unproven
from domain.bank import together as adding
from domain.models import BankLine, BankRewording, BankStatement, Payout, PayoutProof
from domain.platform.children import first_of_each

CANDIDATES_MAX: Final = 10
REWORDINGS_MAX: Final = 100


class Proof(StrEnum):
    """Whether a payout is at the bank."""

    PROVEN = "PROVEN"
    OPEN = "OPEN"


def statements(principal: Principal, account_id: UUID | None) -> QuerySet[BankStatement]:
    """What was taken in, of one account or of all; what was taken back, too. Raises Forbidden."""
    principal.require_everywhere(Permission.READ_LEDGER)
    found = BankStatement.filter(merchant_id=principal.merchant_id)
    return found if account_id is None else found.filter(account_id=account_id)


async def rewordings(statement_ids: Sequence[UUID]) -> Mapping[UUID, list[BankRewording]]:
    """Of each statement the movements that count as earlier lines, the first of them; what is not sure goes before."""
    order = "is_sure, line, id"
    return await first_of_each(BankRewording, statement_ids, key="statement_id", order=order, limit=REWORDINGS_MAX)


def lines(principal: Principal, account_id: UUID | None, explained: bool | None) -> QuerySet[BankLine]:
    """The lines that stand, with their account; `explained`: those that prove a payout, or those that do not.

    Raises Forbidden.
    """
    principal.require_everywhere(Permission.READ_LEDGER)
    found = BankLine.filter(merchant_id=principal.merchant_id, withdrawn_at=None).prefetch_related("account")
    found = found if account_id is None else found.filter(account_id=account_id)
    return found if explained is None else found.filter(_proven(principal, "line_id", explained))


def payouts(principal: Principal, connection_id: UUID | None, proof: Proof | None) -> QuerySet[Payout]:
    """What PSEs paid out, as their reports tell; those that came to nothing are left out. Raises Forbidden."""
    principal.require_everywhere(Permission.READ_LEDGER)
    found = Payout.filter(merchant_id=principal.merchant_id).exclude(amount=0)
    found = found if connection_id is None else found.filter(connection_id=connection_id)
    return found if proof is None else found.filter(_proven(principal, "payout_id", proof is Proof.PROVEN))


def _proven(principal: Principal, column: str, wanted: bool) -> Q:
    standing = PayoutProof.filter(merchant_id=principal.merchant_id, voided_at=None).values(column)
    told = Q(id__in=Subquery(standing))
    return told if wanted else ~told


async def of_lines(line_ids: Sequence[UUID]) -> Mapping[UUID, PayoutProof]:
    """What each line proves: of several payouts the first."""
    found = PayoutProof.filter(line_id__in=list(line_ids), voided_at=None).order_by("-part")
    return {one.line_id: one for one in await found}


async def together(line_ids: Sequence[UUID]) -> Mapping[UUID, list[UUID]]:
    """The payouts that each line proves, in their order."""
    found: dict[UUID, list[UUID]] = {}
    for one in await PayoutProof.filter(line_id__in=list(line_ids), voided_at=None).order_by("part"):
        found.setdefault(one.line_id, []).append(one.payout_id)
    return found


async def of_payouts(payout_ids: Sequence[UUID]) -> Mapping[UUID, PayoutProof]:
    """What proves each payout."""
    return {one.payout_id: one for one in await PayoutProof.filter(payout_id__in=list(payout_ids), voided_at=None)}


async def by_id(line_ids: Sequence[UUID]) -> Mapping[UUID, BankLine]:
    """The lines themselves, with their account."""
    return {one.id: one for one in await BankLine.filter(id__in=list(line_ids)).prefetch_related("account")}


async def candidates(payout_ids: Sequence[UUID]) -> Mapping[UUID, list[BankLine]]:
    """Of each payout that nothing proves, the lines of its amount and days that prove nothing yet."""
    proven = await of_payouts(payout_ids)
    asked = await Payout.filter(id__in=[one for one in payout_ids if one not in proven])
    if not asked:
        return {}
    wanted = [unproven.opened(one) for one in asked]
    lines_ = await unproven.open_lines(asked[0].merchant_id, wanted)
    may_be = {one.id: [line.id for line in matching.candidates(one, lines_)][:CANDIDATES_MAX] for one in wanted}
    ids = {line for found in may_be.values() for line in found}
    rows = {row.id: row for row in await BankLine.filter(id__in=list(ids)).prefetch_related("account")}
    return {payout: [rows[line] for line in found] for payout, found in may_be.items()}


@dataclass(frozen=True, slots=True)
class Shared:
    """A line that is a payout and others together."""

    line: BankLine
    others: Sequence[Payout]


async def shares(payout_ids: Sequence[UUID]) -> Mapping[UUID, list[Shared]]:
    """Of each payout that nothing proves, the lines that it is with a few other ones, by their sum alone."""
    proven = await of_payouts(payout_ids)
    asked = await Payout.filter(id__in=[one for one in payout_ids if one not in proven]).exclude(amount=0)
    if not asked:
        return {}
    wanted = [unproven.opened(one) for one in asked]
    first, last = min(one.business_date for one in wanted), max(one.expected_at or one.business_date for one in wanted)
    merchant_id = asked[0].merchant_id
    lines_ = await unproven.lines_of_days(merchant_id, first - matching.WINDOW, last + 2 * matching.WINDOW)
    told = adding.that_add_up(wanted, await unproven.open_payouts(merchant_id), lines_)
    every = [share for found in told.values() for share in found]
    if not every:
        return {}
    lines_by = await by_id([share.line_id for share in every])
    payouts_by = {row.id: row for row in await Payout.filter(id__in=[one for s in every for one in s.payout_ids])}
    return {
        payout: [Shared(lines_by[s.line_id], [payouts_by[one] for one in s.payout_ids if one != payout]) for s in found]
        for payout, found in told.items()
    }
