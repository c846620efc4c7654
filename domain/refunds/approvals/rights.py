"""The right to decide: one's own, or one that another person has lent for a time (delegations)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.access.permissions import Permission, built_in
from domain.access.principal import Principal
from domain.models import Payment, Refund
from domain.platform.database import rows
from domain.problems import Forbidden
from domain.refunds.approvals.facts import roles_of
from domain.refunds.approvals.involved import Involved

# Who lends must still be there, and hold the right themselves.
_LENT: Final = """
SELECT d.from_id, d.from_name FROM approval_delegations d JOIN people p ON p.id = d.from_id AND p.state = 'ACTIVE'
WHERE d.merchant_id = $1 AND d.to_id = $2 AND d.revoked_at IS NULL AND now() BETWEEN d.starts_at AND d.ends_at
ORDER BY d.made_at, d.id"""
_GRANTED: Final = """
SELECT g.role, r.permissions FROM grants g LEFT JOIN roles r ON r.merchant_id = g.merchant_id
  AND lower(r.name) = lower(g.role) AND r.ended_at IS NULL
WHERE g.merchant_id = $1 AND g.person_id = $2 AND g.ended_at IS NULL AND (g.store_id IS NULL OR g.store_id = $3)"""


@dataclass(frozen=True, slots=True)
class Lender:
    """The person whose right it is."""

    party: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Right:
    """Who decides, and under whose right."""

    principal: Principal
    store_id: UUID
    lender: Lender | None = None

    @property
    def party(self) -> UUID:
        """Who answers for the deed."""
        return self.principal.party

    @property
    def name(self) -> str:
        """As it stands on the deed."""
        return self.principal.holder[:200]

    @property
    def people(self) -> list[tuple[UUID, str]]:
        """Whose yes it is: both, where the right is lent."""
        lender = [(self.lender.party, self.lender.name)] if self.lender is not None else []
        return [(self.party, self.name), *lender]


async def check_may(principal: Principal) -> None:
    """Raises Forbidden unless one may approve somewhere, or was lent the right."""
    if not principal.may(Permission.APPROVE) and not await rows(_LENT, principal.merchant_id, principal.party):
        principal.require(Permission.APPROVE)


async def of(principal: Principal, refund: Refund, part: Involved) -> Right:
    """The right to decide on a refund; of several lenders, one's who has no part in it. Raises Forbidden."""
    store_id = (await Payment.get(id=refund.payment_id)).store_id
    if principal.covers([Permission.APPROVE], store_id):
        return Right(principal, store_id)
    lent = await rows(_LENT, principal.merchant_id, principal.party)
    for row in sorted(lent, key=lambda one: part.has(one["from_id"], one["from_name"])):
        if Permission.APPROVE in await _permissions(principal.merchant_id, row["from_id"], store_id):
            return Right(principal, store_id, Lender(row["from_id"], row["from_name"]))
    principal.require(Permission.APPROVE)
    raise Forbidden("You have APPROVE in some stores only; it takes someone who has it in this one.")


async def words(right: Right, refund: Refund, asked: Collection[str]) -> frozenset[str]:
    """Which of the roles and permissions that are asked for are held by whose right it is."""
    if right.lender is not None:
        permissions = await _permissions(refund.merchant_id, right.lender.party, right.store_id)
        roles = await roles_of(refund.merchant_id, right.lender.party, right.store_id)
        return frozenset(one for one in asked if one in permissions or one in roles)
    principal = right.principal
    held = {one for one in asked if one in Permission.__members__}
    held = {one for one in held if principal.covers([Permission(one)], right.store_id)}
    holder = principal.person_id or principal.token_id
    return frozenset(held | (set(asked) & await roles_of(refund.merchant_id, holder, right.store_id)))


async def _permissions(merchant_id: UUID, person_id: UUID, store_id: UUID) -> frozenset[str]:
    found = await rows(_GRANTED, merchant_id, person_id, store_id)
    return frozenset(
        str(one) for row in found for one in (built_in(row["role"]) or frozenset(row["permissions"] or ()))
    )
