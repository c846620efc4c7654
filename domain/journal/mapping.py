"""Which account of the merchant's own books stands for each of ours; of one connection, store or currency alone, too.

The most particular one counts. A number that a sheet would take for a formula is refused here, so that no export has to
change it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal, Whose, scope_of
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Connection, JournalAccount, Store
from domain.models.ledger import Account
from domain.money import EXPONENTS
from domain.platform import idempotency
from domain.platform.alone import lock_name
from domain.platform.database import execute, transaction
from domain.problems import InvalidInput

SET: Final = "journalAccountSet"
_NUMBER: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z./ _-]{0,63}")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}",
                   "\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}")  # fmt: skip
_NAME_MAX: Final = 200
_RATE_MAX: Final = 100
_OWN_MAX: Final = 1_000  # that a merchant has set at once


@dataclass(frozen=True, slots=True)
class For:
    """One of our accounts, of all or of one connection, store, currency."""

    account: Account
    connection_id: UUID | None = None
    store_id: UUID | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Theirs:
    """An account of the merchant's own books. `tax_rate`: its full name, where the other program wants one."""

    number: str
    name: str
    tax_rate: str | None = None


class Mapping:
    """What stands for what, looked up."""

    def __init__(self, rows: Iterable[JournalAccount]) -> None:
        self._found = {
            For(Account(row.account), row.connection_id, row.store_id, row.currency): Theirs(
                row.number, row.name, row.tax_rate
            )
            for row in rows
        }

    def of(self, wanted: For) -> Theirs | None:
        """What stands for this, by the most particular that was set: a connection's before a store's, before a
        currency's."""
        for connection in (wanted.connection_id, None):
            for store in (wanted.store_id, None):
                for currency in (wanted.currency, None):
                    if found := self._found.get(For(wanted.account, connection, store, currency)):
                        return found
        return None


def readable(whose: Whose) -> QuerySet[JournalAccount]:
    """What is set. It is of all stores: whoever reads some sees none. Raises Forbidden."""
    scope = scope_of(whose, Permission.READ_LEDGER, Permission.KEEP_BOOKS)
    found = JournalAccount.filter(merchant_id=scope.merchant_id, ended_at=None)
    return found if scope.is_whole else found.filter(id=None)


async def read(merchant_id: UUID) -> Mapping:
    """What is set for this merchant."""
    return Mapping(await JournalAccount.filter(merchant_id=merchant_id, ended_at=None))


async def set_account(
    principal: Principal, ours: For, theirs: Theirs | None, key: str, cause: Cause
) -> JournalAccount | None:
    """Have theirs stand for ours from the next journal on; None: what was set ends.

    Raises Forbidden, InvalidInput, IdempotencyConflict.
    """
    principal.require_everywhere(Permission.KEEP_BOOKS)
    await _check(principal.merchant_id, ours, theirs)
    facts = {"for": _told(ours), "to": _told(theirs) if theirs else None}
    row_id = uuid4()
    async with transaction():
        if stored := await idempotency.claim(principal.merchant_id, SET, key, facts, row_id, cause):
            return await JournalAccount.get_or_none(id=stored)
        await lock_name(f"journal/{principal.merchant_id}")
        before = await _end(principal, ours)
        if theirs is not None:
            if await readable(principal.merchant_id).count() >= _OWN_MAX:
                raise InvalidInput(f"At most {_OWN_MAX} accounts are set.", path=["input"])
            await _add(principal, row_id, ours, theirs)
        was = Theirs(before.number, before.name, before.tax_rate) if before else None
        changes = deeds.changed({"to": _told(was)}, {"to": facts["to"]}) | {"for": [None, str(facts["for"])]}
        await deeds.note(principal.merchant_id, SET, Of("journal_account", row_id), cause, changes)
    return await JournalAccount.get_or_none(id=row_id)


async def _add(principal: Principal, row_id: UUID, ours: For, theirs: Theirs) -> None:
    await JournalAccount.create(
        id=row_id,
        merchant_id=principal.merchant_id,
        account=ours.account.value,
        connection_id=ours.connection_id,
        store_id=ours.store_id,
        currency=ours.currency,
        number=theirs.number,
        name=theirs.name,
        tax_rate=theirs.tax_rate,
        created_by=principal.holder[:200],
    )


async def _end(principal: Principal, ours: For) -> JournalAccount | None:
    """What stood there until now."""
    found = await JournalAccount.get_or_none(
        merchant_id=principal.merchant_id, ended_at=None, account=ours.account.value,
        connection_id=ours.connection_id, store_id=ours.store_id, currency=ours.currency,
    )  # fmt: skip
    if found is not None:
        end = "UPDATE journal_accounts SET ended_at = now(), ended_by = $2 WHERE id = $1 AND ended_at IS NULL"
        if await execute(end, found.id, principal.holder[:200]) != 1:
            raise RuntimeError("What stood for the account was not there to be ended.")
    return found


def _told(one: For | Theirs | None) -> str | None:
    if one is None:
        return None
    parts = (getattr(one, name) for name in one.__slots__)
    return " ".join(str(part) for part in parts if part is not None)


async def _check(merchant_id: UUID, ours: For, theirs: Theirs | None) -> None:
    if ours.currency is not None and ours.currency not in EXPONENTS:
        raise InvalidInput(f"{ours.currency} is no currency that is known here.", path=["input", "currency"])
    if ours.connection_id and not await Connection.exists(id=ours.connection_id, merchant_id=merchant_id):
        raise InvalidInput("There is no such connection.", path=["input", "connectionId"])
    if ours.store_id and not await Store.exists(id=ours.store_id, merchant_id=merchant_id):
        raise InvalidInput("There is no such store.", path=["input", "storeId"])
    if theirs is None:
        return
    if _NUMBER.fullmatch(theirs.number) is None or theirs.number != theirs.number.strip():
        raise InvalidInput(
            "number takes 1 to 64 letters, digits and ./_- and begins with a letter or digit.", path=["input", "number"]
        )
    _check_text(theirs.name, _NAME_MAX, "name")
    if theirs.tax_rate is not None:
        _check_text(theirs.tax_rate, _RATE_MAX, "taxRate")


def _check_text(text: str, most: int, path: str) -> None:
    if not (0 < len(text) <= most and text.isprintable() and text == text.strip()) or text.startswith(_FORMULA):
        raise InvalidInput(
            f"{path} takes 1 to {most} printable characters, and does not begin with = + - or @.", path=["input", path]
        )


def missing(mapping: Mapping, wanted: Iterable[For]) -> Sequence[For]:
    """Those that nothing stands for, each account once where nothing at all stands for it."""
    lacking = [one for one in wanted if mapping.of(one) is None]
    return sorted(
        {For(one.account, currency=one.currency) for one in lacking}, key=lambda one: (one.account, one.currency or "")
    )
