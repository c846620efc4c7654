"""Roles and stores that are given: how a form has them, row by row, and what the roles are called."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.console import names
from api.console.page import Asked
from api.console.words import N_, _

ROWS_MAX: Final = 100
EMPTY_ROWS: Final = 3
ROLES: Final[Mapping[str, str]] = {
    "REQUESTER": N_("Asks for refunds"),
    "APPROVER": N_("Approves refunds"),
    "ACCOUNTANT": N_("Keeps the books"),
    "SUPPORT": N_("Helps customers"),
    "DEVELOPER": N_("Connects programs"),
    "AUDITOR": N_("Reads the books and the audit log"),
    "ADMIN": N_("Administers the merchant"),
    "PLATFORM_ADMIN": N_("Administers this installation"),
}


def given(asked: Asked) -> list[dict[str, Any]]:
    """The rows of a form in which a role was chosen; no store: all of them."""
    rows = ((asked.given(f"role{row}"), asked.given(f"store{row}")) for row in range(ROWS_MAX))
    return [{"role": role, "storeCode": store} for role, store in rows if role]


def options(roles: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]] = ()) -> list[tuple[str, str]]:
    """The roles that can be chosen, each with its word; what is `held` under another name is not lost silently."""
    names = [one["name"] for one in roles]
    more = sorted({one["role"] for one in held} - set(names))
    return [(name, word(name)) for name in (*names, *more)]


def word(role: str) -> str:
    """The role's name, and what who has it does."""
    return f"{names.role(role)}: {_(ROLES[role])}" if role in ROLES else role


def rows(grants: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What stands, and a few empty rows for more."""
    empty = [{"role": "", "storeCode": ""}] * EMPTY_ROWS
    return [*grants, *empty][:ROWS_MAX]
