"""Merchants: one, or several that an installation serves: the one whose administrator made them is their platform."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.access import giver, sign_outs, tokens
from domain.access.holders import checked_name
from domain.access.permissions import Permission, Role
from domain.access.principal import Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.languages import LOCALES
from domain.models import Grant, LedgerEntry, Merchant
from domain.platform import idempotency
from domain.platform.database import for_all, rows, transaction
from domain.problems import InvalidInput

CREATE: Final = "merchantCreate"
UPDATE: Final = "merchantUpdate"
_FIRST_TOKEN: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class NewMerchant:
    """A merchant as a person describes it: ISO 3166 country, IANA zone of the accounting date."""

    name: str
    country: str
    zone: str


@dataclass(frozen=True, slots=True)
class MadeMerchant:
    """A merchant, and the administrator's token in clear, this once: None where the same key had made it before."""

    merchant: Merchant
    token: str | None


async def readable(principal: Principal) -> QuerySet[Merchant]:
    """The merchant that one speaks for; where one is a person, all that one has a part in; a platform's, all of its."""
    mine = Q(id=principal.merchant_id)
    if principal.person_id is not None:
        mine |= Q(id__in=await of_person(principal.person_id))
    if principal.may(Permission.MANAGE_MERCHANTS):
        mine |= Q(platform_id=principal.merchant_id)
    return Merchant.filter(mine)


@for_all("a person may have a part in several merchants")
async def of_person(person_id: UUID) -> list[UUID]:
    """The merchants that a person has a part in."""
    found = await rows(
        "SELECT DISTINCT merchant_id FROM grants WHERE person_id = $1 AND ended_at IS NULL ORDER BY 1", person_id
    )
    return [row["merchant_id"] for row in found]


async def own(principal: Principal) -> Merchant:
    """The merchant that somebody speaks for."""
    return await Merchant.get(id=principal.merchant_id)


@for_all("a platform makes another merchant, and its first administrator")
async def create(principal: Principal, new: NewMerchant, key: str, cause: Cause) -> MadeMerchant:
    """Make a merchant that this one is the platform of, and its administrator: the person who asks, else their token.

    Raises Forbidden, InvalidInput, IdempotencyConflict.
    """
    principal.require_everywhere(Permission.MANAGE_MERCHANTS)
    values = checked(new)
    merchant_id = uuid4()
    async with transaction():
        stored = await idempotency.claim(principal.merchant_id, CREATE, key, values, merchant_id, cause)
        if stored is not None:
            return MadeMerchant(await Merchant.get(id=stored), None)
        made = await Merchant.create(
            id=merchant_id,
            platform_id=principal.merchant_id,
            name=values["name"],
            country=values["country"],
            zone=values["zone"],
        )
        if principal.person_id is not None:
            await _let_administer(principal.person_id, merchant_id, cause)
        for log in (principal.merchant_id, merchant_id):
            await deeds.note(log, CREATE, Of("merchant", merchant_id), cause, deeds.changed({}, values))
        return MadeMerchant(made, await tokens.make(_first_token(principal, merchant_id, cause)))


async def _let_administer(person_id: UUID, merchant_id: UUID, cause: Cause) -> None:
    await sign_outs.close_links([person_id])  # whoever made one has no part in the new merchant
    await giver.show()
    await Grant.create(
        id=uuid4(), merchant_id=merchant_id, person_id=person_id, role=Role.ADMIN.value, created_by=cause.actor
    )


def _first_token(principal: Principal, merchant_id: UUID, cause: Cause) -> tokens.NewToken:
    """The new merchant's administrator by token: with it the first person is invited."""
    return tokens.NewToken(
        merchant_id,
        principal.holder,
        [(Role.ADMIN.value, None)],
        datetime.now(UTC) + _FIRST_TOKEN,
        "first steps",
        created_by=cause.actor,
        party_id=principal.party,
        vouched_by=principal.vouched_by,
    )


async def lock(merchant_id: UUID) -> None:
    """Of two that change what all of a merchant share, the second waits, until the first one's transaction ends."""
    await Merchant.filter(id=merchant_id).select_for_update(no_key=True).only("id").get()


async def update(principal: Principal, change: Mapping[str, str | None], cause: Cause) -> Merchant:
    """Change of the own merchant what is given: name, zone, language (None: their money's). The zone stands on what was
    booked: it is another one only while nothing is.

    Raises Forbidden, InvalidInput.
    """
    principal.require_everywhere(Permission.MANAGE_STORES)
    values = {name: _CHECKED[name](value) for name, value in change.items()}
    async with transaction():
        before = await Merchant.filter(id=principal.merchant_id).select_for_update(no_key=True).get()
        had = {name: getattr(before, name) for name in values}
        if not (what := deeds.changed(had, values)):
            return before
        if "zone" in what and await LedgerEntry.exists(merchant_id=before.id):
            raise InvalidInput("The zone is the one of all that was booked: it stays.", path=["input", "zone"])
        if await Merchant.filter(id=before.id).update(**values) != 1:
            raise RuntimeError("The merchant was not changed: it is behind the wall.")
        await deeds.note(before.id, UPDATE, Of("merchant", before.id), cause, what)
    return await Merchant.get(id=principal.merchant_id)


def _zone(zone: str | None) -> str:
    try:
        return str(ZoneInfo(zone or ""))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput("zone is a name of the IANA list, as America/Sao_Paulo.", path=["input", "zone"]) from error


def _language(language: str | None) -> str | None:
    if language is not None and language not in LOCALES:
        raise InvalidInput(f"language is one of {', '.join(LOCALES)}.", path=["input", "language"])
    return language


_CHECKED: Final[Mapping[str, Callable[[str | None], str | None]]] = {
    "name": lambda name: checked_name(name or "", ["input", "name"]),
    "zone": _zone,
    "language": _language,
}


def checked(new: NewMerchant) -> dict[str, str]:
    """The columns of a merchant as described. Raises InvalidInput."""
    if not (len(new.country) == 2 and new.country.isascii() and new.country.isalpha() and new.country.isupper()):
        raise InvalidInput("country is two capital letters of ISO 3166, as BR.", path=["input", "country"])
    return {"name": checked_name(new.name, ["input", "name"]), "country": new.country, "zone": _zone(new.zone)}
