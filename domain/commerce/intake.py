"""What a shop says: verified on its raw bytes, stored once, answered; worked out by the worker at its own pace."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from domain.commerce import aside, credentials, standing
from domain.commerce.dialect import Dialect
from domain.commerce.registry import dialect_of
from domain.commerce.vocabulary import Conflict, KeyWanted, SaidRefund, ShopAccess, ShopReply, Told
from domain.connections import calls
from domain.models import Shop, ShopNotice, ShopRefund
from domain.models.shops import ShopState
from domain.platform import bell
from domain.platform.database import execute, for_all, for_merchant, rows
from domain.pse.vocabulary import BadNotice, BadSignature, WebhookRequest
from domain.refunds import intervals

LEASE_SECONDS: Final = 120.0
_PATH_MAX: Final = 300
_TELLING: Final = ("secret", "token", "key", "signature", "hmac", "auth", "password")


async def receive(shop_id: UUID, came: WebhookRequest, request_id: str, secret: bytes) -> ShopReply | None:
    """Verify and store what came; the answer, in the shop's own manner. None: there is no such shop (any more).

    Raises BadSignature, KeyWanted, Conflict (its name was given before with other content), BadNotice of a shop whose
    messages are refused where they cannot be read; Unsealable and KeyServiceAway.
    """
    with for_all("whose the address is that a shop calls"):
        shop = await Shop.get_or_none(id=shop_id)
    if shop is None or shop.state is ShopState.RETIRED:
        return None
    with for_merchant(shop.merchant_id):
        return await _receive(shop, came, request_id, secret)


async def _receive(shop: Shop, came: WebhookRequest, request_id: str, secret: bytes) -> ShopReply:
    dialect = dialect_of(shop.kind)
    greeted = dialect.greeting(came)
    if greeted is not None:
        return greeted
    try:
        access = await _verified(shop, dialect, came, secret)
    except KeyWanted as wanted:
        await _want(shop, wanted.path)
        raise
    if came.method != "POST":
        return await _asked(shop, dialect, came)
    told: Sequence[Told] = ()
    try:
        told = dialect.read(came, access)
    except BadNotice:
        if dialect.strict:
            raise
    replayed = await _store(shop, dialect, came, access, told, request_id)
    return dialect.reply(told, await standing.of_told(shop, told), replayed)


async def _verified(shop: Shop, dialect: Dialect, came: WebhookRequest, secret: bytes) -> ShopAccess:
    """By which credentials it is signed. Raises BadSignature, KeyWanted, Unsealable, KeyServiceAway."""
    refused: BadSignature | None = None
    now = datetime.now(UTC)
    async for access in credentials.accesses_believed(shop, secret):
        try:
            dialect.verify(came, access, now)
        except BadSignature as error:
            refused = refused or error
        else:
            return access
    assert refused is not None, "A shop has secrets, or they do not open."
    raise refused


async def _want(shop: Shop, path: str) -> None:
    """Have a published key fetched. One at a time: what nobody has signed must not make us ask without end."""
    await execute(
        "UPDATE shops SET wanted_key = $2, due_at = least(due_at, now()) "
        "WHERE id = $1 AND wanted_key IS NULL AND state = 'ACTIVE'",
        shop.id,
        path,
    )
    await bell.ring(bell.SHOP, shop.id)


async def _asked(shop: Shop, dialect: Dialect, came: WebhookRequest) -> ShopReply:
    """How the refund stands that the path ends with."""
    name = came.path.rstrip("/").rpartition("/")[2]
    row = await ShopRefund.get_or_none(shop_id=shop.id, name=name) if len(name) <= standing.NAME_MAX else None
    if row is None:
        said = await ShopNotice.exists(shop_id=shop.id, key=name) if len(name) <= standing.NAME_MAX else False
        return dialect.reply([SaidRefund(name)], None, True) if said else ShopReply(404)
    return dialect.reply([], await standing.news_of(row), True)


async def _store(
    shop: Shop, dialect: Dialect, came: WebhookRequest, access: ShopAccess, told: Sequence[Told], request_id: str
) -> bool:
    """Whether it was here before. Raises Conflict."""
    key = dialect.key_of(came)
    (row,) = await rows(
        "INSERT INTO shop_notices (id, merchant_id, shop_id, key, digest, path, body, headers, request_id, "
        "  received_at, times_received, due_at, tries) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, now(), 1, now(), 0) "
        # What only makes us ask may be the same bytes for other news, and what was not understood has another chance.
        "ON CONFLICT (shop_id, key) DO UPDATE SET times_received = shop_notices.times_received + 1, "
        "  due_at = CASE WHEN shop_notices.applied_at IS NULL THEN coalesce(shop_notices.due_at, now()) "
        "    ELSE shop_notices.due_at END "
        "RETURNING id, digest, times_received, applied_at, body, path",
        uuid4(),
        shop.merchant_id,
        shop.id,
        key,
        digest := hashlib.sha256(came.body).hexdigest(),
        came.path[:_PATH_MAX],
        came.body,
        json.dumps(_kept(came.headers)),
        request_id,
    )
    if row["digest"] != digest:
        _check_same(dialect, access, told, row["path"], bytes(row["body"]))
    await execute(
        "UPDATE shops SET heard_at = now() WHERE id = $1 AND "
        "(heard_at IS NULL OR heard_at < now() - interval '1 minute')",
        shop.id,
    )
    if row["applied_at"] is None:
        await bell.ring(bell.SHOP_NOTICE, row["id"])
    return bool(row["times_received"] > 1)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers without what opens doors: of some platforms the secret itself is one."""
    told = calls.redacted(headers)
    return {name: "[redacted]" if any(one in name for one in _TELLING) else value for name, value in told.items()}


def _check_same(dialect: Dialect, access: ShopAccess, told: Sequence[Told], path: str, body: bytes) -> None:
    """The same name stands for the same refund, in whatever bytes. Raises Conflict."""
    try:
        before = dialect.read(WebhookRequest("POST", path, "", {}, body), access)
    except BadNotice:  # retention has taken it away
        return
    if list(before) != list(told):
        raise Conflict("This id was given before with other content.")


@dataclass(frozen=True, slots=True)
class HeardShop:
    """A message to apply, its shop, and what it tells."""

    notice: ShopNotice
    shop: Shop
    told: Sequence[Told]
    unclear: str | None = None


@for_all("whose a shop's message is that was rung for")
async def take(notice_id: UUID) -> HeardShop | None:
    """Claim a message that is due; None when it is not, or its shop is paused."""
    claimed = await rows(
        "UPDATE shop_notices n SET due_at = now() + make_interval(secs => $2::float8), tries = n.tries + 1 "
        "FROM shops s WHERE n.id = $1 AND n.due_at <= now() AND n.applied_at IS NULL AND s.id = n.shop_id "
        "AND s.state <> 'PAUSED' RETURNING n.id",
        notice_id,
        LEASE_SECONDS,
    )
    if not claimed:
        return None
    notice = await ShopNotice.get(id=notice_id)
    shop = await Shop.get(id=notice.shop_id)
    if (order := aside.found(notice)) is not None:
        return HeardShop(notice, shop, (order,))
    access = ShopAccess(shop.id, shop.address, {}, shop.options)  # it was verified at the door
    came = WebhookRequest("POST", notice.path, "", notice.headers, bytes(notice.body))
    try:
        return HeardShop(notice, shop, dialect_of(shop.kind).read(came, access))
    except BadNotice as error:
        return HeardShop(notice, shop, (), str(error))


async def done(notice: ShopNotice, result: str) -> None:
    """It is applied, and will not be looked at again."""
    await execute(
        "UPDATE shop_notices SET applied_at = now(), due_at = NULL, result = $2 WHERE id = $1",
        notice.id,
        result.replace("\x00", "")[:500],
    )


async def later(notice: ShopNotice, why: str, least: float = 0.0) -> None:
    """Not yet: the shop does not answer. There is no end to it but a day between two tries: the sweep looks, too.

    `least`: seconds before which it is not tried again.
    """
    await execute(
        "UPDATE shop_notices SET due_at = now() + make_interval(secs => $2::float8), result = $3 "
        "WHERE id = $1 AND applied_at IS NULL",
        notice.id,
        max(least, intervals.NOTICE.delay(notice.tries)),
        why.replace("\x00", "")[:500],
    )
