"""Where a merchant's news goes: making an endpoint, changing it, a new secret, a pause, and its end.

An address and a secret are shown when they are made, and never again. Each change is a deed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.deliveries import addressed, bodies, opened, signing
from domain.deliveries.channels import limits, options
from domain.deliveries.channels.channel import Address
from domain.deliveries.outbox import head_of
from domain.deliveries.post import post
from domain.models import Delivery, Endpoint, Store
from domain.models.deliveries import EndpointKind, EndpointState
from domain.platform import bell, data_keys
from domain.platform.database import execute, transaction
from domain.platform.secrets import Unsealable
from domain.platform.wrapping import KeyServiceAway
from domain.problems import InvalidInput, InvalidState, NotFound

_CHANGED: Final = "endpointChange"


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint as a person gives it. `secret` None: a webhook gets a new one, another channel none."""

    kind: EndpointKind
    name: str
    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    types: Sequence[str] = ()
    store_id: UUID | None = None
    thin: bool = False
    per_minute: int = 600
    behind: int | None = None  # the position that it begins behind; None: at the head, with what happens from now on


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """What is to change; None: it stays. A new address takes a webhook's secret along only if the host is the same."""

    name: str | None = None
    url: str | None = field(default=None, repr=False)
    types: Sequence[str] | None = None
    thin: bool | None = None
    per_minute: int | None = None
    # By name: "" takes one away, and one that is not named stays.
    options: Mapping[str, str] | None = field(default=None, repr=False)
    rejoin: bool = False  # its reader is told again what they had left by the link in a mail


@dataclass(frozen=True, slots=True)
class Made:
    """An endpoint with the secret that is shown now, and never again; None: the secret was given, or stays."""

    endpoint: Endpoint
    secret: str | None = field(default=None, repr=False)


async def create(principal: Principal, new: NewEndpoint, key: bytes, cause: Cause) -> Made:
    """Raises Forbidden, InvalidInput, NotFound, Unsealable, KeyServiceAway."""
    principal.require_everywhere(Permission.MANAGE_NEWS)
    merchant_id = principal.merchant_id
    addressed.check_url(new.kind, new.url, merchant_id)
    given = {name: value for name, value in options.checked(new.kind, new.options).items() if value}
    addressed.check_robot(new.kind, Address(new.url, (new.secret,) if new.secret else (), given))
    addressed.check(principal, new.name, new.types, new.per_minute, new.kind)
    shown, secret = None, new.secret
    if new.kind is EndpointKind.WEBHOOK:
        secret = shown = secret_of(new.secret)
    if new.store_id is not None and not await Store.exists(id=new.store_id, merchant_id=merchant_id):
        raise NotFound("There is no such store.", path=["input", "storeId"])
    endpoint_id = uuid4()
    values = opened.values_of(new.url, secret, given)
    sealed = await data_keys.seal(key, merchant_id, values, opened.place_of(endpoint_id))
    facts: dict[str, Any] = {
        "name": new.name.strip(),
        "kind": new.kind,
        "types": list(dict.fromkeys(new.types)),
        "thin": new.thin,
        "per_minute": limits.held(new.kind, new.per_minute),
        "store_id": new.store_id,
        "shown": addressed.masked(new.kind, new.url),
    }
    async with transaction():
        await addressed.check_room(merchant_id, facts["name"])
        position = await head_of(merchant_id) if new.behind is None else min(new.behind, await head_of(merchant_id))
        await Endpoint.create(
            id=endpoint_id,
            merchant_id=merchant_id,
            sealed_secrets=sealed,
            position=max(0, position),
            set_by=principal.holder,
            **facts,
        )
        changes = {name: [None, addressed.plain(value)] for name, value in facts.items()}
        await deeds.note(merchant_id, "endpointCreate", Of("endpoint", endpoint_id), cause, changes)
    await bell.ring(bell.DELIVER, endpoint_id)
    return Made(await Endpoint.get(id=endpoint_id), None if new.secret else shown)


def secret_of(given: str | None) -> str:
    """What a webhook is signed with: the one that was given, or a new one. Raises InvalidInput."""
    if given is None:
        return signing.new_secret()
    try:
        signing.key_of(given)
    except ValueError as error:
        raise InvalidInput(str(error), path=["input", "secret"]) from None
    return given


async def mine(principal: Principal, endpoint_id: UUID) -> Endpoint:
    """An endpoint of the caller's merchant, or NotFound. Raises Forbidden."""
    principal.require_everywhere(Permission.MANAGE_NEWS)
    found = await Endpoint.get_or_none(id=endpoint_id, merchant_id=principal.merchant_id)
    if found is None:
        raise NotFound("There is no such endpoint.", path=["input", "endpointId"])
    return found


async def locked(principal: Principal, endpoint_id: UUID) -> Endpoint:
    """The same, for the rest of the transaction; one that was deleted stays so."""
    await mine(principal, endpoint_id)
    found = await Endpoint.filter(id=endpoint_id).select_for_update(no_key=True).get()
    if found.state is EndpointState.OFF:
        raise InvalidState("The endpoint was deleted.", current_state="OFF", path=["input", "endpointId"])
    return found


async def change(principal: Principal, endpoint_id: UUID, new: EndpointChange, key: bytes, cause: Cause) -> Made:
    """Raises Forbidden, InvalidInput, InvalidState, NotFound, Unsealable, KeyServiceAway.

    An address on another host gets a new secret: whoever knew the first server's must not sign for the second.
    """
    before = await mine(principal, endpoint_id)
    asked = {"name": new.name, "types": new.types, "thin": new.thin, "per_minute": new.per_minute}
    values: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if new.per_minute is not None:
        values["per_minute"] = limits.held(before.kind, new.per_minute)
    merged = {"name": before.name, "types": before.types, "per_minute": before.per_minute, **values}
    addressed.check(principal, merged["name"], merged["types"], merged["per_minute"], before.kind)
    if new.rejoin:
        values["left_kinds"] = None
    wanted = options.checked(before.kind, new.options or {})
    await data_keys.current(key, before.merchant_id)  # before the transaction, so that it is remembered
    secret = None
    async with transaction():
        row = await locked(principal, endpoint_id)
        if new.url is not None or wanted:
            values |= (moved := await _moved(row, new.url, wanted, key)).values
            secret = moved.secret
        was = {name: getattr(row, name) for name in values if name not in _HIDDEN}
        if values:
            await Endpoint.filter(id=row.id).update(**values, set_by=principal.holder)
        now = {name: value for name, value in values.items() if name not in _HIDDEN}
        said = deeds.changed(was, now)
        if wanted:
            said["options"] = [None, ", ".join(sorted(wanted))]  # their names: what a keyword is is nobody's affair
        await deeds.note(row.merchant_id, _CHANGED, Of("endpoint", row.id), cause, said)
    return Made(await Endpoint.get(id=endpoint_id), secret)


_HIDDEN: Final = frozenset({"sealed_secrets", "old_sealed_secrets", "old_valid_until"})


@dataclass(frozen=True, slots=True)
class _Moved:
    values: dict[str, Any] = field(repr=False)
    secret: str | None = field(repr=False)


async def _moved(row: Endpoint, to: str | None, wanted: Mapping[str, str], key: bytes) -> _Moved:
    """The columns of a new address or new options. On another host the old secrets go: they were the old server's."""
    before = await opened.address_of(row, key)
    url = before.url if to is None else to
    if to is not None:
        addressed.check_url(row.kind, url, row.merchant_id)
    kept_options = {name: value for name, value in {**before.options, **wanted}.items() if value}
    elsewhere = urlsplit(before.url).netloc.lower() != urlsplit(url).netloc.lower()
    fresh = signing.new_secret() if elsewhere and row.kind is EndpointKind.WEBHOOK else None
    kept = before.secrets[0] if before.secrets and not elsewhere else None
    addressed.check_robot(row.kind, Address(url, (kept,) if kept else (), kept_options))
    values = opened.values_of(url, fresh or kept, kept_options)
    sealed = await data_keys.seal(key, row.merchant_id, values, opened.place_of(row.id))
    made: dict[str, Any] = {"sealed_secrets": sealed, "shown": addressed.masked(row.kind, url)}
    if url != before.url:
        made["left_kinds"] = None  # what one reader has left, another has not
    return _Moved({**made, "old_sealed_secrets": None, "old_valid_until": None} if elsewhere else made, fresh)


async def try_out(principal: Principal, endpoint_id: UUID, key: bytes, cause: Cause) -> Delivery:
    """Have a test sent, in the endpoint's language; it counts as any delivery does.

    Raises Forbidden, InvalidState, NotFound.
    """
    language = await _language_of(await mine(principal, endpoint_id), key)
    async with transaction():
        row = await locked(principal, endpoint_id)
        if row.state is not EndpointState.ACTIVE:
            raise InvalidState("Resume the endpoint first.", current_state=row.state, path=["input", "endpointId"])
        message = bodies.try_message(row.merchant_id, f"msg_{uuid4().hex}", datetime.now(UTC), language)
        made = await post(row, message)
        await deeds.note(row.merchant_id, "endpointTest", Of("endpoint", row.id), cause, {})
    await bell.ring(bell.DELIVER, endpoint_id)
    return await Delivery.get(id=made)


async def _language_of(endpoint: Endpoint, key: bytes) -> str:
    try:
        return (await opened.address_of(endpoint, key)).options.get(options.LANGUAGE, "en")
    except (Unsealable, KeyServiceAway):
        return "en"  # it cannot be sent either, and is tried until it can


async def pause(principal: Principal, endpoint_id: UUID, why: str, cause: Cause) -> Endpoint:
    """Send nothing there; its position stands still. Raises Forbidden, InvalidInput, InvalidState, NotFound."""
    if not 0 < len(why.strip()) <= 300:
        raise InvalidInput("Say why, in 1 to 300 characters.", path=["input", "why"])
    async with transaction():
        row = await locked(principal, endpoint_id)
        await Endpoint.filter(id=row.id).update(state=EndpointState.PAUSED, why=why.strip())
        said = {"state": [row.state, EndpointState.PAUSED], "why": [row.why, why.strip()]}
        await deeds.note(row.merchant_id, "endpointPause", Of("endpoint", row.id), cause, said)
    return await Endpoint.get(id=endpoint_id)


async def delete(principal: Principal, endpoint_id: UUID, cause: Cause) -> Endpoint:
    """For good: what was to be delivered is not, and its address and secrets are gone. Raises as `pause`."""
    async with transaction():
        row = await locked(principal, endpoint_id)
        await Endpoint.filter(id=row.id).update(
            state=EndpointState.OFF, why="deleted", sealed_secrets=None, old_sealed_secrets=None, old_valid_until=None
        )
        await execute(
            "UPDATE deliveries SET state = 'CANCELED', said = 'The endpoint was deleted.', due_at = NULL, "
            "  claimed_until = NULL, ended_at = now() WHERE endpoint_id = $1 AND state = 'PENDING'",
            row.id,
        )
        said = {"state": [row.state, EndpointState.OFF], "name": [row.name, None]}
        await deeds.note(row.merchant_id, "endpointDelete", Of("endpoint", row.id), cause, said)
    return await Endpoint.get(id=endpoint_id)
