"""Another secret for an endpoint: a webhook's is ours to make or theirs to give, a robot's is what its maker shows.

A webhook is signed with the old one as well for some hours. A robot takes one signature: its old secret ends at once.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from domain.access.principal import Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.deliveries import opened
from domain.deliveries.addressed import check_robot
from domain.deliveries.channels.channel import Address
from domain.deliveries.endpoints import Made, locked, mine, secret_of
from domain.models import Endpoint
from domain.models.deliveries import EndpointKind
from domain.platform import data_keys
from domain.platform.database import execute, transaction
from domain.problems import InvalidInput

HOURS_MAX: Final = 168
_SECRET_MAX: Final = 500
# What these sign or prove themselves with besides their address; the address of the others is all there is.
_SIGNS: Final = frozenset({EndpointKind.DINGTALK, EndpointKind.FEISHU, EndpointKind.PAGERDUTY})


async def rotate(
    principal: Principal, endpoint_id: UUID, hours: int, key: bytes, cause: Cause, given: str | None = None
) -> Made:
    """Give an endpoint another secret. `given`: the secret; None: a webhook's is made; "": a robot signs no more.

    `hours`: for how long a webhook is signed with the old one, too (0: no longer). A try that is under way keeps what
    it was signed with. Raises Forbidden, InvalidInput, InvalidState, NotFound, Unsealable, KeyServiceAway.
    """
    if not 0 <= hours <= HOURS_MAX:
        raise InvalidInput(f"hours lies between 0 and {HOURS_MAX}.", path=["input", "hours"])
    kind = (before := await mine(principal, endpoint_id)).kind
    secret = _wanted(kind, given)
    await data_keys.current(key, before.merchant_id)
    until = datetime.now(UTC) + timedelta(hours=hours) if hours and kind is EndpointKind.WEBHOOK else None
    async with transaction():
        row = await locked(principal, endpoint_id)
        address = await opened.address_of(row, key)
        check_robot(kind, Address(address.url, (secret,) if secret else (), address.options))
        values = opened.values_of(address.url, secret, address.options)
        sealed = await data_keys.seal(key, row.merchant_id, values, opened.place_of(row.id))
        old = None
        if until is not None and address.secrets:
            gone = opened.values_of(address.url, address.secrets[0], {})
            old = await data_keys.seal(key, row.merchant_id, gone, opened.old_place_of(row.id))
        await Endpoint.filter(id=row.id).update(
            sealed_secrets=sealed, old_sealed_secrets=old, old_valid_until=until if old else None
        )
        said = {
            "secret": [None, "replaced" if secret else "taken away"],
            "old_until": [None, until.isoformat() if until else None],
        }
        await deeds.note(row.merchant_id, "endpointRotateSecret", Of("endpoint", row.id), cause, said)
    return Made(await Endpoint.get(id=endpoint_id), secret if given is None else None)


def _wanted(kind: EndpointKind, given: str | None) -> str | None:
    if kind is EndpointKind.WEBHOOK:
        return secret_of(given)
    if kind not in _SIGNS:
        raise InvalidInput("This channel has no secret besides its address: change that.", path=["input", "secret"])
    if given is None:
        raise InvalidInput(
            "Only a webhook's secret is ours to make: give the one of the channel.", path=["input", "secret"]
        )
    if len(given) > _SECRET_MAX or not given.isprintable():
        raise InvalidInput(f"A secret has up to {_SECRET_MAX} printable characters.", path=["input", "secret"])
    return given.strip() or None


async def forget_old_secrets() -> int:
    """Let go of secrets whose time is over; how many."""
    return await execute(
        "UPDATE endpoints SET old_sealed_secrets = NULL, old_valid_until = NULL WHERE old_valid_until < now()"
    )
