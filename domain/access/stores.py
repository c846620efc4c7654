"""The stores of a merchant: made and changed by who manages them, seen by who has anything to do with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
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
from domain.platform import idempotency, lengths
from domain.platform.database import transaction
from domain.problems import InvalidInput, NotFound

CREATE: Final = "storeCreate"
UPDATE: Final = "storeUpdate"
_CODE_LENGTH_MAX: Final = 64
_KEY_LENGTH_MAX: Final = 140
_CONTACT_LENGTH_MAX: Final = 200
_URL_LENGTH_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class NewStore:
    """A store as a person describes it; `payee_key` receives its payments.

    `contact` is how its customers reach it, in its own words, and `privacy_url` where its privacy notice stands
    (https): both are shown to a customer who is asked for an account.
    """

    code: str
    name: str
    payee_key: str | None = None
    contact: str | None = None
    privacy_url: str | None = None


@dataclass(frozen=True, slots=True)
class StoreChange:
    """What a store becomes: `contact` and `privacy_url` stay where they are not in `told`."""

    name: str
    payee_key: str | None
    told: Mapping[str, str | None]


def readable(principal: Principal) -> QuerySet[Store]:
    """The stores that somebody holds any permission for; whoever holds one for all stores sees all."""
    query = Store.filter(merchant_id=principal.merchant_id)
    held = list(principal.reach.stores.values())
    if any(stores is None for stores in held):
        return query
    return query.filter(id__in=list({store for stores in held for store in stores or ()}))


async def by_codes(merchant_id: UUID, codes: set[str], path: list[str]) -> dict[str, UUID]:
    """The ids of the merchant's stores of these codes. Raises NotFound for one that is not there."""
    may_be = [one for one in codes if lengths.fits(Store, "code", one)]
    found = {row.code: row.id for row in await Store.filter(merchant_id=merchant_id, code__in=may_be)}
    if missing := codes - found.keys():
        raise NotFound(f"No such store: {', '.join(sorted(missing))}; stores lists yours.", path=path)
    return found


async def create(principal: Principal, new: NewStore, key: str, cause: Cause) -> tuple[Store, bool]:
    """Make a store; whether the same key had made it before. Raises Forbidden, InvalidInput, IdempotencyConflict."""
    principal.require_everywhere(Permission.MANAGE_STORES)
    facts = {
        "code": _code(new.code),
        "name": checked_name(new.name, ["input", "name"]),
        "payee_key": _payee(new.payee_key),
    }
    about = {"contact": _contact(new.contact), "privacy_url": _privacy_url(new.privacy_url)}
    # Left out where nothing is said: a key of before there were contacts still finds its store.
    facts |= {name: value for name, value in about.items() if value is not None}
    store_id = uuid4()
    try:
        async with transaction():
            stored = await idempotency.claim(principal.merchant_id, CREATE, key, facts, store_id, cause)
            if stored is None:
                await Store(id=store_id, merchant_id=principal.merchant_id, **facts).save(force_create=True)
                await deeds.note(principal.merchant_id, CREATE, Of("store", store_id), cause, deeds.changed({}, facts))
    except IntegrityError as error:  # behind the wall PostgreSQL does not say which value it was
        known = await Store.exists(merchant_id=principal.merchant_id, code=new.code)
        raise _taken("code" if known else "payeeKey") from error
    return await Store.get(id=stored or store_id), stored is not None


async def update(principal: Principal, store_id: UUID, change: StoreChange, cause: Cause) -> Store:
    """Give a store another name, key, contact; its code is for life. Raises Forbidden, NotFound, InvalidInput."""
    principal.require_everywhere(Permission.MANAGE_STORES)
    values = {"name": checked_name(change.name, ["input", "name"]), "payee_key": _payee(change.payee_key)}
    values |= {name: _TOLD[name](value) for name, value in change.told.items()}
    try:
        async with transaction():
            among = Store.filter(id=store_id, merchant_id=principal.merchant_id)
            before = await among.select_for_update(no_key=True).get_or_none()
            if before is None:
                raise NotFound("No such store; stores lists yours.", path=["input", "storeId"])
            await Store.filter(id=store_id).update(**values)
            had = {name: getattr(before, name) for name in values}
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


def _contact(contact: str | None) -> str | None:
    if contact is not None and not (0 < len(contact.strip()) <= _CONTACT_LENGTH_MAX and contact.isprintable()):
        raise InvalidInput(
            f"contact takes 1 to {_CONTACT_LENGTH_MAX} printable characters on one line, such as an e-mail address "
            "and a telephone number.",
            path=["input", "contact"],
        )
    return contact.strip() if contact else contact


def _privacy_url(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not (
        host and url.startswith("https://") and len(url) <= _URL_LENGTH_MAX and url.isascii() and url.isprintable()
    ):
        raise InvalidInput(
            f"privacyUrl takes an https address of at most {_URL_LENGTH_MAX} ASCII characters.",
            path=["input", "privacyUrl"],
        )
    return url


_TOLD: Final[Mapping[str, Callable[[str | None], str | None]]] = {"contact": _contact, "privacy_url": _privacy_url}


def _taken(name: str) -> InvalidInput:
    return InvalidInput(f"Another store of yours has this {name}.", path=["input", name])
