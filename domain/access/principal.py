"""Who asks, what they may do, and with whose things: a permission is held for all stores, or for some.

What may be reached can be had only by naming the permission that it is reached with: `principal.scope(permission)`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from tortoise.expressions import Q

from domain.access.permissions import IMPLIED, PERMISSIONS, Permission, built_in
from domain.problems import Forbidden, NotFound

_NOBODY: Final = UUID(int=0)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
Stores = frozenset[UUID] | None  # None: all


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose payments, and what hangs on them: of a merchant, of some of its stores, of a payment, of a customer.

    What is another's answers exactly like what does not exist.
    """

    merchant_id: UUID
    stores: Stores = None
    payment_id: UUID | None = None
    customer: str | None = None  # the digest of their tax ID

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the merchant's."""
        return self.stores is None and self.payment_id is None and self.customer is None

    def covers(self, payment: Mapping[str, Any]) -> bool:
        """Whether a row of `payments` of this merchant lies within."""
        return (
            (self.stores is None or payment["store_id"] in self.stores)
            and (self.payment_id is None or payment["id"] == self.payment_id)
            and (self.customer is None or payment["customer_digest"] == self.customer)
        )

    def payments(self) -> Q:
        """The condition on `Payment`."""
        return Q(merchant_id=self.merchant_id, **self._narrowed("", "id"))

    def refunds(self) -> Q:
        """The condition on `Refund`, which has its payment's store."""
        return Q(merchant_id=self.merchant_id, **self._narrowed("payment__", "payment_id"))

    def _narrowed(self, to_it: str, its_id: str) -> dict[str, Any]:
        narrowed: dict[str, Any] = {}
        if self.stores is not None:
            narrowed["store_id__in"] = list(self.stores)
        if self.payment_id is not None:
            narrowed[its_id] = self.payment_id
        if self.customer is not None:
            narrowed[f"{to_it}customer_digest"] = self.customer
        return narrowed


@dataclass(frozen=True, slots=True)
class Reach:
    """Each permission that is held, and the stores that it is held for."""

    held: frozenset[tuple[Permission, Stores]]
    stores: Mapping[Permission, Stores] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stores", dict(self.held))


@lru_cache(maxsize=4_096)
def reach_of(*granted: tuple[frozenset[Permission], UUID | None]) -> Reach:
    """What several grants come to: each is a set of permissions in one store, or (None) in all."""
    found: dict[Permission, Stores] = {}
    for permissions, store in granted:
        for permission in permissions | {IMPLIED[one] for one in permissions if one in IMPLIED}:
            before = found.get(permission, frozenset())
            found[permission] = None if store is None or before is None else before | {store}
    return Reach(frozenset(found.items()))


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever was authenticated: by a token or, a person, by a session."""

    token_id: UUID  # or the session's
    merchant_id: UUID
    holder: str  # as it stands on what they do
    reach: Reach
    expires_at: datetime
    person_id: UUID | None = None
    payment_id: UUID | None = None  # a customer's token is bound to one payment,
    customer: str | None = None  # or to one customer
    party_id: UUID | None = None  # of a token: whoever made it, through all the tokens between
    session_id: UUID | None = None  # of a person's own token: the session that it was made from
    vouched_by: UUID | None = None  # who made the link by which the person signed in (domain/access/vouching.py)
    zone: str = "UTC"  # of a session: the merchant's, by which its days begin

    @property
    def party(self) -> UUID:
        """Who answers for what is done: the person; of a token the person who made it, however many tokens between.

        Of a token that was made on the command line it is the token itself. Four eyes are compared by this, never by a
        name alone.
        """
        return self.person_id or self.party_id or self.token_id

    @property
    def hands(self) -> frozenset[UUID]:
        """Whoever may be doing it: who answers for it, and who can have used the link that began the session."""
        return frozenset({self.party, self.vouched_by or self.party})

    @property
    def voucher(self) -> UUID:
        """Who stands behind the links that are made now: through all the links between, the first who made one."""
        return self.vouched_by or self.party

    @property
    def is_customer(self) -> bool:
        """Whether it is the merchant's customer, to whom nothing exists but their own."""
        return self.payment_id is not None or self.customer is not None

    @property
    def permissions(self) -> frozenset[Permission]:
        """All that are held, be it for one store only."""
        return frozenset(self.reach.stores)

    def without_person(self) -> "Principal":
        """What all who may do the same, with the same things, have in common."""
        return Principal(_NOBODY, self.merchant_id, "", self.reach, _NEVER, None, self.payment_id, self.customer)

    def may(self, *any_of: Permission) -> bool:
        """Whether one of these is held, be it for one store only."""
        return any(permission in self.reach.stores for permission in any_of)

    def require(self, *any_of: Permission) -> None:
        """Raises Forbidden, naming the permission and the roles that have it; NotFound to a customer."""
        if not self.may(*any_of):
            raise self._refused(any_of[0])

    def require_everywhere(self, *any_of: Permission) -> None:
        """Raises Forbidden unless one of these is held for all stores; NotFound to a customer."""
        self.require(*any_of)
        if all(self.reach.stores.get(permission, frozenset()) is not None for permission in any_of):
            raise Forbidden(f"You have {any_of[0]} in some stores only; it takes someone who has it in all.")

    def scope(self, *any_of: Permission) -> Scope:
        """What the first of these that is held reaches. Raises as `require`."""
        for permission in any_of:
            if permission in self.reach.stores:
                stores = self.reach.stores[permission]
                return Scope(self.merchant_id, stores, self.payment_id, self.customer)
        raise self._refused(any_of[0])

    def covers(self, permissions: Iterable[Permission], store_id: UUID | None) -> bool:
        """Whether all of these are held in that store (None: in all)."""
        for permission in permissions:
            stores = self.reach.stores.get(permission, frozenset())
            if stores is not None and store_id not in stores:
                return False
        return True

    def _refused(self, permission: Permission) -> Forbidden | NotFound:
        if self.is_customer:
            return NotFound(
                f"This customer's token does not have {permission}: customerTokenCreate gives it with `may`: ASK asks "
                "for refunds and sees them, SEE sees them."
            )
        roles = ", ".join(role for role, granted in PERMISSIONS.items() if permission in granted)
        return Forbidden(f"You do not have {permission}; ask someone who is {roles}.")


# The merchant itself, for what we do in its name; whoever comes from outside is a Principal.
Whose = Principal | UUID


def scope_of(whose: Whose, *any_of: Permission) -> Scope:
    """What may be reached with one of these permissions: all of the merchant's by ourselves. Raises as `require`."""
    return whose.scope(*any_of) if isinstance(whose, Principal) else Scope(whose)


def merchant_of(whose: Whose) -> UUID:
    """The merchant that somebody acts for."""
    return whose.merchant_id if isinstance(whose, Principal) else whose


def role_reach(name: str) -> Reach:
    """What a role that is built in comes to in all stores. Raises LookupError where there is none of that name."""
    permissions = built_in(name)
    if permissions is None:
        raise LookupError(name)
    return reach_of((permissions, None))
