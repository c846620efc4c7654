"""Who asks and what they may do: bearer tokens, stored hashed, one merchant and one role each."""

import hashlib
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid4

from domain.models import Token
from domain.platform import bell
from domain.platform.database import rows
from domain.problems import Forbidden

_PREFIX: Final = "est_"
_SHOWN: Final = 12
_NOBODY: Final = UUID(int=0)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Permission(StrEnum):
    """What can be done."""

    READ = "READ"
    READ_CALLS = "READ_CALLS"
    READ_LEDGER = "READ_LEDGER"
    REGISTER_PAYMENT = "REGISTER_PAYMENT"
    WITHDRAW_PAYMENT = "WITHDRAW_PAYMENT"
    REFUND = "REFUND"
    REFRESH = "REFRESH"
    PROVIDE_DESTINATION = "PROVIDE_DESTINATION"
    APPROVE = "APPROVE"
    SETTLE_MANUALLY = "SETTLE_MANUALLY"  # and read the whole account that a person pays to
    RESOLVE_DOUBT = "RESOLVE_DOUBT"
    MANAGE_CONNECTIONS = "MANAGE_CONNECTIONS"
    RESOLVE_DOUBT_EARLY = "RESOLVE_DOUBT_EARLY"  # "not paid" before the PSE's next report says so


class Role(StrEnum):
    """A named set of permissions."""

    FRONTEND = "FRONTEND"
    ACCOUNTING = "ACCOUNTING"
    SUPPORT = "SUPPORT"
    ADMINISTRATOR = "ADMINISTRATOR"


_P = Permission
PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.FRONTEND: frozenset({_P.READ, _P.REGISTER_PAYMENT, _P.REFUND, _P.REFRESH, _P.PROVIDE_DESTINATION}),
    Role.ACCOUNTING: frozenset(
        {
            _P.READ,
            _P.READ_CALLS,
            _P.READ_LEDGER,
            _P.WITHDRAW_PAYMENT,
            _P.REFRESH,
            _P.APPROVE,
            _P.SETTLE_MANUALLY,
            _P.RESOLVE_DOUBT,
        }
    ),
    Role.SUPPORT: frozenset({_P.READ, _P.READ_CALLS, _P.REFRESH, _P.PROVIDE_DESTINATION, _P.RESOLVE_DOUBT}),
    Role.ADMINISTRATOR: frozenset(Permission),
}


def person_of(holder: str) -> str:
    """Who a typed name stands for, so that four eyes are not the same two written in another way.

    Case, width, accents' spelling, spaces and characters that nobody sees make no other person. Two names of one person
    still do: until people are rows of their own, whoever makes tokens must write one person's name in one way.
    """
    seen = "".join(letter for letter in unicodedata.normalize("NFKC", holder) if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated holder of a token."""

    token_id: UUID
    merchant_id: UUID
    holder: str
    role: Role
    expires_at: datetime

    @property
    def person(self) -> str:
        """Who it is, whatever token they hold."""
        return person_of(self.holder)

    def without_person(self) -> "Principal":
        """What all tokens of the merchant and role have in common."""
        return Principal(_NOBODY, self.merchant_id, "", self.role, _NEVER)

    def may(self, permission: Permission) -> bool:
        return permission in PERMISSIONS[self.role]

    def require(self, permission: Permission) -> None:
        """Raises Forbidden, naming the permission and the roles that have it."""
        if not self.may(permission):
            roles = ", ".join(role for role, granted in PERMISSIONS.items() if permission in granted)
            raise Forbidden(f"The role {self.role} does not include {permission}; ask someone who is {roles}.")


async def create_token(merchant_id: UUID, role: Role, holder: str, lifetime: timedelta) -> str:
    """Make a token and give it in clear, once: 256 random bits behind `est_`. Only its SHA-256 is kept."""
    token = _PREFIX + secrets.token_urlsafe(32)
    await Token.create(
        id=uuid4(),
        merchant_id=merchant_id,
        holder=holder,
        role=role,
        prefix=token[:_SHOWN],
        digest=_digest(token),
        expires_at=datetime.now(UTC) + lifetime,
    )
    return token


async def authenticate(token: str | None) -> Principal | None:
    """The principal of a token that is known, in time and not revoked; else None."""
    if token is None or not token.startswith(_PREFIX) or not token.isascii():
        return None
    found = await rows(
        "SELECT id, merchant_id, holder, role, expires_at FROM tokens "
        "WHERE digest = $1 AND revoked_at IS NULL AND expires_at > now()",
        _digest(token),
    )
    if not found:
        return None
    (row,) = found
    return Principal(row["id"], row["merchant_id"], row["holder"], Role(row["role"]), row["expires_at"])


async def revoke(token_id: UUID) -> bool:
    """End a token at once, everywhere; whether it was not revoked before.

    Processes that remember it hear of it through Valkey; where they do not, they forget it within seconds.
    """
    changed = await Token.filter(id=token_id, revoked_at=None).update(revoked_at=datetime.now(UTC))
    await bell.wake(bell.TOKENS_CHANNEL)
    return bool(changed)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
