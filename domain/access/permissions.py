"""What can be done, and the sets of it that have a name."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


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
    RESOLVE_DOUBT_EARLY = "RESOLVE_DOUBT_EARLY"  # "not paid" before the PSE's next report says so
    MANAGE_PEOPLE = "MANAGE_PEOPLE"  # with what each may do, and the merchant's own roles
    MANAGE_TOKENS = "MANAGE_TOKENS"
    MANAGE_STORES = "MANAGE_STORES"
    MANAGE_CONNECTIONS = "MANAGE_CONNECTIONS"  # apply for an account at a PSE, give its keys, suspend it
    REVIEW_CONNECTIONS = "REVIEW_CONNECTIONS"  # look at what another person submitted, and let it go live
    READ_AUDIT = "READ_AUDIT"  # who did and read what, and who may do what; nobody can write there
    MANAGE_RULES = "MANAGE_RULES"  # what needs a second person, and how much may be refunded in a day
    WORK_FINDINGS = "WORK_FINDINGS"  # take on what the books do not explain, and say what becomes of it
    KEEP_BOOKS = "KEEP_BOOKS"  # hand in reports, statements, tax documents, fees and rates
    CLOSE_PERIODS = "CLOSE_PERIODS"  # with another person: what is closed never changes
    MANAGE_NEWS = "MANAGE_NEWS"  # where news goes, what was delivered there, and sending it again
    MANAGE_MERCHANTS = "MANAGE_MERCHANTS"  # make others that this installation serves
    SEE = "SEE"  # of refunds what a customer may know of their own
    ASK = "ASK"  # for a refund of one's own payment


class Role(StrEnum):
    """A set of permissions that is built in. The old names are other words for the same."""

    REQUESTER = "REQUESTER"
    APPROVER = "APPROVER"
    ACCOUNTANT = "ACCOUNTANT"
    SUPPORT = "SUPPORT"
    DEVELOPER = "DEVELOPER"
    AUDITOR = "AUDITOR"
    ADMIN = "ADMIN"
    PLATFORM_ADMIN = "PLATFORM_ADMIN"
    FRONTEND = "REQUESTER"
    ACCOUNTING = "ACCOUNTANT"
    ADMINISTRATOR = "ADMIN"


_P = Permission
PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.REQUESTER: frozenset({_P.READ, _P.REGISTER_PAYMENT, _P.REFUND, _P.REFRESH, _P.PROVIDE_DESTINATION}),
    Role.APPROVER: frozenset({_P.READ, _P.REFRESH, _P.APPROVE}),
    Role.ACCOUNTANT: frozenset(
        {
            _P.READ,
            _P.READ_CALLS,
            _P.READ_LEDGER,
            _P.WITHDRAW_PAYMENT,
            _P.REFRESH,
            _P.APPROVE,
            _P.SETTLE_MANUALLY,
            _P.RESOLVE_DOUBT,
            _P.WORK_FINDINGS,
            _P.KEEP_BOOKS,
            _P.CLOSE_PERIODS,
        }
    ),
    Role.SUPPORT: frozenset({_P.READ, _P.READ_CALLS, _P.REFRESH, _P.PROVIDE_DESTINATION, _P.RESOLVE_DOUBT}),
    Role.DEVELOPER: frozenset({_P.READ, _P.READ_CALLS, _P.REFRESH, _P.MANAGE_TOKENS, _P.MANAGE_NEWS}),
    Role.AUDITOR: frozenset({_P.READ, _P.READ_LEDGER, _P.READ_AUDIT}),
    Role.ADMIN: frozenset(Permission) - {_P.MANAGE_MERCHANTS},
    Role.PLATFORM_ADMIN: frozenset(Permission),
}
ADMINISTERING: Final = frozenset({Role.ADMIN, Role.PLATFORM_ADMIN})
# What a customer's token has. Nobody else is given these, and no role of a merchant's own has them.
CUSTOMERS: Final[Mapping[str, frozenset[Permission]]] = {
    "CUSTOMER_SEE": frozenset({_P.SEE}),
    "CUSTOMER_ASK": frozenset({_P.ASK}),
}
# Whoever has the one has the other.
IMPLIED: Final[Mapping[Permission, Permission]] = {_P.READ: _P.SEE, _P.REFUND: _P.ASK}


def built_in(name: str) -> frozenset[Permission] | None:
    """The permissions of a role that is built in, by any name that it has or had; None: there is none of that name."""
    role = Role.__members__.get(name)
    return PERMISSIONS[role] if role is not None else CUSTOMERS.get(name)
