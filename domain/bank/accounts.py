"""The merchant's accounts at banks: which there are, and whose payouts come to them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.bank.readers.header import DELIMITERS, ORDERS, CsvMapping
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import BankAccount, Connection
from domain.money import MoneyError, exponent_of
from domain.platform import idempotency
from domain.platform.database import rows, transaction
from domain.problems import InvalidInput, NotFound

OBJECT: Final = "bankAccount"  # in the log
ACCOUNTS_MAX: Final = 100  # of a merchant, that have not ended
_WORD_MAX: Final = 100
_WORDS_MAX: Final = 5
_WHOSE: Final = "SELECT DISTINCT merchant_id FROM bank_accounts ORDER BY merchant_id"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """`connection_ids`: whose payouts come here; none: any. `mapping`: of its CSV, where words are not usual."""

    name: str
    currency: str
    connection_ids: Sequence[UUID] = ()
    mapping: CsvMapping | None = None


def readable(principal: Principal) -> QuerySet[BankAccount]:
    """The merchant's accounts; they are of no one store. Raises Forbidden."""
    principal.require_everywhere(Permission.READ_LEDGER)
    return BankAccount.filter(merchant_id=principal.merchant_id)


async def create(principal: Principal, new: NewAccount, key: str, cause: Cause) -> BankAccount:
    """Make an account known. The same key and input again gives the same one.

    Raises Forbidden, InvalidInput, IdempotencyConflict.
    """
    principal.require_everywhere(Permission.KEEP_BOOKS)
    await _check(principal, new)
    account_id = uuid4()
    async with transaction():
        earlier = await idempotency.claim(
            principal.merchant_id, "bankAccountCreate", key, asdict(new), account_id, cause
        )
        if earlier is not None:
            return await BankAccount.get(id=earlier)
        if await BankAccount.filter(merchant_id=principal.merchant_id, ended_at=None).count() >= ACCOUNTS_MAX:
            raise InvalidInput(f"A merchant has at most {ACCOUNTS_MAX} accounts: end one first.", path=["input"])
        made = await BankAccount.create(
            id=account_id, merchant_id=principal.merchant_id, created_by=principal.holder[:200], **_values(new)
        )
        await deeds.note(
            made.merchant_id, "bankAccountCreate", Of(OBJECT, made.id), cause, deeds.changed({}, told(made))
        )
    return made


async def change(principal: Principal, account_id: UUID, new: NewAccount, cause: Cause) -> BankAccount:
    """Say anew what an account is called, whose payouts come to it and how its CSV is read; its currency is for life.

    Raises Forbidden, NotFound, InvalidInput.
    """
    principal.require_everywhere(Permission.KEEP_BOOKS)
    await _check(principal, new)
    async with transaction():
        account = await locked(principal, account_id)
        if account.currency != new.currency:
            raise InvalidInput(f"This account is in {account.currency}, for life.", path=["input", "currency"])
        before = told(account)
        account.update_from_dict(_values(new))
        what = deeds.changed(before, told(account))
        if what:
            await account.save(update_fields=["name", "connection_ids", "mapping"])
            await deeds.note(account.merchant_id, "bankAccountChange", Of(OBJECT, account.id), cause, what)
    return account


async def end(principal: Principal, account_id: UUID, cause: Cause) -> BankAccount:
    """Take no more statements of an account; what they proved stays proven. Raises Forbidden, NotFound."""
    principal.require_everywhere(Permission.KEEP_BOOKS)
    async with transaction():
        account = await locked(principal, account_id)
        if account.ended_at is None:
            account.ended_at = datetime.now(UTC)
            await account.save(update_fields=["ended_at"])
            what = {"ended": [False, True]}
            await deeds.note(account.merchant_id, "bankAccountEnd", Of(OBJECT, account.id), cause, what)
    return account


async def locked(principal: Principal, account_id: UUID) -> BankAccount:
    """The account, for the caller's transaction alone. Raises NotFound."""
    found = BankAccount.filter(id=account_id, merchant_id=principal.merchant_id).select_for_update(no_key=True)
    account = await found.get_or_none()
    if account is None:
        raise NotFound("There is no such bank account of yours.", path=["input", "bankAccountId"])
    return account


def mapping_of(account: BankAccount) -> CsvMapping | None:
    """How its CSV is read, as the merchant said."""
    if account.mapping is None:
        return None
    return CsvMapping(**{**account.mapping, "text": tuple(account.mapping.get("text", ()))})


def told(account: BankAccount) -> dict[str, Any]:
    """What the log may say of an account."""
    return {
        "name": account.name,
        "currency": account.currency,
        "connections": sorted(account.connection_ids),
        "mapping": account.mapping,
    }


def _values(new: NewAccount) -> dict[str, Any]:
    return {
        "name": new.name.strip(),
        "currency": new.currency,
        "connection_ids": sorted({str(one) for one in new.connection_ids}),
        "mapping": None if new.mapping is None else {**asdict(new.mapping), "text": list(new.mapping.text)},
    }


async def _check(principal: Principal, new: NewAccount) -> None:
    if not (0 < len(new.name.strip()) <= _WORD_MAX and new.name.isprintable()):
        raise InvalidInput(f"name takes 1 to {_WORD_MAX} printable characters.", path=["input", "name"])
    try:
        exponent_of(new.currency)
    except MoneyError as error:
        raise InvalidInput(str(error), path=["input", "currency"]) from None
    wanted = set(new.connection_ids)
    if await Connection.filter(id__in=list(wanted), merchant_id=principal.merchant_id).count() != len(wanted):
        raise InvalidInput("One of these connections is none of yours.", path=["input", "connectionIds"])
    if new.mapping is not None:
        _check_mapping(new.mapping)


def _check_mapping(mapping: CsvMapping) -> None:
    said: Mapping[str, Any] = asdict(mapping)
    words = [
        word
        for name in ("date", "amount", "debit", "credit", "reference", "balance", "currency")
        if (word := said[name])
    ]
    if len(mapping.text) > _WORDS_MAX or any(len(word) > _WORD_MAX for word in (*words, *mapping.text)):
        raise InvalidInput(f"A column is named by at most {_WORD_MAX} characters.", path=["input", "mapping"])
    if mapping.decimal not in (None, ".", ",") or mapping.order not in (None, *ORDERS):
        raise InvalidInput(f"decimal is . or , and order one of {', '.join(ORDERS)}.", path=["input", "mapping"])
    if mapping.delimiter not in (None, *DELIMITERS):
        raise InvalidInput("delimiter is one of ; , | or a tab.", path=["input", "mapping"])
    if mapping.amount and (mapping.debit or mapping.credit):
        raise InvalidInput("Name the column of the amount, or those of debit and credit.", path=["input", "mapping"])


async def merchants() -> list[UUID]:
    """Who has an account at a bank, ended ones too; of nobody else is there anything to look at."""
    return [row["merchant_id"] for row in await rows(_WHOSE)]
