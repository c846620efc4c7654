"""A merchant's shops: connected, changed, paused, retired."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from tortoise.queryset import QuerySet

from domain.access.holders import checked_name
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.access.roles import check_holds
from domain.cause import Cause
from domain.commerce import credentials, field_values
from domain.commerce.field_values import FieldValues
from domain.commerce.registry import dialect_of
from domain.commerce.vocabulary import ShopKind
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.history import seals
from domain.models import Shop, Store
from domain.models.shops import ShopState
from domain.platform import data_keys, idempotency
from domain.platform.alone import lock_name
from domain.platform.database import execute, rows, transaction
from domain.platform.ids import time_ordered
from domain.problems import InvalidInput, InvalidState, NotFound

CONNECT: Final = "shopConnect"
CHANGE: Final = "shopChange"
MOST: Final = 50  # of a merchant at once, unless the installation says otherwise
_GIVES: Final = frozenset({Permission.REFUND})  # what a shop says is refunded: nobody gives what they do not hold
# What is signed with its secrets is refunded: whoever gives them has given what a token that refunds is.
_GIVEN_BY: Final = """SELECT party FROM deeds WHERE merchant_id = $1 AND object_kind = 'shop' AND object_id = $2
  AND kind = 'CHANGE' AND (operation = 'shopConnect' OR (operation = 'shopChange' AND changes ? 'secrets'))
ORDER BY occurred_at DESC, id DESC LIMIT 1"""


@dataclass(frozen=True, slots=True)
class NewShop:
    """A shop as a person describes it. `values`: by the names of its kind's fields."""

    kind: ShopKind
    name: str
    store_code: str
    values: Mapping[str, str] = field(repr=False)


def readable(principal: Principal) -> QuerySet[Shop]:
    """The shops of the stores that somebody may read. Raises Forbidden."""
    scope = principal.scope(Permission.READ)
    query = Shop.filter(merchant_id=scope.merchant_id)
    return query if scope.stores is None else query.filter(store_id__in=list(scope.stores))


async def managed(principal: Principal, shop_id: UUID) -> Shop:
    """The shop, locked, for who may manage it. Raises Forbidden, NotFound."""
    principal.require_everywhere(Permission.MANAGE_CONNECTIONS)
    found = (
        await Shop.filter(id=shop_id, merchant_id=principal.merchant_id).select_for_update(no_key=True).get_or_none()
    )
    if found is None:
        raise NotFound("There is no such shop.", path=["input", "shopId"])
    return found


async def answering(shop: Shop) -> UUID | None:
    """Who answers for what the shop says: whoever gave it its secrets last. None: a program that nobody made."""
    found = await rows(_GIVEN_BY, shop.merchant_id, str(shop.id))
    return found[0]["party"] if found else None


async def connect(principal: Principal, new: NewShop, key: str, cause: Cause, secret: bytes, most: int = MOST) -> Shop:
    """Make a shop known. The same key and input again gives the same one. `most`: shops of a merchant, retired ones not
    counted.

    Raises Forbidden, InvalidInput with each field that is missing or unknown, IdempotencyConflict.
    """
    principal.require_everywhere(Permission.MANAGE_CONNECTIONS)
    name = checked_name(new.name, ["input", "name"])
    values = field_values.checked(principal.merchant_id, new.kind, new.values)
    store = await Store.get_or_none(merchant_id=principal.merchant_id, code=new.store_code)
    if store is None:
        raise InvalidInput("There is no store of this code.", path=["input", "storeCode"])
    check_holds(principal, _GIVES, store.id)
    told = await data_keys.digest(secret, json.dumps(values, sort_keys=True))  # tells no secret: only whether it is it
    facts = {"kind": new.kind.value, "name": name, "store": store.id, "values": told}
    shop_id, opened = time_ordered(), field_values.told_apart(new.kind, values)
    await data_keys.current(secret, principal.merchant_id)  # before the transaction, so that it is remembered
    async with transaction():
        if stored := await idempotency.claim(principal.merchant_id, CONNECT, key, facts, shop_id, cause):
            return await Shop.get(id=stored)
        await _check_room(principal.merchant_id, name, most)
        sealed = await data_keys.seal(secret, principal.merchant_id, opened.secrets, credentials.place_of(shop_id))
        made = await Shop.create(
            id=shop_id,
            merchant_id=principal.merchant_id,
            store_id=store.id,
            kind=new.kind.value,
            name=name,
            address=opened.address,
            options=dict(opened.options),
            sealed_secrets=sealed,
            created_by=cause.actor[:200],
            **await _from_now_on(principal.merchant_id, new.kind),
        )
        shown = {"kind": new.kind.value, "name": name, "address": opened.address, **opened.options}
        changes = deeds.changed({}, {**shown, "secrets": sorted(opened.secrets)})
        await deeds.note(made.merchant_id, CONNECT, Of("shop", made.id), cause, changes)
        return made


async def _from_now_on(merchant_id: UUID, kind: ShopKind) -> dict[str, Any]:
    """The columns that say what is looked at and told: nothing of before."""
    now = datetime.now(UTC)
    return {
        "public_keys": {},
        "history_position": (await seals.head(merchant_id)).position,
        "polled_until": now,
        "due_at": now if dialect_of(kind).poll_seconds is not None else None,
    }


async def _check_room(merchant_id: UUID, name: str, most: int) -> None:
    """One at a time, until the caller's transaction ends. Raises InvalidInput."""
    await lock_name(f"shops/{merchant_id}")
    if await Shop.filter(merchant_id=merchant_id).exclude(state=ShopState.RETIRED).count() >= most:
        raise InvalidInput(
            f"You have {most} shops, as many as this installation lets a merchant have: retire one first.",
            path=["input", "name"],
        )
    if await Shop.exists(merchant_id=merchant_id, name=name):
        raise InvalidInput("Another shop has this name.", path=["input", "name"])


async def change(
    principal: Principal,
    shop_id: UUID,
    values: Mapping[str, str],
    old_valid_until: datetime | None,
    cause: Cause,
    secret: bytes,
    *,
    end_old: bool = False,
) -> Shop:
    """Give a shop these fields anew; an empty text takes one that is optional away. Its kind and store are for life.

    Webhooks that are signed with secrets that were replaced are believed until `old_valid_until` (None: no longer).
    `end_old`: those that were replaced before are not believed any more from now on.
    Raises Forbidden, NotFound, InvalidInput, InvalidState, Unsealable, KeyServiceAway.
    """
    _check_end(old_valid_until, end_old=end_old)
    await data_keys.current(secret, principal.merchant_id)
    async with transaction():
        shop = await managed(principal, shop_id)
        check_holds(principal, _GIVES, shop.store_id)
        _check_goes_on(shop)
        before = await credentials.opened(shop, secret)
        known = {"address": shop.address, **shop.options, **before}
        merged = {name: value for name, value in {**known, **values}.items() if value.strip()}
        kind = ShopKind(shop.kind)
        opened = field_values.told_apart(kind, field_values.checked(shop.merchant_id, kind, merged))
        kept = [name for name in before if name not in values]
        field_values.check_goes_where_it_did(shop.address, opened.address, kept)
        replaced = sorted(name for name in {*before, *opened.secrets} if before.get(name) != opened.secrets.get(name))
        changed: dict[str, Any] = {"address": opened.address, "options": dict(opened.options)}
        if replaced:
            changed |= await _sealed(shop, before, opened, old_valid_until, secret)
        if end_old:
            changed |= {"old_sealed_secrets": None, "old_valid_until": None}
        await Shop.filter(id=shop.id).update(**changed)
        told = _told(shop, opened, replaced, old_valid_until, end_old=end_old)
        await deeds.note(shop.merchant_id, CHANGE, Of("shop", shop.id), cause, told)
    return await Shop.get(id=shop.id)


def _check_end(old_valid_until: datetime | None, *, end_old: bool) -> None:
    """Raises InvalidInput."""
    if end_old and old_valid_until is not None:
        raise InvalidInput("Old secrets end now or later: one of them.", path=["input", "endOldSecrets"])
    if old_valid_until is not None and (old_valid_until.tzinfo is None or old_valid_until <= datetime.now(UTC)):
        raise InvalidInput("The old secrets' end is a moment to come, with its zone.", path=["input", "oldValidUntil"])


async def _sealed(
    shop: Shop, before: Mapping[str, str], opened: FieldValues, old_valid_until: datetime | None, secret: bytes
) -> dict[str, Any]:
    """The columns of the new secrets, and of those before as long as they are believed."""
    seal, merchant = data_keys.seal, shop.merchant_id
    new = await seal(secret, merchant, opened.secrets, credentials.place_of(shop.id))
    old = await seal(secret, merchant, before, credentials.old_place_of(shop.id)) if old_valid_until else None
    return {"sealed_secrets": new, "old_sealed_secrets": old, "old_valid_until": old_valid_until}


def _told(
    shop: Shop, opened: FieldValues, replaced: Sequence[str], old_valid_until: datetime | None, *, end_old: bool
) -> dict[str, Any]:
    """What a deed says of it: of secrets their names alone."""
    told = deeds.changed({"address": shop.address, **shop.options}, {"address": opened.address, **opened.options})
    if replaced:
        told["secrets"] = [None, list(replaced)]
    if replaced and old_valid_until is not None:
        told["old_secrets_until"] = [None, old_valid_until.isoformat()]  # so long whoever gave them can have signed
    if end_old and shop.old_valid_until is not None:
        told["old_secrets_until"] = [shop.old_valid_until.isoformat(), None]
    return told


_STEPS: Final[Mapping[str, ShopState]] = {
    "shopPause": ShopState.PAUSED,
    "shopResume": ShopState.ACTIVE,
    "shopRetire": ShopState.RETIRED,
}


async def step(principal: Principal, shop_id: UUID, operation: str, cause: Cause) -> Shop:
    """Pause a shop, have it go on, or end it. While it is paused what comes is kept, and nothing is done with it.

    Raises Forbidden, NotFound, InvalidState.
    """
    to = _STEPS[operation]
    async with transaction():
        shop = await managed(principal, shop_id)
        _check_goes_on(shop)
        if shop.state is not to:
            polls = dialect_of(shop.kind).poll_seconds is not None
            due = datetime.now(UTC) if to is ShopState.ACTIVE and polls else None
            await Shop.filter(id=shop.id).update(state=to, due_at=due, tries=0)
            if to is ShopState.RETIRED:
                await _rest(shop)
            changes = deeds.changed({"state": shop.state.value}, {"state": to.value})
            await deeds.note(shop.merchant_id, operation, Of("shop", shop.id), cause, changes)
    return await Shop.get(id=shop.id)


async def _rest(shop: Shop) -> None:
    """Nothing is told there any more. What it had said is worked out yet, for a person (domain/commerce/retiring).

    What it had asked for and waits no longer for some day is taken back then (domain/commerce/patience).
    """
    await execute("UPDATE shop_notices SET due_at = now() WHERE shop_id = $1 AND due_at IS NOT NULL", shop.id)
    await execute(
        "UPDATE shop_refunds SET due_at = CASE WHEN told_state IS NULL AND refund_id IS NOT NULL "
        "  THEN created_at + make_interval(secs => $2::float8) END WHERE shop_id = $1 AND due_at IS NOT NULL",
        shop.id,
        dialect_of(shop.kind).gives_up_seconds,
    )


def _check_goes_on(shop: Shop) -> None:
    if shop.state is ShopState.RETIRED:
        said = "The shop is retired; connect it anew."
        raise InvalidState(said, path=["input", "shopId"], current_state=shop.state.value)


def url_of(public_url: str, shop_id: UUID) -> str | None:
    """Where a shop is to send what it says, if the outside can reach us (at that address)."""
    return f"{public_url.rstrip('/')}/shops/{shop_id}" if public_url else None
