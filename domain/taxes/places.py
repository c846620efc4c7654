"""Where sales are taxed, as a merchant says it: a new word ends the one before."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Connection, Store, TaxPlace
from domain.models.taxes import TaxRegime
from domain.platform.database import execute, transaction
from domain.problems import InvalidInput, NotFound

PLACE: Final = "taxPlaceSet"


@dataclass(frozen=True, slots=True)
class NewPlace:
    """`store_id` or `connection_id`; neither: all of the merchant's sales. `country` as BR."""

    country: str
    regime: TaxRegime
    store_id: UUID | None = None
    connection_id: UUID | None = None


def readable(principal: Principal) -> QuerySet[TaxPlace]:
    """The places in force; to who reads some stores' ledgers, those of these and of all stores. Raises Forbidden."""
    scope = principal.scope(Permission.READ_LEDGER)
    found = TaxPlace.filter(merchant_id=scope.merchant_id, ended_at=None)
    return found if scope.stores is None else found.filter(Q(store_id__in=list(scope.stores)) | Q(store_id=None))


async def set_place(principal: Principal, new: NewPlace, cause: Cause) -> TaxPlace:
    """Say where sales are taxed from now on; reversals that are open stay as they are until they are reviewed.

    The same again changes nothing. Raises Forbidden, InvalidInput, NotFound.
    """
    principal.require_everywhere(Permission.KEEP_BOOKS)
    check_country(new.country)
    await _check_owner(principal.merchant_id, new)
    which: dict[str, Any] = {"store_id": new.store_id, "connection_id": new.connection_id}
    which["merchant_id"] = principal.merchant_id
    async with transaction():
        await _one_at_a_time(principal.merchant_id)
        before = await TaxPlace.get_or_none(**which, ended_at=None)
        if before is not None and (before.country, before.regime) == (new.country, new.regime):
            return before
        if before is not None:
            await TaxPlace.filter(id=before.id).update(ended_at=datetime.now(UTC))
        made = await TaxPlace.create(
            id=uuid4(), **which, country=new.country, regime=new.regime, set_by=principal.holder[:200]
        )
        told = {"country": new.country, "regime": new.regime.value, "store": new.store_id and str(new.store_id)}
        told["connection"] = new.connection_id and str(new.connection_id)
        older = {"country": before.country, "regime": before.regime.value} if before else {}
        what = deeds.changed(older, told)
        await deeds.note(principal.merchant_id, PLACE, Of("tax place", made.id), cause, what)
    return made


async def is_said(merchant_id: UUID, store_id: UUID, connection_id: UUID) -> bool:
    """Whether somebody has said where the sales of this store, or connection, are taxed."""
    found = TaxPlace.filter(merchant_id=merchant_id, ended_at=None)
    return any(
        connection_id == row.connection_id or store_id == row.store_id or (row.store_id or row.connection_id) is None
        for row in await found.limit(1_000)
    )


def check_country(country: str) -> None:
    """Raises InvalidInput for what is no country's code."""
    if not (len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()):
        raise InvalidInput("country is two capital letters of ISO 3166, as BR.", path=["input", "country"])


async def _check_owner(merchant_id: UUID, new: NewPlace) -> None:
    if new.store_id is not None and new.connection_id is not None:
        raise InvalidInput("Name a store or a connection, not both.", path=["input", "connectionId"])
    if new.store_id is not None and not await Store.exists(id=new.store_id, merchant_id=merchant_id):
        raise NotFound("There is no such store.", path=["input", "storeId"])
    if new.connection_id is not None and not await Connection.exists(id=new.connection_id, merchant_id=merchant_id):
        raise NotFound("There is no such connection.", path=["input", "connectionId"])


async def _one_at_a_time(merchant_id: UUID) -> None:
    """One word of a merchant's taxes at a time, until the caller's transaction ends."""
    await execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"taxes/{merchant_id}")
