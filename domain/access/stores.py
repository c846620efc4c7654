"""The stores of a merchant: made and changed by who manages them, seen by who has anything to do with them."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from tortoise.exceptions import IntegrityError
from tortoise.queryset import QuerySet

from domain.access.holders import checked_name
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Store
from domain.platform import idempotency
from domain.platform.database import transaction
from domain.problems import InvalidInput, NotFound

CREATE: Final = "storeCreate"
UPDATE: Final = "storeUpdate"
_CODE_LENGTH_MAX: Final = 64
_KEY_LENGTH_MAX: Final = 140


@dataclass(frozen=True, slots=True)
class NewStore:
    """A store as a person describes it; `payee_key` receives its payments."""

    code: str
    name: str
    payee_key: str | None = None


def readable(principal: Principal) -> QuerySet[Store]:
    """The stores that somebody holds any permission for; whoever holds one for all stores sees all."""
    query = Store.filter(merchant_id=principal.merchant_id)
    held = list(principal.reach.stores.values())
    if any(stores is None for stores in held):
        return query
    return query.filter(id__in=list({store for stores in held for store in stores or ()}))


async def by_codes(merchant_id: UUID, codes: set[str], path: list[str]) -> dict[str, UUID]:
    """The ids of the merchant's stores of these codes. Raises NotFound for one that is not there."""
    found = {row.code: row.id for row in await Store.filter(merchant_id=merchant_id, code__in=list(codes))}
    if missing := codes - found.keys():
        raise NotFound(f"No such store: {', '.join(sorted(missing))}; stores lists yours.", path=path)
    return found


async def create(principal: Principal, new: NewStore, key: str, cause: Cause) -> tuple[Store, bool]:
    """Make a store; whether the same key had made it before. Raises Forbidden, InvalidInput, IdempotencyConflict."""
    principal.require_everywhere(Permission.MANAGE_STORES)
    code, name, payee = _code(new.code), checked_name(new.name, ["input", "name"]), _payee(new.payee_key)
    store_id, facts = uuid4(), {"code": code, "name": name, "payee_key": payee}
    try:
        async with transaction():
            stored = await idempotency.claim(principal.merchant_id, CREATE, key, facts, store_id, cause)
            if stored is None:
                await Store.create(
                    id=store_id, merchant_id=principal.merchant_id, code=code, name=name, payee_key=payee
                )
                await deeds.note(principal.merchant_id, CREATE, Of("store", store_id), cause, deeds.changed({}, facts))
    except IntegrityError as error:  # behind the wall PostgreSQL does not say which value it was
        known = await Store.exists(merchant_id=principal.merchant_id, code=code)
        raise _taken("code" if known else "payeeKey") from error
    return await Store.get(id=stored or store_id), stored is not None


async def update(principal: Principal, store_id: UUID, name: str, payee_key: str | None, cause: Cause) -> Store:
    """Give a store another name and key; its code is for life. Raises Forbidden, NotFound, InvalidInput."""
    principal.require_everywhere(Permission.MANAGE_STORES)
    values = {"name": checked_name(name, ["input", "name"]), "payee_key": _payee(payee_key)}
    try:
        async with transaction():
            among = Store.filter(id=store_id, merchant_id=principal.merchant_id)
            before = await among.select_for_update(no_key=True).get_or_none()
            if before is None:
                raise NotFound("No such store; stores lists yours.", path=["input", "storeId"])
            await Store.filter(id=store_id).update(**values)
            had = {"name": before.name, "payee_key": before.payee_key}
            if what := deeds.changed(had, values):
                await deeds.note(before.merchant_id, UPDATE, Of("store", store_id), cause, what)
    except IntegrityError as error:
        raise _taken("payeeKey") from error
    return await Store.get(id=store_id)


def _code(code: str) -> str:
    if not (0 < len(code) <= _CODE_LENGTH_MAX and code.isascii() and code.isprintable() and " " not in code):
        raise InvalidInput(
            f"code takes 1 to {_CODE_LENGTH_MAX} printable ASCII characters without spaces.", path=["input", "code"]
        )
    return code


def _payee(key: str | None) -> str | None:
    if key is not None and not (0 < len(key) <= _KEY_LENGTH_MAX and key.isprintable()):
        raise InvalidInput(f"payeeKey takes 1 to {_KEY_LENGTH_MAX} printable characters.", path=["input", "payeeKey"])
    return key


def _taken(name: str) -> InvalidInput:
    return InvalidInput(f"Another store of yours has this {name}.", path=["input", name])
