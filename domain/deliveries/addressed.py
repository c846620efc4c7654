"""Where news may go: how many addresses a merchant has, of what kind, and how much of one is shown."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.addresses import names
from domain.addresses.names import AddressRefused
from domain.deliveries import catalogue
from domain.deliveries.channels import email
from domain.deliveries.channels.channel import Address
from domain.deliveries.channels.robots import ROBOTS, why_not
from domain.models import Endpoint
from domain.models.deliveries import EndpointKind, EndpointState
from domain.platform.database import rows
from domain.problems import InvalidInput

MAX: Final = 50  # of a merchant, those that were deleted not counted
_URL_MAX: Final = 2_000
_TYPES_MAX: Final = 60
_PER_MINUTE_MAX: Final = 60_000


async def check_room(merchant_id: UUID, name: str) -> None:
    """Raises InvalidInput where there is no room for another endpoint, or the name is taken."""
    # One at a time of a merchant, so that two at once cannot both be the last that there is room for.
    await rows("SELECT pg_advisory_xact_lock(hashtextextended($1, 59))", str(merchant_id))
    there = await Endpoint.filter(merchant_id=merchant_id).exclude(state=EndpointState.OFF)
    if len(there) >= MAX:
        raise InvalidInput(f"A merchant has at most {MAX} endpoints; delete one that nobody needs.", path=["input"])
    if any(one.name == name for one in there):
        raise InvalidInput("Another endpoint has this name.", path=["input", "name"])


def check(principal: Principal, name: str, types: Sequence[str], per_minute: int, kind: EndpointKind) -> None:
    """Raises InvalidInput, and Forbidden where one would hear by it what one may not read."""
    if not (0 < len(name.strip()) <= 64 and name.isprintable()):
        raise InvalidInput("A name takes 1 to 64 printable characters.", path=["input", "name"])
    if not 1 <= per_minute <= _PER_MINUTE_MAX:
        raise InvalidInput(f"perMinute lies between 1 and {_PER_MINUTE_MAX}.", path=["input", "perMinute"])
    if len(types) > _TYPES_MAX or (strange := catalogue.unknown(types)):
        said = "; ".join(one[:64] for one in strange[:3]) if len(types) <= _TYPES_MAX else "too many"
        raise InvalidInput(f"There is no such type of event: {said} (estorno events list).", path=["input", "types"])
    if types and kind is not EndpointKind.WEBHOOK:
        raise InvalidInput("Only a webhook is told events; others are told alerts.", path=["input", "types"])
    if not types and kind is EndpointKind.WEBHOOK:
        raise InvalidInput("Say which types of event are wanted; * is all.", path=["input", "types"])
    # Nobody hears by an endpoint what they may not read: alerts and the digest are of all stores.
    for permission in catalogue.needed(types) if kind is EndpointKind.WEBHOOK else [Permission.READ]:
        principal.require_everywhere(permission)


def check_url(kind: EndpointKind, url: str, merchant_id: UUID) -> None:
    """Raises InvalidInput for an address that nothing is sent to."""
    if kind is EndpointKind.EMAIL:
        if why := email.why_not(url):
            raise InvalidInput(why, path=["input", "url"])
        return
    if len(url) > _URL_MAX:
        raise InvalidInput(f"An address has at most {_URL_MAX} characters.", path=["input", "url"])
    try:
        names.check(url, merchant_id)
    except AddressRefused as error:
        raise InvalidInput(f"The address cannot be used: {error}", path=["input", "url"]) from None


def check_robot(kind: EndpointKind, to: Address) -> None:
    """Raises InvalidInput where a robot's address, secret and options do not go together."""
    if kind in ROBOTS and (why := why_not(kind, to)):
        raise InvalidInput(why, path=["input", "url"])


def masked(kind: EndpointKind, url: str) -> str:
    """Enough of an address to know it by: of many channels all that follows the host is the password."""
    if kind is EndpointKind.EMAIL:
        return url[:200]
    parts = urlsplit(url)
    rest = f"{parts.path}?{parts.query}" if parts.query else parts.path
    end = rest[-4:] if len(rest) > 16 else ""
    return f"{parts.scheme}://{parts.netloc}"[:180] + (f"/…{end}" if len(rest) > 1 else "")


def plain(value: Any) -> Any:
    """As the log of changes keeps it."""
    return str(value) if isinstance(value, UUID) else value
