"""The first merchant of an empty installation and its first administrator; nothing else, and only once."""

from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from domain.access import merchants, people
from domain.access.holders import checked_name
from domain.access.merchants import NewMerchant
from domain.access.people import Link
from domain.access.permissions import Role
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Merchant, Person
from domain.platform.database import execute, transaction
from domain.problems import InvalidInput

_LOCK: Final = 0x4E57  # of who begins: two at once would make two first merchants
_ACTOR: Final = "estorno init"


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """Who was made. `link` signs the administrator in once, within a day."""

    merchant: Merchant
    person: Person
    link: Link


async def begin(new: NewMerchant, name: str, email: str) -> FirstSteps:
    """Make them, in a database that has no merchant. Raises InvalidInput, also where there is one already."""
    values = merchants.checked(new)
    name, email = checked_name(name, ["name"]), people.checked_email(email)
    async with transaction():
        await execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        if await Merchant.exists():
            raise InvalidInput(
                "This database has a merchant already. Its administrator invites others (`estorno people invite`); a "
                "platform's makes other merchants (`merchantCreate`)."
            )
        merchant = await Merchant.create(
            id=uuid4(), name=values["name"], country=values["country"], zone=values["zone"]
        )
        # Who begins an installation may make other merchants in it.
        pairs = [(Role.PLATFORM_ADMIN.value, None)]
        person, link = await people.make(merchant.id, name, email, pairs, _ACTOR)
        told = {"merchant": merchant.name, "administrator": email}
        cause = Cause(f"init-{merchant.id}", _ACTOR)
        await deeds.note(merchant.id, "init", Of("merchant", merchant.id), cause, deeds.changed({}, told))
    return FirstSteps(merchant, person, link)
